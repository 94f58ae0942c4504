//! The settings of `train`: which make no sense, and what is written out of those that a recipe leaves out.

use chorale::stage::{
    contract::Kind,
    kinds::train::{Train, TrainSpec},
};

fn spec(more: &str) -> TrainSpec {
    toml::from_str(&format!("model = \"base\"\n{more}")).unwrap()
}

#[test]
fn every_number_that_makes_no_sense_is_named() {
    let cases = [
        ("learning_rate = nan", "learning_rate"),
        ("learning_rate = -1e-4", "learning_rate"),
        ("learning_rate = 0.0", "learning_rate"),
        ("epochs = inf", "epochs"),
        ("epochs = 0.0", "epochs"),
        ("steps = 0", "steps"),
        ("batch_size = 0", "batch_size"),
        ("accumulation = 0", "accumulation"),
        ("warmup_ratio = 1.5", "warmup_ratio"),
        ("weight_decay = -0.1", "weight_decay"),
        ("betas = [0.9, 1.0]", "betas"),
        ("eps = 0.0", "eps"),
        ("max_grad_norm = nan", "max_grad_norm"),
        ("beta = 0.0", "beta"),
        ("max_length = 1", "max_length"),
        ("max_prompt_length = 0", "max_prompt_length"),
        ("[lora]\nrank = 0", "lora.rank"),
        ("[lora]\nalpha = nan", "lora.alpha"),
        ("[lora]\ndropout = 1.0", "lora.dropout"),
        ("[lora]\ndropout = -0.1", "lora.dropout"),
        ("[lora]\ntargets = []", "lora.targets"),
    ];
    for (line, field) in cases {
        let problems = Train::check(&spec(&format!("objective = \"lm\"\ntexts = \"facts\"\n{line}")));
        assert_eq!(problems.len(), 1, "{line}: {problems:?}");
        assert_eq!(problems[0].field, field, "{line}");
    }
    assert!(Train::check(&spec("objective = \"lm\"\ntexts = \"facts\"")).is_empty());
}

#[test]
fn an_objective_reads_its_own_rows_and_no_others() {
    let fields = |more: &str| -> Vec<String> {
        Train::check(&spec(more)).into_iter().map(|problem| problem.message).collect()
    };
    assert_eq!(
        fields("objective = \"dpo\"\ntexts = \"facts\""),
        [
            "objective `dpo` does not read `texts`",
            "objective `dpo` needs `pairs`",
            "objective `dpo` needs `reference`"
        ]
    );
    assert_eq!(
        fields("objective = \"sft\"\ncompletions = \"sample\"\nreference = \"score\""),
        ["objective `sft` does not read `reference`"]
    );
    assert!(fields("objective = \"dpo\"\npairs = \"pairs\"\nreference = \"score\"").is_empty());
    assert!(fields("objective = \"sft\"\npairs = \"pairs\"").is_empty());
    assert_eq!(
        fields("objective = \"sft\"\npairs = \"pairs\"\ncompletions = \"sample\""),
        ["objective `sft` does not read `pairs`"]
    );
}

#[test]
fn unknown_objectives_are_refused_with_the_known_ones() {
    let error = toml::from_str::<TrainSpec>("model = \"base\"\nobjective = \"ppo\"").unwrap_err();
    assert!(error.to_string().contains("expected one of `lm`, `sft`, `dpo`, `dpo_nll`"), "{error}");
}

#[test]
fn the_canonical_form_writes_defaults_and_leaves_inputs_out() {
    let settings = serde_json::to_value(spec("objective = \"lm\"\ntexts = \"facts\"")).unwrap();
    assert_eq!(settings["batch_size"], 8);
    assert_eq!(settings["objective"], "lm");
    assert!(settings.get("model").is_none() && settings.get("texts").is_none());
}

#[test]
fn every_objective_has_its_own_numbers_with_its_own_defaults() {
    let pairs = |more: &str| spec(&format!("pairs = \"p\"\n{more}"));
    let settings = |more: &str| serde_json::to_value(pairs(more)).unwrap();
    let dpo = settings("objective = \"dpo\"\nreference = \"r\"");
    assert_eq!((&dpo["beta"], &dpo["label_smoothing"]), (&0.1.into(), &0.0.into()));
    assert!(dpo["simpo_gamma"].is_null() && dpo["norm"].is_null());
    let dco = settings("objective = \"dco\"\nreference = \"r\"");
    assert_eq!((&dco["beta"], &dco["norm"]), (&1.0.into(), &"l1".into()));
    assert!(dco["huber_delta"].is_null(), "{dco}");
    let huber = settings("objective = \"dco\"\nreference = \"r\"\nnorm = \"huber\"");
    assert_eq!(huber["huber_delta"], 1.0);
    assert_eq!(settings("objective = \"simpo\"")["simpo_gamma"], 0.5);
    let nll = "objective = \"dpo_nll\"\nreference = \"r\"";
    assert_eq!(settings(nll)["nll_weight"], 1.0);
    let weights = settings(&format!("{nll}\nnll_weight = {{ gif = 0, math = 1.0 }}"));
    assert_eq!(weights["nll_weight"], serde_json::json!({ "gif": 0.0, "math": 1.0 }));

    let cases = [
        ("objective = \"simpo\"\nlabel_smoothing = 0.5", "label_smoothing"),
        ("objective = \"simpo\"\nsimpo_gamma = -1.0", "simpo_gamma"),
        ("objective = \"simpo\"\nreference = \"r\"", "reference"),
        ("objective = \"orpo\"\nsimpo_gamma = 0.5", "simpo_gamma"),
        ("objective = \"ipo\"\nreference = \"r\"\nlabel_smoothing = 0.1", "label_smoothing"),
        ("objective = \"dpo_nll\"\nreference = \"r\"\nnll_weight = { math = -1.0 }", "nll_weight"),
        ("objective = \"dco\"\nreference = \"r\"\nhuber_delta = 1.0", "huber_delta"),
        ("objective = \"dco\"\nreference = \"r\"\ntarget_weight = { en = nan }", "target_weight"),
        ("objective = \"dco\"\nreference = \"r\"\nlanguage_schedule = \"sequential\"", "language_schedule"),
        ("objective = \"orpo\"\nlanguage_schedule = \"sequential\"", "language_schedule"),
        ("objective = \"orpo\"\nlanguage_order = [\"en\"]", "language_order"),
    ];
    for (lines, field) in cases {
        let problems = Train::check(&pairs(lines));
        assert_eq!(problems.len(), 1, "{lines}: {problems:?}");
        assert_eq!(problems[0].field, field, "{lines}");
    }
}

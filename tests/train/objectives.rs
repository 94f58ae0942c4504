//! Every objective: values that follow by hand, and loss, metrics and gradients of PyTorch and TRL
//! (`tests/golden/objectives.py`).

use std::collections::{BTreeMap, BTreeSet};

use chorale::{
    graph::{Graph, export},
    model::loss::{self, Facts, Given, LOSSES, Norm, Role, Settings, TaskWeight, Unit},
    runtime::SessionOptions,
    tensor::{DType, Tensor},
    train::{
        batch::{Batch, Packing},
        example::Example,
        graph::Form,
    },
};
use serde_json::Value as Json;

use super::{
    case, examples,
    gradients::{check_gradients_of, check_report, lora_of, start_from},
};

/// One pair: log-probabilities `[chosen, rejected]` under the policy and the reference model, and numbers of tokens.
#[derive(Clone, Copy)]
struct Numbers {
    policy: [f32; 2],
    reference: [f32; 2],
    tokens: [f32; 2],
    lang: &'static str,
    task: &'static str,
}

const PAIR: Numbers =
    Numbers { policy: [-3.0, -9.0], reference: [-4.0, -8.0], tokens: [2.0, 6.0], lang: "", task: "" };

/// Loss and metrics of pairs that are one group, as sums.
fn values(objective: &str, settings: &Settings, pairs: &[Numbers]) -> BTreeMap<String, f32> {
    let loss = loss::find(objective).unwrap();
    let facts: Vec<Facts<'_>> = (pairs.iter())
        .map(|pair| Facts {
            id: pair.lang,
            lang: pair.lang,
            task: pair.task,
            group: "g",
            references: &pair.reference,
        })
        .collect();
    let rows = loss.columns(settings, &facts).unwrap().rows;
    let mut graph = Graph::new();
    let mut vector = |number: &dyn Fn(usize) -> f32| {
        let numbers = (0..pairs.len()).map(number).collect();
        graph.constant(Tensor::f32(&[pairs.len()], numbers).unwrap())
    };
    let roles: Vec<Role> = (0..2)
        .map(|role| Role {
            log_probability: vector(&|pair| pairs[pair].policy[role]),
            tokens: Some(vector(&|pair| pairs[pair].tokens[role])),
            reference: loss.needs_reference().then(|| vector(&|pair| pairs[pair].reference[role])),
        })
        .collect();
    let columns: Vec<_> =
        (0..loss.column_names().len()).map(|column| vector(&|pair| rows[pair][column])).collect();
    let groups = (loss.unit() == Unit::Group)
        .then(|| graph.constant(Tensor::f32(&[1, pairs.len()], vec![1.0; pairs.len()]).unwrap()));
    let built = loss.build(&mut graph, &Given { roles: &roles, columns: &columns, groups, settings });
    graph.output("loss", built.loss);
    for (name, value) in built.metrics {
        assert_eq!(graph.dtype(value), DType::F32);
        graph.output(name, value);
    }
    let bytes = export::model(&graph, &export::Description::default(), &BTreeMap::new());
    let runtime = crate::runtime::runtime();
    let mut session = runtime.session(&bytes, BTreeMap::new(), &SessionOptions::default()).unwrap();
    let outputs = session.run(&[]).unwrap();
    outputs.into_iter().map(|(name, value)| (name, value.as_f32().unwrap()[0])).collect()
}

#[track_caller]
fn assert_value(objective: &str, settings: &Settings, pairs: &[Numbers], expected: f64) {
    let got = f64::from(values(objective, settings, pairs)["loss"]);
    assert!(
        (got - expected).abs() <= 5e-5 * expected.abs().max(1.0),
        "{objective}: {got}, expected {expected}"
    );
}

fn of(objective: &str) -> Settings {
    loss::find(objective).unwrap().defaults()
}

#[test]
fn dpo_has_the_value_that_follows_by_hand() {
    // beta 0.1 and a bracket of (-3 - -4) - (-9 - -8) = 2 give h = 0.2 and -ln sigmoid(0.2) = 0.5981 (methods P2).
    let values = values("dpo", &of("dpo"), &[PAIR]);
    assert!((values["loss"] - 0.5981).abs() < 5e-5, "{values:?}");
    assert!((values["rewards/chosen"] - 0.1).abs() < 1e-6);
    assert!((values["rewards/rejected"] + 0.1).abs() < 1e-6);
    assert!((values["rewards/margins"] - 0.2).abs() < 1e-6);
    assert_eq!(values["rewards/accuracies"], 1.0);
    assert_eq!((values["logps/chosen"], values["logps/rejected"]), (-3.0, -9.0));
    // Far on the wrong side the loss is the margin itself and does not overflow.
    let far = Numbers { policy: [-500.0, 0.0], reference: [0.0, 0.0], ..PAIR };
    assert_value("dpo", &Settings { beta: 1.0, ..of("dpo") }, &[far], 500.0);
}

#[test]
fn label_smoothing_and_likelihood_add_to_dpo_what_follows_by_hand() {
    // -ln sigmoid(0.2) = 0.59814, -ln sigmoid(-0.2) = 0.79814; 0.75 * 0.59814 + 0.25 * 0.79814 = 0.64814.
    assert_value("dpo", &Settings { label_smoothing: 0.25, ..of("dpo") }, &[PAIR], 0.64814);
    // The chosen side has -3 over 2 tokens: 1.5 per token. Weight 1 by default, 0.5 for mathematics, 0 for the rest.
    assert_value("dpo_nll", &of("dpo_nll"), &[PAIR], 0.59814 + 1.5);
    let each =
        TaskWeight::Each([("mathematics", 0.5), ("general", 0.0)].map(|(t, w)| (t.to_owned(), w)).into());
    let settings = Settings { nll_weight: each, ..of("dpo_nll") };
    let pair = |task| Numbers { task, ..PAIR };
    assert_value("dpo_nll", &settings, &[pair("mathematics")], 0.59814 + 0.75);
    assert_value("dpo_nll", &settings, &[pair("mathematics"), pair("general")], 2.0 * 0.59814 + 0.75);
}

#[test]
fn other_objectives_have_the_values_that_follow_by_hand() {
    // h = 0.2 as for DPO: 1 - 0.2; with beta 1, h = 2 is beyond the margin of 1.
    assert_value("hinge", &of("hinge"), &[PAIR], 0.8);
    assert_value("hinge", &Settings { beta: 1.0, ..of("hinge") }, &[PAIR], 0.0);
    // Gains per token: 1/2 and -1/6, difference 2/3; wanted 1 / 0.2 = 5; (2/3 - 5)^2 = 18.7778.
    assert_value("ipo", &of("ipo"), &[PAIR], 18.777_78);
    // Means -1.5 and -1.5: 0 - 0.5; -ln sigmoid(-0.5) = 0.97408. With means -1 and -1.5: 0.05 - 0.5, 0.94327... by
    // -ln sigmoid(-0.45) = ln(1 + e^0.45) = ln 2.56831 = 0.94325.
    assert_value("simpo", &of("simpo"), &[PAIR], 0.974_08);
    let better = Numbers { policy: [-2.0, -9.0], ..PAIR };
    assert_value("simpo", &of("simpo"), &[better], 0.943_25);
    // Equal means: log odds 0, 1.5 + 0.1 ln 2 = 1.56931. Means -1 and -1.5: ln(e^-1 / (1 - e^-1)) = -0.54132,
    // ln(e^-1.5 / (1 - e^-1.5)) = -1.24746; -ln sigmoid(0.70614) = 0.40132; 1 + 0.040132.
    assert_value("orpo", &of("orpo"), &[PAIR], 1.569_31);
    assert_value("orpo", &of("orpo"), &[better], 1.040_13);
    // Certain of the chosen side, or of both: finite. Odds count as e^13.8 to one: -ln sigmoid(13.8155 + 1.24746) ~ 3e-7.
    assert_value("orpo", &of("orpo"), &[Numbers { policy: [0.0, -9.0], ..PAIR }], 0.0);
    assert_value(
        "orpo",
        &of("orpo"),
        &[Numbers { policy: [0.0, 0.0], ..PAIR }],
        0.1 * std::f64::consts::LN_2,
    );
    // Mean -1e-4: 1 - e^-0.0001 = 9.9995e-5, whose digits would be lost by plain subtraction. Odds ln(e^-0.0001 / 9.9995e-5)
    // = 9.21029; against -1.24746: softplus(-10.45775) = 2.873e-5; 1e-4 + 2.873e-6 = 1.02873e-4.
    let sure = values("orpo", &of("orpo"), &[Numbers { policy: [-2e-4, -9.0], ..PAIR }]);
    assert!((sure["loss"] - 1.028_73e-4).abs() < 1e-8, "{sure:?}");
    assert!((sure["log_odds_chosen"] - 10.457_75).abs() < 2e-4, "{sure:?}");
}

/// The test vector of methods 3.7: R = 0.4 and -0.5, reference margins 0.6 and -0.5.
fn two_languages() -> [Numbers; 2] {
    let pair = |lang, policy, reference| Numbers { policy, reference, tokens: [1.0, 1.0], lang, task: "" };
    [pair("en", [-1.0, -2.0], [-1.2, -1.8]), pair("sw", [-3.0, -2.0], [-2.5, -2.0])]
}

fn weights(en: f64, sw: f64) -> Settings {
    Settings { target_weight: [("en".to_owned(), en), ("sw".to_owned(), sw)].into(), ..of("dco") }
}

#[test]
fn dco_has_the_values_of_the_methods_vector() {
    let pairs = two_languages();
    // b = 1: |0.4 + 0.5| + |-0.5 - 0.6| = 0.9 + 1.1.
    assert_value("dco", &of("dco"), &pairs, 2.0);
    // b = 10 is weight 0.1 for the first language and 10 for the second: |0.4 + 0.05| + |-0.5 - 6| = 0.45 + 6.5.
    assert_value("dco", &weights(0.1, 10.0), &pairs, 6.95);
    // b = 0.1: |0.4 + 5| + |-0.5 - 0.06| = 5.4 + 0.56.
    assert_value("dco", &weights(10.0, 0.1), &pairs, 5.96);
    // Squares: 0.81 + 1.21. Huber with delta 1: 0.405 + (1.1 - 0.5).
    assert_value("dco", &Settings { norm: Norm::L2, ..of("dco") }, &pairs, 2.02);
    assert_value("dco", &Settings { norm: Norm::Huber, ..of("dco") }, &pairs, 1.005);
    // beta 0.5 and its default weights 0.5: |0.2 + 0.25| + |-0.25 - 0.3|.
    assert_value("dco", &Settings { beta: 0.5, ..of("dco") }, &pairs, 1.0);
    // The two languages order the candidates differently under the policy: chosen first in en, rejected first in sw.
    let metrics = values("dco", &of("dco"), &pairs);
    assert_eq!(metrics["rewards/consistencies"], 0.0);
    // Rewards are means over the pairs of a group: (0.2 - 0.5) / 2.
    assert!((metrics["rewards/chosen"] + 0.15).abs() < 1e-6, "{metrics:?}");
}

#[test]
fn a_group_of_three_sums_the_other_languages() {
    // Reference margins 0.6, -0.5 and 1; gained 0.4, -0.5 and 0. Targets 0.5, 1.6, 0.1: 0.1 + 2.1 + 0.1.
    let third = Numbers { policy: [-1.0, -2.0], reference: [-1.0, -2.0], lang: "de", ..PAIR };
    let [one, two] = two_languages();
    let metrics = values("dco", &of("dco"), &[one, two, third]);
    assert!((metrics["loss"] - 2.3).abs() < 1e-5, "{metrics:?}");
    // Of the three pairs of languages only en and de agree.
    assert!((metrics["rewards/consistencies"] - 1.0 / 3.0).abs() < 1e-6, "{metrics:?}");
}

#[test]
fn groups_that_compare_nothing_are_refused_and_unbalanced_weights_are_noted() {
    let dco = loss::find("dco").unwrap();
    let fact = |id, lang, group| Facts { id, lang, task: "", group, references: &[-1.0, -2.0] };
    let columns = |settings: &Settings, facts: &[Facts<'_>]| dco.columns(settings, facts);
    let message = |facts: &[Facts<'_>]| columns(&of("dco"), facts).unwrap_err().message;
    assert_eq!(message(&[fact("q1/en", "en", "")]), "pair `q1/en` belongs to no group");
    assert_eq!(
        message(&[fact("q1/en", "en", "q1")]),
        "group `q1` has one pair, `q1/en`, and nothing to compare it with"
    );
    assert_eq!(
        message(&[fact("a", "en", "q1"), fact("b", "sw", "q1"), fact("c", "en", "q1")]),
        "group `q1` has two pairs of language `en`: `a` and `c`"
    );
    let two = [fact("a", "en", "q1"), fact("b", "sw", "q1")];
    let three = [fact("a", "en", "q1"), fact("b", "sw", "q1"), fact("c", "de", "q1")];
    assert!(columns(&weights(0.1, 10.0), &two).unwrap().notes.is_empty());
    assert!(columns(&Settings { beta: 0.3, ..of("dco") }, &three).unwrap().notes.is_empty());
    let note = &columns(&weights(0.1, 1.0), &two).unwrap().notes[0];
    assert!(note.contains("(en 0.1, sw 1)") && note.contains("not beta^2"), "{note}");
    assert!(columns(&weights(0.1, 10.0), &three).unwrap().notes[0].contains("not all beta"));
    let unknown = Settings { target_weight: [("eng".to_owned(), 1.0)].into(), ..of("dco") };
    assert!(columns(&unknown, &two).unwrap_err().message.contains("`eng`, of which there is no pair"));

    let nll = loss::find("dpo_nll").unwrap();
    let each = TaskWeight::Each([("gif".to_owned(), 0.0)].into());
    let failure = nll.columns(&Settings { nll_weight: each, ..of("dpo_nll") }, &two).unwrap_err();
    assert_eq!(failure.message, "pair `a` has no task, and `nll_weight` has one weight for each");
}

fn settings_of(facts: &Json) -> Settings {
    let objective = facts["objective"].as_str().unwrap();
    let number = |name: &str, default: f64| facts.get(name).map_or(default, |n| n.as_f64().unwrap());
    let table = |name: &str| -> BTreeMap<String, f64> {
        let table = facts.get(name).and_then(Json::as_object).cloned().unwrap_or_default();
        table.into_iter().map(|(key, value)| (key, value.as_f64().unwrap())).collect()
    };
    let default = of(objective);
    Settings {
        beta: number("beta", default.beta),
        label_smoothing: number("label_smoothing", default.label_smoothing),
        nll_weight: TaskWeight::Each(table("nll_weight")),
        simpo_gamma: number("simpo_gamma", default.simpo_gamma),
        norm: facts.get("norm").map_or(default.norm, |norm| serde_json::from_value(norm.clone()).unwrap()),
        huber_delta: number("huber_delta", default.huber_delta),
        target_weight: table("target_weight"),
    }
}

/// The rows of the golden file with what the objective wants to know of them.
fn prepared(objective: &str, settings: &Settings, rows: &Json) -> Vec<Example> {
    let mut examples = examples(rows);
    let text = |index: usize, field: &str| rows[index][field].as_str().unwrap();
    let facts: Vec<Facts<'_>> = (examples.iter().enumerate())
        .map(|(index, example)| Facts {
            id: &example.id,
            lang: text(index, "lang"),
            task: text(index, "task"),
            group: text(index, "group"),
            references: &example.references,
        })
        .collect();
    let columns = loss::find(objective).unwrap().columns(settings, &facts).unwrap().rows;
    for (index, (example, columns)) in examples.iter_mut().zip(columns).enumerate() {
        example.columns = columns;
        text(index, "group").clone_into(&mut example.group);
    }
    examples
}

#[test]
fn every_objective_over_pairs_has_loss_metrics_and_gradients_of_a_peer() {
    let (facts, values) = case("objectives");
    let cases = facts["objectives"].as_object().unwrap();
    let mut seen = BTreeSet::new();
    for (name, case) in cases {
        let objective = case["objective"].as_str().unwrap();
        seen.insert(objective);
        let settings = settings_of(case);
        let examples = prepared(objective, &settings, &facts["rows"]);
        let mut training = super::settings(objective);
        training.loss_settings = settings;
        let mut start = start_from("tied", &training, lora_of(&facts).as_ref(), Form::default(), &values);
        let batch = Batch::new(&examples.iter().collect::<Vec<_>>(), Packing::On);
        let units = if training.loss.unit() == Unit::Group { batch.group_count() } else { examples.len() };
        let reported = start.stepper.gradient(&[batch], units).unwrap();
        assert_eq!(reported.metrics.len(), case["metrics"].as_object().unwrap().len(), "{name}");
        check_report(name, &reported, case);
        check_gradients_of(name, &format!("gradient.{name}.base_model.model."), &start, &values);
    }
    // The others have goldens of their own in `gradients.rs`.
    let own = ["lm", "sft"];
    let missing: Vec<&str> = LOSSES
        .iter()
        .map(|loss| loss.name())
        .filter(|name| !seen.contains(name) && !own.contains(name))
        .collect();
    assert!(missing.is_empty(), "no golden for {missing:?}");
}

//! Preferences across languages: groups, chains of stages, auxiliary terms, and the graphs of all of them.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use chorale::{artifact::row::question::Question, model::loss::LOSSES};

use super::*;

fn wording(country: &str, lang: &str) -> String {
    if lang == "fr" { format!("La capitale: {country},") } else { question(country) }
}

/// The world's pairs in two languages, the same preference in each as one group.
fn grouped(world: &World) -> Vec<Pair> {
    let pairs: Vec<Pair> = table::read(&world.pairs.files[Artifact::SINGLE]).unwrap();
    let in_language = |lang: &'static str| {
        move |pair: &Pair| Pair {
            id: format!("{}/{lang}", pair.id),
            lang: lang.to_owned(),
            prompt: wording(&pair.id, lang),
            question: pair.id.clone(),
            group: pair.id.clone(),
            ..pair.clone()
        }
    };
    // Not side by side: a batch brings the pairs of a group together itself.
    pairs.iter().map(in_language("en")).chain(pairs.iter().map(in_language("fr"))).collect()
}

fn prompts(world: &World) -> Artifact {
    let row = |country: &str, lang: &str| Question {
        id: country.to_owned(),
        lang: lang.to_owned(),
        question: wording(country, lang),
        choices: Vec::new(),
        answer: None,
        choice_ids: Vec::new(),
        split: String::new(),
        group: String::new(),
    };
    let rows: Vec<Question> =
        CAPITALS.iter().flat_map(|(country, _)| [row(country, "en"), row(country, "fr")]).collect();
    write_rows(&world.dir.path().join("questions"), &rows)
}

fn reference(world: &World, name: &str, model: &Artifact, pairs: &Artifact) -> Artifact {
    let settings = spec::<Score>("model = \"m\"\npairs = \"p\"");
    let inputs = [("model", model), ("pairs", pairs)];
    let outcome = stage::run::<Score>(&world.dir.path().join(name), &settings, &inputs, &[]).unwrap();
    outcome.outputs["log-probabilities"].clone()
}

const DCO: &str = "objective = \"dco\"\npairs = \"p\"\nreference = \"r\"\nbatch_size = 6\nepochs = 30\n\
                   learning_rate = 3e-3\nschedule = \"constant\"\n";

#[test]
fn consistency_is_learned_after_preferences_on_the_same_rows() {
    let world = World::new();
    let pairs = write_rows(&world.dir.path().join("grouped-rows"), &grouped(&world));
    let before = reference(&world, "before", &world.model, &pairs);
    let inputs = [("model", &world.model), ("pairs", &pairs), ("reference", &before)];
    let dpo = world.train("dpo", DPO, &inputs).unwrap().outputs["model"].clone();

    let own = reference(&world, "own", &dpo, &pairs);
    let inputs = [("model", &dpo), ("pairs", &pairs), ("reference", &own)];
    let outcome = world.train("dco", &format!("{DCO}{LORA}"), &inputs).unwrap();
    assert!(outcome.notes.is_empty(), "{:?}", outcome.notes);
    let learned = steps(&outcome);
    assert_eq!(learned.len(), 30, "an epoch of six groups is one batch");
    // Policy and reference are the same at first: each language is as far from its target as the other's margin is from 0.
    let margins: Vec<f64> = (table::read::<PairLogProbability>(&own.files[Artifact::SINGLE]).unwrap().iter())
        .map(|row| f64::from(row.chosen - row.rejected))
        .collect();
    let first = margins.iter().map(|margin| margin.abs()).sum::<f64>() / 6.0;
    assert!((learned[0].loss - first).abs() < 1e-4 * first, "{} {first}", learned[0].loss);
    let alike = (0..6).filter(|n| (margins[*n] > 0.0) == (margins[n + 6] > 0.0)).count();
    assert!((learned[0].metrics["rewards/consistencies"] - alike as f64 / 6.0).abs() < 1e-6);
    assert!(learned[29].loss < 0.8 * first, "{} {first}", learned[29].loss);

    // Starting from the wrong weights does not go unnoticed.
    let unbalanced = format!("{DCO}steps = 1\ntarget_weight = {{ en = 0.1 }}\n");
    let notes = world.train("unbalanced", &unbalanced, &inputs).unwrap().notes;
    assert!(notes[0].contains("promise no consistent optimum"), "{notes:?}");
}

#[test]
fn a_pair_that_is_left_out_takes_its_group_along() {
    let world = World::new();
    let mut rows = grouped(&world);
    rows[8].prompt = rows[8].prompt.repeat(9);
    let pairs = write_rows(&world.dir.path().join("long-rows"), &rows);
    let own = reference(&world, "own", &world.model, &pairs);
    let inputs = [("model", &world.model), ("pairs", &pairs), ("reference", &own)];
    let settings = format!("{DCO}steps = 1\noverlong = \"drop\"\nmax_prompt_length = 40\nmax_length = 60\n");
    let outcome = world.train("drop", &settings, &inputs).unwrap();
    assert_eq!(
        outcome.notes,
        [
            "1 of 12 pairs are longer than 60 tokens in all or 40 of the prompt and are left out",
            "1 of 12 pairs are left out because one of their group is"
        ]
    );

    let alone: Vec<Pair> = rows.into_iter().take(1).collect();
    let pairs = write_rows(&world.dir.path().join("alone-rows"), &alone);
    let own = reference(&world, "alone-reference", &world.model, &pairs);
    let inputs = [("model", &world.model), ("pairs", &pairs), ("reference", &own)];
    let failure = world.train("alone", DCO, &inputs).unwrap_err();
    assert_eq!(failure.message, "group `France` has one pair, `France/en`, and nothing to compare it with");
    let sequential = format!("{DPO}language_schedule = \"sequential\"\nlanguage_order = [\"fr\", \"de\"]\n");
    let failure = world.train("sequential", &sequential, &inputs).unwrap_err();
    assert_eq!(failure.message, "`France/en` is in language `en`, which `language_order` leaves out");
}

#[test]
fn an_auxiliary_term_brings_the_languages_of_a_prompt_together() {
    let world = World::new();
    let rows = grouped(&world).into_iter().filter(|pair| pair.lang == "en").collect::<Vec<_>>();
    let pairs = write_rows(&world.dir.path().join("english-rows"), &rows);
    let own = reference(&world, "own", &world.model, &pairs);
    let questions = prompts(&world);
    let inputs = [("model", &world.model), ("pairs", &pairs), ("reference", &own), ("prompts", &questions)];
    for term in ["mlc", "cosine"] {
        let table = format!("[{term}]\nlanguages = [\"en\", \"fr\"]\nextractor_dim = 16\nlayer = 0.5\n");
        let settings = format!("{DPO}steps = 41\nprompts = \"q\"\n{table}");
        let outcome = world.train(term, &settings, &inputs).unwrap();
        let learned = steps(&outcome);
        let name = format!("{term}/loss");
        let loss = |step: usize| learned[step].metrics.get(&name).copied();
        let due: Vec<bool> = (0..4).map(|step| loss(step).is_some()).collect();
        assert_eq!(due, [true, false, true, false], "{term}");
        let (first, last) = (loss(0).unwrap(), loss(40).unwrap());
        // Two languages in one direction: mlc cannot fall below log(1 + e^-5).
        let floor = if term == "mlc" { 0.0067 } else { 0.0 };
        assert!(last - floor < 0.7 * (first - floor), "{term}: {first} to {last}");
        if term == "mlc" {
            let share = |step: usize| learned[step].metrics["mlc/first_share"];
            assert!(share(40) > share(0), "{} {}", share(0), share(40));
        }
        // The loss of a step with the term is more than the objective's own.
        assert!(learned[0].loss > std::f64::consts::LN_2 && (learned[1].loss - 0.7).abs() < 0.2);
        let extractor = &outcome.outputs["extractor"].files;
        assert!(extractor.keys().eq(["extractor.json", "extractor.safetensors"]), "{extractor:?}");
        let names = |artifact: &Artifact| -> BTreeSet<String> {
            ModelFiles::of(artifact).weights().unwrap().into_keys().collect()
        };
        assert_eq!(names(&outcome.outputs["model"]), names(&world.model));
    }

    let bare = format!(
        "{DPO}steps = 2\nprompts = \"q\"\n[cosine]\nlanguages = [\"fr\", \"en\"]\nextractor_dim = 0\n"
    );
    let outcome = world.train("bare", &format!("{bare}{LORA}"), &inputs).unwrap();
    assert!(!outcome.outputs.contains_key("extractor"));
    let wrong = bare.replace("\"fr\"", "\"de\"");
    let failure = world.train("no-language", &wrong, &inputs).unwrap_err();
    assert!(failure.message.contains("has question `France` not in language `de`"), "{failure}");
    let deep = format!("{bare}layer = 3\n");
    let failure = world.train("too-deep", &deep, &inputs).unwrap_err();
    assert!(failure.message.contains("beyond the model's 2 layers"), "{failure}");
    let nameless: Vec<Pair> =
        rows.iter().map(|pair| Pair { question: String::new(), ..pair.clone() }).collect();
    let nameless = write_rows(&world.dir.path().join("nameless-rows"), &nameless);
    let inputs =
        [("model", &world.model), ("pairs", &nameless), ("reference", &own), ("prompts", &questions)];
    let failure = world.train("nameless", &bare, &inputs).unwrap_err();
    assert_eq!(failure.message, "`France/en` does not say which question it answers");
}

#[test]
fn the_graph_of_every_objective_is_exported_with_and_without_a_term() {
    let world = World::new();
    let folder = world.dir.path().join("graphs");
    std::fs::create_dir(&folder).unwrap();
    let inputs = BTreeMap::from([("model".to_owned(), world.model.clone())]);
    let term = "prompts = \"q\"\n[mlc]\nlanguages = [\"en\", \"fr\"]\nextractor_dim = 16\n";
    for loss in LOSSES {
        for (name, more) in [(loss.name().to_owned(), ""), (format!("{}-mlc", loss.name()), term)] {
            let settings = spec::<Train>(&format!("model = \"m\"\nobjective = \"{}\"\n{more}", loss.name()));
            let files = Train::export(&settings, &inputs, &folder, &name).unwrap();
            let text = std::fs::read_to_string(&files[2]).unwrap();
            let missing: Vec<&str> = text.lines().filter(|line| line.ends_with("|  |")).collect();
            assert!(missing.is_empty(), "{name} does not explain {missing:?}");
            assert_eq!(text.contains("| `anchors` | `i64[questions,2]` |"), !more.is_empty(), "{name}");
        }
    }
}

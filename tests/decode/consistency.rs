//! `embed`, `select-reference` and `cross-score`: on the real all-MiniLM-L6-v2, and on vectors and answers made by hand.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use chorale::{
    artifact::{
        Artifact, VECTORS,
        row::{
            Row, answer::Answer, completion::Completion, pair::Pair, question::Question,
            reference::ReferenceAnswer, score::Score,
        },
        table::{self, RowWriter},
    },
    checkpoint::{Weights, safetensors},
    failure::Failure,
    stage::{
        contract::Kind,
        kinds::{
            checkpoint::Checkpoint, cross_score::CrossScore, embed::Embed, pairs::Pairs, parse::ParseKind,
            select_reference::SelectReference,
        },
    },
    tensor::Tensor,
};
use serde::Deserialize;

use crate::{
    model::{encoders::minilm, tiny::golden},
    support::stage::{self, Outcome, artifact},
};

/// A folder per stage below one that goes away with the test.
struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn rows<R: Row>(&self, name: &str, rows: &[R]) -> Artifact {
        let path = self.0.path().join(name);
        let mut writer = RowWriter::create(&path).unwrap();
        for row in rows {
            writer.write(row).unwrap();
        }
        writer.finish().unwrap();
        artifact(&path, R::KIND)
    }

    /// Runs a stage whose folder is `name`.
    fn run<K: Kind>(
        &self,
        name: &str,
        settings: &str,
        inputs: &[(&str, &Artifact)],
        files: &[(&str, &Path)],
    ) -> Result<Outcome, Failure> {
        stage::run::<K>(&self.0.path().join(name), &toml::from_str(settings).unwrap(), inputs, files)
    }

    /// A vectors artifact: one vector per completion.
    fn vectors(&self, completions: &[Completion], vectors: &[[f32; 2]]) -> Artifact {
        let folder = self.0.path().join("vectors");
        fs::create_dir_all(&folder).unwrap();
        let owner = |row: &Completion| {
            format!("{{\"id\":\"{}\",\"lang\":\"{}\",\"sample\":{}}}\n", row.id, row.lang, row.sample)
        };
        fs::write(folder.join("rows.jsonl"), completions.iter().map(owner).collect::<Vec<_>>().concat())
            .unwrap();
        let tensor = Tensor::f32(&[vectors.len(), 2], vectors.concat()).unwrap();
        let weights: Weights = [("vectors".to_owned(), Arc::new(tensor))].into_iter().collect();
        safetensors::write(&folder.join("vectors.safetensors"), &weights).unwrap();
        artifact(&folder, VECTORS)
    }
}

fn read<R: Row>(outcome: &Outcome, output: &str) -> Vec<R> {
    table::read(&outcome.outputs[output].files[Artifact::SINGLE]).unwrap()
}

fn sample(lang: &str, sample: usize, text: &str) -> Completion {
    Completion {
        id: "q".into(),
        lang: lang.into(),
        sample,
        prompt: format!("{lang}?"),
        completion: text.into(),
        finish: String::new(),
    }
}

fn question(lang: &str) -> Question {
    Question {
        id: "q".into(),
        lang: lang.into(),
        question: "?".into(),
        choices: vec!["7".into()],
        answer: Some(0),
        choice_ids: Vec::new(),
        split: String::new(),
        group: "sums".into(),
    }
}

const SELECT: &str = "completions = 'c'\n";
const CROSS: &str = "completions = 'c'\nreferences = 'r'\n";

#[derive(Deserialize)]
struct Golden {
    texts: Vec<String>,
}

/// The vectors of an artifact, by row.
fn vectors_of(artifact: &Artifact) -> Vec<Vec<f32>> {
    let weights = safetensors::read(&artifact.files["vectors.safetensors"]).unwrap();
    let tensor = &weights["vectors"];
    tensor.as_f32().unwrap().chunks_exact(tensor.shape()[1]).map(<[f32]>::to_vec).collect()
}

#[test]
fn a_real_encoder_embeds_texts_and_selects_the_reference() {
    let Some(folder) = minilm() else { return };
    let world = World::new();
    let taken = world.run::<Checkpoint>("model", "path = 'm'", &[], &[("path", &folder)]).unwrap();
    let model = &taken.outputs["model"];
    let embed = |name: &str, completions: &Artifact| {
        let settings = "model = 'm'\ncompletions = 'c'\nmax_length = 256";
        world.run::<Embed>(name, settings, &[("model", model), ("completions", completions)], &[]).unwrap()
    };
    // The same texts through sentence-transformers: tokens, special tokens, pooling and normalisation are those.
    let texts: Golden = serde_json::from_slice(&fs::read(golden("encoders/minilm.json")).unwrap()).unwrap();
    let rows: Vec<Completion> =
        texts.texts.iter().zip(0..).map(|(text, id)| sample("en", id, text)).collect();
    let embedded = embed("golden", &world.rows("golden-rows", &rows));
    let expected = safetensors::read(&golden("encoders/minilm.safetensors")).unwrap();
    let ours = vectors_of(&embedded.outputs["vectors"]).concat();
    let worst = ours.iter().zip(expected["vectors"].as_f32().unwrap()).map(|(a, b)| (a - b).abs());
    assert!(ours.len() == 4 * 384 && worst.fold(0.0, f32::max) < 1e-4);
    assert!(embedded.notes[0].contains("384 numbers each, mean pooling"), "{}", embedded.notes[0]);

    let candidates = [
        sample("en", 0, "Bananas are yellow."),
        sample("en", 1, "The capital of France is Paris, a city on the Seine."),
        sample("en", 2, "Paris is the capital city of France."),
        sample("en", 3, "France's capital is the city of Paris."),
        sample("en", 4, " "),
        sample("fr", 0, "La banane est jaune."),
        sample("fr", 1, "Paris est la capitale de la France."),
        sample("fr", 2, "Je ne sais pas."),
    ];
    let completions = world.rows("candidates", &candidates);
    let embedded = embed("embedded", &completions);
    let vectors = &embedded.outputs["vectors"];
    let inputs = [("completions", &completions), ("vectors", vectors)];
    let selected =
        world.run::<SelectReference>("selected", &(SELECT.to_owned() + "vectors = 'v'"), &inputs, &[]);
    let selected = selected.unwrap();
    let references: Vec<ReferenceAnswer> = read(&selected, "references");
    // By hand from the vectors: the largest mean of dot products with the other three that say something.
    let values = vectors_of(vectors);
    let dot =
        |a: usize, b: usize| values[a].iter().zip(&values[b]).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let mean =
        |one: usize| (0..4).filter(|other| *other != one).map(|other| dot(one, other)).sum::<f64>() / 3.0;
    let best = (0..4).max_by(|a, b| mean(*a).total_cmp(&mean(*b))).unwrap();
    assert_ne!(best, 0, "bananas are not what the others speak of");
    assert_eq!((references[0].sample, references[0].candidates), (best, 4));
    assert!((references[0].score - mean(best)).abs() < 1e-5);
    let inputs = [
        ("completions", &completions),
        ("references", &selected.outputs["references"]),
        ("vectors", vectors),
    ];
    let scored =
        world.run::<CrossScore>("scored", &(CROSS.to_owned() + "vectors = 'v'"), &inputs, &[]).unwrap();
    let scores: Vec<Score> = read(&scored, "scores");
    assert_eq!(scores.len(), 7);
    let french = scores.iter().filter(|score| score.lang == "fr").zip(5..);
    french.for_each(|(score, place)| assert!((score.score - dot(place, best)).abs() < 1e-5));
    let inputs = [("scores", &scored.outputs["scores"])];
    let paired = world.run::<Pairs>("paired", "rule = 'argmax-argmin'\nscores = 's'", &inputs, &[]).unwrap();
    let pairs: Vec<Pair> = read(&paired, "pairs");
    assert_eq!((pairs.len(), pairs[0].chosen.as_str()), (1, "Paris est la capitale de la France."));
}

#[test]
fn mathematics_goes_by_the_majority_and_pairs_by_agreement() {
    let world = World::new();
    let candidates = [
        sample("en", 0, "It is 8"),
        sample("en", 1, "So 7"),
        sample("en", 2, "Hence 7.0"),
        sample("sw", 0, "Ni 7"),
        sample("sw", 1, "Jibu ni 7"),
        sample("sw", 2, "Ni 9"),
        sample("sw", 3, "Ni 5"),
        sample("sw", 4, "sijui"),
    ];
    let vectors =
        [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6], [1.0, 0.0], [0.0, 1.0]];
    let completions = world.rows("candidates", &candidates);
    let vectors = world.vectors(&candidates, &vectors);
    let questions = world.rows("questions", &[question("en"), question("sw")]);
    let inputs = [("questions", &questions), ("completions", &completions)];
    let parsed = world
        .run::<ParseKind>("parsed", "questions = 'q'\ncompletions = 'c'\nparse = 'number'", &inputs, &[])
        .unwrap();
    let answers = &parsed.outputs["answers"];
    let inputs = [("completions", &completions), ("answers", answers)];
    let mathematics = SELECT.to_owned() + "answers = 'a'\ntask = 'mathematics'";
    let selected = world.run::<SelectReference>("selected", &mathematics, &inputs, &[]).unwrap();
    let references: Vec<ReferenceAnswer> = read(&selected, "references");
    assert_eq!((references[0].sample, references[0].answer.as_deref()), (1, Some("7")));
    assert!((references[0].score - 2.0 / 3.0).abs() < 1e-12);
    let cross = |name: &str, settings: &str| {
        let references = &selected.outputs["references"];
        let inputs = [
            ("completions", &completions),
            ("references", references),
            ("answers", answers),
            ("vectors", &vectors),
        ];
        let settings = format!("{CROSS}answers = 'a'\nvectors = 'v'\n{settings}");
        let scored = world.run::<CrossScore>(name, &settings, &inputs, &[]).unwrap();
        let inputs = [("scores", &scored.outputs["scores"])];
        let rule = "rule = 'argmax-argmin'\nscores = 's'";
        let paired = world.run::<Pairs>(&format!("{name}-pairs"), rule, &inputs, &[]).unwrap();
        let pairs: Vec<Pair> = read(&paired, "pairs");
        assert_eq!((pairs.len(), pairs[0].task.as_str()), (1, "mathematics"));
        (pairs[0].chosen.clone(), pairs[0].rejected.clone())
    };
    // The reference's vector is (0, 1): `Jibu ni 7` is nearest of those that agree, `Ni 5` farthest of those that do not.
    assert_eq!(cross("near", ""), ("Jibu ni 7".to_owned(), "Ni 5".to_owned()));
    assert_eq!(cross("first", "tie_break = 'first'"), ("Ni 7".to_owned(), "Ni 9".to_owned()));
    let unread = cross("unread", "tie_break = 'first'\nunreadable_disagrees = true");
    assert_eq!(unread, ("Ni 7".to_owned(), "Ni 9".to_owned()), "the first that disagrees");
}

#[test]
fn code_goes_by_what_is_left_without_names_and_layout() {
    let world = World::new();
    let fenced = |code: &str| format!("Here:\n```python\n{code}\n```");
    let candidates = [
        sample("en", 0, &fenced("print('no idea')")),
        sample("en", 1, &fenced("def f(a):\n    return a * 2  # twice")),
        sample("en", 2, &fenced("def g(b):\n  return b + 2")),
        sample("en", 3, &fenced("def double(x):\n    return x * 2")),
        sample("de", 0, &fenced("def verdopple(zahl):\n    return zahl * 2")),
        sample("de", 1, &fenced("x = 1")),
        sample("de", 2, "keine Ahnung"),
    ];
    let completions = world.rows("candidates", &candidates);
    let questions = world.rows("questions", &[question("en"), question("de")]);
    let inputs = [("questions", &questions), ("completions", &completions)];
    let settings = "questions = 'q'\ncompletions = 'c'\nparse = 'code'";
    let parsed = world.run::<ParseKind>("parsed", settings, &inputs, &[]).unwrap();
    let answers = &parsed.outputs["answers"];
    assert_eq!(read::<Answer>(&parsed, "answers")[6].dropped, "no block of code");
    let inputs = [("completions", &completions), ("answers", answers), ("questions", &questions)];
    let by_group =
        SELECT.to_owned() + "answers = 'a'\nquestions = 'q'\ntask = 'mathematics'\ntasks = {sums = 'code'}";
    let selected = world.run::<SelectReference>("selected", &by_group, &inputs, &[]).unwrap();
    let references: Vec<ReferenceAnswer> = read(&selected, "references");
    assert_eq!((references[0].sample, references[0].task.as_str()), (1, "code"));
    let inputs = [
        ("completions", &completions),
        ("references", &selected.outputs["references"]),
        ("answers", answers),
    ];
    let scored =
        world.run::<CrossScore>("scored", &(CROSS.to_owned() + "answers = 'a'"), &inputs, &[]).unwrap();
    let scores: BTreeMap<(String, usize), f64> =
        read::<Score>(&scored, "scores").into_iter().map(|row| ((row.lang, row.sample), row.score)).collect();
    assert!((scores[&("de".to_owned(), 0)] - 1.0).abs() < 1e-12, "the same but for its names");
    // def v0 ( v1 ) : return v1 * 2 against v0 = 1: 10 tokens, of which `v0` stays.
    assert!((scores[&("de".to_owned(), 1)] - 0.1).abs() < 1e-12, "{scores:?}");
    assert!(!scores.contains_key(&("de".to_owned(), 2)) && scores.len() == 6);
    assert!(scored.notes[0].contains("0 have no reference, 1 no code"), "{}", scored.notes[0]);
}

#[test]
fn what_is_missing_for_a_comparison_is_named() {
    let world = World::new();
    let candidates = [sample("en", 0, "a"), sample("sw", 0, "b")];
    let completions = world.rows("candidates", &candidates);
    let vectors = world.vectors(&candidates[..1], &[[1.0, 0.0]]);
    let inputs = [("completions", &completions), ("vectors", &vectors)];
    let settings = SELECT.to_owned() + "vectors = 'v'";
    let selected = world.run::<SelectReference>("selected", &settings, &inputs, &[]).unwrap();
    let references = &selected.outputs["references"];
    assert!(read::<ReferenceAnswer>(&selected, "references")[0].score.abs() < 1e-12, "nobody to agree with");
    let inputs = [("completions", &completions), ("references", references), ("vectors", &vectors)];
    let failure =
        world.run::<CrossScore>("scored", &(CROSS.to_owned() + "vectors = 'v'"), &inputs, &[]).unwrap_err();
    assert_eq!(failure.message, "sample 0 of question `q` in `sw` has no vector");
    let inputs = [("completions", &completions), ("vectors", &vectors)];
    let failure = world
        .run::<SelectReference>("french", &(settings + "\nsource_language = 'fr'"), &inputs, &[])
        .unwrap_err();
    assert!(failure.message.starts_with("0 questions have a reference in `fr`"), "{failure}");
    let problems = |settings: &str| SelectReference::check(&toml::from_str(settings).unwrap());
    assert_eq!(problems(SELECT)[0].field, "vectors");
    assert_eq!(problems("completions = 'c'\ntask = 'code'")[0].field, "answers");
    assert_eq!(problems("completions = 'c'\nvectors = 'v'\ntasks = {a = 'general'}")[0].field, "tasks");
    assert_eq!(CrossScore::check(&toml::from_str(CROSS).unwrap())[0].field, "vectors");
}

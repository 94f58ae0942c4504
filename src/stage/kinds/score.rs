//! `score`: log-probabilities of given text under a model: of both sides of pairs, or of the candidates of questions.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    adapter::open_decoder,
    chat::{self, ChatSpec},
    splits::of_splits,
};
use crate::{
    artifact::{
        ADAPTER, MODEL,
        row::{
            Row as _, log_probability::PairLogProbability, pair::Pair, question::Question, ranking::Ranking,
        },
    },
    checkpoint::folder::ModelFiles,
    decode::{
        journal::Journal,
        score::{RowScores, Scope, Scorer},
    },
    failure::{Failure, bug},
    model::row::Row,
    stage::{
        context::Context,
        contract::{Kind, Load, Problem},
        port::{Ports, Reference},
    },
    token::{Encoder, Encoding, Joint, Tokenizer},
    train::example::Example,
};

/// Log-probabilities of given text.
#[derive(Debug)]
pub enum Score {}

/// What a candidate's score is (methods 3.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Normalisation {
    /// The sum over the candidate's tokens.
    #[default]
    AnswerSum,
    /// The mean over the candidate's tokens.
    AnswerMean,
    /// The sum over the candidate's tokens per character of its text, white space around it not counted: `acc_norm` of
    /// lm-evaluation-harness, which puts a space before each candidate and does not count it.
    AnswerCharacterMean,
    /// The same per byte: its `acc_bytes`.
    AnswerByteMean,
    /// The mean over all tokens of question and candidate but the first.
    WholeMean,
}

/// Settings of `score`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreSpec {
    /// The model that scores.
    #[serde(skip_serializing)]
    pub model: Reference,
    /// An adapter beside the model's weights, as `train` writes it or `adapter` takes it in.
    #[serde(default, skip_serializing)]
    pub adapter: Option<Reference>,
    /// Preference pairs: gives the log-probability of both sides of each.
    #[serde(default, skip_serializing)]
    pub pairs: Option<Reference>,
    /// Questions with candidates: gives a ranking of the candidates of each.
    #[serde(default, skip_serializing)]
    pub questions: Option<Reference>,
    /// Only questions of these splits; empty for all.
    #[serde(default)]
    pub splits: Vec<String>,
    /// What a candidate's score is.
    #[serde(default)]
    pub normalisation: Normalisation,
    /// Whether the end-of-text token belongs to each text. By default it does for pairs, as in training, and does not for
    /// candidates.
    #[serde(default)]
    pub append_end: Option<bool>,
    /// How prompt and completion become tokens: `separate` by default, `together` with `chat`.
    #[serde(default)]
    pub joint: Option<Joint>,
    /// Whether prompts pass through the chat template that comes with the model, as a user's message: `true`, or a table
    /// with more about it.
    #[serde(default, deserialize_with = "chat::deserialize")]
    #[schemars(schema_with = "chat::schema")]
    pub chat: Option<ChatSpec>,
    /// The longest text in tokens, as in training; by default what the model admits.
    #[serde(default)]
    pub max_length: Option<usize>,
    /// The longest prompt in tokens, as in training; longer ones lose their beginning.
    #[serde(default)]
    pub max_prompt_length: Option<usize>,
    /// About how many tokens are computed at once. On the CPU it cannot change a number, only time and memory.
    #[serde(default = "batch_tokens")]
    pub batch_tokens: usize,
}

fn batch_tokens() -> usize {
    2048
}

impl Kind for Score {
    const NAME: &'static str = "score";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "log-probabilities of pairs, or rankings of candidates, under a model";
    const LOAD: Load = Load::Heavy;
    const USES_RUNTIME: bool = true;
    type Spec = ScoreSpec;

    fn ports(spec: &ScoreSpec) -> Ports {
        let mut ports = Ports::default().reads("model", &spec.model, MODEL);
        if let Some(adapter) = &spec.adapter {
            ports = ports.reads("adapter", adapter, ADAPTER);
        }
        if let Some(pairs) = &spec.pairs {
            ports = ports.reads("pairs", pairs, Pair::KIND);
            ports = ports.writes("log-probabilities", PairLogProbability::KIND);
        }
        if let Some(questions) = &spec.questions {
            ports = ports.reads("questions", questions, Question::KIND).writes("rankings", Ranking::KIND);
        }
        ports
    }

    fn check(spec: &ScoreSpec) -> Vec<Problem> {
        let mut problems = Vec::new();
        let hint = "`pairs` gives log-probabilities, `questions` gives rankings";
        match (&spec.pairs, &spec.questions) {
            (None, None) => {
                problems.push(Problem::new("questions", "neither `pairs` nor `questions` is given", hint));
            }
            (Some(_), Some(_)) => {
                problems.push(Problem::new("questions", "both `pairs` and `questions` are given", hint));
            }
            (Some(_), None) if !spec.splits.is_empty() => {
                problems.push(Problem::new("splits", "pairs have no splits", "leave it out"));
            }
            (Some(_), None) if spec.normalisation != Normalisation::AnswerSum => {
                let hint = "leave it out: the log-probability of a pair's side is a sum";
                problems.push(Problem::new("normalisation", "pairs are not normalised", hint));
            }
            _ => {}
        }
        let sizes = [
            ("max_length", spec.max_length),
            ("max_prompt_length", spec.max_prompt_length),
            ("batch_tokens", Some(spec.batch_tokens)),
        ];
        for (field, value) in sizes {
            if value == Some(0) {
                problems.push(Problem::new(field, "must be at least 1: 0", "leave it out for the default"));
            }
        }
        problems.extend(ChatSpec::check(spec.chat.as_ref()));
        problems
    }

    fn run(cx: &Context<'_>, spec: &ScoreSpec) -> Result<(), Failure> {
        if cx.has("pairs") { score_pairs(cx, spec) } else { rank_candidates(cx, spec) }
    }
}

/// A finished row, as the journal keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry<T> {
    /// Position among the rows.
    row: usize,
    result: T,
}

fn score_pairs(cx: &Context<'_>, spec: &ScoreSpec) -> Result<(), Failure> {
    let pairs: Vec<Pair> = cx.rows("pairs")?;
    let mut seen = BTreeSet::new();
    if let Some(twice) = pairs.iter().find(|pair| !seen.insert(&pair.id)) {
        return Err(Failure::input(format!("pair `{}` is there twice", twice.id)));
    }
    let texts: Vec<Text<'_>> = pairs
        .iter()
        .map(|pair| Text {
            id: pair.id.clone(),
            prompt: &pair.prompt,
            branches: vec![&pair.chosen, &pair.rejected],
        })
        .collect();
    let results = score_texts(cx, spec, &texts, Scope::Branches, "pairs", &|index, row, scores| {
        let [chosen, rejected] = &scores.branches[..] else { bug("a pair has two sides") };
        Ok(PairLogProbability {
            id: pairs[index].id.clone(),
            chosen: sum(chosen) as f32,
            rejected: sum(rejected) as f32,
            chosen_tokens: chosen.len(),
            rejected_tokens: rejected.len(),
            prompt_tokens: row.prompt,
        })
    })?;
    let mut writer = cx.write_rows::<PairLogProbability>("log-probabilities")?;
    results.iter().try_for_each(|row| writer.write(row))?;
    writer.finish()?;
    Ok(())
}

fn rank_candidates(cx: &Context<'_>, spec: &ScoreSpec) -> Result<(), Failure> {
    let all: Vec<Question> = cx.rows("questions")?;
    let questions = of_splits(&all, &spec.splits)?;
    if let Some(bare) = questions.iter().find(|question| question.choices.is_empty()) {
        let message = format!("question `{}` in `{}` has no candidates to rank", bare.id, bare.lang);
        return Err(Failure::input(message).hint("rows need `choices`"));
    }
    let texts: Vec<Text<'_>> = questions
        .iter()
        .map(|question| Text {
            id: format!("{}/{}", question.id, question.lang),
            prompt: &question.question,
            branches: question.choices.iter().map(String::as_str).collect(),
        })
        .collect();
    let scope =
        if spec.normalisation == Normalisation::WholeMean { Scope::Everything } else { Scope::Branches };
    let results = score_texts(cx, spec, &texts, scope, "questions", &|index, _, scores| {
        Ok(ranking(questions[index], scores, spec.normalisation))
    })?;
    let mut writer = cx.write_rows::<Ranking>("rankings")?;
    results.iter().try_for_each(|row| writer.write(row))?;
    writer.finish()?;
    Ok(())
}

/// Scores and order of one question's candidates: best first, equal ones in their own order.
fn ranking(question: &Question, scores: &RowScores, normalisation: Normalisation) -> Ranking {
    let (before, before_count) = (sum(&scores.prompt), scores.prompt.len());
    let candidates = scores.branches.iter().zip(&question.choices);
    let scores: Vec<f32> = candidates
        .map(|(tokens, text)| {
            let answer = sum(tokens);
            let score = match normalisation {
                Normalisation::AnswerSum => answer,
                Normalisation::AnswerMean => answer / tokens.len() as f64,
                Normalisation::AnswerCharacterMean => answer / text.trim().chars().count() as f64,
                Normalisation::AnswerByteMean => answer / text.trim().len() as f64,
                Normalisation::WholeMean => (before + answer) / (before_count + tokens.len()) as f64,
            };
            score as f32
        })
        .collect();
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    Ranking {
        id: question.id.clone(),
        lang: question.lang.clone(),
        split: question.split.clone(),
        scores,
        ranking: order,
        answer: question.answer,
    }
}

/// In f64, so that a sum does not lose what its terms have.
fn sum(log_probabilities: &[f32]) -> f64 {
    log_probabilities.iter().copied().map(f64::from).sum()
}

/// A prompt with texts that follow it.
struct Text<'t> {
    /// Names it in messages.
    id: String,
    prompt: &'t str,
    branches: Vec<&'t str>,
}

/// Scores all texts, going on where an earlier run was interrupted; `close` makes a result of a row and its scores.
fn score_texts<T: Clone + Serialize + DeserializeOwned>(
    cx: &Context<'_>,
    spec: &ScoreSpec,
    texts: &[Text<'_>],
    scope: Scope,
    unit: &'static str,
    close: &dyn Fn(usize, &Row, &RowScores) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let (mut journal, earlier) = Journal::<Entry<T>>::open(&cx.journal.join("scores.jsonl"))?;
    let mut results: BTreeMap<usize, T> =
        earlier.into_iter().map(|entry| (entry.row, entry.result)).collect();
    let missing: Vec<usize> = (0..texts.len()).filter(|index| !results.contains_key(index)).collect();
    if !missing.is_empty() {
        let files = ModelFiles::of(cx.input("model"));
        let tokenizer = Tokenizer::open(&files)?;
        let runtime = cx.runtime()?;
        let decoder = open_decoder(cx, runtime, &files)?;
        decoder.check_vocabulary(tokenizer.vocabulary_size())?;
        let mut scorer = Scorer::new(runtime, &decoder)?;
        let wanted: Vec<&Text<'_>> = missing.iter().map(|index| &texts[*index]).collect();
        let encoding = Encoding {
            chat: spec.chat.as_ref().map(Into::into),
            joint: spec.joint,
            append_end: spec.append_end.unwrap_or(spec.pairs.is_some()),
        };
        let encoder = Encoder::new(&tokenizer, &files, &encoding)?;
        let rows = encode(cx, spec, &encoder, &wanted, scorer.positions())?;
        scorer.score(&rows, scope, spec.batch_tokens, &mut |row, scores| {
            let index = missing[row];
            check_finite(&texts[index], &scores)?;
            let result = close(index, &rows[row], &scores)?;
            journal.append(&Entry { row: index, result: result.clone() })?;
            results.insert(index, result);
            cx.observer.progress(results.len() as u64, texts.len() as u64, unit);
            cx.check_cancelled()
        })?;
    }
    Ok(results.into_values().collect())
}

/// Texts as rows of tokens, cut exactly as training cuts them.
fn encode(
    cx: &Context<'_>,
    spec: &ScoreSpec,
    encoder: &Encoder<'_>,
    texts: &[&Text<'_>],
    positions: usize,
) -> Result<Vec<Row>, Failure> {
    let most = spec.max_length.unwrap_or(positions).min(positions);
    let encode_one = |text: &&Text<'_>| -> Result<(Row, bool), Failure> {
        let (prompt, branches) = encoder.completions(text.prompt, &text.branches)?;
        let mut example = Example { id: text.id.clone(), prompt, branches, ..Example::default() };
        let truncated = example.truncate(most, spec.max_prompt_length);
        if !example.is_scorable() {
            let message = format!("`{}` has a text without a token to score", text.id);
            return Err(Failure::input(message).hint("an empty candidate or completion cannot be scored"));
        }
        Ok((Row::new(&example.prompt, &example.branches), truncated.prompt || truncated.branch))
    };
    let encoded: Vec<(Row, bool)> = texts.par_iter().map(encode_one).collect::<Result<_, Failure>>()?;
    let cut = encoded.iter().filter(|(_, cut)| *cut).count();
    encoder.notes().iter().for_each(|note| cx.observer.note(note));
    if cut > 0 {
        cx.observer.note(&format!("{cut} of {} texts were cut to at most {most} tokens", texts.len()));
    }
    Ok(encoded.into_iter().map(|(row, _)| row).collect())
}

fn check_finite(text: &Text<'_>, scores: &RowScores) -> Result<(), Failure> {
    let all = scores.branches.iter().flatten().chain(&scores.prompt);
    if all.copied().all(f32::is_finite) {
        return Ok(());
    }
    Err(Failure::input(format!("the model gives `{}` a log-probability that is no number", text.id))
        .hint("its weights are damaged, or training them diverged"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(choices: &[&str]) -> Question {
        Question {
            id: "q".to_owned(),
            lang: "en".to_owned(),
            question: "Which?".to_owned(),
            choices: choices.iter().map(|choice| (*choice).to_owned()).collect(),
            answer: Some(1),
            choice_ids: Vec::new(),
            split: "test".to_owned(),
            group: String::new(),
        }
    }

    fn scores(prompt: &[f32], branches: &[&[f32]]) -> RowScores {
        RowScores {
            prompt: prompt.to_vec(),
            branches: branches.iter().map(|branch| branch.to_vec()).collect(),
        }
    }

    /// By hand: sums -3, -2.5; means -1.5, -2.5; per character -3/5, -2.5/3; per byte -3/5, -2.5/4; whole (-1-3)/4,
    /// (-1-2.5)/3.
    #[test]
    fn the_normalisations_are_what_they_say() {
        let question = question(&[" Paris", " Röm"]);
        let scores = scores(&[-0.25, -0.75], &[&[-1.0, -2.0], &[-2.5]]);
        let cases = [
            (Normalisation::AnswerSum, [-3.0, -2.5], [1, 0]),
            (Normalisation::AnswerMean, [-1.5, -2.5], [0, 1]),
            (Normalisation::AnswerCharacterMean, [-0.6, -2.5 / 3.0], [0, 1]),
            (Normalisation::AnswerByteMean, [-0.6, -0.625], [0, 1]),
            (Normalisation::WholeMean, [-1.0, -3.5 / 3.0], [0, 1]),
        ];
        for (normalisation, expected, order) in cases {
            let ranking = ranking(&question, &scores, normalisation);
            assert_eq!(ranking.scores, expected, "{normalisation:?}");
            assert_eq!(ranking.ranking, order, "{normalisation:?}");
        }
    }

    #[test]
    fn equal_scores_keep_the_order_of_the_candidates() {
        let question = question(&[" a", " b", " c"]);
        let scores = scores(&[], &[&[-2.0], &[-1.0], &[-2.0]]);
        assert_eq!(ranking(&question, &scores, Normalisation::AnswerSum).ranking, [1, 0, 2]);
    }
}

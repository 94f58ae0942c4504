//! `cross-score`: how consistent every candidate is with the reference of its question (CM-Align, methods 2.4).

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::consistency::{CodeSpec, Samples, Task};
use crate::{
    align::length,
    artifact::{
        VECTORS,
        row::{Row, answer::Answer, completion::Completion, reference::ReferenceAnswer, score::Score},
    },
    failure::Failure,
    stage::{
        context::Context,
        contract::{Kind, Problem},
        port::{Ports, Reference},
    },
};

/// The kind.
pub enum CrossScore {}

/// What a candidate's score is, where answers are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TieBreak {
    /// The cosine with the reference: of several agreeing candidates the most similar one is the best.
    #[default]
    Embedding,
    /// 1 or 0: of several agreeing candidates the first one is the best.
    First,
}

/// What an answer must be to agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AgreeWith {
    /// That of the reference.
    #[default]
    Reference,
    /// The right one (MAPO, methods 5.4).
    Right,
}

/// Whether the length of a text is taken out of its score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LengthControl {
    /// It stays.
    #[default]
    Off,
    /// `score - alpha * characters`, with the `alpha` of 0, 0.001, ..., 0.999 per language that evens out the lengths of best and
    /// worst candidates (ICR, methods 5.5b).
    Grid,
}

/// Settings of `cross-score`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrossScoreSpec {
    /// The candidates in all languages.
    #[serde(skip_serializing)]
    pub completions: Reference,
    /// The references.
    #[serde(skip_serializing)]
    pub references: Reference,
    /// The vectors of the candidates, the references' among them.
    #[serde(default, skip_serializing)]
    pub vectors: Option<Reference>,
    /// The answers of the candidates.
    #[serde(default, skip_serializing)]
    pub answers: Option<Reference>,
    /// For mathematics: what the score is.
    #[serde(default)]
    pub tie_break: TieBreak,
    /// For mathematics: what an answer must be to agree.
    #[serde(default)]
    pub agree_with: AgreeWith,
    /// For mathematics: whether a candidate without a readable answer disagrees; otherwise it stays out of pairs.
    #[serde(default)]
    pub unreadable_disagrees: bool,
    /// How code is compared.
    #[serde(default)]
    pub code: CodeSpec,
    /// Whether the length of a text is taken out of its score.
    #[serde(default)]
    pub length_control: LengthControl,
}

impl Kind for CrossScore {
    const NAME: &'static str = "cross-score";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "how consistent each candidate is with the reference of its question (CM-Align)";
    type Spec = CrossScoreSpec;

    fn ports(spec: &CrossScoreSpec) -> Ports {
        let mut ports = Ports::default().reads("completions", &spec.completions, Completion::KIND).reads(
            "references",
            &spec.references,
            ReferenceAnswer::KIND,
        );
        for (field, reference, kind) in
            [("vectors", &spec.vectors, VECTORS), ("answers", &spec.answers, Answer::KIND)]
        {
            if let Some(reference) = reference {
                ports = ports.reads(field, reference, kind);
            }
        }
        ports.writes("scores", Score::KIND)
    }

    fn check(spec: &CrossScoreSpec) -> Vec<Problem> {
        if spec.vectors.is_none() && spec.answers.is_none() {
            let hint = "`vectors` names a stage of kind `embed`, `answers` one of kind `parse`";
            return vec![Problem::new("vectors", "there is nothing to compare by", hint)];
        }
        Vec::new()
    }

    fn run(cx: &Context<'_>, spec: &CrossScoreSpec) -> Result<(), Failure> {
        let samples = Samples::read(cx)?;
        let references: Vec<ReferenceAnswer> = cx.rows("references")?;
        let references: BTreeMap<&str, &ReferenceAnswer> =
            references.iter().map(|row| (row.id.as_str(), row)).collect();
        let (mut scores, mut without) = (Vec::new(), 0);
        for ((id, _), own) in samples.said() {
            cx.check_cancelled()?;
            let Some(reference) = references.get(id) else {
                without += own.len();
                continue;
            };
            for completion in own {
                scores.extend(score(&samples, completion, reference, spec)?);
            }
        }
        let scored = scores.len();
        if scored == 0 {
            return Err(Failure::input(format!("no candidate can be scored: {without} have no reference"))
                .hint("select references of the same completions"));
        }
        if spec.length_control == LengthControl::Grid {
            control(cx, &mut scores);
        }
        let mut writer = cx.write_rows::<Score>("scores")?;
        scores.iter().try_for_each(|row| writer.write(row))?;
        writer.finish()?;
        let unread = samples.said().map(|(_, own)| own.len()).sum::<usize>() - without - scored;
        cx.observer.note(&format!(
            "{scored} candidates have a score; {without} have no reference, {unread} no code, {} no text",
            samples.empty()
        ));
        Ok(())
    }
}

/// The score of one candidate; none for a candidate without code where code is compared.
fn score(
    samples: &Samples,
    completion: &Completion,
    reference: &ReferenceAnswer,
    spec: &CrossScoreSpec,
) -> Result<Option<Score>, Failure> {
    let of_reference = Completion {
        id: reference.id.clone(),
        lang: reference.lang.clone(),
        sample: reference.sample,
        prompt: String::new(),
        completion: reference.completion.clone(),
        finish: String::new(),
    };
    let task = Task::named(&reference.task).ok_or_else(|| {
        Failure::input(format!(
            "the reference of question `{}` has no known task: `{}`",
            reference.id, reference.task
        ))
    })?;
    let (score, agrees) = match task {
        Task::General => (samples.cosine(completion, &of_reference)?, None),
        Task::Code => {
            let answer = samples.answer(completion)?.answer.as_deref();
            match answer.zip(reference.answer.as_deref()) {
                Some((own, reference)) => (spec.code.compare(own, reference), None),
                None => return Ok(None),
            }
        }
        Task::Mathematics => {
            let row = samples.answer(completion)?;
            let wanted = match spec.agree_with {
                AgreeWith::Reference => reference.answer.as_ref(),
                AgreeWith::Right => row.right.as_ref(),
            };
            let agrees = match (&row.answer, wanted) {
                (Some(answer), Some(wanted)) => Some(answer == wanted),
                (None, Some(_)) => spec.unreadable_disagrees.then_some(false),
                (_, None) => None,
            };
            let similar = samples.has_vectors() && spec.tie_break == TieBreak::Embedding;
            let plain = f64::from(u8::from(agrees == Some(true)));
            (if similar { samples.cosine(completion, &of_reference)? } else { plain }, agrees)
        }
    };
    Ok(Some(Score {
        id: completion.id.clone(),
        lang: completion.lang.clone(),
        sample: completion.sample,
        score,
        agrees,
        task: reference.task.clone(),
        prompt: completion.prompt.clone(),
        completion: completion.completion.clone(),
    }))
}

/// Takes lengths out of scores, language by language.
fn control(cx: &Context<'_>, scores: &mut [Score]) {
    let measured = |score: &Score| (score.score, score.completion.chars().count());
    let mut languages: IndexMap<String, IndexMap<String, Vec<length::Scored>>> = IndexMap::new();
    for score in scores.iter() {
        let questions = languages.entry(score.lang.clone()).or_default();
        questions.entry(score.id.clone()).or_default().push(measured(score));
    }
    for (lang, questions) in languages {
        let alpha = length::factor(&questions.into_values().collect::<Vec<_>>());
        cx.observer.note(&format!("length control in `{lang}`: {alpha} per character"));
        for score in scores.iter_mut().filter(|score| score.lang == lang) {
            score.score = length::controlled(measured(score), alpha);
        }
    }
}

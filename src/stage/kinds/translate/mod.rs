//! `translate`: rows in other languages: looked up in aligned data, or written by a model of the recipe or behind an endpoint.
//!
//! A row is one text, or a question with its candidates; it becomes one *task* for each target language. A task is settled by
//! the first of these that can: the source is in the target language already; aligned data have it; the model translates it.
//! What was translated passes quality gates ([`Gates`]); a row of which one part does not pass is held back as a whole and
//! kept with the reason in `rejected`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::asking::{self, spec::GenerationSpec};
use crate::{
    align::translation::Gates,
    artifact::{
        ArtifactKind,
        row::{
            Row, question::Question, rejection::Rejection, text::Text, translation::Translation, vote::Vote,
        },
    },
    failure::Failure,
    stage::{
        context::Context,
        contract::{Kind, Load, Problem},
        port::{Ports, Reference},
    },
    task::language::LangCode,
};

mod backend;
mod source;
mod task;

/// The kind.
#[derive(Debug)]
pub enum Translate {}

/// What of a vote is translated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VotePart {
    /// The explanation in the picked example: what stands between explanation and answer label (methods 1.7).
    #[default]
    Explanation,
    /// The picked example as it was sampled.
    Example,
}

/// What happens to a text that is in the target language already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SameLanguage {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is translated like any other, as CALM's published code does.
    Translate,
}

/// Settings of `translate`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TranslateSpec {
    /// The questions to translate, with their candidates; or `texts`, or `votes`.
    #[serde(default, skip_serializing)]
    pub questions: Option<Reference>,
    /// The texts to translate.
    #[serde(default, skip_serializing)]
    pub texts: Option<Reference>,
    /// The votes whose picked examples are translated.
    #[serde(default, skip_serializing)]
    pub votes: Option<Reference>,
    /// What of a vote is translated.
    #[serde(default)]
    pub part: VotePart,
    /// The target languages. Rows come in this order, and within a language in the order of the source.
    pub languages: Vec<LangCode>,
    /// Only rows in this language are translated; rows in all languages by default.
    #[serde(default)]
    pub source_language: Option<LangCode>,
    /// Only questions of these splits; empty for all.
    #[serde(default)]
    pub splits: Vec<String>,
    /// What happens to a text that is in the target language already.
    #[serde(default)]
    pub same_language: SameLanguage,
    /// Aligned data: questions, texts or translations that have the same ids in the target languages. With `model` beside it,
    /// the model translates what they don't have.
    #[serde(default, skip_serializing)]
    pub parallel: Option<Reference>,
    /// The model that translates: one of the recipe's, or one behind an endpoint.
    #[serde(default, skip_serializing)]
    pub model: Option<Reference>,
    /// An adapter beside the model's weights.
    #[serde(default, skip_serializing)]
    pub adapter: Option<Reference>,
    /// What the model is given. `{text}` stands for the text, `{source_language}` and `{target_language}` for the English names
    /// of the languages.
    #[serde(default = "prompt")]
    pub prompt: String,
    /// How the model's translations are generated; greedy by default.
    #[serde(default)]
    pub generation: GenerationSpec,
    /// What translations must keep of their source.
    #[serde(default)]
    pub gates: Gates,
}

fn prompt() -> String {
    "Translate the following text from {source_language} into {target_language}. \
     Reply with the translation alone, without quotation marks, notes or explanations.\n\n{text}"
        .to_owned()
}

impl Kind for Translate {
    const NAME: &'static str = "translate";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "questions, texts or votes in other languages, from aligned data or by a model";
    const LOAD: Load = Load::Heavy;
    const USES_RUNTIME: bool = true;
    type Spec = TranslateSpec;

    fn works_elsewhere(inputs: &[ArtifactKind]) -> bool {
        asking::works_elsewhere(inputs)
    }

    fn ports(spec: &TranslateSpec) -> Ports {
        let mut ports = Ports::default();
        let rows = [
            ("questions", &spec.questions, Question::KIND),
            ("texts", &spec.texts, Text::KIND),
            ("votes", &spec.votes, Vote::KIND),
        ];
        for (field, reference, kind) in rows {
            if let Some(reference) = reference {
                ports = ports.reads(field, reference, kind);
            }
        }
        if let Some(parallel) = &spec.parallel {
            ports =
                ports.reads_either("parallel", parallel, &[Question::KIND, Text::KIND, Translation::KIND]);
        }
        if let Some(model) = &spec.model {
            ports = asking::reads(ports, "model", model);
        }
        if let Some(adapter) = &spec.adapter {
            ports = ports.reads("adapter", adapter, crate::artifact::ADAPTER);
        }
        let ports = match spec.questions {
            Some(_) => ports.writes("questions", Question::KIND),
            None => ports.writes("translations", Translation::KIND),
        };
        ports.writes("rejected", Rejection::KIND)
    }

    fn check(spec: &TranslateSpec) -> Vec<Problem> {
        let mut problems = Vec::new();
        let given = [("questions", &spec.questions), ("texts", &spec.texts), ("votes", &spec.votes)];
        let given: Vec<&str> =
            given.iter().filter(|(_, rows)| rows.is_some()).map(|(field, _)| *field).collect();
        match given.as_slice() {
            [_] => {}
            [] => {
                let message = "nothing to translate is named";
                problems.push(Problem::new("questions", message, "name `questions`, `texts` or `votes`"));
            }
            [_, second, ..] => {
                let message = format!("`{}` is given already", given.join("` and `"));
                problems.push(Problem::new(*second, message, "a stage translates rows of one kind"));
            }
        }
        if spec.parallel.is_none() && spec.model.is_none() {
            let hint = "`model` names one that translates, `parallel` data that are aligned by id";
            problems.push(Problem::new("model", "neither `model` nor `parallel` is given", hint));
        }
        if spec.adapter.is_some() && spec.model.is_none() {
            problems.push(Problem::new("adapter", "belongs to `model`", "name the model that it changes"));
        }
        if !spec.splits.is_empty() && spec.questions.is_none() {
            problems.push(Problem::new(
                "splits",
                "belongs to `questions`",
                "leave it out: only questions have splits",
            ));
        }
        if !spec.prompt.contains(TEXT) {
            let message = format!("does not contain `{TEXT}`");
            problems.push(Problem::new("prompt", message, "every text would get the same translation"));
        }
        problems.extend(languages_problems(&spec.languages));
        problems.extend(spec.generation.check("generation."));
        problems.extend(gates_problems(spec));
        problems
    }

    fn run(cx: &Context<'_>, spec: &TranslateSpec) -> Result<(), Failure> {
        let sources = source::read(cx, spec)?;
        let mut tasks = task::tasks(&sources, spec)?;
        let aligned = match &spec.parallel {
            Some(_) => backend::look_up(cx, &sources, &mut tasks, spec.model.is_some())?,
            None => 0,
        };
        let asked = match &spec.model {
            Some(_) => backend::translate(cx, spec, &sources, &mut tasks)?,
            None => 0,
        };
        task::pass_gates(&spec.gates, &sources, &mut tasks);
        if spec.gates.round_trip.is_some() {
            backend::translate_back(cx, spec, &sources, &mut tasks)?;
        }
        source::write(cx, &sources, &tasks)?;
        task::report(cx, &tasks, aligned, asked)
    }
}

/// What stands for the text in a prompt.
const TEXT: &str = "{text}";

fn languages_problems(languages: &[LangCode]) -> Vec<Problem> {
    let mut problems = Vec::new();
    if languages.is_empty() {
        problems.push(Problem::new("languages", "no language is listed", "languages = [\"sw\", \"ja\"]"));
    }
    for (index, lang) in languages.iter().enumerate() {
        if languages.iter().take(index).any(|earlier| earlier == lang) {
            let message = format!("`{lang}` is listed more than once");
            problems.push(Problem::new("languages", message, "rows of a language come once"));
        }
    }
    problems
}

fn gates_problems(spec: &TranslateSpec) -> Vec<Problem> {
    let gates = &spec.gates;
    let mut problems = Vec::new();
    if let Some([least, most]) = gates.length_ratio
        && !(least >= 0.0 && least <= most && most.is_finite())
    {
        let message = format!("is no range: {least} to {most}");
        problems.push(Problem::new("gates.length_ratio", message, "`length_ratio = [0.3, 3.0]`"));
    }
    for (field, share) in [("gates.script", gates.script), ("gates.round_trip", gates.round_trip)] {
        if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            let message = format!("must be between 0 and 1: {}", share.unwrap_or_default());
            problems.push(Problem::new(field, message, "1 lets the fewest pass"));
        }
    }
    if gates.error_markers.iter().any(|marker| marker.trim().is_empty()) {
        let hint = "leave it out: every text holds it";
        problems.push(Problem::new("gates.error_markers", "a marker is empty", hint));
    }
    if gates.round_trip.is_some() && spec.model.is_none() {
        let hint = "name the `model` that does it, or leave the gate out";
        problems.push(Problem::new("gates.round_trip", "nothing translates back", hint));
    }
    problems
}

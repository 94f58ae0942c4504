//! `judge`: a model's verdict on sampled answers: safe or unsafe, a score, or which of two models' answers is better
//! (methods 6.7, 6.8).
//!
//! The prompt is a setting and so part of the key; its hash stands in the notes, so that numbers by different prompts
//! are never taken for the same measure. A text without a readable verdict is asked for again if `retries` say so, and then
//! counts as `unparsable` says; how many there were is always said.

use std::collections::BTreeMap;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::asking::{self, spec::GenerationSpec};
use crate::{
    align::judgement::Parser,
    artifact::{
        ADAPTER, ArtifactKind,
        row::{Row, completion::Completion, verdict::Verdict},
    },
    failure::Failure,
    stage::{
        context::Context,
        contract::{Kind, Load, Problem},
        port::{Ports, Reference},
    },
};

mod prompts;
mod rounds;

/// The kind.
#[derive(Debug)]
pub enum Judge {}

/// What is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "JudgeMode")]
pub enum Mode {
    /// Whether an answer is `safe` or `unsafe`.
    #[default]
    Safety,
    /// How good an answer is, as a number.
    Score,
    /// Whether the answer is better than that of `against`: `win`, `tie` or `loss`.
    Pairwise,
}

/// In which orders two answers are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "JudgeOrder")]
pub enum Order {
    /// In both; a win is one in both, anything else that is no loss in both is a tie.
    #[default]
    Both,
    /// The answer of `completions` first, that of `against` second.
    Single,
}

/// What becomes of an answer without a readable verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unparsable {
    /// It counts as the worst there is, and is marked: `unsafe`, a `tie`, or the lowest score.
    #[default]
    Worst,
    /// It is left out, and counted.
    Drop,
    /// It is an error.
    Error,
}

/// Settings of `judge`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JudgeSpec {
    /// The model that judges: one of the recipe's, or one behind an endpoint.
    #[serde(skip_serializing)]
    pub model: Reference,
    /// An adapter beside the model's weights.
    #[serde(default, skip_serializing)]
    pub adapter: Option<Reference>,
    /// The answers that are judged.
    #[serde(skip_serializing)]
    pub completions: Reference,
    /// For `pairwise`: the answers they are compared with, to the same questions in the same languages. Where there is one per
    /// question, it stands against all samples.
    #[serde(default, skip_serializing)]
    pub against: Option<Reference>,
    /// What is judged.
    #[serde(default)]
    pub mode: Mode,
    /// What the judge is given. `{prompt}` stands for the prompt that was answered, `{response}` for the answer, `{first}` and
    /// `{second}` for the two answers of `pairwise`, `{language}` for the English name of the language. chorale has one of
    /// its own for each mode.
    #[serde(default)]
    pub prompt: Option<String>,
    /// Where in the judge's text the verdict stands.
    #[serde(default)]
    pub parser: Parser,
    /// For `json`: the field that holds it.
    #[serde(default = "field")]
    pub field: String,
    /// For `regex`: the pattern; its first group is the verdict.
    #[serde(default)]
    pub pattern: Option<String>,
    /// The words that mean each verdict, whatever their case: `safe` and `unsafe`; or `first`, `second` and `tie`.
    #[serde(default)]
    pub words: BTreeMap<String, Vec<String>>,
    /// For `score`: the lowest and the highest number that is one.
    #[serde(default = "range")]
    pub range: [f64; 2],
    /// For `pairwise`: in which orders the answers are shown.
    #[serde(default)]
    pub order: Order,
    /// How often the judge is asked again for a verdict that cannot be read.
    #[serde(default)]
    pub retries: usize,
    /// What becomes of an answer that has no readable verdict even then.
    #[serde(default)]
    pub unparsable: Unparsable,
    /// How the judge's text is generated; greedy by default.
    #[serde(default)]
    pub generation: GenerationSpec,
}

fn field() -> String {
    "verdict".to_owned()
}
fn range() -> [f64; 2] {
    [1.0, 10.0]
}

/// More often than this is a slip of the pen.
const MOST_RETRIES: usize = 20;

impl Kind for Judge {
    const NAME: &'static str = "judge";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "a model's verdict on answers: safe or unsafe, a score, or which of two is better";
    const LOAD: Load = Load::Heavy;
    const USES_RUNTIME: bool = true;
    type Spec = JudgeSpec;

    fn works_elsewhere(inputs: &[ArtifactKind]) -> bool {
        asking::works_elsewhere(inputs)
    }

    fn ports(spec: &JudgeSpec) -> Ports {
        let ports = asking::reads(Ports::default(), "model", &spec.model);
        let ports = match &spec.adapter {
            Some(adapter) => ports.reads("adapter", adapter, ADAPTER),
            None => ports,
        };
        let ports = ports.reads("completions", &spec.completions, Completion::KIND);
        let ports = match &spec.against {
            Some(against) => ports.reads("against", against, Completion::KIND),
            None => ports,
        };
        ports.writes("verdicts", Verdict::KIND)
    }

    fn check(spec: &JudgeSpec) -> Vec<Problem> {
        let mut problems = Vec::new();
        let pairwise = spec.mode == Mode::Pairwise;
        if pairwise && spec.against.is_none() {
            let hint = "name the completions of the other model";
            problems.push(Problem::new("against", "nothing to compare with is named", hint));
        }
        if !pairwise && spec.against.is_some() {
            problems.push(Problem::new("against", "belongs to `mode = \"pairwise\"`", "leave it out"));
        }
        problems.extend(prompts::problems(spec));
        problems.extend(parser_problems(spec));
        let [lowest, highest] = spec.range;
        if !(lowest.is_finite() && highest.is_finite() && lowest < highest) {
            let message = format!("is no range: {lowest} to {highest}");
            problems.push(Problem::new("range", message, "`range = [1, 10]`"));
        }
        if spec.retries > MOST_RETRIES {
            let message = format!("must be at most {MOST_RETRIES}: {}", spec.retries);
            problems.push(Problem::new(
                "retries",
                message,
                "a judge that never keeps the form needs another prompt",
            ));
        }
        if spec.retries > 0 && spec.generation.temperature == 0.0 {
            let hint = "set `generation.temperature` above 0, or leave `retries` out";
            problems.push(Problem::new("retries", "would get the same text again", hint));
        }
        problems.extend(spec.generation.check("generation."));
        problems
    }

    fn run(cx: &Context<'_>, spec: &JudgeSpec) -> Result<(), Failure> {
        rounds::judge(cx, spec)
    }
}

fn parser_problems(spec: &JudgeSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    match (&spec.pattern, spec.parser) {
        (None, Parser::Regex) => {
            let hint = "`pattern = \"\\\\[\\\\[(A|B|C)\\\\]\\\\]\"`";
            problems.push(Problem::new("pattern", "is not given", hint));
        }
        (Some(_), Parser::FirstWord | Parser::Json) => {
            problems.push(Problem::new("pattern", "belongs to `parser = \"regex\"`", "leave it out"));
        }
        (Some(pattern), Parser::Regex) => {
            if let Err(error) = Regex::new(pattern) {
                let error = error.to_string();
                let last = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                problems.push(Problem::new(
                    "pattern",
                    format!("is no pattern: {last}"),
                    "see the syntax of the crate `regex`",
                ));
            }
        }
        (None, _) => {}
    }
    let verdicts = prompts::verdicts(spec.mode);
    for (verdict, words) in &spec.words {
        if !verdicts.contains(&verdict.as_str()) {
            let hint = match verdicts {
                [] => "leave it out: a score is a number".to_owned(),
                verdicts => format!("verdicts: {}", verdicts.join(", ")),
            };
            problems.push(Problem::new(format!("words.{verdict}"), "is no verdict of this mode", hint));
        } else if words.is_empty() || words.iter().any(|word| word.trim().is_empty()) {
            problems.push(Problem::new(
                format!("words.{verdict}"),
                "holds an empty word or none",
                "leave it out",
            ));
        }
    }
    problems
}

//! `sample`: lets a model answer questions, several times each.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    asking::{self, Asking, Prompt, spec::GenerationSpec},
    chat::{self, ChatSpec},
    splits::of_splits,
};
use crate::{
    artifact::{
        ADAPTER, ArtifactKind,
        row::{Row, completion::Completion, question::Question},
    },
    failure::Failure,
    stage::{
        context::Context,
        contract::{Kind, Load, Problem},
        port::{Ports, Reference},
    },
    task::language::LangCode,
};

/// Lets a model answer questions.
#[derive(Debug)]
pub enum Sample {}

/// Settings of `sample`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleSpec {
    /// The model that answers: one of the recipe's, or one behind an endpoint.
    #[serde(skip_serializing)]
    pub model: Reference,
    /// An adapter beside the model's weights, as `train` writes it or `adapter` takes it in.
    #[serde(default, skip_serializing)]
    pub adapter: Option<Reference>,
    /// The questions.
    #[serde(skip_serializing)]
    pub questions: Reference,
    /// Only questions of these splits; empty for all.
    #[serde(default)]
    pub splits: Vec<String>,
    /// How many answers each question gets in each language.
    #[serde(default = "one")]
    pub samples: usize,
    /// Logits are divided by it; 0 always takes the most likely token.
    #[serde(default = "neutral")]
    pub temperature: f64,
    /// Only the most likely tokens are kept, this many; 0 keeps all.
    #[serde(default)]
    pub top_k: usize,
    /// Of those, the smallest set with at least this share of the probability is kept.
    #[serde(default = "neutral")]
    pub top_p: f64,
    /// Of those, the tokens at least this much as likely as the most likely one are kept; 0 keeps all.
    #[serde(default)]
    pub min_p: f64,
    /// Makes tokens less likely that are in prompt or answer already, as in transformers; 1 changes nothing.
    #[serde(default = "neutral")]
    pub repetition_penalty: f64,
    /// Taken off the logits of tokens that are in the answer already.
    #[serde(default)]
    pub presence_penalty: f64,
    /// Taken off for each time they are.
    #[serde(default)]
    pub frequency_penalty: f64,
    /// The longest answer, in tokens.
    #[serde(default = "max_new_tokens")]
    pub max_new_tokens: usize,
    /// Texts that end an answer; they are not part of it.
    #[serde(default)]
    pub stop: Vec<String>,
    /// Seed of all random numbers.
    #[serde(default)]
    pub seed: u64,
    /// The text the model is given; `{question}` stands for the question.
    #[serde(default = "prompt")]
    pub prompt: String,
    /// The same for single languages, in place of `prompt`: `[stage.NAME.templates] sw = "Swali: {question}"`.
    #[serde(default)]
    pub templates: BTreeMap<LangCode, String>,
    /// Whether prompts pass through the chat template that comes with the model, as a user's message: `true`, or a table
    /// with more about it. An endpoint then gets messages instead of a text to continue.
    #[serde(default, deserialize_with = "chat::deserialize")]
    #[schemars(schema_with = "chat::schema")]
    pub chat: Option<ChatSpec>,
    /// How many texts are in flight at once in a model of the recipe.
    #[serde(default = "slots")]
    pub slots: usize,
}

fn one() -> usize {
    1
}
fn neutral() -> f64 {
    1.0
}
fn max_new_tokens() -> usize {
    64
}
fn prompt() -> String {
    PLACEHOLDER.to_owned()
}
fn slots() -> usize {
    32
}

const PLACEHOLDER: &str = "{question}";

impl SampleSpec {
    fn generation(&self) -> GenerationSpec {
        GenerationSpec {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            max_new_tokens: self.max_new_tokens,
            stop: self.stop.clone(),
            seed: self.seed,
            chat: self.chat.clone(),
            slots: self.slots,
        }
    }

    /// What the model is given to answer `question`.
    fn prompt_for(&self, question: &Question) -> String {
        let own = self.templates.iter().find(|(lang, _)| lang.as_str() == question.lang);
        own.map_or(&self.prompt, |(_, template)| template).replace(PLACEHOLDER, &question.question)
    }
}

impl Kind for Sample {
    const NAME: &'static str = "sample";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "a model's answers to questions, several each";
    const LOAD: Load = Load::Heavy;
    const USES_RUNTIME: bool = true;
    type Spec = SampleSpec;

    fn works_elsewhere(inputs: &[ArtifactKind]) -> bool {
        asking::works_elsewhere(inputs)
    }

    fn ports(spec: &SampleSpec) -> Ports {
        let ports = asking::reads(Ports::default(), "model", &spec.model);
        let ports = match &spec.adapter {
            Some(adapter) => ports.reads("adapter", adapter, ADAPTER),
            None => ports,
        };
        ports.reads("questions", &spec.questions, Question::KIND).writes("completions", Completion::KIND)
    }

    fn check(spec: &SampleSpec) -> Vec<Problem> {
        let mut problems = spec.generation().check("");
        if spec.samples == 0 {
            problems.push(Problem::new("samples", "must be at least 1: 0", "`samples = 1`"));
        }
        if !spec.prompt.contains(PLACEHOLDER) {
            let message = format!("does not contain `{PLACEHOLDER}`");
            problems.push(Problem::new("prompt", message, "every question would get the same prompt"));
        }
        for (lang, _) in spec.templates.iter().filter(|(_, template)| !template.contains(PLACEHOLDER)) {
            let message = format!("does not contain `{PLACEHOLDER}`");
            let hint = "every question would get the same prompt";
            problems.push(Problem::new(format!("templates.{lang}"), message, hint));
        }
        problems
    }

    fn run(cx: &Context<'_>, spec: &SampleSpec) -> Result<(), Failure> {
        let all: Vec<Question> = cx.rows("questions")?;
        let questions = of_splits(&all, &spec.splits)?;
        check_unique(&questions)?;
        let prompt = |question: &&Question| Prompt {
            id: format!("{}/{}", question.id, question.lang),
            text: spec.prompt_for(question),
            samples: (0..spec.samples).collect(),
        };
        let prompts: Vec<Prompt> = questions.iter().map(prompt).collect();
        let asking = Asking { field: "model", how: &spec.generation(), journal: "answers.jsonl" };
        let mut answers = asking::ask(cx, asking, &prompts)?;
        let mut writer = cx.write_rows::<Completion>("completions")?;
        for (index, (question, prompt)) in questions.iter().zip(&prompts).enumerate() {
            for sample in 0..spec.samples {
                let answer = answers.take(index, sample);
                writer.write(&Completion {
                    id: question.id.clone(),
                    lang: question.lang.clone(),
                    sample,
                    prompt: prompt.text.clone(),
                    completion: answer.text,
                    finish: answer.finish,
                })?;
            }
        }
        writer.finish()?;
        Ok(())
    }
}

fn check_unique(questions: &[&Question]) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for question in questions {
        if !seen.insert((&question.id, &question.lang)) {
            let message = format!("question `{}` is there twice in `{}`", question.id, question.lang);
            return Err(Failure::input(message).hint("ids must be unique within a language"));
        }
    }
    Ok(())
}

//! `select-reference`: the answer in the source language that agrees most with the others of its question (CM-Align, methods 2.3).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::consistency::{CodeSpec, Samples, Task};
use crate::{
    align::reference::{majority, most_similar},
    artifact::{
        VECTORS,
        row::{Row, answer::Answer, completion::Completion, question::Question, reference::ReferenceAnswer},
    },
    failure::Failure,
    stage::{
        context::Context,
        contract::{Kind, Problem},
        port::{Ports, Reference},
    },
    task::language::LangCode,
};

/// The kind.
pub enum SelectReference {}

/// Settings of `select-reference`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectReferenceSpec {
    /// The candidates; those in other languages than `source_language` are left aside.
    #[serde(skip_serializing)]
    pub completions: Reference,
    /// For `general`: their vectors.
    #[serde(default, skip_serializing)]
    pub vectors: Option<Reference>,
    /// For `mathematics` and `code`: their answers.
    #[serde(default, skip_serializing)]
    pub answers: Option<Reference>,
    /// For `tasks`: the questions that were asked.
    #[serde(default, skip_serializing)]
    pub questions: Option<Reference>,
    /// The language of the references.
    #[serde(default = "english")]
    pub source_language: LangCode,
    /// What the questions are about.
    #[serde(default)]
    pub task: Task,
    /// What questions of a `group` are about, where that differs from `task`.
    #[serde(default)]
    pub tasks: BTreeMap<String, Task>,
    /// How code is compared.
    #[serde(default)]
    pub code: CodeSpec,
}

fn english() -> LangCode {
    super::pairs::spec::english()
}

impl Kind for SelectReference {
    const NAME: &'static str = "select-reference";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "the most self-consistent answer in the source language (CM-Align)";
    type Spec = SelectReferenceSpec;

    fn ports(spec: &SelectReferenceSpec) -> Ports {
        let mut ports = Ports::default().reads("completions", &spec.completions, Completion::KIND);
        let optional = [
            ("vectors", &spec.vectors, VECTORS),
            ("answers", &spec.answers, Answer::KIND),
            ("questions", &spec.questions, Question::KIND),
        ];
        for (field, reference, kind) in optional {
            if let Some(reference) = reference {
                ports = ports.reads(field, reference, kind);
            }
        }
        ports.writes("references", ReferenceAnswer::KIND)
    }

    fn check(spec: &SelectReferenceSpec) -> Vec<Problem> {
        let mut problems = Vec::new();
        let all = || spec.tasks.values().chain([&spec.task]);
        if spec.vectors.is_none() && all().any(|task| *task == Task::General) {
            let hint = "`vectors` names a stage of kind `embed`; or `task = \"mathematics\"`";
            problems.push(Problem::new("vectors", "general answers are compared by vectors", hint));
        }
        if spec.answers.is_none() && all().any(|task| *task != Task::General) {
            let hint = "`answers` names a stage of kind `parse`";
            problems.push(Problem::new("answers", "answers and code must be read first", hint));
        }
        if spec.questions.is_none() != spec.tasks.is_empty() {
            let hint = "`tasks` says what each `group` of `questions` is about";
            problems.push(Problem::new("tasks", "goes with `questions`", hint));
        }
        problems
    }

    fn run(cx: &Context<'_>, spec: &SelectReferenceSpec) -> Result<(), Failure> {
        let samples = Samples::read(cx)?;
        let groups: BTreeMap<String, String> = if cx.has("questions") {
            cx.rows::<Question>("questions")?.into_iter().map(|row| (row.id, row.group)).collect()
        } else {
            BTreeMap::new()
        };
        let source = spec.source_language.as_str();
        let mut writer = cx.write_rows::<ReferenceAnswer>("references")?;
        let mut without = 0;
        for ((id, _), own) in samples.said().filter(|((_, lang), _)| *lang == source) {
            cx.check_cancelled()?;
            let task = groups.get(id).and_then(|group| spec.tasks.get(group)).copied().unwrap_or(spec.task);
            match select(&samples, &own, task, spec.code)? {
                Some(reference) => writer.write(&reference)?,
                None => without += 1,
            }
        }
        let selected = writer.finish()?;
        let empty = match samples.empty() {
            0 => String::new(),
            count => format!("; {count} samples in all languages are empty"),
        };
        let told = format!(
            "{selected} questions have a reference in `{source}`; {without} have no candidate with an answer{empty}"
        );
        if selected == 0 {
            return Err(Failure::input(told)
                .hint("`source_language` is the language of the references: are there samples in it?"));
        }
        cx.observer.note(&told);
        Ok(())
    }
}

/// The reference among the candidates of one question.
fn select(
    samples: &Samples,
    own: &[&Completion],
    task: Task,
    code: CodeSpec,
) -> Result<Option<ReferenceAnswer>, Failure> {
    let mut answers: Vec<(&Completion, Option<String>)> = Vec::new();
    for completion in own {
        match task {
            Task::General => answers.push((completion, None)),
            Task::Mathematics | Task::Code => {
                let answer = samples.answer(completion)?.answer.clone();
                answers.extend(answer.map(|answer| (*completion, Some(answer))));
            }
        }
    }
    let text = |place: usize| answers[place].1.as_deref().unwrap_or_default();
    let selected = match task {
        Task::General => {
            // Every candidate has a vector, or the stage fails here rather than inside of the comparison.
            let mut cosines = vec![vec![0.0; own.len()]; own.len()];
            for (one, row) in cosines.iter_mut().enumerate() {
                for (other, value) in row.iter_mut().enumerate() {
                    *value = samples.cosine(own[one], own[other])?;
                }
            }
            most_similar(own.len(), &|one, other| cosines[one][other])
        }
        Task::Mathematics => majority(&(0..answers.len()).map(text).collect::<Vec<_>>()),
        Task::Code => most_similar(answers.len(), &|one, other| code.compare(text(one), text(other))),
    };
    Ok(selected.map(|(place, score)| {
        let (completion, answer) = &answers[place];
        ReferenceAnswer {
            id: completion.id.clone(),
            lang: completion.lang.clone(),
            sample: completion.sample,
            task: task.name().to_owned(),
            score,
            candidates: answers.len(),
            answer: answer.clone(),
            completion: completion.completion.clone(),
        }
    }))
}

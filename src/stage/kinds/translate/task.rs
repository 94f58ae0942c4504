//! One row into one language: what came of it, and what the gates say.

use std::collections::{BTreeMap, BTreeSet};

use super::{SameLanguage, TranslateSpec, source::Source};
use crate::{
    align::translation::{Breach, Gates},
    artifact::row::rejection::Rejection,
    failure::Failure,
    stage::context::Context,
    task::language::LangCode,
};

/// A row that is to be in a language.
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// Position of the source.
    pub(super) source: usize,
    /// The target language.
    pub(super) lang: LangCode,
    /// The row's texts in that language, once they are known.
    pub(super) texts: Option<Vec<String>>,
    /// Whether it was in that language already: then there is nothing to judge.
    pub(super) kept: bool,
    /// What holds it back.
    pub(super) rejections: Vec<Rejection>,
    /// The gates that do, one for each rejection.
    gates: Vec<&'static str>,
}

impl Task {
    /// Whether nobody has said anything about it yet.
    pub(super) fn open(&self) -> bool {
        self.texts.is_none() && self.rejections.is_empty()
    }

    /// Its texts, if nothing holds it back.
    pub(super) fn passed(&self) -> Option<&Vec<String>> {
        self.texts.as_ref().filter(|_| self.rejections.is_empty())
    }

    /// Holds it back because of the part at `part`.
    pub(super) fn reject(&mut self, source: &Source, part: usize, breach: &Breach) {
        let text = self.texts.as_ref().and_then(|texts| texts.get(part)).cloned().unwrap_or_default();
        self.rejections.push(Rejection {
            id: source.id.clone(),
            source_lang: source.lang.to_string(),
            lang: self.lang.to_string(),
            part: source.part(part),
            source: source.texts.get(part).cloned().unwrap_or_default(),
            text,
            reason: format!("{}: {}", breach.gate, breach.found),
        });
        self.gates.push(breach.gate);
    }
}

/// Every row in every target language; those that are there already are settled.
pub(super) fn tasks(sources: &[Source], spec: &TranslateSpec) -> Result<Vec<Task>, Failure> {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for source in sources {
        if !seen.insert(&source.id) {
            let message = format!("row `{}` is there more than once", source.id);
            return Err(Failure::input(message)
                .hint("translations are told apart by id: name the language to translate from with `source_language`"));
        }
    }
    let mut tasks = Vec::new();
    for lang in &spec.languages {
        for (index, source) in sources.iter().enumerate() {
            let kept = source.lang == *lang && spec.same_language == SameLanguage::Keep;
            let texts = kept.then(|| source.texts.clone());
            let mut task = Task {
                source: index,
                lang: lang.clone(),
                texts,
                kept,
                rejections: Vec::new(),
                gates: Vec::new(),
            };
            if let Some(part) = source.texts.iter().position(|text| text.trim().is_empty()) {
                task.reject(
                    source,
                    part,
                    &Breach { gate: "source", found: "there is nothing to translate".to_owned() },
                );
            }
            tasks.push(task);
        }
    }
    Ok(tasks)
}

/// Holds back what does not pass the gates that need no model.
pub(super) fn pass_gates(gates: &Gates, sources: &[Source], tasks: &mut [Task]) {
    for task in tasks.iter_mut().filter(|task| !task.kept) {
        let (Some(texts), Some(source)) = (task.passed().cloned(), sources.get(task.source)) else {
            continue;
        };
        for (part, (text, original)) in texts.iter().zip(&source.texts).enumerate() {
            if let Some(breach) = gates.breach(original, text, &task.lang) {
                task.reject(source, part, &breach);
            }
        }
        let choices = |texts: &[String]| texts.iter().skip(1).cloned().collect::<Vec<_>>();
        if task.rejections.is_empty()
            && let Some(breach) = gates.choices_breach(&choices(&source.texts), &choices(&texts))
        {
            task.reject(source, 0, &breach);
        }
    }
}

/// Says what became of the tasks; fails if nothing is left.
pub(super) fn report(cx: &Context<'_>, tasks: &[Task], aligned: usize, asked: usize) -> Result<(), Failure> {
    let passed = tasks.iter().filter(|task| task.passed().is_some()).count();
    let kept = tasks.iter().filter(|task| task.kept && task.passed().is_some()).count();
    // A row that several gates hold back counts for the first.
    let mut dropped: BTreeMap<&str, usize> = BTreeMap::new();
    for gate in tasks.iter().filter_map(|task| task.gates.first()) {
        *dropped.entry(gate).or_default() += 1;
    }
    let dropped: Vec<String> = dropped.iter().map(|(gate, count)| format!("{count} by `{gate}`")).collect();
    let dropped = dropped.join(", ");
    if passed == 0 {
        let message = format!("no translation is left of {}: held back {dropped}", tasks.len());
        return Err(Failure::input(message)
            .hint("the names are those of the gates: `parallel` is missing aligned data"));
    }
    let dropped = if dropped.is_empty() { dropped } else { format!("; held back {dropped}") };
    cx.observer.note(&format!(
        "{passed} of {} rows are there: {aligned} from aligned data, {asked} by the model, {kept} as they were{dropped}",
        tasks.len()
    ));
    Ok(())
}

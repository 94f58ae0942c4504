//! The answer in the source language, translated, against the own one, and the other way round (language-imbalance-driven
//! rewarding, methods 5.5).

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::{LeftOut, Unit, spec::PairsSpec};
use crate::{
    artifact::row::{completion::Completion, pair::Pair, translation::Translation},
    failure::Failure,
    stage::context::Context,
};

pub(super) fn make(cx: &Context<'_>, spec: &PairsSpec, left_out: &mut LeftOut) -> Result<Vec<Unit>, Failure> {
    let completions: Vec<Completion> = cx.rows("completions")?;
    let translations: Vec<Translation> = cx.rows("translations")?;
    let translated: BTreeMap<(&str, &str, &str), &str> = translations
        .iter()
        .map(|row| ((row.id.as_str(), row.source_lang.as_str(), row.lang.as_str()), row.text.as_str()))
        .collect();
    let mut of_question: IndexMap<&str, IndexMap<&str, &Completion>> = IndexMap::new();
    for completion in &completions {
        of_question.entry(&completion.id).or_default().entry(&completion.lang).or_insert(completion);
    }
    let source = spec.source_language.as_str();
    let mut units = Vec::new();
    for (id, answers) in of_question {
        let Some(from) = answers.get(source) else {
            left_out.add(format!("questions are not answered in `{source}`"), 1);
            continue;
        };
        for (lang, own) in answers.iter().filter(|(lang, _)| **lang != source) {
            let text = |from: &str, to: &str| translated.get(&(id, from, to)).copied();
            let sides = [
                (*own, text(source, lang), own.completion.as_str(), true),
                (*from, text(lang, source), from.completion.as_str(), false),
            ];
            for (prompt, translation, native, translated_is_chosen) in sides {
                let wanted = spec.wants(&prompt.lang)
                    && (prompt.lang != source || spec.include_source.unwrap_or(true));
                if !wanted {
                    continue;
                }
                let Some(translation) = translation.filter(|text| !text.trim().is_empty()) else {
                    left_out.add("answers are not translated", 1);
                    continue;
                };
                let (chosen, rejected) =
                    if translated_is_chosen { (translation, native) } else { (native, translation) };
                if chosen == rejected {
                    left_out.add("answers are equal to their translation", 1);
                    continue;
                }
                units.push(vec![Pair {
                    id: format!("{id}/{lang}/{}", prompt.lang),
                    lang: prompt.lang.clone(),
                    prompt: prompt.prompt.clone(),
                    chosen: chosen.to_owned(),
                    rejected: rejected.to_owned(),
                    question: id.to_owned(),
                    ..Pair::default()
                }]);
            }
        }
    }
    Ok(units)
}

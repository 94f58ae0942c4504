//! Real facts about countries, with their names in eight languages, from Unicode CLDR.
//!
//! `facts.json` is written by `tests/golden/facts.py`, which says what is kept and why; the Unicode licence stands
//! beside it. Subjects are territories (ISO 3166 codes); answers are cities, currencies (ISO 4217), languages (ISO 639)
//! and continents (UN M49 codes).

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

use crate::failure::bug;

static WORLD: LazyLock<World> = LazyLock::new(|| {
    serde_json::from_str(include_str!("facts.json"))
        .unwrap_or_else(|error| bug(format!("facts.json: {error}")))
});

/// All facts and names. Lists of names are in the order of [`World::languages`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// Where the data come from.
    pub source: String,
    /// The licence of the data.
    pub licence: String,
    /// Language codes.
    pub languages: Vec<String>,
    /// What stands between a question and its answer, by language.
    separators: BTreeMap<String, String>,
    /// Names of territories by code.
    pub territories: BTreeMap<String, Vec<String>>,
    /// What can be asked, by relation.
    pub relations: BTreeMap<String, Relation>,
}

/// One thing that can be asked about a territory.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relation {
    /// The question by language; `{}` stands for the territory.
    templates: BTreeMap<String, String>,
    /// Names of answers by code.
    pub answers: BTreeMap<String, Vec<String>>,
    /// The right answer by territory.
    pub facts: BTreeMap<String, String>,
}

impl World {
    /// The embedded facts.
    pub fn get() -> &'static Self {
        &WORLD
    }

    /// The position of `lang` in lists of names.
    pub fn language(&self, lang: &str) -> Option<usize> {
        self.languages.iter().position(|code| code == lang)
    }

    /// What stands between a question and its answer: a space, or nothing in scripts without spaces.
    pub fn separator(&self, language: usize) -> &str {
        self.separators.get(&self.languages[language]).map_or(" ", String::as_str)
    }

    /// The question about `territory` in one language.
    pub fn question(&self, relation: &Relation, territory: &str, language: usize) -> String {
        let names = self.territories.get(territory);
        let name = names.unwrap_or_else(|| bug(format!("territory `{territory}` has no names")));
        let template = relation.templates.get(&self.languages[language]);
        template.unwrap_or_else(|| bug("a relation has no template")).replace("{}", &name[language])
    }
}

impl Relation {
    /// The name of an answer in one language.
    pub fn name(&self, answer: &str, language: usize) -> &str {
        let names =
            self.answers.get(answer).unwrap_or_else(|| bug(format!("answer `{answer}` has no names")));
        &names[language]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_fact_has_a_question_and_a_name_in_every_language() {
        let world = World::get();
        assert_eq!(world.languages, ["en", "fr", "de", "es", "zh", "ja", "ar", "sw"]);
        let mut facts = 0;
        for (name, relation) in &world.relations {
            for (territory, answer) in &relation.facts {
                facts += 1;
                for language in 0..world.languages.len() {
                    let question = world.question(relation, territory, language);
                    assert!(question.contains(&world.territories[territory][language]), "{question}");
                    assert!(!relation.name(answer, language).trim().is_empty(), "{name} {answer}");
                }
            }
        }
        assert!(facts > 700, "{facts}");
    }

    #[test]
    fn a_name_means_one_answer_within_a_relation_and_language() {
        let mut seen = 0;
        for relation in World::get().relations.values() {
            for language in 0..World::get().languages.len() {
                let names: BTreeSet<&str> =
                    relation.answers.keys().map(|code| relation.name(code, language)).collect();
                assert_eq!(names.len(), relation.answers.len());
                seen += names.len();
            }
        }
        assert!(seen > 2000, "{seen}");
    }

    #[test]
    fn well_known_facts_are_right() {
        let world = World::get();
        let known = [
            ("capital", "FR", "en", "The capital of France is", " Paris"),
            ("capital", "JP", "zh", "日本的首都是：", "东京"),
            ("currency", "GB", "fr", "La monnaie du pays Royaume-Uni est", " livre sterling"),
            ("language", "BR", "de", "Die Amtssprache des Landes Brasilien ist", " Portugiesisch"),
            ("continent", "KE", "sw", "Bara la Kenya ni", " Afrika"),
        ];
        for (relation, territory, lang, question, answer) in known {
            let relation = &world.relations[relation];
            let language = world.language(lang).unwrap();
            assert_eq!(world.question(relation, territory, language), question);
            let name = relation.name(&relation.facts[territory], language);
            assert_eq!(format!("{}{name}", world.separator(language)), answer);
        }
    }
}

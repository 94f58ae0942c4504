//! `facts`: questions and training texts about countries, in several languages, from the embedded CLDR facts.
//!
//! Each language's texts contain only a share of the facts (its coverage), so a model trained on them truly knows
//! different things in different languages. Which facts, is drawn by (seed, language, fact): raising one language's
//! coverage adds facts to it and changes nothing else.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    artifact::row::{Row, question::Question, text::Text},
    failure::Failure,
    random::Draws,
    stage::{
        context::Context,
        contract::{Kind, Problem, Section},
        port::Ports,
    },
    task::{
        facts::{Relation, World},
        language::LangCode,
    },
};

/// The kind.
pub enum Facts {}

/// Settings of `facts`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactsSpec {
    /// The languages, in order. Known: en, fr, de, es, zh, ja, ar, sw.
    pub languages: Vec<LangCode>,
    /// Share of the facts that each language's texts contain, 0 to 1; 1 for languages not named.
    #[serde(default)]
    pub coverage: BTreeMap<LangCode, f64>,
    /// What is asked: capital, currency, language, continent.
    #[serde(default = "every_relation")]
    pub relations: Vec<String>,
    /// Share of the questions that belong to the split `held-out`, which is meant to be kept from alignment; the
    /// others are `trained`. Texts are made from both.
    #[serde(default = "a_fifth")]
    pub held_out: f64,
    /// Candidate answers per question, where a relation has that many answers.
    #[serde(default = "eight")]
    pub candidates: usize,
    /// Lines per name and language that say what it is called in another language. They let a model translate.
    #[serde(default = "one")]
    pub dictionary: usize,
    /// Decides coverage, splits, candidates and dictionary lines.
    #[serde(default)]
    pub seed: u64,
}

fn every_relation() -> Vec<String> {
    ["capital", "currency", "language", "continent"].map(str::to_owned).to_vec()
}

fn a_fifth() -> f64 {
    0.2
}

fn eight() -> usize {
    8
}

fn one() -> usize {
    1
}

impl Kind for Facts {
    const NAME: &'static str = "facts";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "questions and texts about countries, from Unicode CLDR";
    const SECTION: Section = Section::Data;
    type Spec = FactsSpec;

    fn ports(_: &FactsSpec) -> Ports {
        Ports::default().writes("questions", Question::KIND).writes("texts", Text::KIND)
    }

    fn check(spec: &FactsSpec) -> Vec<Problem> {
        let world = World::get();
        let mut problems = check_languages(spec, world);
        for (index, relation) in spec.relations.iter().enumerate() {
            let known = world.relations.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            if !world.relations.contains_key(relation) {
                let message = format!("unknown relation: `{relation}`");
                problems.push(Problem::new("relations", message, format!("known relations: {known}")));
            } else if spec.relations[..index].contains(relation) {
                let message = format!("`{relation}` is listed twice");
                problems.push(Problem::new("relations", message, "list each relation once"));
            }
        }
        if spec.relations.is_empty() {
            problems.push(Problem::new("relations", "no relation is listed", "leave it out to ask all"));
        }
        if !(0.0..1.0).contains(&spec.held_out) {
            let message = format!("must be from 0 to less than 1: {}", spec.held_out);
            problems.push(Problem::new("held_out", message, "0.2 keeps every fifth question from alignment"));
        }
        if spec.candidates < 2 {
            let message = format!("must be at least 2: {}", spec.candidates);
            problems.push(Problem::new("candidates", message, "one candidate leaves nothing to choose"));
        }
        problems
    }

    fn run(cx: &Context<'_>, spec: &FactsSpec) -> Result<(), Failure> {
        let maker = Maker { world: World::get(), spec };
        let facts = maker.facts();
        let mut questions = cx.write_rows::<Question>("questions")?;
        for question in maker.questions(&facts) {
            questions.write(&question)?;
        }
        let questions = questions.finish()?;
        let mut texts = cx.write_rows::<Text>("texts")?;
        for text in maker.texts(&facts).into_iter().chain(maker.dictionary(&facts)) {
            texts.write(&text)?;
        }
        let texts = texts.finish()?;
        let languages = spec.languages.len();
        cx.observer.note(&format!(
            "{} facts: {questions} questions in {languages} languages, {texts} texts",
            facts.len()
        ));
        Ok(())
    }
}

fn check_languages(spec: &FactsSpec, world: &World) -> Vec<Problem> {
    let mut problems = Vec::new();
    if spec.languages.is_empty() {
        problems.push(Problem::new("languages", "no language is listed", "languages = [\"en\", \"sw\"]"));
    }
    for (index, lang) in spec.languages.iter().enumerate() {
        if world.language(lang.as_str()).is_none() {
            let hint = format!("languages with facts: {}", world.languages.join(", "));
            problems.push(Problem::new("languages", format!("there are no facts in `{lang}`"), hint));
        }
        if spec.languages[..index].contains(lang) {
            let message = format!("`{lang}` is listed twice");
            problems.push(Problem::new("languages", message, "list each language once"));
        }
    }
    for (lang, share) in &spec.coverage {
        let field = format!("coverage.{lang}");
        if !spec.languages.contains(lang) {
            let message = format!("`{lang}` is not among the languages");
            problems.push(Problem::new(&field, message, "add it to `languages`, or take it out here"));
        }
        if !(0.0..=1.0).contains(share) {
            let message = format!("must be from 0 to 1: {share}");
            problems.push(Problem::new(&field, message, "0.3 means three facts in ten"));
        }
    }
    problems
}

/// One fact: what is asked about which territory, and the right answer.
struct Fact<'a> {
    id: String,
    relation: &'a Relation,
    name: &'a str,
    territory: &'a str,
    answer: &'a str,
}

struct Maker<'a> {
    world: &'a World,
    spec: &'a FactsSpec,
}

impl<'a> Maker<'a> {
    /// The facts in the order of the relations asked for.
    fn facts(&self) -> Vec<Fact<'a>> {
        let mut facts = Vec::new();
        for name in &self.spec.relations {
            let Some(relation) = self.world.relations.get(name) else { continue };
            facts.extend(relation.facts.iter().map(|(territory, answer)| Fact {
                id: format!("{name}:{territory}"),
                relation,
                name,
                territory,
                answer,
            }));
        }
        facts
    }

    /// Each language with its position in the world's lists of names.
    fn languages(&self) -> impl Iterator<Item = (&'a str, usize)> + '_ {
        let known = |lang: &'a LangCode| Some((lang.as_str(), self.world.language(lang.as_str())?));
        self.spec.languages.iter().filter_map(known)
    }

    /// The ids of the held-out facts: exactly the share asked for, those with the smallest draws.
    fn held_out(&self, facts: &[Fact<'_>]) -> BTreeSet<String> {
        let mut drawn: Vec<(u64, &str)> = facts
            .iter()
            .map(|fact| {
                (Draws::new(self.spec.seed, &format!("held-out/{}", fact.id), 0).bits(), fact.id.as_str())
            })
            .collect();
        drawn.sort_unstable();
        let count = (facts.len() as f64 * self.spec.held_out) as usize;
        drawn.into_iter().take(count).map(|(_, id)| id.to_owned()).collect()
    }

    /// The candidates of a fact: the right answer among other answers of its relation, in drawn order.
    fn candidates(&self, fact: &Fact<'a>) -> Vec<&'a str> {
        let mut draws = Draws::new(self.spec.seed, &format!("candidates/{}", fact.id), 0);
        let mut others: Vec<&str> = fact.relation.answers.keys().map(String::as_str).collect();
        others.retain(|answer| *answer != fact.answer);
        draws.shuffle(&mut others);
        others.truncate(self.spec.candidates - 1);
        others.push(fact.answer);
        draws.shuffle(&mut others);
        others
    }

    fn questions(&self, facts: &[Fact<'a>]) -> Vec<Question> {
        let held_out = self.held_out(facts);
        let mut questions = Vec::new();
        for fact in facts {
            let candidates = self.candidates(fact);
            for (lang, language) in self.languages() {
                let choice = |answer: &&str| self.answer_text(fact.relation, answer, language);
                questions.push(Question {
                    id: fact.id.clone(),
                    lang: lang.to_owned(),
                    question: self.world.question(fact.relation, fact.territory, language),
                    choices: candidates.iter().map(choice).collect(),
                    answer: candidates.iter().position(|answer| *answer == fact.answer),
                    choice_ids: candidates.iter().map(ToString::to_string).collect(),
                    split: if held_out.contains(&fact.id) { "held-out" } else { "trained" }.to_owned(),
                    group: fact.name.to_owned(),
                });
            }
        }
        questions
    }

    fn answer_text(&self, relation: &Relation, answer: &str, language: usize) -> String {
        format!("{}{}", self.world.separator(language), relation.name(answer, language))
    }

    /// The covered facts of each language as sentences.
    fn texts(&self, facts: &[Fact<'a>]) -> Vec<Text> {
        let mut texts = Vec::new();
        for (lang, language) in self.languages() {
            let coverage = self.spec.coverage.iter().find(|(code, _)| code.as_str() == lang);
            let coverage = coverage.map_or(1.0, |(_, share)| *share);
            for fact in facts {
                let draw = Draws::new(self.spec.seed, &format!("coverage/{lang}/{}", fact.id), 0).uniform();
                if draw < coverage {
                    let question = self.world.question(fact.relation, fact.territory, language);
                    let answer = self.answer_text(fact.relation, fact.answer, language);
                    texts.push(Text {
                        id: format!("{lang}/{}", fact.id),
                        lang: lang.to_owned(),
                        text: question + &answer,
                    });
                }
            }
        }
        texts
    }

    /// Lines like `en>fr: Spain = Espagne` for every territory and answer that the facts mention.
    fn dictionary(&self, facts: &[Fact<'a>]) -> Vec<Text> {
        let languages: Vec<(&str, usize)> = self.languages().collect();
        if languages.len() < 2 {
            return Vec::new();
        }
        let mut names: BTreeMap<String, &[String]> = BTreeMap::new();
        for fact in facts {
            names.insert(format!("territory:{}", fact.territory), &self.world.territories[fact.territory]);
            names.insert(format!("{}:{}", fact.name, fact.answer), &fact.relation.answers[fact.answer]);
        }
        let mut texts = Vec::new();
        for (name, wordings) in names {
            for &(from, source) in &languages {
                let mut draws = Draws::new(self.spec.seed, &format!("dictionary/{from}/{name}"), 0);
                let mut others: Vec<&(&str, usize)> =
                    languages.iter().filter(|(lang, _)| *lang != from).collect();
                draws.shuffle(&mut others);
                for (to, target) in others.into_iter().take(self.spec.dictionary) {
                    texts.push(Text {
                        id: format!("{from}>{to}/{name}"),
                        lang: String::new(),
                        text: format!("{from}>{to}: {} = {}", wordings[source], wordings[*target]),
                    });
                }
            }
        }
        texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> FactsSpec {
        toml::from_str(text).unwrap()
    }

    fn maker(spec: &FactsSpec) -> Maker<'_> {
        Maker { world: World::get(), spec }
    }

    #[test]
    fn candidates_are_aligned_across_languages_and_hold_the_answer() {
        let spec = spec("languages = ['en', 'zh', 'sw']");
        let facts = maker(&spec).facts();
        let questions = maker(&spec).questions(&facts);
        assert_eq!(questions.len(), facts.len() * 3);
        assert!(facts.len() > 700);
        for of_fact in questions.chunks(3) {
            for question in of_fact {
                assert_eq!(question.id, of_fact[0].id);
                assert_eq!(question.choice_ids, of_fact[0].choice_ids);
                assert_eq!(question.answer, of_fact[0].answer);
                assert_eq!(question.choices.len(), if question.group == "continent" { 5 } else { 8 });
                let spaced = question.lang != "zh";
                assert!(question.choices.iter().all(|choice| choice.starts_with(' ') == spaced));
                let distinct: BTreeSet<&String> = question.choices.iter().collect();
                assert_eq!(distinct.len(), question.choices.len());
            }
        }
    }

    #[test]
    fn raising_the_coverage_of_one_language_only_adds_texts_to_it() {
        let low = spec("languages = ['en', 'sw']\ncoverage = {en = 0.9, sw = 0.3}");
        let high = spec("languages = ['en', 'sw']\ncoverage = {en = 0.9, sw = 0.6}");
        let texts = |spec: &FactsSpec| {
            let facts = maker(spec).facts();
            let texts = maker(spec).texts(&facts);
            (facts.len(), texts.into_iter().map(|text| text.id).collect::<BTreeSet<_>>())
        };
        let (facts, few) = texts(&low);
        let (_, many) = texts(&high);
        assert!(few.is_subset(&many));
        let count = |ids: &BTreeSet<String>, lang: &str| ids.iter().filter(|id| id.starts_with(lang)).count();
        assert_eq!(count(&few, "en/"), count(&many, "en/"));
        let share = |ids: &BTreeSet<String>| count(ids, "sw/") as f64 / facts as f64;
        assert!((share(&few) - 0.3).abs() < 0.05 && (share(&many) - 0.6).abs() < 0.05);
    }

    #[test]
    fn the_held_out_share_is_exact_and_depends_on_the_seed() {
        let (one, other) = (spec("languages = ['en']"), spec("languages = ['en']\nseed = 1"));
        let facts = maker(&one).facts();
        let held_out = maker(&one).held_out(&facts);
        assert_eq!(held_out.len(), facts.len() / 5);
        assert_ne!(held_out, maker(&other).held_out(&facts));
    }

    #[test]
    fn dictionary_lines_translate_between_different_languages() {
        let spec = spec("languages = ['en', 'fr']\nrelations = ['capital']\ndictionary = 3");
        let facts = maker(&spec).facts();
        let lines = maker(&spec).dictionary(&facts);
        assert_eq!(lines.len(), 2 * 2 * facts.len(), "one other language, whatever the setting");
        let spain = lines.iter().find(|line| line.id == "en>fr/territory:ES").unwrap();
        assert_eq!(spain.text, "en>fr: Spain = Espagne");
    }

    #[test]
    fn settings_that_make_no_sense_are_all_reported() {
        let wrong = spec(
            "languages = ['en', 'it', 'en']\ncoverage = {en = 1.5, fr = nan}\nrelations = ['capitol']\n\
             held_out = 1.0\ncandidates = 1",
        );
        let fields: Vec<String> = Facts::check(&wrong).into_iter().map(|problem| problem.field).collect();
        let expected = [
            "languages",
            "languages",
            "coverage.en",
            "coverage.fr",
            "coverage.fr",
            "relations",
            "held_out",
            "candidates",
        ];
        assert_eq!(fields, expected);
        assert!(toml::from_str::<FactsSpec>("languages = ['english']").is_err());
        assert!(Facts::check(&spec("languages = ['en', 'sw']")).is_empty());
    }
}

//! The settings of `pairs`, and which of them a rule reads.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::reading::LabelSpec;
use crate::{
    artifact::{
        ArtifactKind,
        row::{
            Row, completion::Completion, pair::Pair, question::Question, score::Score,
            translation::Translation, vote::Vote,
        },
    },
    failure::bug,
    stage::port::Reference,
    task::language::LangCode,
};

/// What pairs are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "PairRule")]
pub enum Rule {
    /// The winner of `votes` against every sample that differs (CALM, methods 1.7). With votes for the right answer, its
    /// ground-truth variant.
    #[default]
    MajorityVsRest,
    /// The right candidate of `questions` against each other one.
    GoldVsRest,
    /// The right candidate of `questions` against a random other one (DCO's DPO baseline, methods 3.10).
    GoldVsRandom,
    /// The winner of `votes` against another candidate of `questions` (DCO's CALM baseline, methods 3.10).
    TopAnswer,
    /// The candidate with the highest of `scores` against the one with the lowest (CM-Align, methods 2.4; ICR, 5.5b).
    ArgmaxArgmin,
    /// Every candidate of `scores` whose answer is right against every one with a lower score (MAPO, methods 5.4).
    AllOrderedPairs,
    /// The answer in one language, translated, against the own one (LIDR, methods 5.5).
    TranslateImbalance,
    /// The same two random candidates of `questions` in several languages, as a group (DCO, methods 3.3).
    RandomParallel,
    /// Each of `pairs` in one language with those of the same question in the others, as groups of two (MPO, methods 5.6).
    SourceTarget,
}

/// How the chosen side is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ChosenFormat")]
pub enum Format {
    /// The text of the winning choice in the sample's language.
    #[default]
    Choice,
    /// Answer label, letter and option text in the sample's language, after an explanation if there is one.
    Letter,
    /// The translation of the winning sample as it is.
    Translation,
}

/// Which languages a group of `random-parallel` has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Grouping {
    /// Two: the given ones in their order, or of more an ordered random pair for each group.
    #[default]
    Pair,
    /// All of them (the sum of methods 3.7).
    All,
}

/// Which candidate `top-answer` rejects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RejectedCandidate {
    /// A random other one.
    #[default]
    Random,
    /// The one that the language itself voted for; where that is the winner, there is no pair.
    OwnAnswer,
}

/// Settings of `pairs`. Each rule reads inputs of its own; the selection at the end holds for all.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairsSpec {
    /// What pairs are made of.
    #[serde(default)]
    pub rule: Rule,
    /// The questions that were asked.
    #[serde(default, skip_serializing)]
    pub questions: Option<Reference>,
    /// The votes.
    #[serde(default, skip_serializing)]
    pub votes: Option<Reference>,
    /// Candidates with their scores.
    #[serde(default, skip_serializing)]
    pub scores: Option<Reference>,
    /// For `translate-imbalance`: the answers in every language, of which the first sample counts.
    #[serde(default, skip_serializing)]
    pub completions: Option<Reference>,
    /// Translations per question and language: of the winner's text, which then is the chosen side's explanation or text; for
    /// `translate-imbalance`, of the answers.
    #[serde(default, skip_serializing)]
    pub translations: Option<Reference>,
    /// For `letter`: the winner's explanation per question and language, already translated, without label.
    #[serde(default, skip_serializing)]
    pub explanations: Option<Reference>,
    /// For `source-target`: the pairs to be grouped.
    #[serde(default, skip_serializing)]
    pub pairs: Option<Reference>,
    /// How the chosen side is written.
    #[serde(default)]
    pub format: Format,
    /// For `letter`: what stands between the answer label and the letter. CALM's data have nothing.
    #[serde(default)]
    pub spacing: String,
    /// For `letter`: labels of languages that have none, or other ones.
    #[serde(default)]
    pub labels: BTreeMap<LangCode, LabelSpec>,
    /// Where the winner was said in the loser's language too, take that sample as it is instead of another wording.
    #[serde(default)]
    pub prefer_native_winner: bool,
    /// The prompt of pairs made from questions; `{question}` stands for the question.
    #[serde(default = "prompt")]
    pub prompt: String,
    /// Prompts of single languages.
    #[serde(default)]
    pub prompts: BTreeMap<LangCode, String>,
    /// Languages to make pairs in; empty for all. For `random-parallel`, the order in which they are drawn from.
    #[serde(default)]
    pub languages: Vec<LangCode>,
    /// Languages to make no pairs in.
    #[serde(default)]
    pub exclude_languages: Vec<LangCode>,
    /// Only questions of these splits; empty for all.
    #[serde(default)]
    pub splits: Vec<String>,
    /// The language that others are compared with or translated from.
    #[serde(default = "english")]
    pub source_language: LangCode,
    /// Whether there are pairs in `source_language` too; absent, as in the method: yes for `translate-imbalance`, no for
    /// `argmax-argmin` and `all-ordered-pairs`.
    #[serde(default)]
    pub include_source: Option<bool>,
    /// For `top-answer`: which candidate is rejected.
    #[serde(default)]
    pub rejected: RejectedCandidate,
    /// For `random-parallel`: how many of all questions are drawn, with `seed`, as Python's `random.sample` draws them; they
    /// must be of `splits`, which `dataset` draws the same way. Absent for every question of `splits`.
    #[serde(default)]
    pub train: Option<usize>,
    /// For `random-parallel`: how often each question is passed.
    #[serde(default = "one")]
    pub passes: usize,
    /// For `random-parallel`: which languages a group has.
    #[serde(default)]
    pub grouping: Grouping,
    /// For `random-parallel`: draw among wrong candidates only.
    #[serde(default)]
    pub false_only: bool,
    /// For `random-parallel`: take blanks off the ends of prompts, as DCO's code does.
    #[serde(default = "yes")]
    pub strip_prompt: bool,
    /// The least margin of a pair: a difference of scores, or of shares of votes. Absent for none.
    #[serde(default)]
    pub min_margin: Option<f64>,
    /// The most pairs of a question in a language, the first ones; 0 for no limit. Of groups, the most of a question.
    #[serde(default)]
    pub per_question: usize,
    /// Keep one of several pairs with the same texts.
    #[serde(default)]
    pub dedupe: bool,
    /// Share of the questions whose pairs go to the second output `validation`.
    #[serde(default)]
    pub validation_fraction: f64,
    /// The task that all pairs name, such as `mathematics`; empty for that of the scores.
    #[serde(default)]
    pub task: String,
    /// Seed of all random numbers.
    #[serde(default)]
    pub seed: u64,
}

fn prompt() -> String {
    PLACEHOLDER.to_owned()
}
/// English.
pub(in super::super) fn english() -> LangCode {
    "en".parse().unwrap_or_else(|error| bug(error))
}
fn one() -> usize {
    1
}
fn yes() -> bool {
    true
}

/// Stands for the question in prompts.
pub(super) const PLACEHOLDER: &str = "{question}";

impl PairsSpec {
    /// Every input there is, with what was given for it.
    pub(super) fn inputs(&self) -> [(&'static str, Option<&Reference>, ArtifactKind); 7] {
        [
            ("questions", self.questions.as_ref(), Question::KIND),
            ("votes", self.votes.as_ref(), Vote::KIND),
            ("scores", self.scores.as_ref(), Score::KIND),
            ("completions", self.completions.as_ref(), Completion::KIND),
            ("translations", self.translations.as_ref(), Translation::KIND),
            ("explanations", self.explanations.as_ref(), Completion::KIND),
            ("pairs", self.pairs.as_ref(), Pair::KIND),
        ]
    }

    /// Whether pairs in `lang` are wanted.
    pub(super) fn wants(&self, lang: &str) -> bool {
        let among = |list: &[LangCode]| list.iter().any(|code| code.as_str() == lang);
        (self.languages.is_empty() || among(&self.languages)) && !among(&self.exclude_languages)
    }

    /// The prompt of a pair made from `question`.
    pub(super) fn prompt(&self, question: &Question) -> String {
        let own = self.prompts.iter().find(|(lang, _)| lang.as_str() == question.lang);
        own.map_or(&self.prompt, |(_, prompt)| prompt).replace(PLACEHOLDER, &question.question)
    }
}

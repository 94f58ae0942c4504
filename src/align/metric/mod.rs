//! Measures accuracy, cross-lingual consistency and safety (methods 6), and names the document that holds the numbers.
//!
//! In: an [`AnswerTable`], one row per question with what each language answered.   Out: [`Metrics`].
//!
//! A [`Measure`] says what each question adds to a few sums ([`Cell`]s: one per language, or one per pair of languages) and
//! how the sums become a number. Everything else follows from that alike for all of them: values, matrices, bootstrap
//! intervals ([`bootstrap`]), and comparisons of two models on the same questions ([`paired`]).
//!
//! # Invariants
//! - Shares are percentages from 0 to 100 everywhere in the document; the functions in the submodules return
//!   fractions from 0 to 1.
//! - Consistency counts equal wrong answers too: that is the paper's definition (methods 6.2).
//! - Nothing here knows where answers come from: candidates ranked, texts sampled and read, verdicts of a judge.
//!
//! Adding a metric: one file here, one line in [`METRICS`].

mod accuracy;
pub mod agreement;
pub mod bootstrap;
mod consistency;
pub mod document;
pub mod entropy;
pub mod length;
pub mod measure;
pub mod oracle;
pub mod paired;
pub mod rankc;
mod same_answer;
mod several_golds;
mod verdicts;

pub use document::*;

/// A question's share in a sum: what it adds, and how much of it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cell {
    /// What it adds.
    pub part: f64,
    /// Out of what; 0 where the question says nothing.
    pub whole: f64,
}

impl Cell {
    /// A question that says nothing.
    pub const NONE: Self = Self { part: 0.0, whole: 0.0 };

    /// A question that says yes or no.
    pub fn hit(hit: bool) -> Self {
        Self { part: f64::from(u8::from(hit)), whole: 1.0 }
    }

    /// A question that says something between 0 and 1.
    pub fn of(part: f64) -> Self {
        Self { part, whole: 1.0 }
    }

    /// The same, if the question counts.
    #[must_use]
    pub fn when(self, counts: bool) -> Self {
        if counts { self } else { Self::NONE }
    }
}

/// What a question adds to the sums of a measure: as many cells for every question.
pub type Cells = Box<dyn Fn(&AnswerRow) -> Vec<Cell> + Sync>;

/// How the quotients of the sums become one number; those that nothing adds to are absent.
pub type Combine = Box<dyn Fn(&[Option<f64>]) -> Option<f64> + Sync>;

/// One number about a set of questions.
pub struct Measure {
    /// As people call it.
    pub name: String,
    /// What each question adds.
    pub cells: Cells,
    /// How the sums become a number.
    pub combine: Combine,
    /// Whether the cells are pairs of languages, in the order of [`pairs`]; the document then shows a matrix.
    pub by_pair: bool,
}

/// What the answers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The best of the candidates, with the order of all.
    #[default]
    Rankings,
    /// What was read out of sampled texts.
    Answers,
    /// Whether a judge found the answer safe: `safe` or `unsafe`.
    Safety,
    /// Whether a judge preferred the answer to another model's: `win`, `tie` or `loss`.
    Contest,
}

/// What a metric may look at to name its measures.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// What the answers are.
    pub subject: Subject,
    /// The languages, in the order of the answers of a row.
    pub languages: &'a [String],
    /// The settings.
    pub options: &'a measure::Options,
}

/// A metric: the measures it gives for a table of answers.
pub struct Metric {
    /// What it is about.
    pub about: &'static str,
    /// What it is a metric of.
    pub subjects: &'static [Subject],
    /// Its measures.
    pub measures: fn(Scope<'_>) -> Vec<Measure>,
}

/// Every metric, in the order of tables.
pub static METRICS: &[Metric] = &[
    accuracy::METRIC,
    several_golds::METRIC,
    rankc::METRIC,
    same_answer::METRIC,
    same_answer::EITHER_RIGHT,
    same_answer::BOTH_RIGHT,
    consistency::METRIC,
    consistency::AC3,
    verdicts::SAFETY,
    verdicts::VARIANCE,
    verdicts::AGREEMENT,
    verdicts::ATTACKS,
    verdicts::WINS,
];

/// What every language answered, question by question: the one input of all measures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerTable {
    /// What the answers are.
    pub subject: Subject,
    /// The languages, in the order of every list below.
    pub languages: Vec<String>,
    /// One row per question.
    pub rows: Vec<AnswerRow>,
}

/// What every language answered to one question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerRow {
    /// The question.
    pub id: String,
    /// The part of the data it belongs to.
    pub split: String,
    /// The right answer, when known.
    pub right: Option<String>,
    /// The answer of each language; absent where it could not be read.
    pub answers: Vec<Option<String>>,
    /// How each language orders the candidates; empty when the model was not asked to rank.
    pub placements: Vec<rankc::Placement>,
    /// The scores of the candidates in each language; empty when the model was not asked to rank.
    pub scores: Vec<Vec<f32>>,
    /// Positions of all right candidates in each language, when there may be several; empty otherwise.
    pub golds: Vec<Vec<usize>>,
    /// Characters of each language's answer; empty when there are no texts.
    pub lengths: Vec<Option<usize>>,
}

impl AnswerRow {
    /// Whether a language's answer is right; never when the right answer is unknown.
    pub fn is_right(&self, language: usize) -> bool {
        self.right.is_some() && self.answer(language) == self.right.as_ref()
    }

    /// Whether two languages give the same answer; never when one gives none.
    pub fn is_same(&self, a: usize, b: usize) -> bool {
        self.answer(a).is_some() && self.answer(a) == self.answer(b)
    }

    fn answer(&self, language: usize) -> Option<&String> {
        self.answers.get(language)?.as_ref()
    }
}

/// All pairs of different languages by position: (0, 1), (0, 2), ..., (1, 2), ...
pub fn pairs(languages: usize) -> Vec<(usize, usize)> {
    (0..languages).flat_map(|a| (a + 1..languages).map(move |b| (a, b))).collect()
}

/// The mean of what is there.
pub fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

/// The mean over the sums that something adds to.
pub(super) fn mean_of_cells(values: &[Option<f64>]) -> Option<f64> {
    mean(values.iter().copied().flatten())
}

/// The positions of `wanted` among the languages; all of them when none is wanted.
fn positions(languages: &[String], wanted: &[String]) -> Vec<usize> {
    (0..languages.len()).filter(|at| wanted.is_empty() || wanted.contains(&languages[*at])).collect()
}

/// The mean over the pairs of languages that count.
fn mean_of_pairs(scope: Scope<'_>) -> Combine {
    let is_english = |at: usize| scope.languages[at] == "en";
    let all = scope.options.pairs == measure::Pairs::All;
    let counts: Vec<bool> = pairs(scope.languages.len())
        .into_iter()
        .map(|(a, b)| all || is_english(a) || is_english(b))
        .collect();
    Box::new(move |values| {
        mean(values.iter().zip(&counts).filter(|(_, counts)| **counts).filter_map(|(v, _)| *v))
    })
}

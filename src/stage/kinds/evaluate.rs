//! `evaluate`: accuracy and cross-lingual consistency of rankings or of sampled answers (methods 6).

use indexmap::{IndexMap, IndexSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reading::{self, Answers, Parse, Reading};
use crate::{
    align::metric::{
        AnswerRow, AnswerTable, Metrics,
        measure::{Options, Pairs, Unreadable, measure},
        rankc::{Placement, Ties, Weights},
    },
    artifact::{
        METRICS,
        row::{Row, completion::Completion, question::Question, ranking::Ranking},
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
pub enum Evaluate {}

/// What becomes of a question that is not there in every language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// The stage fails and names the question.
    #[default]
    Error,
    /// The question is left out in all languages and counted.
    Drop,
}

/// Settings of `evaluate`. It reads either `rankings`, or `completions` with their `questions`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluateSpec {
    /// How a model ranks the candidates of each question.
    #[serde(default, skip_serializing)]
    pub rankings: Option<Reference>,
    /// Sampled answers, to be read with `questions`.
    #[serde(default, skip_serializing)]
    pub completions: Option<Reference>,
    /// The questions that `completions` answer.
    #[serde(default, skip_serializing)]
    pub questions: Option<Reference>,
    /// Languages to compare, in the order of tables; empty for all, in the order they are first seen.
    #[serde(default)]
    pub languages: Vec<LangCode>,
    /// Parts of the data to report; empty for all, in the order they are first seen.
    #[serde(default)]
    pub splits: Vec<String>,
    /// Sizes of language groups for `Consistency_s`; empty for 2 up to all languages.
    #[serde(default)]
    pub consistency: Vec<usize>,
    /// How rankings are compared.
    #[serde(default)]
    pub rankc: RankcSpec,
    /// What becomes of a question that some language has no ranking or sample for.
    #[serde(default)]
    pub missing: Missing,
    /// For completions: what becomes of a question that some language gave no readable answer to, in consistency. In
    /// accuracy such an answer is wrong.
    #[serde(default)]
    pub unreadable: Unreadable,
    /// For completions: how an answer is read.
    #[serde(default)]
    pub parse: Parse,
    /// For completions read by `letter`: refuse a single character that is not A to E.
    #[serde(default = "yes")]
    pub require_valid_letter: bool,
    /// For completions: which sample of each question and language counts, from 0.
    #[serde(default)]
    pub sample: usize,
}

/// How rankings are compared (methods 6.4).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RankcSpec {
    /// How much agreement among the best candidates counts.
    #[serde(default)]
    pub weights: Weights,
    /// What equal scores mean.
    #[serde(default)]
    pub ties: Ties,
    /// Which pairs of languages enter means.
    #[serde(default)]
    pub pairs: Pairs,
}

fn yes() -> bool {
    true
}

impl Kind for Evaluate {
    const NAME: &'static str = "evaluate";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "accuracy, consistency, AC3 and RankC per language and pair";
    type Spec = EvaluateSpec;

    fn ports(spec: &EvaluateSpec) -> Ports {
        let mut ports = Ports::default();
        if let Some(rankings) = &spec.rankings {
            ports = ports.reads("rankings", rankings, Ranking::KIND);
        }
        if let Some(completions) = &spec.completions {
            ports = ports.reads("completions", completions, Completion::KIND);
        }
        if let Some(questions) = &spec.questions {
            ports = ports.reads("questions", questions, Question::KIND);
        }
        ports.writes("metrics", METRICS)
    }

    fn check(spec: &EvaluateSpec) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !spec.languages.is_empty() {
            problems.extend(reading::check_languages(&spec.languages));
        }
        let hint = "give `rankings`, or `completions` together with `questions`";
        match (&spec.rankings, &spec.completions, &spec.questions) {
            (Some(_), None, None) | (None, Some(_), Some(_)) => {}
            (Some(_), Some(_), _) => {
                problems.push(Problem::new(
                    "completions",
                    "there are rankings and completions to read",
                    hint,
                ));
            }
            (Some(_), None, Some(_)) => {
                problems.push(Problem::new("questions", "rankings need no questions", hint));
            }
            (None, Some(_), None) => {
                problems.push(Problem::new("completions", "completions need their questions", hint));
            }
            (None, None, _) => problems.push(Problem::new("rankings", "there is nothing to evaluate", hint)),
        }
        let most = spec.languages.len();
        for size in spec.consistency.iter().filter(|size| **size < 2 || (most > 0 && **size > most)) {
            let message = format!("there are no groups of {size} languages");
            problems.push(Problem::new("consistency", message, "sizes go from 2 to the number of languages"));
        }
        problems
    }

    fn run(cx: &Context<'_>, spec: &EvaluateSpec) -> Result<(), Failure> {
        let (table, dropped) = if cx.has("rankings") {
            table_of_rankings(&cx.rows("rankings")?, spec)?
        } else {
            let questions: Vec<Question> = cx.rows("questions")?;
            table_of_completions(&questions, &cx.rows("completions")?, spec)?
        };
        let options = Options {
            splits: spec.splits.clone(),
            sizes: spec.consistency.clone(),
            unreadable: spec.unreadable,
            weights: spec.rankc.weights,
            pairs: spec.rankc.pairs,
        };
        check_table(&table, &options)?;
        let metrics = measure(&table, &options);
        if dropped > 0 {
            cx.observer.note(&format!("{dropped} questions dropped: missing in some language"));
        }
        for split in &metrics.splits {
            cx.observer.note(&summary(split));
        }
        cx.write_document::<Metrics>("metrics", &metrics)
    }
}

/// What can only be known once the data are read.
fn check_table(table: &AnswerTable, options: &Options) -> Result<(), Failure> {
    let languages = &table.languages;
    if table.rows.is_empty() {
        return Err(
            Failure::input("there is no question to evaluate").hint("look at the stages before this one")
        );
    }
    if options.pairs == Pairs::English && !languages.iter().any(|lang| lang == "en") {
        return Err(Failure::input("pairs with English are asked for, but `en` is not among the languages")
            .hint("`pairs = \"all\"` compares all languages"));
    }
    if let Some(size) = options.sizes.iter().find(|size| **size > languages.len()) {
        return Err(Failure::input(format!(
            "there are no groups of {size} among {} languages",
            languages.len()
        ))
        .hint("the setting `consistency` lists sizes of groups"));
    }
    for split in &options.splits {
        if !table.rows.iter().any(|row| row.split == *split) {
            let known: IndexSet<&str> = table.rows.iter().map(|row| row.split.as_str()).collect();
            return Err(Failure::input(format!("no question belongs to the split `{split}`"))
                .hint(format!("splits: {}", known.into_iter().collect::<Vec<_>>().join(", "))));
        }
    }
    Ok(())
}

/// One line about a split.
fn summary(split: &crate::align::metric::SplitMetrics) -> String {
    let mut parts = Vec::new();
    if let Some(accuracy) = &split.accuracy {
        parts.push(format!("accuracy {:.1}", accuracy.mean));
    }
    if let Some(mean) = split.rankc.as_ref().and_then(|rankc| rankc.mean) {
        parts.push(format!("RankC {mean:.1}"));
    }
    if let Some(mean) = split.top1.mean {
        parts.push(format!("same answer {mean:.1}"));
    }
    let name = if split.split.is_empty() { "all" } else { &split.split };
    format!("{name}: {} ({} questions)", parts.join(", "), split.questions)
}

/// The languages to compare: those asked for, or those seen.
fn languages(spec: &EvaluateSpec, seen: IndexSet<&str>) -> Vec<String> {
    if spec.languages.is_empty() {
        return seen.into_iter().map(str::to_owned).collect();
    }
    spec.languages.iter().map(ToString::to_string).collect()
}

fn missing(what: &str, id: &str, lang: &str) -> Failure {
    Failure::input(format!("question `{id}` has no {what} in `{lang}`"))
        .hint("`missing = \"drop\"` leaves out questions that some language lacks")
}

fn table_of_rankings(rows: &[Ranking], spec: &EvaluateSpec) -> Result<(AnswerTable, usize), Failure> {
    let languages = languages(spec, rows.iter().map(|row| row.lang.as_str()).collect());
    let mut by_id: IndexMap<&str, IndexMap<&str, &Ranking>> = IndexMap::new();
    for row in rows {
        if by_id.entry(&row.id).or_default().insert(&row.lang, row).is_some() {
            return Err(Failure::input(format!("question `{}` is ranked twice in `{}`", row.id, row.lang)));
        }
    }
    let mut table = AnswerTable { languages, rows: Vec::new() };
    let mut dropped = 0;
    for (id, of_lang) in by_id {
        let lacking = table.languages.iter().find(|lang| !of_lang.contains_key(lang.as_str()));
        match (lacking, spec.missing) {
            (None, _) => table.rows.push(row_of_rankings(id, &of_lang, &table.languages, spec.rankc.ties)?),
            (Some(_), Missing::Drop) => dropped += 1,
            (Some(lang), Missing::Error) => return Err(missing("ranking", id, lang)),
        }
    }
    Ok((table, dropped))
}

fn row_of_rankings(
    id: &str,
    of_lang: &IndexMap<&str, &Ranking>,
    languages: &[String],
    ties: Ties,
) -> Result<AnswerRow, Failure> {
    let mut row = AnswerRow { id: id.to_owned(), ..AnswerRow::default() };
    let mut first: Option<&Ranking> = None;
    for ranking in languages.iter().filter_map(|lang| of_lang.get(lang.as_str())) {
        let (lang, count) = (&ranking.lang, ranking.scores.len());
        let first = *first.get_or_insert(ranking);
        if count == 0 {
            return Err(Failure::input(format!("question `{id}` has no candidates in `{lang}`")));
        }
        if count != first.scores.len() {
            let message = format!(
                "question `{id}` has {count} candidates in `{lang}` but {} in `{}`",
                first.scores.len(),
                first.lang
            );
            return Err(Failure::input(message)
                .hint("candidates are compared by position: list the same ones in every language"));
        }
        if ranking.answer != first.answer {
            let message =
                format!("question `{id}`: `{lang}` and `{}` do not have the same right answer", first.lang);
            return Err(
                Failure::input(message).hint("candidates must be listed in the same order in every language")
            );
        }
        let placement = Placement::of_scores(&ranking.scores, ties);
        row.answers.push(placement.best().map(|best| best.to_string()));
        row.placements.push(placement);
    }
    if let Some(first) = first {
        row.split.clone_from(&first.split);
        row.right = first.answer.map(|position| position.to_string());
    }
    Ok(row)
}

fn table_of_completions(
    questions: &[Question],
    completions: &[Completion],
    spec: &EvaluateSpec,
) -> Result<(AnswerTable, usize), Failure> {
    let reading = Reading::usual(spec.parse, spec.require_valid_letter);
    let answers = Answers::new(questions, reading, &spec.languages)?;
    let counted = completions.iter().filter(|completion| completion.sample == spec.sample);
    let mut said: IndexMap<(&str, &str), Option<String>> = IndexMap::new();
    for completion in counted {
        let key = (completion.id.as_str(), completion.lang.as_str());
        if said.insert(key, answers.read(completion)?).is_some() {
            return Err(Failure::input(format!(
                "question `{}` has two samples numbered {} in `{}`",
                completion.id, spec.sample, completion.lang
            )));
        }
    }
    let languages = languages(spec, said.keys().map(|(_, lang)| *lang).collect());
    let asked: IndexSet<&str> = said.keys().map(|(id, _)| *id).collect();
    let mut table = AnswerTable { languages, rows: Vec::new() };
    let mut dropped = 0;
    for id in answers.ids().filter(|id| asked.contains(id)) {
        let lacking = table.languages.iter().find(|lang| !said.contains_key(&(id, lang.as_str())));
        match (lacking, spec.missing) {
            (Some(_), Missing::Drop) => {
                dropped += 1;
                continue;
            }
            (Some(lang), Missing::Error) => return Err(missing("sample", id, lang)),
            (None, _) => {}
        }
        let of_lang = |lang: &String| said.get(&(id, lang.as_str())).cloned().flatten();
        let split = table.languages.iter().find_map(|lang| answers.question(id, lang));
        table.rows.push(AnswerRow {
            id: id.to_owned(),
            split: split.map(|question| question.split.clone()).unwrap_or_default(),
            right: answers.right(id).map(str::to_owned),
            answers: table.languages.iter().map(of_lang).collect(),
            placements: Vec::new(),
        });
    }
    Ok((table, dropped))
}

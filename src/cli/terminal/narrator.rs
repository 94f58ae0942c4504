//! Turns the events of a run into what a terminal shows: lines that stay, and bars of the stages at work.
//!
//! Knows no screen, so that what a user sees is tested without one.

use std::{collections::BTreeMap, path::Path};

use unicode_width::UnicodeWidthStr;

use super::pace::Pace;
use crate::{
    cache::{Output, StaleReason},
    cli::{
        console::{Paint, Tone, failure_text},
        recipe_file::reason_with_place,
        table::{Align, cut, padded},
    },
    engine::event::{Event, StageInfo, Status, Timed},
    report::{self, measure},
};

/// Without bars, a stage at work says so at most this often.
const PROGRESS_EVERY_SECONDS: f64 = 10.0;
/// Plans with more stages than this don't list each cached stage.
const LISTED_STAGES: usize = 60;
/// The widest name before it is cut.
const WIDEST_NAME: usize = 28;

/// Something to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Show {
    /// A line that stays.
    Line(String),
    /// The bar of a stage at work.
    Bar {
        /// The stage.
        stage: String,
        /// What stands before the bar.
        head: String,
        /// Cells that `head` takes.
        width: usize,
        /// Finished and all units; absent when it is unknown how many there are.
        position: Option<(u64, u64)>,
        /// What stands after the bar; where room is short the second part gives way first ([`super::fit::fitting`]).
        tail: Vec<String>,
    },
    /// The stage is no longer at work.
    Gone(String),
}

/// Finds the place of a setting in the recipe: (stage, setting) to `file:line`.
pub type Locate = Box<dyn Fn(&str, Option<&str>) -> Option<String> + Send>;

/// Tells a run.
pub struct Narrator {
    paint: Paint,
    bars: bool,
    locate: Locate,
    stages: BTreeMap<String, Stage>,
    widths: (usize, usize),
    list_cached: bool,
    tally: BTreeMap<&'static str, usize>,
}

#[derive(Default)]
struct Stage {
    kind: String,
    started: f64,
    spoke: f64,
    pace: Option<Pace>,
}

impl Narrator {
    /// A narrator for a screen with or without `bars`.
    pub fn new(paint: Paint, bars: bool, locate: Locate) -> Self {
        Self {
            paint,
            bars,
            locate,
            stages: BTreeMap::new(),
            widths: (0, 0),
            list_cached: true,
            tally: BTreeMap::new(),
        }
    }

    /// What to show now.
    pub fn hear(&mut self, timed: &Timed) -> Vec<Show> {
        let at = timed.at;
        match &timed.event {
            Event::RunStarted { recipe, path, stages, versions, .. } => {
                self.begin(recipe, path, stages, versions)
            }
            Event::StageChecking { .. } | Event::StageQueued { .. } => Vec::new(),
            Event::StageCached { stage, seconds, outputs, .. } => self.cached(stage, *seconds, outputs),
            Event::StageWaiting { stage } => {
                vec![self.line("waiting", Tone::Busy, stage, "another process is computing it")]
            }
            Event::StageStarted { stage, reasons, .. } => self.started(at, stage, reasons),
            Event::StageProgress { stage, done, total, unit } => {
                self.progress(at, stage, *done, *total, unit)
            }
            Event::StageNote { stage, text } => vec![self.line("note", Tone::Quiet, stage, text)],
            Event::StageFinished { stage, seconds, outputs, .. } => self.finished(stage, *seconds, outputs),
            Event::StageFailed { stage, failure } => self.failed(stage, failure),
            Event::StageBlocked { stage, by } => {
                self.count("blocked");
                vec![self.line("blocked", Tone::Warning, stage, &format!("needs `{by}`"))]
            }
            Event::StageCancelled { stage } => {
                self.count("stopped");
                let was_at_work = self.stages.get(stage).is_some_and(|stage| stage.started > 0.0);
                let line =
                    was_at_work.then(|| self.line("stopped", Tone::Warning, stage, "will go on next time"));
                std::iter::once(Show::Gone(stage.clone())).chain(line).collect()
            }
            Event::RunNote { text } => {
                vec![Show::Line(format!("{} {text}", self.verb("note", Tone::Quiet)))]
            }
            Event::RunFinished { status, seconds } => vec![Show::Line(self.summary(*status, *seconds))],
        }
    }

    fn begin(
        &mut self,
        recipe: &str,
        path: &Path,
        stages: &[StageInfo],
        versions: &BTreeMap<String, String>,
    ) -> Vec<Show> {
        for info in stages {
            self.stages.insert(info.name.clone(), Stage { kind: info.kind.clone(), ..Stage::default() });
            self.widths.0 = self.widths.0.max(info.name.width().min(WIDEST_NAME));
            self.widths.1 = self.widths.1.max(info.kind.width());
        }
        self.list_cached = stages.len() <= LISTED_STAGES;
        let version = versions.get("chorale").map(|version| format!(" {version}")).unwrap_or_default();
        let plural = if stages.len() == 1 { "stage" } else { "stages" };
        let text = format!(
            "{} {} ({}), {} {plural}",
            self.paint.paint(Tone::Quiet, format!("chorale{version}:")),
            self.paint.paint(Tone::Strong, recipe),
            path.display(),
            measure::count(stages.len() as u64),
        );
        vec![Show::Line(text)]
    }

    fn cached(&mut self, stage: &str, seconds: f64, outputs: &BTreeMap<String, Output>) -> Vec<Show> {
        self.count("cached");
        if !self.list_cached {
            return vec![Show::Gone(stage.to_owned())];
        }
        let text = self.paint.paint(Tone::Quiet, Self::result(seconds, None, outputs));
        vec![Show::Gone(stage.to_owned()), self.line("cached", Tone::Known, stage, &text)]
    }

    fn started(&mut self, at: f64, stage: &str, reasons: &[StaleReason]) -> Vec<Show> {
        if let Some(known) = self.stages.get_mut(stage) {
            // 0 means "never began"; a stage that begins at once began a moment later.
            known.started = at.max(f64::MIN_POSITIVE);
            known.spoke = at;
        }
        let told: Vec<String> = reasons
            .iter()
            .filter(|reason| **reason != StaleReason::New)
            .map(|reason| reason_with_place(stage, reason, &*self.locate))
            .collect();
        let mut shows = Vec::new();
        if !told.is_empty() {
            let verb = if reasons.contains(&StaleReason::Resumed) { "resumes" } else { "reruns" };
            shows.push(self.line(verb, Tone::Busy, stage, &told.join("; ")));
        }
        if self.bars {
            shows.push(Show::Bar {
                stage: stage.to_owned(),
                head: self.head("running", Tone::Busy, stage),
                width: self.head_width(),
                position: None,
                tail: Vec::new(),
            });
        }
        shows
    }

    fn progress(&mut self, at: f64, stage: &str, done: u64, total: u64, unit: &str) -> Vec<Show> {
        let bars = self.bars;
        let Some(known) = self.stages.get_mut(stage) else { return Vec::new() };
        match &mut known.pace {
            Some(pace) => pace.update(at, done, total, unit),
            none => *none = Some(Pace::new(at, done, total, unit)),
        }
        let Some(pace) = known.pace.clone() else { return Vec::new() };
        if bars {
            return vec![Show::Bar {
                stage: stage.to_owned(),
                head: self.head("running", Tone::Busy, stage),
                width: self.head_width(),
                position: pace.position(),
                tail: pace.parts(),
            }];
        }
        if at - known.spoke < PROGRESS_EVERY_SECONDS {
            return Vec::new();
        }
        known.spoke = at;
        vec![self.line("running", Tone::Busy, stage, &pace.parts().join("  "))]
    }

    fn finished(&mut self, stage: &str, seconds: f64, outputs: &BTreeMap<String, Output>) -> Vec<Show> {
        self.count("ran");
        let pace = self.stages.get(stage).and_then(|stage| stage.pace.clone());
        let text = Self::result(seconds, pace.as_ref(), outputs);
        vec![Show::Gone(stage.to_owned()), self.line("finished", Tone::Good, stage, &text)]
    }

    fn failed(&mut self, stage: &str, failure: &crate::failure::Failure) -> Vec<Show> {
        self.count("failed");
        let place = (self.locate)(stage, None).unwrap_or_default();
        let mut shows = vec![Show::Gone(stage.to_owned()), self.line("failed", Tone::Bad, stage, &place)];
        let text = failure_text(failure, self.paint);
        shows.extend(text.lines().map(|line| Show::Line(format!("{}{line}", " ".repeat(VERB_WIDTH + 2)))));
        shows
    }

    fn summary(&self, status: Status, seconds: f64) -> String {
        let (verb, tone) = match status {
            Status::Succeeded => ("finished", Tone::Good),
            Status::Failed => ("failed", Tone::Bad),
            Status::Cancelled => ("stopped", Tone::Warning),
        };
        let counts: Vec<String> = ["ran", "cached", "failed", "blocked", "stopped"]
            .into_iter()
            .filter_map(|what| self.tally.get(what).map(|count| format!("{count} {what}")))
            .collect();
        let counts = if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") };
        format!("{} after {}: {counts}", self.verb(verb, tone), measure::duration(seconds))
    }

    /// Duration, speed and outputs of finished work.
    fn result(seconds: f64, pace: Option<&Pace>, outputs: &BTreeMap<String, Output>) -> String {
        let mut parts = vec![padded(&measure::duration(seconds), DURATION_WIDTH, Align::Right)];
        let speed = pace.and_then(|pace| pace.mean_speed().map(|speed| measure::rate(speed, pace.unit())));
        parts.extend(speed);
        let made: Vec<String> = outputs.values().map(report::output).collect();
        parts.push(made.join(", "));
        parts.retain(|part| !part.is_empty());
        parts.join("  ")
    }

    fn line(&self, verb: &str, tone: Tone, stage: &str, text: &str) -> Show {
        Show::Line(format!("{} {text}", self.head(verb, tone, stage)).trim_end().to_owned())
    }

    fn head(&self, verb: &str, tone: Tone, stage: &str) -> String {
        let kind = self.stages.get(stage).map_or("", |stage| stage.kind.as_str());
        let name = padded(&cut(stage, WIDEST_NAME), self.widths.0, Align::Left);
        let kind = self.paint.paint(Tone::Quiet, padded(kind, self.widths.1, Align::Left));
        format!("{} {}  {kind} ", self.verb(verb, tone), self.paint.paint(Tone::Strong, name))
    }

    fn head_width(&self) -> usize {
        VERB_WIDTH + 1 + self.widths.0 + 2 + self.widths.1 + 1
    }

    fn verb(&self, verb: &str, tone: Tone) -> String {
        self.paint.paint(tone, padded(verb, VERB_WIDTH, Align::Right))
    }

    fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }
}

const VERB_WIDTH: usize = 10;
const DURATION_WIDTH: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    fn timed(at: f64, event: &serde_json::Value) -> Timed {
        Timed { at, event: serde_json::from_value(event.clone()).unwrap() }
    }

    fn narrator(bars: bool) -> Narrator {
        let locate = |stage: &str, setting: Option<&str>| {
            Some(format!("r.toml:{}", if setting.is_some() { 88 } else { stage.len() }))
        };
        let mut narrator = Narrator::new(Paint { on: false }, bars, Box::new(locate));
        let stages = serde_json::json!([
            {"name": "facts", "kind": "facts", "section": "data", "needs": []},
            {"name": "dpo", "kind": "train", "section": "stage", "needs": ["facts"]},
        ]);
        let shows = narrator.hear(&timed(
            0.0,
            &serde_json::json!({"event": "run-started", "recipe": "quickstart", "path": "r.toml", "digest": "", "started": "",
                "overrides": [], "versions": {"chorale": "0.1.0"}, "stages": stages}),
        ));
        assert_eq!(lines(&shows), ["chorale 0.1.0: quickstart (r.toml), 2 stages"]);
        narrator
    }

    fn lines(shows: &[Show]) -> Vec<&str> {
        shows
            .iter()
            .filter_map(|show| if let Show::Line(line) = show { Some(line.as_str()) } else { None })
            .collect()
    }

    fn started(reasons: &serde_json::Value) -> Timed {
        let key = "0".repeat(64);
        timed(
            1.0,
            &serde_json::json!({"event": "stage-started", "stage": "dpo", "key": key, "reasons": reasons}),
        )
    }

    fn progress(at: f64, done: u64) -> Timed {
        let event = serde_json::json!({"event": "stage-progress", "stage": "dpo", "done": done, "total": 400, "unit": "steps"});
        timed(at, &event)
    }

    #[test]
    fn a_rerun_says_which_setting_changed_and_where_it_stands() {
        let reasons = serde_json::json!([{"reason": "setting", "name": "beta", "old": 0.1, "new": 0.2}]);
        let shows = narrator(false).hear(&started(&reasons));
        assert_eq!(lines(&shows), ["    reruns dpo    train  beta: 0.1 -> 0.2 (r.toml:88)"]);
    }

    #[test]
    fn a_first_run_needs_no_reason() {
        let shows = narrator(false).hear(&started(&serde_json::json!([{"reason": "new"}])));
        assert_eq!(lines(&shows), Vec::<&str>::new());
    }

    #[test]
    fn without_bars_progress_is_told_every_ten_seconds() {
        let mut narrator = narrator(false);
        narrator.hear(&started(&serde_json::json!([])));
        let mut told = Vec::new();
        for tick in 0..40_u32 {
            let shows = narrator.hear(&progress(1.0 + f64::from(tick), u64::from(tick) * 10));
            told.extend(lines(&shows).into_iter().map(str::to_owned).collect::<Vec<_>>());
        }
        assert_eq!(told.len(), 3, "{told:?}");
        assert_eq!(told[0], "   running dpo    train   25 %  100 of 400 steps  10 steps/s  eta 30 s");
    }

    #[test]
    fn with_bars_a_stage_at_work_is_a_bar() {
        let mut narrator = narrator(true);
        narrator.hear(&started(&serde_json::json!([])));
        let shows = narrator.hear(&progress(2.0, 10));
        assert!(matches!(&shows[..], [Show::Bar { position: Some((10, 400)), .. }]), "{shows:?}");
    }

    #[test]
    fn a_failure_shows_place_cause_and_hint_and_what_it_blocks() {
        let mut narrator = narrator(false);
        let failure = Failure::input("no pairs: every sample agrees with its vote")
            .hint("sample at a higher temperature");
        let failed = Timed { at: 3.0, event: Event::StageFailed { stage: "facts".into(), failure } };
        assert_eq!(
            lines(&narrator.hear(&failed)),
            [
                "    failed facts  facts  r.toml:5",
                "            error: no pairs: every sample agrees with its vote",
                "            hint: sample at a higher temperature"
            ]
        );
        let blocked =
            Timed { at: 3.0, event: Event::StageBlocked { stage: "dpo".into(), by: "facts".into() } };
        assert_eq!(lines(&narrator.hear(&blocked)), ["   blocked dpo    train  needs `facts`"]);
        let end = Timed { at: 3.1, event: Event::RunFinished { status: Status::Failed, seconds: 3.1 } };
        assert_eq!(lines(&narrator.hear(&end)), ["    failed after 3.1 s: 1 failed, 1 blocked"]);
    }
}

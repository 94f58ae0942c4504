//! Toy kinds: plans and runs without a model.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{thread, time::Duration};

use chorale::{
    artifact::{METRICS, row::Row, row::text::Text},
    failure::Failure,
    stage::{
        context::Context,
        contract::{Entry, Kind, Load, Problem, Section},
        port::{Ports, Reference},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// All toy kinds.
pub(crate) static KINDS: &[Entry] = &[
    Entry::of::<Lines>(),
    Entry::of::<Echo>(),
    Entry::of::<Fail>(),
    Entry::of::<Slow>(),
    Entry::of::<Count>(),
    Entry::of::<Tee>(),
];

/// How a toy text is decorated.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Case {
    /// As it is.
    #[default]
    Keep,
    /// In capitals.
    Upper,
}

/// Nested settings of `echo`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Frame {
    /// Stands before the text.
    pub(crate) left: String,
    /// Stands behind it.
    #[serde(default)]
    pub(crate) right: String,
}

/// `lines`: one text per line of a file, or the texts themselves.
pub(crate) enum Lines {}

/// Settings of `lines`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinesSpec {
    /// The texts.
    #[serde(default)]
    pub(crate) lines: Vec<String>,
    /// A file whose lines are more texts.
    #[serde(default, skip_serializing)]
    pub(crate) path: Option<String>,
}

impl Kind for Lines {
    const NAME: &'static str = "lines";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "texts from the recipe";
    const SECTION: Section = Section::Data;
    type Spec = LinesSpec;

    fn ports(spec: &LinesSpec) -> Ports {
        let ports = Ports::default().writes("texts", Text::KIND);
        match &spec.path {
            Some(path) => ports.opens("path", path),
            None => ports,
        }
    }

    fn run(cx: &Context<'_>, spec: &LinesSpec) -> Result<(), Failure> {
        let mut lines = spec.lines.clone();
        if spec.path.is_some() {
            let content = std::fs::read_to_string(cx.file("path")).unwrap();
            lines.extend(content.lines().map(str::to_owned));
        }
        write(cx, lines)
    }
}

/// `echo`: texts again, decorated.
pub(crate) enum Echo {}

/// Settings of `echo`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EchoSpec {
    /// The texts to repeat.
    #[serde(skip_serializing)]
    pub(crate) texts: Reference,
    /// More texts to repeat.
    #[serde(default, skip_serializing)]
    pub(crate) more: Option<Reference>,
    /// How often each is repeated.
    #[serde(default = "one")]
    pub(crate) times: u32,
    /// A number that must not be negative.
    #[serde(default)]
    pub(crate) loudness: f64,
    /// What becomes of its letters.
    #[serde(default)]
    pub(crate) case: Case,
    /// What is put around it.
    #[serde(default)]
    pub(crate) frame: Option<Frame>,
}

fn one() -> u32 {
    1
}

impl Kind for Echo {
    const NAME: &'static str = "echo";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "texts, repeated";
    type Spec = EchoSpec;

    fn ports(spec: &EchoSpec) -> Ports {
        let ports = Ports::default().reads("texts", &spec.texts, Text::KIND).writes("texts", Text::KIND);
        match &spec.more {
            Some(more) => ports.reads("more", more, Text::KIND),
            None => ports,
        }
    }

    fn check(spec: &EchoSpec) -> Vec<Problem> {
        let mut problems = Vec::new();
        if spec.loudness.is_nan() || spec.loudness < 0.0 {
            let message = format!("must not be negative: {}", spec.loudness);
            problems.push(Problem::new("loudness", message, "0 is silent"));
        }
        if spec.frame.as_ref().is_some_and(|frame| frame.left.is_empty()) {
            problems.push(Problem::new("frame.left", "must not be empty", "leave the frame out"));
        }
        problems
    }

    fn run(cx: &Context<'_>, spec: &EchoSpec) -> Result<(), Failure> {
        let mut texts: Vec<Text> = cx.rows("texts")?;
        if cx.has("more") {
            texts.extend(cx.rows::<Text>("more")?);
        }
        let repeated = texts.into_iter().flat_map(|row| {
            let text = match spec.case {
                Case::Keep => row.text,
                Case::Upper => row.text.to_uppercase(),
            };
            let text = match &spec.frame {
                Some(frame) => format!("{}{text}{}", frame.left, frame.right),
                None => text,
            };
            vec![text; spec.times as usize]
        });
        write(cx, repeated)
    }
}

/// `fail`: fails.
pub(crate) enum Fail {}

/// Settings of `fail`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FailSpec {
    /// What it says.
    pub(crate) message: String,
    /// What it waits for.
    #[serde(default, skip_serializing)]
    pub(crate) texts: Option<Reference>,
}

impl Kind for Fail {
    const NAME: &'static str = "fail";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "fails";
    type Spec = FailSpec;

    fn ports(spec: &FailSpec) -> Ports {
        let ports = Ports::default().writes("texts", Text::KIND);
        match &spec.texts {
            Some(texts) => ports.reads("texts", texts, Text::KIND),
            None => ports,
        }
    }

    fn run(_: &Context<'_>, spec: &FailSpec) -> Result<(), Failure> {
        Err(Failure::input(spec.message.clone()).hint("this is what it is for"))
    }
}

/// `slow`: takes its time, and stops when asked to.
pub(crate) enum Slow {}

/// Settings of `slow`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlowSpec {
    /// How long it takes, in milliseconds.
    pub(crate) milliseconds: u64,
    /// What it waits for.
    #[serde(default, skip_serializing)]
    pub(crate) texts: Option<Reference>,
}

impl Kind for Slow {
    const NAME: &'static str = "slow";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "takes its time";
    const LOAD: Load = Load::Heavy;
    type Spec = SlowSpec;

    fn ports(spec: &SlowSpec) -> Ports {
        let ports = Ports::default().writes("texts", Text::KIND);
        match &spec.texts {
            Some(texts) => ports.reads("texts", texts, Text::KIND),
            None => ports,
        }
    }

    fn run(cx: &Context<'_>, spec: &SlowSpec) -> Result<(), Failure> {
        for done in 0..spec.milliseconds {
            cx.check_cancelled()?;
            cx.observer.progress(done, spec.milliseconds, "milliseconds");
            thread::sleep(Duration::from_millis(1));
        }
        write(cx, [format!("slept {} ms", spec.milliseconds)])
    }
}

/// `count`: how many texts there are.
pub(crate) enum Count {}

/// Settings of `count`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CountSpec {
    /// What is counted.
    #[serde(skip_serializing)]
    pub(crate) texts: Reference,
}

impl Kind for Count {
    const NAME: &'static str = "count";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "counts texts";
    type Spec = CountSpec;

    fn ports(spec: &CountSpec) -> Ports {
        Ports::default().reads("texts", &spec.texts, Text::KIND).writes("metrics", METRICS)
    }

    fn run(cx: &Context<'_>, _: &CountSpec) -> Result<(), Failure> {
        let texts: Vec<Text> = cx.rows("texts")?;
        cx.write_document("metrics", &json!({ "texts": texts.len() }))
    }
}

/// `tee`: the same texts twice, so that a reference must name an output.
pub(crate) enum Tee {}

/// Settings of `tee`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TeeSpec {
    /// The texts.
    #[serde(skip_serializing)]
    pub(crate) texts: Reference,
}

impl Kind for Tee {
    const NAME: &'static str = "tee";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "two copies of texts";
    type Spec = TeeSpec;

    fn ports(spec: &TeeSpec) -> Ports {
        let ports = Ports::default().reads("texts", &spec.texts, Text::KIND);
        ports.writes("left", Text::KIND).writes("right", Text::KIND)
    }

    fn run(cx: &Context<'_>, _: &TeeSpec) -> Result<(), Failure> {
        let texts: Vec<Text> = cx.rows("texts")?;
        for output in ["left", "right"] {
            let mut writer = cx.write_rows::<Text>(output)?;
            for text in &texts {
                writer.write(text)?;
            }
            writer.finish()?;
        }
        Ok(())
    }
}

fn write(cx: &Context<'_>, texts: impl IntoIterator<Item = String>) -> Result<(), Failure> {
    let mut writer = cx.write_rows::<Text>("texts")?;
    for (number, text) in texts.into_iter().enumerate() {
        writer.write(&Text { id: number.to_string(), lang: String::new(), text })?;
    }
    writer.finish()?;
    Ok(())
}

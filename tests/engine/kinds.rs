//! Toy kinds that leave traces, write folders, break and resume.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{fs::OpenOptions, io::Write, thread, time::Duration};

use chorale::{
    artifact::{
        MODEL,
        row::{Row, text::Text},
    },
    failure::Failure,
    stage::{
        context::Context,
        contract::{Entry, Kind, Load},
        port::{Ports, Reference},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::support::kinds::{Count, Echo, Fail, Lines, Slow};

/// The toy kinds of plans that are run.
pub(crate) static KINDS: &[Entry] = &[
    Entry::of::<Lines>(),
    Entry::of::<Echo>(),
    Entry::of::<Fail>(),
    Entry::of::<Slow>(),
    Entry::of::<Count>(),
    Entry::of::<Trace>(),
    Entry::of::<HeavyTrace>(),
    Entry::of::<Folder>(),
    Entry::of::<Explode>(),
    Entry::of::<Forgetful>(),
    Entry::of::<Peek>(),
];

/// Settings of `trace`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TraceSpec {
    /// What it writes.
    pub(crate) text: String,
    /// How many chunks its work has; finished ones are found again after a kill.
    #[serde(default)]
    pub(crate) chunks: usize,
    /// How long a chunk takes.
    #[serde(default, skip_serializing)]
    pub(crate) milliseconds: u64,
    /// The file it leaves its traces in. Does not enter the key.
    #[serde(skip_serializing)]
    pub(crate) log: String,
    /// What it waits for.
    #[serde(default, skip_serializing)]
    pub(crate) after: Vec<Reference>,
}

impl TraceSpec {
    fn ports(&self) -> Ports {
        let after = self.after.iter().enumerate();
        after.fold(Ports::default().writes("texts", Text::KIND), |ports, (number, reference)| {
            ports.reads(format!("after.{number}"), reference, Text::KIND)
        })
    }

    fn say(&self, what: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(&self.log).unwrap();
        file.write_all(format!("{} {what}\n", self.text).as_bytes()).unwrap();
    }

    fn run(&self, cx: &Context<'_>) -> Result<(), Failure> {
        self.say("begins");
        for chunk in 0..self.chunks {
            cx.check_cancelled()?;
            let journalled = cx.journal.join(chunk.to_string());
            if journalled.exists() {
                continue;
            }
            thread::sleep(Duration::from_millis(self.milliseconds));
            self.say(&format!("chunk {chunk}"));
            std::fs::write(journalled, []).unwrap();
            cx.observer.progress(chunk as u64 + 1, self.chunks as u64, "chunks");
        }
        let mut writer = cx.write_rows::<Text>("texts")?;
        writer.write(&Text { id: "0".into(), lang: "en".into(), text: self.text.clone() })?;
        writer.finish()?;
        self.say("ends");
        Ok(())
    }
}

/// `trace`: leaves traces of its work in a file.
pub(crate) enum Trace {}

impl Kind for Trace {
    const NAME: &'static str = "trace";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "leaves traces";
    type Spec = TraceSpec;

    fn ports(spec: &TraceSpec) -> Ports {
        spec.ports()
    }

    fn run(cx: &Context<'_>, spec: &TraceSpec) -> Result<(), Failure> {
        spec.run(cx)
    }
}

/// `heavy-trace`: the same, with all of the machine.
pub(crate) enum HeavyTrace {}

impl Kind for HeavyTrace {
    const NAME: &'static str = "heavy-trace";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "leaves traces, alone";
    const LOAD: Load = Load::Heavy;
    type Spec = TraceSpec;

    fn ports(spec: &TraceSpec) -> Ports {
        spec.ports()
    }

    fn run(cx: &Context<'_>, spec: &TraceSpec) -> Result<(), Failure> {
        spec.run(cx)
    }
}

/// `folder`: a folder with a large file and a nested one.
pub(crate) enum Folder {}

/// Settings of `folder`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FolderSpec {
    /// Size of the large file.
    pub(crate) mebibytes: usize,
    /// What its bytes are.
    pub(crate) byte: u8,
}

impl Kind for Folder {
    const NAME: &'static str = "folder";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "writes a folder";
    type Spec = FolderSpec;

    fn ports(_: &FolderSpec) -> Ports {
        Ports::default().writes("model", MODEL)
    }

    fn run(cx: &Context<'_>, spec: &FolderSpec) -> Result<(), Failure> {
        let folder = cx.create_folder("model")?;
        std::fs::create_dir(folder.join("nested")).unwrap();
        std::fs::write(folder.join("nested/config.json"), b"{}").unwrap();
        let large = folder.join("model.safetensors");
        std::fs::write(&large, vec![spec.byte; spec.mebibytes << 20])
            .map_err(|error| Failure::io(chorale::failure::Cause::Store, "write", &large, &error))
    }
}

/// `explode`: panics.
pub(crate) enum Explode {}

/// Settings of `explode` and `forgetful`: none.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoSpec {}

impl Kind for Explode {
    const NAME: &'static str = "explode";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "panics";
    type Spec = NoSpec;

    fn ports(_: &NoSpec) -> Ports {
        Ports::default().writes("texts", Text::KIND)
    }

    fn run(_: &Context<'_>, _: &NoSpec) -> Result<(), Failure> {
        let nothing: Vec<u8> = Vec::new();
        Err(Failure::input(format!("{}", nothing[1])))
    }
}

/// `forgetful`: says it is done and has written nothing.
pub(crate) enum Forgetful {}

impl Kind for Forgetful {
    const NAME: &'static str = "forgetful";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "writes nothing";
    type Spec = NoSpec;

    fn ports(_: &NoSpec) -> Ports {
        Ports::default().writes("texts", Text::KIND)
    }

    fn run(_: &Context<'_>, _: &NoSpec) -> Result<(), Failure> {
        Ok(())
    }
}

/// `peek`: depends on the runtime library.
pub(crate) enum Peek {}

impl Kind for Peek {
    const NAME: &'static str = "peek";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "depends on the runtime";
    const USES_RUNTIME: bool = true;
    type Spec = NoSpec;

    fn ports(_: &NoSpec) -> Ports {
        Ports::default().writes("texts", Text::KIND)
    }

    fn run(cx: &Context<'_>, _: &NoSpec) -> Result<(), Failure> {
        cx.write_rows::<Text>("texts")?.finish().map(drop)
    }
}

//! What a stage kind implements ([`Kind`]) and what plan and engine see of it ([`Entry`], [`Stage`]).

use std::{
    collections::BTreeMap,
    fmt::Debug,
    path::{Path, PathBuf},
    sync::Arc,
};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use toml::{
    Deserializer, Spanned,
    de::{DeTable, Error},
};

use super::{context::Context, port::Ports};
pub use crate::recipe::Section;
use crate::{
    artifact::{Artifact, ArtifactKind},
    endpoint::Site,
    failure::{Cause, Failure},
};

/// How much of the machine a stage takes while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// One core, little memory: many may run at once.
    Light,
    /// All cores, or the device: one at a time.
    Heavy,
}

/// Something wrong with a setting, found before anything runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting, as a dotted path below the stage's table.
    pub field: String,
    /// What is wrong, as a lowercase fragment.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem with a hint.
    pub fn new(field: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), hint: Some(hint.into()) }
    }
}

/// What a stage file implements.
pub trait Kind: Sync + 'static {
    /// The name as written in recipes.
    const NAME: &'static str;
    /// Bumped when the same settings come to mean something else.
    const VERSION: u32;
    /// One line for people.
    const ABOUT: &'static str;
    /// Where in a recipe it may stand.
    const SECTION: Section = Section::Stage;
    /// How much of the machine it takes.
    const LOAD: Load = Load::Light;
    /// Whether its bytes depend on the runtime library and device; then their identity is part of the key.
    const USES_RUNTIME: bool = false;
    /// Whether it waits for other machines instead of working where the runtime would work.
    /// Given the kinds of its inputs; then it is [`Load::Light`] and needs no runtime, whatever the two say.
    fn works_elsewhere(_inputs: &[ArtifactKind]) -> bool {
        false
    }
    /// Its settings, with every default. Serialized, they are the canonical form that enters the key; fields that
    /// [`Ports`] names as inputs or files are left out there, because those enter by content.
    type Spec: DeserializeOwned + Serialize + JsonSchema + Debug + Send + Sync + 'static;

    /// What it reads and writes. Pure.
    fn ports(spec: &Self::Spec) -> Ports;

    /// Where what it describes lies, for models behind an endpoint. Stages that read it are given it; no key holds it.
    fn site(_spec: &Self::Spec) -> Option<Site> {
        None
    }

    /// Settings that deserialize but make no sense, all of them.
    fn check(_spec: &Self::Spec) -> Vec<Problem> {
        Vec::new()
    }

    /// Does the work: reads inputs from and writes outputs to `cx`, and nothing else.
    fn run(cx: &Context<'_>, spec: &Self::Spec) -> Result<(), Failure>;

    /// Writes the graph that the stage runs into `folder` as `NAME.onnx`, with its weights and a description beside it,
    /// and returns the files. `inputs` must hold the model the stage starts from; data is not needed.
    fn export(
        _spec: &Self::Spec,
        _inputs: &BTreeMap<String, Artifact>,
        _folder: &Path,
        _name: &str,
    ) -> Result<Vec<PathBuf>, Failure> {
        Err(Failure::new(Cause::Recipe, format!("stages of kind `{}` have no training graph", Self::NAME))
            .hint("name a stage of kind `train`"))
    }
}

/// A stage as the engine sees it: a kind with its settings, the type erased.
pub trait Stage: Debug + Send + Sync {
    /// The kind it is of.
    fn entry(&self) -> &'static Entry;
    /// What it reads and writes.
    fn ports(&self) -> Ports;
    /// Where what it describes lies; see [`Kind::site`].
    fn site(&self) -> Option<Site>;
    /// Settings that make no sense.
    fn check(&self) -> Vec<Problem>;
    /// All settings with defaults written out.
    fn settings(&self) -> serde_json::Value;
    /// Does the work.
    fn run(&self, cx: &Context<'_>) -> Result<(), Failure>;
    /// Writes the graph that the stage runs; see [`Kind::export`].
    fn export(
        &self,
        inputs: &BTreeMap<String, Artifact>,
        folder: &Path,
        name: &str,
    ) -> Result<Vec<PathBuf>, Failure>;
}

type Parse = fn(Spanned<DeTable<'_>>) -> Result<Arc<dyn Stage>, Error>;

/// A row of the table of kinds.
#[derive(Debug)]
pub struct Entry {
    /// [`Kind::NAME`].
    pub name: &'static str,
    /// [`Kind::VERSION`].
    pub version: u32,
    /// [`Kind::ABOUT`].
    pub about: &'static str,
    /// [`Kind::SECTION`].
    pub section: Section,
    load: Load,
    uses_runtime: bool,
    works_elsewhere: fn(&[ArtifactKind]) -> bool,
    parse: Parse,
    schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Entry {
    /// The row of kind `K`.
    pub const fn of<K: Kind>() -> Self {
        Self {
            name: K::NAME,
            version: K::VERSION,
            about: K::ABOUT,
            section: K::SECTION,
            load: K::LOAD,
            uses_runtime: K::USES_RUNTIME,
            works_elsewhere: K::works_elsewhere,
            parse: parse::<K>,
            schema: |generator| generator.subschema_for::<K::Spec>(),
        }
    }

    /// How much of the machine a stage of this kind takes when its inputs are of these kinds.
    pub fn load(&self, inputs: &[ArtifactKind]) -> Load {
        if (self.works_elsewhere)(inputs) { Load::Light } else { self.load }
    }

    /// Whether its bytes then depend on the runtime library and device.
    pub fn uses_runtime(&self, inputs: &[ArtifactKind]) -> bool {
        self.uses_runtime && !(self.works_elsewhere)(inputs)
    }

    /// Reads the settings of a stage of this kind; `kind` itself is not among them. Spans in errors are those of
    /// `settings`.
    pub fn parse(&self, settings: Spanned<DeTable<'_>>) -> Result<Arc<dyn Stage>, Error> {
        (self.parse)(settings)
    }

    /// The JSON Schema of its settings.
    pub fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.schema)(generator)
    }
}

fn parse<K: Kind>(settings: Spanned<DeTable<'_>>) -> Result<Arc<dyn Stage>, Error> {
    let spec = K::Spec::deserialize(Deserializer::from(settings))?;
    Ok(Arc::new(Typed::<K> { spec, entry: const { &Entry::of::<K>() } }))
}

struct Typed<K: Kind> {
    spec: K::Spec,
    entry: &'static Entry,
}

impl<K: Kind> Debug for Typed<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", K::NAME, self.spec)
    }
}

impl<K: Kind> Stage for Typed<K> {
    fn entry(&self) -> &'static Entry {
        self.entry
    }

    fn ports(&self) -> Ports {
        K::ports(&self.spec)
    }

    fn site(&self) -> Option<Site> {
        K::site(&self.spec)
    }

    fn check(&self) -> Vec<Problem> {
        K::check(&self.spec)
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(&self.spec).unwrap_or_else(|error| crate::failure::bug(error))
    }

    fn run(&self, cx: &Context<'_>) -> Result<(), Failure> {
        K::run(cx, &self.spec)
    }

    fn export(
        &self,
        inputs: &BTreeMap<String, Artifact>,
        folder: &Path,
        name: &str,
    ) -> Result<Vec<PathBuf>, Failure> {
        K::export(&self.spec, inputs, folder, name)
    }
}

//! Sessions: ONNX bytes and weights in, named tensors in and out.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use ort::{
    ep::ExecutionProvider,
    session::builder::{GraphOptimizationLevel, SessionBuilder},
    value::DynValue,
};

use super::{Provider, Runtime, device, error::refused, shelf::Shelf, value};
use crate::{failure::Failure, tensor::Tensor};

/// The setting that says where the files are that a graph without a file of its own refers to.
const FOLDER_OF_WEIGHTS: &str = "session.model_external_initializers_file_folder_path";

/// How much the library may rewrite a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Optimization {
    /// As written, node by node.
    None,
    /// Constant folding and removal of what is redundant.
    Basic,
    /// Also fusions.
    Extended,
    /// Also changes of memory layout.
    #[default]
    All,
}

/// How a session is set up. The default is what nearly every session wants.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// How much the library may rewrite the graph.
    pub optimization: Optimization,
    /// Threads; `None` takes the runtime's number.
    pub threads: Option<usize>,
    /// Only kernels that give the same bytes each time.
    pub deterministic: bool,
    /// Plan the memory of a run as one block. Pays off when shapes repeat, costs memory when they vary.
    pub memory_pattern: bool,
    /// Threads wait actively for work while a run is in progress. A little faster for many small operations on cores
    /// that nobody else uses, much slower on shared ones.
    pub spin: bool,
    /// Keep a second copy of every matrix, rearranged for products; see the decisions in [`crate::runtime`].
    pub prepack: bool,
    /// Optimizers of the library to leave out, by name.
    pub without_optimizers: Vec<String>,
    /// Writes a profile of every run; the file's name begins with this path.
    pub profile: Option<PathBuf>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            optimization: Optimization::All,
            threads: None,
            deterministic: true,
            memory_pattern: true,
            spin: false,
            prepack: false,
            without_optimizers: Vec::new(),
            profile: None,
        }
    }
}

/// Weights in the form the library takes them, for use by several sessions without a copy for each.
#[derive(Clone, Default)]
pub struct SharedWeights(BTreeMap<String, Weight>);

/// Where a weight is.
#[derive(Clone)]
enum Weight {
    /// In an array.
    Value(Arc<DynValue>),
    /// In the file of its name.
    Shelved(Arc<Shelf>),
}

impl SharedWeights {
    /// Takes weights over. A tensor of which the caller hands in the only `Arc` is moved, others are copied.
    pub fn new(weights: BTreeMap<String, Arc<Tensor>>) -> Result<Self, Failure> {
        let take = |(name, tensor): (String, Arc<Tensor>)| {
            let value = value::own(&name, Arc::unwrap_or_clone(tensor))?;
            Ok((name, Weight::Value(Arc::new(value))))
        };
        weights.into_iter().map(take).collect::<Result<_, _>>().map(Self)
    }

    /// Weights that have been written to files of their `names`.
    pub(super) fn shelved(shelf: Shelf, names: &[&str]) -> Self {
        let shelf = Arc::new(shelf);
        Self(names.iter().map(|name| ((*name).to_owned(), Weight::Shelved(Arc::clone(&shelf)))).collect())
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// These weights and `others`, of which those with the same name win; nothing is copied.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Those of the weights that `keep` says yes to; nothing is copied.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        let kept = self.0.iter().filter(|(name, _)| keep(name));
        Self(kept.map(|(name, weight)| (name.clone(), weight.clone())).collect())
    }

    /// The folder that weights lie in as files. Weights of two models never meet in one session.
    fn folder(&self) -> Option<&Path> {
        self.0.values().find_map(|weight| match weight {
            Weight::Shelved(shelf) => Some(shelf.path()),
            Weight::Value(_) => None,
        })
    }
}

impl fmt::Debug for SharedWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A graph that is ready to run.
pub struct Session {
    pub(super) inner: ort::session::Session,
    pub(super) provider: Provider,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("inputs", &self.inputs())
            .field("outputs", &self.outputs())
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

impl Runtime {
    /// Makes a session from ONNX bytes. `initializers` are the graph's external weights by name; those of which the
    /// caller hands in the only `Arc` are not copied.
    pub fn session(
        &self,
        onnx: &[u8],
        initializers: BTreeMap<String, Arc<Tensor>>,
        options: &SessionOptions,
    ) -> Result<Session, Failure> {
        self.session_sharing(onnx, &SharedWeights::new(initializers)?, options)
    }

    /// Makes a session whose external weights are shared with other sessions.
    pub fn session_sharing(
        &self,
        onnx: &[u8],
        weights: &SharedWeights,
        options: &SessionOptions,
    ) -> Result<Session, Failure> {
        let mut builder = self
            .configure(options)
            .map_err(|error| refused("set up a session", &error))
            .and_then(|builder| self.on_provider(builder))?;
        if let Some(folder) = weights.folder() {
            builder = builder
                .with_config_entry(FOLDER_OF_WEIGHTS, folder.to_string_lossy())
                .map_err(|error| refused("name the folder of weights", &error))?;
        }
        for (name, weight) in &weights.0 {
            let Weight::Value(value) = weight else { continue };
            builder = self
                .with_weight(builder, (name, value), options.prepack)
                .map_err(|error| refused(&format!("take the weight `{name}`"), &error))?;
        }
        let inner = builder.commit_from_memory(onnx).map_err(|error| refused("load the graph", &error))?;
        Ok(Session { inner, provider: self.provider })
    }

    /// Hands a weight to a session. As an external initializer alone the library copies it for every session; as a shared
    /// initializer alone it looks for the file that the graph names. With both the copy is gone when the session is ready.
    /// Not for a device, which needs its copy, nor for matrices that are rearranged, which take the copy's place.
    fn with_weight(
        &self,
        builder: SessionBuilder,
        (name, value): (&String, &Arc<DynValue>),
        prepack: bool,
    ) -> ort::Result<SessionBuilder> {
        let builder = builder.with_external_initializer(name, Arc::clone(value))?;
        if prepack || self.provider != Provider::Cpu {
            return Ok(builder);
        }
        Ok(builder.with_initializer(name, Arc::clone(value))?)
    }

    fn configure(&self, options: &SessionOptions) -> ort::Result<SessionBuilder> {
        let level = match options.optimization {
            Optimization::None => GraphOptimizationLevel::Disable,
            Optimization::Basic => GraphOptimizationLevel::Level1,
            Optimization::Extended => GraphOptimizationLevel::Level2,
            Optimization::All => GraphOptimizationLevel::All,
        };
        let mut builder = SessionBuilder::new(&self.library.environment)?
            .with_intra_threads(options.threads.unwrap_or(self.threads))?
            .with_inter_threads(1)?
            .with_optimization_level(level)?
            .with_deterministic_compute(options.deterministic)?
            .with_memory_pattern(options.memory_pattern)?
            .with_prepacking(options.prepack)?
            .with_intra_op_spinning(options.spin)?
            .with_config_entry("session.force_spinning_stop", "1")?;
        if !options.without_optimizers.is_empty() {
            builder = builder.with_disabled_optimizers(options.without_optimizers.join(";"))?;
        }
        if let Some(profile) = &options.profile {
            builder = builder.with_profiling(profile)?;
        }
        Ok(builder)
    }

    fn on_provider(&self, mut builder: SessionBuilder) -> Result<SessionBuilder, Failure> {
        if let Provider::Cuda(number) = self.provider {
            device::cuda(number)
                .register(&mut builder)
                .map_err(|error| refused(&format!("use device `cuda:{number}`"), &error))?;
        }
        Ok(builder)
    }
}

impl Session {
    /// The names of the inputs that a run needs.
    pub fn inputs(&self) -> Vec<&str> {
        self.inner.inputs().iter().map(ort::value::Outlet::name).collect()
    }

    /// The names of the outputs.
    pub fn outputs(&self) -> Vec<&str> {
        self.inner.outputs().iter().map(ort::value::Outlet::name).collect()
    }

    /// What it runs on.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// Runs the graph once on host tensors and returns all its outputs as host tensors. Inputs are not copied.
    pub fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<BTreeMap<String, Tensor>, Failure> {
        let values = inputs
            .iter()
            .map(|(name, tensor)| Ok((Cow::Borrowed(*name), value::view(name, tensor)?)))
            .collect::<Result<Vec<_>, Failure>>()?;
        let outputs = self.inner.run(values).map_err(|error| refused("run the graph", &error))?;
        outputs.iter().map(|(name, value)| Ok((name.to_owned(), value::copy(name, &value)?))).collect()
    }

    /// Ends profiling and returns the path of the profile. A failure if the session was not set up for it.
    pub fn end_profiling(&mut self) -> Result<PathBuf, Failure> {
        let path = self.inner.end_profiling().map_err(|error| refused("write the profile", &error))?;
        Ok(PathBuf::from(path))
    }
}

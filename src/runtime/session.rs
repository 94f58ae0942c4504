//! A compiled ONNX model that runs on host tensors.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use ort::{
    session::{SessionInputValue, builder::GraphOptimizationLevel},
    value::{DynTensor, DynValue, TensorRef},
};

use super::{Runtime, refused};
use crate::{
    failure::{Failure, bug},
    tensor::{Tensor, with_array},
};

/// How a session is made. None of these changes what is computed beyond rounding.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// Let ONNX Runtime rewrite the graph (constant folding, fusions). Off only to compare.
    pub optimize: bool,
    /// Write a profile (Chrome trace JSON) whose name begins with this path.
    pub profile: Option<PathBuf>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { optimize: true, profile: None }
    }
}

/// A compiled ONNX model.
#[derive(Debug)]
pub struct Session {
    pub(super) inner: ort::session::Session,
}

impl Runtime {
    /// Compiles ONNX bytes. `weights` are the initializers that the bytes name as external data; all must be given.
    pub fn session(
        &self,
        onnx: &[u8],
        weights: BTreeMap<String, Arc<Tensor>>,
        options: &SessionOptions,
    ) -> Result<Session, Failure> {
        let failed =
            |error: &ort::Error<ort::session::builder::SessionBuilder>| refused("set up a session", error);
        let level =
            if options.optimize { GraphOptimizationLevel::All } else { GraphOptimizationLevel::Disable };
        let mut builder = ort::session::Session::builder(&self.environment)
            .map_err(|error| refused("set up a session", &error))?;
        builder = builder.with_optimization_level(level).map_err(|error| failed(&error))?;
        builder = builder.with_deterministic_compute(true).map_err(|error| failed(&error))?;
        if let Some(profile) = &options.profile {
            builder = builder.with_profiling(profile).map_err(|error| failed(&error))?;
        }
        for (name, tensor) in weights {
            let value = owned(&tensor)?.into_dyn();
            builder = builder
                .with_external_initializer(name, Arc::<DynValue>::new(value))
                .map_err(|error| failed(&error))?;
        }
        let inner = builder.commit_from_memory(onnx).map_err(|error| refused("compile the graph", &error))?;
        Ok(Session { inner })
    }
}

impl Session {
    /// Runs the model on host tensors and returns all outputs by name. Inputs are not copied on the CPU.
    pub fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<BTreeMap<String, Tensor>, Failure> {
        let mut values: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
        for (name, tensor) in inputs {
            values.push((name, view(tensor)?));
        }
        let outputs = self.inner.run(values).map_err(|error| refused("run the graph", &error))?;
        outputs.iter().map(|(name, value)| Ok((name.to_owned(), to_host(&value)?))).collect()
    }

    /// Names of the inputs, in order.
    pub fn inputs(&self) -> Vec<&str> {
        self.inner.inputs().iter().map(ort::value::Outlet::name).collect()
    }

    /// Names of the outputs, in order.
    pub fn outputs(&self) -> Vec<&str> {
        self.inner.outputs().iter().map(ort::value::Outlet::name).collect()
    }

    /// Ends profiling and returns the file that was written.
    pub fn end_profiling(&mut self) -> Result<PathBuf, Failure> {
        self.inner.end_profiling().map(PathBuf::from).map_err(|error| refused("write the profile", &error))
    }
}

/// A borrowed runtime value over a host tensor.
fn view(tensor: &Tensor) -> Result<SessionInputValue<'_>, Failure> {
    with_array!(tensor, array => {
        let values = array.as_slice().unwrap_or_else(|| bug("host tensors are row-major"));
        TensorRef::from_array_view((array.shape(), values)).map(Into::into).map_err(|error| refused("take a tensor", &error))
    })
}

/// A runtime value with a copy of a host tensor.
fn owned(tensor: &Tensor) -> Result<DynTensor, Failure> {
    with_array!(tensor, array => {
        ort::value::Tensor::from_array(array.clone()).map(ort::value::Tensor::upcast).map_err(|error| refused("take a tensor", &error))
    })
}

/// Copies a runtime value to the host.
pub(super) fn to_host(value: &DynValue) -> Result<Tensor, Failure> {
    use ort::value::TensorElementType as Element;
    macro_rules! host {
        ($variant:ident, $element:ty) => {
            value.try_extract_array::<$element>().map(|array| Tensor::$variant(array.to_owned()))
        };
    }
    let element = match value.dtype() {
        ort::value::ValueType::Tensor { ty, .. } => *ty,
        other => return Err(Failure::runtime(format!("the graph returned {other:?}, not a tensor"))),
    };
    let tensor = match element {
        Element::Float32 => host!(F32, f32),
        Element::Float64 => host!(F64, f64),
        Element::Float16 => host!(F16, half::f16),
        Element::Bfloat16 => host!(Bf16, half::bf16),
        Element::Int64 => host!(I64, i64),
        Element::Int32 => host!(I32, i32),
        Element::Bool => host!(Bool, bool),
        other => return Err(Failure::runtime(format!("the graph returned a tensor of {other}"))),
    };
    tensor.map_err(|error| refused("read a tensor", &error))
}

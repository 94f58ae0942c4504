//! Named buffers that stay where the session runs. One buffer may be bound as an input and as an output at once: that
//! is how a KV cache or an optimizer state is updated in place.

use ort::{memory::Allocator, value::DynTensor};

use super::{Session, refused, session::to_host};
use crate::{
    failure::{Failure, bug},
    tensor::{DType, Tensor},
};

/// A tensor that lives where the session runs.
#[derive(Debug)]
pub struct Buffer {
    value: DynTensor,
}

impl Buffer {
    /// A buffer filled with zeros.
    pub fn zeros(session: &Session, dtype: DType, shape: &[usize]) -> Result<Self, Failure> {
        let mut buffer = Self::allocate(session, dtype, shape)?;
        let failed = |error: ort::Error| refused("write a buffer", &error);
        macro_rules! zero {
            ($element:ty) => {
                buffer.value.try_extract_tensor_mut::<$element>().map_err(failed)?.1.fill(Default::default())
            };
        }
        match dtype {
            DType::F32 => zero!(f32),
            DType::F64 => zero!(f64),
            DType::F16 => zero!(half::f16),
            DType::Bf16 => zero!(half::bf16),
            DType::I64 => zero!(i64),
            DType::I32 => zero!(i32),
            DType::Bool => zero!(bool),
        }
        Ok(buffer)
    }

    /// A buffer with the content of a host tensor.
    pub fn of(session: &Session, tensor: &Tensor) -> Result<Self, Failure> {
        let mut buffer = Self::allocate(session, tensor.dtype(), tensor.shape())?;
        buffer.write(tensor)?;
        Ok(buffer)
    }

    fn allocate(session: &Session, dtype: DType, shape: &[usize]) -> Result<Self, Failure> {
        let allocator: &Allocator = session.inner.allocator();
        macro_rules! new {
            ($element:ty) => {
                ort::value::Tensor::<$element>::new(allocator, shape).map(ort::value::Tensor::upcast)
            };
        }
        let value = match dtype {
            DType::F32 => new!(f32),
            DType::F64 => new!(f64),
            DType::F16 => new!(half::f16),
            DType::Bf16 => new!(half::bf16),
            DType::I64 => new!(i64),
            DType::I32 => new!(i32),
            DType::Bool => new!(bool),
        };
        Ok(Self { value: value.map_err(|error| refused("allocate a buffer", &error))? })
    }

    /// Replaces the content; dtype and number of elements must be those of the buffer.
    pub fn write(&mut self, tensor: &Tensor) -> Result<(), Failure> {
        macro_rules! copy {
            ($array:expr) => {{
                let (_, values) =
                    self.value.try_extract_tensor_mut().map_err(|error| refused("write a buffer", &error))?;
                let given = $array.as_slice().unwrap_or_else(|| bug("host tensors are row-major"));
                if given.len() != values.len() {
                    bug(format!("a buffer of {} elements was given {}", values.len(), given.len()));
                }
                values.copy_from_slice(given);
            }};
        }
        crate::tensor::with_array!(tensor, array => copy!(array));
        Ok(())
    }

    /// The f32 content in place, row-major.
    pub fn as_f32_mut(&mut self) -> Result<&mut [f32], Failure> {
        self.value
            .try_extract_tensor_mut()
            .map(|(_, values)| values)
            .map_err(|error| refused("reach a buffer", &error))
    }

    /// The f32 content in place, row-major.
    pub fn as_f32(&self) -> Result<&[f32], Failure> {
        self.value
            .try_extract_tensor()
            .map(|(_, values)| values)
            .map_err(|error| refused("reach a buffer", &error))
    }

    /// The i64 content in place, row-major.
    pub fn as_i64_mut(&mut self) -> Result<&mut [i64], Failure> {
        self.value
            .try_extract_tensor_mut()
            .map(|(_, values)| values)
            .map_err(|error| refused("reach a buffer", &error))
    }

    /// The i32 content in place, row-major.
    pub fn as_i32_mut(&mut self) -> Result<&mut [i32], Failure> {
        self.value
            .try_extract_tensor_mut()
            .map(|(_, values)| values)
            .map_err(|error| refused("reach a buffer", &error))
    }

    /// A copy on the host.
    pub fn read(&self) -> Result<Tensor, Failure> {
        to_host(&self.value.view().into_dyn())
    }
}

/// Which buffers a session reads and writes. Made once, used for many runs.
#[derive(Debug)]
pub struct Binding {
    inner: ort::session::IoBinding,
}

impl Binding {
    /// An empty binding of `session`.
    pub fn new(session: &Session) -> Result<Self, Failure> {
        session
            .inner
            .create_binding()
            .map(|inner| Self { inner })
            .map_err(|error| refused("bind buffers", &error))
    }

    /// Reads the input `name` from `buffer`, which later runs see as it is then.
    pub fn input(&mut self, name: &str, buffer: &Buffer) -> Result<(), Failure> {
        self.inner.bind_input(name, &buffer.value).map_err(|error| refused("bind an input", &error).at(name))
    }

    /// Writes the output `name` to `buffer`, whose shape must be the output's.
    pub fn output(&mut self, name: &str, buffer: &mut Buffer) -> Result<(), Failure> {
        self.inner
            .bind_output(name, &mut buffer.value)
            .map_err(|error| refused("bind an output", &error).at(name))
    }
}

impl Session {
    /// Runs on bound buffers; every input and output must be bound.
    pub fn run_bound(&mut self, binding: &Binding) -> Result<(), Failure> {
        self.inner.run_binding(&binding.inner).map(|_| ()).map_err(|error| refused("run the graph", &error))
    }
}

//! Buffers that stay where a session computes, bound to its inputs and outputs once and used by every run.
//!
//! A buffer may be bound as an input and as an output at once, of one session or of several: then a run updates it in
//! place. That is only right for graphs whose last reader of the input is the node that writes the output (an
//! optimizer step, a cache that is appended to); the graph's author vouches for it.
//!
//! # Invariants
//! - Buffers and bindings stay on the thread that made them (they are not `Send`), so no run can race with a reader.
//! - A run never starts while a [`View`] of a buffer it writes is alive.

use std::{
    cell::{Ref, RefCell},
    collections::BTreeMap,
    fmt,
    ops::Deref,
    rc::Rc,
};

use ndarray::ArrayD;
use ort::{
    memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType},
    session::IoBinding,
    value::DynTensor,
};

use super::{Provider, Session, error::refused, value};
use crate::{
    failure::{Failure, bug},
    tensor::{DType, Tensor, with_array},
};

/// Memory of fixed dtype and shape that sessions read and write. Cloning shares it.
#[derive(Clone)]
pub struct Buffer {
    cell: Rc<RefCell<DynTensor>>,
    dtype: DType,
    shape: Vec<usize>,
    on_host: bool,
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({:?} {:?}, on_host: {})", self.dtype, self.shape, self.on_host)
    }
}

impl Session {
    /// A buffer of zeros where this session computes: in device memory on CUDA, in host memory on the CPU.
    pub fn buffer(&self, dtype: DType, shape: &[usize]) -> Result<Buffer, Failure> {
        let allocator = match self.provider {
            Provider::Cpu => return self.host_buffer(dtype, shape),
            Provider::Cuda(number) => {
                cuda_memory(number).and_then(|memory| Allocator::new(&self.inner, memory))
            }
        };
        let allocator = allocator.map_err(|error| refused("reach the device's memory", &error))?;
        let buffer = Buffer::new(&allocator, dtype, shape, false)?;
        let zeros = Buffer::new(&Allocator::default(), dtype, shape, true)?;
        zeros.copy_to(&buffer)?;
        Ok(buffer)
    }

    /// A buffer of zeros in host memory, whatever the session runs on. The library copies to and from it. It belongs to
    /// no session; having one proves that the library is open, which allocating needs.
    pub fn host_buffer(&self, dtype: DType, shape: &[usize]) -> Result<Buffer, Failure> {
        Buffer::new(&Allocator::default(), dtype, shape, true)
    }

    /// A binding without inputs and outputs.
    pub fn binding(&self) -> Result<Binding, Failure> {
        let inner = self.inner.create_binding().map_err(|error| refused("bind buffers", &error))?;
        Ok(Binding {
            inner,
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            fetched: Vec::new(),
            confined: std::marker::PhantomData,
        })
    }
}

fn cuda_memory(number: u32) -> ort::Result<MemoryInfo<'static>> {
    let number = i32::try_from(number).unwrap_or(i32::MAX);
    MemoryInfo::new(AllocationDevice::CUDA, number, AllocatorType::Device, MemoryType::Default)
}

fn host_memory() -> ort::Result<MemoryInfo<'static>> {
    MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Device, MemoryType::CPUOutput)
}

impl Buffer {
    fn new(allocator: &Allocator, dtype: DType, shape: &[usize], on_host: bool) -> Result<Self, Failure> {
        let dims: Vec<i64> = shape.iter().map(|dim| *dim as i64).collect();
        let tensor = DynTensor::new(allocator, value::element_type(dtype), dims)
            .map_err(|error| refused(&format!("allocate a buffer of shape {shape:?}"), &error))?;
        Ok(Self { cell: Rc::new(RefCell::new(tensor)), dtype, shape: shape.to_vec(), on_host })
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The extent of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Copies a host tensor of the same dtype and shape into the buffer.
    pub fn write(&self, tensor: &Tensor) -> Result<(), Failure> {
        if tensor.dtype() != self.dtype || tensor.shape() != self.shape {
            bug(format!(
                "a tensor {:?} {:?} is written into a buffer {:?} {:?}",
                tensor.dtype(),
                tensor.shape(),
                self.dtype,
                self.shape
            ));
        }
        if !self.on_host {
            let staged = Self::new(&Allocator::default(), self.dtype, &self.shape, true)?;
            staged.write(tensor)?;
            return staged.copy_to(self);
        }
        let mut target = self.cell.borrow_mut();
        with_array!(tensor, array => assign(&mut target, array))
            .map_err(|error| refused("write into a buffer", &error))
    }

    /// Copies the buffer into a host tensor.
    pub fn read(&self) -> Result<Tensor, Failure> {
        if self.on_host {
            return value::copy("buffer", &self.cell.borrow().view().into_dyn());
        }
        let on_host = self
            .cell
            .borrow()
            .to(AllocationDevice::CPU, 0)
            .map_err(|error| refused("read from the device", &error))?;
        value::copy("buffer", &on_host.into_dyn())
    }

    /// The row-major f32 elements of a host buffer, without a copy.
    pub fn view_f32(&self) -> View<'_, f32> {
        self.view()
    }

    /// The row-major i64 elements of a host buffer, without a copy.
    pub fn view_i64(&self) -> View<'_, i64> {
        self.view()
    }

    fn view<T: ort::value::PrimitiveTensorElementType>(&self) -> View<'_, T> {
        if !self.on_host {
            bug("a view of a buffer in device memory");
        }
        View(Ref::map(self.cell.borrow(), |tensor| match tensor.try_extract_tensor() {
            Ok((_, elements)) => elements,
            Err(error) => bug(error),
        }))
    }

    fn copy_to(&self, target: &Self) -> Result<(), Failure> {
        let mut target = target.cell.borrow_mut();
        self.cell.borrow().copy_into(&mut *target).map_err(|error| refused("copy to the device", &error))
    }
}

fn assign<T>(target: &mut DynTensor, array: &ArrayD<T>) -> ort::Result<()>
where
    T: ort::value::PrimitiveTensorElementType + Clone,
{
    target.try_extract_array_mut::<T>()?.assign(array);
    Ok(())
}

/// The elements of a host buffer. No run may write the buffer while it lives.
#[derive(Debug)]
pub struct View<'b, T>(Ref<'b, [T]>);

impl<T> Deref for View<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

/// Which buffer serves which input and output of a session.
pub struct Binding {
    inner: IoBinding,
    inputs: BTreeMap<String, Buffer>,
    outputs: BTreeMap<String, Buffer>,
    fetched: Vec<String>,
    /// Keeps the binding on its thread, like its buffers.
    confined: std::marker::PhantomData<Rc<()>>,
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binding")
            .field("inputs", &self.inputs)
            .field("outputs", &self.outputs)
            .field("fetched", &self.fetched)
            .finish_non_exhaustive()
    }
}

impl Binding {
    /// Every run reads the input `name` from `buffer`; replaces what was bound before.
    pub fn input(&mut self, name: &str, buffer: &Buffer) -> Result<(), Failure> {
        self.inner
            .bind_input(name, &*buffer.cell.borrow())
            .map_err(|error| refused(&format!("bind the input `{name}`"), &error))?;
        self.inputs.insert(name.to_owned(), buffer.clone());
        Ok(())
    }

    /// Every run writes the output `name` into `buffer`; replaces what was bound before.
    pub fn output(&mut self, name: &str, buffer: &Buffer) -> Result<(), Failure> {
        self.inner
            .bind_output(name, &mut *buffer.cell.borrow_mut())
            .map_err(|error| refused(&format!("bind the output `{name}`"), &error))?;
        self.outputs.insert(name.to_owned(), buffer.clone());
        Ok(())
    }

    /// Every run returns the output `name` as a new host tensor, of whatever shape it then has.
    pub fn fetch(&mut self, name: &str) -> Result<(), Failure> {
        self.bind_fetch(name)?;
        if !self.fetched.iter().any(|known| known == name) {
            self.fetched.push(name.to_owned());
        }
        Ok(())
    }

    /// Runs the session on the bound buffers and returns the fetched outputs.
    pub fn run(&mut self, session: &mut Session) -> Result<BTreeMap<String, Tensor>, Failure> {
        for (name, buffer) in &self.outputs {
            if buffer.cell.try_borrow_mut().is_err() {
                bug(format!("output `{name}` is written while somebody looks at its buffer"));
            }
        }
        // Outside the CPU the library copies host inputs when they are bound, not when it runs.
        if session.provider != Provider::Cpu {
            for (name, buffer) in self.inputs.iter().filter(|(_, buffer)| buffer.on_host) {
                self.inner
                    .bind_input(name, &*buffer.cell.borrow())
                    .map_err(|error| refused(&format!("bind the input `{name}`"), &error))?;
            }
        }
        // The library reuses the tensor of the last run for an output it allocates itself, whose shape may change.
        for name in self.fetched.clone() {
            self.bind_fetch(&name)?;
        }
        let outputs =
            session.inner.run_binding(&self.inner).map_err(|error| refused("run the graph", &error))?;
        let mut fetched = BTreeMap::new();
        for name in &self.fetched {
            let value =
                outputs.get(name).unwrap_or_else(|| bug(format!("the library lost the output `{name}`")));
            fetched.insert(name.clone(), value::copy(name, value)?);
        }
        Ok(fetched)
    }

    fn bind_fetch(&mut self, name: &str) -> Result<(), Failure> {
        host_memory()
            .and_then(|memory| self.inner.bind_output_to_device(name, &memory))
            .map_err(|error| refused(&format!("bind the output `{name}`"), &error))
    }
}

//! Sample cases of operators, from which the numeric gradient tests draw.

use crate::{
    graph::{Graph, Value},
    tensor::{DType, close::Tolerance},
};

/// A row of the table of operators.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The operator's file.
    pub name: &'static str,
    /// Its sample cases.
    pub cases: fn() -> Vec<Case>,
}

/// A small graph around one operator.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is special about it.
    pub name: &'static str,
    /// What goes in.
    pub operands: Vec<Operand>,
    /// Adds the operator and returns its output; bool and integer outputs are admitted.
    pub build: fn(&mut Graph, &[Value]) -> Value,
    /// The type of real operands.
    pub dtype: DType,
    /// How well the gradient must agree with central differences.
    pub tolerance: Tolerance,
}

/// What an operand holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Content {
    /// Real numbers in a range.
    Real(f64, f64),
    /// Integers from 0 to below a bound, as i64.
    Index(usize),
    /// Given integers, as i64.
    Given(&'static [i64]),
    /// Given integers, as i32.
    GivenI32(&'static [i32]),
    /// Truth values.
    Truth,
}

/// An input of a case, filled with random content by the test.
#[derive(Clone, Debug)]
pub struct Operand {
    /// Its extents.
    pub shape: Vec<usize>,
    /// What it holds.
    pub content: Content,
    /// Whether the gradient by it is checked.
    pub checked: bool,
}

impl Case {
    /// A case in f64 and with the tight tolerance for it.
    pub fn new(name: &'static str, operands: Vec<Operand>, build: fn(&mut Graph, &[Value]) -> Value) -> Self {
        Self { name, operands, build, dtype: DType::F64, tolerance: Tolerance::Gradient }
    }

    /// The case in f32, for operators without an f64 kernel.
    #[must_use]
    pub fn single(mut self) -> Self {
        self.dtype = DType::F32;
        self.tolerance = Tolerance::GradientF32;
        self
    }
}

impl Operand {
    fn new(shape: &[usize], content: Content) -> Self {
        Self { shape: shape.to_vec(), content, checked: matches!(content, Content::Real(..)) }
    }

    /// Real numbers between -2 and 2.
    pub fn real(shape: &[usize]) -> Self {
        Self::new(shape, Content::Real(-2.0, 2.0))
    }

    /// Real numbers between `low` and `high`.
    #[must_use]
    pub fn within(mut self, low: f64, high: f64) -> Self {
        self.content = Content::Real(low, high);
        self
    }

    /// Without a check of the gradient by it.
    #[must_use]
    pub fn unchecked(mut self) -> Self {
        self.checked = false;
        self
    }

    /// Integers from 0 to below `bound`.
    pub fn index(shape: &[usize], bound: usize) -> Self {
        Self::new(shape, Content::Index(bound))
    }

    /// The given integers.
    pub fn given(shape: &[usize], numbers: &'static [i64]) -> Self {
        Self::new(shape, Content::Given(numbers))
    }

    /// The given integers, as i32.
    pub fn given_i32(shape: &[usize], numbers: &'static [i32]) -> Self {
        Self::new(shape, Content::GivenI32(numbers))
    }

    /// Truth values.
    pub fn truth(shape: &[usize]) -> Self {
        Self::new(shape, Content::Truth)
    }
}

//! What is known about a value before it exists: its element type and the extent of each axis.

use std::fmt;

use super::Dim;
use crate::tensor::DType;

/// Element type and shape of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Element type.
    pub dtype: DType,
    /// The extent of each axis; empty for a scalar.
    pub shape: Vec<Dim>,
}

impl Fact {
    /// A fact from its parts.
    pub fn new(dtype: DType, shape: &[Dim]) -> Self {
        Self { dtype, shape: shape.to_vec() }
    }

    /// The same shape with another element type.
    #[must_use]
    pub fn with_dtype(&self, dtype: DType) -> Self {
        Self { dtype, shape: self.shape.clone() }
    }

    /// The same element type with another shape.
    #[must_use]
    pub fn with_shape(&self, shape: &[Dim]) -> Self {
        Self::new(self.dtype, shape)
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The position of `axis`, which counts from the end if it is negative.
    pub fn axis(&self, axis: i64) -> Result<usize, Mismatch> {
        let rank = self.rank() as i64;
        let position = if axis < 0 { axis + rank } else { axis };
        usize::try_from(position)
            .ok()
            .filter(|position| *position < self.rank())
            .ok_or_else(|| Mismatch::new(format!("axis {axis} of {self}, which has {rank} axes")))
    }

    /// All extents as numbers; `None` if one is symbolic.
    pub fn known_shape(&self) -> Option<Vec<usize>> {
        self.shape.iter().map(Dim::as_known).collect()
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.dtype {
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::F16 => "f16",
            DType::Bf16 => "bf16",
            DType::I64 => "i64",
            DType::I32 => "i32",
            DType::Bool => "bool",
        };
        write!(f, "{name}{}", shape_text(&self.shape))
    }
}

/// `[batch,4]`.
pub fn shape_text(shape: &[Dim]) -> String {
    let dims: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("[{}]", dims.join(","))
}

/// Why values do not fit an operator, as a lowercase fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch(String);

impl Mismatch {
    /// A mismatch from its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The shape that two shapes broadcast to, by the rules of `numpy`: aligned at the last axis, an extent of 1 stretches.
pub fn broadcast(a: &[Dim], b: &[Dim]) -> Result<Vec<Dim>, Mismatch> {
    let rank = a.len().max(b.len());
    let one = Dim::known(1);
    let at = |shape: &[Dim], position: usize| {
        (position + shape.len()).checked_sub(rank).map_or_else(|| one.clone(), |index| shape[index].clone())
    };
    (0..rank)
        .map(|position| match (at(a, position), at(b, position)) {
            (left, right) if left == right || right.is(1) => Ok(left),
            (left, right) if left.is(1) => Ok(right),
            _ => {
                Err(Mismatch::new(format!("shapes {} and {} do not broadcast", shape_text(a), shape_text(b))))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dims;

    #[test]
    fn shapes_broadcast_from_the_last_axis() {
        assert_eq!(broadcast(&dims!["b", 1, 3], &dims![4, 1]).unwrap(), dims!["b", 4, 3]);
        assert_eq!(broadcast(&[], &dims!["b"]).unwrap(), dims!["b"]);
        assert!(broadcast(&dims!["b"], &dims!["c"]).is_err());
        assert!(broadcast(&dims![2], &dims![3]).is_err());
    }

    #[test]
    fn axes_count_from_either_end() {
        let fact = Fact::new(DType::F32, &dims!["b", 3]);
        assert_eq!(fact.axis(-1), Ok(1));
        assert_eq!(fact.axis(0), Ok(0));
        assert!(fact.axis(2).is_err());
        assert!(fact.axis(-3).is_err());
        assert_eq!(fact.to_string(), "f32[b,3]");
    }
}

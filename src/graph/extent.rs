//! Extents as values: what the file computes at run time where a shape is not known when the graph is built.

use super::{Dim, Graph, Value, op};
use crate::{failure::bug, tensor::Tensor};

/// The extents as an i64 vector: a constant if all are known, else computed from the shapes of inputs. Every symbol
/// must be an extent of an input, alone or with a factor.
#[track_caller]
pub fn extents(g: &mut Graph, dims: &[Dim]) -> Value {
    let mut parts: Vec<Value> = Vec::new();
    let mut known: Vec<i64> = Vec::new();
    for dim in dims {
        if let Some(extent) = dim.as_known() {
            known.push(extent as i64);
        } else {
            if !known.is_empty() {
                parts.push(vector(g, std::mem::take(&mut known)));
            }
            parts.push(extent(g, dim));
        }
    }
    if !known.is_empty() || parts.is_empty() {
        parts.push(vector(g, known));
    }
    op::concat(g, &parts, 0)
}

/// A constant vector of integers.
pub(crate) fn vector(g: &mut Graph, numbers: Vec<i64>) -> Value {
    g.constant(Tensor::I64(ndarray::Array1::from(numbers).into_dyn()))
}

/// One symbolic extent as a vector of one element.
fn extent(g: &mut Graph, dim: &Dim) -> Value {
    let terms: Vec<(i64, Vec<String>)> = dim
        .terms()
        .map(|(factor, product)| (factor, product.iter().map(ToString::to_string).collect()))
        .collect();
    let mut sum: Option<Value> = None;
    for (factor, product) in terms {
        let mut term: Option<Value> = None;
        for name in product {
            let size = symbol(g, &name);
            term = Some(term.map_or(size, |term| op::mul(g, term, size)));
        }
        let term = match (term, factor) {
            (Some(term), 1) => term,
            (Some(term), factor) => {
                let factor = vector(g, vec![factor]);
                op::mul(g, term, factor)
            }
            (None, constant) => vector(g, vec![constant]),
        };
        sum = Some(sum.map_or(term, |sum| op::add(g, sum, term)));
    }
    sum.unwrap_or_else(|| vector(g, vec![0]))
}

/// The extent that a symbol names, from the shape of the first input that has it.
fn symbol(g: &mut Graph, name: &str) -> Value {
    let wanted = Dim::symbol(name);
    let mut with_factor = None;
    let mut alone = None;
    for value in g.inputs().iter().copied() {
        for (axis, dim) in g.fact(value).shape.iter().enumerate() {
            if *dim == wanted {
                alone = alone.or(Some((value, axis)));
            } else if let Some(factor) = dim.divided_by(&wanted).and_then(|quotient| quotient.as_known()) {
                with_factor = with_factor.or(Some((value, axis, factor)));
            }
        }
    }
    match (alone, with_factor) {
        (Some((value, axis)), _) => op::shape(g, value, axis..axis + 1),
        (None, Some((value, axis, factor))) => {
            let extent = op::shape(g, value, axis..axis + 1);
            let factor = vector(g, vec![factor as i64]);
            op::div(g, extent, factor)
        }
        (None, None) => bug(format!("no input has the extent `{name}`, so its size is unknown at run time")),
    }
}

/// The numbers of a constant i64 vector.
#[cfg(test)]
pub(crate) fn constant_integers(g: &Graph, value: Value) -> Option<Vec<i64>> {
    if let crate::graph::Source::Constant(tensor) = g.source(value) {
        tensor.as_i64().map(<[i64]>::to_vec)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dims, tensor::DType};

    #[test]
    fn known_extents_are_one_constant() {
        let mut g = Graph::new();
        let value = extents(&mut g, &dims![2, 3]);
        assert_eq!(constant_integers(&g, value), Some(vec![2, 3]));
        assert_eq!(extents(&mut g, &dims![2, 3]), value);
        assert!(g.nodes().is_empty());
    }

    #[test]
    fn a_symbol_is_read_from_an_input_once() {
        let mut g = Graph::new();
        g.input("tokens", DType::I64, &dims!["batch", "time"]);
        let merged = Dim::symbol("batch").times(&Dim::symbol("time"));
        let first = extents(&mut g, &[merged.clone(), Dim::known(4)]);
        let nodes = g.nodes().len();
        assert_eq!(nodes, 4, "two shapes, their product, and the vector");
        assert_eq!(extents(&mut g, &[merged, Dim::known(4)]), first);
        assert_eq!(g.nodes().len(), nodes);
        assert_eq!(*g.fact(first), crate::graph::Fact::new(DType::I64, &dims![2]));
    }

    #[test]
    fn a_symbol_with_a_factor_is_divided_out() {
        let mut g = Graph::new();
        g.input("rows", DType::F32, &[Dim::known(2).times(&Dim::symbol("pairs"))]);
        let value = extents(&mut g, &dims!["pairs"]);
        assert_eq!(g.name(value), "div");
    }
}

//! `Reshape`: the same elements in the same order, on other axes.

use super::{Case, Operand, rule};
use crate::graph::{Attribute, Dim, Fact, GradCx, Gradient, Graph, Mismatch, Op, Value, extents, shape_text};

#[derive(Debug)]
struct Reshape {
    target: Vec<Dim>,
}

/// `x` with the extents `target`, which must have the same product. Reshapes in a row are one node, or none; the target is
/// a constant of the file where at most one of its symbolic extents has moved.
#[track_caller]
pub fn reshape(g: &mut Graph, x: Value, target: &[Dim]) -> Value {
    if g.fact(x).shape == target {
        return x;
    }
    if let Some(source) = reshaped_from(g, x)
        && Dim::product(target) == Dim::product(&g.fact(source).shape)
    {
        return reshape(g, source, target);
    }
    let vector = match constant_target(&g.fact(x).shape, target) {
        Some(numbers) => crate::graph::extent::vector(g, numbers),
        None => extents(g, target),
    };
    g.apply(Reshape { target: target.to_vec() }, &[x, vector])
}

fn reshaped_from(g: &Graph, x: Value) -> Option<Value> {
    g.producer(x).filter(|node| node.op.onnx() == "Reshape").and_then(|node| node.inputs[0])
}

/// The target in ONNX's notation: 0 copies the extent at the same position, -1 is whatever is left. None if that cannot
/// say it.
fn constant_target(shape: &[Dim], target: &[Dim]) -> Option<Vec<i64>> {
    let mut left_over = 0;
    let numbers = target
        .iter()
        .enumerate()
        .map(|(position, dim)| match dim.as_known() {
            Some(0) => None,
            Some(extent) => Some(extent as i64),
            None if shape.get(position) == Some(dim) => Some(0),
            None => {
                left_over += 1;
                Some(-1)
            }
        })
        .collect::<Option<Vec<i64>>>()?;
    (left_over <= 1).then_some(numbers)
}

impl Op for Reshape {
    fn onnx(&self) -> &'static str {
        "Reshape"
    }

    fn attributes(&self) -> Vec<Attribute> {
        let empty = self.target.iter().any(|dim| dim.is(0));
        if empty { vec![Attribute::int("allowzero", 1)] } else { Vec::new() }
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [x, _] = rule::all(inputs)?;
        if Dim::product(&x.shape) != Dim::product(&self.target) {
            return Err(Mismatch::new(format!("{x} does not fill {}", shape_text(&self.target))));
        }
        Ok(vec![x.with_shape(&self.target)])
    }

    fn grad(&self, cx: &mut GradCx<'_>) -> Gradient {
        let shape = cx.graph.shape(cx.input(0));
        let dy = cx.upstream();
        Gradient::Flow(vec![Some(reshape(cx.graph, dy, &shape)), None])
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("merge", vec![Operand::real(&[2, 3, 2])], |g, v| reshape(g, v[0], &crate::dims![6, 2])),
        Case::new("to a vector and apart", vec![Operand::real(&[2, 3])], |g, v| {
            reshape(g, v[0], &crate::dims![3, 1, 2])
        }),
        Case::new("scalar", vec![Operand::real(&[])], |g, v| reshape(g, v[0], &crate::dims![1, 1])),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dims, graph::extent::constant_integers, tensor::DType};

    fn target_of(g: &Graph, x: Value) -> Option<Vec<i64>> {
        g.producer(x).and_then(|node| node.inputs[1]).and_then(|vector| constant_integers(g, vector))
    }

    #[test]
    fn symbolic_targets_are_constants_where_one_extent_moves() {
        let mut g = Graph::new();
        let x = g.input("x", DType::F32, &dims!["batch", "time", 8]);
        let rows = Dim::symbol("batch").times(&Dim::symbol("time"));
        let merged = reshape(&mut g, x, &[rows, Dim::known(8)]);
        assert_eq!(target_of(&g, merged), Some(vec![-1, 8]));
        let heads = reshape(&mut g, merged, &dims!["batch", "time", 2, 4]);
        assert_eq!(target_of(&g, heads), Some(vec![0, 0, 2, 4]), "straight from x");
        assert_eq!(reshape(&mut g, heads, &dims!["batch", "time", 8]), x);
    }

    #[test]
    fn two_moved_extents_are_computed() {
        let mut g = Graph::new();
        let rows = Dim::symbol("batch").times(&Dim::symbol("time"));
        g.input("tokens", DType::I64, &dims!["batch", "time"]);
        let x = g.input("x", DType::F32, &[rows, Dim::known(8)]);
        let y = reshape(&mut g, x, &dims!["batch", "time", 8]);
        assert_eq!(target_of(&g, y), None);
    }

    #[test]
    fn a_target_that_does_not_fit_is_a_bug_with_its_place() {
        let built = std::panic::catch_unwind(|| {
            let mut g = Graph::new();
            let x = g.input("x", DType::F32, &dims![2, 3]);
            g.scope("layer", |g| reshape(g, x, &dims![4]));
        });
        let message = built.unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains("cannot apply Reshape in `layer`: f32[2,3] does not fill [4]"), "{message}");
    }
}

//! Gradients: a reverse sweep over the graph that adds, for every node between the loss and what it is differentiated by,
//! the nodes of its gradient rule.
//!
//! In: a scalar loss and the values to differentiate by. Out: one gradient per value, in its shape.
//!
//! A gradient may travel in a narrower shape than its value's, as long as it broadcasts to it: the gradient of a mean is one
//! number, and rules that multiply element by element use it as it is. It is expanded where a rule needs the full shape.
//! Un-broadcasting, the opposite, happens here and nowhere else.
//!
//! # Invariants
//! - Nothing is computed that no requested gradient needs: a frozen weight costs nothing.
//! - A node without a gradient rule on the way is a bug, named with its path and the rule's reason.

mod recompute;
mod unbroadcast;

use std::collections::BTreeMap;

pub use recompute::Segments;
pub(crate) use unbroadcast::to_input;

use self::recompute::Copy;
use super::{GradCx, Gradient, Graph, Node, Source, Value, op};
use crate::failure::bug;

/// The gradients of `loss`, a float scalar, by each of `wrt`, in their shapes; zeros where the loss does not depend on one.
pub fn gradients(g: &mut Graph, loss: Value, wrt: &[Value]) -> Vec<Value> {
    gradients_recomputing(g, loss, wrt, &Segments::default())
}

/// [`gradients`] that computes the values inside of `segments` again where gradient rules need them.
pub fn gradients_recomputing(g: &mut Graph, loss: Value, wrt: &[Value], segments: &Segments) -> Vec<Value> {
    let fact = g.fact(loss);
    if fact.rank() != 0 || !fact.dtype.is_float() {
        bug(format!("a gradient of {fact}, which is not a float scalar"));
    }
    let seed = g.scalar(1.0, g.dtype(loss));
    sweep(g, &[(loss, seed)], wrt, segments)
}

/// The sum over `outputs` of the products of a gradient by it and its Jacobian: where the gradient of a loss by `outputs` is
/// already known, the gradient by each of `wrt`. Each given gradient has the shape of its output.
pub fn vector_jacobian_product(g: &mut Graph, outputs: &[(Value, Value)], wrt: &[Value]) -> Vec<Value> {
    sweep(g, outputs, wrt, &Segments::default())
}

fn sweep(g: &mut Graph, outputs: &[(Value, Value)], wrt: &[Value], segments: &Segments) -> Vec<Value> {
    let active = reached(g, wrt);
    let mut sums: BTreeMap<Value, Value> = BTreeMap::new();
    for (output, gradient) in outputs {
        accumulate(g, &mut sums, *output, *gradient);
    }
    g.scope("gradient", |g| {
        let mut copy: Option<Copy> = None;
        for index in (0..active.nodes.len()).rev().filter(|index| active.nodes[*index]) {
            let node = g.nodes()[index].clone();
            if node.outputs.iter().all(|output| !sums.contains_key(output)) {
                continue;
            }
            let segment = segments.of(index);
            if copy.as_ref().map(|copy| copy.segment) != segment {
                copy = segment.map(|segment| {
                    let known = node.outputs.iter().chain(wrt).filter_map(|value| sums.get(value).copied());
                    let known: Vec<Value> = known.collect();
                    Copy::new(g, segments, segment, &known)
                });
            }
            back_through(g, &node, copy.as_ref(), &active, &mut sums);
        }
    });
    wrt.iter()
        .map(|value| match sums.get(value) {
            Some(sum) => op::expand(g, *sum, &g.shape(*value)),
            None => op::zeros_like(g, *value),
        })
        .collect()
}

/// What depends on the values that are differentiated by.
struct Active {
    values: Vec<bool>,
    nodes: Vec<bool>,
}

impl Active {
    fn has(&self, value: Value) -> bool {
        self.values[value.0 as usize]
    }
}

fn reached(g: &Graph, wrt: &[Value]) -> Active {
    let mut active = Active { values: vec![false; g.wires.len()], nodes: vec![false; g.nodes().len()] };
    for value in wrt {
        active.values[value.0 as usize] = g.dtype(*value).is_float();
    }
    for (index, node) in g.nodes().iter().enumerate() {
        if node.inputs.iter().flatten().any(|input| active.has(*input)) {
            active.nodes[index] = true;
            for output in &node.outputs {
                active.values[output.0 as usize] |= g.dtype(*output).is_float();
            }
        }
    }
    active
}

/// Sends the gradients by a node's outputs on to its inputs. The rule works with the values of `copy`.
fn back_through(
    g: &mut Graph,
    node: &Node,
    copy: Option<&Copy>,
    active: &Active,
    sums: &mut BTreeMap<Value, Value>,
) {
    let upstream: Vec<Option<Value>> = node.outputs.iter().map(|output| sums.get(output).copied()).collect();
    let again = |value: Value| copy.map_or(value, |copy| copy.of(value));
    let inputs: Vec<Option<Value>> = node.inputs.iter().map(|input| input.map(again)).collect();
    let outputs: Vec<Value> = node.outputs.iter().copied().map(again).collect();
    let needed: Vec<bool> =
        node.inputs.iter().map(|input| input.is_some_and(|value| active.has(value))).collect();
    let gradient = g.scope(&node.path, |g| {
        let mut cx =
            GradCx { graph: g, inputs: &inputs, outputs: &outputs, upstream: &upstream, needed: &needed };
        node.op.grad(&mut cx)
    });
    let broadcasts = node.op.broadcasts().then(|| node.outputs[0]);
    let (gradients, stretched_to) = match gradient {
        Gradient::Flow(gradients) => (gradients, broadcasts),
        Gradient::Summed(gradients) => (gradients, None),
        Gradient::Zero => return,
        Gradient::Unsupported(reason) => {
            bug(format!("no gradient through `{}` ({}): {reason}", node.path, node.op.onnx()))
        }
    };
    if gradients.len() != node.inputs.len() {
        bug(format!("the gradient rule of {} returns {} gradients", node.op.onnx(), gradients.len()));
    }
    for ((input, gradient), needed) in node.inputs.iter().zip(gradients).zip(needed) {
        let (Some(input), Some(gradient), true) = (input, gradient, needed) else {
            continue;
        };
        let gradient = g.scope(&node.path, |g| to_input(g, stretched_to, *input, gradient));
        accumulate(g, sums, *input, gradient);
    }
}

fn accumulate(g: &mut Graph, sums: &mut BTreeMap<Value, Value>, value: Value, gradient: Value) {
    let sum = match sums.get(&value) {
        Some(sum) => op::add(g, *sum, gradient),
        None => gradient,
    };
    sums.insert(value, sum);
}

/// Values that `loss` is computed from and that come from outside, in the order of their declaration: what a gradient can
/// be asked by.
pub fn leaves(g: &Graph, loss: Value) -> Vec<Value> {
    let mut seen = vec![false; g.wires.len()];
    seen[loss.0 as usize] = true;
    for node in g.nodes().iter().rev() {
        if node.outputs.iter().any(|output| seen[output.0 as usize]) {
            node.inputs.iter().flatten().for_each(|input| seen[input.0 as usize] = true);
        }
    }
    (0..g.wires.len())
        .filter(|index| seen[*index] && matches!(g.wires[*index].source, Source::Input | Source::Initializer))
        .map(|index| Value(index as u32))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dims, graph::Fact, tensor::DType};

    #[test]
    fn what_the_loss_does_not_depend_on_has_a_gradient_of_zeros() {
        let mut g = Graph::new();
        let x = g.input("x", DType::F32, &dims!["n", 3]);
        let y = g.input("y", DType::F32, &dims![2]);
        let sum = op::reduce_sum(&mut g, x, &[], op::KeepDims::No);
        let d = gradients(&mut g, sum, &[x, y]);
        assert_eq!(*g.fact(d[0]), Fact::new(DType::F32, &dims!["n", 3]));
        assert_eq!(g.producer(d[1]).map(|node| node.op.onnx()), Some("ConstantOfShape"));
        assert_eq!(leaves(&g, sum), [x]);
    }

    #[test]
    fn a_frozen_operand_gets_no_gradient_node() {
        let mut g = Graph::new();
        let x = g.input("x", DType::F32, &dims!["n", 3]);
        let frozen = g.initializer("weight", DType::F32, &[4, 3]);
        let y = op::linear(&mut g, x, frozen);
        let sum = op::reduce_sum(&mut g, y, &[], op::KeepDims::No);
        gradients(&mut g, sum, &[x]);
        let products = g.nodes().iter().filter(|node| node.op.onnx() == "Gemm").count();
        assert_eq!(products, 2, "forward, and the gradient by x");
    }

    #[test]
    fn an_operator_without_a_gradient_is_named_with_its_path_and_reason() {
        let built = std::panic::catch_unwind(|| {
            let mut g = Graph::new();
            let row = g.input("row", DType::F32, &dims!["b", 1, 16]);
            let cache = g.input("cache", DType::F32, &dims!["b", 1, 8, 16]);
            let seqlens_k = g.input("lengths", DType::I32, &dims!["b"]);
            let total_sequence_length = g.input("total", DType::I32, &[]);
            let inputs = op::GroupQueryInputs {
                query: row,
                key: row,
                value: row,
                past_key: cache,
                past_value: cache,
                seqlens_k,
                total_sequence_length,
                rotary: None,
                head_sink: None,
            };
            let settings = op::GroupQueryAttention {
                heads: 1,
                kv_heads: 1,
                scale: 0.25,
                window: None,
                softcap: None,
                interleaved: false,
            };
            let out = g.scope("layers.0", |g| op::group_query_attention(g, &inputs, settings)).output;
            let sum = op::reduce_sum(&mut g, out, &[], op::KeepDims::No);
            gradients(&mut g, sum, &[row]);
        });
        let message = built.unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains("no gradient through `layers.0.groupqueryattention`"), "{message}");
        assert!(message.contains("decoding with a cache is not differentiated"), "{message}");
    }
}

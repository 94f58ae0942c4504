//! Random broadcast shapes through the element-wise operators.

use chorale::{
    graph::{Graph, Value, op},
    random::Draws,
    tensor::Tensor,
};
use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_assert, proptest};

use super::numeric::worst_gradient_error;

/// Two shapes that broadcast: a common one, from which each drops leading axes and shortens others to 1.
fn shapes() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    let axis = (1_usize..4, any::<bool>(), any::<bool>());
    (prop::collection::vec(axis, 0..4), 0_usize..3, 0_usize..3).prop_map(|(axes, drop_a, drop_b)| {
        let side = |drop: usize, short: fn(&(usize, bool, bool)) -> bool| -> Vec<usize> {
            axes.iter().skip(drop).map(|axis| if short(axis) { 1 } else { axis.0 }).collect()
        };
        (side(drop_a, |axis| axis.1), side(drop_b, |axis| axis.2))
    })
}

fn random(shape: &[usize], item: &str) -> Tensor {
    let mut draws = Draws::new(5, item, 0);
    let count: usize = shape.iter().product();
    Tensor::f64(shape, (0..count).map(|_| 0.5 + draws.uniform()).collect()).unwrap()
}

/// Products and quotients of narrow and wide tensors, so that gradients are still narrow when they meet.
fn mixture(g: &mut Graph, v: &[Value]) -> Value {
    let mean = op::reduce_mean(g, v[0], &[], op::KeepDims::No);
    let sum = op::add(g, v[0], v[1]);
    let product = op::mul(g, sum, v[1]);
    let quotient = op::div(g, product, mean);
    let larger = op::max(g, quotient, v[0]);
    let difference = op::sub(g, v[1], larger);
    op::pow(g, sum, difference)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn gradients_of_broadcast_operands_have_their_shapes_and_numbers((a, b) in shapes()) {
        let (error, compared) = worst_gradient_error("mixture", &[random(&a, "a"), random(&b, "b")], &[0, 1], mixture);
        prop_assert!(compared >= 2);
        prop_assert!(error < 1e-6, "{a:?} {b:?}: {error:e}");
    }
}

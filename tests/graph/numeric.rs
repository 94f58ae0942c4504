//! Analytic gradients of a scalar loss against central differences, on whatever inputs.

use chorale::{
    graph::{Graph, Value, backward::gradients, op},
    random::Draws,
    tensor::{DType, Tensor, close::relative_error},
};

use super::{named, session};

/// Builds `build` over inputs like `tensors` and weighs its output with random numbers to a scalar loss. Returns the worst
/// relative error of the gradients by the `checked` inputs against central differences, and how many numbers were compared.
pub(super) fn worst_gradient_error(
    name: &str,
    tensors: &[Tensor],
    checked: &[usize],
    build: impl Fn(&mut Graph, &[Value]) -> Value,
) -> (f64, usize) {
    let mut g = Graph::new();
    let inputs: Vec<Value> = (tensors.iter().enumerate())
        .map(|(index, tensor)| {
            let shape: Vec<_> = tensor.shape().iter().map(|extent| (*extent).into()).collect();
            g.input(&format!("x{index}"), tensor.dtype(), &shape)
        })
        .collect();
    let real = tensors.iter().find(|tensor| tensor.dtype().is_float()).map_or(DType::F32, Tensor::dtype);
    let output = build(&mut g, &inputs);
    let loss = weighted_sum(&mut g, name, output, real);
    let wrt: Vec<Value> = checked.iter().map(|index| inputs[*index]).collect();
    let mut forward = g.clone();
    forward.output("loss", loss);
    let analytic = analytic(g, loss, &wrt, &inputs, tensors);
    let mut forward_session = session(&forward);
    let mut evaluate = |tensors: &[Tensor]| -> f64 {
        let outputs = forward_session.run(&named(&forward, &inputs, tensors)).unwrap();
        numbers(&outputs["loss"])[0]
    };
    let step = if real == DType::F64 { 1e-5 } else { 1e-2 };
    let mut worst: f64 = 0.0;
    let mut compared = 0;
    for (index, analytic) in checked.iter().zip(&analytic) {
        let centre = numbers(&tensors[*index]);
        let mut expected = Vec::new();
        for position in 0..centre.len() {
            let mut side = |offset: f64| {
                let mut moved = centre.clone();
                moved[position] += offset;
                let mut inputs = tensors.to_vec();
                inputs[*index] = tensor_of(&tensors[*index], moved);
                evaluate(&inputs)
            };
            expected.push((side(step) - side(-step)) / (2.0 * step));
        }
        let all_zero = analytic.iter().chain(&expected).all(|x| x.abs() < 1e-9);
        let error = if all_zero { 0.0 } else { relative_error(analytic, &expected) };
        assert!(error < 1.0, "{name}: input {index}: gradient {analytic:?}, differences {expected:?}");
        worst = worst.max(error);
        compared += expected.len();
    }
    (worst, compared)
}

fn weighted_sum(g: &mut Graph, name: &str, output: Value, real: DType) -> Value {
    let output = op::cast(g, output, real);
    let shape: Vec<usize> = g.shape(output).iter().map(|dim| dim.expect_known()).collect();
    let mut draws = Draws::new(1, name, 0);
    let weights: Vec<f64> = (0..shape.iter().product()).map(|_| draws.uniform() + 0.5).collect();
    let weights = match real {
        DType::F64 => Tensor::f64(&shape, weights),
        _ => Tensor::f32(&shape, weights.into_iter().map(|x| x as f32).collect()),
    };
    let weights = g.constant(weights.unwrap());
    let weighted = op::mul(g, output, weights);
    op::reduce_sum(g, weighted, &[], op::KeepDims::No)
}

fn analytic(mut g: Graph, loss: Value, wrt: &[Value], inputs: &[Value], tensors: &[Tensor]) -> Vec<Vec<f64>> {
    let gradients = gradients(&mut g, loss, wrt);
    for (value, gradient) in wrt.iter().zip(&gradients) {
        assert_eq!(g.fact(*value), g.fact(*gradient), "a gradient has the fact of its value");
    }
    for (index, gradient) in gradients.iter().enumerate() {
        g.output(&format!("d{index}"), *gradient);
    }
    if gradients.is_empty() {
        g.output("loss", loss);
    }
    let outputs = session(&g).run(&named(&g, inputs, tensors)).unwrap();
    for (index, value) in wrt.iter().enumerate() {
        let shape: Vec<usize> = g.shape(*value).iter().map(|dim| dim.expect_known()).collect();
        assert_eq!(outputs[&format!("d{index}")].shape(), shape, "the runtime agrees about the shape");
    }
    assert!(outputs.values().flat_map(numbers).all(f64::is_finite), "{outputs:?}");
    (0..wrt.len()).map(|index| numbers(&outputs[&format!("d{index}")])).collect()
}

/// All elements as f64.
pub(super) fn numbers(tensor: &Tensor) -> Vec<f64> {
    match tensor {
        Tensor::F64(array) => array.iter().copied().collect(),
        Tensor::F32(array) => array.iter().map(|x| f64::from(*x)).collect(),
        other => panic!("{:?} is no float type of these tests", other.dtype()),
    }
}

/// Numbers in the shape and type of `like`.
fn tensor_of(like: &Tensor, numbers: Vec<f64>) -> Tensor {
    match like.dtype() {
        DType::F64 => Tensor::f64(like.shape(), numbers),
        _ => Tensor::f32(like.shape(), numbers.into_iter().map(|x| x as f32).collect()),
    }
    .unwrap()
}

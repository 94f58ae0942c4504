//! Low-rank adapters (Hu et al. 2021) as PEFT defines them: `W x` becomes `W x + alpha/r * B (A x)`, and only A `[r, inputs]`
//! and B `[outputs, r]` are trained. Rank-stabilised adapters (Kalajdzievski 2023) are scaled by `alpha / sqrt(r)`.
//! While training, elements of `x` may be dropped on their way into A ([`crate::model::layer::dropout`]).
//!
//! # Decisions
//! - The scale is applied to `A x`, which has r columns, not to the result, which has many.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::{
    failure::Failure,
    graph::{Graph, Value, op},
    model::{
        layer::{self, dropout::Dropout},
        parameter::{Parameter, Parameters, Role},
    },
    random::Draws,
    tensor::DType,
};

/// In the list of targets: every linear layer but the output head.
pub const ALL_LINEAR: &str = "all-linear";

/// The output head, which `all-linear` leaves out, as in PEFT.
const HEAD: &str = "lm_head";

/// Which layers are adapted, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Lora {
    /// r: the rank of each update.
    pub rank: usize,
    /// Updates are scaled by `alpha / rank`, or by `alpha / sqrt(rank)` if `rank_stabilised`.
    pub alpha: f64,
    /// Whether the scale falls with the root of the rank only.
    pub rank_stabilised: bool,
    /// The share of the elements of a layer's input that are dropped before A while training; 0 to below 1.
    pub dropout: f64,
    /// Last names of the adapted layers (`q_proj`), or [`ALL_LINEAR`].
    pub targets: Vec<String>,
}

/// One adapted layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The layer's path, such as `model.layers.0.self_attn.q_proj`.
    pub path: String,
    /// Extents of its matrix.
    pub outputs: usize,
    /// Extents of its matrix.
    pub inputs: usize,
}

impl Target {
    /// The name of the layer's own matrix.
    pub fn weight(&self) -> String {
        format!("{}.weight", self.path)
    }

    /// The name of matrix A.
    pub fn a(&self) -> String {
        format!("{}.lora_A.weight", self.path)
    }

    /// The name of matrix B.
    pub fn b(&self) -> String {
        format!("{}.lora_B.weight", self.path)
    }
}

impl Lora {
    /// The factor on every update.
    pub fn scale(&self) -> f64 {
        let rank = self.rank as f64;
        self.alpha / if self.rank_stabilised { rank.sqrt() } else { rank }
    }

    /// The layers of a network that are adapted, in the order of its parameters. A target that fits no layer is an
    /// error.
    pub fn resolve(&self, parameters: &[Parameter]) -> Result<Vec<Target>, Failure> {
        let linear = linear_layers(parameters);
        let last = |target: &Target| target.path.rsplit('.').next().unwrap_or_default().to_owned();
        for wanted in &self.targets {
            if wanted != ALL_LINEAR && !linear.iter().any(|target| fits(&target.path, wanted)) {
                let mut known: Vec<String> = linear.iter().map(last).collect();
                known.sort_unstable();
                known.dedup();
                let message = format!("the model has no linear layer that LoRA target `{wanted}` names");
                return Err(Failure::input(message).hint(format!("its linear layers: {}", known.join(", "))));
            }
        }
        let wanted = |target: &Target| {
            self.targets
                .iter()
                .any(|name| if name == ALL_LINEAR { last(target) != HEAD } else { fits(&target.path, name) })
        };
        Ok(linear.into_iter().filter(wanted).collect())
    }

    /// The names and shapes of all matrices, A before B.
    pub fn matrices(&self, targets: &[Target]) -> Vec<(String, Vec<usize>)> {
        let both = |target: &Target| {
            [(target.a(), vec![self.rank, target.inputs]), (target.b(), vec![target.outputs, self.rank])]
        };
        targets.iter().flat_map(both).collect()
    }
}

/// All linear layers of a network, in the order of its parameters.
pub fn linear_layers(parameters: &[Parameter]) -> Vec<Target> {
    parameters.iter().filter_map(target).collect()
}

fn target(parameter: &Parameter) -> Option<Target> {
    let path = parameter.name.strip_suffix(".weight")?.to_owned();
    match (parameter.role, parameter.shape.as_slice()) {
        (Role::Matrix, [outputs, inputs]) => Some(Target { path, outputs: *outputs, inputs: *inputs }),
        _ => None,
    }
}

/// Whether a layer's path is `name` or ends with `.name`.
fn fits(path: &str, name: &str) -> bool {
    path.strip_suffix(name).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

/// The first values of matrix A `[rank, inputs]` called `name`: Kaiming-uniform with `a = sqrt(5)` as in PEFT, which is
/// uniform in ±1/sqrt(inputs). B starts at 0, so the adapted model starts as the base model.
pub fn initial_a(seed: u64, name: &str, rank: usize, inputs: usize) -> Vec<f32> {
    let bound = 1.0 / (inputs.max(1) as f64).sqrt();
    let mut draws = Draws::new(seed, name, 0);
    (0..rank * inputs).map(|_| ((2.0 * draws.uniform() - 1.0) * bound) as f32).collect()
}

/// Adds `scale * B A` to a matrix `[outputs, inputs]` in place; `a` is `[rank, inputs]`, `b` is `[outputs, rank]`.
pub fn merge(weight: &mut [f32], a: &[f32], b: &[f32], rank: usize, scale: f32) {
    let inputs = a.len() / rank.max(1);
    let rows = weight.par_chunks_exact_mut(inputs.max(1)).zip(b.par_chunks_exact(rank.max(1)));
    rows.for_each(|(row, factors)| {
        for (factor, direction) in factors.iter().zip(a.chunks_exact(inputs.max(1))) {
            let factor = factor * scale;
            row.iter_mut().zip(direction).for_each(|(value, step)| *value += factor * step);
        }
    });
}

/// Weights of which some layers have an adapter; A and B are values of the graph, the rest comes from `base`.
#[derive(Debug)]
pub struct Adapted<P> {
    base: P,
    /// A and B by the name of the adapted matrix.
    adapters: BTreeMap<String, [Value; 2]>,
    scale: f64,
    dropout: Option<Dropout>,
}

impl<P: Parameters> Adapted<P> {
    /// Puts adapters beside the layers of `base`.
    pub fn new(base: P, adapters: BTreeMap<String, [Value; 2]>, scale: f64) -> Self {
        Self { base, adapters, scale, dropout: None }
    }

    /// The same with dropout before every A, each with masks of its own.
    #[must_use]
    pub fn with_dropout(mut self, dropout: Option<Dropout>) -> Self {
        self.dropout = dropout;
        self
    }
}

impl<P: Parameters> Parameters for Adapted<P> {
    fn weight(&mut self, g: &mut Graph, name: &str, shape: &[usize]) -> Value {
        self.base.weight(g, name, shape)
    }

    fn linear(&mut self, g: &mut Graph, name: &str, x: Value, shape: [usize; 2]) -> Value {
        let plain = self.base.linear(g, name, x, shape);
        let Some([a, b]) = self.adapters.get(name).copied() else { return plain };
        g.scope("lora", |g| {
            let mut wide = op::cast(g, x, DType::F32);
            let mut scale = self.scale;
            if let Some(dropout) = &mut self.dropout {
                let number = self.adapters.keys().take_while(|known| known.as_str() < name).count();
                wide = g.scope("dropout", |g| dropout.apply(g, wide, number));
                scale *= dropout.scale();
            }
            let low = layer::linear(g, wide, a);
            let scale = g.scalar(scale, DType::F32);
            let low = op::mul(g, low, scale);
            let update = layer::linear(g, low, b);
            let update = op::cast(g, update, g.dtype(plain));
            op::add(g, plain, update)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters() -> Vec<Parameter> {
        vec![
            Parameter::new("model.embed_tokens.weight", &[9, 4], Role::Embedding),
            Parameter::new("model.layers.0.self_attn.q_proj.weight", &[6, 4], Role::Matrix),
            Parameter::new("model.layers.0.mlp.down_proj.weight", &[4, 8], Role::Matrix),
            Parameter::new("model.norm.weight", &[4], Role::Gain),
            Parameter::new("lm_head.weight", &[9, 4], Role::Matrix),
        ]
    }

    fn lora(targets: &[&str]) -> Lora {
        let targets = targets.iter().map(ToString::to_string).collect();
        Lora { rank: 2, alpha: 4.0, rank_stabilised: false, dropout: 0.0, targets }
    }

    #[test]
    fn a_stabilised_scale_falls_with_the_root_of_the_rank() {
        let plain = Lora { rank: 16, alpha: 8.0, ..lora(&[]) };
        assert_eq!(plain.scale(), 0.5);
        assert_eq!(Lora { rank_stabilised: true, ..plain }.scale(), 2.0);
    }

    #[test]
    fn targets_are_found_by_their_last_name() {
        let found = lora(&["q_proj"]).resolve(&parameters()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            lora(&["q_proj"]).matrices(&found),
            [
                ("model.layers.0.self_attn.q_proj.lora_A.weight".to_owned(), vec![2, 4]),
                ("model.layers.0.self_attn.q_proj.lora_B.weight".to_owned(), vec![6, 2])
            ]
        );
        let all = lora(&[ALL_LINEAR]).resolve(&parameters()).unwrap();
        let paths: Vec<&str> = all.iter().map(|target| target.path.as_str()).collect();
        assert_eq!(paths, ["model.layers.0.self_attn.q_proj", "model.layers.0.mlp.down_proj"]);
    }

    #[test]
    fn a_target_that_names_no_layer_is_an_error_with_the_layers_there_are() {
        let failure = lora(&["proj"]).resolve(&parameters()).unwrap_err();
        assert!(failure.message.contains("`proj`"), "{failure}");
        assert_eq!(failure.hint.unwrap(), "its linear layers: down_proj, lm_head, q_proj");
    }

    #[test]
    fn merging_adds_the_scaled_product() {
        // A = [[1, 2], [3, 4]], B = [[1, 0], [0, 10]], scale 2: W + 2 B A = [[2, 4], [60, 80]].
        let mut weight = vec![0.0; 4];
        merge(&mut weight, &[1.0, 2.0, 3.0, 4.0], &[1.0, 0.0, 0.0, 10.0], 2, 2.0);
        assert_eq!(weight, [2.0, 4.0, 60.0, 80.0]);
    }

    #[test]
    fn first_values_depend_on_seed_and_name_and_stay_within_the_bound() {
        let values = initial_a(1, "x", 8, 16);
        assert_eq!(values.len(), 128);
        assert!(values.iter().all(|value| value.abs() <= 0.25));
        assert!(values.iter().any(|value| value.abs() > 0.2));
        assert_eq!(values, initial_a(1, "x", 8, 16));
        assert_ne!(values, initial_a(1, "y", 8, 16));
        assert_ne!(values, initial_a(2, "x", 8, 16));
    }
}

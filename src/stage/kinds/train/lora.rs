//! The settings of adapters, and which of them make no sense.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::stage::contract::Problem;

/// Low-rank adapters (Hu et al. 2021).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoraSpec {
    /// The rank of each update.
    #[serde(default = "rank")]
    pub rank: usize,
    /// Updates are scaled by `alpha / rank`.
    #[serde(default = "alpha")]
    pub alpha: f64,
    /// Scales updates by `alpha / sqrt(rank)` instead (PEFT's `use_rslora`).
    #[serde(default)]
    pub rank_stabilised: bool,
    /// The share of the elements of a layer's input that its adapter does not see in a step; 0 to below 1.
    #[serde(default)]
    pub dropout: f64,
    /// Last names of the adapted linear layers, such as `q_proj`; `all-linear` for all but the output head.
    #[serde(default = "targets")]
    pub targets: Vec<String>,
}

fn rank() -> usize {
    8
}
fn alpha() -> f64 {
    16.0
}
fn targets() -> Vec<String> {
    vec!["q_proj".to_owned(), "v_proj".to_owned()]
}

impl LoraSpec {
    /// Settings that make no sense, all of them.
    pub(super) fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.rank == 0 {
            problems.push(Problem::new("lora.rank", "a rank of 0 trains nothing", "use 8 or 16"));
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            let message = format!("`alpha` is out of range: {}", self.alpha);
            problems.push(Problem::new("lora.alpha", message, "use a number above 0, often twice the rank"));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            let message = format!("`dropout` is out of range: {}", self.dropout);
            problems.push(Problem::new(
                "lora.dropout",
                message,
                "use a number from 0 to below 1, often 0.05",
            ));
        }
        if self.targets.is_empty() {
            let hint = "name linear layers, such as [\"q_proj\", \"v_proj\"], or [\"all-linear\"]";
            problems.push(Problem::new("lora.targets", "no layer is adapted", hint));
        }
        problems
    }
}

//! The numbers of the objectives.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far a margin is from its target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// The absolute difference, as in DCO's code and proofs.
    #[default]
    L1,
    /// The squared difference.
    L2,
    /// Half the square up to `huber_delta`, from there on the absolute difference times it (PyTorch's `huber_loss`).
    Huber,
}

/// A weight: the same for all tasks, or one for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TaskWeight {
    /// For all pairs.
    All(f64),
    /// By the pairs' `task`.
    Each(BTreeMap<String, f64>),
}

impl TaskWeight {
    /// All its numbers.
    pub fn numbers(&self) -> Vec<f64> {
        match self {
            Self::All(weight) => vec![*weight],
            Self::Each(weights) => weights.values().copied().collect(),
        }
    }
}

/// A number that some objectives use: its name in recipes is that of the field of [`Settings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knob {
    /// [`Settings::beta`].
    Beta,
    /// [`Settings::label_smoothing`].
    LabelSmoothing,
    /// [`Settings::nll_weight`].
    NllWeight,
    /// [`Settings::simpo_gamma`].
    SimpoGamma,
    /// [`Settings::norm`].
    Norm,
    /// [`Settings::huber_delta`].
    HuberDelta,
    /// [`Settings::target_weight`].
    TargetWeight,
}

/// Numbers that a loss may use; each uses those of its [`super::Loss::knobs`].
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How strongly a preference loss holds on to the reference model, or scales rewards without one; above 0.
    pub beta: f64,
    /// The share of pairs taken to be labelled the wrong way round; 0 to below 0.5.
    pub label_smoothing: f64,
    /// Weight of the chosen side's negative log-likelihood per token (methods P4's gamma); 0 or above.
    pub nll_weight: TaskWeight,
    /// By how much the chosen side's reward should exceed the rejected side's (methods P5's gamma); 0 or above.
    pub simpo_gamma: f64,
    /// How far margins are from their targets.
    pub norm: Norm,
    /// Where [`Norm::Huber`] becomes linear; above 0.
    pub huber_delta: f64,
    /// By language: the factor on the *other* languages' reference margins in the language's own target (methods 3.7);
    /// `beta` for languages without an entry.
    pub target_weight: BTreeMap<String, f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            beta: 0.1,
            label_smoothing: 0.0,
            nll_weight: TaskWeight::All(1.0),
            simpo_gamma: 0.5,
            norm: Norm::L1,
            huber_delta: 1.0,
            target_weight: BTreeMap::new(),
        }
    }
}

//! What one optimizer step reported.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Row;
use crate::artifact::{ArtifactKind, Form};

/// Metrics of one optimizer step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingStep {
    /// The optimizer step, from 1.
    pub step: usize,
    /// Passes over the data so far.
    pub epoch: f64,
    /// The learning rate of this step.
    pub learning_rate: f64,
    /// Mean loss of the step.
    pub loss: f64,
    /// Global L2 norm of the gradient before clipping.
    pub grad_norm: f64,
    /// Further metrics of the objective, by the names that TRL gives them (`rewards/margins`, ...).
    #[serde(default)]
    pub metrics: std::collections::BTreeMap<String, f64>,
}

impl Row for TrainingStep {
    const KIND: ArtifactKind = ArtifactKind {
        name: "training-steps",
        form: Form::Rows,
        about: "loss, learning rate and rewards of each optimizer step",
    };
}

//! Defines how the learning rate changes over the steps of a training run, exactly as `transformers` defines it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The shape of the learning rate after warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// The full rate.
    Constant,
    /// Falls in a straight line to 0 at the last step.
    Linear,
    /// Falls along half a cosine wave to 0 at the last step.
    Cosine,
}

impl Schedule {
    /// What the learning rate is multiplied with at `step` (from 0) of `total`, the first `warmup` of which rise from 0.
    ///
    /// Step 0 of a warm-up has factor 0, as in `transformers`: the first update then moves nothing.
    pub fn factor(self, step: usize, warmup: usize, total: usize) -> f64 {
        if step < warmup {
            return step as f64 / warmup.max(1) as f64;
        }
        let span = total.saturating_sub(warmup).max(1) as f64;
        match self {
            Self::Constant => 1.0,
            Self::Linear => (total.saturating_sub(step) as f64 / span).max(0.0),
            Self::Cosine => {
                let progress = (step - warmup) as f64 / span;
                (0.5 * (1.0 + (std::f64::consts::PI * progress).cos())).max(0.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_warms_up_and_then_follows_its_shape() {
        // Ten steps, two of them warm-up: 0, 1/2, then the shape over eight steps.
        for schedule in [Schedule::Constant, Schedule::Linear, Schedule::Cosine] {
            assert_eq!(schedule.factor(0, 2, 10), 0.0);
            assert_eq!(schedule.factor(1, 2, 10), 0.5);
            assert_eq!(schedule.factor(2, 2, 10), 1.0);
            assert_eq!(schedule.factor(0, 0, 10), 1.0);
        }
        assert_eq!(Schedule::Constant.factor(9, 2, 10), 1.0);
        assert_eq!(Schedule::Linear.factor(6, 2, 10), 0.5);
        assert!((Schedule::Cosine.factor(6, 2, 10) - 0.5).abs() < 1e-12);
        assert!((Schedule::Cosine.factor(9, 2, 10) - 0.038_060_233_744_356_62).abs() < 1e-12);
        assert_eq!(Schedule::Linear.factor(10, 2, 10), 0.0);
        assert_eq!(Schedule::Linear.factor(0, 0, 0), 0.0);
    }
}

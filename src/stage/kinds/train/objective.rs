//! The setting `objective` and the numbers that go with it: each objective has its own, with its own defaults.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::spec::TrainSpec;
use crate::{
    model::loss::{self, Examples, Knob, LOSSES, Loss, Norm, Settings},
    stage::contract::Problem,
};

/// One of the objectives of [`LOSSES`], by name.
#[derive(Clone, Copy, Debug)]
pub struct Objective(pub &'static dyn Loss);

impl Serialize for Objective {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for Objective {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        loss::find(&name).map(Self).ok_or_else(|| {
            let known: Vec<String> = LOSSES.iter().map(|loss| format!("`{}`", loss.name())).collect();
            de::Error::custom(format!("unknown objective `{name}`, expected one of {}", known.join(", ")))
        })
    }
}

impl JsonSchema for Objective {
    fn schema_name() -> Cow<'static, str> {
        "Objective".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = LOSSES.iter().map(|loss| loss.name()).collect();
        let about: Vec<String> =
            LOSSES.iter().map(|loss| format!("`{}`: {}", loss.name(), loss.about())).collect();
        json_schema!({ "type": "string", "enum": names, "description": format!("What to learn. {}.", about.join("; ")) })
    }
}

/// The setting that holds the rows of a stage's objective. What learns completions learns the chosen sides of pairs too.
pub(super) fn field_of(spec: &TrainSpec) -> &'static str {
    match spec.objective.0.examples() {
        Examples::Texts => "texts",
        Examples::Completions if spec.completions.is_none() && spec.pairs.is_some() => "pairs",
        Examples::Completions => "completions",
        Examples::Pairs => "pairs",
    }
}

/// Which numbers a recipe gave, by their names.
fn given(spec: &TrainSpec) -> [(Knob, &'static str, bool); 7] {
    [
        (Knob::Beta, "beta", spec.beta.is_some()),
        (Knob::LabelSmoothing, "label_smoothing", spec.label_smoothing.is_some()),
        (Knob::NllWeight, "nll_weight", spec.nll_weight.is_some()),
        (Knob::SimpoGamma, "simpo_gamma", spec.simpo_gamma.is_some()),
        (Knob::Norm, "norm", spec.norm.is_some()),
        (Knob::HuberDelta, "huber_delta", spec.huber_delta.is_some()),
        (Knob::TargetWeight, "target_weight", spec.target_weight.is_some()),
    ]
}

/// Writes defaults out, of the numbers that the objective uses.
pub(super) fn fill(spec: &mut TrainSpec) {
    let loss = spec.objective.0;
    let defaults = loss.defaults();
    for knob in loss.knobs() {
        match knob {
            Knob::Beta => _ = spec.beta.get_or_insert(defaults.beta),
            Knob::LabelSmoothing => _ = spec.label_smoothing.get_or_insert(defaults.label_smoothing),
            Knob::NllWeight => _ = spec.nll_weight.get_or_insert_with(|| defaults.nll_weight.clone()),
            Knob::SimpoGamma => _ = spec.simpo_gamma.get_or_insert(defaults.simpo_gamma),
            Knob::Norm => _ = spec.norm.get_or_insert(defaults.norm),
            Knob::HuberDelta if spec.norm == Some(Norm::Huber) => {
                spec.huber_delta.get_or_insert(defaults.huber_delta);
            }
            Knob::HuberDelta => {}
            Knob::TargetWeight => _ = spec.target_weight.get_or_insert_with(Default::default),
        }
    }
}

/// The numbers as the loss takes them.
pub(super) fn settings(spec: &TrainSpec) -> Settings {
    let defaults = spec.objective.0.defaults();
    Settings {
        beta: spec.beta.unwrap_or(defaults.beta),
        label_smoothing: spec.label_smoothing.unwrap_or(defaults.label_smoothing),
        nll_weight: spec.nll_weight.clone().unwrap_or(defaults.nll_weight),
        simpo_gamma: spec.simpo_gamma.unwrap_or(defaults.simpo_gamma),
        norm: spec.norm.unwrap_or(defaults.norm),
        huber_delta: spec.huber_delta.unwrap_or(defaults.huber_delta),
        target_weight: spec.target_weight.clone().unwrap_or(defaults.target_weight),
    }
}

/// Numbers that the objective does not use, and numbers that make no sense.
pub(super) fn check(spec: &TrainSpec) -> Vec<Problem> {
    let loss = spec.objective.0;
    let name = loss.name();
    let mut problems = Vec::new();
    for (knob, field, _) in given(spec).into_iter().filter(|(.., given)| *given) {
        if !loss.knobs().contains(&knob) {
            let users: Vec<String> = (LOSSES.iter().filter(|loss| loss.knobs().contains(&knob)))
                .map(|loss| format!("`{}`", loss.name()))
                .collect();
            let message = format!("objective `{name}` does not use `{field}`");
            problems.push(Problem::new(
                field,
                message,
                format!("remove the line; it belongs to {}", users.join(", ")),
            ));
        } else if knob == Knob::HuberDelta && spec.norm != Some(Norm::Huber) {
            let hint = "add `norm = \"huber\"`, or remove the line";
            problems.push(Problem::new(field, "only the norm `huber` has a `huber_delta`", hint));
        } else {
            problems.extend(range(spec, knob, field));
        }
    }
    problems
}

fn range(spec: &TrainSpec, knob: Knob, field: &str) -> Option<Problem> {
    let numbers = settings(spec);
    let (values, bounds) = match knob {
        Knob::Beta => (vec![numbers.beta], Bounds::Positive),
        Knob::LabelSmoothing => (vec![numbers.label_smoothing], Bounds::Minority),
        Knob::NllWeight => (numbers.nll_weight.numbers(), Bounds::NotNegative),
        Knob::SimpoGamma => (vec![numbers.simpo_gamma], Bounds::NotNegative),
        Knob::Norm => return None,
        Knob::HuberDelta => (vec![numbers.huber_delta], Bounds::Positive),
        Knob::TargetWeight => (numbers.target_weight.into_values().collect(), Bounds::NotNegative),
    };
    let wrong = values.into_iter().find(|value| !bounds.hold(*value))?;
    Some(Problem::new(field, format!("`{field}` is out of range: {wrong}"), bounds.hint()))
}

/// Which numbers make sense.
#[derive(Clone, Copy)]
enum Bounds {
    Positive,
    NotNegative,
    Minority,
}

impl Bounds {
    fn hold(self, x: f64) -> bool {
        match self {
            Self::Positive => x.is_finite() && x > 0.0,
            Self::NotNegative => x.is_finite() && x >= 0.0,
            Self::Minority => (0.0..0.5).contains(&x),
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Self::Positive => "use a number above 0",
            Self::NotNegative => "use 0 or a number above 0",
            Self::Minority => "use a number from 0 to below 0.5",
        }
    }
}

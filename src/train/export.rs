//! Writes a training graph for other programs: `NAME.onnx`, its weights in `NAME.safetensors`, and `NAME.md`, which says
//! what goes in and what comes out.
//!
//! The weights lie beside the graph as external data at the offsets that their safetensors header gives, so the file
//! opens in any ONNX Runtime. `NAME.safetensors` also holds the first trainable vector as the tensor `trainable`.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use safetensors::SafeTensors;

use super::{
    Settings,
    graph::{self, Trained, TrainingGraph, name},
    initial,
};
use crate::{
    checkpoint::{Weights, safetensors as files},
    failure::{Cause, Failure, bug},
    graph::export::{self as onnx, Description, External},
    model::{arch::Network, layer::dropout::KEYS, loss::Unit, row::GROUP},
    tensor::Tensor,
};

/// Writes the three files into an existing folder and returns their paths.
pub fn write(
    network: &dyn Network,
    trained: &Trained,
    weights: Weights,
    settings: &Settings,
    folder: &Path,
    name: &str,
) -> Result<Vec<PathBuf>, Failure> {
    let training = graph::build(network, trained, settings.goal(), settings.form);
    let mut first = initial(trained, &training.layout, &weights, settings.seed)?;
    first.extend(settings.initial_auxiliary(network));
    let first = Tensor::f32(&[first.len()], first).unwrap_or_else(|| bug("a vector is as long as it is"));
    let mut kept: Weights = weights.into_iter().filter(|(name, _)| is_frozen(&training, name)).collect();
    kept.insert(name::TRAINABLE.to_owned(), Arc::new(first));
    let paths = ["onnx", "safetensors", "md"].map(|extension| folder.join(format!("{name}.{extension}")));
    files::write(&paths[1], &kept)?;
    let places = places(&paths[1], &format!("{name}.safetensors"))?;
    let values = values(&training);
    let description = Description {
        name: name.to_owned(),
        text: summary(&training),
        metadata: BTreeMap::from([("objective".to_owned(), settings.loss.name().to_owned())]),
        values: values.iter().cloned().collect(),
    };
    let bytes = onnx::model(&training.graph, &description, &places);
    let text = describe(&training, name, &values);
    for (path, content) in [(&paths[0], bytes), (&paths[2], text.into_bytes())] {
        std::fs::write(path, content).map_err(|error| Failure::io(Cause::Store, "write", path, &error))?;
    }
    Ok(paths.to_vec())
}

fn is_frozen(training: &TrainingGraph, name: &str) -> bool {
    training.graph.initializers().iter().any(|weight| training.graph.name(*weight) == name)
}

/// Where each tensor of a safetensors file lies.
fn places(path: &Path, location: &str) -> Result<BTreeMap<String, External>, Failure> {
    let failed = |error: &std::io::Error| Failure::io(Cause::Store, "read", path, error);
    let bytes = std::fs::read(path).map_err(|error| failed(&error))?;
    let (length, header) = SafeTensors::read_metadata(&bytes).unwrap_or_else(|error| bug(error));
    let start = (length + size_of::<u64>()) as u64;
    let place = |(name, info): (String, &safetensors::tensor::TensorInfo)| {
        let (first, last) = (info.data_offsets.0 as u64, info.data_offsets.1 as u64);
        (name, External { location: location.to_owned(), offset: start + first, length: last - first })
    };
    Ok(header.tensors().into_iter().map(place).collect())
}

fn summary(training: &TrainingGraph) -> String {
    format!(
        "One training step without the optimizer: the {} loss of a batch ({}), its metrics, and its gradient by {} \
         trainable numbers.",
        training.loss.name(),
        training.loss.about(),
        training.layout.len()
    )
}

/// What each input and output means, in the order in which they should be explained.
fn values(training: &TrainingGraph) -> Vec<(String, String)> {
    let loss = training.loss;
    let unit = match loss.unit() {
        Unit::Token => "scored tokens",
        Unit::Example => "examples",
        Unit::Group => "groups",
    };
    let mut values: Vec<(String, String)> = [
        (name::TRAINABLE, "all trainable tensors one after another, row-major".to_owned()),
        (name::TOKENS, "token ids; any id where the segment is -1".to_owned()),
        (name::POSITIONS, "position of each token in its sequence, from 0; branches go on where the prompt ended".to_owned()),
        (
            name::SEGMENTS,
            format!("{GROUP} n for the prompt of the row's n-th example (from 0), {GROUP} n + k for its branch k, which sees its \
                     prompt and itself; -1 for padding"),
        ),
        (name::SELECTED, "flat positions (row * tokens + column) whose next token is scored".to_owned()),
        (name::LABELS, "the next token of each selected position".to_owned()),
        (name::DROPOUT, format!("a random number of 0 to below {KEYS} for each token, new in every step")),
        (name::UNITS, format!("number of {unit} of the whole optimizer step, which loss and gradient are divided by")),
        (name::LOSS, "the batch's share of the step's mean loss".to_owned()),
        (name::GRADIENT, "gradient of the loss by the trainable vector".to_owned()),
    ]
    .map(|(name, text)| (name.to_owned(), text))
    .to_vec();
    for role in loss.roles() {
        if loss.unit() != Unit::Token {
            values.push((
                name::members(role),
                format!("1 where a selected position belongs to the example's {role} sequence, else 0"),
            ));
        }
        if loss.needs_reference() {
            values.push((
                name::reference(role),
                format!("log-probability of the {role} sequence under the reference model"),
            ));
        }
    }
    let column =
        |name: &&str| ((*name).to_owned(), format!("`{name}` of each example, a constant of the loss"));
    values.extend(loss.column_names().iter().map(column));
    if unit == "groups" {
        values.push((name::GROUPS.to_owned(), "1 where an example belongs to a group, else 0".to_owned()));
    }
    if let Some(aux) = &training.auxiliary {
        values.push((
            name::ANCHORS.to_owned(),
            format!(
                "flat position of the last token of each question's prompt in {} languages",
                aux.languages
            ),
        ));
        values
            .push((name::ANCHOR_WEIGHTS.to_owned(), "share of each question in the step's mean".to_owned()));
    }
    let share = |metric: &&str| ((*metric).to_owned(), "the batch's share of the step's mean".to_owned());
    values.extend(training.metrics.iter().map(share));
    values
}

/// The description for people, in Markdown.
fn describe(training: &TrainingGraph, name: &str, values: &[(String, String)]) -> String {
    let graph = &training.graph;
    let meaning: BTreeMap<&str, &str> =
        values.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let mut text = format!("# {name}.onnx\n\n{}\n", summary(training));
    let row = |text: &mut String, name: &str, fact: &crate::graph::Fact| {
        let _ = writeln!(text, "| `{name}` | `{fact}` | {} |", meaning.get(name).unwrap_or(&""));
    };
    text.push_str("\n## Inputs\n\n| name | type | meaning |\n|---|---|---|\n");
    graph.inputs().iter().for_each(|value| row(&mut text, graph.name(*value), graph.fact(*value)));
    text.push_str("\n## Outputs\n\n| name | type | meaning |\n|---|---|---|\n");
    graph.outputs().iter().for_each(|(name, value)| row(&mut text, name, graph.fact(*value)));
    let _ = write!(
        text,
        "\n## Weights\n\n`{name}.safetensors` holds the {} frozen weights that the graph refers to, and the first value of \
         `trainable`.\n\n## The trainable vector\n\n| tensor | shape | first element |\n|---|---|---|\n",
        graph.initializers().len()
    );
    for slot in training.layout.slots() {
        let _ = writeln!(text, "| `{}` | {:?} | {} |", slot.name, slot.shape, slot.offset);
    }
    text
}

//! Training graphs that other tools wrote: PyTorch, for an architecture that chorale does not have.
//!
//! In: the bytes of an ONNX file that keeps the contract ([`CONTRACT`]). Out: a [`Program`] that the trainer runs like one
//! of its own. [`check()`] says everything that is wrong with a file at once; [`flatten`] turns its trainable inputs and
//! gradients, one tensor each, into the one flat vector that optimizer, clipping and journal work on.
//!
//! # Invariants
//! - A foreign file is never trusted: it names no other file, and every extent in it is checked.
//!
//! # Decisions
//! - The file is complete: weights outside of it (ONNX external data) are refused, because a graph that is one file enters
//!   the key by content and reaches for no path. Large frozen weights are inputs that are filled from the model instead.

mod check;
mod flatten;

use std::{collections::BTreeMap, path::Path};

use prost::Message;

pub use self::check::check;
use super::program::Program;
use crate::{
    checkpoint::Weights,
    failure::{Cause, Failure},
    graph::proto::ModelProto,
    model::loss::Loss,
};

/// What the training graph is called in a model folder.
pub const FILE: &str = "training_graph.onnx";
/// The longest file that the format admits.
const LONGEST: u64 = 1 << 31;

/// What stands before the name of a trainable tensor's input.
pub const TRAINABLE: &str = "trainable.";
/// What stands before the name of a trainable tensor among the gradients.
pub const GRADIENT: &str = "gradient.";
/// What stands before the name of a tensor of the model that is not trained.
pub const FROZEN: &str = "frozen.";

/// The contract, for people.
pub const CONTRACT: &str = "\
A training graph is one ONNX file, opset 13 or newer, that computes loss and gradient of a batch.
Names are exact; extents are the same wherever they have the same letter.

Inputs
  tokens            i64 [R,T]   token ids, R rows of T tokens; any id where a row is padded
  selected          i64 [N]     flat positions (row * T + column) whose next token is scored
  labels            i64 [N]     the next token of each selected position
  units             f32 []      number of units (scored tokens; examples, for pairs; groups,
                                for dco) of the whole optimizer step: loss and metrics are
                                sums over units divided by it
  trainable.NAME    f32 [..]    the tensor NAME of the model, which is trained; fixed extents
and where the graph needs them
  positions         i64 [R,T]   position of each token in its text, from 0
  segments          i64 [R,T]   65536 n for the prompt of the row's n-th example, 65536 n + k for
                                its branch k, -1 for padding; a token sees its own segment and its
                                prompt's
  dropout           i64 [R,T]   a number of 0 to below 2^30 for each token, new in every step
  ROLE.members      f32 [E,N]   1 where a selected position belongs to an example's ROLE sequence
  ROLE.reference    f32 [E]     log-probability of each ROLE sequence under the reference model
  nll_weight        f32 [E]     weight of each pair's likelihood (dpo_nll)
  target            f32 [E]     what each pair's margin should be (dco)
  groups            f32 [G,E]   1 where an example belongs to a group (dco)
  frozen.NAME       f32 [..]    the tensor NAME of the model, which is not trained; fixed extents

Outputs
  loss              f32 []      this batch's share of the step's mean loss
  gradient.NAME     f32 [..]    gradient of the loss by trainable.NAME, in its extents
  any other name    f32 []      a metric: this batch's share of the step's mean

ROLE is text (objective lm), completion (sft), chosen and rejected (the others). Without segments
and positions every example has a row of its own from its first column on, which causal attention
alone tells apart from padding; pairs need both. All weights are inputs or lie in the file:
external data, sparse tensors and model functions are refused.
";

/// The bytes of a training graph's file.
pub fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: &std::io::Error| Failure::io(Cause::Input, "read", path, error);
    let length = std::fs::metadata(path).map_err(|error| failed(&error))?.len();
    if length > LONGEST {
        let message = format!("`{}` has {length} bytes, an ONNX file has at most {LONGEST}", path.display());
        return Err(Failure::input(message).hint("make weights that are not trained inputs `frozen.NAME`"));
    }
    std::fs::read(path).map_err(|error| failed(&error))
}

/// Fails with everything that is wrong with the file of a training graph, whatever the objective.
pub fn check_file(path: &Path) -> Result<(), Failure> {
    broken(&check(&bytes(path)?, None)).map_err(|failure| failure.at(format!("`{}`", path.display())))
}

fn broken(problems: &[String]) -> Result<(), Failure> {
    if problems.is_empty() {
        return Ok(());
    }
    let message = format!("the training graph breaks the contract: {}", problems.join("; "));
    Err(Failure::input(message).hint("`chorale graph contract` shows what it must keep"))
}

/// Reads a training graph for the objective `loss`. Everything that is wrong with it is in the failure's message.
pub fn read(bytes: &[u8], loss: &'static dyn Loss) -> Result<Program, Failure> {
    broken(&check(bytes, Some(loss)))?;
    let model = ModelProto::decode(bytes).map_err(|error| Failure::input(error.to_string()))?;
    Ok(flatten::program(model, loss))
}

/// The first trainable vector and the frozen weights of a program, from the model's tensors (f32).
pub fn start(program: &Program, weights: &Weights) -> Result<(Vec<f32>, Weights), Failure> {
    let tensor = |name: &str| {
        weights.get(name).ok_or_else(|| {
            Failure::input(format!("the training graph wants tensor `{name}`, which the model does not have"))
        })
    };
    let mut vector = Vec::with_capacity(program.layout.len());
    for slot in program.layout.slots() {
        let values = tensor(&slot.name)?;
        let fitting = values.as_f32().filter(|_| values.shape() == slot.shape).ok_or_else(|| {
            let (wanted, found) = (&slot.shape, values.shape());
            Failure::input(format!(
                "tensor `{}` has extents {found:?}, the training graph wants {wanted:?}",
                slot.name
            ))
        })?;
        vector.extend_from_slice(fitting);
    }
    let mut frozen = BTreeMap::new();
    for (name, elements) in &program.frozen {
        let values = tensor(name.strip_prefix(FROZEN).unwrap_or(name))?;
        if values.len() != *elements {
            let message = format!(
                "`{name}` of the training graph has {elements} elements, the model's tensor {}",
                values.len()
            );
            return Err(Failure::input(message));
        }
        frozen.insert(name.clone(), values.clone());
    }
    Ok((vector, frozen))
}

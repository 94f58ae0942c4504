//! Trains a model whose training graph another tool wrote.

use std::path::Path;

use serde_json::Value as Json;

use super::{
    Ears,
    examples::{self, Limits},
    spec::TrainSpec,
    write,
};
use crate::{
    checkpoint::{convert, folder::ModelFiles},
    failure::Failure,
    stage::context::Context,
    token::Tokenizer,
    train::{self, Job, Settings, foreign},
};

/// Does the work of a `train` stage with the training graph at `graph`.
pub(super) fn run(
    cx: &Context<'_>,
    spec: &TrainSpec,
    base: &ModelFiles,
    graph: &Path,
) -> Result<(), Failure> {
    let unfit = [
        ("lora", spec.lora.is_some()),
        ("recompute", spec.recompute),
        ("mlc", spec.mlc.is_some()),
        ("cosine", spec.cosine.is_some()),
    ];
    if let Some((field, _)) = unfit.into_iter().find(|(_, given)| *given) {
        let message = format!("`{field}` does not go with the model's own training graph");
        return Err(Failure::input(message)
            .hint("what is trained, and how, is decided by the tool that wrote the graph"));
    }
    let settings = Settings::from(spec);
    let program = foreign::read(&foreign::bytes(graph)?, settings.loss)?;
    let weights = convert::to_f32(base.weights()?)?;
    let (first, frozen) = foreign::start(&program, &weights)?;
    let tokenizer = Tokenizer::open(base)?;
    let examples = examples::read(cx, spec, base, &tokenizer, limits(spec, base)?)?;
    let job =
        Job { program, first, frozen, examples: &examples.examples, prompts: None, settings: &settings };
    let fitted = train::fit_program(cx.runtime()?, job, &cx.journal, &Ears(cx))?;
    let folder = cx.create_folder("model")?;
    write::replaced(&folder, base, weights, &fitted)?;
    base.copy(foreign::FILE, &folder)?;
    write::steps(cx, &fitted.records)
}

/// What `config.json` says of the model, by the names that nearly every architecture uses.
fn limits(spec: &TrainSpec, base: &ModelFiles) -> Result<Limits, Failure> {
    let config = base.config()?;
    let size = |name: &str| config.get(name).and_then(Json::as_u64).map(|size| size as usize);
    let vocabulary = size("vocab_size").ok_or_else(|| {
        Failure::input("`config.json` does not say `vocab_size`, the entries of the vocabulary")
    })?;
    let positions = size("max_position_embeddings").or(spec.max_length).ok_or_else(|| {
        Failure::input("nothing says how many tokens a sequence may have")
            .hint("set `max_length`, or add `max_position_embeddings` to `config.json`")
    })?;
    Ok(Limits { vocabulary, positions })
}

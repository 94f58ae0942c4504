//! The tables of architectures, and the way from `config.json` through a row of them.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::{
    Network, bert, cohere, cohere2,
    config::Fields,
    decoder::{Decoder, DecoderConfig},
    encoder::{Encoder, EncoderConfig},
    gemma2, gemma3, gte, llama, mistral, qwen2, qwen3, xlm_roberta,
};
use crate::failure::Failure;

/// A row of a table of architectures, all described by a `C`.
#[derive(Clone, Copy, Debug)]
pub struct Architecture<C: 'static> {
    /// The `model_type` in `config.json`.
    pub model_type: &'static str,
    /// Reads the rest of `config.json`.
    pub read: fn(&Fields<'_>) -> Result<C, Failure>,
}

/// Every architecture that writes text.
pub static ARCHITECTURES: &[Architecture<DecoderConfig>] = &[
    Architecture { model_type: "cohere", read: cohere::read },
    Architecture { model_type: "cohere2", read: cohere2::read },
    Architecture { model_type: "gemma2", read: gemma2::read },
    Architecture { model_type: "gemma3_text", read: gemma3::read },
    Architecture { model_type: "llama", read: llama::read },
    Architecture { model_type: "mistral", read: mistral::read },
    Architecture { model_type: "qwen2", read: qwen2::read },
    Architecture { model_type: "qwen3", read: qwen3::read },
];

/// Every architecture that gives vectors of texts.
pub static ENCODERS: &[Architecture<EncoderConfig>] = &[
    Architecture { model_type: "bert", read: bert::read },
    Architecture { model_type: "new", read: gte::read },
    Architecture { model_type: "xlm-roberta", read: xlm_roberta::read },
];

/// The network that a `config.json` describes.
pub fn open(config: &Json) -> Result<Arc<dyn Network>, Failure> {
    Ok(Arc::new(Decoder { config: read(config)? }))
}

/// The decoder that a `config.json` describes. Every field that may change what is computed is read, or an error.
pub fn read(config: &Json) -> Result<DecoderConfig, Failure> {
    read_by(ARCHITECTURES, config)
}

/// The encoder that a `config.json` describes, as [`read`].
pub fn encoder(config: &Json) -> Result<Encoder, Failure> {
    Ok(Encoder::new(read_by(ENCODERS, config)?))
}

fn read_by<C>(table: &[Architecture<C>], config: &Json) -> Result<C, Failure> {
    let map = config.as_object().ok_or_else(|| Failure::input("`config.json` is not an object"))?;
    let model_type = map.get("model_type").and_then(Json::as_str).unwrap_or_default();
    let row = table.iter().find(|row| row.model_type == model_type).ok_or_else(|| {
        let known: Vec<&str> = table.iter().map(|row| row.model_type).collect();
        unknown(map, model_type, &known.join(", "))
    })?;
    let fields = Fields::new(map);
    let read = (row.read)(&fields).and_then(|config| fields.finish().map(|()| config));
    read.map_err(|failure| failure.at("`config.json`"))
}

fn unknown(map: &Map<String, Json>, model_type: &str, known: &str) -> Failure {
    let is_encoder = ENCODERS.iter().any(|row| row.model_type == model_type);
    let is_decoder = ARCHITECTURES.iter().any(|row| row.model_type == model_type);
    let message = if map.contains_key("text_config") {
        format!("`config.json` describes more than a text model: `model_type` is `{model_type}`")
    } else if is_encoder {
        format!(
            "`config.json` describes an encoder, which gives vectors and no text: `model_type` is `{model_type}`"
        )
    } else if is_decoder {
        format!(
            "`config.json` describes a decoder, which gives text and no vectors: `model_type` is `{model_type}`"
        )
    } else {
        format!("unknown architecture in `config.json`: `model_type` is `{model_type}`")
    };
    Failure::input(message).hint(format!("architectures known here: {known}"))
}

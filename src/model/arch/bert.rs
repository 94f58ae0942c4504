//! BERT: learned positions, kinds of tokens, GELU, norms behind the sums.

use serde_json::json;

use super::{config::Fields, encoder::EncoderConfig};
use crate::failure::Failure;

/// The encoder that a BERT `config.json` describes.
pub fn read(fields: &Fields<'_>) -> Result<EncoderConfig, Failure> {
    fields.only("position_embedding_type", &json!("absolute"))?;
    EncoderConfig::read(fields)
}

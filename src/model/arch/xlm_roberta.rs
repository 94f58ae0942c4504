//! XLM-RoBERTa: BERT with positions that begin behind the id of padding.

use serde_json::json;

use super::{
    config::Fields,
    encoder::{EncoderConfig, Places},
};
use crate::failure::Failure;

/// The encoder that an XLM-RoBERTa `config.json` describes.
pub fn read(fields: &Fields<'_>) -> Result<EncoderConfig, Failure> {
    fields.only("position_embedding_type", &json!("absolute"))?;
    let mut config = EncoderConfig::read(fields)?;
    let rows = config.positions;
    let first = fields.whole_or("pad_token_id", 1)? + 1;
    if first >= rows {
        return Err(Failure::input(format!("field `max_position_embeddings` leaves no position: {rows}")));
    }
    config.positions = rows - first;
    config.places = Places::Learned { rows, first };
    Ok(config)
}

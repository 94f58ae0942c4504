//! The tensors of an encoder's checkpoint: their names, extents and order.

use super::{EncoderConfig, Gate, Places};
use crate::model::parameter::{Parameter, Role};

pub(super) const WORDS: &str = "embeddings.word_embeddings.weight";
pub(super) const POSITIONS: &str = "embeddings.position_embeddings.weight";
pub(super) const TYPES: &str = "embeddings.token_type_embeddings.weight";
pub(super) const EMBEDDING_NORM: &str = "embeddings.LayerNorm";

/// Where the parts of layer i are found below `encoder.layer.i`.
#[derive(Debug, PartialEq, Eq)]
pub struct Paths {
    /// Queries, keys and values: three layers, or one that gives all.
    pub query_key_value: &'static [&'static str],
    /// The layer behind attention.
    pub output: &'static str,
    /// The norm behind attention.
    pub attention_norm: &'static str,
    /// The first feed-forward layer.
    pub up: &'static str,
    /// The last feed-forward layer.
    pub down: &'static str,
    /// The norm behind the feed-forward layers.
    pub norm: &'static str,
}

/// BERT and its relatives.
pub static BERT: Paths = Paths {
    query_key_value: &["attention.self.query", "attention.self.key", "attention.self.value"],
    output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    norm: "output.LayerNorm",
};

/// The `new` model type of multilingual GTE.
pub static NEW: Paths = Paths {
    query_key_value: &["attention.qkv_proj"],
    output: "attention.o_proj",
    attention_norm: "attn_ln",
    up: "mlp.up_gate_proj",
    down: "mlp.down_proj",
    norm: "mlp_ln",
};

pub(super) fn layer(index: usize, path: &str) -> String {
    format!("encoder.layer.{index}.{path}")
}

impl EncoderConfig {
    /// Every tensor that an embedding needs, without the prefix that the checkpoint may have; heads and poolers of other
    /// tasks are not among them.
    pub fn parameters(&self) -> Vec<Parameter> {
        let width = self.width;
        let mut all = vec![Parameter::new(WORDS, &[self.vocabulary, width], Role::Embedding)];
        if let Places::Learned { rows, .. } = self.places {
            all.push(Parameter::new(POSITIONS, &[rows, width], Role::Embedding));
        }
        if self.types > 0 {
            all.push(Parameter::new(TYPES, &[self.types, width], Role::Embedding));
        }
        all.extend(norm(EMBEDDING_NORM, width));
        for index in 0..self.layers {
            let joined = self.paths.query_key_value;
            for path in joined {
                all.extend(linear(&layer(index, path), [3 * width / joined.len(), width]));
            }
            all.extend(linear(&layer(index, self.paths.output), [width, width]));
            all.extend(norm(&layer(index, self.paths.attention_norm), width));
            let mut up = linear(&layer(index, self.paths.up), [self.up_width(), width]);
            if self.gate == Gate::Yes {
                up.pop();
            }
            all.extend(up);
            all.extend(linear(&layer(index, self.paths.down), [width, self.inner]));
            all.extend(norm(&layer(index, self.paths.norm), width));
        }
        all
    }

    /// What the first feed-forward layer gives.
    pub(super) fn up_width(&self) -> usize {
        match self.gate {
            Gate::No => self.inner,
            Gate::Yes => 2 * self.inner,
        }
    }
}

fn linear(path: &str, shape: [usize; 2]) -> Vec<Parameter> {
    vec![
        Parameter::new(format!("{path}.weight"), &shape, Role::Matrix),
        Parameter::new(format!("{path}.bias"), &shape[..1], Role::Bias),
    ]
}

fn norm(path: &str, width: usize) -> [Parameter; 2] {
    [
        Parameter::new(format!("{path}.weight"), &[width], Role::Gain),
        Parameter::new(format!("{path}.bias"), &[width], Role::Bias),
    ]
}

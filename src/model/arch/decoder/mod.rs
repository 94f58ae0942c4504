//! Every decoder of the table is this one network; a [`DecoderConfig`] says which of its parts are there.
//!
//! A family is a file that reads `config.json` into a [`DecoderConfig`]; what families have in common
//! ([`DecoderConfig::read`]) is here, and so is the one forward pass.
//!
//! # Decisions
//! - One network with parts that are there or not, instead of one network per family: a part (a window, a cap, a norm of
//!   heads) is written, differentiated and tested once, and a family cannot differ by accident.

mod network;
mod tensors;

use super::config::Fields;
use crate::{
    failure::Failure,
    model::layer::{
        Activation, Bias, FeedForward, Norm, NormKind,
        attention::{Heads, Scores},
        rope::Rotary,
    },
};

pub use network::Decoder;

/// A decoder in full.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderConfig {
    /// V: entries of the vocabulary.
    pub vocabulary: usize,
    /// D: width of the hidden states.
    pub width: usize,
    /// Attention heads.
    pub heads: Heads,
    /// The longest text, in tokens.
    pub positions: usize,
    /// What differs from layer to layer.
    pub layers: Vec<Layer>,
    /// The rotations that layers choose from.
    pub rotaries: Vec<Rotary>,
    /// The normalisation of hidden states, and of heads if there is one.
    pub norm: Norm,
    /// Where normalisations and sums stand.
    pub residual: Residual,
    /// Whether queries and keys are normalised before their rotation.
    pub head_norm: Option<HeadNorm>,
    /// Whether the layers of queries, keys and values have a bias.
    pub attention_bias: Bias,
    /// Whether the layer behind attention has a bias.
    pub output_bias: Bias,
    /// The feed-forward layers.
    pub feed_forward: FeedForward,
    /// The factor on attention scores.
    pub score_scale: f64,
    /// The limit of attention scores.
    pub score_cap: Option<f64>,
    /// The factor on token embeddings, rounded to the type of the activations.
    pub embedding_scale: Option<f64>,
    /// The factor on logits.
    pub logit_scale: Option<f64>,
    /// The limit of logits.
    pub logit_cap: Option<f64>,
    /// Whether the head is the embedding table.
    pub tied: bool,
}

/// What differs from layer to layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// How many positions a token sees, its own included; `None` for all before it.
    pub window: Option<usize>,
    /// Which of the rotations it has; `None` if positions play no part.
    pub rotary: Option<usize>,
}

/// Where normalisations and sums stand in a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residual {
    /// `x + attention(norm(x))`, then the same with the feed-forward layer.
    Sequential,
    /// As `Sequential`, with another norm behind each of the two before it is added (Gemma).
    Sandwich,
    /// `x + attention(norm(x)) + feed_forward(norm(x))`, with one norm (Cohere).
    Parallel,
}

/// How queries and keys are normalised; always over the elements of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadNorm {
    /// All heads have the same gain, `[E]`.
    Common,
    /// Every head has its own gain, `[H,E]`.
    Each,
}

/// What a family takes where `config.json` says nothing.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// Key-value heads; as many as query heads if `None`.
    pub key_value_heads: Option<usize>,
    /// Width of a head; the hidden size over the heads if `None`.
    pub head_width: Option<usize>,
    /// The longest text, in tokens.
    pub positions: usize,
    /// The field that names the activation.
    pub activation_field: &'static str,
    /// The activation.
    pub activation: Activation,
    /// The field with the number under the root of the norms.
    pub epsilon_field: &'static str,
    /// The normalisation.
    pub norm: Norm,
    /// Whether the head is the embedding table.
    pub tied: bool,
}

impl Defaults {
    /// Those of Llama.
    pub const LLAMA: Self = Self {
        key_value_heads: None,
        head_width: None,
        positions: 2048,
        activation_field: "hidden_act",
        activation: Activation::Silu,
        epsilon_field: "rms_norm_eps",
        norm: Norm { kind: NormKind::Rms, epsilon: 1e-6 },
        tied: false,
    };
}

/// No network has more layers.
const MOST_LAYERS: usize = 4096;
/// All heads together are not wider.
const WIDEST: usize = 1 << 24;

impl DecoderConfig {
    /// Reads what all families have. The rest is as in Llama, and for the family to change: every layer sees everything,
    /// there are no biases and no factors, and no rotation is there yet, but every layer uses the first.
    pub fn read(fields: &Fields<'_>, defaults: &Defaults) -> Result<Self, Failure> {
        let width = fields.size("hidden_size")?;
        let heads = heads(fields, width, defaults)?;
        let epsilon = fields.positive_or(defaults.epsilon_field, defaults.norm.epsilon)?;
        let layers = fields.size_up_to("num_hidden_layers", MOST_LAYERS)?;
        Ok(Self {
            vocabulary: fields.size("vocab_size")?,
            width,
            heads,
            positions: fields.size_or("max_position_embeddings", defaults.positions)?,
            layers: vec![Layer { window: None, rotary: Some(0) }; layers],
            rotaries: Vec::new(),
            norm: Norm { epsilon, ..defaults.norm },
            residual: Residual::Sequential,
            head_norm: None,
            attention_bias: Bias::No,
            output_bias: Bias::No,
            feed_forward: FeedForward {
                width,
                inner: fields.size("intermediate_size")?,
                activation: activation(fields, defaults)?,
                bias: Bias::No,
            },
            score_scale: heads.scale(),
            score_cap: None,
            embedding_scale: None,
            logit_scale: None,
            logit_cap: None,
            tied: fields.flag_or("tie_word_embeddings", defaults.tied)?,
        })
    }

    /// Whether each layer has a window, by `layer_types` or, where that is missing, by `usual`.
    pub fn windowed(&self, fields: &Fields<'_>, usual: impl Fn(usize) -> bool) -> Result<Vec<bool>, Failure> {
        let Some(types) = fields.texts("layer_types")? else {
            return Ok((0..self.layers.len()).map(usual).collect());
        };
        if types.len() != self.layers.len() {
            let message = format!(
                "field `layer_types` names {} layers, but `num_hidden_layers` is {}",
                types.len(),
                self.layers.len()
            );
            return Err(Failure::input(message));
        }
        let is_windowed = |name: &&str| match *name {
            "sliding_attention" => Ok(true),
            "full_attention" => Ok(false),
            other => Err(Failure::input(format!("field `layer_types` has an unsupported type: `{other}`"))
                .hint("supported types: full_attention, sliding_attention")),
        };
        types.iter().map(is_windowed).collect()
    }

    /// Gives some layers a window.
    pub fn set_windows(&mut self, windowed: &[bool], window: Option<usize>) {
        for (layer, windowed) in self.layers.iter_mut().zip(windowed) {
            layer.window = window.filter(|_| *windowed);
        }
    }

    /// What happens to the scores of a layer.
    fn scores(&self, layer: Layer) -> Scores {
        Scores { scale: self.score_scale, cap: self.score_cap, window: layer.window }
    }
}

fn heads(fields: &Fields<'_>, width: usize, defaults: &Defaults) -> Result<Heads, Failure> {
    let query = fields.size("num_attention_heads")?;
    let key_value = fields.size_or("num_key_value_heads", defaults.key_value_heads.unwrap_or(query))?;
    if query % key_value != 0 {
        let message = format!(
            "{query} attention heads cannot share {key_value} key-value heads evenly (field `num_key_value_heads`)"
        );
        return Err(Failure::input(message));
    }
    let usual = defaults.head_width.unwrap_or((width / query).max(1));
    let head_width = fields.size_or("head_dim", usual)?;
    if head_width % 2 != 0 {
        let message = format!("heads of odd width cannot be rotated: `head_dim` is {head_width}");
        return Err(Failure::input(message));
    }
    if query * head_width > WIDEST {
        let message = format!("{query} heads of `head_dim` {head_width} are wider than {WIDEST}");
        return Err(Failure::input(message));
    }
    Ok(Heads { query, key_value, width: head_width })
}

fn activation(fields: &Fields<'_>, defaults: &Defaults) -> Result<Activation, Failure> {
    let Some(name) = fields.text(defaults.activation_field)? else { return Ok(defaults.activation) };
    Activation::find(name).ok_or_else(|| {
        let message = format!("field `{}` is not supported: `{name}`", defaults.activation_field);
        Failure::input(message).hint("supported activations: silu, gelu, gelu_pytorch_tanh")
    })
}

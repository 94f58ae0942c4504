//! The Llama family: RMSNorm before each sublayer, rotary positions, grouped query heads, SwiGLU, head tied or not.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::{Forward, Mode, Network, Sizes, config::Fields};
use crate::{
    dims,
    failure::{Failure, bug},
    graph::{Graph, Value, op},
    model::{
        layer::{
            self,
            attention::{self, Heads, KeyValue, Lengths, New, Rotation},
            rope::{self, Angles},
        },
        parameter::{Parameter, Parameters, Role, linears},
    },
};

/// The shape of a Llama-family decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct LlamaConfig {
    /// V: entries of the vocabulary.
    pub vocabulary: usize,
    /// D: width of the hidden states.
    pub width: usize,
    /// Units of the feed-forward layers.
    pub inner: usize,
    /// Number of layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: Heads,
    /// The longest text, in tokens.
    pub positions: usize,
    /// What RMSNorm adds to the mean square.
    pub norm_epsilon: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// How the rotary frequencies are stretched for texts longer than those of pretraining.
    pub rope_scaling: RopeScaling,
    /// Whether the head is the embedding table.
    pub tied: bool,
}

/// How rotary frequencies are stretched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// All divided by a factor.
    Linear(f64),
    /// Llama 3.1: low frequencies divided by `factor`, high ones kept, a smooth passage between.
    Llama3 {
        /// Divisor of low frequencies.
        factor: f64,
        /// Wavelengths longer than `original / low` are stretched in full.
        low: f64,
        /// Wavelengths shorter than `original / high` are kept.
        high: f64,
        /// The longest text of pretraining.
        original: f64,
    },
}

impl LlamaConfig {
    /// Reads `config.json`, as written by transformers 4 (`rope_theta`, `rope_scaling`) or 5 (`rope_parameters`).
    pub fn from_json(fields: &Map<String, Json>) -> Result<Self, Failure> {
        let fields = Fields(fields);
        fields.only_false("attention_bias")?;
        fields.only_false("mlp_bias")?;
        match fields.text("hidden_act")? {
            None | Some("silu" | "swish") => {}
            Some(other) => {
                return Err(Failure::input(format!("field `hidden_act` is not supported: `{other}`")));
            }
        }
        let width = fields.size("hidden_size")?;
        let query = fields.size("num_attention_heads")?;
        let key_value = fields.size_or("num_key_value_heads", query)?;
        if query % key_value != 0 {
            let message = format!("{query} attention heads cannot share {key_value} key-value heads evenly");
            return Err(Failure::input(message));
        }
        let head_width = fields.size_or("head_dim", (width / query).max(1))?;
        if head_width % 2 != 0 {
            return Err(Failure::input(format!(
                "heads of odd width cannot be rotated: `head_dim` is {head_width}"
            )));
        }
        let (rope_theta, rope_scaling) = rope_settings(fields)?;
        Ok(Self {
            vocabulary: fields.size("vocab_size")?,
            width,
            inner: fields.size("intermediate_size")?,
            layers: fields.size("num_hidden_layers")?,
            heads: Heads { query, key_value, width: head_width },
            positions: fields.size_or("max_position_embeddings", 2048)?,
            norm_epsilon: fields.positive_or("rms_norm_eps", 1e-6)?,
            rope_theta,
            rope_scaling,
            tied: fields.flag_or("tie_word_embeddings", false)?,
        })
    }

    /// The fields of `config.json` that describe the network; token ids and such are the caller's.
    pub fn to_json(&self) -> Map<String, Json> {
        let mut fields = Map::new();
        let mut set = |name: &str, value: Json| fields.insert(name.to_owned(), value);
        set("architectures", json!(["LlamaForCausalLM"]));
        set("model_type", json!("llama"));
        set("vocab_size", json!(self.vocabulary));
        set("hidden_size", json!(self.width));
        set("intermediate_size", json!(self.inner));
        set("num_hidden_layers", json!(self.layers));
        set("num_attention_heads", json!(self.heads.query));
        set("num_key_value_heads", json!(self.heads.key_value));
        set("head_dim", json!(self.heads.width));
        set("max_position_embeddings", json!(self.positions));
        set("rms_norm_eps", json!(self.norm_epsilon));
        set("rope_theta", json!(self.rope_theta));
        match self.rope_scaling {
            RopeScaling::None => {}
            RopeScaling::Linear(factor) => {
                set("rope_scaling", json!({"rope_type": "linear", "factor": factor}));
            }
            RopeScaling::Llama3 { factor, low, high, original } => {
                let scaling = json!({"rope_type": "llama3", "factor": factor, "low_freq_factor": low,
                    "high_freq_factor": high, "original_max_position_embeddings": original});
                set("rope_scaling", scaling);
            }
        }
        set("tie_word_embeddings", json!(self.tied));
        set("hidden_act", json!("silu"));
        set("attention_bias", json!(false));
        set("mlp_bias", json!(false));
        fields
    }

    /// Every tensor of the checkpoint, in the order of the network.
    pub fn parameters(&self) -> Vec<Parameter> {
        let (width, inner) = (self.width, self.inner);
        let (query, key_value) = (self.heads.query_width(), self.heads.key_value_width());
        let mut all = vec![Parameter::new(EMBEDDING, &[self.vocabulary, width], Role::Embedding)];
        for layer in 0..self.layers {
            let mut add = |name: &str, shape: &[usize], role: Role| {
                all.push(Parameter::new(format!("model.layers.{layer}.{name}.weight"), shape, role));
            };
            add("input_layernorm", &[width], Role::Gain);
            add("self_attn.q_proj", &[query, width], Role::Matrix);
            add("self_attn.k_proj", &[key_value, width], Role::Matrix);
            add("self_attn.v_proj", &[key_value, width], Role::Matrix);
            add("self_attn.o_proj", &[width, query], Role::Matrix);
            add("post_attention_layernorm", &[width], Role::Gain);
            add("mlp.gate_proj", &[inner, width], Role::Matrix);
            add("mlp.up_proj", &[inner, width], Role::Matrix);
            add("mlp.down_proj", &[width, inner], Role::Matrix);
        }
        all.push(Parameter::new(FINAL_NORM, &[width], Role::Gain));
        if !self.tied {
            all.push(Parameter::new(HEAD, &[self.vocabulary, width], Role::Matrix));
        }
        all
    }

    /// The rotary frequency of each plane, E/2 of them.
    pub fn frequencies(&self) -> Vec<f32> {
        let width = self.heads.width;
        let plain = (0..width / 2).map(|plane| {
            // In f32, step by step as the checkpoints' own implementation rounds.
            let exponent = (2 * plane) as f32 / width as f32;
            1.0 / (self.rope_theta as f32).powf(exponent)
        });
        plain.map(|frequency| self.rope_scaling.apply(frequency)).collect()
    }
}

const EMBEDDING: &str = "model.embed_tokens.weight";
const FINAL_NORM: &str = "model.norm.weight";
const HEAD: &str = "lm_head.weight";

impl RopeScaling {
    fn apply(self, frequency: f32) -> f32 {
        match self {
            Self::None => frequency,
            Self::Linear(factor) => frequency / factor as f32,
            Self::Llama3 { factor, low, high, original } => {
                let wavelength = std::f64::consts::TAU / f64::from(frequency);
                let smooth = ((original / wavelength - low) / (high - low)).clamp(0.0, 1.0);
                let scaled = (1.0 - smooth) * f64::from(frequency) / factor + smooth * f64::from(frequency);
                scaled as f32
            }
        }
    }
}

fn rope_settings(fields: Fields<'_>) -> Result<(f64, RopeScaling), Failure> {
    let nested = fields.table("rope_parameters")?;
    let theta = fields.positive_or("rope_theta", 10_000.0)?;
    let theta = nested.map_or(Ok(theta), |nested| nested.positive_or("rope_theta", theta))?;
    let Some(scaling) = nested.map_or_else(|| fields.table("rope_scaling"), |nested| Ok(Some(nested)))?
    else {
        return Ok((theta, RopeScaling::None));
    };
    let kind = scaling.text("rope_type")?.or(scaling.text("type")?).unwrap_or("default");
    let scaling = match kind {
        "default" => RopeScaling::None,
        "linear" => RopeScaling::Linear(scaling.positive_or("factor", 1.0)?),
        "llama3" => {
            let low = scaling.positive_or("low_freq_factor", 1.0)?;
            let high = scaling.positive_or("high_freq_factor", 4.0)?;
            if high <= low {
                return Err(Failure::input("`high_freq_factor` is not larger than `low_freq_factor`"));
            }
            RopeScaling::Llama3 {
                factor: scaling.positive_or("factor", 8.0)?,
                low,
                high,
                original: scaling.positive_or("original_max_position_embeddings", 8192.0)?,
            }
        }
        other => return Err(Failure::input(format!("rotary scaling of type `{other}` is not supported"))),
    };
    Ok((theta, scaling))
}

/// The network that a Llama `config.json` describes.
pub fn open(fields: &Map<String, Json>) -> Result<Arc<dyn Network>, Failure> {
    Ok(Arc::new(Llama { config: LlamaConfig::from_json(fields)? }))
}

/// A Llama-family decoder.
#[derive(Clone, Debug)]
pub struct Llama {
    /// Its shape.
    pub config: LlamaConfig,
}

/// What all layers share in one forward pass.
enum Shared<'a> {
    Rows { bias: Value, angles: Angles },
    Cached { past: &'a [KeyValue], lengths: Lengths, rotation: Rotation },
}

impl Network for Llama {
    fn sizes(&self) -> Sizes {
        let LlamaConfig { vocabulary, width, layers, heads, positions, .. } = self.config;
        Sizes { vocabulary, width, layers, heads, positions }
    }

    fn parameters(&self) -> Vec<Parameter> {
        self.config.parameters()
    }

    fn forward(&self, g: &mut Graph, weights: &mut dyn Parameters, tokens: Value, mode: &Mode) -> Forward {
        let config = &self.config;
        let table = weights.weight(g, EMBEDDING, &[config.vocabulary, config.width]);
        let mut hidden = g.scope("embedding", |g| layer::embedding(g, table, tokens));
        let dtype = g.dtype(hidden);
        let frequencies = config.frequencies();
        let shared = g.scope("shared", |g| match mode {
            Mode::Rows { positions, segments } => Shared::Rows {
                bias: attention::bias(g, *positions, *segments),
                angles: rope::angles(g, *positions, &frequencies, dtype),
            },
            Mode::Cached { past, lengths } => {
                let Some(first) = past.first() else { bug("a cached forward pass without caches") };
                let capacity = g.shape(first.key)[2].expect_known();
                let time = g.shape(tokens)[1].clone();
                let new = New { tokens: time, lengths: *lengths, capacity, dtype };
                let rotation = Rotation::new(g, config.heads, &frequencies, &new);
                Shared::Cached { past, lengths: *lengths, rotation }
            }
        });
        let mut present = Vec::new();
        for index in 0..config.layers {
            hidden = g.scope(&format!("layers.{index}"), |g| {
                let (hidden, cache) = self.layer(g, weights, index, hidden, &shared);
                present.extend(cache);
                hidden
            });
        }
        let gain = weights.weight(g, FINAL_NORM, &[config.width]);
        let hidden = g.scope("norm", |g| layer::rms_norm(g, hidden, gain, config.norm_epsilon));
        Forward { hidden, present }
    }

    fn head(&self, g: &mut Graph, weights: &mut dyn Parameters, hidden: Value) -> Value {
        let name = if self.config.tied { EMBEDDING } else { HEAD };
        let shape = [self.config.vocabulary, self.config.width];
        g.scope("head", |g| weights.linear(g, name, hidden, shape))
    }
}

impl Llama {
    /// `hidden [B,T,D] -> [B,T,D]` through layer `index`.
    fn layer(
        &self,
        g: &mut Graph,
        weights: &mut dyn Parameters,
        index: usize,
        hidden: Value,
        shared: &Shared<'_>,
    ) -> (Value, Option<KeyValue>) {
        let config = &self.config;
        let path = format!("model.layers.{index}");
        let norm = |g: &mut Graph, weights: &mut dyn Parameters, name: &str, x: Value| {
            let gain = weights.weight(g, &format!("{path}.{name}.weight"), &[config.width]);
            g.scope(name, |g| layer::rms_norm(g, x, gain, config.norm_epsilon))
        };
        let normal = norm(g, weights, "input_layernorm", hidden);
        let (mixed, cache) = g.scope("self_attn", |g| self.attend(g, weights, index, normal, shared));
        let hidden = op::add(g, hidden, mixed);
        let normal = norm(g, weights, "post_attention_layernorm", hidden);
        let sizes = [config.width, config.inner];
        let fed = g.scope("mlp", |g| layer::swiglu(g, weights, &format!("{path}.mlp"), normal, sizes));
        (op::add(g, hidden, fed), cache)
    }

    /// Self-attention with its four matrices, `[B,T,D] -> [B,T,D]`.
    fn attend(
        &self,
        g: &mut Graph,
        weights: &mut dyn Parameters,
        index: usize,
        x: Value,
        shared: &Shared<'_>,
    ) -> (Value, Option<KeyValue>) {
        let (heads, width) = (self.config.heads, self.config.width);
        let name = |matrix: &str| format!("model.layers.{index}.self_attn.{matrix}.weight");
        let key_value = [heads.key_value_width(), width];
        let matrices = [
            (name("q_proj"), [heads.query_width(), width]),
            (name("k_proj"), key_value),
            (name("v_proj"), key_value),
        ];
        let [query, key, value] = linears(weights, g, x, &matrices);
        let (mixed, cache) = match shared {
            Shared::Rows { bias, angles } => {
                let shape = g.shape(x);
                let split = |g: &mut Graph, x: Value, count: usize| {
                    op::reshape(g, x, &dims![&shape[0], &shape[1], count, heads.width])
                };
                let query = split(g, query, heads.query); // [B,T,H*E] -> [B,T,H,E]
                let key = split(g, key, heads.key_value);
                let value = split(g, value, heads.key_value);
                let query = rope::rotate(g, query, *angles);
                let key = rope::rotate(g, key, *angles);
                (attention::attention(g, heads, query, key, value, *bias), None)
            }
            Shared::Cached { past, lengths, rotation } => {
                let past = past.get(index).unwrap_or_else(|| bug(format!("layer {index} has no cache")));
                let (mixed, present) =
                    attention::cached(g, heads, [query, key, value], *past, *lengths, *rotation);
                (mixed, Some(present))
            }
        };
        (weights.linear(g, &name("o_proj"), mixed, [width, heads.query_width()]), cache)
    }
}

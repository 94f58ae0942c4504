//! The forward pass of a [`DecoderConfig`].

use super::{
    DecoderConfig, Layer, Residual,
    tensors::{
        EMBEDDING, FINAL_NORM, HEAD, INPUT_NORM, POST_ATTENTION_NORM, POST_FEED_FORWARD_NORM,
        PRE_FEED_FORWARD_NORM,
    },
};
use crate::{
    dims,
    failure::bug,
    graph::{Dim, Graph, Value, op},
    model::{
        arch::{Forward, Mode, Network, Sizes},
        layer::{
            self,
            attention::{self, KeyValue, Lengths, New, Past, Rotation},
            rope::{self, Angles},
        },
        parameter::{Parameter, Parameters},
    },
    tensor::DType,
};

/// A decoder that can write itself into graphs.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// What it is made of.
    pub config: DecoderConfig,
}

/// What layers share in one forward pass.
struct Shared<'a> {
    /// Extents `[B,T]`. Between attention's heads hidden states are `[B*T,D]`, the form that products take.
    row: [Dim; 2],
    mode: Attention<'a>,
}

/// What attention needs beside its heads.
enum Attention<'a> {
    Rows {
        /// Of each layer.
        biases: Vec<Value>,
        /// Of each rotation.
        angles: Vec<Angles>,
    },
    Cached {
        past: &'a [KeyValue],
        lengths: Lengths,
        /// Of each rotation.
        rotations: Vec<Rotation>,
    },
}

impl Shared<'_> {
    /// Whether only the last token of each row is asked for: the last layer then computes no other.
    fn only_ends(&self) -> bool {
        matches!(self.mode, Attention::Cached { .. })
    }

    /// Of `x [B*T,D]` the last token of each row, `[B,D]`.
    fn ends(&self, g: &mut Graph, x: Value) -> Value {
        let [batch, time] = &self.row;
        let one = Dim::known(1);
        if *time == one {
            return x;
        }
        let width = g.shape(x)[1].clone();
        let x = op::reshape(g, x, &dims![batch, time, &width]);
        let end = op::slice(g, x, 1, time.minus(&one), time.clone());
        op::reshape(g, end, &dims![batch, &width])
    }
}

impl Network for Decoder {
    fn sizes(&self) -> Sizes {
        let DecoderConfig { vocabulary, width, heads, positions, .. } = self.config;
        Sizes { vocabulary, width, layers: self.config.layers.len(), heads, positions }
    }

    fn parameters(&self) -> Vec<Parameter> {
        self.config.parameters()
    }

    fn forward(&self, g: &mut Graph, weights: &mut dyn Parameters, tokens: Value, mode: &Mode) -> Forward {
        let config = &self.config;
        let table = weights.weight(g, EMBEDDING, &[config.vocabulary, config.width]);
        let mut hidden = g.scope("embedding", |g| {
            let vectors = layer::embedding(g, table, tokens);
            config.embedding_scale.map_or(vectors, |factor| scaled(g, vectors, factor))
        });
        let shape = g.shape(hidden);
        let row = [shape[0].clone(), shape[1].clone()];
        let attention = g.scope("shared", |g| self.shared(g, tokens, mode, g.dtype(hidden)));
        hidden = op::reshape(g, hidden, &[Dim::product(&row), Dim::known(config.width)]);
        let shared = Shared { row, mode: attention };
        let mut present = Vec::new();
        let mut states = vec![hidden];
        for index in 0..config.layers.len() {
            let at = At { config, index, shared: &shared };
            hidden = g.scope(&format!("layers.{index}"), |g| {
                let (hidden, cache) = at.layer(g, weights, hidden);
                present.extend(cache);
                hidden
            });
            states.push(hidden);
        }
        let gain = weights.weight(g, FINAL_NORM, &[config.width]);
        let hidden = g.scope("norm", |g| layer::norm(g, hidden, gain, config.norm));
        let [batch, time] = &shared.row;
        let time = if shared.only_ends() { &Dim::known(1) } else { time };
        Forward { hidden: op::reshape(g, hidden, &dims![batch, time, config.width]), states, present }
    }

    fn head(&self, g: &mut Graph, weights: &mut dyn Parameters, hidden: Value) -> Value {
        let config = &self.config;
        let name = if config.tied { EMBEDDING } else { HEAD };
        g.scope("head", |g| {
            // The factor of the logits, applied where it is cheap: there are fewer hidden units than tokens.
            let hidden = config.logit_scale.map_or(hidden, |factor| scaled(g, hidden, factor));
            let logits = weights.linear(g, name, hidden, [config.vocabulary, config.width]);
            let Some(most) = config.logit_cap else { return logits };
            let wide = if g.dtype(logits) == DType::F64 { DType::F64 } else { DType::F32 };
            let logits = op::cast(g, logits, wide);
            layer::cap(g, logits, most)
        })
    }
}

fn scaled(g: &mut Graph, x: Value, factor: f64) -> Value {
    let factor = g.scalar(factor, g.dtype(x));
    op::mul(g, x, factor)
}

impl Decoder {
    fn shared<'a>(&self, g: &mut Graph, tokens: Value, mode: &'a Mode, dtype: DType) -> Attention<'a> {
        let DecoderConfig { layers, rotaries, heads, .. } = &self.config;
        match mode {
            Mode::Rows { positions, segments } => Attention::Rows {
                // Equal windows give the same nodes.
                biases: (layers.iter())
                    .map(|layer| attention::bias(g, *positions, *segments, layer.window))
                    .collect(),
                angles: rotaries.iter().map(|rotary| rope::angles(g, *positions, rotary, dtype)).collect(),
            },
            Mode::Cached { past, lengths } => {
                let Some(first) = past.first() else { bug("a cached forward pass without caches") };
                let capacity = g.shape(first.key)[2].expect_known();
                let time = g.shape(tokens)[1].clone();
                let new = New { tokens: time, lengths: *lengths, capacity, dtype };
                let rotations =
                    rotaries.iter().map(|rotary| Rotation::new(g, *heads, rotary, &new)).collect();
                Attention::Cached { past, lengths: *lengths, rotations }
            }
        }
    }
}

/// One layer of one forward pass.
struct At<'a> {
    config: &'a DecoderConfig,
    index: usize,
    shared: &'a Shared<'a>,
}

impl At<'_> {
    /// `hidden [B*T,D] -> [B*T,D]` through the layer, and its extended cache; `[B,D]` where only ends are asked for.
    fn layer(&self, g: &mut Graph, weights: &mut dyn Parameters, hidden: Value) -> (Value, Option<KeyValue>) {
        let normal = self.norm(g, weights, INPUT_NORM, hidden);
        let (mixed, cache) = g.scope("self_attn", |g| self.attend(g, weights, normal));
        let [hidden, normal] = [hidden, normal].map(|x| self.kept(g, x));
        let hidden = match self.config.residual {
            Residual::Sequential => {
                let hidden = op::add(g, hidden, mixed);
                let normal = self.norm(g, weights, POST_ATTENTION_NORM, hidden);
                let fed = self.feed(g, weights, normal);
                op::add(g, hidden, fed)
            }
            Residual::Sandwich => {
                let mixed = self.norm(g, weights, POST_ATTENTION_NORM, mixed);
                let hidden = op::add(g, hidden, mixed);
                let normal = self.norm(g, weights, PRE_FEED_FORWARD_NORM, hidden);
                let fed = self.feed(g, weights, normal);
                let fed = self.norm(g, weights, POST_FEED_FORWARD_NORM, fed);
                op::add(g, hidden, fed)
            }
            Residual::Parallel => {
                let fed = self.feed(g, weights, normal);
                let hidden = op::add(g, hidden, mixed);
                op::add(g, hidden, fed)
            }
        };
        (hidden, cache)
    }

    fn path(&self, name: &str) -> String {
        format!("model.layers.{}.{name}", self.index)
    }

    fn norm(&self, g: &mut Graph, weights: &mut dyn Parameters, name: &str, x: Value) -> Value {
        let gain = weights.weight(g, &format!("{}.weight", self.path(name)), &[self.config.width]);
        g.scope(name, |g| layer::norm(g, x, gain, self.config.norm))
    }

    fn feed(&self, g: &mut Graph, weights: &mut dyn Parameters, x: Value) -> Value {
        let shape = self.config.feed_forward;
        g.scope("mlp", |g| layer::feed_forward(g, weights, &self.path("mlp"), x, shape))
    }

    /// What of `x [B*T,D]` is needed once the layer's attention has looked at all tokens.
    fn kept(&self, g: &mut Graph, x: Value) -> Value {
        let is_last = self.index + 1 == self.config.layers.len();
        if is_last && self.shared.only_ends() { self.shared.ends(g, x) } else { x }
    }

    /// Self-attention with its linear layers, `[B*T,D] -> [B*T,D]`; what is [`Self::kept`] of it.
    fn attend(&self, g: &mut Graph, weights: &mut dyn Parameters, x: Value) -> (Value, Option<KeyValue>) {
        let DecoderConfig { heads, width, .. } = *self.config;
        let layer: Layer = self.config.layers[self.index];
        let inputs = self.heads(g, weights, x);
        let scores = self.config.scores(layer);
        let (mixed, cache) = match &self.shared.mode {
            Attention::Rows { biases, angles } => {
                let [query, key, value] = inputs;
                let turn = |g: &mut Graph, x: Value| match layer.rotary {
                    Some(rotary) => rope::rotate(g, x, angles[rotary]),
                    None => x,
                };
                let turned = [turn(g, query), turn(g, key), value];
                (attention::attention(g, heads, scores, turned, biases[self.index]), None)
            }
            Attention::Cached { past, lengths, rotations } => {
                let rotation = layer.rotary.map(|rotary| rotations[rotary]);
                let past = Past { cache: past[self.index], lengths: *lengths, rotation };
                let (mixed, present) = attention::cached(g, heads, scores, inputs, past);
                (mixed, Some(present))
            }
        };
        let mixed = op::reshape(g, mixed, &dims![Dim::product(&self.shared.row), heads.query_width()]);
        let mixed = self.kept(g, mixed);
        let output = (self.path("self_attn.o_proj"), [width, heads.query_width()]);
        (layer::projection(g, weights, mixed, output, self.config.output_bias), cache)
    }

    /// Queries `[B,T,H,E]`, keys and values `[B,T,K,E]`, normalised but not rotated.
    fn heads(&self, g: &mut Graph, weights: &mut dyn Parameters, x: Value) -> [Value; 3] {
        let DecoderConfig { heads, width, head_norm, .. } = *self.config;
        let layer = |name: &str, outputs: usize| (self.path(name), [outputs, width]);
        let layers = [
            layer("self_attn.q_proj", heads.query_width()),
            layer("self_attn.k_proj", heads.key_value_width()),
            layer("self_attn.v_proj", heads.key_value_width()),
        ];
        let [query, key, value] = layer::projections(g, weights, x, &layers, self.config.attention_bias);
        let [batch, time] = &self.shared.row;
        let split = |g: &mut Graph, x: Value, count: usize| {
            op::reshape(g, x, &dims![batch, time, count, heads.width]) // [B*T,H*E] -> [B,T,H,E]
        };
        let query = split(g, query, heads.query);
        let key = split(g, key, heads.key_value);
        let value = split(g, value, heads.key_value);
        if head_norm.is_none() {
            return [query, key, value];
        }
        let mut norm = |g: &mut Graph, name: &str, x: Value, count: usize| {
            let path = format!("{}.weight", self.path(&format!("self_attn.{name}")));
            let gain = weights.weight(g, &path, &self.config.head_gain(count));
            g.scope(name, |g| layer::norm(g, x, gain, self.config.norm))
        };
        [norm(g, "q_norm", query, heads.query), norm(g, "k_norm", key, heads.key_value), value]
    }
}

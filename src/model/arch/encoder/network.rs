//! The forward pass of an [`EncoderConfig`].

use super::{
    EncoderConfig, Gate, Places,
    tensors::{EMBEDDING_NORM, POSITIONS, TYPES, WORDS, layer},
};
use crate::{
    dims,
    failure::Failure,
    graph::{Dim, Graph, Value, op},
    model::{
        layer::{
            self, Bias,
            attention::{self, Scores},
            rope::{self, Angles},
        },
        parameter::{Parameter, Parameters},
    },
};

/// An encoder that can write itself into graphs.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoder {
    /// What it is made of.
    pub config: EncoderConfig,
    /// What stands before the names of its tensors in the checkpoint.
    prefix: String,
}

/// What an encoder is given, i64 `[B,T]` each.
#[derive(Clone, Copy, Debug)]
pub struct Inputs {
    /// Token ids.
    pub tokens: Value,
    /// 1 for tokens, 0 for padding, which stands at the end.
    pub mask: Value,
    /// Which kind of token each is; 0 for all of a single text. Not read if there is no table of kinds.
    pub types: Value,
}

/// What layers share in one forward pass.
struct Shared {
    bias: Value,
    angles: Option<Angles>,
}

impl Encoder {
    /// An encoder whose tensors have the names that [`EncoderConfig::parameters`] gives.
    pub fn new(config: EncoderConfig) -> Self {
        Self { config, prefix: String::new() }
    }

    /// The same for a checkpoint with tensors of these names, which may all begin with a prefix (`bert.`).
    pub fn located<'a>(self, names: impl Iterator<Item = &'a str>) -> Result<Self, Failure> {
        let mut found: Vec<&str> = names.filter_map(|name| name.strip_suffix(WORDS)).collect();
        found.sort_by_key(|prefix| prefix.len());
        let prefix = found.first().ok_or_else(|| {
            Failure::input(format!("the checkpoint has no tensor `{WORDS}`, with or without a prefix"))
        })?;
        Ok(Self { prefix: (*prefix).to_owned(), ..self })
    }

    /// Every tensor that an embedding needs, by its name in the checkpoint.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut all = self.config.parameters();
        for parameter in &mut all {
            parameter.name = self.name(&parameter.name);
        }
        all
    }

    /// Whether a tensor of the checkpoint is none that an embedding needs: a head, a pooler, or the numbers of positions
    /// that old versions of transformers saved.
    pub fn leaves_aside(&self, name: &str) -> bool {
        let own = name.strip_prefix(self.prefix.as_str()).unwrap_or_default();
        !(own.starts_with("embeddings.") || own.starts_with("encoder.")) || own.ends_with(".position_ids")
    }

    fn name(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// Hidden states of all tokens, `[B,T,D]`; those of padding mean nothing.
    pub fn forward(&self, g: &mut Graph, weights: &mut dyn Parameters, inputs: &Inputs) -> Value {
        let mut hidden = g.scope("embeddings", |g| self.embed(g, weights, inputs));
        let shared = g.scope("shared", |g| self.shared(g, inputs, hidden));
        for index in 0..self.config.layers {
            hidden = g.scope(&format!("layers.{index}"), |g| {
                let mixed = g.scope("attention", |g| self.attend(g, weights, index, hidden, &shared));
                let sum = op::add(g, hidden, mixed);
                let hidden = self.norm(g, weights, &layer(index, self.config.paths.attention_norm), sum);
                let fed = g.scope("mlp", |g| self.feed(g, weights, index, hidden));
                let sum = op::add(g, hidden, fed);
                self.norm(g, weights, &layer(index, self.config.paths.norm), sum)
            });
        }
        hidden
    }

    /// The vectors of tokens, kinds and positions together, `[B,T,D]`.
    fn embed(&self, g: &mut Graph, weights: &mut dyn Parameters, inputs: &Inputs) -> Value {
        let config = &self.config;
        let mut look_up = |g: &mut Graph, name: &str, rows: usize, ids: Value| {
            let table = weights.weight(g, &self.name(name), &[rows, config.width]);
            layer::embedding(g, table, ids)
        };
        let mut sum = look_up(g, WORDS, config.vocabulary, inputs.tokens);
        if config.types > 0 {
            let vectors = look_up(g, TYPES, config.types, inputs.types);
            sum = op::add(g, sum, vectors);
        }
        if let Places::Learned { rows, first } = config.places {
            let offset = g.scalar(first as f64, crate::tensor::DType::I64);
            let positions = positions(g, inputs);
            let places = op::add(g, positions, offset);
            let vectors = look_up(g, POSITIONS, rows, places); // [T,D]
            sum = op::add(g, sum, vectors);
        }
        self.norm(g, weights, EMBEDDING_NORM, sum)
    }

    fn shared(&self, g: &mut Graph, inputs: &Inputs, hidden: Value) -> Shared {
        let angles = match &self.config.places {
            Places::Learned { .. } => None,
            Places::Rotated(rotary) => {
                let positions = positions(g, inputs);
                let positions = op::unsqueeze(g, positions, &[0]); // [T] -> [1,T]
                Some(rope::angles(g, positions, rotary, g.dtype(hidden)))
            }
        };
        Shared { bias: attention::padding_bias(g, inputs.mask), angles }
    }

    /// `x [B,T,D] -> [B,T,D]`, every token over all tokens of its row.
    fn attend(
        &self,
        g: &mut Graph,
        weights: &mut dyn Parameters,
        index: usize,
        x: Value,
        shared: &Shared,
    ) -> Value {
        let EncoderConfig { heads, width, paths, .. } = self.config;
        let shape = g.shape(x);
        let split = |g: &mut Graph, x: Value| {
            op::reshape(g, x, &dims![&shape[0], &shape[1], heads.query, heads.width]) // [B,T,D] -> [B,T,H,E]
        };
        let turn = |g: &mut Graph, x: Value| match shared.angles {
            Some(angles) => rope::rotate(g, x, angles),
            None => x,
        };
        let path = |name: &str| self.name(&layer(index, name));
        let [query, key, value] = match paths.query_key_value {
            [query, key, value] => {
                let layers = [query, key, value].map(|name| (path(name), [width, width]));
                layer::projections(g, weights, x, &layers, Bias::Yes)
            }
            joined => {
                let name = path(joined.first().copied().unwrap_or_default());
                let all = layer::projection(g, weights, x, (name, [3 * width, width]), Bias::Yes);
                let parts = op::split(g, all, 2, &[(); 3].map(|()| Dim::known(width)));
                [parts[0], parts[1], parts[2]]
            }
        };
        let (query, key, value) = (split(g, query), split(g, key), split(g, value));
        let inputs = [turn(g, query), turn(g, key), value];
        let scores = Scores { scale: heads.scale(), cap: None, window: None };
        let mixed = attention::attention(g, heads, scores, inputs, shared.bias);
        layer::projection(g, weights, mixed, (path(paths.output), [width, width]), Bias::Yes)
    }

    fn feed(&self, g: &mut Graph, weights: &mut dyn Parameters, index: usize, x: Value) -> Value {
        let EncoderConfig { width, inner, paths, activation, gate, .. } = self.config;
        let up = (self.name(&layer(index, paths.up)), [self.config.up_width(), width]);
        let units = match gate {
            Gate::No => {
                let up = layer::projection(g, weights, x, up, Bias::Yes);
                activation.apply(g, up)
            }
            Gate::Yes => {
                let both = layer::projection(g, weights, x, up, Bias::No);
                let parts = op::split(g, both, 2, &[Dim::known(inner), Dim::known(inner)]);
                let gate = activation.apply(g, parts[1]);
                op::mul(g, gate, parts[0])
            }
        };
        let down = (self.name(&layer(index, paths.down)), [width, inner]);
        layer::projection(g, weights, units, down, Bias::Yes)
    }

    fn norm(&self, g: &mut Graph, weights: &mut dyn Parameters, path: &str, x: Value) -> Value {
        let path = self.name(path);
        let gain = weights.weight(g, &format!("{path}.weight"), &[self.config.width]);
        let bias = weights.weight(g, &format!("{path}.bias"), &[self.config.width]);
        g.scope("norm", |g| {
            let normal = layer::norm(g, x, gain, self.config.norm);
            op::add(g, normal, bias)
        })
    }
}

/// 0, 1, .. for the tokens of a row, i64 `[T]`.
fn positions(g: &mut Graph, inputs: &Inputs) -> Value {
    let time = g.shape(inputs.tokens)[1].clone();
    op::range(g, &time)
}

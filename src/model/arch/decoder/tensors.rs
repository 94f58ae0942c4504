//! The tensors of a decoder's checkpoint: their names, extents and order.

use super::{DecoderConfig, HeadNorm, Residual};
use crate::model::{
    layer::{Bias, NormKind},
    parameter::{Parameter, Role},
};

pub(super) const EMBEDDING: &str = "model.embed_tokens.weight";
pub(super) const FINAL_NORM: &str = "model.norm.weight";
pub(super) const HEAD: &str = "lm_head.weight";

pub(super) const INPUT_NORM: &str = "input_layernorm";
pub(super) const POST_ATTENTION_NORM: &str = "post_attention_layernorm";
pub(super) const PRE_FEED_FORWARD_NORM: &str = "pre_feedforward_layernorm";
pub(super) const POST_FEED_FORWARD_NORM: &str = "post_feedforward_layernorm";

impl DecoderConfig {
    /// Every tensor of the checkpoint, in the order of the network. A tied head is not listed: it is the embedding.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut all = vec![Parameter::new(EMBEDDING, &[self.vocabulary, self.width], Role::Embedding)];
        for index in 0..self.layers.len() {
            self.layer_parameters(index, &mut all);
        }
        all.push(Parameter::new(FINAL_NORM, &[self.width], self.gain()));
        if !self.tied {
            all.push(Parameter::new(HEAD, &[self.vocabulary, self.width], Role::Matrix));
        }
        all
    }

    fn layer_parameters(&self, index: usize, all: &mut Vec<Parameter>) {
        let (width, inner) = (self.width, self.feed_forward.inner);
        let (query, key_value) = (self.heads.query_width(), self.heads.key_value_width());
        let mut add = |name: &str, shape: &[usize], role: Role| {
            all.push(Parameter::new(format!("model.layers.{index}.{name}"), shape, role));
        };
        self.add_norm(&mut add, INPUT_NORM);
        for (name, shape, bias) in [
            ("self_attn.q_proj", [query, width], self.attention_bias),
            ("self_attn.k_proj", [key_value, width], self.attention_bias),
            ("self_attn.v_proj", [key_value, width], self.attention_bias),
            ("self_attn.o_proj", [width, query], self.output_bias),
        ] {
            add_linear(&mut add, name, shape, bias);
        }
        if self.head_norm.is_some() {
            add("self_attn.q_norm.weight", &self.head_gain(self.heads.query), self.gain());
            add("self_attn.k_norm.weight", &self.head_gain(self.heads.key_value), self.gain());
        }
        let between: &[&str] = match self.residual {
            Residual::Sequential => &[POST_ATTENTION_NORM],
            Residual::Sandwich => &[POST_ATTENTION_NORM, PRE_FEED_FORWARD_NORM],
            Residual::Parallel => &[],
        };
        for name in between {
            self.add_norm(&mut add, name);
        }
        for (name, shape) in [
            ("mlp.gate_proj", [inner, width]),
            ("mlp.up_proj", [inner, width]),
            ("mlp.down_proj", [width, inner]),
        ] {
            add_linear(&mut add, name, shape, self.feed_forward.bias);
        }
        if self.residual == Residual::Sandwich {
            self.add_norm(&mut add, POST_FEED_FORWARD_NORM);
        }
    }

    fn add_norm(&self, add: &mut dyn FnMut(&str, &[usize], Role), name: &str) {
        add(&format!("{name}.weight"), &[self.width], self.gain());
    }

    /// The extents of the gain of `count` normalised heads.
    pub(super) fn head_gain(&self, count: usize) -> Vec<usize> {
        match self.head_norm {
            Some(HeadNorm::Each) => vec![count, self.heads.width],
            Some(HeadNorm::Common) | None => vec![self.heads.width],
        }
    }

    fn gain(&self) -> Role {
        if self.norm.kind == NormKind::RmsOffset { Role::Bias } else { Role::Gain }
    }
}

fn add_linear(add: &mut dyn FnMut(&str, &[usize], Role), name: &str, shape: [usize; 2], bias: Bias) {
    add(&format!("{name}.weight"), &shape, Role::Matrix);
    if bias == Bias::Yes {
        add(&format!("{name}.bias"), &shape[..1], Role::Bias);
    }
}

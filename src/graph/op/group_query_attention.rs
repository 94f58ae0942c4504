//! `com.microsoft.GroupQueryAttention`: causal attention over a cache of keys and values, for decoding.
//!
//! Past and present caches have the same shape, so one buffer can be bound as both and is then updated in place. Rotary
//! positions and the causal mask come from `seqlens_k`; rows may be of different length. For heads that it
//! rotates, the kernel wants a size that is a multiple of [`HEAD_MULTIPLE`].

use super::{Case, Operand};
use crate::{
    graph::{Attribute, Fact, GradCx, Gradient, Graph, MICROSOFT, Mismatch, Op, Value},
    tensor::DType,
};

/// The runtime refuses to rotate heads whose size is no multiple of this.
pub const HEAD_MULTIPLE: usize = 16;

/// Settings of the operator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupQueryAttention {
    /// Number of query heads H.
    pub heads: usize,
    /// Number of key and value heads KV; divides H.
    pub kv_heads: usize,
    /// Factor of the scores, usually `1/sqrt(D)`.
    pub scale: f32,
    /// How many positions a query looks back, itself included; `None` for all.
    pub window: Option<usize>,
    /// Scores `s` become `c tanh(s/c)`; `None` for no such cap.
    pub softcap: Option<f32>,
    /// Which elements the kernel rotates together: neighbours if so, else those of the two halves of a head.
    pub interleaved: bool,
}

/// Inputs of the operator. D is the size of a head, S the capacity of the cache.
#[derive(Clone, Copy, Debug)]
pub struct GroupQueryInputs {
    /// `[B,T,H*D]`
    pub query: Value,
    /// `[B,T,KV*D]`
    pub key: Value,
    /// `[B,T,KV*D]`
    pub value: Value,
    /// `[B,KV,S,D]`
    pub past_key: Value,
    /// `[B,KV,S,D]`
    pub past_value: Value,
    /// `[B]` i32: the length of every row, new tokens included, minus one.
    pub seqlens_k: Value,
    /// i32 scalar: the longest length of a row, new tokens included. While it equals T the call is a prompt.
    pub total_sequence_length: Value,
    /// Cosines and sines of rotary positions, `[positions,D/2]` each; `None` if keys and queries are already rotated.
    pub rotary: Option<(Value, Value)>,
    /// `[H]`: a score of its own for each head that takes part in the softmax but has no value.
    pub head_sink: Option<Value>,
}

/// Outputs of the operator.
#[derive(Clone, Copy, Debug)]
pub struct GroupQueryOutputs {
    /// `[B,T,H*D]`
    pub output: Value,
    /// `[B,KV,S,D]`
    pub present_key: Value,
    /// `[B,KV,S,D]`
    pub present_value: Value,
}

#[derive(Debug)]
struct GroupQuery {
    settings: GroupQueryAttention,
    rotary: bool,
}

/// Attention of new tokens over themselves and the cache. It has no gradient: training graphs compose attention.
#[track_caller]
pub fn group_query_attention(
    g: &mut Graph,
    inputs: &GroupQueryInputs,
    settings: GroupQueryAttention,
) -> GroupQueryOutputs {
    let mut operands = vec![
        Some(inputs.query),
        Some(inputs.key),
        Some(inputs.value),
        Some(inputs.past_key),
        Some(inputs.past_value),
        Some(inputs.seqlens_k),
        Some(inputs.total_sequence_length),
        inputs.rotary.map(|(cosines, _)| cosines),
        inputs.rotary.map(|(_, sines)| sines),
    ];
    if inputs.head_sink.is_some() {
        operands.extend([None, None, inputs.head_sink]); // behind position ids and an attention bias
    }
    let outputs = g.apply_all(GroupQuery { settings, rotary: inputs.rotary.is_some() }, &operands);
    GroupQueryOutputs { output: outputs[0], present_key: outputs[1], present_value: outputs[2] }
}

impl Op for GroupQuery {
    fn onnx(&self) -> &'static str {
        "GroupQueryAttention"
    }

    fn domain(&self) -> &'static str {
        MICROSOFT
    }

    fn attributes(&self) -> Vec<Attribute> {
        let settings = &self.settings;
        let mut attributes = vec![
            Attribute::int("num_heads", settings.heads as i64),
            Attribute::int("kv_num_heads", settings.kv_heads as i64),
            Attribute::float("scale", settings.scale),
            Attribute::int("do_rotary", i64::from(self.rotary)),
            Attribute::int("rotary_interleaved", i64::from(settings.interleaved)),
        ];
        attributes.extend(settings.window.map(|window| Attribute::int("local_window_size", window as i64)));
        attributes.extend(settings.softcap.map(|softcap| Attribute::float("softcap", softcap)));
        attributes
    }

    fn infer(&self, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, Mismatch> {
        let [
            Some(query),
            Some(key),
            Some(value),
            Some(past_key),
            Some(past_value),
            Some(lengths),
            Some(total),
            ..,
        ] = inputs
        else {
            return Err(Mismatch::new("inputs are missing"));
        };
        let size = past_key.shape.last().and_then(crate::graph::Dim::as_known).unwrap_or(0);
        let widths =
            [(query, self.settings.heads), (key, self.settings.kv_heads), (value, self.settings.kv_heads)];
        for (fact, heads) in widths {
            if fact.rank() != 3 || !fact.shape[2].is(heads * size) || fact.dtype != past_key.dtype {
                return Err(Mismatch::new(format!("{fact} for {heads} heads of {size}")));
            }
        }
        if self.rotary && !size.is_multiple_of(HEAD_MULTIPLE) {
            return Err(Mismatch::new(format!("heads of {size}, which is no multiple of {HEAD_MULTIPLE}")));
        }
        if past_key != past_value || past_key.rank() != 4 || !past_key.shape[1].is(self.settings.kv_heads) {
            return Err(Mismatch::new(format!("caches {past_key} and {past_value}")));
        }
        if lengths.dtype != DType::I32 || total.dtype != DType::I32 || total.rank() != 0 {
            return Err(Mismatch::new(format!("lengths {lengths} and {total}")));
        }
        Ok(vec![(*query).clone(), (*past_key).clone(), (*past_value).clone()])
    }

    fn grad(&self, _cx: &mut GradCx<'_>) -> Gradient {
        Gradient::Unsupported(
            "decoding with a cache is not differentiated; training graphs compose attention",
        )
    }
}

pub(super) fn cases() -> Vec<Case> {
    let operands = vec![
        Operand::real(&[2, 1, 64]).unchecked(),
        Operand::real(&[2, 1, 32]).unchecked(),
        Operand::real(&[2, 1, 32]).unchecked(),
        Operand::real(&[2, 2, 8, 16]).unchecked(),
        Operand::real(&[2, 2, 8, 16]).unchecked(),
        Operand::given_i32(&[2], &[3, 5]),
        Operand::given_i32(&[], &[6]),
        Operand::real(&[8, 8]).unchecked(),
        Operand::real(&[8, 8]).unchecked(),
    ];
    let case = Case::new("one new token in rows of different length", operands, |g, v| {
        let inputs = GroupQueryInputs {
            query: v[0],
            key: v[1],
            value: v[2],
            past_key: v[3],
            past_value: v[4],
            seqlens_k: v[5],
            total_sequence_length: v[6],
            rotary: Some((v[7], v[8])),
            head_sink: None,
        };
        let settings = GroupQueryAttention {
            heads: 4,
            kv_heads: 2,
            scale: 0.25,
            window: None,
            softcap: None,
            interleaved: false,
        };
        group_query_attention(g, &inputs, settings).output
    });
    vec![case.single()]
}

//! `embed`: vectors of samples by an encoder (CM-Align, methods 2.3).

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::vectors::{self, Owner};
use crate::{
    artifact::{
        MODEL, VECTORS,
        row::{Row, completion::Completion},
    },
    checkpoint::folder::ModelFiles,
    decode::embed::{Embedder, Settings},
    failure::Failure,
    model::layer::Pooling,
    stage::{
        context::Context,
        contract::{Kind, Load, Problem},
        port::{Ports, Reference},
    },
    token::Tokenizer,
};

/// The kind.
pub enum Embed {}

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "EmbedPooling")]
pub enum PoolingSpec {
    /// As the encoder's model card says: that of the first token for GTE, their mean for BERT and XLM-RoBERTa.
    #[default]
    Auto,
    /// Their mean.
    Mean,
    /// That of the first token.
    Cls,
}

/// Settings of `embed`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbedSpec {
    /// The encoder: a BERT, XLM-RoBERTa or GTE checkpoint.
    #[serde(skip_serializing)]
    pub model: Reference,
    /// The texts: each completion gets a vector.
    #[serde(skip_serializing)]
    pub completions: Reference,
    /// How the vectors of a text's tokens become one.
    #[serde(default)]
    pub pooling: PoolingSpec,
    /// Whether vectors are scaled to length 1.
    #[serde(default = "yes")]
    pub normalise: bool,
    /// The longest text in tokens, special tokens included; the rest is cut off. At most, and by default, what the encoder takes.
    #[serde(default)]
    pub max_length: Option<usize>,
    /// What is put before every text, such as `query: `.
    #[serde(default)]
    pub prefix: String,
    /// About how many tokens are computed at once. On the CPU it cannot change a number, only time and memory.
    #[serde(default = "batch_tokens")]
    pub batch_tokens: usize,
}

fn yes() -> bool {
    true
}
fn batch_tokens() -> usize {
    8192
}

/// Texts between two looks at whether the user wants to stop.
const CHUNK: usize = 256;

impl Kind for Embed {
    const NAME: &'static str = "embed";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "vectors of samples by an encoder";
    const LOAD: Load = Load::Heavy;
    const USES_RUNTIME: bool = true;
    type Spec = EmbedSpec;

    fn ports(spec: &EmbedSpec) -> Ports {
        Ports::default()
            .reads("model", &spec.model, MODEL)
            .reads("completions", &spec.completions, Completion::KIND)
            .writes("vectors", VECTORS)
    }

    fn check(spec: &EmbedSpec) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (field, value) in [("max_length", spec.max_length), ("batch_tokens", Some(spec.batch_tokens))] {
            if value == Some(0) {
                let hint = "leave it out for the usual number";
                problems.push(Problem::new(field, "must be at least 1: 0", hint));
            }
        }
        problems
    }

    fn run(cx: &Context<'_>, spec: &EmbedSpec) -> Result<(), Failure> {
        let completions: Vec<Completion> = cx.rows("completions")?;
        let files = ModelFiles::of(cx.input("model"));
        let tokenizer = Tokenizer::open(&files)?;
        let pooling = pooling(spec.pooling, &files)?;
        let settings = Settings { pooling, normalise: spec.normalise };
        let mut embedder = Embedder::open(cx.runtime()?, &files, settings)?;
        let longest = spec.max_length.unwrap_or(usize::MAX).min(embedder.positions());
        // Equal texts have one vector.
        let mut places: IndexMap<String, Vec<f32>> = IndexMap::new();
        for completion in &completions {
            places.entry(spec.prefix.clone() + &completion.completion).or_default();
        }
        let texts: Vec<String> = places.keys().cloned().collect();
        let mut cut = 0;
        for (number, chunk) in texts.chunks(CHUNK).enumerate() {
            cx.check_cancelled()?;
            let mut tokens = Vec::with_capacity(chunk.len());
            for text in chunk {
                tokens.push(tokenizer.encode_single(text, longest)?);
                cut += usize::from(tokens.last().is_some_and(|own| own.len() == longest));
            }
            for (text, vector) in chunk.iter().zip(embedder.embed(&tokens, spec.batch_tokens)?) {
                places.insert(text.clone(), vector);
            }
            let done = (number * CHUNK + chunk.len()) as u64;
            cx.observer.progress(done, texts.len() as u64, "texts");
        }
        let owners: Vec<Owner> = completions.iter().map(Owner::of).collect();
        let vector =
            |completion: &Completion| places[&(spec.prefix.clone() + &completion.completion)].clone();
        let values: Vec<f32> = completions.iter().flat_map(vector).collect();
        let cut = if cut > 0 {
            format!("; {cut} texts fill all {longest} tokens and may be cut")
        } else {
            String::new()
        };
        cx.observer.note(&format!(
            "{} samples, {} texts, {} numbers each, {} pooling{cut}",
            completions.len(),
            texts.len(),
            embedder.width(),
            if pooling == Pooling::Cls { "first token" } else { "mean" }
        ));
        vectors::write(cx, &owners, embedder.width(), values)
    }
}

fn pooling(spec: PoolingSpec, files: &ModelFiles) -> Result<Pooling, Failure> {
    Ok(match spec {
        PoolingSpec::Mean => Pooling::Mean,
        PoolingSpec::Cls => Pooling::Cls,
        PoolingSpec::Auto => {
            let config = files.config()?;
            let gte = config.get("model_type").and_then(Json::as_str) == Some("new");
            if gte { Pooling::Cls } else { Pooling::Mean }
        }
    })
}

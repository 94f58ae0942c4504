//! `adapter_config.json`.

use regex::Regex;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::failure::Failure;

/// Which modules an adapter was made for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Targets {
    /// The last parts of their names, like `q_proj`, sorted.
    Names(Vec<String>),
    /// A regular expression that whole names match, or `all-linear`.
    Pattern(String),
}

/// What an adapter changes, and how strongly.
#[derive(Clone, Debug, PartialEq)]
pub struct AdapterConfig {
    /// r: the rank of the change, where `rank_pattern` does not say otherwise.
    pub rank: usize,
    /// alpha: the change is scaled by alpha / r, or by alpha / sqrt(r) if `rank_stabilised`.
    pub alpha: f64,
    /// Whether the scale falls with the root of the rank only (`use_rslora`).
    pub rank_stabilised: bool,
    /// Ranks of modules whose name ends with a regular expression.
    pub rank_pattern: Vec<(String, usize)>,
    /// Alphas of modules whose name ends with a regular expression.
    pub alpha_pattern: Vec<(String, f64)>,
    /// The share of inputs that were dropped in training; means nothing to who uses the adapter.
    pub dropout: f64,
    /// Which modules it was made for.
    pub targets: Targets,
    /// The model it belongs to, for people and tools.
    pub base_model: String,
}

/// Fields that say nothing about what the adapter computes, whatever they hold.
const SILENT: &[&str] = &[
    "auto_mapping",
    "base_model_name_or_path",
    "exclude_modules",
    "inference_mode",
    "layers_pattern",
    "layers_to_transform",
    "loftq_config",
    "lora_dropout",
    "megatron_core",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
    "task_type",
];

/// Fields that are read, each by its own rule.
const READ: &[&str] = &[
    "alpha_pattern",
    "bias",
    "init_lora_weights",
    "lora_alpha",
    "peft_type",
    "r",
    "rank_pattern",
    "target_modules",
    "use_rslora",
];

/// Ways to begin an adapter that leave the base model as it is; the others change it, and then the adapter fits no longer.
const HARMLESS_BEGINNINGS: &[&str] = &["gaussian", "orthogonal", "eva"];

impl AdapterConfig {
    /// A config of one rank and alpha for all modules.
    pub fn new(rank: usize, alpha: f64, targets: Vec<String>) -> Self {
        Self {
            rank,
            alpha,
            rank_stabilised: false,
            rank_pattern: Vec::new(),
            alpha_pattern: Vec::new(),
            dropout: 0.0,
            targets: Targets::names(targets),
            base_model: String::new(),
        }
    }

    /// Reads the fields of the file. A field that is set and is neither known to be harmless nor supported is an error.
    pub fn parse(fields: &Map<String, Json>) -> Result<Self, Failure> {
        let fields = Fields(fields);
        for (name, value) in fields.0 {
            let known = SILENT.contains(&name.as_str()) || READ.contains(&name.as_str());
            if !known && !is_unset(value) {
                return Err(fields.wrong(name));
            }
        }
        if fields.get("peft_type").and_then(Json::as_str) != Some("LORA") {
            return Err(fields.wrong("peft_type"));
        }
        if !matches!(fields.get("bias").map(Json::as_str), None | Some(Some("none"))) {
            return Err(fields.wrong("bias"));
        }
        match fields.get("init_lora_weights") {
            None | Some(Json::Bool(_)) => {}
            Some(Json::String(way)) if HARMLESS_BEGINNINGS.contains(&way.as_str()) => {}
            Some(_) => return Err(fields.wrong("init_lora_weights")),
        }
        let rank_stabilised = match fields.get("use_rslora") {
            None => false,
            Some(Json::Bool(flag)) => *flag,
            Some(_) => return Err(fields.wrong("use_rslora")),
        };
        Ok(Self {
            rank: fields.get("r").and_then(rank).ok_or_else(|| fields.wrong("r"))?,
            alpha: fields.get("lora_alpha").and_then(finite).ok_or_else(|| fields.wrong("lora_alpha"))?,
            rank_stabilised,
            rank_pattern: fields.pattern("rank_pattern", rank)?,
            alpha_pattern: fields.pattern("alpha_pattern", finite)?,
            dropout: fields.get("lora_dropout").and_then(finite).unwrap_or(0.0),
            targets: fields.targets()?,
            base_model: fields.text("base_model_name_or_path"),
        })
    }

    /// Rank of a module's change, and the factor on it.
    pub fn of_module(&self, path: &str) -> Result<(usize, f64), Failure> {
        let rank = of_pattern("rank_pattern", &self.rank_pattern, path)?.unwrap_or(self.rank);
        let alpha = of_pattern("alpha_pattern", &self.alpha_pattern, path)?.unwrap_or(self.alpha);
        let divisor = if self.rank_stabilised { (rank as f64).sqrt() } else { rank as f64 };
        Ok((rank, alpha / divisor))
    }
}

impl Targets {
    /// Names in order, each once.
    pub fn names(mut names: Vec<String>) -> Self {
        names.sort_unstable();
        names.dedup();
        Self::Names(names)
    }
}

fn rank(value: &Json) -> Option<usize> {
    value.as_u64().filter(|rank| *rank > 0).map(|rank| rank as usize)
}

fn finite(value: &Json) -> Option<f64> {
    value.as_f64().filter(|number| number.is_finite())
}

/// Whether a field holds what stands for "not used".
fn is_unset(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::Array(list) => list.is_empty(),
        Json::Object(table) => table.is_empty(),
        Json::Bool(true) | Json::Number(_) | Json::String(_) => false,
    }
}

/// The value whose pattern the end of a module's path matches. Several that disagree are an error: which one counts would
/// hang on their order, which JSON does not keep.
fn of_pattern<T: Copy + PartialEq>(
    field: &str,
    patterns: &[(String, T)],
    path: &str,
) -> Result<Option<T>, Failure> {
    let mut found: Option<(&str, T)> = None;
    for (pattern, value) in patterns {
        let regex = Regex::new(&format!(r"^(?:.*\.)?(?:{pattern})$"))
            .map_err(|_| Failure::input(format!("`{pattern}` in `{field}` is no regular expression")))?;
        if !regex.is_match(path) {
            continue;
        }
        match found {
            Some((other, known)) if known != *value => {
                let message = format!("`{other}` and `{pattern}` in `{field}` both match `{path}`");
                return Err(Failure::input(message).hint("make the patterns exclude each other"));
            }
            _ => found = Some((pattern, *value)),
        }
    }
    Ok(found.map(|(_, value)| value))
}

/// The fields of the file; `null` counts as absent.
#[derive(Clone, Copy)]
struct Fields<'f>(&'f Map<String, Json>);

impl<'f> Fields<'f> {
    fn get(self, name: &str) -> Option<&'f Json> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn wrong(self, name: &str) -> Failure {
        let value = self.0.get(name).unwrap_or(&Json::Null);
        Failure::input(format!("field `{name}` is missing or not supported: {value}"))
    }

    fn text(self, name: &str) -> String {
        self.get(name).and_then(Json::as_str).unwrap_or_default().to_owned()
    }

    fn pattern<T>(self, name: &str, read: fn(&Json) -> Option<T>) -> Result<Vec<(String, T)>, Failure> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Json::Object(table)) => {
                let entry = |(pattern, value)| Some((String::clone(pattern), read(value)?));
                table.iter().map(entry).collect::<Option<_>>().ok_or_else(|| self.wrong(name))
            }
            Some(_) => Err(self.wrong(name)),
        }
    }

    fn targets(self) -> Result<Targets, Failure> {
        let wrong = || self.wrong("target_modules");
        match self.get("target_modules") {
            Some(Json::String(pattern)) => Ok(Targets::Pattern(pattern.clone())),
            Some(Json::Array(names)) => {
                let names = names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<_>>();
                Ok(Targets::names(names.ok_or_else(wrong)?))
            }
            // Adapters of other making may leave it out; what they change is what they hold.
            None => Ok(Targets::Names(Vec::new())),
            Some(_) => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_the_end_of_a_path_at_a_dot() {
        let config = AdapterConfig {
            rank_pattern: vec![("v_proj".to_owned(), 4), (r"layers\.1\..*q_proj".to_owned(), 16)],
            alpha_pattern: vec![("^model.layers.0.self_attn.v_proj".to_owned(), 32.0)],
            rank_stabilised: false,
            ..AdapterConfig::new(8, 8.0, vec!["q_proj".to_owned(), "v_proj".to_owned()])
        };
        let of = |path: &str| config.of_module(path).unwrap();
        assert_eq!(of("model.layers.0.self_attn.q_proj"), (8, 1.0));
        assert_eq!(of("model.layers.0.self_attn.v_proj"), (4, 8.0));
        assert_eq!(of("model.layers.1.self_attn.v_proj"), (4, 2.0));
        assert_eq!(of("model.layers.1.self_attn.q_proj"), (16, 0.5));
        assert_eq!(of("model.layers.1.self_attn.uv_proj"), (8, 1.0));
        let stabilised = AdapterConfig { rank_stabilised: true, ..config.clone() };
        assert_eq!(stabilised.of_module("model.layers.1.self_attn.q_proj").unwrap(), (16, 2.0));
        let torn = AdapterConfig {
            rank_pattern: vec![("v_proj".to_owned(), 4), ("[vq]_proj".to_owned(), 5)],
            ..config.clone()
        };
        assert!(torn.of_module("a.v_proj").unwrap_err().message.contains("both match"));
        let broken = AdapterConfig { rank_pattern: vec![("(".to_owned(), 4)], ..config };
        assert!(broken.of_module("a.v_proj").unwrap_err().message.contains("no regular expression"));
    }
}

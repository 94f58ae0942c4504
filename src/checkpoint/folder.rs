//! Model folders in the layout of Hugging Face: `config.json`, `model.safetensors` (or shards with an index), tokenizer files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Map, Value as Json, json};

use super::{
    Weights, config,
    safetensors::{self, Planned},
    stored::StoredWeights,
};
use crate::{
    artifact::Artifact,
    failure::{Cause, Failure, bug},
    tensor::{DType, Tensor},
};

/// The network's description.
pub const CONFIG: &str = "config.json";
/// The weights, when they are in one file.
pub const WEIGHTS: &str = "model.safetensors";
/// Which file holds which tensor, when there are several.
pub const INDEX: &str = "model.safetensors.index.json";
/// Files that travel with a model unchanged, if they are there.
pub const COMPANIONS: [&str; 12] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "generation_config.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "sentencepiece.bpe.model",
    "LICENSE",
];

/// The folder of further chat templates; they travel with a model as well.
pub const TEMPLATES: &str = "additional_chat_templates";

/// The files of a model folder by relative name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFiles {
    files: BTreeMap<String, PathBuf>,
    /// What messages call the folder.
    shown: String,
}

impl ModelFiles {
    /// The files of a verified artifact.
    pub fn of(artifact: &Artifact) -> Self {
        Self {
            files: artifact.files.clone(),
            shown: format!("{} {}", artifact.kind.name, artifact.digest.short()),
        }
    }

    /// The files directly in a folder and its further chat templates; hidden ones are left out.
    pub fn in_folder(folder: &Path) -> Result<Self, Failure> {
        let failed = |error: &std::io::Error| {
            Failure::io(Cause::Input, "read the model folder", folder, error)
                .hint("name a folder with `config.json`, `model.safetensors` and `tokenizer.json`")
        };
        let mut files = BTreeMap::new();
        let templates = folder.join(TEMPLATES);
        let folders = [(String::new(), folder), (format!("{TEMPLATES}/"), &templates)];
        for (prefix, folder) in
            folders.into_iter().filter(|(prefix, path)| prefix.is_empty() || path.is_dir())
        {
            for entry in fs::read_dir(folder).map_err(|error| failed(&error))? {
                let path = entry.map_err(|error| failed(&error))?.path();
                let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
                if !name.starts_with('.') && path.is_file() {
                    files.insert(format!("{prefix}{name}"), path);
                }
            }
        }
        Ok(Self { files, shown: format!("`{}`", folder.display()) })
    }

    /// All files by relative name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.files.iter().map(|(name, path)| (name.as_str(), path.as_path()))
    }

    /// The path of a file, if it is there.
    pub fn get(&self, name: &str) -> Option<&Path> {
        self.files.get(name).map(PathBuf::as_path)
    }

    /// The path of a file that must be there.
    pub fn need(&self, name: &str) -> Result<&Path, Failure> {
        self.get(name).ok_or_else(|| {
            let others =
                self.files.keys().take(8).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            Failure::input(format!("{} has no file `{name}`", self.shown)).hint(if others.is_empty() {
                "the folder is empty".to_owned()
            } else {
                format!("it has {others}")
            })
        })
    }

    /// The fields of `config.json`.
    pub fn config(&self) -> Result<Map<String, Json>, Failure> {
        config::read(self.need(CONFIG)?)
    }

    /// The names of the files that hold the weights: one, or the shards that the index names.
    pub fn weight_files(&self) -> Result<Vec<String>, Failure> {
        if self.get(WEIGHTS).is_some() || self.get(INDEX).is_none() {
            return self.need(WEIGHTS).map(|_| vec![WEIGHTS.to_owned()]);
        }
        let index = config::read(self.need(INDEX)?)?;
        let broken =
            || Failure::input(format!("`{INDEX}` of {} has no table `weight_map` of file names", self.shown));
        let table = index.get("weight_map").and_then(Json::as_object).ok_or_else(broken)?;
        let names: Option<BTreeSet<&str>> = table.values().map(Json::as_str).collect();
        names.ok_or_else(broken)?.into_iter().map(|name| self.need(name).map(|_| name.to_owned())).collect()
    }

    /// All weights, in the types they are stored in.
    pub fn weights(&self) -> Result<Weights, Failure> {
        let stored = StoredWeights::open(self)?;
        stored.read(&stored.names().collect::<Vec<_>>(), None)
    }

    /// What messages call the folder.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Copies the tokenizer and other companions of the weights into `folder`.
    pub fn copy_companions(&self, folder: &Path) -> Result<(), Failure> {
        for (name, path) in self.all() {
            if COMPANIONS.contains(&name) || Path::new(name).starts_with(TEMPLATES) {
                copy(path, &folder.join(name))?;
            }
        }
        Ok(())
    }

    /// Copies the file `name`, which must be there, into `folder`.
    pub fn copy(&self, name: &str, folder: &Path) -> Result<(), Failure> {
        copy(self.need(name)?, &folder.join(name))
    }
}

/// Puts a link to the file `name` of `files`, which must be there, into `folder`: a store then refers to the file where
/// it lies instead of copying it.
pub fn refer(files: &ModelFiles, name: &str, folder: &Path) -> Result<(), Failure> {
    let from = files.need(name)?;
    let target = fs::canonicalize(from).map_err(|error| Failure::io(Cause::Input, "find", from, &error))?;
    let to = folder.join(name);
    symlink(target, &to).map_err(|error| Failure::io(Cause::Store, "write", &to, &error))
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| Failure::io(Cause::Store, "write", to, error);
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(|error| failed(&error))?;
    }
    // Content only: permissions of a store's objects (read-only) must not travel.
    let mut source = fs::File::open(from).map_err(|error| Failure::io(Cause::Input, "open", from, &error))?;
    let mut target = fs::File::create(to).map_err(|error| failed(&error))?;
    std::io::copy(&mut source, &mut target).map_err(|error| failed(&error))?;
    Ok(())
}

/// Files of weights are split when they would be larger than this many bytes, as transformers does.
pub const LARGEST_SHARD: usize = 5_000_000_000;

/// Writes `config.json` and weights into an existing folder.
pub fn write(folder: &Path, fields: &Map<String, Json>, weights: &Weights) -> Result<(), Failure> {
    let plan = |(name, tensor): (&String, &Arc<Tensor>)| Planned {
        name: name.clone(),
        dtype: tensor.dtype(),
        shape: tensor.shape().to_vec(),
    };
    let planned = weights.iter().map(plan).collect();
    write_planned(folder, fields, planned, LARGEST_SHARD, &mut |name| Ok(Arc::clone(&weights[name])))
}

/// Writes `config.json` and the planned tensors into an existing folder: `model.safetensors`, or shards of at most
/// `largest` bytes with their index. Each tensor is asked of `make` when its turn comes.
pub fn write_planned(
    folder: &Path,
    fields: &Map<String, Json>,
    planned: Vec<Planned>,
    largest: usize,
    make: &mut dyn FnMut(&str) -> Result<Arc<Tensor>, Failure>,
) -> Result<(), Failure> {
    let mut fields = fields.clone();
    config::set_dtype(&mut fields, planned.first().map_or(DType::F32, |tensor| tensor.dtype));
    config::write(&folder.join(CONFIG), &fields)?;
    let total: usize = planned.iter().map(Planned::bytes).sum();
    let mut shards = split(planned, largest);
    if shards.len() <= 1 {
        return safetensors::write_planned(&folder.join(WEIGHTS), shards.pop().unwrap_or_default(), make);
    }
    let count = shards.len();
    let mut table = Map::new();
    for (index, shard) in shards.into_iter().enumerate() {
        let file = format!("model-{:05}-of-{count:05}.safetensors", index + 1);
        table.extend(shard.iter().map(|tensor| (tensor.name.clone(), file.clone().into())));
        safetensors::write_planned(&folder.join(file), shard, make)?;
    }
    let index = json!({"metadata": {"total_size": total}, "weight_map": table});
    config::write(&folder.join(INDEX), index.as_object().unwrap_or_else(|| bug("an object is one")))
}

/// Tensors in their order, a new shard wherever the next one would not fit any more.
fn split(planned: Vec<Planned>, largest: usize) -> Vec<Vec<Planned>> {
    let mut shards: Vec<Vec<Planned>> = Vec::new();
    let mut bytes = 0;
    for tensor in planned {
        bytes += tensor.bytes();
        match shards.last_mut() {
            Some(shard) if bytes <= largest => shard.push(tensor),
            _ => {
                bytes = tensor.bytes();
                shards.push(vec![tensor]);
            }
        }
    }
    shards
}

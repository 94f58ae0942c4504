//! The weights of a model folder as they lie in its files: every header checked, no tensor read yet.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::fs::MetadataExt,
    path::Path,
    sync::Arc,
};

use rayon::prelude::*;
use serde_json::{Map, Value as Json};

use super::{
    Weights, config,
    folder::{INDEX, ModelFiles, WEIGHTS},
    safetensors::{StoredFile, StoredTensor},
};
use crate::{
    failure::{Cause, Failure, bug},
    tensor::{DType, Tensor},
};

/// Where the tensors of a model lie: in one file, or in shards with an index.
#[derive(Debug)]
pub struct StoredWeights {
    files: Vec<StoredFile>,
    /// Which file holds which tensor.
    places: BTreeMap<String, usize>,
    /// What messages call the folder.
    shown: String,
}

impl StoredWeights {
    /// Opens all weight files of a folder and checks their headers, and the index if there is one: it names files that are
    /// there, and every tensor in the file it is in.
    pub fn open(files: &ModelFiles) -> Result<Self, Failure> {
        let index = index(files)?;
        let names: Vec<&str> = match &index {
            None => vec![WEIGHTS],
            Some(table) => {
                let mut names: Vec<&str> = table.values().map(String::as_str).collect();
                names.sort_unstable();
                names.dedup();
                names
            }
        };
        let shown = files.shown().to_owned();
        let mut stored = Self { files: Vec::new(), places: BTreeMap::new(), shown };
        for (number, name) in names.iter().enumerate() {
            let path = files.need(name).map_err(|failure| match index {
                Some(_) => failure.at(format!("`{INDEX}` names a shard that is missing")),
                None => failure,
            })?;
            let file = StoredFile::open(path)?;
            for tensor in file.tensors().keys() {
                if let Some(first) = stored.places.insert(tensor.clone(), number) {
                    let message = format!(
                        "tensor `{tensor}` is in two files of {}: `{}` and `{name}`",
                        stored.shown, names[first]
                    );
                    return Err(Failure::input(message).hint("fetch the folder again"));
                }
            }
            stored.files.push(file);
        }
        if let Some(table) = &index {
            stored.agrees(table, &names)?;
        }
        Ok(stored)
    }

    /// Whether index and shards say the same.
    fn agrees(&self, table: &BTreeMap<String, String>, names: &[&str]) -> Result<(), Failure> {
        let wrong = |message: String| {
            let hint = "the shards and their index are of different models, or a download was mixed up";
            Err(Failure::input(message).hint(hint).at(&self.shown))
        };
        for (tensor, file) in table {
            match self.places.get(tensor) {
                None => {
                    return wrong(format!(
                        "tensor `{tensor}` is missing from `{file}`, where `{INDEX}` has it"
                    ));
                }
                Some(place) if names[*place] != file => {
                    let found = names[*place];
                    return wrong(format!(
                        "tensor `{tensor}` is in `{found}`, but `{INDEX}` has it in `{file}`"
                    ));
                }
                Some(_) => {}
            }
        }
        match self.places.iter().find(|(tensor, _)| !table.contains_key(*tensor)) {
            None => Ok(()),
            Some((tensor, place)) => {
                wrong(format!("tensor `{tensor}` of `{}` is not in `{INDEX}`", names[*place]))
            }
        }
    }

    /// Checks that these are the weights of a network: each of its tensors, by name and shape, and nothing else but what
    /// `ignored` says yes to.
    pub fn check<'w>(
        &self,
        wanted: impl IntoIterator<Item = (&'w str, &'w [usize])>,
        ignored: impl Fn(&str) -> bool,
    ) -> Result<(), Failure> {
        let mut known = BTreeSet::new();
        for (name, shape) in wanted {
            known.insert(name);
            let Some(place) = self.places.get(name) else {
                let message = format!("the checkpoint has no tensor `{name}`: {}", self.shown);
                return Err(Failure::input(message)
                    .hint("`config.json` and the weights beside it must be of the same model"));
            };
            let file = &self.files[*place];
            let found = &file.tensors()[name].shape;
            if found != shape {
                let message =
                    format!("tensor `{name}` has shape {found:?}; by `config.json` it has {shape:?}");
                return Err(Failure::input(message).at(format!("`{}`", file.path().display())));
            }
        }
        let extra = self.places.iter().find(|(name, _)| !known.contains(name.as_str()) && !ignored(name));
        match extra {
            None => Ok(()),
            Some((name, place)) => {
                let message = format!("tensor `{name}` belongs to nothing that `config.json` describes");
                let failure =
                    Failure::input(message).at(format!("`{}`", self.files[*place].path().display()));
                Err(failure.hint("`config.json` and the weights beside it must be of the same model"))
            }
        }
    }

    /// The names of all tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// Type and shape of a tensor, if there is one of this name.
    pub fn get(&self, name: &str) -> Option<&StoredTensor> {
        self.files[*self.places.get(name)?].tensors().get(name)
    }

    /// The type that most weights are stored in; f32 if there are none.
    pub fn dtype(&self) -> DType {
        let mut elements: BTreeMap<DType, usize> = BTreeMap::new();
        for tensor in self.names().filter_map(|name| self.get(name)) {
            if tensor.dtype.is_float() {
                *elements.entry(tensor.dtype).or_default() += tensor.elements();
            }
        }
        elements.into_iter().max_by_key(|(_, count)| *count).map_or(DType::F32, |(dtype, _)| dtype)
    }

    /// Reads a tensor that is there; see [`StoredFile::tensor`].
    pub fn tensor(&self, name: &str, wanted: Option<DType>) -> Result<Tensor, Failure> {
        let place = self.places.get(name).unwrap_or_else(|| bug(format!("no tensor `{name}`")));
        self.files[*place].tensor(name, wanted)
    }

    /// Reads tensors that are there, on all cores, in the type `wanted` or as they are stored.
    pub fn read(&self, names: &[&str], wanted: Option<DType>) -> Result<Weights, Failure> {
        let read = |name: &&str| Ok(((*name).to_owned(), Arc::new(self.tensor(name, wanted)?)));
        names.par_iter().map(read).collect()
    }

    /// The bytes that tensors which are there take in the type `wanted`.
    pub fn bytes(&self, names: &[&str], wanted: DType) -> u64 {
        let elements = |name: &&str| self.get(name).map_or(0, StoredTensor::elements);
        names.iter().map(elements).sum::<usize>() as u64 * wanted.size() as u64
    }

    /// Writes tensors that are there, on all cores, each to the file of its name in `folder`; see
    /// [`StoredFile::write_tensor`].
    pub fn write(&self, names: &[&str], wanted: DType, folder: &Path) -> Result<(), Failure> {
        names.par_iter().try_for_each(|name| {
            let place = self.places.get(*name).unwrap_or_else(|| bug(format!("no tensor `{name}`")));
            self.files[*place].write_tensor(name, wanted, &folder.join(name))
        })
    }

    /// Reads every floating-point tensor and checks that all its numbers are finite; keeps none.
    pub fn check_finite(&self) -> Result<(), Failure> {
        self.files.iter().try_for_each(|file| {
            let names: Vec<&String> = file.tensors().keys().collect();
            names.par_iter().try_for_each(|name| file.check_finite(name))
        })
    }

    /// Names the weights within this process: paths, sizes, times and inodes of their files.
    pub fn identity(&self) -> Result<String, Failure> {
        let one = |path: &Path| {
            let metadata =
                std::fs::metadata(path).map_err(|error| Failure::io(Cause::Input, "read", path, &error))?;
            Ok(format!(
                "{} {} {}.{} {}",
                path.display(),
                metadata.len(),
                metadata.mtime(),
                metadata.mtime_nsec(),
                metadata.ino()
            ))
        };
        let parts: Result<Vec<String>, Failure> = self.files.iter().map(|file| one(file.path())).collect();
        Ok(parts?.join("\n"))
    }
}

/// The index of a folder with shards: which file each tensor is in.
fn index(files: &ModelFiles) -> Result<Option<BTreeMap<String, String>>, Failure> {
    if files.get(WEIGHTS).is_some() || files.get(INDEX).is_none() {
        return Ok(None);
    }
    let fields: Map<String, Json> = config::read(files.need(INDEX)?)?;
    let table = fields.get("weight_map").and_then(Json::as_object).filter(|table| !table.is_empty());
    let entry = |(tensor, file): (&String, &Json)| Some((tensor.clone(), file.as_str()?.to_owned()));
    let table = table.and_then(|table| table.iter().map(entry).collect::<Option<BTreeMap<_, _>>>());
    table.map(Some).ok_or_else(|| {
        Failure::input(format!("`{INDEX}` of {} has no table `weight_map` of file names", files.shown()))
    })
}

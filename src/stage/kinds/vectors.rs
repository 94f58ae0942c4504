//! Vectors as an artifact: `vectors.safetensors` with f32 `vectors [N,D]`, and `rows.jsonl` with whose each is.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    artifact::row::completion::Completion,
    checkpoint::{Weights, safetensors},
    failure::{Cause, Failure, bug},
    stage::context::Context,
    tensor::Tensor,
};

const FILE: &str = "vectors.safetensors";
const ROWS: &str = "rows.jsonl";
const TENSOR: &str = "vectors";

/// Whose vector it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Owner {
    /// The question.
    pub(super) id: String,
    /// The language code.
    pub(super) lang: String,
    /// The sample.
    pub(super) sample: usize,
}

impl Owner {
    pub(super) fn of(completion: &Completion) -> Self {
        Self { id: completion.id.clone(), lang: completion.lang.clone(), sample: completion.sample }
    }
}

/// Writes the folder output `vectors`; `values` holds the vectors of all owners one after another, each `width` long.
pub(super) fn write(
    cx: &Context<'_>,
    owners: &[Owner],
    width: usize,
    values: Vec<f32>,
) -> Result<(), Failure> {
    let folder = cx.create_folder("vectors")?;
    let tensor =
        Tensor::f32(&[owners.len(), width], values).unwrap_or_else(|| bug("vectors of another width"));
    let weights: Weights = [(TENSOR.to_owned(), Arc::new(tensor))].into_iter().collect();
    safetensors::write(&folder.join(FILE), &weights)?;
    let path = folder.join(ROWS);
    let mut bytes = Vec::new();
    for owner in owners {
        serde_json::to_writer(&mut bytes, owner).unwrap_or_else(|error| bug(error));
        bytes.push(b'\n');
    }
    let written = fs::File::create(&path).and_then(|mut file| file.write_all(&bytes));
    written.map_err(|error| Failure::io(Cause::Store, "write", &path, &error))
}

/// The vectors of the folder input `field`.
pub(super) struct Vectors {
    width: usize,
    tensor: Arc<Tensor>,
    places: BTreeMap<Owner, usize>,
}

impl Vectors {
    pub(super) fn read(cx: &Context<'_>, field: &str) -> Result<Self, Failure> {
        let file = |name: &str| {
            cx.folder_file(field, name)
                .ok_or_else(|| Failure::input(format!("input `{field}` has no file `{name}`")))
        };
        let path = file(ROWS)?;
        let open = fs::File::open(path).map_err(|error| Failure::io(Cause::Input, "open", path, &error))?;
        let mut places = BTreeMap::new();
        for (place, line) in BufReader::new(open).lines().enumerate() {
            let line = line.map_err(|error| Failure::io(Cause::Input, "read", path, &error))?;
            let owner: Owner = serde_json::from_str(&line).map_err(|error| {
                Failure::input(format!("not the owner of a vector: {error}")).at(format!(
                    "{}:{}",
                    path.display(),
                    place + 1
                ))
            })?;
            places.insert(owner, place);
        }
        let weights = safetensors::read(file(FILE)?)?;
        let wrong = || Failure::input(format!("`{FILE}` does not hold one f32 vector per line of `{ROWS}`"));
        let tensor = Arc::clone(weights.get(TENSOR).ok_or_else(wrong)?);
        match tensor.shape() {
            [rows, width] if *rows == places.len() && tensor.as_f32().is_some() => {
                Ok(Self { width: *width, places, tensor })
            }
            _ => Err(wrong()),
        }
    }

    /// The vector of a sample.
    pub(super) fn of(&self, completion: &Completion) -> Result<&[f32], Failure> {
        let Completion { id, lang, sample, .. } = completion;
        let values = self.tensor.as_f32().unwrap_or_default();
        let place = self.places.get(&Owner::of(completion));
        place.and_then(|place| values.get(place * self.width..(place + 1) * self.width)).ok_or_else(|| {
            Failure::input(format!("sample {sample} of question `{id}` in `{lang}` has no vector"))
                .hint("embed the same completions that are compared")
        })
    }
}

//! Remembers how far a training run has come, so that a run that was killed goes on with the same bits.
//!
//! The journal folder holds `state.safetensors` (the trainable vector, both moments of the optimizer, the step) and
//! `steps.jsonl` (what each step reported). Everything else, such as the order of examples, follows from the settings
//! and the step. The state is written to a temporary name, synced and renamed, after the step log that it refers to; so
//! whatever moment a kill comes at, one complete state is there, or none.
//!
//! # Invariants
//! - A state that is torn, altered or of another size is not used; the run then starts from its first step.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    failure::{Cause, Failure},
};

/// What one optimizer step reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRecord {
    /// The optimizer step, from 1.
    pub step: usize,
    /// Passes over the data so far.
    pub epoch: f64,
    /// The learning rate of this step.
    pub learning_rate: f64,
    /// Mean loss of the step.
    pub loss: f64,
    /// Global L2 norm of the gradient before clipping.
    pub grad_norm: f64,
    /// Further metrics of the loss.
    pub metrics: BTreeMap<String, f64>,
}

/// The numbers that change from step to step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Optimizer steps taken.
    pub step: usize,
    /// The trainable vector.
    pub trainable: Vec<f32>,
    /// First moment of the gradient.
    pub first: Vec<f32>,
    /// Second moment of the gradient.
    pub second: Vec<f32>,
}

/// A journal folder.
#[derive(Clone, Debug)]
pub struct Journal {
    state: PathBuf,
    steps: PathBuf,
}

const VECTORS: [&str; 3] = ["trainable", "first_moment", "second_moment"];

impl Journal {
    /// The journal in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self { state: folder.join("state.safetensors"), steps: folder.join("steps.jsonl") }
    }

    /// The file that holds the last state.
    pub fn place(&self) -> &Path {
        &self.state
    }

    /// The last state of a run of `len` trainable numbers, with the records of its steps; `None` if there is none that
    /// can be trusted.
    pub fn load(&self, len: usize) -> Result<Option<(State, Vec<StepRecord>)>, Failure> {
        let Some(bytes) = read(&self.state)? else { return Ok(None) };
        let Some(state) = decode(&bytes, len) else { return Ok(None) };
        let lines = read(&self.steps)?.unwrap_or_default();
        let records: Vec<StepRecord> = lines
            .split(|byte| *byte == b'\n')
            .map_while(|line| serde_json::from_slice(line).ok())
            .take(state.step)
            .collect();
        let complete = records.len() == state.step && records.iter().zip(1..).all(|(r, step)| r.step == step);
        if !complete {
            return Ok(None);
        }
        self.replace_steps(&records)?;
        Ok(Some((state, records)))
    }

    /// Forgets an earlier run.
    pub fn clear(&self) -> Result<(), Failure> {
        for path in [&self.state, &self.steps] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(path, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes a state, after the records of the steps since the last one.
    pub fn save(&self, state: &State, new: &[StepRecord]) -> Result<(), Failure> {
        let append = || {
            let mut file = OpenOptions::new().create(true).append(true).open(&self.steps)?;
            file.write_all(&lines(new))?;
            file.sync_all()
        };
        append().map_err(|error| failed(&self.steps, &error))?;
        replace(&self.state, &encode(state)?)
    }

    fn replace_steps(&self, records: &[StepRecord]) -> Result<(), Failure> {
        replace(&self.steps, &lines(records))
    }
}

fn lines(records: &[StepRecord]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        bytes.extend(serde_json::to_vec(record).unwrap_or_else(|error| crate::failure::bug(error)));
        bytes.push(b'\n');
    }
    bytes
}

fn encode(state: &State) -> Result<Vec<u8>, Failure> {
    let vectors = [&state.trainable, &state.first, &state.second];
    let views = VECTORS.into_iter().zip(vectors).map(|(name, vector)| {
        let view = TensorView::new(Dtype::F32, vec![vector.len()], bytemuck::cast_slice(vector));
        (name, view.unwrap_or_else(|error| crate::failure::bug(error)))
    });
    let metadata = [
        ("step".to_owned(), state.step.to_string()),
        ("digest".to_owned(), digest(&vectors.map(|vector| bytemuck::cast_slice(vector))).hex()),
    ];
    safetensors::serialize(views, Some(metadata.into_iter().collect()))
        .map_err(|error| Failure::store(format!("cannot encode the state of the training run: {error}")))
}

fn decode(bytes: &[u8], len: usize) -> Option<State> {
    let (_, header) = SafeTensors::read_metadata(bytes).ok()?;
    let metadata = header.metadata().as_ref()?;
    let file = SafeTensors::deserialize(bytes).ok()?;
    let views = VECTORS.map(|name| file.tensor(name).ok());
    let [Some(trainable), Some(first), Some(second)] = views else { return None };
    let views = [trainable, first, second];
    if views.iter().any(|view| view.dtype() != Dtype::F32 || view.shape() != [len]) {
        return None;
    }
    let step = metadata.get("step")?.parse().ok()?;
    if metadata.get("digest")? != &digest(&[views[0].data(), views[1].data(), views[2].data()]).hex() {
        return None;
    }
    let [trainable, first, second] = views.map(|view| floats(view.data()));
    Some(State { step, trainable, first, second })
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().copied().map(f32::from_le_bytes).collect()
}

fn digest(vectors: &[&[u8]; 3]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    for vector in vectors {
        hasher.update_rayon(vector);
    }
    Digest::from_hasher(&hasher)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::io(Cause::Store, "read", path, &error)),
    }
}

/// Writes a file so that a reader sees all of it or what was there before.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let temporary = path.with_extension("tmp");
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::io(Cause::Store, "write", path, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(step: usize) -> StepRecord {
        StepRecord {
            step,
            epoch: 0.5,
            learning_rate: 1e-3,
            loss: 0.1 + 0.2,
            grad_norm: 1.0 / 3.0,
            metrics: BTreeMap::from([("rewards/margins".to_owned(), 0.7)]),
        }
    }

    fn state(step: usize) -> State {
        let vector = |scale: f32| (0..5).map(|i| i as f32 * scale / 3.0).collect();
        State { step, trainable: vector(1.0), first: vector(-2.0), second: vector(1e-9) }
    }

    #[test]
    fn what_was_saved_last_comes_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path());
        assert!(journal.load(5).unwrap().is_none());
        journal.save(&state(1), &[record(1)]).unwrap();
        journal.save(&state(3), &[record(2), record(3)]).unwrap();
        let (loaded, records) = journal.load(5).unwrap().unwrap();
        assert_eq!(loaded, state(3));
        assert_eq!(records, [record(1), record(2), record(3)]);
        journal.clear().unwrap();
        assert!(journal.load(5).unwrap().is_none());
    }

    #[test]
    fn records_beyond_the_state_are_forgotten_even_if_torn() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path());
        journal.save(&state(2), &[record(1), record(2)]).unwrap();
        let mut file = OpenOptions::new().append(true).open(&journal.steps).unwrap();
        file.write_all(&lines(&[record(3)])).unwrap();
        file.write_all(b"{\"step\": 4, \"ep").unwrap();
        drop(file);
        assert_eq!(journal.load(5).unwrap().unwrap().1.len(), 2);
        journal.save(&state(3), &[record(3)]).unwrap();
        assert_eq!(journal.load(5).unwrap().unwrap().1.len(), 3);
    }

    #[test]
    fn a_damaged_state_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path());
        journal.save(&state(1), &[record(1)]).unwrap();
        assert!(journal.load(6).unwrap().is_none());
        let bytes = fs::read(&journal.state).unwrap();
        let mut altered = bytes.clone();
        *altered.last_mut().unwrap() ^= 1;
        for damaged in [&altered[..], &bytes[..bytes.len() - 3], &bytes[..4], &[]] {
            fs::write(&journal.state, damaged).unwrap();
            assert!(journal.load(5).unwrap().is_none());
        }
        fs::write(&journal.state, &bytes).unwrap();
        fs::write(&journal.steps, b"").unwrap();
        assert!(journal.load(5).unwrap().is_none());
    }
}

//! Keeps finished items of a long stage in a file, one JSON object per line, so that a kill loses at most the items in
//! flight.
//!
//! A kill may tear the last line. Reading stops at the first line that is not whole, and what follows it is cut off
//! before anything is appended.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    marker::PhantomData,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use crate::failure::{Cause, Failure, bug};

/// An open journal of items of type `T`.
#[derive(Debug)]
pub struct Journal<T> {
    path: PathBuf,
    file: File,
    item: PhantomData<T>,
}

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// Opens or creates the journal; returns it with the items that were finished before.
    pub fn open(path: &Path) -> Result<(Self, Vec<T>), Failure> {
        let fail = |doing: &str, error: &std::io::Error| Failure::io(Cause::Store, doing, path, error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| fail("open", &error))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| fail("read", &error))?;
        let (items, whole) = read_whole_lines(&bytes);
        file.set_len(whole as u64).map_err(|error| fail("cut", &error))?;
        file.seek(SeekFrom::End(0)).map_err(|error| fail("seek", &error))?;
        Ok((Self { path: path.to_owned(), file, item: PhantomData }, items))
    }

    /// Appends a finished item.
    pub fn append(&mut self, item: &T) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(item).unwrap_or_else(|error| bug(error));
        line.push(b'\n');
        // One write per line: another process never sees half of it, and only a crash of the machine can tear it.
        self.file.write_all(&line).map_err(|error| Failure::io(Cause::Store, "write", &self.path, &error))
    }
}

/// The items of all lines up to the first broken one, and how many bytes they take.
fn read_whole_lines<T: DeserializeOwned>(bytes: &[u8]) -> (Vec<T>, usize) {
    let mut items = Vec::new();
    let mut whole = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match serde_json::from_slice(line) {
            Ok(item) if line.ends_with(b"\n") => items.push(item),
            _ => break,
        }
        whole += line.len();
    }
    (items, whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_torn_anywhere_gives_back_its_whole_lines_and_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let texts = ["one", "zwei\n", "三"].map(str::to_owned);
        let (mut journal, earlier) = Journal::<String>::open(&path).unwrap();
        assert!(earlier.is_empty());
        for text in &texts {
            journal.append(text).unwrap();
        }
        let bytes = std::fs::read(&path).unwrap();
        for cut in 0..=bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let (mut journal, earlier) = Journal::<String>::open(&path).unwrap();
            assert_eq!(earlier, texts[..earlier.len()], "{cut}");
            journal.append(&"next".to_owned()).unwrap();
            let (_, again) = Journal::<String>::open(&path).unwrap();
            assert_eq!(again.len(), earlier.len() + 1);
            assert_eq!(again.last().unwrap(), "next");
        }
    }
}

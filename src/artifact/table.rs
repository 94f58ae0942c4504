//! Reads and writes rows: one JSON object per line, UTF-8, `\n` line ends, errors with file and line.

use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter, Write},
    marker::PhantomData,
    path::{Path, PathBuf},
};

use super::row::Row;
use crate::failure::{Cause, Failure};

/// Reads all rows of a file. A broken line is an error that names file and line.
pub fn read<R: Row>(path: &Path) -> Result<Vec<R>, Failure> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| Failure::io(Cause::Input, "open", path, &error))?;
    let mut rows = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| {
            Failure::io(Cause::Input, "read", path, &error).at(format!("{shown}:{}", number + 1))
        })?;
        if line.trim().is_empty() {
            continue;
        }
        let row = serde_json::from_str(&line).map_err(|error| {
            Failure::input(format!("not a row of kind `{}`: {error}", R::KIND.name))
                .at(format!("{shown}:{}", number + 1))
        })?;
        rows.push(row);
    }
    Ok(rows)
}

/// Writes rows one after another.
#[derive(Debug)]
pub struct RowWriter<R> {
    path: PathBuf,
    file: BufWriter<File>,
    rows: usize,
    row: PhantomData<R>,
}

impl<R: Row> RowWriter<R> {
    /// Creates the file, replacing what was there.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|error| Failure::io(Cause::Store, "create", path, &error))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file), rows: 0, row: PhantomData })
    }

    /// Appends a row.
    pub fn write(&mut self, row: &R) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.file, row)
            .map_err(std::io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"))
            .map_err(|error| Failure::io(Cause::Store, "write", &self.path, &error))?;
        self.rows += 1;
        Ok(())
    }

    /// Flushes to disk and returns the number of rows.
    pub fn finish(mut self) -> Result<usize, Failure> {
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .map_err(|error| Failure::io(Cause::Store, "write", &self.path, &error))?;
        Ok(self.rows)
    }
}

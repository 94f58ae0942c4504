//! Why a command ends early: a failure still to be told, or an exit whose reason was told already.

use super::exit::Exit;
use crate::failure::Failure;

/// The early end of a command.
#[derive(Clone, Debug)]
pub enum Stop {
    /// Something failed; the edge shows it.
    Failed(Failure),
    /// The user has been told.
    Told(Exit),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

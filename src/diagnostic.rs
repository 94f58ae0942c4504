//! Says what is wrong with a recipe: every mistake with file, line, caret and hint, all at once.
//!
//! ```text
//! error: stage `vote` reads `labels`, but `sample` writes `completions`
//!   --> recipes/calm/xcsqa.toml:41:10
//!    |
//! 41 | input = "sample.labels"
//!    |          ^^^^^^^^^^^^^ no such output
//! hint: outputs of `sample`: completions
//! ```

use std::{ops::Range, path::PathBuf, sync::Arc};

/// A text with a name, that diagnostics point into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where the text came from, as the user wrote it.
    pub path: PathBuf,
    /// The text.
    pub text: String,
}

/// A place in a source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The text.
    pub source: Arc<Source>,
    /// Byte range in the text.
    pub span: Range<usize>,
}

/// Something wrong with a recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, as a lowercase fragment.
    pub message: String,
    /// Where; absent when the mistake is on the command line.
    pub place: Option<Place>,
    /// What stands beside the caret.
    pub label: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

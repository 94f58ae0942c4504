//! Reads recipes: text to [`Recipe`], spans kept, all mistakes collected.
//!
//! In: a TOML text, those it extends ([`extend`]) and the overrides of the command line ([`Sources`]). Out: a list of nodes, each with its settings as a table that
//! still knows where in the text every value stands. What the settings mean is for [`crate::plan`] to find out.
//!
//! ```toml
//! #:schema ../schemas/recipe.json
//! [recipe]
//! name = "two-voices"
//!
//! [params]
//! beta = 0.1
//!
//! [stage.dpo]
//! kind = "train"
//! pairs = "pairs"            # a reference to another node
//! beta = "${params.beta}"    # takes the parameter's type
//! ```
//!
//! # Invariants
//! - Knows TOML; knows no stage kind.
//! - A mistake never hides another one: problems are collected, and reading goes on wherever that makes sense.
//!
//! # Decisions
//! - Command-line overrides are texts like the recipe: their values have spans too, in one space of positions with the
//!   recipe's text ([`Sources`]), so that an error in `--set` gets its caret.
//! - Parameters are substituted into the table, not into the text: a value from outside can never change the structure
//!   of a recipe, and every span still points at the original text.

mod document;
mod extend;
mod overrides;
mod parameter;
pub mod settings;
mod source;

use std::{collections::BTreeMap, ops::Range};

use toml::{Spanned, de::DeTable};

pub use document::parse;
pub use source::{OVERRIDE, Sources};

use crate::diagnostic::Diagnostic;

/// What names of recipes, nodes and parameters look like, as a regular expression.
pub const NAME_PATTERN: &str = "^[A-Za-z0-9_-]+$";

/// Which section of a recipe a kind belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// `[data.NAME]`: rows from outside.
    Data,
    /// `[model.NAME]`: a model to begin with.
    Model,
    /// `[stage.NAME]`: everything else.
    Stage,
}

impl Section {
    /// All sections, in the order a recipe lists them.
    pub const ALL: [Self; 3] = [Self::Data, Self::Model, Self::Stage];

    /// The name in recipes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Model => "model",
            Self::Stage => "stage",
        }
    }

    /// The kind of a node that names none.
    pub const fn default_kind(self) -> Option<&'static str> {
        match self {
            Self::Data => Some("dataset"),
            Self::Model => Some("checkpoint"),
            Self::Stage => None,
        }
    }
}

/// A recipe as written: its nodes are named and their parameters filled in, but nothing is known of their kinds.
#[derive(Clone, Debug)]
pub struct Recipe<'i> {
    /// `recipe.name`; empty when it is missing, which is then among the problems.
    pub name: String,
    /// `recipe.description`, or empty.
    pub description: String,
    /// All nodes, in the order of the text. Names are unique.
    pub nodes: Vec<Node<'i>>,
    /// What is wrong so far. [`crate::plan::build`] reports these together with its own.
    pub problems: Vec<Diagnostic>,
    /// The texts it was read from.
    pub sources: &'i Sources,
    substitutions: Substitutions,
}

/// What was filled in, by the span it has now; `None` where nothing could be.
type Substitutions = BTreeMap<(usize, usize), Option<String>>;

/// A node of a recipe.
#[derive(Clone, Debug)]
pub struct Node<'i> {
    /// The section it stands in.
    pub section: Section,
    /// Its name, at the place of its header.
    pub name: Spanned<String>,
    /// All settings, `kind` among them, parameters filled in.
    pub settings: Spanned<DeTable<'i>>,
}

impl Recipe<'_> {
    /// If the value at `span` came from a parameter: which one, and what it is, as a text for people.
    pub fn substitution(&self, span: &Range<usize>) -> Option<&str> {
        self.substitutions.get(&(span.start, span.end))?.as_deref()
    }

    /// Whether the value at `span` uses a parameter that could not be filled in. That is among the problems; any other
    /// complaint about such a value is an echo.
    pub fn is_unresolved(&self, span: &Range<usize>) -> bool {
        self.substitutions.get(&(span.start, span.end)).is_some_and(Option::is_none)
    }
}

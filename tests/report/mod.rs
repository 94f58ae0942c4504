//! The report page: self-contained, escaped, readable in every script.

mod content;
mod page;

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

use std::{fmt::Write, ops::Range, path::PathBuf, sync::Arc};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::{Serialize, Serializer, ser::SerializeStruct};

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

impl Place {
    /// Line and column of the first character, both counted from 1, the column in characters.
    pub fn start(&self) -> (usize, usize) {
        self.position(self.span.start)
    }

    /// Line and column behind the last character, both counted from 1, the column in characters.
    pub fn end(&self) -> (usize, usize) {
        self.position(self.span.end)
    }

    fn position(&self, byte: usize) -> (usize, usize) {
        let text = &self.source.text;
        let before = text.get(..floor(text, byte)).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        (line, before.get(line_start..).unwrap_or_default().chars().count() + 1)
    }

    /// The span, moved inside the text and onto character borders.
    fn shown(&self) -> Range<usize> {
        let text = &self.source.text;
        let start = floor(text, self.span.start);
        start..floor(text, self.span.end).max(start)
    }
}

/// The last character border at or before `byte`.
fn floor(text: &str, byte: usize) -> usize {
    (0..=byte.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Whether a diagnostic stops the recipe from running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing runs.
    Error,
    /// It runs, but something looks like an oversight.
    Warning,
}

/// Something wrong with a recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it stops the recipe from running.
    pub severity: Severity,
    /// What is wrong, as a lowercase fragment.
    pub message: String,
    /// Where; absent when the mistake has no place in a text.
    pub place: Option<Place>,
    /// What stands beside the caret.
    pub label: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), place: None, label: None, hint: None }
    }

    /// A warning without a place.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// Adds where.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Adds what stands beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds what to do about it, one line.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Serialize for Diagnostic {
    /// An object with `severity`, `message`, `file`, `line`, `column`, `end_line`, `end_column`, `label`, `hint`;
    /// what is absent is null. Lines and columns count from 1, columns in characters.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = self.place.as_ref();
        let mut object = serializer.serialize_struct("Diagnostic", 9)?;
        object.serialize_field("severity", &self.severity)?;
        object.serialize_field("message", &self.message)?;
        object.serialize_field("file", &place.map(|place| place.source.path.display().to_string()))?;
        object.serialize_field("line", &place.map(|place| place.start().0))?;
        object.serialize_field("column", &place.map(|place| place.start().1))?;
        object.serialize_field("end_line", &place.map(|place| place.end().0))?;
        object.serialize_field("end_column", &place.map(|place| place.end().1))?;
        object.serialize_field("label", &self.label)?;
        object.serialize_field("hint", &self.hint)?;
        object.end()
    }
}

/// Whether rendered text carries terminal colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Characters only.
    Plain,
    /// ANSI colours.
    Coloured,
}

/// All diagnostics as text for a terminal, with an empty line between two of them.
pub fn render(diagnostics: &[Diagnostic], paint: Paint) -> String {
    let texts: Vec<String> = diagnostics.iter().map(|diagnostic| render_one(diagnostic, paint)).collect();
    texts.join("\n")
}

fn render_one(diagnostic: &Diagnostic, paint: Paint) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(&diagnostic.message);
    let group = match &diagnostic.place {
        None => annotate_snippets::Group::with_title(title),
        Some(place) => {
            let caret = AnnotationKind::Primary.span(place.shown()).label(diagnostic.label.as_deref());
            let path = place.source.path.display().to_string();
            title.element(Snippet::source(&place.source.text).path(path).annotation(caret))
        }
    };
    let renderer = match paint {
        Paint::Plain => Renderer::plain(),
        Paint::Coloured => Renderer::styled(),
    };
    let mut text = renderer.render(&[group]);
    text.push('\n');
    if let Some(hint) = &diagnostic.hint {
        let level = Level::HELP.with_name("hint");
        let title = annotate_snippets::Group::with_title(level.primary_title(hint));
        let written = writeln!(text, "{}", renderer.render(&[title]));
        debug_assert!(written.is_ok(), "writing to a string succeeds");
    }
    text
}

/// The candidate that `word` most likely stands for, if one is near enough to be a slip of the fingers.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let admitted = (word.chars().count().max(3)).div_ceil(3);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= admitted)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(text: &str, span: Range<usize>) -> Diagnostic {
        let source = Arc::new(Source { path: "a/b.toml".into(), text: text.to_owned() });
        Diagnostic::error("this is wrong").at(Place { source, span }).label("here").hint("do that")
    }

    #[test]
    fn a_diagnostic_shows_file_line_caret_and_hint() {
        let text = render(&[diagnostic("x = 1\ninput = \"sample\"\n", 15..21)], Paint::Plain);
        let expected = "error: this is wrong\n --> a/b.toml:2:10\n  |\n2 | input = \"sample\"\n  |          ^^^^^^ here\nhint: do that\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn colours_come_only_when_asked_for() {
        let diagnostics = [diagnostic("x = 1", 4..5)];
        assert!(!render(&diagnostics, Paint::Plain).contains('\u{1b}'));
        assert!(render(&diagnostics, Paint::Coloured).contains('\u{1b}'));
    }

    #[test]
    fn spans_outside_the_text_or_inside_a_character_are_shown_nearby() {
        for span in [0..1, 1..2, 2..900, 900..901, 3..3] {
            assert!(render(&[diagnostic("é\n\u{1F3B5}", span)], Paint::Plain).contains("this is wrong"));
        }
        assert!(render(&[diagnostic("", 0..0)], Paint::Plain).contains("a/b.toml:1:1"));
    }

    #[test]
    fn json_counts_columns_in_characters() {
        let value = serde_json::to_value(diagnostic("\nké = 1", 7..8)).unwrap();
        assert_eq!((&value["line"], &value["column"]), (&2.into(), &6.into()));
        assert_eq!(value["severity"], "error");
    }

    #[test]
    fn only_near_words_are_suggested() {
        assert_eq!(closest("smaple", ["sample", "vote"]), Some("sample"));
        assert_eq!(closest("epoch", ["epochs", "beta"]), Some("epochs"));
        assert_eq!(closest("xyz", ["sample", "vote"]), None);
    }
}

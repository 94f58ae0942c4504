//! Lays several texts end to end in one space of positions, so that a byte range alone says which text it is in.

use std::{ops::Range, path::Path, string::FromUtf8Error, sync::Arc};

use super::extend;
use crate::diagnostic::{Diagnostic, Place, Source};

/// What stands in place of a file name when a diagnostic points at an override.
pub const OVERRIDE: &str = "--set";

/// The texts a recipe is read from: the recipes it extends, the farthest first, its file, then each override of the
/// command line.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Start position and text of the files, ascending.
    ancestors: Vec<(usize, Arc<Source>)>,
    recipe: (usize, Arc<Source>),
    /// Start position and text, ascending.
    overrides: Vec<(usize, Arc<Source>)>,
}

impl Sources {
    /// The texts of a recipe file, of those it extends, and of the overrides (`path=value`) of the command line.
    ///
    /// Fails, with a diagnostic, if a file cannot be read or is not UTF-8, or if a recipe extends itself.
    pub fn read(path: &Path, overrides: &[String]) -> Result<Self, Diagnostic> {
        let recipe = Arc::new(Self::read_file(path)?);
        Ok(Self::arrange(extend::ancestors(&recipe)?, recipe, overrides))
    }

    pub(super) fn read_file(path: &Path) -> Result<Source, Diagnostic> {
        let bytes = std::fs::read(path).map_err(|error| {
            Diagnostic::error(format!("cannot read the recipe `{}`: {error}", path.display()))
        })?;
        let text = String::from_utf8(bytes).map_err(|error| not_utf8(path, &error))?;
        Ok(Source { path: path.to_owned(), text })
    }

    /// The text of a recipe that extends no other, each of the `overrides` behind it.
    pub fn new(recipe: Source, overrides: &[String]) -> Self {
        Self::arrange(Vec::new(), Arc::new(recipe), overrides)
    }

    fn arrange(ancestors: Vec<Arc<Source>>, recipe: Arc<Source>, overrides: &[String]) -> Self {
        let mut next = 0;
        let mut place = |source: Arc<Source>| {
            let start = next;
            // One position lies between two texts: a span at the end of one is not yet in the next.
            next += source.text.len() + 1;
            (start, source)
        };
        let ancestors = ancestors.into_iter().map(&mut place).collect();
        let recipe = place(recipe);
        let an_override = |text: &String| Arc::new(Source { path: OVERRIDE.into(), text: text.clone() });
        let overrides = overrides.iter().map(an_override).map(&mut place).collect();
        Self { ancestors, recipe, overrides }
    }

    /// The files, each with the position of its first byte: those that the recipe extends, the farthest first, and its own.
    pub fn files(&self) -> impl Iterator<Item = (usize, &Source)> {
        let files = self.ancestors.iter().chain([&self.recipe]);
        files.map(|(start, source)| (*start, source.as_ref()))
    }

    /// The position of the first byte of the recipe's own file: what comes before is inherited.
    pub fn start(&self) -> usize {
        self.recipe.0
    }

    /// The whole recipe as written, for records: its own file, after those it extends under their names.
    pub fn text_of_files(&self) -> String {
        if self.ancestors.is_empty() {
            return self.recipe.1.text.clone();
        }
        let titled =
            |(_, source): (usize, &Source)| format!("# === {}\n{}", source.path.display(), source.text);
        self.files().map(titled).collect::<Vec<_>>().join("\n")
    }

    /// The overrides, each with the position of its first byte.
    pub fn overrides(&self) -> impl Iterator<Item = (usize, &Source)> {
        self.overrides.iter().map(|(start, source)| (*start, source.as_ref()))
    }

    /// The folder that a relative path written at `span` starts from: that of its file, for overrides that of the recipe.
    pub fn folder(&self, span: &Range<usize>) -> &Path {
        let (_, source) = self.containing(span.start.min(self.recipe.0));
        source.path.parent().unwrap_or(Path::new(""))
    }

    /// The place that `span` covers. Positions that belong to no text are moved to the nearest one that does.
    pub fn place(&self, span: &Range<usize>) -> Place {
        let (base, source) = self.containing(span.start);
        let within = |position: usize| position.saturating_sub(base).min(source.text.len());
        Place { source: Arc::clone(source), span: within(span.start)..within(span.end) }
    }

    /// The text that `span` covers; empty if it is no range of characters.
    pub fn text(&self, span: &Range<usize>) -> &str {
        let (base, source) = self.containing(span.start);
        let within = span.start.saturating_sub(base)..span.end.saturating_sub(base);
        source.text.get(within).unwrap_or_default()
    }

    /// Sorts diagnostics by position: those without a place first, then the files, then the command line.
    pub fn sort(&self, diagnostics: &mut [Diagnostic]) {
        diagnostics.sort_by_key(|diagnostic| {
            diagnostic.place.as_ref().map(|place| {
                let base = self.texts().find(|(_, source)| Arc::ptr_eq(source, &place.source));
                let base = base.map_or(0, |(base, _)| base);
                (base + place.span.start, base + place.span.end)
            })
        });
    }

    fn texts(&self) -> impl Iterator<Item = (usize, &Arc<Source>)> {
        let texts = self.ancestors.iter().chain([&self.recipe]).chain(&self.overrides);
        texts.map(|(start, source)| (*start, source))
    }

    fn containing(&self, position: usize) -> (usize, &Arc<Source>) {
        let own = (self.recipe.0, &self.recipe.1);
        self.texts().take_while(|(start, _)| *start <= position).last().unwrap_or(own)
    }
}

/// Points at the first byte that is not UTF-8. The text is shown with replacement characters.
fn not_utf8(path: &Path, error: &FromUtf8Error) -> Diagnostic {
    let start = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
    let span = start..start + char::REPLACEMENT_CHARACTER.len_utf8();
    let source = Arc::new(Source { path: path.to_owned(), text });
    Diagnostic::error("a recipe must be UTF-8 text")
        .at(Place { source, span })
        .label("not UTF-8 from here on")
        .hint("save the file with the encoding UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_names_its_text() {
        let recipe = Source { path: "abc".into(), text: "abc".into() };
        let sources = Sources::new(recipe, &["de".into(), String::new(), "xyz".into()]);
        assert_eq!(sources.overrides().map(|(start, _)| start).collect::<Vec<_>>(), [4, 7, 8]);
        for (span, text) in [(0..3, "abc"), (2..3, "c"), (4..6, "de"), (7..7, ""), (9..11, "yz")] {
            assert_eq!(sources.text(&span), text, "{span:?}");
            let place = sources.place(&span);
            assert_eq!(place.source.text.get(place.span).unwrap(), text);
        }
        assert_eq!(sources.place(&(90..99)).span, 3..3);
    }
}

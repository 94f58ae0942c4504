//! Lays several texts end to end in one space of positions, so that a byte range alone says which text it is in.

use std::{ops::Range, path::Path, string::FromUtf8Error, sync::Arc};

use crate::diagnostic::{Diagnostic, Place, Source};

/// What stands in place of a file name when a diagnostic points at an override.
const OVERRIDE: &str = "--set";

/// The texts a recipe is read from: the file first, then each override of the command line.
#[derive(Clone, Debug)]
pub struct Sources {
    recipe: Arc<Source>,
    /// Start position and text, ascending.
    overrides: Vec<(usize, Arc<Source>)>,
}

impl Sources {
    /// The texts of a recipe file and of the overrides (`path=value`) of the command line.
    ///
    /// Fails, with a diagnostic, if the file cannot be read or is not UTF-8.
    pub fn read(path: &Path, overrides: &[String]) -> Result<Self, Diagnostic> {
        let bytes = std::fs::read(path).map_err(|error| {
            Diagnostic::error(format!("cannot read the recipe `{}`: {error}", path.display()))
        })?;
        let text = String::from_utf8(bytes).map_err(|error| not_utf8(path, &error))?;
        Ok(Self::new(Source { path: path.to_owned(), text }, overrides))
    }

    /// `recipe` at position 0, each of the `overrides` behind it.
    pub fn new(recipe: Source, overrides: &[String]) -> Self {
        let mut end = recipe.text.len();
        let place = |text: &String| {
            // One position lies between two texts: a span at the end of one is not yet in the next.
            let start = end + 1;
            end = start + text.len();
            (start, Arc::new(Source { path: OVERRIDE.into(), text: text.clone() }))
        };
        let overrides = overrides.iter().map(place).collect();
        Self { recipe: Arc::new(recipe), overrides }
    }

    /// The recipe's text.
    pub fn recipe(&self) -> &Source {
        &self.recipe
    }

    /// The overrides, each with the position of its first byte.
    pub fn overrides(&self) -> impl Iterator<Item = (usize, &Source)> {
        self.overrides.iter().map(|(start, source)| (*start, source.as_ref()))
    }

    /// The folder of the recipe file: relative paths in settings start here.
    pub fn folder(&self) -> &Path {
        self.recipe.path.parent().unwrap_or(Path::new(""))
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

    /// Sorts diagnostics by position: those without a place first, then the file, then the command line.
    pub fn sort(&self, diagnostics: &mut [Diagnostic]) {
        diagnostics.sort_by_key(|diagnostic| {
            diagnostic.place.as_ref().map(|place| {
                let known = self.overrides.iter().find(|(_, source)| Arc::ptr_eq(source, &place.source));
                let base = known.map_or(0, |(base, _)| *base);
                (base + place.span.start, base + place.span.end)
            })
        });
    }

    fn containing(&self, position: usize) -> (usize, &Arc<Source>) {
        let behind = self.overrides.partition_point(|(start, _)| *start <= position);
        match behind.checked_sub(1).and_then(|index| self.overrides.get(index)) {
            Some((start, source)) => (*start, source),
            None => (0, &self.recipe),
        }
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

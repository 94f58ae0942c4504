//! Writes HTML and inline SVG: every text and attribute is escaped, every opened element is closed.
//!
//! # Invariants
//! - Text from outside enters through [`Html::text`] or an attribute, never through [`Html::trusted`].

use std::fmt::Display;

/// HTML under construction.
#[derive(Clone, Debug, Default)]
pub struct Html(String);

/// Attributes of an element.
pub type Attributes<'a> = &'a [(&'a str, &'a str)];

impl Html {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// An element with what `inside` writes.
    pub fn element(
        &mut self,
        tag: &str,
        attributes: Attributes<'_>,
        inside: impl FnOnce(&mut Self),
    ) -> &mut Self {
        self.open(tag, attributes, ">");
        inside(self);
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push('>');
        self
    }

    /// An element that holds one text.
    pub fn leaf(&mut self, tag: &str, attributes: Attributes<'_>, text: impl Display) -> &mut Self {
        self.element(tag, attributes, |inside| {
            inside.text(text);
        })
    }

    /// An element of HTML that is never closed (`meta`, `br`), or an empty one of SVG.
    pub fn void(&mut self, tag: &str, attributes: Attributes<'_>) -> &mut Self {
        self.open(tag, attributes, "/>");
        self
    }

    /// A text.
    pub fn text(&mut self, text: impl Display) -> &mut Self {
        escape(&text.to_string(), &mut self.0);
        self
    }

    /// Markup that this program itself made.
    pub fn trusted(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// The markup.
    pub fn finish(self) -> String {
        self.0
    }

    fn open(&mut self, tag: &str, attributes: Attributes<'_>, end: &str) {
        self.0.push('<');
        self.0.push_str(tag);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            escape(value, &mut self.0);
            self.0.push('"');
        }
        self.0.push_str(end);
    }
}

/// Appends `text` so that no character of it acts as markup. Characters that XML forbids become U+FFFD.
fn escape(text: &str, into: &mut String) {
    for character in text.chars() {
        match character {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            '\n' | '\t' => into.push(character),
            control if control.is_control() => into.push('\u{fffd}'),
            other => into.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_cannot_break_out() {
        let mut html = Html::new();
        html.leaf("p", &[("title", "\"><script>")], "<b>&'\u{0}</b>");
        assert_eq!(
            html.finish(),
            "<p title=\"&quot;&gt;&lt;script&gt;\">&lt;b&gt;&amp;&#39;\u{fffd}&lt;/b&gt;</p>"
        );
    }

    #[test]
    fn elements_nest_and_close() {
        let mut html = Html::new();
        html.element("ul", &[], |list| {
            for item in ["a", "b"] {
                list.leaf("li", &[("dir", "auto")], item);
            }
        });
        assert_eq!(html.finish(), "<ul><li dir=\"auto\">a</li><li dir=\"auto\">b</li></ul>");
    }
}

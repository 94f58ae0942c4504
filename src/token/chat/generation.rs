//! The tags `{% generation %}` and `{% endgeneration %}`, by which a template marks what the assistant wrote.
//!
//! Transformers adds them to Jinja for masks over training texts. They write nothing, but they open a scope: here they
//! become `{% with %}` and `{% endwith %}`, which do the same. Whitespace control stays with the tag.

/// The template with these tags replaced; lines stay where they are.
pub(super) fn replace_tags(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    let mut raw = false;
    while let Some(start) = rest.find('{') {
        let (before, from) = rest.split_at(start);
        text.push_str(before);
        let end = match from.as_bytes().get(1) {
            Some(b'#') if !raw => from.find("#}").map_or(from.len(), |end| end + 2),
            Some(b'{') if !raw => end_of_tag(from, "}}"),
            Some(b'%') => end_of_tag(from, "%}"),
            _ => 1,
        };
        let (tag, after) = from.split_at(end);
        match name_of(tag) {
            Some("raw") => raw = true,
            Some("endraw") => raw = false,
            _ => {}
        }
        match name_of(tag) {
            Some(name @ ("generation" | "endgeneration")) if !raw => {
                let new = if name == "generation" { "with" } else { "endwith" };
                text.push_str(&tag.replacen(name, new, 1));
            }
            _ => text.push_str(tag),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// The word of a statement that is one word: `{%- generation -%}`.
fn name_of(tag: &str) -> Option<&str> {
    let inside = tag.strip_prefix("{%")?.strip_suffix("%}")?;
    let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside);
    let name = inside.strip_suffix(['-', '+']).unwrap_or(inside).trim();
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic())).then_some(name)
}

/// Where a tag ends, its strings passed over; the end of the text if it never does.
fn end_of_tag(from: &str, close: &str) -> usize {
    let bytes = from.as_bytes();
    let mut at = 2;
    let mut quote = None;
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(_), b'\\') => at += 1,
            (Some(open), byte) if byte == open => quote = None,
            (None, byte @ (b'"' | b'\'')) => quote = Some(byte),
            (None, _) if bytes[at..].starts_with(close.as_bytes()) => return at + close.len(),
            _ => {}
        }
        at += 1;
    }
    from.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tags_are_replaced_and_they_keep_their_whitespace_control() {
        let cases = [
            ("a{% generation %}b{% endgeneration %}c", "a{% with %}b{% endwith %}c"),
            ("{%- generation -%}\n{%+endgeneration%}", "{%- with -%}\n{%+endwith%}"),
            ("{# {% generation %} #}{% generation %}", "{# {% generation %} #}{% with %}"),
            ("{{ '{% generation %}' }}", "{{ '{% generation %}' }}"),
            ("{% set x = '%} {% generation %}' %}", "{% set x = '%} {% generation %}' %}"),
            ("{{ '\\'}}{% generation %}' }}", "{{ '\\'}}{% generation %}' }}"),
            (
                "{% raw %}{% generation %}{# {% endraw %}{% generation %}",
                "{% raw %}{% generation %}{# {% endraw %}{% with %}",
            ),
            ("{% generation of %}{ {%", "{% generation of %}{ {%"),
            ("語{% generation %}語", "語{% with %}語"),
            ("{{ 'unclosed", "{{ 'unclosed"),
        ];
        for (source, expected) in cases {
            assert_eq!(replace_tags(source), expected);
        }
    }
}

//! What a regular expression finds in a sampled text.

use regex::Regex;

/// Which match counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The first one.
    First,
    /// The last one.
    Last,
}

/// The text of the first group that took part in the match, or of the whole match if the pattern has no group; blanks at
/// its ends are left out. `None` without a match, or if it is empty.
pub fn found<'t>(text: &'t str, pattern: &Regex, which: Which) -> Option<&'t str> {
    let mut matches = pattern.captures_iter(text);
    let captures = match which {
        Which::First => matches.next(),
        Which::Last => matches.last(),
    }?;
    let group = captures.iter().skip(1).flatten().next().or_else(|| captures.get(0))?;
    Some(group.as_str().trim()).filter(|found| !found.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_of_the_match_that_counts_is_the_answer() {
        let pattern = Regex::new(r"####\s*(\S+)|answer is (\w+)").unwrap();
        let text = "the answer is 4\n#### 5 ";
        assert_eq!(found(text, &pattern, Which::Last), Some("5"));
        assert_eq!(found(text, &pattern, Which::First), Some("4"));
        assert_eq!(found("nothing", &pattern, Which::Last), None);
        assert_eq!(found("a1b22", &Regex::new(r"\d+").unwrap(), Which::Last), Some("22"));
    }
}

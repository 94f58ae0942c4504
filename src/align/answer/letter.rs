//! The option letter of a multiple-choice answer (CALM, methods 1.5).

/// Where a letter stands, and which one is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letters {
    /// How many options there are: letters go from A to the last of them. At most 26.
    pub options: u8,
    /// Look at the second character before the first, which covers `(B) ...` and makes `AB...` a `B`.
    pub second_character_first: bool,
    /// Refuse a single character that is no option. The published code accepts any.
    pub require_valid: bool,
}

impl Default for Letters {
    fn default() -> Self {
        Self { options: 5, second_character_first: true, require_valid: true }
    }
}

impl Letters {
    /// What the published code does, bit for bit.
    pub fn as_published() -> Self {
        Self { require_valid: false, ..Self::default() }
    }

    fn has(&self, letter: char) -> bool {
        u32::from(letter).checked_sub(u32::from('A')).is_some_and(|place| place < u32::from(self.options))
    }
}

/// Why no letter could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoLetter {
    /// Nothing stands behind the last label.
    Empty,
    /// What stands there is no option.
    NotAnOption,
}

/// The option letter of a sampled text. A character is a Unicode scalar, as in Python.
///
/// The text after the last of the first label is the answer, then that after the last of the second label, and so on;
/// without a label the whole text is.
pub fn letter(text: &str, labels: &[&str], accept: &Letters) -> Result<char, NoLetter> {
    let answer = labels.iter().fold(text, |answer, label| after_last(answer, label).trim()).trim();
    let mut characters = answer.chars();
    let first = characters.next().ok_or(NoLetter::Empty)?;
    let Some(second) = characters.next() else {
        let fine = !accept.require_valid || accept.has(first);
        return if fine { Ok(first) } else { Err(NoLetter::NotAnOption) };
    };
    let order = if accept.second_character_first { [second, first] } else { [first, second] };
    order.into_iter().find(|letter| accept.has(*letter)).ok_or(NoLetter::NotAnOption)
}

/// The text after the last `mark`, or the whole text without it.
fn after_last<'t>(text: &'t str, mark: &str) -> &'t str {
    text.rsplit_once(mark).map_or(text, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, labels: &[&str]) -> Option<char> {
        letter(text, labels, &Letters::default()).ok()
    }

    #[test]
    fn letters_are_read_as_the_published_code_reads_them() {
        let table = [
            ("Explanation: because.\n\nAnswer: D. schools", Some('D')),
            ("Answer: (B) x", Some('B')),
            ("Answer:AB...", Some('B')),
            ("Answer:A. Bank", Some('A')),
            ("Answer: A. x\nAnswer: C", Some('C')),
            ("E", Some('E')),
            ("no label at all", None),
            ("Bob has no label", Some('B')),
            ("Answer:", None),
            ("Answer: F", None),
            ("Answer: none of them", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(read(text, &["Answer:"]), expected, "{text}");
        }
        let published = |text| letter(text, &["Answer:"], &Letters::as_published());
        assert_eq!(published("Answer: X"), Ok('X'));
        assert_eq!(published("Answer: 答"), Ok('答'));
        assert_eq!(published("Answer: XY"), Err(NoLetter::NotAnOption));
        assert_eq!(published("Answer:\n"), Err(NoLetter::Empty));
    }

    #[test]
    fn a_variant_label_is_looked_for_after_the_label() {
        assert_eq!(read("解释:…\n答案：C. 医院", &["答案:", "答案："]), Some('C'));
        assert_eq!(read("Réponse : B", &["Réponse:", "Réponse :"]), Some('B'));
        assert_eq!(read("答え：D", &["答え:"]), None);
    }

    #[test]
    fn the_number_of_options_and_the_order_of_characters_are_knobs() {
        let four = Letters { options: 4, ..Letters::default() };
        assert_eq!(letter("Answer: E", &["Answer:"], &four), Err(NoLetter::NotAnOption));
        let first = Letters { second_character_first: false, ..Letters::default() };
        assert_eq!(letter("Answer: AB", &["Answer:"], &first), Ok('A'));
        assert_eq!(letter("Answer: (C)", &["Answer:"], &first), Ok('C'));
    }
}

//! Which scripts a language is written in.

use unicode_script::{Script, UnicodeScript};

use super::language::LangCode;

/// The scripts of languages that are not, or not only, written in Latin letters.
static SCRIPTS: &[(&str, &[Script])] = {
    use Script::{
        Arabic, Armenian, Bengali, Bopomofo, Canadian_Aboriginal, Cyrillic, Devanagari, Ethiopic, Georgian,
        Greek, Gujarati, Gurmukhi, Han, Hangul, Hebrew, Hiragana, Kannada, Katakana, Khmer, Lao, Latin,
        Malayalam, Meetei_Mayek, Mongolian, Myanmar, Ol_Chiki, Oriya, Sinhala, Tamil, Telugu, Thaana, Thai,
        Tibetan, Yi,
    };
    &[
        ("ab", &[Cyrillic]),
        ("am", &[Ethiopic]),
        ("ar", &[Arabic]),
        ("ary", &[Arabic]),
        ("arz", &[Arabic]),
        ("as", &[Bengali]),
        ("av", &[Cyrillic]),
        ("az", &[Latin, Cyrillic, Arabic]),
        ("ba", &[Cyrillic]),
        ("be", &[Cyrillic]),
        ("bg", &[Cyrillic]),
        ("bh", &[Devanagari]),
        ("bho", &[Devanagari]),
        ("bn", &[Bengali]),
        ("bo", &[Tibetan]),
        ("bs", &[Latin, Cyrillic]),
        ("ce", &[Cyrillic]),
        ("ckb", &[Arabic]),
        ("cr", &[Canadian_Aboriginal, Latin]),
        ("cu", &[Cyrillic]),
        ("cv", &[Cyrillic]),
        ("dv", &[Thaana]),
        ("dz", &[Tibetan]),
        ("el", &[Greek]),
        ("fa", &[Arabic]),
        ("gu", &[Gujarati]),
        ("he", &[Hebrew]),
        ("hi", &[Devanagari]),
        ("hy", &[Armenian]),
        ("ii", &[Yi]),
        ("iu", &[Canadian_Aboriginal, Latin]),
        ("ja", &[Hiragana, Katakana, Han]),
        ("ka", &[Georgian]),
        ("kk", &[Cyrillic]),
        ("km", &[Khmer]),
        ("kn", &[Kannada]),
        ("ko", &[Hangul, Han]),
        ("ks", &[Arabic, Devanagari]),
        ("ku", &[Latin, Arabic]),
        ("kv", &[Cyrillic]),
        ("ky", &[Cyrillic]),
        ("lo", &[Lao]),
        ("mai", &[Devanagari]),
        ("mk", &[Cyrillic]),
        ("ml", &[Malayalam]),
        ("mn", &[Cyrillic, Mongolian]),
        ("mni", &[Bengali, Meetei_Mayek]),
        ("mr", &[Devanagari]),
        ("my", &[Myanmar]),
        ("ne", &[Devanagari]),
        ("oj", &[Canadian_Aboriginal, Latin]),
        ("or", &[Oriya]),
        ("os", &[Cyrillic]),
        ("pa", &[Gurmukhi, Arabic]),
        ("prs", &[Arabic]),
        ("ps", &[Arabic]),
        ("ru", &[Cyrillic]),
        ("sa", &[Devanagari]),
        ("sat", &[Ol_Chiki]),
        ("sd", &[Arabic, Devanagari]),
        ("shn", &[Myanmar]),
        ("si", &[Sinhala]),
        ("sr", &[Cyrillic, Latin]),
        ("ta", &[Tamil]),
        ("te", &[Telugu]),
        ("tg", &[Cyrillic]),
        ("th", &[Thai]),
        ("ti", &[Ethiopic]),
        ("tt", &[Cyrillic]),
        ("ug", &[Arabic]),
        ("uk", &[Cyrillic]),
        ("ur", &[Arabic]),
        ("uz", &[Latin, Cyrillic]),
        ("yi", &[Hebrew]),
        ("yue", &[Han]),
        ("zh", &[Han, Bopomofo]),
    ]
};

/// The scripts a language is written in. A script in the code itself (`sr-Latn`) is the only one.
pub fn scripts(lang: &LangCode) -> Vec<Script> {
    let subtags = lang.as_str().split('-').skip(1);
    let mut named = subtags.filter(|tag| tag.len() == 4).map(|tag| match tag.to_ascii_lowercase().as_str() {
        "hans" | "hant" => Some(Script::Han),
        lower => {
            let (first, rest) = lower.split_at_checked(1)?;
            Script::from_short_name(&(first.to_ascii_uppercase() + rest))
        }
    });
    if let Some(Some(script)) = named.next() {
        return vec![script];
    }
    let found = SCRIPTS.iter().find(|(code, _)| *code == lang.base());
    found.map_or_else(|| vec![Script::Latin], |(_, scripts)| scripts.to_vec())
}

/// The share of the letters of `text` that are of a script of `lang`, in `[0, 1]`; `None` if it has no letters. Marks and what all
/// scripts share (digits, punctuation) do not count.
pub fn share(text: &str, lang: &LangCode) -> Option<f64> {
    let scripts = scripts(lang);
    let (mut own, mut all) = (0_usize, 0_usize);
    for letter in text.chars().filter(|c| c.is_alphabetic()) {
        let extension = letter.script_extension();
        if extension.is_common() || extension.is_inherited() {
            continue;
        }
        all += 1;
        own += usize::from(scripts.iter().any(|script| extension.contains_script(*script)));
    }
    (all > 0).then(|| own as f64 / all as f64)
}

/// Whether words of `lang` stand side by side without blanks.
pub fn runs_words_together(lang: &LangCode) -> bool {
    matches!(lang.base(), "zh" | "yue" | "ja" | "th" | "lo" | "km" | "my" | "bo" | "dz" | "shn")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::language;

    #[test]
    fn the_table_names_known_languages_once() {
        for (index, (code, scripts)) in SCRIPTS.iter().enumerate() {
            assert!(language::codes().any(|known| known == *code), "{code}");
            assert!(!SCRIPTS.iter().take(index).any(|(earlier, _)| earlier == code), "{code} is there twice");
            assert!(!scripts.is_empty());
        }
        assert!(SCRIPTS.len() > 60);
    }

    #[test]
    fn letters_are_counted_by_script() {
        let share = |text: &str, code: &str| share(text, &code.parse().unwrap());
        assert_eq!(share("Mji mkuu wa Kenya ni Nairobi.", "sw"), Some(1.0));
        assert_eq!(share("Столица Франции - Париж", "ru"), Some(1.0));
        assert_eq!(share("Столица Франции - Париж", "en"), Some(0.0));
        assert_eq!(share("東京は日本のカメラ", "ja"), Some(1.0));
        assert_eq!(share("東京は日本の", "zh"), Some(4.0 / 6.0));
        assert_eq!(share("ราคา 100 USD", "th"), Some(4.0 / 7.0), "digits and blanks do not count");
        assert_eq!(share("عاصمة مصر", "ar"), Some(1.0));
        assert_eq!(share("عاصمة مصر", "fa"), Some(1.0));
        assert_eq!(share("ঢাকা", "bn"), Some(1.0));
        assert_eq!(share("Beograd", "sr"), Some(1.0));
        assert_eq!(share("Београд", "sr-Latn"), Some(0.0));
        assert_eq!(share("臺北", "zh-Hant"), Some(1.0));
        assert_eq!(share("42, 3.14!", "ja"), None);
        assert_eq!(share("수도는 서울", "ko"), Some(1.0));
        assert_eq!(share("አዲስ አበባ", "am"), Some(1.0));
    }
}

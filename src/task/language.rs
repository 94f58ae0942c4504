//! Language codes: validated, in one spelling.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The two-letter codes of ISO 639-1.
const ISO_639_1: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy \
    da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii \
    ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr \
    ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl \
    sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu";

/// Languages of multilingual benchmarks that have a three-letter code only.
const ISO_639_3: &str = "arz ary ast bho ceb ckb fil gsw hsb ilo kmr lus mai mni nso pcm pms prs quy sat scn shn szl tpi \
    vec war yue zsm";

/// Codes that published data sets use, with the code they mean.
const ALIASES: &[(&str, &str)] = &[
    ("afr", "af"),
    ("als", "sq"),
    ("amh", "am"),
    ("ara", "ar"),
    ("arb", "ar"),
    ("aze", "az"),
    ("azj", "az"),
    ("ben", "bn"),
    ("bul", "bg"),
    ("cat", "ca"),
    ("ces", "cs"),
    ("ckb", "ckb"),
    ("cmn", "zh"),
    ("cn", "zh"),
    ("cym", "cy"),
    ("dan", "da"),
    ("deu", "de"),
    ("ell", "el"),
    ("eng", "en"),
    ("est", "et"),
    ("eus", "eu"),
    ("fas", "fa"),
    ("fin", "fi"),
    ("fra", "fr"),
    ("fre", "fr"),
    ("ger", "de"),
    ("guj", "gu"),
    ("hat", "ht"),
    ("hau", "ha"),
    ("heb", "he"),
    ("hin", "hi"),
    ("hrv", "hr"),
    ("hun", "hu"),
    ("hye", "hy"),
    ("ibo", "ig"),
    ("in", "id"),
    ("ind", "id"),
    ("ita", "it"),
    ("iw", "he"),
    ("jav", "jv"),
    ("jp", "ja"),
    ("jpn", "ja"),
    ("kan", "kn"),
    ("kat", "ka"),
    ("kaz", "kk"),
    ("khm", "km"),
    ("kor", "ko"),
    ("kr", "ko"),
    ("kur", "ku"),
    ("lav", "lv"),
    ("lit", "lt"),
    ("mal", "ml"),
    ("mar", "mr"),
    ("mkd", "mk"),
    ("msa", "ms"),
    ("mya", "my"),
    ("nep", "ne"),
    ("nld", "nl"),
    ("nor", "no"),
    ("npi", "ne"),
    ("pan", "pa"),
    ("pbt", "ps"),
    ("pes", "fa"),
    ("pol", "pl"),
    ("por", "pt"),
    ("pus", "ps"),
    ("ron", "ro"),
    ("rus", "ru"),
    ("sin", "si"),
    ("slk", "sk"),
    ("slv", "sl"),
    ("som", "so"),
    ("sp", "es"),
    ("spa", "es"),
    ("sqi", "sq"),
    ("srp", "sr"),
    ("swa", "sw"),
    ("swe", "sv"),
    ("swh", "sw"),
    ("tam", "ta"),
    ("tel", "te"),
    ("tgl", "tl"),
    ("tha", "th"),
    ("tur", "tr"),
    ("uig", "ug"),
    ("ukr", "uk"),
    ("urd", "ur"),
    ("uzb", "uz"),
    ("uzn", "uz"),
    ("vie", "vi"),
    ("xho", "xh"),
    ("yor", "yo"),
    ("zho", "zh"),
    ("zul", "zu"),
];

/// Scripts that a language is written in unless it says otherwise; corpora such as FLORES spell them out.
const USUAL_SCRIPTS: &[(&str, &str)] = &[
    ("Arab", "ar fa ps ur ckb ug sd"),
    ("Beng", "bn as"),
    ("Cyrl", "bg kk ky mk mn ru sr tg uk be"),
    ("Deva", "hi mr ne bho mai sa"),
    ("Ethi", "am ti"),
    ("Grek", "el"),
    ("Gujr", "gu"),
    ("Hang", "ko"),
    ("Hans", "zh"),
    ("Hebr", "he yi"),
    ("Jpan", "ja"),
    (
        "Latn",
        "af az ca ceb cs cy da de en es et eu fi fil fr ga gl ha hr hu id ig is it jv la lb lt lv mg mi ms mt nl no \
         nb nn ny pl pt ro sk sl sn so sq st su sv sw tl tn tr uz vi wo xh yo zu",
    ),
    ("Mlym", "ml"),
    ("Mymr", "my"),
    ("Orya", "or"),
    ("Sinh", "si"),
    ("Taml", "ta"),
    ("Telu", "te"),
    ("Thai", "th"),
];

/// English names of languages: data sets use them in file names and fields, and mistaken codes resemble them.
const NAMES: &[(&str, &str)] = &[
    ("albanian", "sq"),
    ("arabic", "ar"),
    ("bengali", "bn"),
    ("bulgarian", "bg"),
    ("catalan", "ca"),
    ("chinese", "zh"),
    ("croatian", "hr"),
    ("czech", "cs"),
    ("danish", "da"),
    ("deutsch", "de"),
    ("dutch", "nl"),
    ("english", "en"),
    ("finnish", "fi"),
    ("french", "fr"),
    ("german", "de"),
    ("greek", "el"),
    ("hebrew", "he"),
    ("hindi", "hi"),
    ("hungarian", "hu"),
    ("indonesian", "id"),
    ("italian", "it"),
    ("japanese", "ja"),
    ("javanese", "jv"),
    ("korean", "ko"),
    ("lithuanian", "lt"),
    ("macedonian", "mk"),
    ("north macedonian", "mk"),
    ("persian", "fa"),
    ("polish", "pl"),
    ("portuguese", "pt"),
    ("romanian", "ro"),
    ("russian", "ru"),
    ("serbian", "sr"),
    ("spanish", "es"),
    ("swahili", "sw"),
    ("swedish", "sv"),
    ("thai", "th"),
    ("turkish", "tr"),
    ("ukrainian", "uk"),
    ("urdu", "ur"),
    ("vietnamese", "vi"),
    ("yoruba", "yo"),
];

/// A language: an ISO 639 code in lower case, with an optional script or region as in `zh-Hant` or `pt-BR`.
///
/// Codes that published data sets use for the same language (`cn`, `jp`, `deu`) are read as the usual one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LangCode(String);

impl LangCode {
    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The language alone, without script or region.
    pub fn base(&self) -> &str {
        self.0.split('-').next().unwrap_or(&self.0)
    }

    /// The language alone, as a code of its own.
    #[must_use]
    pub fn to_base(&self) -> Self {
        Self(self.base().to_owned())
    }

    /// The language that data call by a code or by its English name (`Deutsch`, `North Macedonian`).
    pub fn named(text: &str) -> Result<Self, UnknownLanguage> {
        let lower = text.trim().to_ascii_lowercase();
        match NAMES.iter().find(|(name, _)| *name == lower) {
            Some((_, code)) => Ok(Self((*code).to_owned())),
            None => text.trim().parse(),
        }
    }
}

/// A text that names no known language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown language code: `{code}`{}", .suggestion.as_ref().map(|known| format!("; did you mean `{known}`?")).unwrap_or_default())]
pub struct UnknownLanguage {
    /// What was written, shortened.
    pub code: String,
    /// The code that was probably meant.
    pub suggestion: Option<&'static str>,
}

impl FromStr for LangCode {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        let (base, rest) =
            text.split_once(['-', '_']).map_or((text, None), |(base, rest)| (base, Some(rest)));
        let lower = base.to_ascii_lowercase();
        let alias = ALIASES.iter().find(|(alias, _)| *alias == lower).map(|(_, code)| *code);
        let known = alias.or_else(|| codes().find(|code| *code == lower));
        let region_is_one =
            |part: &str| (2..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric());
        match (known, rest) {
            (Some(code), None) => Ok(Self(code.to_owned())),
            (Some(code), Some(rest)) if rest.split(['-', '_']).all(region_is_one) => Ok(Self(
                rest.split(['-', '_'])
                    .map(subtag)
                    .filter(|part| !usual(code, part))
                    .fold(code.to_owned(), |whole, part| whole + "-" + &part),
            )),
            _ => {
                Err(UnknownLanguage { code: text.chars().take(20).collect(), suggestion: suggestion(&lower) })
            }
        }
    }
}

/// A script or region in its usual spelling: `Hant`, `BR`.
fn subtag(text: &str) -> String {
    match text.len() {
        2 => text.to_ascii_uppercase(),
        4 if text.chars().all(|c| c.is_ascii_alphabetic()) => {
            let (first, rest) = text.split_at(1);
            first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
        }
        _ => text.to_owned(),
    }
}

/// Whether `script` goes without saying in the language `code`.
fn usual(code: &str, script: &str) -> bool {
    let languages = USUAL_SCRIPTS.iter().find(|(known, _)| *known == script);
    languages.is_some_and(|(_, languages)| languages.split_whitespace().any(|known| known == code))
}

pub(super) fn codes() -> impl Iterator<Item = &'static str> {
    ISO_639_1.split_whitespace().chain(ISO_639_3.split_whitespace())
}

/// The code of a language name that looks like `text`, or a common code one letter away.
fn suggestion(text: &str) -> Option<&'static str> {
    let near = NAMES.iter().map(|(name, code)| (strsim::damerau_levenshtein(name, text), *code));
    if let Some((_, code)) = near.filter(|(distance, _)| *distance <= 2).min() {
        return Some(code);
    }
    if text.len() < 3 {
        return None;
    }
    let common = NAMES.iter().chain(ALIASES).filter(|(name, _)| name.len() <= 3 || name.len() > 4);
    common
        .map(|(name, code)| {
            (strsim::damerau_levenshtein(name, text).min(strsim::damerau_levenshtein(code, text)), *code)
        })
        .min()
        .filter(|(distance, _)| *distance <= 1)
        .map(|(_, code)| code)
}

impl fmt::Display for LangCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for LangCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for LangCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for LangCode {
    fn schema_name() -> Cow<'static, str> {
        "LangCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "An ISO 639 language code, such as `en`, `sw` or `pt-BR`.",
            "pattern": "^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_data_sets_are_read_as_the_usual_ones() {
        for (text, code) in
            [("en", "en"), ("EN", "en"), ("cn", "zh"), ("jpn", "ja"), ("sp", "es"), ("pt_BR", "pt-BR")]
        {
            assert_eq!(text.parse::<LangCode>().unwrap().as_str(), code);
        }
        assert_eq!("zh-Hant".parse::<LangCode>().unwrap().base(), "zh");
    }

    #[test]
    fn scripts_and_regions_have_one_spelling() {
        for (text, code) in [
            ("zh-hant", "zh-Hant"),
            ("ZH-CN", "zh-CN"),
            ("zho_Hans", "zh"),
            ("eng_Latn", "en"),
            ("arb_Arab", "ar"),
            ("srp_Latn", "sr-Latn"),
            ("zh_hant_tw", "zh-Hant-TW"),
        ] {
            assert_eq!(text.parse::<LangCode>().unwrap().as_str(), code, "{text}");
        }
        assert_eq!("PT-br".parse::<LangCode>().unwrap().to_base().as_str(), "pt");
    }

    #[test]
    fn languages_are_known_by_name() {
        for (name, code) in
            [("Deutsch", "de"), ("North Macedonian", "mk"), (" jp ", "ja"), ("DE-DE", "de-DE")]
        {
            assert_eq!(LangCode::named(name).unwrap().as_str(), code);
        }
        assert!(LangCode::named("Klingon").is_err());
    }

    #[test]
    fn every_alias_and_name_means_a_known_code() {
        assert!(ALIASES.len() + NAMES.len() > 40);
        for (_, code) in ALIASES.iter().chain(NAMES) {
            assert!(codes().any(|known| known == *code), "{code}");
        }
    }

    #[test]
    fn unknown_codes_are_refused_with_a_suggestion() {
        let message = |text: &str| text.parse::<LangCode>().unwrap_err().to_string();
        assert_eq!(message("swahilli"), "unknown language code: `swahilli`; did you mean `sw`?");
        assert_eq!(message("english"), "unknown language code: `english`; did you mean `en`?");
        assert!(message("xx").starts_with("unknown language code: `xx`"));
        for wrong in ["", "e", "e n", "en-", "en-!", "日本", "quux"] {
            assert!(wrong.parse::<LangCode>().is_err(), "{wrong}");
        }
    }
}

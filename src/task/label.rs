//! The words that stand before an explanation and an answer, per language (methods 1.3).

/// The labels of one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labels {
    /// The language code.
    pub lang: &'static str,
    /// Stands before the explanation.
    pub explanation: &'static str,
    /// Stands before the answer.
    pub answer: &'static str,
    /// Another spelling of the answer label that parsers accept after the first.
    pub answer_variant: Option<&'static str>,
    /// Stands before the question.
    pub question: &'static str,
}

/// CALM's labels of its six languages, in the order in which its code strips explanation labels.
pub static LABELS: &[Labels] = &[
    Labels {
        lang: "en",
        explanation: "Explanation:",
        answer: "Answer:",
        answer_variant: None,
        question: "Question:",
    },
    Labels {
        lang: "zh",
        explanation: "解释:",
        answer: "答案:",
        answer_variant: Some("答案："),
        question: "问题:",
    },
    Labels {
        lang: "fr",
        explanation: "Explication:",
        answer: "Réponse:",
        answer_variant: Some("Réponse :"),
        question: "Question:",
    },
    Labels {
        lang: "de",
        explanation: "Erklärung:",
        answer: "Antwort:",
        answer_variant: None,
        question: "Frage:",
    },
    Labels {
        lang: "it",
        explanation: "Spiegazione:",
        answer: "Risposta:",
        answer_variant: None,
        question: "Domanda:",
    },
    Labels {
        lang: "ja",
        explanation: "説明:",
        answer: "答え:",
        answer_variant: Some("答え："),
        question: "質問:",
    },
];

/// The labels of `lang` (script and region do not matter), if it has any.
pub fn labels(lang: &str) -> Option<&'static Labels> {
    let base = lang.split('-').next().unwrap_or(lang);
    LABELS.iter().find(|labels| labels.lang == base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_languages_have_labels() {
        assert_eq!(LABELS.len(), 6);
        assert_eq!(labels("zh-Hans").unwrap().answer, "答案:");
        assert!(labels("sw").is_none());
    }
}

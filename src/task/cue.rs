//! The words a prompt asks with: what stands before a question, and what it ends in so that an answer follows
//! (methods 3.5).

use super::label;

/// Question and answer cue per language. Languages of CALM have those of [`label::LABELS`].
const CUES: &[(&str, &str, &str)] = &[
    ("ar", "السؤال:", "الإجابة:"),
    ("bg", "Въпрос:", "Отговор:"),
    ("bn", "প্রশ্ন:", "উত্তর:"),
    ("ca", "Pregunta:", "Resposta:"),
    ("cs", "Otázka:", "Odpověď:"),
    ("cy", "Cwestiwn:", "Ateb:"),
    ("da", "Spørgsmål:", "Svar:"),
    ("el", "Ερώτηση:", "Απάντηση:"),
    ("es", "Pregunta:", "Respuesta:"),
    ("et", "Küsimus:", "Vastus:"),
    ("eu", "Galdera:", "Erantzuna:"),
    ("fa", "پرسش:", "پاسخ:"),
    ("fi", "Kysymys:", "Vastaus:"),
    ("he", "שאלה:", "תשובה:"),
    ("hi", "प्रश्न:", "उत्तर:"),
    ("hr", "Pitanje:", "Odgovor:"),
    ("hu", "Kérdés:", "Válasz:"),
    ("id", "Pertanyaan:", "Jawaban:"),
    ("ko", "질문:", "정답:"),
    ("lt", "Klausimas:", "Atsakymas:"),
    ("mk", "Прашање:", "Одговор:"),
    ("ms", "Soalan:", "Jawapan:"),
    ("nl", "Vraag:", "Antwoord:"),
    ("no", "Spørsmål:", "Svar:"),
    ("pl", "Pytanie:", "Odpowiedź:"),
    ("pt", "Pergunta:", "Resposta:"),
    ("ro", "Întrebare:", "Răspuns:"),
    ("ru", "Вопрос:", "Ответ:"),
    ("sq", "Pyetja:", "Përgjigja:"),
    ("sr", "Питање:", "Одговор:"),
    ("sv", "Fråga:", "Svar:"),
    ("sw", "Swali:", "Jibu:"),
    ("ta", "கேள்வி:", "பதில்:"),
    ("te", "ప్రశ్న:", "సమాధానం:"),
    ("th", "คำถาม:", "คำตอบ:"),
    ("tr", "Soru:", "Cevap:"),
    ("uk", "Питання:", "Відповідь:"),
    ("ur", "سوال:", "جواب:"),
    ("vi", "Câu hỏi:", "Trả lời:"),
    ("yo", "Ìbéèrè:", "Ìdáhùn:"),
];

/// What stands before a question in `lang` (script and region do not matter), if known.
pub fn question(lang: &str) -> Option<&'static str> {
    label::labels(lang).map(|labels| labels.question).or_else(|| of(lang).map(|(_, question, _)| *question))
}

/// What a prompt in `lang` ends in so that the answer follows, if known.
pub fn answer(lang: &str) -> Option<&'static str> {
    label::labels(lang).map(|labels| labels.answer).or_else(|| of(lang).map(|(_, _, answer)| *answer))
}

fn of(lang: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    let base = lang.split('-').next().unwrap_or(lang);
    CUES.iter().find(|(known, ..)| *known == base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_of_the_papers_has_cues() {
        // Methods 3.4 and 4.10, and CALM's six.
        let languages = "en ar bn de es fr hi id it ja ko pt sw yo zh nl pl ru vi ur hu he tr ca uk fa el th";
        for lang in languages.split(' ') {
            assert!(question(lang).is_some_and(|cue| cue.ends_with(':')), "{lang}");
            assert!(answer(lang).is_some_and(|cue| cue.ends_with(':')), "{lang}");
        }
        assert_eq!(answer("zh-Hant"), Some("答案:"));
        assert_eq!(answer("tlh"), None);
    }
}

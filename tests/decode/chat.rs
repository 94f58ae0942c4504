//! `sample` and `score` with the model's chat template.
#![expect(clippy::unwrap_used, reason = "tests")]

use chorale::artifact::row::{completion::Completion, ranking::Ranking};

use super::bench::{Bench, problems, questions};

const SAMPLE: &str =
    "model = \"model\"\nquestions = \"questions\"\nsamples = 2\nmax_new_tokens = 8\nseed = 4\n";
const RANK: &str = "model = \"model\"\nquestions = \"questions\"\n";
const TEMPLATE: &str = "{{ bos_token }}{% for m in messages %}{{ m.role ~ ': ' ~ m.content }}\n\
                        {% endfor %}{% if add_generation_prompt %}A:{% endif %}";

fn bench() -> Bench {
    let bench = Bench::new();
    bench.rows("questions", &questions());
    std::fs::write(bench.path("model/chat_template.jinja"), TEMPLATE).unwrap();
    bench
}

#[test]
fn a_model_is_asked_in_its_template_and_rows_keep_the_plain_prompt() {
    let bench = bench();
    let texts = |settings: &str, journal: &str| -> Vec<(String, String)> {
        bench.run("sample", &format!("{SAMPLE}{settings}"), journal).unwrap();
        let rows: Vec<Completion> = bench.read("completions");
        rows.into_iter().map(|row| (row.prompt, row.completion)).collect()
    };
    let chat = texts("chat = { system = \"Brief.\" }", "chat");
    let by_hand = texts("prompt = \"system: Brief.\\nuser: {question}\\nA:\"", "by-hand");
    let plain = texts("", "plain");
    assert_eq!(chat.len(), 16);
    for ((chat, by_hand), plain) in chat.iter().zip(&by_hand).zip(&plain) {
        assert_eq!(chat.1, by_hand.1, "the same tokens, the begin token once");
        assert_eq!(chat.0, plain.0);
    }
    assert_ne!(chat, plain);
}

#[test]
fn candidates_follow_the_template_as_they_are() {
    let bench = bench();
    let scores = |settings: &str, journal: &str| -> Vec<Vec<f32>> {
        bench.run("score", &format!("{RANK}{settings}"), journal).unwrap();
        bench.read::<Ranking>("rankings").into_iter().map(|row| row.scores).collect()
    };
    let chat = scores("chat = true", "chat");
    let mut asked = questions();
    for question in &mut asked {
        question.question = format!("user: {}\nA:", question.question);
    }
    bench.rows("questions", &asked);
    assert_eq!(chat, scores("joint = \"together\"", "by-hand"));
}

#[test]
fn a_model_without_a_template_says_so() {
    let bench = bench();
    std::fs::remove_file(bench.path("model/chat_template.jinja")).unwrap();
    let failure = bench.run("sample", &format!("{SAMPLE}chat = true"), "none").unwrap_err();
    assert!(failure.message.contains("has no chat template"), "{failure}");
    assert!(failure.hint.unwrap().contains("`chat`"));
    let settings = format!("{SAMPLE}chat = {{ template_kwargs = {{ messages = 1 }} }}");
    assert_eq!(problems("sample", &settings), ["chat.template_kwargs.messages"]);
}

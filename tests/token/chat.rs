//! Chat templates: what is rendered is what transformers renders, and templates are not trusted.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};

use chorale::{
    checkpoint::folder::ModelFiles,
    failure::Failure,
    token::chat::{Chat, ChatOptions, Ending, Message, Role, date::Date},
};
use serde_json::{Map, Value as Json, json};

pub(super) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden/chat").join(name)
}

pub(super) fn read(path: &Path) -> Json {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A model folder with a template and special tokens, and nothing else.
fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, ModelFiles) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let files = ModelFiles::in_folder(dir.path()).unwrap();
    (dir, files)
}

fn messages(conversation: &Json) -> Vec<Message<'_>> {
    let role = |name: &str| match name {
        "system" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        other => panic!("{other}"),
    };
    conversation
        .as_array()
        .unwrap()
        .iter()
        .map(|message| Message {
            role: role(message["role"].as_str().unwrap()),
            content: message["content"].as_str().unwrap(),
        })
        .collect()
}

#[test]
fn conversations_are_rendered_as_transformers_renders_them() {
    let shared = read(&golden("conversations.json"));
    let special = shared["special"].to_string();
    let mut compared = (0, 0);
    let mut families = 0;
    for entry in std::fs::read_dir(golden("")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "jinja") {
            continue;
        }
        families += 1;
        let template = std::fs::read_to_string(&path).unwrap();
        let (_dir, files) =
            folder(&[("chat_template.jinja", &template), ("tokenizer_config.json", &special)]);
        let expected = read(&path.with_extension("json"));
        for case in expected["cases"].as_array().unwrap() {
            let options = ChatOptions {
                date: Date::parse(expected["date"].as_str().unwrap()),
                variables: case["variables"].as_object().unwrap().clone(),
                ..ChatOptions::default()
            };
            let chat = Chat::open(&files, &options).unwrap();
            let conversation = &shared["conversations"][case["conversation"].as_u64().unwrap() as usize];
            let ending = if case["generation"] == true { Ending::Open } else { Ending::Closed };
            let rendered = chat.render(&messages(conversation), ending);
            let at = format!("{} {}", path.display(), case["conversation"]);
            if let Some(text) = case["text"].as_str() {
                assert_eq!(rendered.unwrap_or_else(|failure| panic!("{at}: {failure}")), text, "{at}");
                compared.0 += 1;
            } else {
                let failure = rendered.expect_err(&at);
                assert!(failure.message.contains("does not take the conversation"), "{at}: {failure}");
                compared.1 += 1;
            }
        }
    }
    assert!(families >= 12 && compared.0 >= 200 && compared.1 >= 20, "{families} {compared:?}");
}

fn open(files: &ModelFiles, options: &ChatOptions) -> Result<Chat, Failure> {
    Chat::open(files, options)
}

fn rendered(template: &str, options: &ChatOptions) -> Result<String, Failure> {
    let (_dir, files) = folder(&[("chat_template.jinja", template)]);
    open(&files, options)?.prompt("Why?")
}

#[test]
fn templates_are_found_where_transformers_finds_them() {
    let named = |name: &str| ChatOptions { template: Some(name.to_owned()), ..ChatOptions::default() };
    let list = json!({"chat_template": [
        {"name": "default", "template": "listed"},
        {"name": "rag", "template": "listed rag"},
    ]});
    let list = list.to_string();
    let (_dir, files) = folder(&[("tokenizer_config.json", &list)]);
    assert_eq!(open(&files, &ChatOptions::default()).unwrap().prompt("").unwrap(), "listed");
    assert_eq!(open(&files, &named("rag")).unwrap().prompt("").unwrap(), "listed rag");
    let failure = open(&files, &named("tools")).unwrap_err();
    assert!(failure.hint.unwrap().contains("`default`, `rag`"));

    let (_dir, files) = folder(&[("tokenizer_config.json", r#"{"chat_template": "a string"}"#)]);
    assert_eq!(open(&files, &ChatOptions::default()).unwrap().prompt("").unwrap(), "a string");

    // Files win over the configuration.
    let (_dir, files) = folder(&[
        ("tokenizer_config.json", &list),
        ("chat_template.jinja", "in a file\n"),
        ("additional_chat_templates/brief.jinja", "further"),
        ("additional_chat_templates/notes.txt", "no template"),
    ]);
    assert_eq!(open(&files, &ChatOptions::default()).unwrap().prompt("").unwrap(), "in a file");
    assert_eq!(open(&files, &named("brief")).unwrap().prompt("").unwrap(), "further");
    assert!(open(&files, &named("rag")).is_err());

    let (_dir, files) = folder(&[("tokenizer_config.json", "{}")]);
    let failure = open(&files, &ChatOptions::default()).unwrap_err();
    assert!(failure.message.contains("has no chat template"), "{failure}");
    for broken in [r#"{"chat_template": 3}"#, r#"{"chat_template": [{"name": "x"}]}"#] {
        let (_dir, files) = folder(&[("tokenizer_config.json", broken)]);
        assert!(open(&files, &ChatOptions::default()).unwrap_err().message.contains("neither a string"));
    }
}

#[test]
fn the_date_is_a_setting_and_never_today() {
    let asks = "{{ strftime_now('%d %B %Y') }}";
    let failure = rendered(asks, &ChatOptions::default()).unwrap_err();
    assert!(failure.hint.as_ref().unwrap().contains("chat.date"), "{failure:?}");
    let tests = "{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% else %}fallback{% endif %}";
    assert_eq!(rendered(tests, &ChatOptions::default()).unwrap(), "fallback");
    let dated = ChatOptions { date: Date::parse("2026-11-21"), ..ChatOptions::default() };
    assert_eq!(rendered(tests, &dated).unwrap(), "2026");
    assert_eq!(rendered(asks, &dated).unwrap(), "21 November 2026");
    let unknown = rendered("{{ strftime_now('%Q') }}", &dated).unwrap_err();
    assert!(unknown.message.contains("%Q"), "{unknown}");
}

#[test]
fn settings_give_system_message_and_variables() {
    let template = "{% for m in messages %}{{ m.role }}={{ m.content }};{% endfor %}{{ mood }}{{ bos_token }}{{ tools }}";
    let (_dir, files) = folder(&[
        ("chat_template.jinja", template),
        ("special_tokens_map.json", r#"{"bos_token": {"content": "<s>"}}"#),
    ]);
    let mut variables = Map::new();
    variables.insert("mood".to_owned(), json!("calm"));
    let options = ChatOptions { system: Some("Be brief.".to_owned()), variables, ..ChatOptions::default() };
    let chat = open(&files, &options).unwrap();
    let prompt = chat.prompt("Why?").unwrap();
    assert_eq!(prompt, "system=Be brief.;user=Why?;calm<s>None");
    // What comes after the messages changes with them, so that the prompt is no beginning of the conversation.
    assert_eq!(chat.answer(&prompt, "Why?", "So.").unwrap(), None);
}

#[test]
fn a_template_is_not_trusted() {
    let cases = [
        (
            "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
            "come to an end",
        ),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion"),
        ("{% for i in range(90000) %}{{ 'x' * 10000 }}{% endfor %}", "writes more than"),
        ("{{ 'x' * 1000000000 }}", "too large"),
        ("{% include '/etc/passwd' %}", "template not found"),
        ("{% import '/etc/passwd' as x %}", "template not found"),
        ("{% extends '/etc/passwd' %}", "template not found"),
        ("a\nb\n{% if %}", "line 3"),
        ("a\n\n\n{{ messages.nothing.further }}", "line 4"),
        ("{{ messages[0].content.encode() }}", "encode"),
        ("{{ raise_exception('no such role') }}", "no such role"),
        ("{{ messages.append(1) }}", "append"),
        (&"{% if true %}".repeat(5000), "line 1"),
        (&format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000)), "line 1"),
        (&"[".repeat(500), ""),
    ];
    for (template, expected) in cases {
        let shown: String = template.chars().take(60).collect();
        let result = rendered(template, &ChatOptions::default());
        if expected.is_empty() {
            assert!(result.is_ok());
            continue;
        }
        let failure = result.expect_err(&shown);
        assert!(failure.message.contains(expected), "{shown}: {failure}");
        assert!(failure.message.contains("`chat_template.jinja`"), "{shown}: {failure}");
    }
    let failure = rendered(&"x".repeat((1 << 20) + 1), &ChatOptions::default()).unwrap_err();
    assert!(failure.message.contains("longer than"), "{failure}");
}

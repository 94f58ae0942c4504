//! A key reaches the endpoint and nothing else: no file, no output, no message.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use serde_json::json;

use super::bench::{Bench, prompt_of, question, reply};
use crate::support::{
    server::{Reply, Server},
    workspace::{Ran, Workspace},
};

const KEY: &str = "sk-kept-to-itself-0123456789";

fn files_with_key(folder: &Path) -> (usize, Vec<String>) {
    let (mut count, mut found) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let (more, inside) = files_with_key(&path);
            count += more;
            found.extend(inside);
        } else {
            count += 1;
            let bytes = std::fs::read(&path).unwrap();
            if bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    (count, found)
}

#[test]
fn servers_that_quote_the_key_are_shown_without_it() {
    let server = Server::new(|asked| {
        let body = json!({"error": {"message": format!("bad key: {}", asked.headers["authorization"])}});
        Reply { body: body.to_string().into_bytes(), ..Reply::status(401) }
    });
    let bench = Bench::new(&server.address).with_key(KEY);
    bench.rows("questions", &[question("q", "en", "a")]);
    let settings = "model = \"endpoint\"\nquestions = \"questions\"\n";
    let failure = bench.run("sample", settings).unwrap_err();
    assert!(failure.message.contains("bad key: Bearer (hidden)"), "{failure}");
    assert!(failure.hint.as_ref().unwrap().contains("`THE_KEY` is not accepted"));
    assert!(!format!("{failure:?} {:?}", bench.access).contains(KEY));
    let mut bench = bench;
    bench.access.key = None;
    let failure = bench.run("sample", settings).unwrap_err();
    assert!(failure.message.contains("`THE_KEY` is not set"), "{failure}");
    assert_eq!(server.asked().len(), 1, "without its key nobody is asked");
}

fn recipe(url: &str) -> String {
    format!(
        "[recipe]\nname = \"keys\"\n\n[model.served]\nkind = \"endpoint\"\nurl = \"{url}/v1\"\nmodel = \"m\"\nkey_variable = \"SERVED_KEY\"\n\
         attempts = 2\nbackoff_seconds = 0.01\n\n[data.questions]\nrows = \"questions\"\nfile = \"questions.jsonl\"\n\n\
         [stage.samples]\nkind = \"sample\"\nmodel = \"served\"\nquestions = \"questions\"\nsamples = 2\n"
    )
}

fn run(workspace: &Workspace, key: Option<&str>) -> Ran {
    let mut command = workspace.command();
    // No library can be had: a recipe that only asks endpoints needs none.
    command.env("CHORALE_RUNTIME", workspace.path("no-library.so"));
    if let Some(key) = key {
        command.env("SERVED_KEY", key);
    }
    let ran = Ran::of(command.args(["run", "recipe.toml", "-v"]).output().unwrap());
    assert!(!ran.out.contains(KEY) && !ran.err.contains(KEY), "{ran:?}");
    ran
}

#[test]
fn a_key_is_in_no_file_and_no_output_and_a_moved_endpoint_is_not_asked_again() {
    let busy = Server::new(|asked| {
        let mut reply = reply(asked, &[format!("to {}", prompt_of(asked))]);
        if asked.headers["authorization"] != format!("Bearer {KEY}") {
            reply = Reply::status(401);
        } else if prompt_of(asked).contains('3') {
            reply = Reply { body: asked.headers["authorization"].clone().into_bytes(), ..Reply::status(500) };
        }
        reply
    });
    let workspace = Workspace::new();
    let rows: Vec<String> = (0..6)
        .map(|index| {
            json!({"id": format!("q{index}"), "lang": "en", "question": format!("what is {index}?")})
                .to_string()
        })
        .collect();
    workspace.write("questions.jsonl", &(rows.join("\n") + "\n"));
    workspace.write("recipe.toml", &recipe(&busy.address));
    let unset = run(&workspace, None);
    assert!(unset.code != 0 && unset.err.contains("`SERVED_KEY` is not set"), "{unset:?}");
    let failed = run(&workspace, Some(KEY));
    assert!(failed.code != 0 && failed.err.contains("it answers 500"), "{failed:?}");
    let answered = busy.asked().len();
    assert!(answered >= 4, "{answered}");

    // Somewhere else, healthy: only what is missing is asked there.
    let moved = Server::new(|asked| reply(asked, &[format!("to {}", prompt_of(asked))]));
    workspace.write("recipe.toml", &recipe(&moved.address));
    run(&workspace, Some(KEY)).exits(0);
    let rest = moved.asked().len();
    assert!((2..12).contains(&rest), "{rest}");
    assert!(moved.asked().iter().any(|asked| prompt_of(asked).contains('3')));

    workspace.write("recipe.toml", &recipe("http://127.0.0.1:9"));
    let cached = run(&workspace, None).exits(0);
    assert_eq!(moved.asked().len(), rest, "{cached:?}");
    let (count, found) = files_with_key(&workspace.path("."));
    assert!(count > 8, "only {count} files were looked at");
    assert!(found.is_empty(), "{found:?}");
}

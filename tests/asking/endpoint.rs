//! `sample` through an endpoint that misbehaves in every way: nothing is lost and nothing is asked twice.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests; time is measured")]

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chorale::{
    artifact::{
        ENDPOINT, MODEL,
        row::{completion::Completion, question::Question},
    },
    failure::Cause,
    stage::{contract::Load, kinds::KINDS},
};
use serde_json::{Value as Json, json};

use super::bench::{Bench, answering, parse, problems, prompt_of, question, reply};
use crate::support::server::{Asked, Reply, Server};

const SAMPLE: &str = "model = \"endpoint\"\nquestions = \"questions\"\nsamples = 2\ntemperature = 0.7\n";

fn questions(count: usize) -> Vec<Question> {
    (0..count).map(|index| question(&format!("q{index}"), "en", &format!("question {index}?"))).collect()
}

fn echo(asked: &Asked) -> Reply {
    reply(asked, &[format!("answer to {}", prompt_of(asked))])
}

/// How often each (prompt, seed) was asked.
fn counts(server: &Server) -> BTreeMap<(String, u64), usize> {
    let mut counts = BTreeMap::new();
    for asked in server.asked() {
        let body: Json = serde_json::from_slice(&asked.body).unwrap();
        *counts.entry((prompt_of(&asked), body["seed"].as_u64().unwrap())).or_default() += 1;
    }
    counts
}

fn assert_rows(bench: &Bench, count: usize) {
    let rows: Vec<Completion> = bench.read("completions");
    let got: Vec<(String, usize, String)> =
        rows.into_iter().map(|row| (row.id, row.sample, row.completion)).collect();
    let expected: Vec<(String, usize, String)> = (0..count)
        .flat_map(|index| {
            let text = format!("answer to question {index}?");
            (0..2).map(move |sample| (format!("q{index}"), sample, text.clone()))
        })
        .collect();
    assert_eq!(got, expected);
}

#[test]
fn answers_come_in_the_order_of_questions_and_samples_each_asked_once() {
    let server = Server::new(echo);
    let bench = Bench::new(&server.address);
    bench.rows("questions", &questions(9));
    bench.run("sample", SAMPLE).unwrap();
    assert_rows(&bench, 9);
    let counts = counts(&server);
    assert_eq!((counts.len(), counts.values().max()), (18, Some(&1)), "every sample has a seed of its own");
    assert!(server.asked().iter().all(|asked| asked.path == "/completions" && asked.method == "POST"));
    let rows: Vec<Completion> = bench.read("completions");
    assert_eq!((rows[0].finish.as_str(), rows[0].prompt.as_str()), ("length", "question 0?"));
    assert!(
        bench.notes().contains("`tiny` answered 18 requests (54 prompt tokens, 36 completion tokens)"),
        "{}",
        bench.notes()
    );
    bench.run("sample", SAMPLE).unwrap();
    assert_eq!(server.asked().len(), 18, "what is answered is never asked again");
}

#[test]
fn chat_sends_messages_and_settings_arrive_as_they_are_meant() {
    let server = Server::new(echo);
    let bench = Bench::new(&server.address);
    bench.describe(&json!({"dialect": "vllm", "body": {"priority": 3}}));
    bench.rows("questions", &[question("q", "en", "hi"), question("q", "sw", "jambo")]);
    let settings = "chat = { system = \"Be brief.\", template_kwargs = { enable_thinking = false } }\n\
        min_p = 0.1\nrepetition_penalty = 1.1\nstop = [\"END\"]\nmax_new_tokens = 9\ntemplates = { sw = \"Swali: {question}\" }\n";
    bench.run("sample", &format!("{SAMPLE}{settings}")).unwrap();
    let asked = server.asked();
    assert!(asked.iter().all(|asked| asked.path == "/chat/completions"));
    let swahili = asked.iter().find(|asked| prompt_of(asked) == "Swali: jambo").unwrap();
    let mut body: Json = serde_json::from_slice(&swahili.body).unwrap();
    body.as_object_mut().unwrap().remove("seed").unwrap();
    let expected = json!({"model": "tiny", "temperature": 0.7, "top_p": 1.0, "top_k": -1, "min_p": 0.1, "max_tokens": 9,
        "repetition_penalty": 1.1, "presence_penalty": 0.0, "frequency_penalty": 0.0, "stop": ["END"], "priority": 3,
        "chat_template_kwargs": {"enable_thinking": false},
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Swali: jambo"}]});
    assert_eq!(body, expected);
    let rows: Vec<Completion> = bench.read("completions");
    assert_eq!((rows[2].prompt.as_str(), rows[2].finish.as_str()), ("Swali: jambo", "end"));
    let date = format!("{SAMPLE}chat = {{ date = \"2026-11-21\" }}");
    bench.forget();
    assert!(bench.run("sample", &date).unwrap_err().message.contains("`chat.date`"));
}

/// Misbehaves once or twice for every request before it answers.
fn troubled(kinds: Vec<fn(&Asked) -> Reply>) -> Server {
    let seen: Mutex<BTreeMap<Vec<u8>, usize>> = Mutex::default();
    let next = AtomicUsize::new(0);
    Server::new(move |asked| {
        let earlier = {
            let mut seen = seen.lock().unwrap();
            let count = seen.entry(asked.body.clone()).or_default();
            *count += 1;
            *count - 1
        };
        if earlier < 2 {
            return kinds[next.fetch_add(1, Ordering::SeqCst) % kinds.len()](asked);
        }
        echo(asked)
    })
}

#[test]
fn passing_trouble_is_outlasted_and_counted() {
    let server = troubled(vec![
        |_| Reply::status(429).header("Retry-After", "0.05"),
        |_| Reply::status(500),
        |_| Reply { body: b"overloaded".to_vec(), ..Reply::status(503) },
        |_| Reply { body: b"<html>who are you?</html>".to_vec(), ..Reply::status(200) },
        |_| Reply { body: br#"{"choices": []}"#.to_vec(), ..Reply::status(200) },
        |asked| Reply { cut: Some(20), ..echo(asked) },
        |_| Reply { cut: Some(0), ..Reply::status(200) }.header("Content-Length", "70"),
        |asked| Reply { delay: Duration::from_millis(900), ..echo(asked) },
    ]);
    let mut bench = Bench::new(&server.address);
    bench.access.site.timeout_seconds = 0.4;
    bench.access.site.concurrency = 8;
    bench.rows("questions", &questions(12));
    bench.run("sample", SAMPLE).unwrap();
    assert_rows(&bench, 12);
    assert!(counts(&server).values().all(|count| *count == 3), "two troubles, one answer");
    let notes = bench.notes();
    for expected in [
        "it answers 429",
        "it answers 500",
        "it answers 503",
        "no JSON",
        "is empty",
        "broke",
        "no answer within 0.4 seconds",
    ] {
        assert!(notes.contains(expected), "{expected} in {notes}");
    }
}

#[test]
fn an_endpoint_that_is_gone_for_good_costs_nothing_that_was_answered() {
    let left = Arc::new(AtomicUsize::new(11));
    let answers = Arc::clone(&left);
    let server = Server::new(move |asked| {
        let some = answers.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if some.is_ok() { echo(asked) } else { Reply::status(502) }
    });
    let bench = Bench::new(&server.address);
    bench.rows("questions", &questions(10));
    let failure = bench.run("sample", SAMPLE).unwrap_err();
    assert_eq!(failure.cause, Cause::Input);
    assert!(failure.message.contains("in 4 attempts: it answers 502"), "{failure}");
    assert!(failure.hint.unwrap().contains("only the rest is asked for"));
    assert!(!bench.path("completions").exists());
    let kept = std::fs::read_to_string(bench.path("journal/answers.jsonl")).unwrap();
    assert_eq!(kept.lines().count(), 11, "every answer was kept");
    let before = server.asked().len();
    left.store(1000, Ordering::SeqCst);
    bench.run("sample", SAMPLE).unwrap();
    assert_rows(&bench, 10);
    assert_eq!(server.asked().len() - before, 20 - 11, "only the rest is asked for");
}

#[test]
fn nobody_at_the_address_is_trouble_that_says_so() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bench = Bench::new(&format!("http://{address}/v1"));
    bench.rows("questions", &questions(1));
    let failure = bench.run("sample", SAMPLE).unwrap_err();
    assert!(failure.message.contains("refuses connections"), "{failure}");
    let bench = Bench::new("http://no-such-host.invalid/v1");
    bench.rows("questions", &questions(1));
    let failure = bench.run("sample", SAMPLE).unwrap_err();
    assert!(failure.message.contains("no-such-host.invalid/v1 does not answer"), "{failure}");
}

#[test]
fn what_will_not_get_better_is_asked_once_and_explained() {
    let said = |message: &str, code: &str| {
        json!({"error": {"message": message, "code": code}}).to_string().into_bytes()
    };
    let cases = [
        (400, said("max_tokens is too large", ""), "answers 400: max_tokens is too large", "settings"),
        (401, Vec::new(), "refuses `q0/en`: it answers 401", "`key_variable`"),
        (403, Vec::new(), "answers 403", "may not use `tiny`"),
        (
            404,
            br#"{"detail": "Not Found"}"#.to_vec(),
            "404: Not Found",
            "/v1`; a model that only chats needs `chat = true`",
        ),
        (307, Vec::new(), "307", "new address"),
        (413, Vec::new(), "413", "too long"),
        (429, said("You exceeded your current quota", "insufficient_quota"), "quota", "quota is used up"),
    ];
    for (status, body, message, hint) in cases {
        let server = Server::new(move |_| {
            Reply { body: body.clone(), ..Reply::status(status) }.header("Location", "http://127.0.0.1:9/")
        });
        let mut bench = Bench::new(&server.address);
        bench.access.site.concurrency = 1;
        bench.rows("questions", &questions(5));
        let failure = bench.run("sample", SAMPLE).unwrap_err();
        assert!(failure.message.contains(message), "{status}: {failure}");
        assert!(failure.hint.as_ref().unwrap().contains(hint), "{status}: {failure:?}");
        assert_eq!(server.asked().len(), 1, "{status}");
    }
    let server = Server::new(|_| Reply::status(429).header("Retry-After", "86400"));
    let bench = Bench::new(&server.address);
    bench.rows("questions", &questions(1));
    assert!(bench.run("sample", SAMPLE).unwrap_err().message.contains("86400 seconds"));
}

#[test]
fn a_service_that_refuses_a_prompt_as_harmful_has_answered() {
    let server = Server::new(|_| {
        let body = json!({"error": {"message": "filtered", "code": "content_filter"}}).to_string();
        Reply { body: body.into_bytes(), ..Reply::status(400) }
    });
    let bench = Bench::new(&server.address);
    bench.rows("questions", &questions(1));
    bench.run("sample", SAMPLE).unwrap();
    let rows: Vec<Completion> = bench.read("completions");
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.completion.is_empty() && row.finish == "content_filter"));
}

#[test]
fn no_more_requests_are_in_flight_than_allowed_and_not_faster() {
    let server = Server::new(|asked| Reply { delay: Duration::from_millis(60), ..echo(asked) });
    let mut bench = Bench::new(&server.address);
    bench.access.site.concurrency = 3;
    bench.rows("questions", &questions(8));
    bench.run("sample", SAMPLE).unwrap();
    assert_rows(&bench, 8);
    assert_eq!(server.most_at_once(), 3);

    let server = Server::new(echo);
    let mut bench = Bench::new(&server.address);
    bench.access.site.requests_per_minute = Some(1200.0);
    bench.rows("questions", &questions(5));
    let began = Instant::now();
    bench.run("sample", SAMPLE).unwrap();
    // Ten requests, nine gaps of 50 ms.
    assert!(began.elapsed() >= Duration::from_millis(450), "{:?}", began.elapsed());
}

#[test]
fn stopping_does_not_wait_for_a_server_that_hangs() {
    let server = Server::new(|asked| Reply { delay: Duration::from_mins(1), ..echo(asked) });
    let mut bench = Bench::new(&server.address);
    bench.access.site.timeout_seconds = 100.0;
    bench.rows("questions", &questions(3));
    let began = Instant::now();
    let failure = std::thread::scope(|scope| {
        let stage = scope.spawn(|| bench.run("sample", SAMPLE).unwrap_err());
        std::thread::sleep(Duration::from_millis(200));
        bench.cancelled.store(true, Ordering::SeqCst);
        stage.join().unwrap()
    });
    assert_eq!(failure.cause, Cause::Cancelled);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn several_samples_of_a_request_are_several_samples() {
    // A server that gives two at most, however many are asked for.
    let server = Server::new(|asked| {
        let body: Json = serde_json::from_slice(&asked.body).unwrap();
        let count = body["n"].as_u64().unwrap_or(1).min(2);
        reply(asked, &(0..count).map(|index| format!("{} of {count}", index + 1)).collect::<Vec<_>>())
    });
    let bench = Bench::new(&server.address);
    bench.describe(&json!({"samples_per_request": 3}));
    bench.rows("questions", &questions(1));
    bench.run("sample", &SAMPLE.replace("samples = 2", "samples = 4")).unwrap();
    let rows: Vec<Completion> = bench.read("completions");
    let texts: Vec<&str> = rows.iter().map(|row| row.completion.as_str()).collect();
    assert_eq!(texts, ["1 of 2", "2 of 2", "1 of 1", "1 of 1"]);
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let server = Server::new(|_| Reply { body: vec![b' '; 17 << 20], ..Reply::status(200) });
    let mut bench = Bench::new(&server.address);
    bench.access.site.concurrency = 1;
    bench.rows("questions", &questions(1));
    let failure = bench.run("sample", SAMPLE).unwrap_err();
    assert!(failure.message.contains("more than 16777216 bytes"), "{failure}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn settings_of_an_endpoint_that_make_no_sense_are_problems_of_their_fields() {
    let base = "model = \"m\"\n";
    for (setting, field) in [
        ("url = \"localhost:8000\"", "url"),
        ("url = \"ftp://x\"", "url"),
        ("url = \"http://\"", "url"),
        ("url = \"http://user:secret@x/v1\"", "url"),
        ("url = \"https://x/v1?key=secret\"", "url"),
        ("url = \"http://x/v1/chat/completions/\"", "url"),
        ("url = \"http://x/v1 \"", "url"),
    ] {
        assert_eq!(problems("endpoint", &format!("{base}{setting}")), [field], "{setting}");
    }
    let base = "url = \"http://x/v1\"\nmodel = \"m\"\n";
    assert_eq!(problems("endpoint", base), [""; 0]);
    for (setting, field) in [
        ("key_variable = \"sk-1234\"", "key_variable"),
        ("key_variable = \"\"", "key_variable"),
        ("concurrency = 0", "concurrency"),
        ("attempts = 0", "attempts"),
        ("samples_per_request = 0", "samples_per_request"),
        ("requests_per_minute = 0.0", "requests_per_minute"),
        ("timeout_seconds = nan", "timeout_seconds"),
        ("backoff_seconds = -1.0", "backoff_seconds"),
        ("body = { stream = true }", "body.stream"),
    ] {
        assert_eq!(problems("endpoint", &format!("{base}{setting}")), [field], "{setting}");
    }
    assert_eq!(problems("endpoint", "url = \"http://x\"\nmodel = \" \""), ["model"]);
}

#[test]
fn a_server_is_asked_for_the_texts_it_should_continue() {
    let server = answering(str::to_uppercase);
    let bench = Bench::new(&format!("{}/v1", server.address));
    bench.rows("questions", &[question("q", "en", "a")]);
    bench.run("sample", SAMPLE).unwrap();
    assert_eq!(server.asked()[0].path, "/v1/completions");
    assert_eq!(bench.read::<Completion>("completions")[0].completion, "A");
}

#[test]
fn a_model_of_the_recipe_and_an_endpoint_write_the_same_rows() {
    let local = Bench::local();
    local.rows("questions", &questions(3));
    local.run("sample", &format!("{SAMPLE}max_new_tokens = 6\nchat = false\n")).unwrap();
    let rows: Vec<Completion> = local.read("completions");
    let texts: BTreeMap<(String, u64), String> =
        rows.iter().map(|row| ((row.prompt.clone(), row.sample as u64), row.completion.clone())).collect();
    let order = Mutex::new(BTreeMap::<String, u64>::new());
    // A server that says what the model said.
    let server = Server::new(move |asked| {
        let prompt = prompt_of(asked);
        let mut order = order.lock().unwrap();
        let sample = order.entry(prompt.clone()).or_default();
        let text = texts[&(prompt, *sample)].clone();
        *sample += 1;
        reply(asked, &[text])
    });
    let mut remote = Bench::new(&server.address);
    remote.access.site.concurrency = 1;
    remote.rows("questions", &questions(3));
    remote.run("sample", &format!("{SAMPLE}max_new_tokens = 6\n")).unwrap();
    let same: Vec<Completion> = remote.read("completions");
    let unfinished = |rows: Vec<Completion>| {
        rows.into_iter().map(|row| Completion { finish: String::new(), ..row }).collect::<Vec<_>>()
    };
    assert_eq!(unfinished(same), unfinished(rows));
}

#[test]
fn what_changes_answers_is_in_the_key_and_where_they_come_from_is_not() {
    let all = "url = \"http://x/v1\"\nmodel = \"m\"\nlabel = \"a\"\ndialect = \"vllm\"\nlength_field = \"max_tokens\"\n\
        samples_per_request = 2\nsend_seed = false\nbody = { a = 1 }\nkey_variable = \"K\"\nconcurrency = 3\n\
        requests_per_minute = 5.0\ntimeout_seconds = 6.0\nattempts = 7\nbackoff_seconds = 8.0\n";
    let settings = parse("endpoint", all).settings();
    let names: Vec<&str> = settings.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["body", "dialect", "label", "length_field", "model", "samples_per_request", "send_seed"];
    assert_eq!(names.iter().filter(|name| !expected.contains(*name)).count(), 0, "{names:?}");
    assert_eq!(names.len(), expected.len());
    let site = parse("endpoint", all).site().unwrap();
    assert_eq!(
        (site.url.as_str(), site.key_variable.as_deref(), site.attempts),
        ("http://x/v1", Some("K"), 7)
    );
}

#[test]
fn stages_that_ask_endpoints_wait_beside_others_and_need_no_runtime() {
    let mut asking = 0;
    for entry in KINDS {
        let (load, runtime) = (entry.load(&[ENDPOINT]), entry.uses_runtime(&[ENDPOINT]));
        if ["sample", "translate", "judge"].contains(&entry.name) {
            asking += 1;
            assert_eq!((load, runtime), (Load::Light, false), "{}", entry.name);
            assert_eq!(entry.load(&[MODEL]), Load::Heavy, "{}", entry.name);
            assert!(entry.uses_runtime(&[MODEL]) && entry.uses_runtime(&[MODEL, ENDPOINT]), "{}", entry.name);
        }
    }
    assert_eq!(asking, 3);
}

#[test]
fn a_pause_that_a_server_asks_for_holds_for_all_requests() {
    let arrivals = Arc::new(Mutex::new(Vec::<Instant>::new()));
    let log = Arc::clone(&arrivals);
    let server = Server::new(move |asked| {
        let first = {
            let mut log = log.lock().unwrap();
            log.push(Instant::now());
            log.len() == 1
        };
        let busy = Reply::status(429).header("Retry-After", "0.6");
        if first { busy } else { Reply { delay: Duration::from_millis(20), ..echo(asked) } }
    });
    let bench = Bench::new(&server.address);
    bench.rows("questions", &questions(20));
    bench.run("sample", SAMPLE).unwrap();
    assert_rows(&bench, 20);
    let arrivals = arrivals.lock().unwrap();
    assert_eq!(arrivals.len(), 41);
    // Those that were on their way have a quarter of a second to arrive; the others wait for the end of the pause.
    let pause = Duration::from_millis(250)..Duration::from_millis(550);
    let inside = arrivals.iter().filter(|time| pause.contains(&time.duration_since(arrivals[0])));
    assert_eq!(inside.count(), 0);
    assert!(arrivals[40].duration_since(arrivals[0]) > Duration::from_millis(550));
}

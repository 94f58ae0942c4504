//! A recipe that needs no model: recorded samples in three languages, voted, paired, evaluated and reported.

use crate::support::workspace::Workspace;

pub(super) const RECIPE: &str = r#"[recipe]
name = "toy"
description = "Three countries, three languages, samples from a file."

[params]
min_votes = 1

[data.questions]
rows = "questions"
file = "questions.jsonl"

[data.samples]
rows = "completions"
file = "samples.jsonl"

[stage.votes]
kind = "vote"
questions = "questions"
completions = "samples"
languages = ["en", "de", "sw"]
min_votes = "${params.min_votes}"

[stage.pairs]
kind = "pairs"
questions = "questions"
votes = "votes"

[stage.numbers]
kind = "evaluate"
questions = "questions"
completions = "samples"

[stage.page]
kind = "report"
title = "Toy"
votes = "votes"
questions = "questions"

[stage.page.metrics]
samples = "numbers"
"#;

/// A workspace with the recipe and its data.
pub(super) fn workspace() -> Workspace {
    let workspace = Workspace::new();
    workspace.write("toy.toml", RECIPE);
    let (mut questions, mut samples) = (String::new(), String::new());
    let facts = [
        ("FR", ["Paris", "Paris", "Paris"]),
        ("EG", ["Cairo", "Kairo", "Kairo"]),
        ("JP", ["Tokyo", "Tokio", "Tokyo"]),
    ];
    for (question, (id, _)) in facts.iter().enumerate() {
        for (language, lang) in ["en", "de", "sw"].iter().enumerate() {
            let choices: Vec<String> =
                facts.iter().map(|(_, names)| format!(" {}", names[language])).collect();
            let prompt = format!("capital of {id} ({lang}):");
            let row = serde_json::json!({
                "id": format!("capital:{id}"), "lang": lang, "question": prompt, "choices": choices,
                "answer": question, "choice_ids": ["FR", "EG", "JP"], "split": "trained", "group": "capital",
            });
            questions += &row.to_string();
            questions.push('\n');
            // Swahili is wrong about the last one.
            let said = if *lang == "sw" && question == 2 { &choices[0] } else { &choices[question] };
            let row = serde_json::json!({
                "id": format!("capital:{id}"), "lang": lang, "sample": 0, "prompt": prompt, "completion": said,
            });
            samples += &row.to_string();
            samples.push('\n');
        }
    }
    workspace.write("questions.jsonl", &questions);
    workspace.write("samples.jsonl", &samples);
    workspace
}

#[test]
fn a_run_ends_with_its_numbers_and_its_report() {
    let workspace = workspace();
    let ran = workspace.run("run toy.toml").exits(0);
    for stage in ["questions", "samples", "votes", "pairs", "numbers", "page"] {
        assert!(ran.err.contains(&format!("  finished {stage}")), "{stage} in\n{}", ran.err);
    }
    assert!(ran.err.contains("6 ran"), "{}", ran.err);
    assert!(ran.out.contains("Toy (percent)") && ran.out.contains("accuracy"), "{}", ran.out);
    let page = ran.out.lines().find_map(|line| line.strip_prefix("report: ")).unwrap();
    let page = workspace.read(page);
    assert!(page.contains("capital of JP (de):") && page.contains("</html>"));
    assert_eq!(std::fs::read_dir(workspace.path("cache/runs")).unwrap().count(), 1);
}

#[test]
fn the_same_command_again_finds_everything_cached() {
    let workspace = workspace();
    let first = workspace.run("run toy.toml").exits(0);
    let again = workspace.run("run toy.toml").exits(0);
    assert!(again.err.contains("6 cached") && !again.err.contains("finished votes"), "{}", again.err);
    assert_eq!(again.out, first.out, "the same numbers and the same report");
    assert_eq!(std::fs::read_dir(workspace.path("cache/runs")).unwrap().count(), 1);
}

#[test]
fn a_changed_setting_reruns_what_depends_on_it_and_says_why() {
    let workspace = workspace();
    workspace.run("run toy.toml").exits(0);
    workspace.write("toy.toml", &RECIPE.replace("min_votes = 1", "min_votes = 2"));
    let ran = workspace.run("run toy.toml").exits(0);
    let told = ran.err.lines().find(|line| line.contains("reruns votes")).unwrap_or_default();
    assert!(told.contains("min_votes: 1 -> 2 (toy.toml:21)"), "{}", ran.err);
    assert!(ran.err.contains("1 ran, 5 cached"), "the votes are the same, so nothing follows:\n{}", ran.err);

    let set = workspace.run("run toy.toml --only votes --set params.min_votes=3").exits(0);
    assert!(set.err.contains("min_votes: 2 -> 3"), "{}", set.err);
}

#[test]
fn explain_says_before_what_a_run_would_do() {
    let workspace = workspace();
    let before = workspace.run("explain toy.toml").exits(0);
    assert!(before.out.contains("not known until `questions` and `samples` has run"), "{}", before.out);
    workspace.run("run toy.toml").exits(0);
    let after = workspace.run("explain toy.toml --json").exits(0).json();
    let forecasts: Vec<&str> =
        after.as_array().unwrap().iter().map(|one| one["forecast"].as_str().unwrap()).collect();
    assert_eq!(forecasts, ["cached"; 6]);
    let changed = workspace.run("explain toy.toml votes --set params.min_votes=2").exits(0);
    assert!(
        changed.out.contains("runs votes") && changed.out.contains("min_votes: 1 -> 2"),
        "{}",
        changed.out
    );
    let key = workspace.run("explain toy.toml votes").exits(0);
    assert!(key.out.contains("settings.min_votes = 1") && key.out.contains("kind = vote"), "{}", key.out);
}

#[test]
fn a_failing_stage_shows_place_cause_and_hint_and_blocks_what_needs_it() {
    let workspace = workspace();
    let mut samples = workspace.read("samples.jsonl");
    samples.push_str("{\"id\": \"capital:FR\", \"lang\":\n");
    workspace.write("samples.jsonl", &samples);
    let ran = workspace.run("run toy.toml").exits(3);
    assert!(ran.err.contains("failed samples"), "{}", ran.err);
    assert!(ran.err.contains("toy.toml:12"), "the place of the stage:\n{}", ran.err);
    assert!(ran.err.contains("samples.jsonl:10"), "the place of the mistake:\n{}", ran.err);
    assert!(ran.err.contains("blocked votes") && ran.err.contains("needs `samples`"), "{}", ran.err);
    assert!(ran.err.contains("finished questions"), "the rest goes on:\n{}", ran.err);
    let page = ran.out.lines().find_map(|line| line.strip_prefix("report: ")).unwrap();
    assert!(workspace.read(page).contains("samples.jsonl:10"), "the report tells of the failure");
}

#[test]
fn json_is_for_scripts_and_parses() {
    let workspace = workspace();
    assert_eq!(workspace.run("check toy.toml --json").exits(0).json()["ok"], true);
    assert_eq!(workspace.run("plan toy.toml --json").exits(0).json()["nodes"].as_array().unwrap().len(), 6);
    let run = workspace.run("run toy.toml --json").exits(0).json();
    assert_eq!(run["status"], "succeeded");
    assert_eq!(run["stages"].as_array().unwrap().len(), 6);
    assert!(run["headline"][0]["rows"].as_array().unwrap().len() > 1, "{run:#}");
    assert!(std::path::Path::new(&workspace.path(run["report"].as_str().unwrap())).is_file());
    assert_eq!(workspace.run("report --json").exits(0).json()["record"]["recipe"], "toy");
    let listed = workspace.run("cache ls --json").exits(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 6);
    assert_eq!(listed[0]["latest_of"].as_array().unwrap().len(), 1, "{listed:#}");
    assert_eq!(workspace.run("cache verify --json").exits(0).json()["damage"].as_array().unwrap().len(), 0);
    workspace.run("runtime status --json").exits(0).json();
}

#[test]
fn a_damaged_object_is_found_said_and_computed_again() {
    let workspace = workspace();
    workspace.run("run toy.toml").exits(0);
    let listed = workspace.run("cache ls --json").exits(0).json();
    let votes = listed.as_array().unwrap().iter().find(|work| work["kind"] == "vote").unwrap();
    let digest = votes["outputs"]["votes"]["digest"].as_str().unwrap().to_owned();
    let object =
        workspace.path(&format!("cache/objects/{}/{}", digest.get(..2).unwrap(), digest.get(2..).unwrap()));
    let mut permissions = std::fs::metadata(&object).unwrap().permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "a temporary file")]
    permissions.set_readonly(false);
    std::fs::set_permissions(&object, permissions).unwrap();
    std::fs::write(&object, "{}").unwrap();
    let verified = workspace.run("cache verify").exits(4);
    assert!(verified.out.contains("damaged"), "{}", verified.out);
    let ran = workspace.run("run toy.toml").exits(0);
    assert!(ran.err.contains("reruns votes") && ran.err.contains("damaged:"), "{}", ran.err);
    workspace.run("cache verify").exits(0);
}

#[test]
fn only_runs_a_part_of_the_recipe() {
    let workspace = workspace();
    let ran = workspace.run("run toy.toml --only votes").exits(0);
    assert!(ran.err.contains("3 ran") && !ran.err.contains("pairs  "), "{}", ran.err);
    workspace.run("run toy.toml --only vots").exits(2);
}

#[test]
fn a_report_can_be_written_again_by_the_beginning_of_its_name() {
    let workspace = workspace();
    let first = workspace.run("run toy.toml").exits(0);
    let page = first.out.lines().find_map(|line| line.strip_prefix("report: ")).unwrap().to_owned();
    let text = workspace.read(&page);
    std::fs::remove_file(workspace.path(&page)).unwrap();
    let again = workspace.run("report 20").exits(0);
    assert!(again.out.contains(&page), "{}", again.out);
    assert_eq!(workspace.read(&page), text);
    let unknown = workspace.run("report 1999").exits(3);
    assert!(unknown.err.contains("hint: the last run is"), "{}", unknown.err);
}

//! `chorale why`: a pair of the last run is traced to what it was made from.

use super::toy::workspace;

#[test]
fn a_pair_is_traced_to_its_vote_its_samples_and_its_question() {
    let workspace = workspace();
    workspace.run("run toy.toml").exits(0);
    let told = workspace.run("why capital:JP/sw/0").exits(0).out;
    for line in [
        "pair capital:JP/sw/0 of stage pairs",
        "  language  sw",
        "  margin    0.333",
        "  prompt    capital of JP (sw):",
        "votes of stage votes",
        "  JP  2 of 3 votes  said in de sample 0   Tokio",
        "  FR  sw            sample 0              Paris",
        "completions of stage samples",
        "questions of stage questions",
    ] {
        assert!(told.contains(line), "{line}\nin\n{told}");
    }
    assert!(!told.contains("capital of FR"), "rows of other questions stay out:\n{told}");
    // The last run of a recipe, by the recipe.
    assert_eq!(workspace.run("why capital:JP/sw/0 toy.toml").exits(0).out, told);
    let json = workspace.run("why capital:JP/sw/0 --json").exits(0).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["pairs"][0]["rejected"], " Paris");
    let kinds: Vec<&str> =
        json["steps"].as_array().unwrap().iter().map(|step| step["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["questions", "completions", "votes"]);
    let vote = &json["steps"][2]["rows"][0];
    assert_eq!((vote["answer"].as_str(), vote["ballots"].as_array().unwrap().len()), (Some("JP"), 3));
    // The pair's language and the winner's.
    let languages = json["steps"][1]["rows"].as_array().unwrap().iter();
    assert_eq!(languages.map(|row| row["lang"].as_str().unwrap()).collect::<Vec<_>>(), ["de", "sw"]);
}

#[test]
fn a_pair_or_run_that_is_not_there_is_named_with_what_is() {
    let workspace = workspace();
    let none = workspace.run("why capital:JP/sw/0").exits(3);
    assert!(none.err.contains("there is no run in"), "{}", none.err);
    let never = workspace.run("why capital:JP/sw/0 toy.toml").exits(3);
    assert!(never.err.contains("`toy.toml` has not been run"));
    workspace.run("run toy.toml").exits(0);
    let wrong = workspace.run("why capital:XX/sw/0").exits(3);
    assert!(wrong.err.contains("is called `capital:XX/sw/0`"), "{}", wrong.err);
    assert!(wrong.err.contains("ids look like `capital:JP/sw/0`"), "{}", wrong.err);
}

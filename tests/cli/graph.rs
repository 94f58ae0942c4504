//! `chorale graph check` and `contract`: what another tool's training graph must keep, and what it breaks.

use crate::support::workspace::Workspace;

fn fixture() -> String {
    format!("{}/tests/fixtures/golden/foreign/decoder.onnx", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_good_graph_is_said_to_be_good() {
    let workspace = Workspace::new();
    let ran = workspace.run(&format!("graph check {} --objective lm", fixture())).exits(0);
    assert!(ran.out.ends_with("decoder.onnx: keeps the contract\n"), "{}", ran.out);
}

#[test]
fn a_graph_that_an_objective_cannot_use_is_listed_problem_by_problem() {
    let workspace = Workspace::new();
    let ran = workspace.run(&format!("graph check {} --objective dpo", fixture())).exits(3);
    assert_eq!(ran.out.lines().count(), 2, "{}", ran.out);
    assert!(ran.err.contains("breaks the contract in 2 places"), "{}", ran.err);
    let ran = workspace.run(&format!("graph check {} --objective ppo", fixture())).exits(2);
    assert!(ran.err.contains("known objectives: lm, sft, dpo"), "{}", ran.err);
}

#[test]
fn the_contract_names_what_the_checker_knows() {
    let workspace = Workspace::new();
    let contract = workspace.run("graph contract").exits(0).out;
    for name in
        ["tokens", "units", "trainable.NAME", "frozen.NAME", "gradient.NAME", "ROLE.members", "dropout"]
    {
        assert!(contract.contains(&format!("\n  {name} ")), "{name}");
    }
    assert!(contract.lines().all(|line| line.len() <= 100));
    workspace.write("not.onnx", "text");
    workspace.run("graph check not.onnx").exits(3);
    assert!(!std::fs::exists("not.onnx").unwrap());
}

//! Wrong usage, exit codes, colours and silence.

use crate::support::workspace::Workspace;

#[test]
fn wrong_usage_exits_with_2_and_names_what_is_near() {
    let workspace = Workspace::new();
    for (arguments, hint) in [
        ("chek recipe.toml", "check"),
        ("run", "<RECIPE>"),
        ("run x.toml --sett params.a=1", "--set"),
        ("run x.toml --color sometimes", "never"),
        ("run x.toml --threads 0", "1..=1024"),
        ("run x.toml --quiet --verbose", "cannot be used with"),
        ("cache", "verify"),
        ("completions tcsh", "bash"),
    ] {
        let ran = workspace.run(arguments).exits(2);
        assert!(ran.err.contains(hint) && ran.out.is_empty(), "`{arguments}`: {}", ran.err);
    }
}

#[test]
fn a_wrong_recipe_exits_with_2_and_nothing_runs() {
    let workspace = Workspace::new();
    workspace.write(
        "bad.toml",
        "[recipe]\nname = \"bad\"\n[stage.a]\nkind = \"vot\"\n[stage.b]\nkind = \"pars\"\n",
    );
    for verb in ["check", "plan", "run", "explain"] {
        let ran = workspace.run(&format!("{verb} bad.toml")).exits(2);
        assert!(ran.err.contains("bad.toml:4:8") && ran.err.contains("bad.toml:6:8"), "{verb}: {}", ran.err);
        assert!(ran.err.contains("`vote`") && ran.err.contains("`pairs`"), "{verb}: {}", ran.err);
    }
    assert!(!workspace.path("cache").exists(), "nothing was written");
    let json = workspace.run("check bad.toml --json").exits(2).json();
    assert_eq!((json["ok"].clone(), json["problems"].as_array().unwrap().len()), (false.into(), 2));
    workspace.run("run missing.toml").exits(2);
}

#[test]
fn a_device_that_is_none_is_a_mistake_of_the_command_line() {
    let workspace = super::toy::workspace();
    let ran = workspace.run("run toy.toml --device gpu").exits(2);
    assert!(ran.err.contains("`gpu`") && ran.err.contains("cuda:N"), "{}", ran.err);
}

#[test]
fn the_store_has_its_own_exit_code() {
    let workspace = super::toy::workspace();
    workspace.run("cache ls").exits(4);
    workspace.write("cache/FORMAT", "999\n");
    let ran = workspace.run("run toy.toml").exits(4);
    assert!(ran.err.contains("999") && ran.err.contains("hint:"), "{}", ran.err);
    workspace.write("file", "");
    workspace.run("run toy.toml --cache file").exits(4);
}

#[test]
fn output_that_is_piped_has_no_colours_unless_asked_for() {
    let workspace = super::toy::workspace();
    let plain = workspace.run("run toy.toml").exits(0);
    assert!(!plain.err.contains('\u{1b}') && !plain.out.contains('\u{1b}'), "{}", plain.err);
    let colored = workspace.run("run toy.toml --color always").exits(0);
    assert!(colored.err.contains('\u{1b}') && colored.out.contains('\u{1b}'), "{}", colored.err);
    let never = workspace.run("run toy.toml --color never").exits(0);
    assert!(!never.err.contains('\u{1b}'), "{}", never.err);
}

#[test]
fn quiet_says_nothing_but_the_result() {
    let workspace = super::toy::workspace();
    let ran = workspace.run("run toy.toml --quiet").exits(0);
    assert_eq!(ran.err, "");
    assert!(ran.out.contains("report: "));
}

#[test]
fn the_cache_folder_comes_from_option_or_environment() {
    let workspace = super::toy::workspace();
    workspace.run("run toy.toml --cache elsewhere --quiet").exits(0);
    assert!(workspace.path("elsewhere/FORMAT").is_file() && !workspace.path("cache").exists());
    let output =
        workspace.command().args(["cache", "ls"]).env("CHORALE_CACHE", "elsewhere").output().unwrap();
    assert!(output.status.success());
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let workspace = Workspace::new();
    let mut child = workspace
        .command()
        .args(["completions", "bash"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty());
}

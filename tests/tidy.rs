//! Architecture rules as tests: budgets, module docs, who may use whom, and where `unsafe` and `ort` may stand.
//!
//! Text scans only: they need no build of the crate and run in milliseconds.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Lines a file may have, without its tests.
const FILE_BUDGET: usize = 400;

/// Who may use whom: the complete list of `crate::` targets of each module. A module may always use itself, and any
/// may use the values of layer 0.
const LAYERS: &[(&str, &[&str])] = &[
    ("digest", &[]),
    ("failure", &[]),
    ("random", &[]),
    ("secret", &[]),
    ("tensor", &[]),
    ("diagnostic", &[]),
    ("artifact", &[]),
    ("hub", &[]),
    ("endpoint", &[]),
    ("recipe", &["diagnostic"]),
    ("checkpoint", &["artifact"]),
    ("token", &["checkpoint"]),
    ("graph", &[]),
    ("runtime", &[]),
    ("cache", &["artifact", "stage::contract", "stage::port"]),
    ("task", &["artifact"]),
    ("align", &["artifact", "task"]),
    ("model", &["graph", "checkpoint"]),
    ("stage", &["artifact", "hub", "endpoint", "recipe", "runtime"]),
    ("plan", &["recipe", "diagnostic", "artifact", "stage::contract", "stage::port"]),
    ("decode", &["model", "graph", "runtime", "token", "checkpoint"]),
    ("train", &["model", "graph", "runtime", "token", "checkpoint", "artifact"]),
    (
        "engine",
        &[
            "plan",
            "cache",
            "artifact",
            "stage::contract",
            "stage::context",
            "stage::port",
            "runtime",
            "endpoint",
        ],
    ),
    (
        "stage::kinds",
        &[
            "stage",
            "artifact",
            "hub",
            "endpoint",
            "task",
            "align",
            "token",
            "checkpoint",
            "model",
            "graph",
            "runtime",
            "decode",
            "train",
            "report::content",
        ],
    ),
    ("report", &["engine", "cache", "plan", "artifact", "align"]),
    (
        "cli",
        &[
            "recipe",
            "plan",
            "hub",
            "cache",
            "engine",
            "report",
            "artifact",
            "diagnostic",
            "stage",
            "runtime",
            "align",
            "train",
        ],
    ),
];

/// Values that everything is written in.
const LAYER_0: &[&str] = &["digest", "failure", "random", "secret", "tensor"];

/// Macros live at the root of the crate; this says whose they are.
const MACROS: &[(&str, &str)] = &[("dims", "graph")];

/// The files in which `unsafe` may stand.
const UNSAFE_FILES: &[&str] = &["src/checkpoint/map.rs", "src/runtime/bind.rs"];

/// Names that say nothing.
const EMPTY_NAMES: &[&str] =
    &["utils", "util", "helpers", "helper", "common", "misc", "imp", "shared", "stuff"];

struct SourceFile {
    path: String,
    text: String,
}

impl SourceFile {
    /// The lines before the first `#[cfg(test)]`.
    fn code(&self) -> impl Iterator<Item = &str> {
        self.text.lines().take_while(|line| line.trim() != "#[cfg(test)]")
    }

    /// The module path below the crate: `stage::kinds::vote`.
    fn module(&self) -> String {
        let inside = self.path.strip_prefix("src/").unwrap().trim_end_matches(".rs").trim_end_matches("/mod");
        inside.replace('/', "::")
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &str, extension: &str) -> Vec<SourceFile> {
    let mut folders: Vec<PathBuf> = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let shown = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                files.push(SourceFile { path: shown, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn source() -> Vec<SourceFile> {
    let files = files_below("src", "rs");
    assert!(files.len() >= 60, "only {} files were found: the scan looks in the wrong place", files.len());
    files
}

fn report(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn files_stay_within_their_budget() {
    let breaches: Vec<String> = source()
        .iter()
        .map(|file| (file, file.code().count()))
        .filter(|(_, lines)| *lines > FILE_BUDGET)
        .map(|(file, lines)| {
            format!("{}: {lines} lines, {FILE_BUDGET} are the budget: split it by noun", file.path)
        })
        .collect();
    report(&breaches);
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let mut files = source();
    files.extend(files_below("tests", "rs"));
    let breaches: Vec<String> = files
        .iter()
        .filter(|file| {
            !file.text.lines().next().is_some_and(|line| line.starts_with("//! ") && line.len() > 12)
        })
        .map(|file| format!("{}: the first line is no module doc (`//! ...`)", file.path))
        .collect();
    report(&breaches);
}

/// The rule that holds for a module: the longest entry of [`LAYERS`] that its path begins with.
fn rule(module: &str) -> Option<&'static (&'static str, &'static [&'static str])> {
    LAYERS.iter().filter(|(name, _)| within(module, name)).max_by_key(|(name, _)| name.len())
}

fn within(path: &str, module: &str) -> bool {
    path == module || path.strip_prefix(module).is_some_and(|rest| rest.starts_with("::"))
}

/// The paths below `crate::` that a file names, braces expanded to depth one: `crate::a::{b, c::d}` -> `a::b`, `a::c::d`.
fn uses(file: &SourceFile) -> BTreeSet<String> {
    let code: String =
        file.code().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for (start, _) in code.match_indices("crate::") {
        collect(code.get(start + "crate::".len()..).unwrap(), "", &mut found);
    }
    found
}

fn collect(text: &str, prefix: &str, found: &mut BTreeSet<String>) {
    let path: String = text.chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect();
    let rest = text.get(path.len()..).unwrap();
    let full = format!("{prefix}{path}");
    if !rest.starts_with('{') {
        let owner = MACROS.iter().find(|(name, _)| *name == full).map_or(full.as_str(), |(_, module)| module);
        found.insert(owner.trim_end_matches(':').to_owned());
        return;
    }
    for item in members(rest) {
        collect(item.trim(), &full, found);
    }
}

/// The comma-separated items between the brace that `text` begins with and its partner.
fn members(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0_usize, 1, Vec::new());
    for (index, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if (depth == 1 && character == ',') || depth == 0 {
            items.push(text.get(start..index).unwrap());
            start = index + 1;
        }
        if depth == 0 {
            break;
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

#[test]
fn modules_use_only_what_their_layer_may() {
    let (mut breaches, mut edges) = (Vec::new(), 0);
    for file in source() {
        let module = file.module();
        if module == "lib" || module == "main" {
            continue;
        }
        let Some((layer, allowed)) = rule(&module) else {
            breaches.push(format!("{}: module `{module}` stands in no layer", file.path));
            continue;
        };
        for used in uses(&file) {
            edges += 1;
            let own = within(&used, layer) && rule(&used).is_some_and(|found| found.0 == *layer);
            let fine = own
                || LAYER_0.iter().any(|name| within(&used, name))
                || allowed
                    .iter()
                    .any(|name| within(&used, name) && (*name == "stage" || !within(&used, "stage::kinds")));
            let kinds_from_cli = *layer == "cli" && used == "stage::kinds::KINDS";
            if !fine || (within(&used, "stage::kinds") && !own && !kinds_from_cli) {
                breaches.push(format!("{}: `{layer}` may not use `{used}`", file.path));
            }
        }
    }
    assert!(edges >= 100, "only {edges} uses were found: the scan sees nothing");
    report(&breaches);
}

#[test]
fn the_table_of_layers_has_no_cycle() {
    let table: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut done: BTreeSet<&str> = LAYER_0.iter().copied().collect();
    let mut rounds = 0;
    while done.len() < table.len() {
        let ready: Vec<&str> = table
            .iter()
            .filter(|(name, _)| !done.contains(*name))
            .filter(|(_, uses)| {
                uses.iter().all(|used| {
                    let top = used.split("::").next().unwrap();
                    // The contract, the ports and the report's content are values without a layer of their own.
                    done.contains(top) || *used == "report::content" || used.starts_with("stage::")
                })
            })
            .map(|(name, _)| *name)
            .collect();
        assert!(!ready.is_empty(), "a cycle among {:?}", table.keys().filter(|name| !done.contains(*name)));
        done.extend(ready);
        rounds += 1;
    }
    assert!(rounds >= 3);
}

#[test]
fn unsafe_stands_in_two_files_only() {
    for file in source() {
        let stands = file.text.lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl")
        });
        assert!(!stands || UNSAFE_FILES.contains(&file.path.as_str()), "unsafe code in {}", file.path);
        assert!(
            !stands || file.text.contains("SAFETY:"),
            "{}: unsafe code without a SAFETY comment",
            file.path
        );
    }
}

#[test]
fn only_the_runtime_names_ort() {
    let mut named = 0;
    for file in source() {
        let names = file.code().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            code.contains("ort::")
                && !code.contains("sort::")
                && !code.contains("port::")
                && !code.contains("abort::")
                || code.trim_start().starts_with("use ort")
        });
        if names {
            named += 1;
            assert!(file.path.starts_with("src/runtime/"), "{} names `ort`", file.path);
        }
    }
    assert!(named >= 1, "`ort` was found nowhere: the scan sees nothing");
}

#[test]
fn only_the_edge_prints_or_reads_the_environment() {
    for file in source() {
        for line in file.code() {
            let code = line.split("//").next().unwrap_or_default();
            let edge = file.path.starts_with("src/cli/");
            let breach = ["println!(", "eprintln!(", "io::stdout()", "io::stderr()", "env::args", "env::var"]
                .iter()
                .find(|word| code.contains(*word));
            assert!(edge || breach.is_none(), "{}: {}", file.path, line.trim());
        }
    }
}

#[test]
fn no_module_has_an_empty_name() {
    let mut folders = 0;
    for file in source() {
        for part in file.module().split("::") {
            folders += 1;
            assert!(!EMPTY_NAMES.contains(&part), "{}: `{part}` says nothing about what is in it", file.path);
        }
    }
    assert!(folders >= 100);
}

#[test]
fn nothing_is_left_for_later() {
    let words =
        ["TO".to_owned() + "DO", "FIX".to_owned() + "ME", "XX".to_owned() + "X:", "for".to_owned() + " now"];
    let mut files = source();
    files.extend(files_below("tests", "rs"));
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            let found = words.iter().find(|word| line.contains(word.as_str()));
            assert!(found.is_none(), "{}:{}: `{}`", file.path, number + 1, line.trim());
        }
        let ignored = format!("#[{}]", "ignore");
        assert!(!file.text.contains(&ignored), "{} ignores a test", file.path);
    }
}

#[test]
fn no_test_is_left_out_of_the_binary() {
    let listed = fs::read_to_string(root().join("tests/main.rs")).unwrap();
    let mut modules = 0;
    for file in files_below("tests", "rs") {
        let Some((folder, _)) = file.path.strip_prefix("tests/").unwrap().split_once('/') else { continue };
        if folder == "bench" || folder == "golden" {
            continue;
        }
        modules += 1;
        assert!(listed.contains(&format!("mod {folder};")), "tests/{folder} is not in tests/main.rs");
    }
    assert!(modules >= 8, "{modules} test files");
}

#[test]
fn the_top_level_is_fixed() {
    let known = [
        "Cargo.toml",
        "Cargo.lock",
        "LICENSE",
        "NOTICE",
        "README.md",
        "cache",
        "recipes",
        "schemas",
        "src",
        "target",
        "tests",
    ];
    let mut seen = 0;
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        seen += usize::from(known.contains(&name.as_str()));
        assert!(name.starts_with('.') || known.contains(&name.as_str()), "`{name}` at the top level");
    }
    assert!(seen >= 6);
}

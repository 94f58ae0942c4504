//! Loads a recipe for a command: the plan, or everything that is wrong with it, shown.

use std::{collections::BTreeMap, path::Path, sync::OnceLock};

use super::{args::RecipeArgs, console::Console, exit::Exit, stop::Stop};
use crate::{
    cache::StaleReason,
    diagnostic::{self, Diagnostic, Paint, Place},
    plan::{self, Plan},
    recipe::{self, OVERRIDE, Sources, settings},
    stage::kinds::KINDS,
};

/// Loads a plan. What is wrong with the recipe goes to standard error, and so do warnings.
pub fn load(args: &RecipeArgs, console: &Console) -> Result<Plan, Stop> {
    let plan =
        plan::load(&args.recipe, &args.set, KINDS).map_err(|problems| rejected(&problems, *console))?;
    show(&plan.warnings, console);
    Ok(plan)
}

/// Restricts a plan to the nodes called `names` and what they need; all of it when there are no names.
pub fn select(plan: Plan, names: &[String], console: &Console) -> Result<Plan, Stop> {
    if names.is_empty() {
        return Ok(plan);
    }
    plan.select(names).map_err(|problems| rejected(&problems, *console))
}

fn rejected(problems: &[Diagnostic], console: Console) -> Stop {
    show(problems, &console);
    let errors = problems.iter().filter(|problem| problem.severity == diagnostic::Severity::Error).count();
    if errors > 1 {
        console.say(format!("{errors} mistakes; nothing ran"));
    }
    Stop::Told(Exit::Recipe)
}

/// Shows diagnostics on standard error.
pub fn show(diagnostics: &[Diagnostic], console: &Console) {
    if !diagnostics.is_empty() {
        let paint = if console.err.on { Paint::Coloured } else { Paint::Plain };
        console.complain(diagnostic::render(diagnostics, paint));
    }
}

/// Finds places in a recipe for messages: (node, setting) to `file:line`. The text is read again at the first
/// question, because most runs never ask.
pub fn locator(args: &RecipeArgs) -> impl Fn(&str, Option<&str>) -> Option<String> + Send + use<> {
    let (path, set) = (args.recipe.clone(), args.set.clone());
    let found: OnceLock<Option<Places>> = OnceLock::new();
    move |node, setting| {
        let places = found.get_or_init(|| Places::read(&path, &set)).as_ref()?;
        places.find(node, setting)
    }
}

/// A reason with the place of the setting it names: `beta: 0.1 -> 0.2 (recipes/quickstart.toml:88)`.
pub fn reason_with_place(
    stage: &str,
    reason: &StaleReason,
    locate: &dyn Fn(&str, Option<&str>) -> Option<String>,
) -> String {
    let setting = match reason {
        StaleReason::Setting { name, .. } => Some(name),
        StaleReason::File { field, .. } => Some(field),
        _ => None,
    };
    match setting.and_then(|name| locate(stage, Some(name))) {
        Some(place) => format!("{reason} ({place})"),
        None => reason.to_string(),
    }
}

/// Lines of a recipe's nodes and of their settings.
struct Places {
    sources: Sources,
    /// Place of each node's header.
    nodes: BTreeMap<String, String>,
}

impl Places {
    fn read(path: &Path, set: &[String]) -> Option<Self> {
        let sources = Sources::read(path, set).ok()?;
        let recipe = recipe::parse(&sources).ok()?;
        let at = |node: &recipe::Node<'_>| in_words(&sources.place(&node.name.span()));
        let nodes = recipe.nodes.iter().map(|node| (node.name.get_ref().clone(), at(node))).collect();
        drop(recipe);
        Some(Self { sources, nodes })
    }

    fn find(&self, node: &str, setting: Option<&str>) -> Option<String> {
        let Some(setting) = setting else {
            return self.nodes.get(node).cloned();
        };
        let recipe = recipe::parse(&self.sources).ok()?;
        let node = recipe.nodes.iter().find(|one| one.name.get_ref() == node)?;
        let span = settings::value_span(node.settings.get_ref(), setting)?;
        Some(in_words(&self.sources.place(&span)))
    }
}

/// `file:line`; a value that the command line gave has no line worth telling.
fn in_words(place: &Place) -> String {
    let path = &place.source.path;
    if path == Path::new(OVERRIDE) {
        OVERRIDE.to_owned()
    } else {
        format!("{}:{}", path.display(), place.start().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_found_by_line_and_overrides_by_their_option() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.toml");
        std::fs::write(
            &path,
            "[recipe]\nname = \"r\"\n\n[stage.dpo]\nkind = \"train\"\nbeta = 0.1\nlora = { rank = 8 }\n",
        )
        .unwrap();
        let find = locator(&RecipeArgs { recipe: path.clone(), set: vec!["stage.dpo.beta=0.2".into()] });
        let at = |line: usize| Some(format!("{}:{line}", path.display()));
        assert_eq!(find("dpo", None), at(4));
        assert_eq!(find("dpo", Some("lora.rank")), at(7));
        assert_eq!(find("dpo", Some("beta")), Some("--set".into()));
        assert_eq!(find("dpo", Some("absent")), None);
        assert_eq!(find("nobody", None), None);
    }
}

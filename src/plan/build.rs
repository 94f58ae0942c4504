//! The second pass: settings get their types, references become edges, and all problems are reported at once.

use std::sync::Arc;

use super::{Plan, order, settings, wire};
use crate::{
    diagnostic::{Diagnostic, Severity},
    recipe::{self, Recipe},
    stage::{
        contract::{Entry, Stage},
        port::Ports,
    },
};

/// A node of the recipe on its way into the plan.
pub(super) struct Draft<'r, 'i> {
    /// The node as written.
    pub(super) node: &'r recipe::Node<'i>,
    /// Its stage and ports; absent if its settings could not be read.
    pub(super) stage: Option<(Arc<dyn Stage>, Ports)>,
}

/// Plans a recipe. Returns everything that is wrong with it, and its warnings too, sorted by position.
pub fn build(recipe: &Recipe<'_>, kinds: &'static [Entry]) -> Result<Plan, Vec<Diagnostic>> {
    let mut problems = recipe.problems.clone();
    let is_error = |problem: &Diagnostic| problem.severity == Severity::Error;
    if recipe.nodes.is_empty() && !problems.iter().any(is_error) {
        let problem = Diagnostic::error("the recipe has nothing to run");
        let hint = "add a section `[stage.NAME]` with a `kind`";
        problems.push(problem.at(recipe.sources.place(&(0..0))).hint(hint));
    }
    let mut drafts = Vec::new();
    for node in &recipe.nodes {
        let stage = settings::read(recipe, node, kinds, &mut problems);
        let stage = stage.map(|stage| {
            let ports = stage.ports();
            (stage, ports)
        });
        drafts.push(Draft { node, stage });
    }
    let wiring = wire::wire(recipe, &drafts, &mut problems);
    order::reject_cycles(recipe, &drafts, &wiring, &mut problems);
    recipe.sources.sort(&mut problems);
    if problems.iter().any(is_error) {
        return Err(problems);
    }
    let (nodes, edges) = order::arrange(recipe, drafts, wiring);
    let (name, description) = (recipe.name.clone(), recipe.description.clone());
    Ok(Plan { name, description, warnings: problems, nodes, edges })
}

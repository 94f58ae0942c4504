//! Puts the models that a recipe takes from a hub into their places, and keeps the recipe's lock file.

use std::{path::Path, sync::atomic::AtomicBool};

use crate::{
    failure::Failure,
    hub::{
        Hub, Listener, Model, Settings,
        lock::{self, Lock},
    },
    plan::Plan,
};

/// The models of a plan: index of the node, setting, model.
fn models(plan: &Plan) -> Vec<(usize, String, Model)> {
    let ports = plan.nodes().iter().enumerate().flat_map(|(index, node)| {
        node.ports.files.iter().filter_map(move |file| Some((index, file.field.clone(), file.hub.clone()?)))
    });
    ports.collect()
}

/// Makes sure that all models of the plan are there; fetches what is missing and writes the lock file beside `recipe`.
pub fn fetch(
    plan: &mut Plan,
    recipe: &Path,
    settings: &Settings,
    listener: &Listener,
    cancelled: &AtomicBool,
) -> Result<(), Failure> {
    let models = models(plan);
    if models.is_empty() {
        return Ok(());
    }
    let path = lock::path_of(recipe);
    let mut lock = Lock::read(&path)?;
    let hub = Hub::new(settings.clone(), listener.clone(), cancelled);
    for (node, field, model) in models {
        let (locked, folder) = hub.fetch(&model, lock.find(&model))?;
        lock.insert(locked);
        plan.place(node, &field, folder);
        lock.write(&path)?;
    }
    Ok(())
}

/// The same as far as it goes without looking at a file or the network: models that are locked get the place they have once
/// they are there.
pub fn locate(plan: &mut Plan, recipe: &Path, settings: &Settings) -> Result<(), Failure> {
    let models = models(plan);
    if models.is_empty() {
        return Ok(());
    }
    let lock = Lock::read(&lock::path_of(recipe))?;
    for (node, field, model) in models {
        if let Some(locked) = lock.find(&model) {
            plan.place(node, &field, Hub::view(&settings.views, locked));
        }
    }
    Ok(())
}

//! Where a model keeps its chat templates.
//!
//! As in transformers: the files `chat_template.jinja` and `additional_chat_templates/NAME.jinja` if there are any, else the
//! field `chat_template` of `tokenizer_config.json`, one template or a list of named ones.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value as Json;

use crate::{
    checkpoint::{
        config,
        folder::{ModelFiles, TEMPLATES},
    },
    failure::{Cause, Failure},
};

/// The file with the template that is used unless another is named.
pub const FILE: &str = "chat_template.jinja";
/// The template that is used unless another is named.
const DEFAULT: &str = "default";
const CONFIG: &str = "tokenizer_config.json";
/// No template is longer, in bytes.
const LONGEST: usize = 1 << 20;

/// The text of a template and how messages call it.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) text: String,
    pub(super) shown: String,
}

/// The template `name` of a model, or its default one.
pub(super) fn find(files: &ModelFiles, name: Option<&str>) -> Result<Source, Failure> {
    let mut templates = in_files(files)?;
    if templates.is_empty() {
        templates = in_config(files)?;
    }
    if templates.is_empty() {
        return Err(Failure::input(format!(
            "the model has no chat template: neither `{FILE}` nor `chat_template` in `{CONFIG}`"
        ))
        .hint("leave `chat` out for a model that was not trained on conversations, or put the template's file into the model's folder"));
    }
    let wanted = name.unwrap_or(DEFAULT);
    let known: Vec<String> = templates.keys().map(|name| format!("`{name}`")).collect();
    let found = templates.remove(wanted);
    let source = found.ok_or_else(|| {
        Failure::input(format!("the model has no chat template `{wanted}`"))
            .hint(format!("`chat.template` can be {}", known.join(", ")))
    })?;
    if source.text.len() > LONGEST {
        return Err(Failure::input(format!("{} is longer than {LONGEST} bytes", source.shown)));
    }
    Ok(source)
}

fn in_files(files: &ModelFiles) -> Result<BTreeMap<String, Source>, Failure> {
    let mut templates = BTreeMap::new();
    for (name, path) in files.all() {
        let further = || name.strip_prefix(TEMPLATES)?.strip_prefix('/')?.strip_suffix(".jinja");
        let template = if name == FILE { Some(DEFAULT) } else { further() };
        if let Some(template) = template {
            templates.insert(template.to_owned(), Source { text: read(path)?, shown: format!("`{name}`") });
        }
    }
    Ok(templates)
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |error: &std::io::Error| Failure::io(Cause::Input, "read", path, error);
    let bytes = std::fs::metadata(path).map_err(|error| failed(&error))?.len();
    if bytes > LONGEST as u64 {
        return Err(Failure::input(format!("`{}` is longer than {LONGEST} bytes", path.display())));
    }
    std::fs::read_to_string(path).map_err(|error| failed(&error))
}

fn in_config(files: &ModelFiles) -> Result<BTreeMap<String, Source>, Failure> {
    let Some(path) = files.get(CONFIG) else { return Ok(BTreeMap::new()) };
    let fields = config::read(path)?;
    let source = |text: &str, shown: String| Source { text: text.to_owned(), shown };
    match fields.get("chat_template") {
        None | Some(Json::Null) => Ok(BTreeMap::new()),
        Some(Json::String(text)) => {
            let shown = format!("`chat_template` in `{CONFIG}`");
            Ok(BTreeMap::from([(DEFAULT.to_owned(), source(text, shown))]))
        }
        Some(Json::Array(list)) => list
            .iter()
            .map(|entry| {
                let text = |field: &str| entry.get(field).and_then(Json::as_str);
                let (Some(name), Some(template)) = (text("name"), text("template")) else {
                    return Err(broken());
                };
                let shown = format!("chat template `{name}` in `{CONFIG}`");
                Ok((name.to_owned(), source(template, shown)))
            })
            .collect(),
        Some(_) => Err(broken()),
    }
}

fn broken() -> Failure {
    Failure::input(format!(
        "`chat_template` in `{CONFIG}` is neither a string nor a list of objects with `name` and `template`"
    ))
}

//! The JSON Schema of recipes, made from the table of kinds.
//!
//! Editors that know `#:schema` lines complete and check recipes with it. Every kind's settings come from the same types
//! that read them, with their docs as descriptions; each is told apart by its `kind`. Wherever a typed value is
//! expected, a string that uses a parameter is admitted too.
//!
//! The dialect is draft 07, which the TOML extensions of editors know.

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    recipe::{NAME_PATTERN, Section},
    stage::contract::Entry,
};

/// Where `$ref`s find the admitted uses of parameters.
const PARAMETER: &str = "Parameter";

/// The schema of a recipe whose nodes are of `kinds`.
pub fn recipe(kinds: &'static [Entry]) -> Value {
    let mut generator = SchemaSettings::draft07().into_generator();
    let mut settings = Vec::new();
    for entry in kinds {
        settings.push((entry, settings_of(entry, &mut generator)));
    }
    let mut definitions = generator.take_definitions(true);
    for (entry, mut schema) in settings {
        if let Some(name) = definition_name(&schema) {
            // The definition is only reached through the kind, which adds `kind` to it.
            schema = definitions.remove(&name).unwrap_or(schema);
        }
        definitions.insert(entry.name.to_owned(), schema);
    }
    definitions.values_mut().for_each(admit_parameters);
    for entry in kinds {
        if let Some(schema) = definitions.get_mut(entry.name) {
            add_kind(entry, schema);
            describe(entry, schema);
        }
    }
    definitions.insert(PARAMETER.to_owned(), parameter());
    let mut properties = Map::new();
    properties.insert("recipe".to_owned(), header());
    properties.insert("params".to_owned(), parameters());
    let mut whole = Map::new();
    for section in Section::ALL {
        properties.insert(section.name().to_owned(), json!({ "type": "object" }));
        whole.insert(section.name().to_owned(), nodes(section, kinds));
    }
    whole.insert("recipe".to_owned(), json!({ "not": { "required": ["extends"] } }));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "chorale recipe",
        "type": "object",
        "properties": properties,
        "required": ["recipe"],
        "additionalProperties": false,
        // What a recipe changes of another one is not a whole node.
        "anyOf": [
            { "properties": whole },
            { "properties": { "recipe": { "required": ["extends"] } } },
        ],
        "definitions": definitions,
    })
}

/// [`recipe`] as the text of a file.
pub fn recipe_text(kinds: &'static [Entry]) -> String {
    format!("{:#}\n", recipe(kinds))
}

fn settings_of(entry: &Entry, generator: &mut SchemaGenerator) -> Value {
    entry.schema(generator).to_value()
}

/// The name behind `{"$ref": "#/definitions/NAME"}`.
fn definition_name(schema: &Value) -> Option<String> {
    let name = schema.get("$ref")?.as_str()?.strip_prefix("#/definitions/")?;
    Some(name.to_owned())
}

fn header() -> Value {
    json!({
        "type": "object",
        "description": "What the recipe is.",
        "properties": {
            "name": {
                "type": "string",
                "description": "The recipe's name, in reports and records.",
                "pattern": NAME_PATTERN,
            },
            "description": { "type": "string", "description": "What the recipe shows." },
            "extends": {
                "type": "string",
                "description": "The recipe that this one is with changes, a path from this file. Tables are merged, all else is replaced.",
            },
            "drop": {
                "type": "array",
                "items": { "type": "string" },
                "description": "What is left out of the recipe that this one extends: `stage.NAME`, `params.NAME`, `stage.NAME.setting`.",
            },
        },
        "required": ["name"],
        "additionalProperties": false,
    })
}

fn parameters() -> Value {
    json!({
        "type": "object",
        "description": "Values that settings use as \"${params.NAME}\"; `--set params.NAME=VALUE` replaces them.",
        "propertyNames": { "pattern": NAME_PATTERN },
    })
}

fn parameter() -> Value {
    json!({
        "type": "string",
        "description": "A parameter: \"${params.NAME}\".",
        "pattern": "\\$\\{\\s*params\\.[A-Za-z0-9_-]+\\s*\\}",
    })
}

fn nodes(section: Section, kinds: &[Entry]) -> Value {
    let about = match section {
        Section::Data => "Rows from outside: `[data.NAME]`.",
        Section::Model => "Models to begin with: `[model.NAME]`.",
        Section::Stage => "Everything that is done: `[stage.NAME]`.",
    };
    let of_section = kinds.iter().filter(|entry| entry.section == section);
    let refs: Vec<Value> =
        of_section.map(|entry| json!({ "$ref": format!("#/definitions/{}", entry.name) })).collect();
    let node = if refs.is_empty() { json!(false) } else { json!({ "oneOf": refs }) };
    json!({
        "type": "object",
        "description": about,
        "propertyNames": { "pattern": NAME_PATTERN },
        "additionalProperties": node,
    })
}

/// Adds the property `kind`, in every variant if the settings have several shapes.
fn add_kind(entry: &Entry, schema: &mut Value) {
    for shapes in ["oneOf", "anyOf"] {
        if let Some(shapes) = schema.get_mut(shapes).and_then(Value::as_array_mut) {
            for shape in shapes {
                add_kind(entry, shape);
            }
            return;
        }
    }
    let Some(object) = schema.as_object_mut() else { return };
    let properties = object.entry("properties").or_insert_with(|| json!({}));
    if let Some(properties) = properties.as_object_mut() {
        properties.insert("kind".to_owned(), json!({ "const": entry.name, "description": entry.about }));
    }
    if entry.section.default_kind() != Some(entry.name) {
        let required = object.entry("required").or_insert_with(|| json!([]));
        if let Some(required) = required.as_array_mut() {
            required.insert(0, json!("kind"));
        }
    }
}

fn describe(entry: &Entry, schema: &mut Value) {
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".to_owned(), json!(entry.name));
        object.entry("description").or_insert_with(|| json!(entry.about));
    }
}

/// Admits a use of a parameter wherever a value has a narrower type than a string.
fn admit_parameters(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    for shapes in ["oneOf", "anyOf", "allOf"] {
        let members = object.get_mut(shapes).and_then(Value::as_array_mut);
        members.into_iter().flatten().for_each(admit_parameters);
    }
    for named in ["properties", "patternProperties"] {
        let properties = object.get_mut(named).and_then(Value::as_object_mut);
        for property in properties.into_iter().flat_map(Map::values_mut) {
            admit_parameters(property);
            admit_parameter_here(property);
        }
    }
    for inner in ["items", "additionalProperties"] {
        let members = match object.get_mut(inner) {
            Some(Value::Array(members)) => members.as_mut_slice(),
            Some(one) => std::slice::from_mut(one),
            None => &mut [],
        };
        for member in members {
            admit_parameters(member);
            admit_parameter_here(member);
        }
    }
}

fn admit_parameter_here(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    forget_null(object);
    let narrowed = ["pattern", "enum", "const", "minLength", "format"];
    let any_string = object.get("type").is_some_and(|kind| kind == "string")
        && !narrowed.iter().any(|keyword| object.contains_key(*keyword));
    if any_string || object.is_empty() {
        return;
    }
    let mut outer = Map::new();
    for annotation in ["description", "default", "title"] {
        if let Some(value) = object.remove(annotation) {
            outer.insert(annotation.to_owned(), value);
        }
    }
    let mut choices = choices(std::mem::take(object));
    choices.push(json!({ "$ref": format!("#/definitions/{PARAMETER}") }));
    outer.insert("anyOf".to_owned(), Value::Array(choices));
    *object = outer;
}

/// The alternatives that a schema without annotations stands for.
fn choices(mut object: Map<String, Value>) -> Vec<Value> {
    if object.len() == 1 {
        if let Some(Value::Array(members)) = object.get_mut("anyOf") {
            return std::mem::take(members);
        }
        if let Some(Value::Array(members)) = object.get_mut("allOf")
            && members.len() == 1
        {
            return std::mem::take(members);
        }
    }
    vec![Value::Object(object)]
}

/// Takes away what means "or nothing": TOML has no null, a setting is left out instead.
fn forget_null(object: &mut Map<String, Value>) {
    object.remove("writeOnly");
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    let is_null = |schema: &Value| schema.get("type").is_some_and(|kind| kind == "null");
    if let Some(members) = object.get_mut("anyOf").and_then(Value::as_array_mut) {
        members.retain(|member| !is_null(member));
    }
    if let Some(values) = object.get_mut("enum").and_then(Value::as_array_mut) {
        values.retain(|value| !value.is_null());
    }
    if let Some(kinds) = object.get_mut("type") {
        let named = kinds.as_array().into_iter().flatten().filter(|kind| *kind != "null");
        if let [kind] = named.cloned().collect::<Vec<Value>>().as_slice() {
            *kinds = kind.clone();
        }
    }
}

//! The JSON Schema of recipes.

use std::path::Path;

use chorale::{plan::schema, stage};
use toml::{Spanned, de::DeTable};

use super::shipped_recipes::shipped;
use crate::support::{golden::assert_golden, kinds};

#[test]
fn the_committed_schema_is_that_of_the_kinds() {
    assert_golden(Path::new("schemas/recipe.json"), &schema::recipe_text(stage::kinds::KINDS));
}

#[test]
fn toy_kinds_have_the_recorded_schema() {
    let text = schema::recipe_text(kinds::KINDS);
    assert_golden(Path::new("tests/fixtures/recipes/toy-schema.json"), &text);
}

#[test]
fn every_kind_refuses_unknown_settings_and_documents_the_known_ones() {
    let mut settings = 0;
    for (kinds, schema) in [
        (stage::kinds::KINDS, schema::recipe(stage::kinds::KINDS)),
        (kinds::KINDS, schema::recipe(kinds::KINDS)),
    ] {
        for entry in kinds {
            let table = DeTable::parse("no-kind-has-this = 1").unwrap();
            let error = entry.parse(Spanned::new(0..20, table.into_inner())).unwrap_err();
            assert!(error.message().starts_with("unknown field"), "`{}`: {}", entry.name, error.message());
            let known = schema["definitions"][entry.name]["properties"].as_object().unwrap();
            for (name, setting) in known {
                assert!(setting["description"].is_string(), "`{name}` of `{}` has no docs", entry.name);
                settings += 1;
            }
        }
    }
    assert!(settings >= 10, "only {settings} settings");
}

#[test]
fn the_shipped_recipes_are_valid_by_the_schema_and_mistakes_are_not() {
    let validator = jsonschema::validator_for(&schema::recipe(stage::kinds::KINDS)).unwrap();
    let problems = |recipe: &str| -> Vec<String> {
        let recipe = serde_json::to_value(toml::from_str::<toml::Table>(recipe).unwrap()).unwrap();
        validator.iter_errors(&recipe).map(|error| format!("{}: {error}", error.instance_path())).collect()
    };
    let mut recipes = 0;
    for path in shipped() {
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(problems(&text), [""; 0], "{}", path.display());
        recipes += 1;
        if text.contains("\nextends = ") {
            // Its nodes are changes: what is missing in them, the kind included, stands elsewhere.
            continue;
        }
        for (right, wrong) in [
            ("[recipe]", "[recipes]\n[recipe]"),
            ("kind = \"", "no-such-setting = 1\nkind = \""),
            ("kind = \"", "kind = \"no-such-"),
        ] {
            assert!(!problems(&text.replacen(right, wrong, 1)).is_empty(), "{}: {wrong}", path.display());
        }
    }
    assert!(recipes > 0);
}

//! The setting `chat` of stages that give texts to a model: whether and how its chat template is used.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Map, Value as Json};

use crate::{
    stage::contract::Problem,
    token::chat::{ChatOptions, RESERVED, date::Date},
};

/// How prompts pass through the chat template that comes with the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatSpec {
    /// The system message before each prompt. Without it there is none, but many templates write one of their own.
    #[serde(default)]
    pub system: Option<String>,
    /// The template's name, for models that have several.
    #[serde(default)]
    pub template: Option<String>,
    /// The date that templates may write, such as `2026-11-21`; never today's, because results must not depend on when a
    /// recipe runs.
    #[serde(default)]
    pub date: Option<Date>,
    /// Further variables of the template, such as `enable_thinking = false`.
    #[serde(default)]
    pub template_kwargs: Map<String, Json>,
}

impl ChatSpec {
    /// What makes no sense about the setting.
    pub(super) fn check(chat: Option<&Self>) -> Vec<Problem> {
        let names = chat.into_iter().flat_map(|chat| chat.template_kwargs.keys());
        names
            .filter(|name| RESERVED.contains(&name.as_str()))
            .map(|name| {
                let message = format!("`{name}` is the conversation itself");
                let hint = format!("these cannot be given: {}", RESERVED.join(", "));
                Problem::new(format!("chat.template_kwargs.{name}"), message, hint)
            })
            .collect()
    }
}

impl From<&ChatSpec> for ChatOptions {
    fn from(spec: &ChatSpec) -> Self {
        Self {
            system: spec.system.clone(),
            template: spec.template.clone(),
            date: spec.date,
            variables: spec.template_kwargs.clone(),
        }
    }
}

/// Reads `true`, `false` or a table.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ChatSpec>, D::Error> {
    deserializer.deserialize_any(BoolOrTable)
}

struct BoolOrTable;

impl<'de> Visitor<'de> for BoolOrTable {
    type Value = Option<ChatSpec>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`true`, `false` or a table")
    }

    fn visit_bool<E>(self, wanted: bool) -> Result<Self::Value, E> {
        Ok(wanted.then(ChatSpec::default))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        ChatSpec::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
}

/// The schema of the setting.
pub(super) fn schema(generator: &mut SchemaGenerator) -> Schema {
    let table = generator.subschema_for::<ChatSpec>();
    json_schema!({ "anyOf": [{ "type": "boolean" }, table] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Stage {
        #[serde(default, deserialize_with = "deserialize")]
        chat: Option<ChatSpec>,
    }

    fn read(text: &str) -> Result<Option<ChatSpec>, toml::de::Error> {
        toml::from_str::<Stage>(text).map(|stage| stage.chat)
    }

    #[test]
    fn it_is_a_truth_value_or_a_table() {
        assert_eq!(read("").unwrap(), None);
        assert_eq!(read("chat = false").unwrap(), None);
        assert_eq!(read("chat = true").unwrap(), Some(ChatSpec::default()));
        let table = "chat = { system = 'Be brief.', date = '2026-11-21', template_kwargs = { enable_thinking = false } }";
        let spec = read(table).unwrap().unwrap();
        assert_eq!(spec.system.as_deref(), Some("Be brief."));
        assert_eq!(spec.template_kwargs["enable_thinking"], false);
        assert_eq!(spec.date, Date::parse("2026-11-21"));
    }

    #[test]
    fn mistakes_are_told_at_their_place() {
        let at = |text: &str| {
            let error = read(text).unwrap_err();
            (text.get(error.span().unwrap()).unwrap().to_owned(), error.message().to_owned())
        };
        assert_eq!(at("chat = 'yes'").0, "'yes'");
        let (place, message) = at("[chat]\nsystm = 'x'");
        assert_eq!(place, "systm");
        assert!(message.contains("`template_kwargs`"), "{message}");
        let (place, message) = at("[chat]\ndate = 'today'");
        assert_eq!(place, "'today'");
        assert!(message.contains("2026-11-21"), "{message}");
    }

    #[test]
    fn the_conversation_itself_cannot_be_a_variable() {
        let spec = read("chat.template_kwargs = { messages = [], x = 1 }").unwrap();
        let problems = ChatSpec::check(spec.as_ref());
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].field, "chat.template_kwargs.messages");
    }
}

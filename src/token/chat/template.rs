//! A compiled chat template.

use std::{error::Error as _, fmt, io};

use minijinja::{
    Environment, Error, ErrorKind,
    syntax::SyntaxConfig,
    value::{Serde, Value},
};

use super::{Message, date::Date, generation, json, python, source::Source};
use crate::failure::Failure;

/// Instructions that rendering one conversation may take; templates of today's models take some hundreds.
const FUEL: u64 = 1 << 20;

/// Instructions times bytes of the template: what its own text can at most be written, captured output included.
const MOST_COPIED: u64 = 1 << 31;

/// The longest conversation, in bytes.
const LONGEST: usize = 16 << 20;

/// The name of the only template of an environment.
const NAME: &str = "chat";

/// A template, ready to render. Templates are untrusted: they open no file and load no other template, and fuel, copied text
/// and output are limited.
#[derive(Debug)]
pub(super) struct Template {
    environment: Environment<'static>,
    /// What every conversation is rendered with: special tokens and the variables of the settings.
    variables: Vec<(String, Value)>,
    /// How messages call it.
    shown: String,
}

/// What a template said about a conversation that it does not take.
#[derive(Debug)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl Template {
    /// Compiles a template as transformers does: blocks eat the newline behind and the blanks before them.
    pub(super) fn new(
        source: Source,
        variables: Vec<(String, Value)>,
        date: Option<Date>,
    ) -> Result<Self, Failure> {
        let text = source.text.replace("\r\n", "\n").replace('\r', "\n");
        let text = generation::replace_tags(&text);
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| failure(&source.shown, &error))?);
        environment.set_fuel(Some(FUEL.min(MOST_COPIED / (text.len() as u64 + 1))));
        environment.set_unknown_method_callback(python::method);
        environment.add_filter("tojson", json::tojson);
        environment.add_filter("trim", python::trim);
        environment.add_test("sequence", python::is_sequence);
        environment.add_test("iterable", python::is_iterable);
        environment.add_function("raise_exception", raise_exception);
        if let Some(date) = date {
            environment.add_function("strftime_now", move |format: &str| {
                date.strftime(format).map_err(|unknown| {
                    Error::new(ErrorKind::InvalidOperation, format!("unknown directive of a date: {unknown}"))
                })
            });
        }
        let added = environment.add_template_owned(NAME, text);
        added.map_err(|error| failure(&source.shown, &error))?;
        Ok(Self { environment, variables, shown: source.shown })
    }

    /// The text of a conversation; with `generation`, up to where the next answer begins.
    pub(super) fn render(&self, messages: &[Message<'_>], generation: bool) -> Result<String, Failure> {
        let message = |message: &Message<'_>| {
            Value::from_pairs([("role", message.role.name()), ("content", message.content)])
        };
        let own = [
            ("messages", messages.iter().map(message).collect()),
            ("tools", Value::from(())),
            ("documents", Value::from(())),
            ("add_generation_prompt", Value::from(generation)),
        ];
        let given = self.variables.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let context = Value::from_pairs(given.chain(own));
        let mut output = Output { bytes: Vec::new(), full: false };
        let template = self.environment.get_template(NAME);
        let rendered =
            template.and_then(|template| template.render_captured_to(context, &mut output).map(|_| ()));
        if output.full {
            let message = format!("{} writes more than {LONGEST} bytes for one conversation", self.shown);
            return Err(Failure::input(message));
        }
        rendered.map_err(|error| failure(&self.shown, &error))?;
        String::from_utf8(output.bytes).map_err(|error| Failure::input(format!("{}: {error}", self.shown)))
    }
}

fn raise_exception(message: &Value) -> Result<Value, Error> {
    let refused = Refused(message.to_string());
    Err(Error::new(ErrorKind::InvalidOperation, "raise_exception").with_source(refused))
}

/// The failure that an error of a template is, with its line.
fn failure(shown: &str, error: &Error) -> Failure {
    let place = error.line().map_or_else(|| shown.to_owned(), |line| format!("{shown}, line {line}"));
    if let Some(refused) = error.source().and_then(|source| source.downcast_ref::<Refused>()) {
        return Failure::input(format!("the chat template does not take the conversation: {refused}"))
            .at(place)
            .hint("many templates take no system message: leave `chat.system` out");
    }
    if error.kind() == ErrorKind::OutOfFuel {
        return Failure::input("the chat template does not come to an end").at(place);
    }
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let failure = Failure::input(format!("{}{detail}", error.kind())).at(place);
    match error.detail() {
        Some(detail) if detail.contains("strftime_now") => {
            failure.hint("the template writes today's date: set `chat.date = \"2026-11-21\"`, so that every run writes the same")
        }
        _ => failure,
    }
}

/// Takes bytes up to [`LONGEST`].
struct Output {
    bytes: Vec<u8>,
    full: bool,
}

impl io::Write for &mut Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > LONGEST {
            self.full = true;
            return Err(io::Error::other("too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A variable of the settings as a value of a template.
pub(super) fn value(json: &serde_json::Value) -> Value {
    Value::from(Serde(json))
}

//! Answers of a model behind an endpoint.

use super::{Answer, Answers, Asking, Prompt, spec::GenerationSpec};
use crate::{
    endpoint::{
        Description, Dialect,
        pool::{self, Listener, Spent},
        request::{self, Asked, Choice, Wanted},
    },
    failure::{Failure, bug},
    stage::{context::Context, kinds::chat::ChatSpec},
};

/// Asks for the answers that are not there yet.
pub(super) fn answer(
    cx: &Context<'_>,
    asking: Asking<'_>,
    prompts: &[Prompt],
    answers: &mut Answers,
) -> Result<(), Failure> {
    let how = asking.how;
    let description: Description = cx.document(asking.field)?;
    if cx.has("adapter") {
        let message = "an adapter cannot be put beside a model behind an endpoint";
        return Err(Failure::input(message)
            .hint("servers offer adapters as models of their own: name that model in the endpoint"));
    }
    check_chat(how.chat.as_ref(), &description)?;
    let access = cx.endpoints.get(asking.field).cloned();
    let access = access.unwrap_or_else(|| bug("an endpoint without a site"));
    let wanted = wanted(how, &description);
    let mut asked = Vec::new();
    for (index, prompt) in prompts.iter().enumerate() {
        let missing: Vec<usize> =
            prompt.samples.iter().copied().filter(|sample| !answers.has(index, *sample)).collect();
        // A request's seed is that of its first sample: with one sample a request, it does not matter what is there already.
        for samples in missing.chunks(description.samples_per_request.max(1)) {
            let prompt_of = prompt_of(how.chat.as_ref(), &prompt.text);
            asked.push(Asked { index, id: prompt.id.clone(), prompt: prompt_of, samples: samples.to_vec() });
        }
    }
    let total = prompts.iter().map(|prompt| prompt.samples.len()).sum();
    let model = description.model.clone();
    let mut keeper = Keeper { cx, answers, total };
    let spent = pool::ask_all(description, access, wanted, asked, &mut keeper)?;
    cx.observer.note(&told(&model, &spent));
    Ok(())
}

fn check_chat(chat: Option<&ChatSpec>, description: &Description) -> Result<(), Failure> {
    let Some(chat) = chat else { return Ok(()) };
    let refuse = |what: &str, hint: &str| {
        Err(Failure::input(format!(
            "{what} cannot be given to `{}`: its server renders the chat",
            description.model
        ))
        .hint(hint))
    };
    if chat.template.is_some() {
        return refuse("`chat.template`", "leave it out; the server's own template is used");
    }
    if chat.date.is_some() {
        return refuse("`chat.date`", "leave it out, or write the date into `chat.system`");
    }
    if !chat.template_kwargs.is_empty() && description.dialect != Dialect::Vllm {
        return refuse(
            "`chat.template_kwargs`",
            "`dialect = \"vllm\"` of the endpoint sends them as `chat_template_kwargs`",
        );
    }
    Ok(())
}

fn prompt_of(chat: Option<&ChatSpec>, text: &str) -> request::Prompt {
    match chat {
        None => request::Prompt::Text(text.to_owned()),
        Some(chat) => request::Prompt::Chat { system: chat.system.clone(), user: text.to_owned() },
    }
}

fn wanted(how: &GenerationSpec, description: &Description) -> Wanted {
    let kwargs = how.chat.as_ref().map(|chat| chat.template_kwargs.clone());
    Wanted {
        temperature: how.temperature,
        top_k: how.top_k,
        top_p: how.top_p,
        min_p: how.min_p,
        repetition_penalty: how.repetition_penalty,
        presence_penalty: how.presence_penalty,
        frequency_penalty: how.frequency_penalty,
        max_new_tokens: how.max_new_tokens,
        stop: how.stop.clone(),
        seed: how.seed,
        template_kwargs: kwargs.filter(|_| description.dialect == Dialect::Vllm).unwrap_or_default(),
    }
}

/// What the work took, for the record.
fn told(model: &str, spent: &Spent) -> String {
    let usage = match spent.usage.prompt + spent.usage.completion {
        0 => String::new(),
        _ => {
            format!(" ({} prompt tokens, {} completion tokens)", spent.usage.prompt, spent.usage.completion)
        }
    };
    let repeated: Vec<String> =
        spent.repeated.iter().map(|(why, count)| format!("{count} because {why}")).collect();
    let repeated = match repeated.as_slice() {
        [] => String::new(),
        repeated => format!("; sent again: {}", repeated.join(", ")),
    };
    format!("`{model}` answered {} requests{usage}{repeated}", spent.answered)
}

/// Keeps answers and tells how far the work has come.
struct Keeper<'p, 'c> {
    cx: &'p Context<'c>,
    answers: &'p mut Answers,
    total: usize,
}

impl Listener for Keeper<'_, '_> {
    fn answered(&mut self, index: usize, sample: usize, choice: Choice) -> Result<(), Failure> {
        let Choice { text, finish } = choice;
        self.answers.keep(Answer { question: index, sample, text, finish, tokens: 0 })
    }

    fn tick(&mut self) -> Result<(), Failure> {
        self.cx.observer.progress(self.answers.found.len() as u64, self.total as u64, "answers");
        self.cx.check_cancelled()
    }
}

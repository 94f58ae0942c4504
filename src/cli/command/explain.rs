//! `chorale explain`: which stages of a recipe would run again and why, and what a result was made from.

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use crate::{
    cache::{Record, Store},
    cli::{
        args::RecipeArgs,
        command::run,
        console::Tone,
        exit::Exit,
        models, recipe_file,
        setup::Setup,
        stop::Stop,
        table::{Align, padded},
    },
    engine::{self, Forecast},
    plan::Plan,
    report::{self, measure},
    runtime::LazyRuntime,
};

/// Arguments of `explain`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    chorale explain recipes/quickstart.toml\n  \
    chorale explain recipes/quickstart.toml dpo\n  \
    chorale explain recipes/quickstart.toml --set params.beta=0.2")]
pub struct ExplainArgs {
    /// The recipe.
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Only this stage, with everything that went into its key
    #[arg(value_name = "STAGE")]
    pub stage: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Explains.
pub fn run(args: &ExplainArgs, setup: &Setup) -> Result<Exit, Stop> {
    let console = &setup.console;
    let names: Vec<String> = args.stage.iter().cloned().collect();
    let mut plan = recipe_file::select(recipe_file::load(&args.recipe, console)?, &names, console)?;
    models::locate(&mut plan, &args.recipe.recipe, &setup.hub())?;
    let runtime = LazyRuntime::new(setup.runtime(None)?);
    let never = std::sync::atomic::AtomicBool::new(false);
    let settings = run::settings(&args.recipe, setup, &never, &runtime)?;
    let store = Store::open(&setup.cache)?;
    let forecasts = engine::forecast(&plan, &store, &settings);
    let wanted = |name: &str| args.stage.as_deref().is_none_or(|stage| stage == name);
    if args.json {
        let all = plan.nodes().iter().zip(&forecasts).filter(|(node, _)| wanted(&node.name));
        console.json(&all.map(|(node, forecast)| as_json(&node.name, forecast)).collect::<Vec<_>>())?;
        return Ok(Exit::Success);
    }
    let locate = recipe_file::locator(&args.recipe);
    let lines = lines(&plan, &forecasts, setup, &locate, wanted);
    console.data(&(lines.join("\n") + "\n"))?;
    if args.stage.is_some()
        && let Some(Forecast::Cached(record)) = forecasts.last()
    {
        console.data(&ingredients(record))?;
    }
    Ok(Exit::Success)
}

fn lines(
    plan: &Plan,
    forecasts: &[Forecast],
    setup: &Setup,
    locate: &impl Fn(&str, Option<&str>) -> Option<String>,
    wanted: impl Fn(&str) -> bool,
) -> Vec<String> {
    let paint = setup.console.out;
    let width = plan.nodes().iter().map(|node| node.name.chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for (node, forecast) in plan.nodes().iter().zip(forecasts).filter(|(node, _)| wanted(&node.name)) {
        let (verb, tone, text) = match forecast {
            Forecast::Cached(record) => {
                let wrote: Vec<String> = record.outputs.values().map(report::output).collect();
                (
                    "cached",
                    Tone::Known,
                    format!("{} in {}", wrote.join(", "), measure::duration(record.seconds)),
                )
            }
            Forecast::Runs(reasons) => {
                let told: Vec<String> = reasons
                    .iter()
                    .map(|reason| recipe_file::reason_with_place(&node.name, reason, locate))
                    .collect();
                ("runs", Tone::Busy, told.join("; "))
            }
            Forecast::Open(stages) => {
                let names: Vec<String> = stages.iter().map(|stage| format!("`{stage}`")).collect();
                ("open", Tone::Warning, format!("not known until {} has run", names.join(" and ")))
            }
            Forecast::Fails(failure) => ("fails", Tone::Bad, failure.message.clone()),
        };
        let name = padded(&node.name, width, Align::Left);
        let verb = paint.paint(tone, padded(verb, 8, Align::Right));
        lines.push(format!("{verb} {}  {text}", paint.paint(Tone::Strong, name)));
    }
    lines
}

/// Everything that went into a key, a line each.
fn ingredients(record: &Record) -> String {
    let heading = format!("\nkey {} was made from\n", record.key.hex());
    let entries = record.explanation.0.iter().map(|(path, value)| {
        let shown = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        format!("  {path} = {shown}\n")
    });
    std::iter::once(heading).chain(entries).collect()
}

fn as_json(name: &str, forecast: &Forecast) -> Value {
    match forecast {
        Forecast::Cached(record) => json!({
            "name": name, "forecast": "cached", "key": record.key, "seconds": record.seconds,
            "outputs": record.outputs, "explanation": record.explanation,
        }),
        Forecast::Runs(reasons) => json!({
            "name": name, "forecast": "runs", "reasons": reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }),
        Forecast::Open(stages) => json!({ "name": name, "forecast": "open", "waits_for": stages }),
        Forecast::Fails(failure) => json!({
            "name": name, "forecast": "fails", "failure": { "message": failure.message, "hint": failure.hint },
        }),
    }
}

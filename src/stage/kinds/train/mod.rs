//! `train`: teaches a model from texts, completions or preference pairs, all of its weights or adapters beside them.
//!
//! The objective ([`crate::model::loss::LOSSES`]) says which rows it reads. The model that comes out is a whole Hugging
//! Face folder with adapters merged in, in the element type of the model that went in; adapters come out by themselves as
//! well. A stage that was killed goes on from its
//! journal and ends with the same bytes.

mod auxiliary;
mod examples;
mod foreign;
mod lora;
mod objective;
mod prompts;
mod spec;
mod write;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value as Json;

pub use self::{
    auxiliary::{AuxiliarySpec, Init, Last, Layer, Scale},
    lora::LoraSpec,
    objective::Objective,
    spec::{LanguageSchedule, Overlong, TrainSpec},
};
use crate::{
    artifact::Artifact,
    checkpoint::{Weights, folder::ModelFiles, stored::StoredWeights},
    failure::Failure,
    model::{
        arch::{self, Network},
        lora::Lora,
        optim::adamw::AdamW,
    },
    stage::{
        context::Context,
        contract::{Kind, Load, Problem},
        port::Ports,
    },
    tensor::DType,
    token::Tokenizer,
    train::{
        self, Listener, Settings, Task,
        batch::Packing,
        export,
        foreign::FILE as FOREIGN,
        graph::{Form, Trained},
    },
};

/// The kind.
#[derive(Debug)]
pub enum Train {}

impl Kind for Train {
    const NAME: &'static str = "train";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "trains a model on texts, completions or preference pairs";
    const LOAD: Load = Load::Heavy;
    const USES_RUNTIME: bool = true;
    type Spec = TrainSpec;

    fn ports(spec: &TrainSpec) -> Ports {
        spec.ports()
    }

    fn check(spec: &TrainSpec) -> Vec<Problem> {
        spec.check()
    }

    fn run(cx: &Context<'_>, spec: &TrainSpec) -> Result<(), Failure> {
        let base = ModelFiles::of(cx.input("model"));
        if let Some(graph) = base.get(FOREIGN) {
            return foreign::run(cx, spec, &base, graph);
        }
        let network = open(&base)?;
        let lora = spec.lora.as_ref().map(Lora::from);
        let trained = Trained::new(&*network, lora.as_ref())?;
        auxiliary::check_layer(spec, network.sizes().layers)?;
        let tokenizer = Tokenizer::open(&base)?;
        let prepared = examples::read(cx, spec, &base, &tokenizer, network.sizes().into())?;
        let settings = Settings::from(spec);
        let task = Task {
            network: &*network,
            trained: &trained,
            examples: &prepared.examples,
            prompts: prepared.prompts.as_ref(),
            settings: &settings,
        };
        // Other weights that stages before this one used would only take memory now.
        cx.runtime()?.forget_weights();
        let weights = weights(&base, &*network)?;
        let fitted = train::fit(cx.runtime()?, task, weights, &cx.journal, &Ears(cx))?;
        write::model(&cx.create_folder("model")?, &base, &*network, &trained, &fitted)?;
        if let Trained::Adapters(lora, targets) = &trained {
            let name = cx.input("model").digest.hex();
            write::adapter(&cx.create_folder("adapter")?, &name, lora, targets, &fitted)?;
        }
        if let Some(aux) = settings.auxiliary.as_ref().filter(|aux| aux.extractor.is_some()) {
            write::extractor(&cx.create_folder("extractor")?, aux, network.sizes().layers, &fitted)?;
        }
        write::steps(cx, &fitted.records)
    }

    fn export(
        spec: &TrainSpec,
        inputs: &BTreeMap<String, Artifact>,
        folder: &Path,
        name: &str,
    ) -> Result<Vec<PathBuf>, Failure> {
        let model = inputs.get("model").ok_or_else(|| Failure::input("the stage's `model` is not there"))?;
        let base = ModelFiles::of(model);
        let network = open(&base)?;
        auxiliary::check_layer(spec, network.sizes().layers)?;
        let lora = spec.lora.as_ref().map(Lora::from);
        let trained = Trained::new(&*network, lora.as_ref())?;
        let weights = weights(&base, &*network)?;
        export::write(&*network, &trained, weights, &Settings::from(spec), folder, name)
    }
}

fn open(files: &ModelFiles) -> Result<Arc<dyn Network>, Failure> {
    arch::open(&Json::Object(files.config()?))
}

/// The weights of a network as f32.
fn weights(files: &ModelFiles, network: &dyn Network) -> Result<Weights, Failure> {
    let stored = StoredWeights::open(files)?;
    arch::check(network, &stored)?;
    let parameters = network.parameters();
    let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    stored.read(&names, Some(DType::F32))
}

impl From<&LoraSpec> for Lora {
    fn from(spec: &LoraSpec) -> Self {
        Self {
            rank: spec.rank,
            alpha: spec.alpha,
            rank_stabilised: spec.rank_stabilised,
            dropout: spec.dropout,
            targets: spec.targets.clone(),
        }
    }
}

impl From<&TrainSpec> for Settings {
    fn from(spec: &TrainSpec) -> Self {
        Self {
            loss: spec.objective.0,
            loss_settings: objective::settings(spec),
            auxiliary: auxiliary::term(spec),
            optimizer: AdamW {
                betas: spec.betas,
                eps: spec.eps,
                weight_decay: spec.weight_decay,
                max_grad_norm: spec.max_grad_norm,
            },
            learning_rate: spec.learning_rate,
            schedule: spec.schedule,
            warmup_ratio: spec.warmup_ratio,
            epochs: spec.epochs,
            steps: spec.steps,
            batch_size: spec.batch_size,
            accumulation: spec.accumulation,
            languages: (spec.language_schedule == LanguageSchedule::Sequential)
                .then(|| spec.language_order.clone()),
            packing: if spec.packing { Packing::On } else { Packing::Off },
            form: Form { recompute: spec.recompute, ..Form::default() },
            seed: spec.seed,
            save_after: None,
        }
    }
}

/// Passes progress on to the stage's observer.
struct Ears<'a, 'b>(&'a Context<'b>);

impl Listener for Ears<'_, '_> {
    fn progress(&self, done: u64, total: u64) {
        self.0.observer.progress(done, total, "tokens");
    }

    fn is_cancelled(&self) -> bool {
        self.0.check_cancelled().is_err()
    }
}

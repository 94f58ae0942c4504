//! Adapters that PEFT made change the model here as they do there, and what is written here is what PEFT and transformers
//! were seen to open (`tests/golden/adapters.py`).
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use chorale::{
    artifact::{ADAPTER, MODEL},
    checkpoint::{
        Weights,
        adapter::{self, Adapter},
        folder::{self, ModelFiles},
        safetensors::{self, Planned},
    },
    decode::{
        generate::CachedModel,
        load::Decoder,
        score::{Scope, Scorer},
        slots::Slots,
    },
    model::{adapter::write_merged, arch, row::Row},
    stage::kinds::{adapter::AdapterKind, merge},
    tensor::{DType, Tensor},
};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::{decode::score::all, model::tiny::golden, runtime::runtime, support::stage};

const CASES: [&str; 2] = ["plain", "patterned"];

fn base() -> ModelFiles {
    ModelFiles::in_folder(&golden("training/untied")).unwrap()
}

fn files(case: &str) -> ModelFiles {
    ModelFiles::in_folder(&golden(&format!("adapters/{case}"))).unwrap()
}

fn facts(name: &str) -> Json {
    serde_json::from_slice(&fs::read(golden(&format!("adapters/{name}.json"))).unwrap()).unwrap()
}

#[track_caller]
fn assert_close(got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len());
    let differences = got.iter().zip(expected).map(|(got, expected)| (got - expected).abs());
    let most = differences.fold(0.0, f32::max);
    assert!(most < 1e-4, "differs by {most}");
}

fn numbers(list: &Json) -> Vec<f32> {
    list.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

/// The logits after the last golden token and the log-probabilities of all but the first, as a decoder computes them.
fn assert_golden(decoder: &Decoder, case: &str) {
    let facts = facts(case);
    let tokens: Vec<u32> = numbers(&facts["tokens"]).into_iter().map(|token| token as u32).collect();
    let (last, expected) = (tokens.len() - 1, numbers(&facts["last"]));
    let mut slots = Slots::new(runtime(), decoder, 2, 64).unwrap();
    assert_close(&slots.prefill(&tokens).unwrap(), &expected);
    // The same by a step in two slots, which applies matrices in another way.
    slots.prefill(&tokens[..last]).unwrap();
    slots.place(0).unwrap();
    slots.place(1).unwrap();
    slots.step(&[tokens[last]; 2], &[last; 2]).unwrap();
    let mut looked = 0;
    slots.with_logits(&mut |logits| {
        for row in logits.chunks(expected.len()) {
            assert_close(row, &expected);
            looked += 1;
        }
    });
    assert_eq!(looked, 2);
    let mut scorer = Scorer::new(runtime(), decoder).unwrap();
    let row = Row::new(&tokens[..1], &[&tokens[1..]]);
    let scores = all(&mut scorer, &[row], Scope::Branches, 4096);
    assert_close(&scores[0].branches[0], &numbers(&facts["log_probabilities"]));
}

#[test]
fn an_adapter_of_peft_changes_the_model_as_it_does_there() {
    for case in CASES {
        let plain = Decoder::open(runtime(), &base()).unwrap();
        let adapted = plain.clone().with_adapter(&files(case)).unwrap();
        assert_eq!(plain.weights.names().count(), 21, "the base is as it was");
        assert!(adapted.weights.names().count() > 21);
        assert_golden(&adapted, case);
    }
}

/// As `adapters.py` takes it.
fn sha256(path: &Path) -> String {
    Sha256::digest(fs::read(path).unwrap()).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// Writes an adapter and merged models below `folder`; returns SHA-256 by relative name.
fn write(folder: &Path) -> BTreeMap<String, String> {
    let base = base();
    let network = arch::open(&Json::Object(base.config().unwrap())).unwrap();
    let mut digests = BTreeMap::new();
    for case in CASES {
        let Adapter { config, modules } = adapter::read(&files(case)).unwrap();
        let mut weights = Weights::new();
        for (path, module) in &modules {
            weights.insert(format!("{path}.lora_A.weight"), Arc::clone(&module.a));
            weights.insert(format!("{path}.lora_B.weight"), Arc::clone(&module.b));
        }
        let target = |name: &str| {
            let target = folder.join(case).join(name);
            fs::create_dir_all(&target).unwrap();
            target
        };
        adapter::write(&target("adapter"), &config, &weights).unwrap();
        write_merged(&target("merged"), &base, &*network, &modules, None).unwrap();
        write_merged(&target("merged-bf16"), &base, &*network, &modules, Some(DType::Bf16)).unwrap();
        for name in ["adapter", "merged", "merged-bf16"] {
            for entry in fs::read_dir(target(name)).unwrap() {
                let path = entry.unwrap().path();
                digests.insert(path.strip_prefix(folder).unwrap().display().to_string(), sha256(&path));
            }
        }
    }
    digests
}

#[test]
fn what_is_written_is_what_peft_and_transformers_were_seen_to_open() {
    let dir = tempfile::tempdir().unwrap();
    #[expect(clippy::disallowed_methods, reason = "how `adapters.py` is given what is written")]
    let wanted = std::env::var_os("CHORALE_WRITE_ADAPTERS").map(PathBuf::from);
    let written = write(wanted.as_deref().unwrap_or(dir.path()));
    assert_eq!(written.len(), 12);
    if wanted.is_none() {
        assert_eq!(serde_json::to_value(&written).unwrap(), facts("written"));
    }
}

#[test]
fn a_merged_model_computes_what_the_adapter_beside_the_model_does() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    for case in CASES {
        for (name, dtype) in [("merged", DType::F32), ("merged-bf16", DType::Bf16)] {
            let files = ModelFiles::in_folder(&dir.path().join(case).join(name)).unwrap();
            let weights = files.weights().unwrap();
            assert!(weights.values().all(|tensor| tensor.dtype() == dtype), "{name}");
            if dtype == DType::F32 {
                assert_golden(&Decoder::open(runtime(), &files).unwrap(), case);
            }
        }
    }
}

#[test]
fn an_adapter_of_another_model_is_refused() {
    let other = ModelFiles::in_folder(&golden("training/tied")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let Adapter { config, modules } = adapter::read(&files("plain")).unwrap();
    let module = modules.values().next().unwrap();
    let cases = [
        (
            "model.layers.7.self_attn.q_proj",
            module.b.clone(),
            "`model.layers.7.self_attn.q_proj`, which is no",
        ),
        ("model.embed_tokens", module.b.clone(), "`model.embed_tokens`, which is no linear layer"),
        (
            "model.layers.0.self_attn.q_proj",
            Arc::new(Tensor::f32(&[8, 4], vec![0.5; 32]).unwrap()),
            "as a layer of 32 inputs and 8 outputs, but it has 32 and 32",
        ),
    ];
    for (path, b, expected) in cases {
        let weights = Weights::from([
            (format!("{path}.lora_A.weight"), module.a.clone()),
            (format!("{path}.lora_B.weight"), b),
        ]);
        adapter::write(dir.path(), &config, &weights).unwrap();
        let decoder = Decoder::open(runtime(), &other).unwrap();
        let failure = decoder.with_adapter(&ModelFiles::in_folder(dir.path()).unwrap()).unwrap_err();
        assert!(failure.message.contains(expected), "{failure}");
    }
}

#[test]
fn large_models_are_written_in_shards_that_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let weights = base().weights().unwrap();
    let plan = |(name, tensor): (&String, &Arc<Tensor>)| Planned {
        name: name.clone(),
        dtype: DType::F32,
        shape: tensor.shape().to_vec(),
    };
    let planned: Vec<Planned> = weights.iter().map(plan).collect();
    let fields = base().config().unwrap();
    let mut make = |name: &str| Ok(weights[name].clone());
    folder::write_planned(dir.path(), &fields, planned, 30_000, &mut make).unwrap();
    let files = ModelFiles::in_folder(dir.path()).unwrap();
    let shards = files.weight_files().unwrap();
    assert!(shards.len() > 2 && files.get(folder::WEIGHTS).is_none(), "{shards:?}");
    assert_eq!(shards[0], format!("model-00001-of-{:05}.safetensors", shards.len()));
    for shard in &shards {
        let bytes: usize = safetensors::read(files.get(shard).unwrap())
            .unwrap()
            .values()
            .map(|tensor| tensor.len() * 4)
            .sum();
        assert!((1..=30_000).contains(&bytes), "{shard}: {bytes} bytes");
    }
    assert_eq!(files.weights().unwrap(), weights);
    let index: Json = serde_json::from_slice(&fs::read(files.get(folder::INDEX).unwrap()).unwrap()).unwrap();
    let total: usize = weights.values().map(|tensor| tensor.len() * 4).sum();
    assert_eq!(index["metadata"]["total_size"], json!(total));
}

#[test]
fn an_adapter_from_outside_is_taken_in_and_merged_by_stages() {
    let dir = tempfile::tempdir().unwrap();
    let made = golden("adapters/patterned");
    let taken = dir.path().join("taken");
    let spec = serde_json::from_value(json!({"path": made})).unwrap();
    let adapter = stage::run::<AdapterKind>(&taken, &spec, &[], &[("path", &made)]).unwrap();
    let adapter = &adapter.outputs["adapter"];
    assert_eq!(adapter.kind, ADAPTER);
    for (name, path) in &adapter.files {
        assert_eq!(fs::read(path).unwrap(), fs::read(made.join(name)).unwrap(), "{name}");
    }
    assert_eq!(adapter.files.len(), 2);
    // A base with companions, which must come out byte for byte.
    let base = dir.path().join("base");
    fs::create_dir(&base).unwrap();
    for name in ["config.json", folder::WEIGHTS] {
        fs::copy(golden("training/untied").join(name), base.join(name)).unwrap();
    }
    let template = "{% for message in messages %}\u{3042}\r\n{% endfor %}";
    fs::write(base.join("chat_template.jinja"), template).unwrap();
    fs::write(base.join("tokenizer.json"), "{ \"odd\":  1}").unwrap();
    let base = stage::artifact(&base, MODEL);
    let spec = json!({"model": "base", "adapter": "change", "dtype": "bf16"});
    let spec: merge::Spec = serde_json::from_value(spec).unwrap();
    let inputs = [("model", &base), ("adapter", adapter)];
    let merged = stage::run::<merge::Merge>(dir.path(), &spec, &inputs, &[]).unwrap();
    let merged = &merged.outputs["model"];
    for name in ["chat_template.jinja", "tokenizer.json"] {
        assert_eq!(fs::read(&merged.files[name]).unwrap(), fs::read(&base.files[name]).unwrap(), "{name}");
    }
    let expected = &facts("written")["patterned/merged-bf16/model.safetensors"];
    assert_eq!(*expected, json!(sha256(&merged.files[folder::WEIGHTS])));
}

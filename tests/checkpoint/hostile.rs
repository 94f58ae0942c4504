//! Files from outside that lie in every way: no panic, and no memory for what is not in the file. The cases are random but
//! the same in every run; `FUZZ=100000 cargo test hostile` tries that many others of each kind.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::{fs, path::Path, sync::Arc};

use chorale::{
    checkpoint::{
        Weights,
        adapter::{self, AdapterConfig},
        config,
        folder::{self, ModelFiles},
        safetensors::{self, StoredFile},
        stored::StoredWeights,
    },
    model::arch,
    tensor::{DType, Tensor},
};
use half::bf16;
use ndarray::{ArrayD, IxDyn};
use proptest::{prelude::*, test_runner::RngSeed};
use serde_json::{Value as Json, json};

/// The same cases each time, or as many new ones as the variable `FUZZ` says.
fn settings(cases: u32) -> ProptestConfig {
    let fuzz = std::env::var("FUZZ").ok().map(|text| text.parse().unwrap());
    ProptestConfig {
        cases: fuzz.unwrap_or(cases),
        failure_persistence: None,
        rng_seed: if fuzz.is_some() { RngSeed::Random } else { RngSeed::Fixed(3) },
        ..ProptestConfig::default()
    }
}

fn valid() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("w");
    let narrow = ArrayD::from_elem(IxDyn(&[4, 3]), bf16::from_f32(0.5));
    let weights = Weights::from([
        ("a.weight".to_owned(), Arc::new(Tensor::f32(&[2, 3], vec![1.0; 6]).unwrap())),
        ("b.weight".to_owned(), Arc::new(Tensor::Bf16(narrow))),
        ("c".to_owned(), Arc::new(Tensor::i64(&[2], vec![1, 2]).unwrap())),
    ]);
    safetensors::write(&path, &weights).unwrap();
    fs::read(path).unwrap()
}

/// Opens and reads a file; whatever a header promises must be in the file.
fn read(bytes: &[u8]) -> Result<(), TestCaseError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    fs::write(&path, bytes).unwrap();
    let Ok(file) = StoredFile::open(&path) else { return Ok(()) };
    let promised: usize = file.tensors().values().map(|tensor| tensor.elements() * tensor.dtype.size()).sum();
    prop_assert!(promised <= bytes.len(), "{promised} bytes of {}", bytes.len());
    for name in file.tensors().keys() {
        let tensor = file.tensor(name, None).unwrap();
        prop_assert_eq!(tensor.len(), file.tensors()[name].elements());
        drop(file.tensor(name, Some(DType::F32)));
    }
    Ok(())
}

/// A file with this header and this much behind it.
fn with_header(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

/// Numbers that lengths and offsets lie with.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "4",
    "8",
    "24",
    "48",
    "-1",
    "1.5",
    "1e3",
    "1152921504606846976",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775807",
    "4294967296",
    "null",
    "[]",
    "\"4\"",
];

fn number() -> impl Strategy<Value = &'static str> {
    prop::sample::select(NUMBERS)
}

/// A header's entry, mostly in the right form.
fn entry() -> impl Strategy<Value = String> {
    let dtype = prop::sample::select(&["F32", "BF16", "F16", "I64", "BOOL", "F4", "F8_E5M2", "X", ""][..]);
    let name = prop::sample::select(&["a", "b", "a", "__metadata__", "", "é"][..]);
    let shape = prop::collection::vec(number(), 0..4).prop_map(|shape| shape.join(","));
    (name, dtype, shape, number(), number()).prop_map(|(name, dtype, shape, from, to)| {
        format!("\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":[{shape}],\"data_offsets\":[{from},{to}]}}")
    })
}

proptest! {
    #![proptest_config(settings(512))]

    #[test]
    fn changed_bytes_of_a_weight_file_are_an_error_or_numbers(
        changes in prop::collection::vec((0..400_usize, any::<u8>()), 1..6),
        length in 0..500_usize,
    ) {
        let mut bytes = valid();
        for (at, byte) in changes {
            let count = bytes.len();
            bytes[at % count] = byte;
        }
        bytes.resize(length.max(bytes.len() / 2).min(bytes.len() + 9), 0);
        read(&bytes)?;
    }

    #[test]
    fn headers_that_lie_are_an_error_or_tell_the_truth(
        entries in prop::collection::vec(entry(), 0..4),
        data in 0..64_usize,
    ) {
        read(&with_header(&format!("{{{}}}", entries.join(",")), data))?;
    }

    #[test]
    fn headers_of_any_text_are_an_error(text in any::<String>(), claimed in any::<u64>()) {
        read(&with_header(&text, 8))?;
        read(&[&claimed.to_le_bytes(), text.as_bytes()].concat())?;
    }
}

/// JSON values that fields of configurations lie with.
fn lie() -> impl Strategy<Value = Json> {
    prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1),
        json!(3),
        json!(1.5),
        json!(1_u64 << 20),
        json!(1_u64 << 40),
        json!(1_u64 << 60),
        json!(u64::MAX),
        json!(1e300),
        json!(-1e-300),
        json!(""),
        json!("llama"),
        json!("../.."),
        json!([]),
        json!([[1, 2], {"a": null}]),
        json!({}),
        json!({"rope_type": "yarn", "factor": -3}),
        json!({"rope_type": "llama3", "factor": 0, "low_freq_factor": 1e300, "high_freq_factor": 1e301}),
    ])
}

fn fields(path: &Path) -> Json {
    Json::Object(config::read(path).unwrap())
}

/// Replaces some fields, chosen by numbers, by lies.
fn replaced(mut value: Json, lies: &[(usize, Json)]) -> Json {
    let table = value.as_object_mut().unwrap();
    let names: Vec<String> = table.keys().cloned().collect();
    for (at, lie) in lies {
        table.insert(names[at % names.len()].clone(), lie.clone());
    }
    value
}

fn lies() -> impl Strategy<Value = Vec<(usize, Json)>> {
    prop::collection::vec((any::<usize>(), lie()), 1..4)
}

proptest! {
    #![proptest_config(settings(512))]

    #[test]
    fn configurations_that_lie_are_an_error_or_a_network(lies in lies()) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden/training/untied");
        let config = replaced(fields(&folder.join(folder::CONFIG)), &lies);
        if let Ok(network) = arch::open(&config) {
            let stored = StoredWeights::open(&ModelFiles::in_folder(&folder).unwrap()).unwrap();
            drop(arch::check(&*network, &stored));
        }
    }

    #[test]
    fn descriptions_of_adapters_that_lie_are_an_error_or_an_adapter(lies in lies()) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden/adapters/patterned");
        let config = replaced(fields(&folder.join(adapter::CONFIG)), &lies);
        if let Ok(config) = AdapterConfig::parse(config.as_object().unwrap())
            && let Ok((rank, scale)) = config.of_module("model.layers.0.mlp.down_proj")
        {
            prop_assert!(rank > 0 && scale.is_finite(), "{rank} {scale}");
        }
    }

    #[test]
    fn indices_that_lie_are_an_error_or_the_truth(lies in lies(), whole in lie()) {
        let dir = tempfile::tempdir().unwrap();
        for (file, tensor) in [("x-1.safetensors", "a"), ("x-2.safetensors", "b")] {
            let one = Arc::new(Tensor::f32(&[1], vec![1.0]).unwrap());
            safetensors::write(&dir.path().join(file), &Weights::from([(tensor.to_owned(), one)])).unwrap();
        }
        let index = dir.path().join(folder::INDEX);
        let table = replaced(json!({"a": "x-1.safetensors", "b": "x-2.safetensors"}), &lies);
        for value in [json!({"weight_map": table}), json!({"weight_map": whole}), whole] {
            fs::write(&index, value.to_string()).unwrap();
            let files = ModelFiles::in_folder(dir.path()).unwrap();
            prop_assert!(StoredWeights::open(&files).is_err(), "{value}");
        }
    }
}

#[test]
fn nesting_without_end_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let deep = "[".repeat(200_000);
    for text in [deep.clone(), format!("{{\"a\":{deep}")] {
        fs::write(dir.path().join("config.json"), &text).unwrap();
        assert!(config::read(&dir.path().join("config.json")).unwrap_err().message.contains("is not JSON"));
        read(&with_header(&text, 0)).unwrap();
        read(&with_header(&format!("{{\"__metadata__\":{text}"), 0)).unwrap();
    }
}

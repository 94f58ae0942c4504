//! safetensors files: what goes in comes out, and every lie in a header is found.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, path::Path, sync::Arc};

use chorale::{
    checkpoint::{
        Weights, convert,
        safetensors::{self, StoredFile},
    },
    failure::{Cause, Failure},
    tensor::{DType, Tensor},
};
use half::{bf16, f16};
use ndarray::{ArrayD, IxDyn};
use serde_json::json;

fn weights() -> Weights {
    let shape = IxDyn(&[2, 3]);
    let numbers = |scale: f32| (0..6).map(move |n| n as f32 * scale);
    let array = |values: Vec<f32>| ArrayD::from_shape_vec(shape.clone(), values).unwrap();
    let tensors = [
        ("b.f32", Tensor::F32(array(numbers(0.5).collect()))),
        ("a.bf16", Tensor::Bf16(array(numbers(0.25).collect()).mapv(bf16::from_f32))),
        ("c.f16", Tensor::F16(array(numbers(0.125).collect()).mapv(f16::from_f32))),
        ("d.f64", Tensor::F64(array(numbers(2.0).collect()).mapv(f64::from))),
        ("e.empty", Tensor::f32(&[0, 4], vec![]).unwrap()),
        ("f.scalar", Tensor::f32(&[], vec![7.0]).unwrap()),
    ];
    tensors.map(|(name, tensor)| (name.to_owned(), Arc::new(tensor))).into_iter().collect()
}

/// A file with this header and this many bytes of data behind it.
fn file(path: &Path, header: &str, data: usize) {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    std::fs::write(path, bytes).unwrap();
}

fn refused(path: &Path) -> Failure {
    let failure = safetensors::read(path).unwrap_err();
    assert_eq!(failure.cause, Cause::Input);
    assert!(failure.message.contains("model.safetensors"), "names the file: {failure}");
    failure
}

#[test]
fn tensors_of_every_type_come_back_as_they_were_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    let mut all = weights();
    all.insert("g.i64".to_owned(), Arc::new(Tensor::i64(&[2], vec![i64::MIN, 7]).unwrap()));
    all.insert("h.i32".to_owned(), Arc::new(Tensor::i32(&[1], vec![-3]).unwrap()));
    let truth = ArrayD::from_shape_vec(IxDyn(&[3]), vec![true, false, true]).unwrap();
    all.insert("i.bool".to_owned(), Arc::new(Tensor::Bool(truth)));
    safetensors::write(&path, &all).unwrap();
    assert_eq!(safetensors::read(&path).unwrap(), all);
    let shapes = safetensors::shapes(&path).unwrap();
    assert_eq!(shapes.len(), all.len());
    assert_eq!(shapes["a.bf16"], [2, 3]);
}

#[test]
fn the_same_weights_give_the_same_bytes_and_replace_a_file_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    safetensors::write(&path, &weights()).unwrap();
    let first = std::fs::read(&path).unwrap();
    safetensors::write(&path, &weights()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), first);
    let header = String::from_utf8_lossy(&first).into_owned();
    assert!(header.contains(r#""__metadata__":{"format":"pt"}"#), "transformers insists on it");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing temporary stays");
}

#[test]
fn a_tensor_that_is_not_row_major_is_written_as_it_reads() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    let array = ArrayD::from_shape_vec(IxDyn(&[2, 3]), vec![1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let transposed = Weights::from([("w".to_owned(), Arc::new(Tensor::F32(array.reversed_axes())))]);
    safetensors::write(&path, &transposed).unwrap();
    let read = safetensors::read(&path).unwrap();
    assert_eq!(read["w"].as_f32().unwrap(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    assert_eq!(read["w"].shape(), [3, 2]);
}

#[test]
fn weights_of_every_float_type_become_f32() {
    let converted = convert::to_f32(weights()).unwrap();
    assert_eq!(converted["a.bf16"].as_f32().unwrap(), [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]);
    assert_eq!(converted["c.f16"].as_f32().unwrap()[5], 0.625);
    assert_eq!(converted["d.f64"].as_f32().unwrap()[5], 10.0);
    let integers = BTreeMap::from([("n".to_owned(), Arc::new(Tensor::i64(&[1], vec![1]).unwrap()))]);
    assert!(convert::to_f32(integers).unwrap_err().message.contains("`n`"));
    let narrow = convert::to_bf16(converted);
    assert!(narrow.values().all(|tensor| matches!(**tensor, Tensor::Bf16(_))));
}

#[test]
fn large_tensors_are_converted_whole_and_looked_at_to_the_last_number() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    let count = 150_001;
    let numbers: Vec<f32> = (0..count).map(|n| (n as f32 - 70_000.0) * 0.5).collect();
    let wide = ArrayD::from_shape_vec(IxDyn(&[count]), numbers).unwrap();
    let narrow = wide.mapv(bf16::from_f32);
    let expected = Tensor::F32(narrow.mapv(bf16::to_f32));
    let save = |tensor: Tensor| {
        safetensors::write(&path, &Weights::from([("w".to_owned(), Arc::new(tensor))])).unwrap();
        StoredFile::open(&path).unwrap()
    };
    let stored = save(Tensor::Bf16(narrow.clone()));
    assert_eq!(stored.tensor("w", Some(DType::F32)).unwrap(), expected);
    assert_eq!(stored.tensor("w", Some(DType::Bf16)).unwrap(), Tensor::Bf16(narrow.clone()));
    assert_eq!(stored.tensor("w", None).unwrap(), Tensor::Bf16(narrow.clone()));
    stored.check_finite("w").unwrap();
    let stored = save(Tensor::F32(wide.clone()));
    assert_eq!(stored.tensor("w", Some(DType::Bf16)).unwrap(), Tensor::Bf16(narrow.clone()));
    let failure = save(Tensor::F32(wide * 1e6)).tensor("w", Some(DType::F16)).unwrap_err();
    assert!(failure.message.contains("too large for f16"), "{failure}");
    let mut damaged = narrow;
    damaged[[count - 1]] = bf16::NAN;
    let stored = save(Tensor::Bf16(damaged.clone()));
    for failure in [
        stored.tensor("w", Some(DType::F32)).unwrap_err(),
        stored.tensor("w", Some(DType::Bf16)).unwrap_err(),
        stored.check_finite("w").unwrap_err(),
    ] {
        assert!(failure.message.contains("`w`: it holds a number that is not finite"), "{failure}");
    }
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    safetensors::write(&path, &weights()).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut cuts = 0;
    for length in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let failure = refused(&path);
        let expected = if length < 8 { "not a safetensors file" } else { "truncated" };
        assert!(failure.message.contains(expected), "{length}: {failure}");
        cuts += 1;
    }
    assert!(cuts > 20, "{cuts}");
    std::fs::write(&path, [whole.as_slice(), &[0; 3]].concat()).unwrap();
    assert!(refused(&path).message.contains("3 bytes follow the last tensor"));
}

#[test]
fn every_lie_in_a_header_has_its_message() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    let entry = |dtype: &str, shape: serde_json::Value, from: u64, to: u64| json!({"dtype": dtype, "shape": shape, "data_offsets": [from, to]});
    let cases = [
        (json!({"w": entry("F32", json!([2, 2]), 0, 12)}), 12, "lies about its size"),
        (json!({"w": entry("F32", json!([1]), 0, 4), "v": entry("F32", json!([1]), 2, 6)}), 6, "overlap"),
        (json!({"w": entry("F32", json!([1]), 0, 4), "v": entry("F32", json!([1]), 8, 12)}), 12, "gap"),
        (json!({"w": entry("F32", json!([1]), 4, 0)}), 4, "overlap"),
        (
            json!({"w": entry("F32", json!([4_294_967_296_u64, 4_294_967_296_u64, 4]), 0, 4)}),
            4,
            "impossibly large",
        ),
        (json!({"w": entry("F32", json!([1_099_511_627_776_u64]), 0, 4_398_046_511_104)}), 4, "truncated"),
        (json!({"w": entry("F8_E4M3", json!([4]), 0, 4)}), 4, "not supported"),
        (json!({"w": entry("Q9", json!([4]), 0, 4)}), 4, "`w` is wrong"),
        (json!({"w": {"shape": [1]}}), 4, "`w` is wrong"),
        (json!({"w": entry("F32", json!([-1]), 0, 4)}), 4, "`w` is wrong"),
        (json!([1, 2]), 0, "not that of safetensors"),
    ];
    assert_eq!(cases.len(), 11);
    let twice = r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    file(&path, twice, 4);
    assert!(refused(&path).message.contains("`w` is there twice"));
    for (header, data, expected) in cases {
        file(&path, &header.to_string(), data);
        let failure = refused(&path);
        assert!(failure.message.contains(expected), "{header}: {failure}");
    }
    std::fs::write(&path, [u64::MAX.to_le_bytes().as_slice(), b"{}"].concat()).unwrap();
    assert!(refused(&path).message.contains("claims a header of"));
    file(&path, "{\"w\": \u{0}", 0);
    assert!(refused(&path).message.contains("not that of safetensors"));
}

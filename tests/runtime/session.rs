//! Sessions and bindings.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{cell::Cell, collections::BTreeMap, path::Path, sync::Arc};

use chorale::{
    failure::{Cause, Failure},
    runtime::{Runtime, SessionOptions, SharedWeights, WeightSource},
    tensor::{DType, Tensor},
};

use crate::support::skip::skipped;

use super::{
    onnx::{Binary, model},
    runtime, settings,
};

const SUM: Binary<'_> = Binary {
    op: "Add",
    inputs: &[("x", &[-1, 2]), ("y", &[-1, 2])],
    operands: ["x", "y"],
    output: ("z", &[-1, 2]),
    weight: None,
};

const PRODUCT: Binary<'_> = Binary {
    op: "MatMul",
    inputs: &[("x", &[-1, 2])],
    operands: ["x", "w"],
    output: ("z", &[-1, 3]),
    weight: Some(("w", &[2, 3])),
};

fn rows(values: &[f32]) -> Tensor {
    Tensor::f32(&[values.len() / 2, 2], values.to_vec()).unwrap()
}

/// A weight `w [2, columns]` whose rows are all ones and all twos.
struct Counted {
    columns: usize,
    loads: Cell<usize>,
    written: Cell<usize>,
}

impl Counted {
    fn new(columns: usize) -> Self {
        Self { columns, loads: Cell::new(0), written: Cell::new(0) }
    }

    fn elements(&self) -> Vec<f32> {
        [vec![1.0; self.columns], vec![2.0; self.columns]].concat()
    }
}

impl WeightSource for Counted {
    fn names(&self) -> Vec<&str> {
        vec!["w"]
    }

    fn bytes(&self) -> u64 {
        2 * self.columns as u64 * 4
    }

    fn read(&self) -> Result<BTreeMap<String, Arc<Tensor>>, Failure> {
        self.loads.set(self.loads.get() + 1);
        let tensor = Tensor::f32(&[2, self.columns], self.elements()).unwrap();
        Ok(BTreeMap::from([("w".to_owned(), Arc::new(tensor))]))
    }

    fn write(&self, folder: &Path) -> Result<(), Failure> {
        self.written.set(self.written.get() + 1);
        let bytes: Vec<u8> = self.elements().iter().flat_map(|element| element.to_le_bytes()).collect();
        std::fs::write(folder.join("w"), bytes).unwrap();
        Ok(())
    }
}

fn weight() -> BTreeMap<String, Arc<Tensor>> {
    let tensor = Tensor::f32(&[2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    BTreeMap::from([("w".to_owned(), Arc::new(tensor))])
}

#[test]
fn a_session_adds_two_host_tensors_of_any_number_of_rows() {
    let mut session = runtime().session(&model(&SUM), BTreeMap::new(), &SessionOptions::default()).unwrap();
    assert_eq!(session.inputs(), ["x", "y"]);
    assert_eq!(session.outputs(), ["z"]);
    for (x, y, z) in [
        (rows(&[1.0, 2.0]), rows(&[10.0, 20.0]), rows(&[11.0, 22.0])),
        (rows(&[1.0, 2.0, 3.0, 4.0]), rows(&[0.5; 4]), rows(&[1.5, 2.5, 3.5, 4.5])),
        (rows(&[]), rows(&[]), rows(&[])),
    ] {
        assert_eq!(session.run(&[("x", &x), ("y", &y)]).unwrap()["z"], z);
    }
}

#[test]
fn a_tensor_that_is_not_row_major_arrives_as_it_reads() {
    let mut session = runtime().session(&model(&SUM), BTreeMap::new(), &SessionOptions::default()).unwrap();
    let Tensor::F32(array) = rows(&[1.0, 2.0, 3.0, 4.0]) else { unreachable!() };
    let transposed = Tensor::F32(array.reversed_axes());
    let z = session.run(&[("x", &transposed), ("y", &rows(&[0.0; 4]))]).unwrap().remove("z").unwrap();
    assert_eq!(z, rows(&[1.0, 3.0, 2.0, 4.0]));
}

#[test]
fn external_weights_enter_by_name_and_can_be_shared() {
    let shared = SharedWeights::new(weight()).unwrap();
    let x = rows(&[1.0, 1.0]);
    let expected = Tensor::f32(&[1, 3], vec![5.0, 7.0, 9.0]).unwrap();
    for _ in 0..2 {
        let mut session =
            runtime().session_sharing(&model(&PRODUCT), &shared, &SessionOptions::default()).unwrap();
        assert_eq!(session.run(&[("x", &x)]).unwrap()["z"], expected);
    }
    let mut session = runtime().session(&model(&PRODUCT), weight(), &SessionOptions::default()).unwrap();
    drop(shared);
    assert_eq!(session.run(&[("x", &x)]).unwrap()["z"], expected);
}

#[test]
fn a_missing_weight_or_input_is_a_failure_that_names_it() {
    let without =
        runtime().session(&model(&PRODUCT), BTreeMap::new(), &SessionOptions::default()).unwrap_err();
    assert_eq!(without.cause, Cause::Runtime);
    let mut session = runtime().session(&model(&SUM), BTreeMap::new(), &SessionOptions::default()).unwrap();
    let failure = session.run(&[("x", &rows(&[1.0, 2.0]))]).unwrap_err();
    assert!(failure.message.contains("onnxruntime cannot run the graph"), "{failure}");
    assert!(failure.message.contains('y'), "{failure}");
}

#[test]
fn a_run_that_goes_wrong_names_the_node() {
    let mut session = runtime().session(&model(&SUM), BTreeMap::new(), &SessionOptions::default()).unwrap();
    let failure =
        session.run(&[("x", &rows(&[1.0; 4])), ("y", &rows(&[1.0; 6]))]).expect_err("2 rows plus 3 rows");
    assert!(failure.message.contains("layers.0/only"), "{failure}");
}

#[test]
fn bytes_that_are_no_graph_are_refused() {
    for junk in [&b""[..], b"junk", &[0xff; 64]] {
        let refused = runtime().session(junk, BTreeMap::new(), &SessionOptions::default());
        assert_eq!(refused.unwrap_err().cause, Cause::Runtime);
    }
}

#[test]
fn a_buffer_bound_as_input_and_output_is_updated_in_place() {
    let mut session = runtime().session(&model(&SUM), BTreeMap::new(), &SessionOptions::default()).unwrap();
    let state = session.buffer(DType::F32, &[1, 2]).unwrap();
    let step = session.buffer(DType::F32, &[1, 2]).unwrap();
    step.write(&rows(&[1.0, 10.0])).unwrap();
    let mut binding = session.binding().unwrap();
    binding.input("x", &state).unwrap();
    binding.input("y", &step).unwrap();
    binding.output("z", &state).unwrap();
    for _ in 0..3 {
        assert!(binding.run(&mut session).unwrap().is_empty());
    }
    assert_eq!(state.read().unwrap(), rows(&[3.0, 30.0]));
    step.write(&rows(&[-3.0, -30.0])).unwrap();
    binding.run(&mut session).unwrap();
    assert_eq!(&*state.view_f32(), [0.0, 0.0]);
}

#[test]
fn a_fetched_output_may_change_its_shape_between_runs() {
    let mut session = runtime().session(&model(&SUM), BTreeMap::new(), &SessionOptions::default()).unwrap();
    let mut binding = session.binding().unwrap();
    binding.fetch("z").unwrap();
    for count in [1, 3, 2] {
        let buffer = session.host_buffer(DType::F32, &[count, 2]).unwrap();
        buffer.write(&rows(&vec![1.0; 2 * count])).unwrap();
        binding.input("x", &buffer).unwrap();
        binding.input("y", &buffer).unwrap();
        assert_eq!(binding.run(&mut session).unwrap()["z"], rows(&vec![2.0; 2 * count]));
    }
}

#[test]
fn a_second_library_in_one_process_is_refused() {
    let first = runtime();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("libonnxruntime.so.9.9.9");
    std::fs::copy(first.path(), &copy).unwrap();
    let mut settings = settings();
    settings.library = Some(copy);
    let failure = Runtime::open(&settings).unwrap_err();
    assert!(failure.message.contains("already opened another"), "{failure}");
    assert_eq!(Runtime::open(&super::settings()).unwrap().path(), first.path());
}

#[test]
fn the_identity_is_known_before_the_library_is_opened() {
    assert_eq!(super::lazy().identity().unwrap(), runtime().identity());
    assert!(runtime().identity().starts_with("onnxruntime 1."));
}

#[test]
fn large_weights_are_files_that_sessions_map_as_long_as_they_live() {
    const COLUMNS: usize = 9 << 20;
    let runtime = Runtime::open(&settings()).unwrap();
    let large = Counted::new(COLUMNS);
    let weights = runtime.weights("large", &large).unwrap();
    if large.written.get() == 0 {
        skipped("weights as files: no shared-memory file system with room for 72 MiB");
        return;
    }
    assert_eq!(large.loads.get(), 0);
    let shape = [2, COLUMNS as u64];
    let product = Binary { output: ("z", &[-1, COLUMNS as i64]), weight: Some(("w", &shape)), ..PRODUCT };
    let session = || runtime.session_sharing(&model(&product), &weights, &SessionOptions::default()).unwrap();
    let mut sessions = [session(), session()];
    runtime.forget_weights();
    drop(weights);
    for session in &mut sessions {
        let z = session.run(&[("x", &rows(&[1.0, 10.0]))]).unwrap();
        assert_eq!(z["z"], Tensor::f32(&[1, COLUMNS], vec![21.0; COLUMNS]).unwrap());
    }
}

#[test]
fn the_weights_opened_last_are_loaded_once() {
    // One of its own: other tests open models in the shared one meanwhile.
    let runtime = Runtime::open(&settings()).unwrap();
    let small = Counted::new(1);
    for identity in ["a", "a", "b", "b", "a"] {
        let weights = runtime.weights(identity, &small).unwrap();
        assert_eq!(weights.names().count(), 1);
    }
    assert_eq!(small.loads.get(), 3);
    runtime.forget_weights();
    runtime.weights("a", &small).unwrap();
    assert_eq!(small.loads.get(), 4);
}

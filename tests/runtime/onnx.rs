//! Writes tiny ONNX files by hand, so that tests of the runtime do not depend on the graph compiler.

/// Element type 1 of ONNX: 32-bit float.
const FLOAT: u64 = 1;

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn message(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

/// An input or output of floats; a negative extent is dynamic.
fn value_info(name: &str, shape: &[i64]) -> Vec<u8> {
    let dim = |extent: i64| {
        message(|dim| match u64::try_from(extent) {
            Ok(extent) => number(dim, 1, extent),
            Err(_) => bytes(dim, 2, b"n"),
        })
    };
    let dims = message(|shape_out| shape.iter().for_each(|extent| bytes(shape_out, 1, &dim(*extent))));
    let tensor = message(|tensor| {
        number(tensor, 1, FLOAT);
        bytes(tensor, 2, &dims);
    });
    let kind = message(|kind| bytes(kind, 1, &tensor));
    message(|info| {
        bytes(info, 1, name.as_bytes());
        bytes(info, 2, &kind);
    })
}

/// A float initializer whose data lies outside the file.
fn external(name: &str, shape: &[u64]) -> Vec<u8> {
    let location = message(|entry| {
        bytes(entry, 1, b"location");
        bytes(entry, 2, name.as_bytes());
    });
    message(|tensor| {
        for extent in shape {
            number(tensor, 1, *extent);
        }
        number(tensor, 2, FLOAT);
        bytes(tensor, 8, name.as_bytes());
        bytes(tensor, 13, &location);
        number(tensor, 14, 1);
    })
}

/// A file in which `node` = `op(left, right)` is the only node; `weight` names an external initializer.
pub(crate) struct Binary<'a> {
    pub(crate) op: &'a str,
    pub(crate) inputs: &'a [(&'a str, &'a [i64])],
    pub(crate) operands: [&'a str; 2],
    pub(crate) output: (&'a str, &'a [i64]),
    pub(crate) weight: Option<(&'a str, &'a [u64])>,
}

/// The bytes of the file.
pub(crate) fn model(binary: &Binary<'_>) -> Vec<u8> {
    let node = message(|node| {
        for operand in binary.operands {
            bytes(node, 1, operand.as_bytes());
        }
        bytes(node, 2, binary.output.0.as_bytes());
        bytes(node, 3, b"layers.0/only");
        bytes(node, 4, binary.op.as_bytes());
    });
    let graph = message(|graph| {
        bytes(graph, 1, &node);
        bytes(graph, 2, b"test");
        if let Some((name, shape)) = binary.weight {
            bytes(graph, 5, &external(name, shape));
        }
        for (name, shape) in binary.inputs {
            bytes(graph, 11, &value_info(name, shape));
        }
        bytes(graph, 12, &value_info(binary.output.0, binary.output.1));
    });
    message(|model| {
        number(model, 1, 10);
        bytes(model, 7, &graph);
        bytes(model, 8, &message(|opset| number(opset, 2, 20)));
    })
}

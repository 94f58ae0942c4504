//! Says what of the contract a training graph breaks, all of it.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use super::{FROZEN, GRADIENT, TRAINABLE};
use crate::{
    graph::{
        export::{EXTERNAL, element_type},
        proto::{AttributeProto, GraphProto, ModelProto, TensorProto, ValueInfoProto},
    },
    model::loss::{LOSSES, Loss, Unit},
    tensor::DType,
    train::graph::name,
};

/// The oldest version of the operators that can be spliced into.
const OLDEST_OPSET: i64 = 13;
/// The oldest version of the format in which weights need not be inputs.
const OLDEST_FORMAT: i64 = 4;
/// Tensors of more elements than this are refused.
const MOST_ELEMENTS: i64 = 1 << 40;

/// Everything that is wrong with an ONNX file as a training graph, each as a lowercase fragment; with `loss`, also what that
/// objective cannot do with it.
pub fn check(bytes: &[u8], loss: Option<&dyn Loss>) -> Vec<String> {
    let model = match ModelProto::decode(bytes) {
        Ok(model) => model,
        Err(error) => return vec![format!("it is no ONNX file: {error}")],
    };
    let Some(graph) = &model.graph else { return vec!["it has no graph".to_owned()] };
    let mut problems = versions(&model);
    let inputs = declared(&graph.input, "input", &mut problems);
    let outputs = declared(&graph.output, "output", &mut problems);
    batch_inputs(&inputs, &mut problems);
    weights(&inputs, &outputs, &mut problems);
    scalars(&outputs, &mut problems);
    contents(graph, &mut problems);
    if let Some(loss) = loss {
        objective(&inputs, loss, &mut problems);
    }
    problems
}

fn versions(model: &ModelProto) -> Vec<String> {
    let mut problems = Vec::new();
    let format = model.ir_version.unwrap_or(0);
    if format < OLDEST_FORMAT {
        problems.push(format!("its format is version {format}, older than {OLDEST_FORMAT}"));
    }
    let standard = |domain: &Option<String>| matches!(domain.as_deref(), None | Some("" | "ai.onnx"));
    let opset = model.opset_import.iter().find(|set| standard(&set.domain)).and_then(|set| set.version);
    match opset {
        Some(version) if version >= OLDEST_OPSET => {}
        Some(version) => {
            problems.push(format!("its operators are version {version}, older than {OLDEST_OPSET}"));
        }
        None => problems.push("it does not say which version of the standard operators it uses".to_owned()),
    }
    if !model.functions.is_empty() {
        problems.push("it has model functions: inline them (`onnx.inliner`)".to_owned());
    }
    problems
}

/// A tensor of the graph's signature: its element type and its extents, symbolic ones as `None`.
struct Declared {
    element: i32,
    shape: Option<Vec<Option<i64>>>,
}

impl Declared {
    fn is(&self, dtype: DType, rank: usize) -> bool {
        self.element == element_type(dtype) && self.shape.as_ref().is_some_and(|shape| shape.len() == rank)
    }

    /// The extents, if all are known and make a tensor.
    fn fixed(&self) -> Option<Vec<i64>> {
        let shape = self.shape.as_ref()?.iter().copied().collect::<Option<Vec<i64>>>()?;
        let elements = shape.iter().try_fold(1_i64, |all, extent| {
            if *extent > 0 { all.checked_mul(*extent).filter(|all| *all <= MOST_ELEMENTS) } else { None }
        });
        elements.map(|_| shape)
    }
}

fn declared<'g>(
    values: &'g [ValueInfoProto],
    what: &str,
    problems: &mut Vec<String>,
) -> BTreeMap<&'g str, Declared> {
    let mut all = BTreeMap::new();
    for value in values {
        let name = value.name.as_deref().unwrap_or_default();
        let tensor = value.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
        let Some(tensor) = tensor else {
            problems.push(format!("{what} `{name}` is no tensor"));
            continue;
        };
        let shape = tensor.shape.as_ref().map(|shape| shape.dim.iter().map(|dim| dim.dim_value).collect());
        let declared = Declared { element: tensor.elem_type.unwrap_or(0), shape };
        if all.insert(name, declared).is_some() {
            problems.push(format!("two {what}s are named `{name}`"));
        }
    }
    all
}

/// The inputs that describe a batch: name, type, number of axes, and whether a graph can do without.
fn contract() -> Vec<(String, DType, usize, bool)> {
    let fixed = [
        (name::TOKENS, DType::I64, 2, true),
        (name::SELECTED, DType::I64, 1, true),
        (name::LABELS, DType::I64, 1, true),
        (name::UNITS, DType::F32, 0, true),
        (name::POSITIONS, DType::I64, 2, false),
        (name::SEGMENTS, DType::I64, 2, false),
        (name::DROPOUT, DType::I64, 2, false),
    ];
    let mut all: Vec<_> =
        fixed.into_iter().map(|(name, dtype, rank, needed)| (name.to_owned(), dtype, rank, needed)).collect();
    let roles: BTreeSet<&str> = LOSSES.iter().flat_map(|loss| loss.roles().iter().copied()).collect();
    for role in roles {
        all.push((name::members(role), DType::F32, 2, false));
        all.push((name::reference(role), DType::F32, 1, false));
    }
    let columns: BTreeSet<&str> =
        LOSSES.iter().flat_map(|loss| loss.column_names().iter().copied()).collect();
    all.extend(columns.into_iter().map(|name| (name.to_owned(), DType::F32, 1, false)));
    all.push((name::GROUPS.to_owned(), DType::F32, 2, false));
    all
}

fn batch_inputs(inputs: &BTreeMap<&str, Declared>, problems: &mut Vec<String>) {
    let contract = contract();
    for (name, dtype, rank, needed) in &contract {
        match inputs.get(name.as_str()) {
            None if *needed => problems.push(format!("input `{name}` is missing")),
            Some(declared) if !declared.is(*dtype, *rank) => {
                let kind = if *dtype == DType::I64 { "i64" } else { "f32" };
                problems.push(format!("input `{name}` is not {kind} with {rank} axes"));
            }
            _ => {}
        }
    }
    for name in inputs.keys() {
        let known = contract.iter().any(|(known, ..)| known == name);
        if !known && !name.starts_with(TRAINABLE) && !name.starts_with(FROZEN) {
            let nearest = contract
                .iter()
                .map(|(known, ..)| (strsim::damerau_levenshtein(known, name), known))
                .min()
                .filter(|(distance, _)| *distance <= 2);
            let meant = nearest.map_or_else(String::new, |(_, known)| format!(", did you mean `{known}`?"));
            problems.push(format!("input `{name}` has no meaning in the contract{meant}"));
        }
    }
}

fn weights(
    inputs: &BTreeMap<&str, Declared>,
    outputs: &BTreeMap<&str, Declared>,
    problems: &mut Vec<String>,
) {
    let mut trained = 0;
    for (name, declared) in
        inputs.iter().filter(|(name, _)| name.starts_with(TRAINABLE) || name.starts_with(FROZEN))
    {
        let shape = declared.fixed().filter(|_| declared.element == element_type(DType::F32));
        if shape.is_none() {
            problems.push(format!("input `{name}` is not f32 with fixed extents above 0"));
        }
        let Some(tensor) = name.strip_prefix(TRAINABLE) else { continue };
        trained += 1;
        match outputs.get(format!("{GRADIENT}{tensor}").as_str()) {
            None => problems.push(format!("input `{name}` has no output `{GRADIENT}{tensor}`")),
            Some(gradient) if gradient.element != element_type(DType::F32) || gradient.fixed() != shape => {
                problems.push(format!("output `{GRADIENT}{tensor}` is not f32 with the extents of `{name}`"));
            }
            Some(_) => {}
        }
        if inputs.contains_key(format!("{FROZEN}{tensor}").as_str()) {
            problems.push(format!("tensor `{tensor}` is trained and frozen at once"));
        }
    }
    for name in outputs.keys() {
        let Some(tensor) = name.strip_prefix(GRADIENT) else { continue };
        if !inputs.contains_key(format!("{TRAINABLE}{tensor}").as_str()) {
            problems.push(format!("output `{name}` belongs to no input `{TRAINABLE}{tensor}`"));
        }
    }
    if trained == 0 {
        problems.push(format!("no input begins with `{TRAINABLE}`: nothing is trained"));
    }
}

fn scalars(outputs: &BTreeMap<&str, Declared>, problems: &mut Vec<String>) {
    if !outputs.contains_key(name::LOSS) {
        problems.push(format!("output `{}` is missing", name::LOSS));
    }
    for (name, declared) in outputs.iter().filter(|(name, _)| !name.starts_with(GRADIENT)) {
        if !declared.is(DType::F32, 0) {
            problems.push(format!("output `{name}` is not f32 without axes"));
        }
    }
}

/// What the nodes and weights of a graph may not hold: anything that lies elsewhere.
fn contents(graph: &GraphProto, problems: &mut Vec<String>) {
    let mut outside = |tensor: &TensorProto| {
        if tensor.data_location == Some(EXTERNAL) || !tensor.external_data.is_empty() {
            let name = tensor.name.as_deref().unwrap_or_default();
            problems
                .push(format!("tensor `{name}` lies outside of the file: make it an input `{FROZEN}{name}`"));
        }
    };
    graph.initializer.iter().for_each(&mut outside);
    let attributes: Vec<&AttributeProto> = graph.node.iter().flat_map(|node| &node.attribute).collect();
    attributes
        .iter()
        .flat_map(|attribute| attribute.t.iter().chain(&attribute.tensors))
        .for_each(&mut outside);
    let sparse = attributes.iter().any(|a| a.sparse_tensor.is_some() || !a.sparse_tensors.is_empty());
    if sparse || !graph.sparse_initializer.is_empty() {
        problems.push("it has sparse tensors".to_owned());
    }
    for inner in
        attributes.iter().flat_map(|attribute| attribute.g.as_deref().into_iter().chain(&attribute.graphs))
    {
        contents(inner, problems);
    }
}

fn objective(inputs: &BTreeMap<&str, Declared>, loss: &dyn Loss, problems: &mut Vec<String>) {
    let has = |name: &str| inputs.contains_key(name);
    let roles = loss.roles();
    if roles.len() > 1 && !(has(name::SEGMENTS) && has(name::POSITIONS)) {
        problems.push(format!(
            "objective `{}` lays several sequences out in one row: inputs `segments` and `positions` are missing",
            loss.name()
        ));
    }
    for role in roles.iter().filter(|_| roles.len() > 1) {
        if !has(&name::members(role)) {
            problems.push(format!("objective `{}` needs input `{}`", loss.name(), name::members(role)));
        }
    }
    for role in LOSSES.iter().flat_map(|loss| loss.roles().iter().copied()).collect::<BTreeSet<_>>() {
        let (members, reference) = (name::members(role), name::reference(role));
        let of_other = !roles.contains(&role) && (has(&members) || has(&reference));
        if of_other {
            problems.push(format!("objective `{}` has no role `{role}`", loss.name()));
        } else if roles.contains(&role) && has(&reference) && !loss.needs_reference() {
            problems.push(format!("objective `{}` gives no `{reference}`", loss.name()));
        }
    }
    let mut own: Vec<&str> = loss.column_names().to_vec();
    own.extend((loss.unit() == Unit::Group).then_some(name::GROUPS));
    let others = LOSSES.iter().flat_map(|other| other.column_names().iter().copied()).chain([name::GROUPS]);
    for name in others.collect::<BTreeSet<_>>() {
        if has(name) && !own.contains(&name) {
            problems.push(format!("objective `{}` gives no `{name}`", loss.name()));
        }
    }
}

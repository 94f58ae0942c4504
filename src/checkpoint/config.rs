//! `config.json` as it stands there, and the few fields that are not about the network.

use std::path::Path;

use serde_json::{Map, Value as Json};

use crate::{
    failure::{Cause, Failure, bug},
    tensor::DType,
};

/// Reads a JSON object from a file of at most 64 MiB.
pub fn read(path: &Path) -> Result<Map<String, Json>, Failure> {
    const LARGEST: u64 = 64 << 20;
    let failed = |error: &std::io::Error| Failure::io(Cause::Input, "read", path, error);
    let shown = path.display();
    if std::fs::metadata(path).map_err(|error| failed(&error))?.len() > LARGEST {
        return Err(Failure::input(format!("`{shown}` is too large for a JSON file of a model")));
    }
    let bytes = std::fs::read(path).map_err(|error| failed(&error))?;
    match serde_json::from_slice(&bytes) {
        Ok(Json::Object(fields)) => Ok(fields),
        Ok(_) => Err(Failure::input(format!("`{shown}` is not a JSON object"))),
        Err(error) => Err(Failure::input(format!("`{shown}` is not JSON: {error}"))),
    }
}

/// Writes a JSON object, indented, fields in the order given.
pub fn write(path: &Path, fields: &Map<String, Json>) -> Result<(), Failure> {
    let mut bytes = serde_json::to_vec_pretty(fields).unwrap_or_else(|error| bug(error));
    bytes.push(b'\n');
    std::fs::write(path, bytes).map_err(|error| Failure::io(Cause::Store, "write", path, &error))
}

/// The token ids in a field that holds one id, a list of ids, or nothing.
pub fn token_ids(fields: &Map<String, Json>, name: &str) -> Result<Vec<u32>, Failure> {
    let id = |value: &Json| {
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| Failure::input(format!("field `{name}` is not a token id: {value}")))
    };
    match fields.get(name) {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Array(ids)) => ids.iter().map(id).collect(),
        Some(one) => Ok(vec![id(one)?]),
    }
}

/// Notes the element type of the weights, under the names that old and new transformers look for.
pub fn set_dtype(fields: &mut Map<String, Json>, dtype: DType) {
    let name = match dtype {
        DType::Bf16 => "bfloat16",
        DType::F16 => "float16",
        DType::F64 => "float64",
        DType::F32 | DType::I64 | DType::I32 | DType::Bool => "float32",
    };
    for field in ["dtype", "torch_dtype"] {
        fields.insert(field.to_owned(), name.into());
    }
}

//! `StaticZone`: the mapping of `StaticResolver` as core's zone; what an entry means is core's to say.

use std::sync::Arc;

use mailauth_core::dns::{NO_MAPPING, StaticZone, Value, ZoneError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::errors::Fault;

/// A zone out of a mapping of names to record types to values.
#[pyclass(frozen, name = "StaticZone", module = "mailauth_fast._core")]
pub(crate) struct PyStaticZone(pub(crate) Arc<StaticZone>);

#[pymethods]
impl PyStaticZone {
    /// Builds the zone; `source` names it in answers.
    #[new]
    fn new(zone: &Bound<'_, PyDict>, source: &str) -> PyResult<Self> {
        let mut built = StaticZone::new(source);
        for (name, types) in zone {
            let name: String = name.extract().map_err(|_| {
                Fault::Argument(format!("zone entry {name}: every name must be a text"))
            })?;
            add_name(&mut built, &name, &types)
                .map_err(|error| Fault::Argument(format!("zone entry {error}")))?;
        }
        Ok(Self(Arc::new(built)))
    }
}

fn add_name(zone: &mut StaticZone, name: &str, types: &Bound<'_, PyAny>) -> Result<(), ZoneError> {
    if let Ok(word) = types.extract::<String>() {
        return zone.set_word(name, &word);
    }
    let types = types
        .cast::<PyDict>()
        .map_err(|_| ZoneError::new(name, NO_MAPPING))?;
    zone.touch(name);
    for (record_type, value) in types {
        zone.set(name, &record_type.to_string(), to_value(&value, 0))?;
    }
    Ok(())
}

/// Depth of lists that a value may have: records of several strings.
const DEPTH_LIMIT: usize = 2;

fn to_value(value: &Bound<'_, PyAny>, depth: usize) -> Value {
    if let Ok(octets) = value.cast::<PyBytes>() {
        return Value::Octets(octets.as_bytes().to_vec());
    }
    if let Ok(text) = value.cast::<PyString>() {
        return text
            .extract()
            .map_or_else(|_| Value::Other(text.to_string()), Value::Text);
    }
    if depth < DEPTH_LIMIT
        && let Ok(items) = value.try_iter()
    {
        return Value::List(
            items
                .flatten()
                .map(|item| to_value(&item, depth + 1))
                .collect(),
        );
    }
    value
        .extract()
        .map_or_else(|_| Value::Other(value.to_string()), Value::Number)
}

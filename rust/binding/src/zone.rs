//! `StaticZone`: the mapping of `StaticResolver` as core's zone.

use std::sync::Arc;

use mailauth_core::dns::{MxRecord, RecordData, StaticZone, TxtRecord, ZoneValue};
use mailauth_core::domain::Domain;
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
        for (name, value) in zone {
            let name: String = name
                .extract()
                .map_err(|_| fail("a zone", "every name must be a text"))?;
            add_name(&mut built, &name, &value)?;
        }
        Ok(Self(Arc::new(built)))
    }
}

fn fail(name: &str, problem: &str) -> Fault {
    Fault::Argument(format!("zone entry {name:?}: {problem}"))
}

fn add_name(zone: &mut StaticZone, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(word) = value.extract::<String>() {
        let outcome = StaticZone::outcome_word(&word)
            .ok_or_else(|| fail(name, "a word must be NXDOMAIN, NODATA, SERVFAIL or TIMEOUT"))?;
        zone.set_name(name, outcome);
        return Ok(());
    }
    let types = value
        .cast::<PyDict>()
        .map_err(|_| fail(name, "expected a mapping of record types"))?;
    zone.touch(name);
    for (record_type, content) in types {
        let record_type: String = record_type
            .extract()
            .map_err(|_| fail(name, "a record type must be a text"))?;
        let value = zone_value(name, &record_type, &content)?;
        zone.set(name, &record_type, value)
            .map_err(|error| Fault::Argument(format!("zone entry {error}")))?;
    }
    Ok(())
}

fn zone_value(name: &str, record_type: &str, content: &Bound<'_, PyAny>) -> PyResult<ZoneValue> {
    let is_single = content.is_instance_of::<PyString>() || content.is_instance_of::<PyBytes>();
    if let Some(outcome) = content
        .extract::<String>()
        .ok()
        .as_deref()
        .and_then(StaticZone::outcome_word)
    {
        return Ok(ZoneValue::Outcome(outcome));
    }
    let values: Vec<Bound<'_, PyAny>> = if is_single {
        vec![content.clone()]
    } else {
        content.try_iter()?.collect::<PyResult<_>>()?
    };
    let text = |value: &Bound<'_, PyAny>| {
        value
            .extract::<String>()
            .map_err(|_| fail(name, "expected a list of texts"))
    };
    let data = match record_type {
        "CNAME" => {
            let target = values
                .first()
                .ok_or_else(|| fail(name, "a CNAME needs one target"))?;
            return Ok(ZoneValue::Alias(text(target)?));
        }
        "A" => RecordData::A(parse_all(name, &values)?),
        "AAAA" => RecordData::Aaaa(parse_all(name, &values)?),
        "PTR" => {
            let names = values.iter().map(text).collect::<Result<Vec<_>, _>>()?;
            RecordData::Ptr(
                names
                    .iter()
                    .filter_map(|name| Domain::parse_ascii(name))
                    .collect(),
            )
        }
        "MX" => RecordData::Mx(
            values
                .iter()
                .map(|value| mx(name, value))
                .collect::<PyResult<_>>()?,
        ),
        "TXT" => RecordData::Txt(
            values
                .iter()
                .map(|value| txt(name, value))
                .collect::<PyResult<_>>()?,
        ),
        _ => {
            return Err(fail(
                name,
                "unknown record type; use A, AAAA, MX, TXT, PTR or CNAME",
            )
            .into());
        }
    };
    Ok(ZoneValue::Data(data).or_no_data())
}

fn parse_all<T: std::str::FromStr>(name: &str, values: &[Bound<'_, PyAny>]) -> PyResult<Vec<T>> {
    let problem = || PyErr::from(fail(name, "expected a list of IP addresses"));
    let parse = |value: &Bound<'_, PyAny>| value.str()?.to_string().parse().map_err(|_| problem());
    values.iter().map(parse).collect()
}

fn mx(name: &str, value: &Bound<'_, PyAny>) -> PyResult<MxRecord> {
    let problem = |_| fail(name, "an MX value is [preference, host]");
    let items: Vec<Bound<'_, PyAny>> = value.extract().map_err(problem)?;
    let [preference, host] = items.as_slice() else {
        return Err(fail(name, "an MX value is [preference, host]").into());
    };
    let host: String = host.extract().map_err(problem)?;
    Ok(MxRecord {
        preference: preference.extract().map_err(problem)?,
        exchange: Domain::parse_ascii(&host),
    })
}

fn txt(name: &str, value: &Bound<'_, PyAny>) -> PyResult<TxtRecord> {
    if let Ok(string) = octets(value) {
        return Ok(TxtRecord::from_strings([string.as_slice()]));
    }
    let problem = || fail(name, "a TXT value is a text, octets, or a list of them");
    let parts = value.try_iter().map_err(|_| problem())?;
    let strings = parts.map(|part| octets(&part?).map_err(|_| problem().into()));
    let strings: Vec<Vec<u8>> = strings.collect::<PyResult<_>>()?;
    Ok(TxtRecord::from_strings(strings.iter().map(Vec::as_slice)))
}

fn octets(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    Ok(value.extract::<String>()?.into_bytes())
}

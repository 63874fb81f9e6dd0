//! `StoreKeys`: the DKIM key records of a DNS store and what each of them says, for the audit of keys.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mailauth_core::dkim::KeyFacts;
use mailauth_resolver::store::{StoreReader, StoredRow};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde::Serialize;

use crate::errors::Fault;
use crate::rows::to_json;

/// Parts a selector from its domain (RFC 6376 §3.6.2.1).
const SEPARATOR: &str = "._domainkey.";

/// One key record of one row.
#[derive(Serialize)]
struct StoredKey<'a> {
    selector: &'a str,
    domain: &'a str,
    text: String,
    first_seen: Option<i64>,
    last_seen: Option<i64>,
    source: &'a str,
    #[serde(flatten)]
    facts: KeyFacts,
}

/// The key records of a store, as JSON lines, some at a time.
#[pyclass(frozen, module = "mailauth_fast._core")]
pub(crate) struct StoreKeys(Mutex<StoreReader>);

#[pymethods]
impl StoreKeys {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 makes the path")]
    fn new(path: PathBuf) -> PyResult<Self> {
        let reader = StoreReader::open(Path::new(&path)).map_err(Fault::from)?;
        Ok(Self(Mutex::new(reader)))
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// The number of rows read and the lines of the key records among them.
    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<(usize, Bound<'py, PyBytes>)>> {
        let read = py.detach(|| {
            let rows = self.lock().next_rows().map_err(Fault::from)?;
            let lines = |rows: Vec<StoredRow>| Ok::<_, Fault>((rows.len(), key_lines(&rows)?));
            rows.map(lines).transpose()
        });
        Ok(read?.map(|(count, lines)| (count, PyBytes::new(py, &lines))))
    }

    /// What is wrong with the store as far as it was read, one sentence each.
    #[getter]
    fn problems(&self) -> Vec<String> {
        self.lock().problems()
    }
}

impl StoreKeys {
    fn lock(&self) -> MutexGuard<'_, StoreReader> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_lines(rows: &[StoredRow]) -> Result<Vec<u8>, Fault> {
    let mut lines = Vec::new();
    for stored in rows {
        let Some((question, answer)) = &stored.answer else {
            continue;
        };
        let Some((selector, domain)) = question.name.as_str().split_once(SEPARATOR) else {
            continue;
        };
        for record in answer.txt() {
            lines.extend(to_json(&StoredKey {
                selector,
                domain,
                text: String::from_utf8_lossy(record.joined()).into_owned(),
                first_seen: answer.first_seen,
                last_seen: answer.last_seen,
                source: &answer.source,
                facts: KeyFacts::read(record.joined()),
            })?);
            lines.push(b'\n');
        }
    }
    Ok(lines)
}

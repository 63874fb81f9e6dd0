//! The DNS store: `RecordedResolver` answers from a file, `RecordingResolver` fills one, `StoreRows` shows one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use mailauth_core::dns::{Answer, Question, RecordData, RecordType, TxtRecord};
use mailauth_core::domain::Domain;
use mailauth_resolver::store::{Recorder, StoreReader, StoredRow};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::engine::unix_time;
use crate::errors::Fault;
use crate::rows::to_json;

/// Answers from a DNS store alone.
#[pyclass(frozen, name = "RecordedResolver", module = "mailauth_fast._core")]
pub(crate) struct RecordedResolver(pub(crate) Arc<mailauth_resolver::store::RecordedResolver>);

#[pymethods]
impl RecordedResolver {
    /// Reads the whole store.
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 makes the path")]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let opened = py.detach(|| mailauth_resolver::store::RecordedResolver::open(&path));
        Ok(Self(Arc::new(opened.map_err(Fault::from)?)))
    }

    /// What is wrong with the store, one sentence each; the rest of it is used.
    #[getter]
    fn problems(&self) -> Vec<String> {
        self.0.problems().to_vec()
    }
}

/// Asks another resolver and appends every answer to a DNS store.
#[pyclass(frozen, name = "RecordingResolver", module = "mailauth_fast._core")]
pub(crate) struct RecordingResolver {
    /// What the engine would be given without recording.
    pub(crate) inner: Py<PyAny>,
    pub(crate) recorder: Arc<Recorder>,
}

#[pymethods]
impl RecordingResolver {
    /// Opens or makes the store; it stays locked until `close`.
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 makes the path")]
    fn new(py: Python<'_>, inner: Py<PyAny>, path: PathBuf) -> PyResult<Self> {
        let recorder = py.detach(|| Recorder::open(&path, unix_time));
        Ok(Self {
            inner,
            recorder: Arc::new(recorder.map_err(Fault::from)?),
        })
    }

    /// What was wrong with the store when it was opened, one sentence each.
    #[getter]
    fn problems(&self) -> Vec<String> {
        self.recorder.problems().to_vec()
    }

    /// Writes what is waiting and makes it survive a loss of power.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.recorder.flush()).map_err(Fault::from)?)
    }

    /// Writes and syncs what is waiting and lets go of the file.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.recorder.close()).map_err(Fault::from)?)
    }
}

/// A store that keys are written to which nobody asked DNS for.
#[pyclass(frozen, module = "mailauth_fast._core")]
pub(crate) struct KeyStore(Recorder);

#[pymethods]
impl KeyStore {
    /// Opens or makes the store; it stays locked until `close`.
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 makes the path")]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let recorder = py.detach(|| Recorder::open(&path, unix_time));
        Ok(Self(recorder.map_err(Fault::from)?))
    }

    /// What was wrong with the store when it was opened, one sentence each.
    #[getter]
    fn problems(&self) -> Vec<String> {
        self.0.problems().to_vec()
    }

    /// Writes one key record in a frame of its own, which survives a loss of power: it cost much.
    fn add(
        &self,
        py: Python<'_>,
        name: &str,
        record: &[u8],
        seen: (Option<i64>, Option<i64>),
        source: &str,
    ) -> PyResult<()> {
        let question = Question {
            name: asked_name(name)?,
            record_type: RecordType::Txt,
        };
        let answer = Answer {
            first_seen: seen.0,
            last_seen: seen.1,
            source: source.into(),
            ..Answer::found(RecordData::Txt(vec![TxtRecord::from_strings([record])]))
        };
        self.0.add(&question, answer);
        Ok(py.detach(|| self.0.flush()).map_err(Fault::from)?)
    }

    /// Lets go of the file.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.0.close()).map_err(Fault::from)?)
    }
}

/// The rows of a store, as JSON lines, some at a time.
#[pyclass(frozen, module = "mailauth_fast._core")]
pub(crate) struct StoreRows {
    reader: Mutex<StoreReader>,
    name: Option<Domain>,
    record_type: Option<String>,
}

#[pymethods]
impl StoreRows {
    /// `name` and `record_type` choose rows; `None` = all.
    #[new]
    #[pyo3(signature = (path, name = None, record_type = None))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 makes the path")]
    fn new(path: PathBuf, name: Option<&str>, record_type: Option<&str>) -> PyResult<Self> {
        let name = name.map(asked_name).transpose()?;
        let reader = StoreReader::open(Path::new(&path)).map_err(Fault::from)?;
        Ok(Self {
            reader: Mutex::new(reader),
            name,
            record_type: record_type.map(str::to_ascii_uppercase),
        })
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// The number of rows read and the lines of those that were chosen.
    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<(usize, Bound<'py, PyBytes>)>> {
        let rows = py.detach(|| self.lock().next_rows()).map_err(Fault::from)?;
        let Some(rows) = rows else { return Ok(None) };
        let mut lines = Vec::new();
        for stored in rows.iter().filter(|stored| self.is_chosen(stored)) {
            lines.extend(to_json(&stored.row)?);
            lines.push(b'\n');
        }
        Ok(Some((rows.len(), PyBytes::new(py, &lines))))
    }

    /// What is wrong with the store as far as it was read, one sentence each.
    #[getter]
    fn problems(&self) -> Vec<String> {
        self.lock().problems()
    }
}

impl StoreRows {
    fn lock(&self) -> std::sync::MutexGuard<'_, StoreReader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_chosen(&self, stored: &StoredRow) -> bool {
        let is_name =
            |name: &Domain| Domain::parse_expanded(&stored.row.name).as_ref() == Some(name);
        let is_type = |word: &String| *word == stored.row.record_type;
        self.record_type.as_ref().is_none_or(is_type) && self.name.as_ref().is_none_or(is_name)
    }
}

/// A name in any spelling: U-labels, capitals, with or without final dot.
fn asked_name(text: &str) -> Result<Domain, Fault> {
    Domain::parse_expanded(text)
        .or_else(|| Domain::parse_host(text))
        .ok_or_else(|| Fault::Argument(format!("{text:?} is no domain name")))
}

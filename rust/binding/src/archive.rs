//! `ArchiveRun`: verdicts of files, folders and streams, batch by batch, in bounded memory.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use mailauth_archive::{Options, Progress, Sources};
use mailauth_core::batch::Batch;
use mailauth_core::envelope::Envelope;
use mailauth_core::evaluate::{Input, Now};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::engine::Engine;
use crate::errors::Fault;
use crate::rows::Rows;

/// Rows of one batch: fixed, so that row groups of a file do not depend on the number of threads.
const ROWS_A_BATCH: usize = 4_096;

/// A run over archives in progress.
#[pyclass(frozen, module = "mailauth_fast._core")]
pub(crate) struct ArchiveRun {
    engine: Py<Engine>,
    batch: Mutex<Option<Batch>>,
    problems: Arc<Mutex<Vec<String>>>,
    progress: Progress,
    octets_total: Option<u64>,
}

impl ArchiveRun {
    pub(crate) fn start(
        engine: Py<Engine>,
        inputs: &[PathBuf],
        now: Now,
        stream: Option<Py<PyAny>>,
        limit: Option<u64>,
        is_watched: bool,
        is_attached: bool,
    ) -> PyResult<Self> {
        let stream = stream.map(|reader| Box::new(PythonReader(reader)) as Box<dyn Read + Send>);
        let options = Options {
            standard_input: stream,
            is_attached,
            ..Options::default()
        };
        let sources = Sources::open(inputs, options)
            .map_err(|problem| Fault::Unreadable(problem.to_string()))?;
        let problems: Arc<Mutex<Vec<String>>> = Arc::default();
        let progress = sources.progress();
        let octets_total = if is_watched {
            sources.total_octets()
        } else {
            None
        };
        let source = source(sources, limit, Arc::clone(&problems));
        let batch = engine.get().start(source, now);
        Ok(Self {
            engine,
            batch: Mutex::new(Some(batch)),
            problems,
            progress,
            octets_total,
        })
    }
}

/// Messages out of the archive; what cannot be read is noted beside them.
fn source(
    sources: Sources,
    limit: Option<u64>,
    problems: Arc<Mutex<Vec<String>>>,
) -> Box<dyn Iterator<Item = Input> + Send> {
    let limit = limit
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(usize::MAX);
    let inputs = sources.filter_map(move |item| match item {
        Ok(stored) => Some(Input {
            id: stored.id,
            octets: stored.octets,
            size: stored.size,
            envelope: Envelope::default(),
            is_mbox: stored.is_mbox,
            repairs: stored.notes,
        }),
        Err(problem) => {
            problems
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(problem.to_string());
            None
        }
    });
    Box::new(inputs.take(limit))
}

#[pymethods]
impl ArchiveRun {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Rows>> {
        let mut guard = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(batch) = guard.as_ref() else {
            return Ok(None);
        };
        let rows = self.engine.get().take(py, batch, ROWS_A_BATCH);
        if !matches!(&rows, Ok(rows) if !rows.is_empty()) {
            let batch = guard.take();
            py.detach(|| drop(batch));
        }
        Ok(Some(rows?).filter(|rows| !rows.is_empty()).map(Rows::new))
    }

    /// What could not be read so far, one sentence each.
    #[getter]
    fn problems(&self) -> Vec<String> {
        self.problems
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Octets of the inputs read so far.
    #[getter]
    fn octets_read(&self) -> u64 {
        self.progress.octets_read()
    }

    /// Octets of all files; `None` when nobody watches or a stream is among the inputs.
    #[getter]
    fn octets_total(&self) -> Option<u64> {
        self.octets_total
    }

    /// Messages that wait for DNS now.
    #[getter]
    fn waiting(&self) -> usize {
        self.batch
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map_or(0, Batch::waiting)
    }

    /// Every server of the live resolver was down at some time of the run.
    #[getter]
    fn is_resolver_broken(&self) -> bool {
        self.engine.get().is_broken()
    }

    /// Stops the run and its threads.
    fn close(&self, py: Python<'_>) {
        let batch = self
            .batch
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        py.detach(|| drop(batch));
    }
}

/// A Python binary stream.
struct PythonReader(Py<PyAny>);

impl Read for PythonReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Python::attach(|py| {
            let chunk = self
                .0
                .bind(py)
                .call_method1("read", (buffer.len(),))
                .map_err(io::Error::other)?;
            let chunk = chunk
                .cast::<PyBytes>()
                .map_err(|_| io::Error::other("the stream gives text, not octets"))?;
            let octets = chunk.as_bytes();
            let length = octets.len().min(buffer.len());
            buffer[..length].copy_from_slice(&octets[..length]);
            Ok(length)
        })
    }
}

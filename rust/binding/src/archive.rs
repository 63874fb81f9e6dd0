//! `ArchiveRun`: verdicts of files, folders and streams, batch by batch and unit by unit, in bounded memory.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mailauth_archive::{Options, Progress, Sources};
use mailauth_core::batch::{Account, Batch, TempErrors};
use mailauth_core::evaluate::{Input, Now};
use mailauth_core::verdict::Row;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::engine::Engine;
use crate::errors::Fault;
use crate::rows::{RowSet, Rows, to_json};
use crate::standard_input::StandardInput;
use crate::unit_reader::{FinishedUnit, RunNotes, Slice, UnitReader, input};

/// Rows of one batch: fixed, so that row groups of a file do not depend on the number of threads.
const ROWS_A_BATCH: usize = 2_048;

/// Octets of a window of a run with a stream: a signal that ends a pipeline ends also the stream, and what is left to be
/// examined then gives the signal time to be heard before the end of the stream is taken for the end of the mail.
const STREAM_WINDOW_OCTETS: usize = 8 << 20;

/// A run over archives in progress.
#[pyclass(frozen, module = "mailauth_fast._core")]
pub(crate) struct ArchiveRun {
    engine: Py<Engine>,
    rows: Mutex<RowStream>,
    finished: Mutex<Option<FinishedUnit>>,
    notes: Arc<RunNotes>,
    account: Arc<Account>,
    stop: Arc<AtomicBool>,
    progress: Progress,
    octets_total: Option<u64>,
}

/// Rows on their way out, cut where units end.
struct RowStream {
    batch: Option<Batch>,
    pending: Vec<Row>,
    /// Rows of the current unit that are out.
    given: usize,
    /// What went out last. Python lets go of rows when it has taken the next ones: so they are freed in here a call
    /// later, without the GIL, and not by the interpreter.
    out: VecDeque<Arc<RowSet>>,
}

/// Batches of rows whose end Python decides on.
const ROWS_OUT: usize = 2;

/// What a run is asked to do beside its inputs.
pub(crate) struct RunOptions {
    pub(crate) stream: Option<Py<PyAny>>,
    pub(crate) slice: Slice,
    pub(crate) is_watched: bool,
    pub(crate) is_attached: bool,
    pub(crate) temperrors: TempErrors,
}

impl ArchiveRun {
    pub(crate) fn start(
        engine: Py<Engine>,
        inputs: &[PathBuf],
        now: Now,
        options: RunOptions,
    ) -> PyResult<Self> {
        let stop = Arc::<AtomicBool>::default();
        let is_standard_input = inputs.iter().any(|path| path.as_os_str() == "-");
        let stream: Option<Box<dyn Read + Send>> = match options.stream {
            Some(stream) => Some(Box::new(PythonReader(stream))),
            None if is_standard_input => {
                let opened = StandardInput::new(Arc::clone(&stop));
                let sentence = |error| format!("standard input: cannot be read ({error})");
                Some(Box::new(
                    opened.map_err(|error| Fault::Unreadable(sentence(error)))?,
                ))
            }
            None => None,
        };
        let is_stream = stream.is_some();
        let mut sources = Options {
            standard_input: stream,
            is_attached: options.is_attached,
            ..Options::default()
        };
        if is_stream {
            sources.window_octets = STREAM_WINDOW_OCTETS;
        }
        let sources = Sources::open(inputs, sources)
            .map_err(|problem| Fault::Unreadable(problem.to_string()))?
            .begin_at(options.slice.start.position);
        let progress = sources.progress();
        let octets_total = if options.is_watched {
            sources.total_octets()
        } else {
            None
        };
        let notes = Arc::<RunNotes>::default();
        let source = UnitReader::new(
            sources,
            inputs,
            options.slice,
            Arc::clone(&notes),
            Arc::clone(&stop),
        );
        let batch = engine
            .get()
            .start(Box::new(source), now, options.temperrors);
        let account = batch.account();
        Ok(Self {
            engine,
            rows: Mutex::new(RowStream {
                batch: Some(batch),
                pending: Vec::new(),
                given: 0,
                out: VecDeque::with_capacity(ROWS_OUT + 1),
            }),
            finished: Mutex::default(),
            notes,
            account,
            stop,
            progress,
            octets_total,
        })
    }

    fn rows(&self) -> MutexGuard<'_, RowStream> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next rows, never of two units; empty at the end.
    fn next_rows(&self, py: Python<'_>) -> PyResult<Vec<Row>> {
        let mut rows = self.rows();
        loop {
            // Whoever reads notes the end of a unit before it gives the first message behind it.
            let unit_rows = self.notes.unit_rows();
            let left = unit_rows.map_or(usize::MAX, |count| count - rows.given);
            let wanted = left.min(ROWS_A_BATCH);
            let Some(batch) = rows.batch.as_ref().filter(|_| rows.pending.len() < wanted) else {
                let count = wanted.min(rows.pending.len());
                let later = rows.pending.split_off(count);
                let taken = std::mem::replace(&mut rows.pending, later);
                rows.given += count;
                if unit_rows == Some(rows.given) {
                    rows.given = 0;
                    *self.finished() = self.notes.take_unit();
                }
                return Ok(taken);
            };
            let taken = self
                .engine
                .get()
                .take(py, batch, ROWS_A_BATCH - rows.pending.len());
            if !matches!(&taken, Ok(taken) if !taken.is_empty()) {
                let batch = rows.batch.take();
                py.detach(|| drop(batch));
            }
            let mut taken = taken?;
            if rows.pending.is_empty() {
                rows.pending = taken;
            } else {
                rows.pending.append(&mut taken);
            }
        }
    }

    fn finished(&self) -> MutexGuard<'_, Option<FinishedUnit>> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The message of this id in one file, as a run over that file would take it.
///
/// # Errors
/// Nothing of the file can be read. Faults behind the message that is sought do not matter.
pub(crate) fn find(path: &Path, id: &str) -> Result<Option<Input>, Fault> {
    let unreadable = |problem: String| Fault::Unreadable(problem);
    let sources = Sources::open(&[path.to_path_buf()], Options::default())
        .map_err(|problem| unreadable(problem.to_string()))?;
    let mut last_problem = None;
    for item in sources {
        match item {
            Ok(message) if message.id == id => return Ok(Some(input(message))),
            Ok(_) => {}
            Err(problem) => last_problem = Some(problem.to_string()),
        }
    }
    last_problem.map_or(Ok(None), |problem| Err(unreadable(problem)))
}

#[pymethods]
impl ArchiveRun {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Rows>> {
        *self.finished() = None;
        let rows = self.next_rows(py)?;
        if rows.is_empty() {
            let out = std::mem::take(&mut self.rows().out);
            py.detach(|| drop(out));
            return Ok(None);
        }
        let rows = Rows::new(rows);
        let mut stream = self.rows();
        stream.out.push_back(Arc::clone(&rows.0));
        let is_full = stream.out.len() > ROWS_OUT;
        let done = is_full.then(|| stream.out.pop_front());
        drop(stream);
        py.detach(|| drop(done));
        Ok(Some(rows))
    }

    /// The unit, or the piece of one, that ended with the last rows, as JSON; `None` while it goes on.
    fn finished_unit<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let finished = self.finished();
        let json = finished.as_ref().map(to_json).transpose()?;
        Ok(json.map(|json| PyBytes::new(py, &json)))
    }

    /// Ends the run early: nothing more is read, what is in flight is finished.
    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// True when `stop` kept the run from its end.
    #[getter]
    fn is_stopped(&self) -> bool {
        self.notes.is_cut()
    }

    /// What could not be read so far, one sentence each.
    #[getter]
    fn problems(&self) -> Vec<String> {
        self.notes.problems()
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

    /// Messages that wait for DNS now; 0 while another thread takes rows.
    #[getter]
    fn waiting(&self) -> usize {
        let rows = self.rows.try_lock().ok();
        rows.and_then(|rows| rows.batch.as_ref().map(Batch::waiting))
            .unwrap_or(0)
    }

    /// What the run asked so far: record type, names asked for, questions of the messages.
    #[getter]
    fn asked(&self) -> Vec<(&'static str, u64, u64)> {
        let types = self.account.figures().types.into_iter();
        types
            .map(|(record_type, tally)| (record_type.as_str(), tally.names, tally.questions))
            .collect()
    }

    /// What came of asking again: questions, those answered then, messages, those mended, and those left as they were.
    #[getter]
    fn asked_again(&self) -> (u64, u64, u64, u64, u64) {
        let again = self.account.figures().again;
        (
            again.questions,
            again.answered,
            again.messages,
            again.mended,
            again.left,
        )
    }

    /// Every server of the live resolver was down at some time of the run.
    #[getter]
    fn is_resolver_broken(&self) -> bool {
        self.engine.get().is_broken()
    }

    /// Stops the run and its threads.
    fn close(&self, py: Python<'_>) {
        self.stop();
        let batch = self.rows().batch.take();
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

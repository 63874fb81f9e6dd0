//! What fills DNS stores and keeps them small: `StoreWriter` takes rows, `compact` joins them, `ask` has a resolver
//! asked that records.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use mailauth_core::dns::{Answer, Question, RecordType};
use mailauth_core::domain::Domain;
use mailauth_resolver::store::{self, Row, RowWriter};
use pyo3::prelude::*;

use crate::errors::Fault;
use crate::native::Native;

/// How long a wait may last before signals are looked at.
const PATIENCE: Duration = Duration::from_millis(100);

/// Adds rows to a DNS store, which stays locked until `close`.
#[pyclass(frozen, module = "mailauth_fast._core")]
pub(crate) struct StoreWriter {
    writer: Mutex<Option<RowWriter>>,
    problems: Vec<String>,
}

#[pymethods]
impl StoreWriter {
    /// Opens or makes the store.
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 makes the path")]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let writer = py.detach(|| RowWriter::open(&path)).map_err(Fault::from)?;
        Ok(Self {
            problems: writer.problems().to_vec(),
            writer: Mutex::new(Some(writer)),
        })
    }

    /// What was wrong with the store when it was opened, one sentence each.
    #[getter]
    fn problems(&self) -> Vec<String> {
        self.problems.clone()
    }

    /// Takes rows as JSON; what is wrong with those that are none, by their place in the list.
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 makes the list")]
    fn add(&self, py: Python<'_>, rows: Vec<Vec<u8>>) -> PyResult<Vec<(usize, String)>> {
        let added = py.detach(|| {
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(writer) = writer.as_mut() else {
                return Ok(Vec::new());
            };
            add(writer, &rows)
        });
        Ok(added.map_err(Fault::from)?)
    }

    /// Writes what is waiting and makes it survive a loss of power.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        let flushed = py.detach(|| {
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.as_mut().map_or(Ok(()), RowWriter::flush)
        });
        Ok(flushed.map_err(Fault::from)?)
    }

    /// Writes and syncs what is waiting and lets go of the file.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let closed = py.detach(|| {
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.take().map_or(Ok(()), |mut writer| writer.flush())
        });
        Ok(closed.map_err(Fault::from)?)
    }
}

fn add(
    writer: &mut RowWriter,
    rows: &[Vec<u8>],
) -> Result<Vec<(usize, String)>, store::StoreError> {
    let mut refused = Vec::new();
    for (index, octets) in rows.iter().enumerate() {
        let problem = match serde_json::from_slice::<Row>(octets) {
            Ok(row) => writer.add(row)?.err().map(str::to_owned),
            Err(error) => Some(error.to_string()),
        };
        refused.extend(problem.map(|problem| (index, problem)));
    }
    Ok(refused)
}

/// Writes the rows of stores anew into one; the number of rows read and written, and what is wrong with the inputs.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 makes list and path")]
pub(crate) fn compact(
    py: Python<'_>,
    inputs: Vec<PathBuf>,
    target: PathBuf,
) -> PyResult<(u64, u64, Vec<String>)> {
    let done = py
        .detach(|| store::compact(&inputs, &target))
        .map_err(Fault::from)?;
    Ok((done.read, done.written, done.problems))
}

/// Name, type, outcome and the records as a zone file writes them.
type Asked = (String, &'static str, &'static str, Vec<String>);

/// Asks a resolver; its answers in any order. What is no name or type that can be asked for is left out.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 makes the list")]
pub(crate) fn ask(
    py: Python<'_>,
    resolver: &Bound<'_, PyAny>,
    questions: Vec<(String, String)>,
) -> PyResult<Vec<Asked>> {
    let native = Native::choose(resolver);
    let asked: Vec<Question> = questions
        .iter()
        .filter_map(|(name, record_type)| {
            Some(Question {
                name: Domain::parse_expanded(name)?,
                record_type: RecordType::from_word(record_type)?,
            })
        })
        .collect();
    let count = asked.len();
    let (sender, receiver) = mpsc::channel();
    let deliver = Arc::new(move |question: &Question, answer: Answer| {
        // Whoever waits may have been interrupted.
        let _ = sender.send((question.clone(), answer));
    });
    py.detach(|| native.resolver.ask(asked, deliver));
    let receiver = Mutex::new(receiver);
    let mut answers = Vec::with_capacity(count);
    while answers.len() < count {
        let next = py.detach(|| {
            let receiver = receiver.lock().unwrap_or_else(PoisonError::into_inner);
            receiver.recv_timeout(PATIENCE)
        });
        match next {
            Ok((question, answer)) => answers.push((
                question.name.to_string(),
                question.record_type.as_str(),
                answer.outcome.as_str(),
                store::texts(&answer.data),
            )),
            Err(mpsc::RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    let failure = native
        .failure
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(sentence) = failure {
        return Err(Fault::Resolver(sentence).into());
    }
    for recorder in &native.recorders {
        recorder.check().map_err(Fault::from)?;
    }
    Ok(answers)
}

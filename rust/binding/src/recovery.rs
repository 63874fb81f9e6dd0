//! `SignatureArchive`: the signatures of an archive for whoever looks for lost keys; keys in and out of numbers.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use mailauth_archive::{Options, Progress, SourceProblem, Sources, StoredMessage};
use mailauth_core::crypto::{RsaPublicKey, encoded_message, rsa_public_key_info};
use mailauth_core::dkim::{Evidence, signed_digests};
use mailauth_core::domain::Domain;
use mailauth_core::header_facts::received_at;
use mailauth_core::message::Message;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::Fault;
use crate::standard_input::StandardInput;

/// How long Python's signals wait for a reader.
const PATIENCE: Duration = Duration::from_millis(100);

/// A signature, the octets its key should turn it into, the time of receipt, and whether the body is intact.
type SampleParts<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>, Option<i64>, bool);

/// What the reading thread shares with whoever waits for it.
#[derive(Default)]
struct Shared {
    gathered: Mutex<Gathered>,
    changed: Condvar,
    stop: Arc<AtomicBool>,
}

#[derive(Default)]
struct Gathered {
    evidence: Evidence,
    messages: usize,
    problems: Vec<String>,
    is_finished: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, sources: Sources) {
        for item in sources {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            self.take(item);
        }
        let mut gathered = self.lock();
        gathered.evidence.finish();
        gathered.is_finished = true;
        self.changed.notify_all();
    }

    fn take(&self, item: Result<StoredMessage, SourceProblem>) {
        let stored = match item {
            Ok(stored) => stored,
            Err(problem) => return self.lock().problems.push(problem.to_string()),
        };
        let given = stored.envelope.and_then(|envelope| envelope.received_at);
        let (signed, time) = match stored.octets {
            Ok(octets) => {
                let message = Message::parse(octets);
                (
                    signed_digests(&message),
                    given.or_else(|| received_at(&message)),
                )
            }
            Err(_) => (Vec::new(), None),
        };
        let mut gathered = self.lock();
        gathered.messages += 1;
        for signed in signed {
            gathered.evidence.add(signed, time);
        }
    }
}

/// The RSA signatures of an archive, gathered by the names of their keys while it is read.
#[pyclass(frozen, module = "mailauth_fast._core")]
pub(crate) struct SignatureArchive {
    shared: Arc<Shared>,
    reader: Mutex<Option<JoinHandle<()>>>,
    progress: Progress,
    octets_total: Option<u64>,
}

#[pymethods]
impl SignatureArchive {
    /// Begins to read; the input `-` is standard input.
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 makes the list")]
    fn new(inputs: Vec<PathBuf>) -> PyResult<Self> {
        let shared = Arc::new(Shared::default());
        let mut options = Options::default();
        if inputs.iter().any(|path| path.as_os_str() == "-") {
            let opened = StandardInput::new(Arc::clone(&shared.stop)).map_err(|error| {
                Fault::Unreadable(format!("standard input: cannot be read ({error})"))
            });
            options.standard_input = Some(Box::new(opened?));
        }
        let sources = Sources::open(&inputs, options)
            .map_err(|problem| Fault::Unreadable(problem.to_string()))?;
        let (progress, octets_total) = (sources.progress(), sources.total_octets());
        let reading = Arc::clone(&shared);
        let reader = std::thread::Builder::new()
            .name("signatures".to_owned())
            .spawn(move || reading.read(sources))
            .map_err(|error| Fault::Engine(error.to_string()))?;
        Ok(Self {
            shared,
            reader: Mutex::new(Some(reader)),
            progress,
            octets_total,
        })
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// The number of messages read so far, some times a second until all are read.
    fn __next__(&self, py: Python<'_>) -> PyResult<Option<usize>> {
        py.check_signals()?;
        let (messages, is_finished) = py.detach(|| {
            let gathered = self.shared.lock();
            let waited = self
                .shared
                .changed
                .wait_timeout_while(gathered, PATIENCE, |gathered| !gathered.is_finished);
            let (gathered, _) = waited.unwrap_or_else(PoisonError::into_inner);
            (gathered.messages, gathered.is_finished)
        });
        if is_finished {
            return Ok(None);
        }
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let is_lost = reader.as_ref().is_none_or(JoinHandle::is_finished);
        if is_lost && !self.shared.lock().is_finished {
            return Err(Fault::Engine("the reader of signatures ended early".to_owned()).into());
        }
        Ok(Some(messages))
    }

    /// Each name of a key with the octets of its signatures and their number, once all is read.
    fn names(&self) -> Vec<(String, usize, usize)> {
        let gathered = self.shared.lock();
        let names = gathered.evidence.names();
        names
            .map(|(name, length, found)| (name.to_string(), length, found))
            .collect()
    }

    /// The different signatures held of a name and a length, by time; a length too short for a key has no encoding.
    fn samples<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        length: usize,
    ) -> PyResult<Vec<SampleParts<'py>>> {
        let name = key_name(name)?;
        let gathered = self.shared.lock();
        let samples = gathered.evidence.samples(&name, length).iter();
        Ok(samples
            .map(|sample| {
                let encoded = encoded_message(&sample.digest, length).unwrap_or_default();
                let signature = PyBytes::new(py, &sample.signature);
                let encoded = PyBytes::new(py, &encoded);
                (signature, encoded, sample.time, sample.is_intact)
            })
            .collect())
    }

    /// Which of the samples this key (`SubjectPublicKeyInfo`) verifies, by their places.
    fn agreeing(
        &self,
        py: Python<'_>,
        name: &str,
        length: usize,
        key: &[u8],
    ) -> PyResult<Vec<usize>> {
        let name = key_name(name)?;
        let Ok(key) = RsaPublicKey::parse(key) else {
            return Ok(Vec::new());
        };
        Ok(py.detach(|| self.shared.lock().evidence.agreeing(&name, length, &key)))
    }

    /// Messages read so far.
    #[getter]
    fn messages(&self) -> usize {
        self.shared.lock().messages
    }

    /// What could not be read so far, one sentence each.
    #[getter]
    fn problems(&self) -> Vec<String> {
        self.shared.lock().problems.clone()
    }

    /// Octets of the inputs read so far.
    #[getter]
    fn octets_read(&self) -> u64 {
        self.progress.octets_read()
    }

    /// Octets of all files; `None` when a stream is among the inputs.
    #[getter]
    fn octets_total(&self) -> Option<u64> {
        self.octets_total
    }

    /// Messages that wait for DNS: nothing is asked.
    #[getter]
    #[expect(clippy::unused_self, reason = "what progress asks of every run")]
    fn waiting(&self) -> usize {
        0
    }

    /// Stops reading and waits until it has stopped.
    fn close(&self, py: Python<'_>) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = reader.take() {
            // A panic of the reader is told by whoever waits for messages.
            py.detach(|| drop(reader.join()));
        }
    }
}

fn key_name(text: &str) -> Result<Domain, Fault> {
    Domain::parse_expanded(text).ok_or_else(|| Fault::Argument(format!("{text:?} is no name")))
}

/// The `SubjectPublicKeyInfo` of an RSA key, from its numbers in big-endian octets.
#[pyfunction]
pub(crate) fn rsa_key<'py>(
    py: Python<'py>,
    modulus: &[u8],
    exponent: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let der = rsa_public_key_info(modulus, exponent);
    let der = der.ok_or_else(|| Fault::Argument("the numbers are too large for a key".to_owned()));
    Ok(PyBytes::new(py, &der?))
}

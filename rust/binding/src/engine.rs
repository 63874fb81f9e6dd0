//! `Engine`: one verifier's resolver, cache, policy and threads; every door of the contract that needs them.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mailauth_core::batch::{Batch, EngineFault, Rows as Taken, TempErrors};
use mailauth_core::dns::{Answers, Cache, Lookup, Pending, Question};
use mailauth_core::domain::Domain;
use mailauth_core::evaluate::{Input, Now};
use mailauth_core::explain::OctetsWanted;
use mailauth_core::policy::{Policy, Rules};
use mailauth_core::verdict::Row;
use mailauth_core::{dmarc, spf};
use mailauth_resolver::store::Recorder;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::archive::{ArchiveRun, RunOptions};
use crate::dns_cache::DnsCache;
use crate::errors::Fault;
use crate::native::{Failure, Native};
use crate::rows::{Rows, to_json};
use crate::unit_reader::Slice;
use crate::{inputs, settings};

/// Octets of DNS answers that a verifier remembers.
const CACHE_OCTETS: u64 = 256 << 20;
/// How long a wait may last before signals are looked at.
const PATIENCE: Duration = Duration::from_millis(100);

/// One verifier's resolver, cache, policy and threads.
#[pyclass(frozen, module = "mailauth_fast._core")]
pub(crate) struct Engine {
    core: Arc<mailauth_core::engine::Engine>,
    workers: usize,
    failure: Failure,
    recorders: Vec<Arc<Recorder>>,
    is_broken: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// Place of a signature, canonical header, canonical body.
type SignedOctets<'py> = (usize, Bound<'py, PyBytes>, Option<Bound<'py, PyBytes>>);

/// The JSON of an explanation, and the octets beside it.
type Explained<'py> = (Bound<'py, PyBytes>, Vec<SignedOctets<'py>>);

/// The clock of the run; core is given it.
pub(crate) fn unix_time() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

#[pymethods]
impl Engine {
    /// `resolver` is one of the native resolvers or a `Bridge` around a Python object; without a cache it has its own.
    #[new]
    #[pyo3(signature = (resolver, policy, workers = None, cache = None))]
    fn new(
        resolver: &Bound<'_, PyAny>,
        policy: &Bound<'_, PyAny>,
        workers: Option<usize>,
        cache: Option<&Bound<'_, DnsCache>>,
    ) -> PyResult<Self> {
        let chosen = Native::choose(resolver);
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let own = || Arc::new(Cache::new(CACHE_OCTETS, unix_time));
        let cache = cache.map_or_else(own, |cache| Arc::clone(&cache.get().0));
        let policy = Arc::new(settings::policy(policy)?);
        let engine = Arc::new(mailauth_core::engine::Engine::new(
            chosen.resolver,
            cache,
            policy,
        ));
        Ok(Self {
            core: engine,
            workers: workers.unwrap_or_else(cores),
            failure: chosen.failure,
            recorders: chosen.recorders,
            is_broken: chosen.is_broken,
        })
    }

    /// Verifies one message; the verdict as JSON.
    fn verify<'py>(
        &self,
        py: Python<'py>,
        raw: &Bound<'py, PyAny>,
        envelope: &Bound<'py, PyAny>,
        now: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let octets =
            inputs::octets(raw).map_err(|problem| Fault::Argument(format!("raw {problem}")))?;
        let input = Input::new("0".to_owned(), octets, settings::envelope(Some(envelope))?);
        let now = settings::now(now)?;
        let json = self.guarded(py, || to_json(&self.core.verify(input, now)))?;
        Ok(PyBytes::new(py, &json))
    }

    /// Verifies one message and shows what is behind the verdict: verdict, answers and what the policies of `others` say
    /// as JSON, and for each examined signature its place and the canonical octets of header and body.
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 makes the list")]
    fn explain<'py>(
        &self,
        py: Python<'py>,
        raw: &Bound<'py, PyAny>,
        envelope: &Bound<'py, PyAny>,
        now: &Bound<'py, PyAny>,
        others: Vec<Bound<'py, PyAny>>,
        octets: &str,
    ) -> PyResult<Explained<'py>> {
        let raw =
            inputs::octets(raw).map_err(|problem| Fault::Argument(format!("raw {problem}")))?;
        let input = Input::new("0".to_owned(), raw, settings::envelope(Some(envelope))?);
        self.explained(py, input, settings::now(now)?, &others, octets)
    }

    /// The same for the message of this id in a file; `None` when the file holds none. An envelope replaces the file's.
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 makes list and path")]
    fn explain_stored<'py>(
        &self,
        py: Python<'py>,
        stored: (std::path::PathBuf, String),
        envelope: Option<Bound<'py, PyAny>>,
        now: &Bound<'py, PyAny>,
        others: Vec<Bound<'py, PyAny>>,
        octets: &str,
    ) -> PyResult<Option<Explained<'py>>> {
        let (path, id) = stored;
        let Some(mut input) = self.guarded(py, || crate::archive::find(&path, &id))? else {
            return Ok(None);
        };
        if envelope.is_some() {
            input.envelope = settings::envelope(envelope.as_ref())?;
        }
        self.explained(py, input, settings::now(now)?, &others, octets)
            .map(Some)
    }

    /// Verifies a sequence, an Arrow column or an Arrow table; one row in, one row out, same order.
    #[pyo3(signature = (messages, envelopes, now, is_asking_again = false))]
    fn verify_batch(
        &self,
        py: Python<'_>,
        messages: &Bound<'_, PyAny>,
        envelopes: &Bound<'_, PyAny>,
        now: &Bound<'_, PyAny>,
        is_asking_again: bool,
    ) -> PyResult<Rows> {
        let inputs = inputs::inputs(messages, Some(envelopes))?;
        let (now, count) = (settings::now(now)?, inputs.len());
        let workers = self.workers.min(count.div_ceil(8)).max(1);
        let source = Box::new(inputs.into_iter());
        let batch = self
            .core
            .start(source, now, workers, temperrors(is_asking_again));
        let mut rows = Vec::with_capacity(count);
        while rows.len() < count {
            let taken = self.take(py, &batch, count - rows.len())?;
            if taken.is_empty() {
                break;
            }
            rows.extend(taken);
        }
        py.detach(|| drop(batch));
        Ok(Rows::new(rows))
    }

    /// Starts verifying files, folders and streams: the units of one shard, from a checkpoint (JSON) on.
    #[pyo3(signature = (inputs, now, stream = None, limit = None, is_watched = false, shard = None, checkpoint = None, is_attached = false, is_asking_again = false))]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 makes the list")]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn verify_archive(
        slf: Py<Self>,
        inputs: Vec<std::path::PathBuf>,
        now: &Bound<'_, PyAny>,
        stream: Option<Py<PyAny>>,
        limit: Option<u64>,
        is_watched: bool,
        shard: Option<(u64, u64)>,
        checkpoint: Option<&[u8]>,
        is_attached: bool,
        is_asking_again: bool,
    ) -> PyResult<ArchiveRun> {
        let start = checkpoint.map(serde_json::from_slice).transpose();
        let slice = Slice {
            start: start
                .map_err(|error| Fault::Argument(format!("the checkpoint is broken: {error}")))?
                .unwrap_or_default(),
            shard: shard.map_or(0, |(number, _)| number),
            shards: shard.map_or(1, |(_, count)| count.max(1)),
            limit: limit.unwrap_or(u64::MAX),
        };
        let options = RunOptions {
            stream,
            slice,
            is_watched,
            is_attached,
            temperrors: temperrors(is_asking_again),
        };
        ArchiveRun::start(slf, &inputs, settings::now(now)?, options)
    }

    /// RFC 7208 `check_host` by hand; the `spf` object as JSON.
    fn check_host<'py>(
        &self,
        py: Python<'py>,
        ip: &str,
        helo: &str,
        mail_from: &str,
        receiver: Option<&str>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let client_ip = settings::address(ip)?;
        let receiver = receiver.unwrap_or(&self.core.policy().receiver);
        self.door(py, |answers| {
            spf::check_host(
                answers,
                client_ip,
                helo,
                mail_from,
                receiver,
                Some(unix_time()),
            )
        })
    }

    /// The `discover_policy` object as JSON.
    fn discover_policy<'py>(&self, py: Python<'py>, domain: &str) -> PyResult<Bound<'py, PyBytes>> {
        let name = Domain::parse_host(domain)
            .ok_or_else(|| Fault::Argument(format!("{domain:?} is no domain name")))?;
        let policy = self.core.policy();
        self.door(py, |answers| {
            dmarc::discover_policy(answers, &name, self.rules(), policy)
        })
    }

    /// The `accepts_reports` object as JSON.
    fn accepts_reports<'py>(
        &self,
        py: Python<'py>,
        destination: &str,
        policy_domain: &str,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let policy = self.core.policy();
        self.door(py, |answers| {
            dmarc::accepts_reports(answers, destination, policy_domain, self.rules(), policy)
        })
    }

    /// The organizational domain of a name; `None` for what has none.
    fn organizational_domain(&self, py: Python<'_>, name: &str) -> PyResult<Option<String>> {
        let Some(name) = Domain::parse_host(name) else {
            return Ok(None);
        };
        let policy = self.core.policy();
        let found = self.guarded(py, || {
            Ok(self.evaluate(|answers| {
                dmarc::organizational_domain(answers, &name, self.rules(), policy)
            }))
        })?;
        match found {
            Ok(domain) => Ok(domain.map(|domain| domain.to_string())),
            Err(reason) => {
                let sentence = format!(
                    "{name}: the organizational domain cannot be found now ({})",
                    reason.code()
                );
                Err(Fault::Resolver(sentence).into())
            }
        }
    }
}

impl Engine {
    /// Every server of the live resolver was down at some time of the run.
    pub(crate) fn is_broken(&self) -> bool {
        (self.is_broken)()
    }

    fn explained<'py>(
        &self,
        py: Python<'py>,
        input: Input,
        now: Now,
        others: &[Bound<'py, PyAny>],
        octets: &str,
    ) -> PyResult<Explained<'py>> {
        let wanted = match octets {
            "none" => OctetsWanted::Nothing,
            "header" => OctetsWanted::Header,
            _ => OctetsWanted::HeaderAndBody,
        };
        let others: Vec<Policy> = others
            .iter()
            .map(settings::policy)
            .collect::<PyResult<_>>()?;
        let (json, octets) = self.guarded(py, || {
            let found = self.core.explain(input, now, &others, wanted);
            Ok((to_json(&found)?, found.octets))
        })?;
        let to_python = |signed: mailauth_core::dkim::SignedOctets| {
            let body = signed.body.map(|body| PyBytes::new(py, &body));
            (signed.signature, PyBytes::new(py, &signed.header), body)
        };
        let octets = octets.into_iter().map(to_python).collect();
        Ok((PyBytes::new(py, &json), octets))
    }

    fn rules(&self) -> Rules {
        self.core.policy().rules_at(Some(unix_time()))
    }

    fn evaluate<T>(&self, evaluator: impl Fn(&Answers<'_>) -> Result<T, Pending>) -> T {
        self.core
            .resolve(|lookup: &dyn Lookup| -> Result<T, Vec<Question>> {
                let answers = Answers::new(lookup);
                evaluator(&answers).map_err(|Pending| answers.missing())
            })
    }

    fn door<'py, T: serde::Serialize>(
        &self,
        py: Python<'py>,
        evaluator: impl Fn(&Answers<'_>) -> Result<T, Pending> + Send + Sync,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let json = self.guarded(py, || to_json(&self.evaluate(&evaluator)))?;
        Ok(PyBytes::new(py, &json))
    }

    /// Runs without the GIL; a panic becomes an `EngineError`, a resolver's exception a `ResolverUnavailable`.
    fn guarded<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce() -> Result<T, Fault> + Send,
    ) -> PyResult<T> {
        let work = std::panic::AssertUnwindSafe(work);
        let outcome = py.detach(|| std::panic::catch_unwind(work));
        self.check_resolver()?;
        match outcome {
            Ok(result) => Ok(result?),
            Err(panic) => Err(Fault::Engine(EngineFault::of_panic(&*panic).0).into()),
        }
    }

    fn check_resolver(&self) -> Result<(), Fault> {
        let failure = self
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(sentence) = failure {
            return Err(Fault::Resolver(sentence));
        }
        self.recorders
            .iter()
            .try_for_each(|recorder| recorder.check())
            .map_err(Fault::from)
    }

    /// The next rows of a batch; signals are handled while it waits. Empty at the end.
    pub(crate) fn take(&self, py: Python<'_>, batch: &Batch, count: usize) -> PyResult<Vec<Row>> {
        loop {
            let taken = py.detach(|| batch.next_rows(count, PATIENCE));
            self.check_resolver()?;
            match taken.map_err(|fault| Fault::Engine(fault.0))? {
                Taken::Ready(rows) => return Ok(rows),
                Taken::NotYet => py.check_signals()?,
            }
        }
    }

    pub(crate) fn start(
        &self,
        source: Box<dyn Iterator<Item = Input> + Send>,
        now: Now,
        temperrors: TempErrors,
    ) -> Batch {
        self.core.start(source, now, self.workers, temperrors)
    }
}

const fn temperrors(is_asking_again: bool) -> TempErrors {
    if is_asking_again {
        TempErrors::AskAgain
    } else {
        TempErrors::Keep
    }
}

//! Processor time of hashing alone, and of a message's stages apart.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use mailauth_core::crypto::{Digest, HashAlgorithm};
use mailauth_core::kernels::SignedMessage;
use mailauth_core::message::MESSAGE_OCTET_LIMIT;
use mailauth_sha256::{Path, digest_all};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use super::thread_time;
use crate::errors::Fault;

/// Messages whose stages are timed together: the clock costs as much as a small message, so it is not read for each,
/// and their canonical forms should not leave the caches far behind.
const WINDOW: usize = 32;

/// Core takes messages up to this size.
pub(super) fn check_size(octets: &Bytes) -> Result<(), Fault> {
    if octets.len() > MESSAGE_OCTET_LIMIT {
        let problem = format!("a message has more than {MESSAGE_OCTET_LIMIT} octets");
        return Err(Fault::Argument(problem));
    }
    Ok(())
}

/// Thread CPU seconds of the SHA-256 of each buffer, all repeats together.
///
/// `path` is one of `mailauth_sha256`'s, or "library": aws-lc, one stream.
#[pyfunction]
pub(crate) fn hash_seconds(
    py: Python<'_>,
    buffers: Vec<PyBackedBytes>,
    path: &str,
    repeats: usize,
) -> PyResult<f64> {
    let path = own_path(path)?;
    let seconds = py.detach(move || {
        let hash_all = || match path {
            None => buffers.iter().for_each(|buffer| {
                black_box(hash(buffer));
            }),
            Some(path) => {
                let mut sources: Vec<&[u8]> = buffers.iter().map(|buffer| &buffer[..]).collect();
                let mut digests = Vec::new();
                digest_all(path, &mut sources, &mut digests);
                black_box(digests);
            }
        };
        timed(|| (0..repeats).for_each(|_| hash_all()))
    });
    Ok(seconds?.1.as_secs_f64())
}

/// A path that this CPU has; `None` for the library.
fn own_path(word: &str) -> Result<Option<Path>, Fault> {
    if word == "library" {
        return Ok(None);
    }
    let path: Path = word.parse().map_err(|problem| {
        Fault::Argument(format!(
            "path {word:?} is no way to hash; {problem}, and library"
        ))
    })?;
    if !path.is_available() {
        return Err(Fault::Argument(format!("this CPU has no path {path}")));
    }
    Ok(Some(path))
}

/// The SHA-256 of some octets, one stream, by the library.
fn hash(octets: &[u8]) -> Digest {
    Digest::of(HashAlgorithm::Sha256, octets)
}

/// Thread CPU seconds of parse, canonicalize and hash, each apart, all repeats together.
#[pyfunction]
pub(crate) fn stage_seconds(
    py: Python<'_>,
    messages: Vec<PyBackedBytes>,
    repeats: usize,
) -> PyResult<BTreeMap<&'static str, f64>> {
    let messages: Vec<Bytes> = messages.into_iter().map(Bytes::from_owner).collect();
    messages.iter().try_for_each(check_size)?;
    let spent = py.detach(|| {
        let mut spent = Spent::default();
        for window in std::iter::repeat_n(&messages, repeats).flat_map(|all| all.chunks(WINDOW)) {
            spent.add(window)?;
        }
        Ok::<_, Fault>(spent)
    })?;
    Ok(BTreeMap::from([
        ("parse", spent.parse.as_secs_f64()),
        ("canonicalize", spent.canonicalize.as_secs_f64()),
        ("hash", spent.hash.as_secs_f64()),
    ]))
}

#[derive(Default)]
struct Spent {
    parse: Duration,
    canonicalize: Duration,
    hash: Duration,
}

impl Spent {
    fn add(&mut self, window: &[Bytes]) -> Result<(), Fault> {
        let parse = || -> Vec<SignedMessage> {
            let octets = window.iter().cloned();
            octets.map(SignedMessage::parse).collect()
        };
        let (parsed, spent) = timed(parse)?;
        self.parse += spent;
        let canonicalize = || parsed.iter().map(SignedMessage::canonicalize).sum::<u64>();
        self.canonicalize += timed(|| black_box(canonicalize()))?.1;
        // Prepared beforehand: only their hashing counts.
        let forms: Vec<Vec<u8>> = parsed
            .iter()
            .flat_map(SignedMessage::canonical_forms)
            .collect();
        let hash_all = || {
            for form in &forms {
                black_box(hash(form));
            }
        };
        self.hash += timed(hash_all)?.1;
        Ok(())
    }
}

/// What some work gives, and the processor time it took this thread.
pub(super) fn timed<T>(work: impl FnOnce() -> T) -> Result<(T, Duration), Fault> {
    let begun = thread_time()?;
    let value = work();
    let ended = thread_time()?;
    Ok((value, ended.saturating_sub(begun)))
}

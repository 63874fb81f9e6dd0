//! What a corpus must cost at least when every octet is hashed once, one stream at a time, and every signature verified.

use std::collections::HashMap;
use std::hint::black_box;

use bytes::Bytes;
use mailauth_core::crypto::{
    Digest, Ed25519PublicKey, HashAlgorithm, Hasher, KeyProblem, RsaPublicKey,
};
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};

use super::stages::timed;
use crate::errors::Fault;

/// Algorithm, key, digest, signature: one public-key operation as Python has it.
type PythonWork = (PyBackedStr, PyBackedBytes, PyBackedBytes, PyBackedBytes);

/// The plain limit of a corpus: SHA-256 of all that must be hashed, and each signature verified with a parsed key.
#[pyclass(frozen, module = "mailauth_fast._core.kernels")]
pub(crate) struct PlainLimit {
    hashing: Vec<(Bytes, Vec<usize>)>,
    keys: Vec<Key>,
    verifying: Vec<Operation>,
}

enum Key {
    Rsa(Box<RsaPublicKey>),
    Ed25519(Box<Ed25519PublicKey>),
}

struct Operation {
    /// Position among the keys.
    key: usize,
    digest: Digest,
    signature: Vec<u8>,
}

#[pymethods]
impl PlainLimit {
    /// Message i hashes `lengths[i]` octets of its own, one context each, and verifies `work[i]`.
    #[new]
    fn new(
        buffers: Vec<PyBackedBytes>,
        lengths: Vec<Vec<usize>>,
        work: Vec<Vec<PythonWork>>,
    ) -> PyResult<Self> {
        if buffers.len() != lengths.len() || buffers.len() != work.len() {
            let problem = "a corpus needs one list of lengths and one of work for each buffer";
            return Err(Fault::Argument(problem.to_owned()).into());
        }
        let buffers = buffers.into_iter().map(Bytes::from_owner);
        let hashing: Vec<(Bytes, Vec<usize>)> = buffers.zip(lengths).collect();
        if hashing
            .iter()
            .any(|(octets, lengths)| octets.is_empty() && lengths.iter().any(|length| *length > 0))
        {
            return Err(Fault::Argument("an empty buffer has nothing to hash".to_owned()).into());
        }
        let mut limit = Self {
            hashing,
            keys: Vec::new(),
            verifying: Vec::new(),
        };
        let mut known = HashMap::new();
        for operation in work.into_iter().flatten() {
            limit.add(operation, &mut known)?;
        }
        Ok(limit)
    }

    /// Thread CPU seconds of hashing and of verifying.
    fn run(&self, py: Python<'_>) -> PyResult<(f64, f64)> {
        let (hashing, (is_good, verifying)) = py.detach(|| {
            let ((), hashing) = timed(|| self.hash())?;
            Ok::<_, Fault>((hashing, timed(|| self.verify())?))
        })?;
        if !is_good {
            let problem = "a signature of the corpus does not verify".to_owned();
            return Err(Fault::Engine(problem).into());
        }
        Ok((hashing.as_secs_f64(), verifying.as_secs_f64()))
    }

    /// Thread CPU seconds of verifying as the engine does: many together, where the CPU has lanes.
    fn own_verifying(&self, py: Python<'_>) -> PyResult<f64> {
        let (is_good, seconds) = py.detach(|| timed(|| self.verify_together()))?;
        if !is_good {
            let problem = "a signature of the corpus does not verify together".to_owned();
            return Err(Fault::Engine(problem).into());
        }
        Ok(seconds.as_secs_f64())
    }
}

impl PlainLimit {
    fn verify_together(&self) -> bool {
        let (mut rsa, mut ed25519) = (Vec::new(), Vec::new());
        for operation in &self.verifying {
            let (digest, signature) = (&operation.digest, &operation.signature[..]);
            match &self.keys[operation.key] {
                Key::Rsa(key) => rsa.push((&**key, digest, signature)),
                Key::Ed25519(key) => ed25519.push((&**key, digest.as_slice(), signature)),
            }
        }
        mailauth_core::kernels::verify_all(&rsa, &ed25519)
    }

    fn add(
        &mut self,
        (algorithm, key, digest, signature): PythonWork,
        known: &mut HashMap<(String, Vec<u8>), usize>,
    ) -> Result<(), Fault> {
        let name = (algorithm.to_string(), key.to_vec());
        let position = if let Some(position) = known.get(&name) {
            *position
        } else {
            self.keys.push(read_key(&algorithm, &key)?);
            known.insert(name, self.keys.len() - 1);
            self.keys.len() - 1
        };
        let digest: [u8; 32] = digest[..]
            .try_into()
            .map_err(|_| Fault::Argument("a digest has 32 octets".to_owned()))?;
        self.verifying.push(Operation {
            key: position,
            digest: Digest::sha256(digest),
            signature: signature.to_vec(),
        });
        Ok(())
    }

    fn hash(&self) {
        for (octets, lengths) in &self.hashing {
            for length in lengths {
                let mut hasher = Hasher::new(HashAlgorithm::Sha256);
                let mut left = *length;
                // What is longer than the message takes its octets again.
                while left > 0 {
                    let piece = &octets[..left.min(octets.len())];
                    hasher.update(piece);
                    left -= piece.len();
                }
                black_box(hasher.finish());
            }
        }
    }

    fn verify(&self) -> bool {
        self.verifying.iter().all(|operation| {
            let Operation {
                digest, signature, ..
            } = operation;
            match &self.keys[operation.key] {
                Key::Rsa(key) => key.verify(HashAlgorithm::Sha256, digest, signature),
                Key::Ed25519(key) => key.verify_by_library(digest.as_slice(), signature),
            }
        })
    }
}

fn read_key(algorithm: &str, octets: &[u8]) -> Result<Key, Fault> {
    let unusable =
        |problem: KeyProblem| Fault::Argument(format!("a key of {algorithm} is {problem:?}"));
    match algorithm {
        "rsa-sha256" => RsaPublicKey::parse(octets)
            .map(|key| Key::Rsa(Box::new(key)))
            .map_err(unusable),
        "ed25519-sha256" => Ed25519PublicKey::parse(octets)
            .map(|key| Key::Ed25519(Box::new(key)))
            .map_err(unusable),
        _ => Err(Fault::Argument(format!(
            "algorithm {algorithm:?} is unknown; give rsa-sha256 or ed25519-sha256"
        ))),
    }
}

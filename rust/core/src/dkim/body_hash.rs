//! Body hashes (RFC 6376 §3.7 step 1), each distinct (canonicalization, hash) in one pass for all DKIM signatures and
//! ARC sets of a message.
//!
//! Whoever needs a hash requests it first; one pass then serves all requests, partial ones (`l=`) from snapshots of
//! the running hash. Knows no signature: who asks, and whether a hash is worth its cost, is the caller's business.

use crate::crypto::{Digest, HashAlgorithm, Hasher};
use crate::dkim::canonicalization::{Canonicalization, Sink, write_body};
use crate::dkim::hash_work::HashWork;
use crate::dkim::header_hash::CanonicalFields;
use crate::dkim::proofs::Proofs;
use crate::message::Message;
use crate::octet_classes::LineEnds;

/// The body hashes of one message, each distinct (canonicalization, hash) computed once for DKIM and ARC.
#[derive(Default)]
pub struct BodyHashes {
    passes: Vec<Pass>,
    /// Canonical header fields, shared by everyone who signs them.
    pub(crate) fields: CanonicalFields,
    /// Public-key operations that are made with those of other messages.
    pub(crate) proofs: Proofs,
}

/// One finished body hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BodyHash {
    pub(crate) digest: Digest,
    /// Canonical octets under the hash.
    pub(crate) octets_signed: u64,
    /// Canonical octets of the whole body.
    pub(crate) octets: u64,
}

/// Everything wanted of one (canonicalization, hash).
pub(crate) struct Pass {
    canonicalization: Canonicalization,
    algorithm: HashAlgorithm,
    wants: Vec<Want>,
    /// Canonical octets of the whole body, once counted.
    octets: Option<u64>,
    /// Line ends of the body as stored, found in the same pass.
    line_ends: Option<LineEnds>,
}

/// What one pass over a whole body finds.
pub(super) struct WholeBody {
    pub(super) digest: Digest,
    /// Canonical octets.
    pub(super) octets: u64,
    /// Of the body as stored.
    pub(super) line_ends: LineEnds,
}

struct Want {
    /// `None`: the whole body.
    length: Option<u64>,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Requested,
    Done(Digest),
    /// The body ends before `length`.
    Beyond,
}

impl BodyHashes {
    /// Notes that a hash will be needed; `length` is `l=`.
    ///
    /// The number of requests is bounded by the signatures examined and the ARC sets.
    pub(crate) fn request(
        &mut self,
        canonicalization: Canonicalization,
        algorithm: HashAlgorithm,
        length: Option<u64>,
    ) {
        let is_same =
            |pass: &Pass| pass.canonicalization == canonicalization && pass.algorithm == algorithm;
        if !self.passes.iter().any(is_same) {
            self.passes.push(Pass {
                canonicalization,
                algorithm,
                wants: Vec::new(),
                octets: None,
                line_ends: None,
            });
        }
        let Some(pass) = self.passes.iter_mut().find(|pass| is_same(pass)) else {
            return;
        };
        if !pass.wants.iter().any(|want| want.length == length) {
            pass.wants.push(Want {
                length,
                state: State::Requested,
            });
        }
    }

    /// Computes what was requested and is not known yet, one pass over the body for each (canonicalization, hash).
    pub(crate) fn compute(&mut self, message: &Message) {
        for pass in &mut self.passes {
            pass.compute(message.body());
        }
    }

    /// Whole bodies and staged header forms that are not hashed yet.
    pub(crate) fn open<'a>(&'a mut self, body: &'a [u8]) -> impl Iterator<Item = HashWork<'a>> {
        let is_open = |pass: &&mut Pass| pass.is_lone_whole_body();
        let passes = self.passes.iter_mut().filter(is_open);
        passes
            .map(move |pass| HashWork::body(pass.canonicalization, body, pass))
            .chain(self.fields.open())
    }

    /// The line ends of the body as stored, if some pass has seen them.
    pub(crate) fn line_ends(&self) -> Option<LineEnds> {
        self.passes.iter().find_map(|pass| pass.line_ends)
    }

    /// A hash that was requested and computed; `Err` holds the body's octets when `length` lies beyond them.
    pub(crate) fn hash(
        &self,
        canonicalization: Canonicalization,
        algorithm: HashAlgorithm,
        length: Option<u64>,
    ) -> Option<Result<BodyHash, u64>> {
        let pass = self.passes.iter().find(|pass| {
            pass.canonicalization == canonicalization && pass.algorithm == algorithm
        })?;
        let octets = pass.octets?;
        let want = pass.wants.iter().find(|want| want.length == length)?;
        match want.state {
            State::Requested => None,
            State::Beyond => Some(Err(octets)),
            State::Done(digest) => Some(Ok(BodyHash {
                digest,
                octets_signed: want.length.unwrap_or(octets),
                octets,
            })),
        }
    }
}

impl Pass {
    /// Nothing but the SHA-256 of the whole body is wanted, and it is not known.
    fn is_lone_whole_body(&self) -> bool {
        self.algorithm == HashAlgorithm::Sha256
            && matches!(
                self.wants.as_slice(),
                [Want {
                    length: None,
                    state: State::Requested
                }]
            )
    }

    /// Takes the hash of the whole body.
    pub(super) fn finish(&mut self, found: &WholeBody) {
        self.octets = Some(found.octets);
        self.line_ends = Some(found.line_ends);
        for want in self.wants.iter_mut().filter(|want| want.length.is_none()) {
            want.state = State::Done(found.digest);
        }
    }

    fn compute(&mut self, body: &[u8]) {
        let mut open: Vec<&mut Want> = self
            .wants
            .iter_mut()
            .filter(|want| matches!(want.state, State::Requested))
            .collect();
        if open.is_empty() {
            return;
        }
        // The whole body comes last, after all partial lengths.
        open.sort_unstable_by_key(|want| want.length.map_or((true, 0), |length| (false, length)));
        let mut sink = Snapshots {
            hasher: Hasher::new(self.algorithm),
            octets: 0,
            open: open.into_iter().peekable(),
        };
        sink.take_snapshots();
        self.line_ends = Some(write_body(self.canonicalization, body, &mut sink));
        self.octets = Some(sink.octets);
        let Snapshots { hasher, open, .. } = sink;
        for want in open {
            want.state = match want.length {
                // RFC 6376 §3.5: l= must not be larger than the canonicalized body.
                Some(_) => State::Beyond,
                None => State::Done(hasher.clone().finish()),
            };
        }
    }
}

/// Hashes a stream of octets and keeps the hash at certain lengths.
struct Snapshots<'a, I: Iterator<Item = &'a mut Want>> {
    hasher: Hasher,
    octets: u64,
    /// What is still wanted, by ascending length.
    open: std::iter::Peekable<I>,
}

impl<'a, I: Iterator<Item = &'a mut Want>> Snapshots<'a, I> {
    /// Octets until the next snapshot; `None` when no partial length is left.
    fn distance(&mut self) -> Option<u64> {
        let length = self.open.peek()?.length?;
        Some(length.saturating_sub(self.octets))
    }

    fn take_snapshots(&mut self) {
        while self.distance() == Some(0) {
            if let Some(want) = self.open.next() {
                want.state = State::Done(self.hasher.clone().finish());
            }
        }
    }
}

impl<'a, I: Iterator<Item = &'a mut Want>> Sink for Snapshots<'a, I> {
    fn write(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while let Some(distance) = self.distance() {
            let until = usize::try_from(distance).unwrap_or(usize::MAX);
            let Some((part, tail)) = rest.split_at_checked(until) else {
                break;
            };
            self.hasher.update(part);
            self.octets += distance;
            self.take_snapshots();
            rest = tail;
        }
        // Beyond the last length that is wanted the octets are only counted.
        if self.open.peek().is_some() {
            self.hasher.update(rest);
        }
        self.octets += u64::try_from(rest.len()).unwrap_or(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn message(body: &[u8]) -> Message {
        Message::parse(Bytes::from([b"A: 1\r\n\r\n", body].concat()))
    }

    fn sha256(octets: &[u8]) -> Digest {
        let mut hasher = Hasher::new(HashAlgorithm::Sha256);
        hasher.update(octets);
        hasher.finish()
    }

    fn whole(canonicalization: Canonicalization, body: &[u8]) -> BodyHash {
        let mut hashes = BodyHashes::default();
        hashes.request(canonicalization, HashAlgorithm::Sha256, None);
        hashes.compute(&message(body));
        hashes
            .hash(canonicalization, HashAlgorithm::Sha256, None)
            .unwrap()
            .unwrap()
    }

    #[test]
    fn rfc6376_3_4_3_and_3_4_4_the_empty_body() {
        let simple = whole(Canonicalization::Simple, b"");
        assert_eq!((simple.digest, simple.octets), (sha256(b"\r\n"), 2));
        let relaxed = whole(Canonicalization::Relaxed, b"");
        assert_eq!((relaxed.digest, relaxed.octets), (sha256(b""), 0));
    }

    #[test]
    fn rfc6376_3_5_partial_lengths_are_snapshots_of_one_pass() {
        let body: Vec<u8> = (0..20_000_u32)
            .map(|number| if number % 50 == 49 { b'\n' } else { b'a' })
            .collect();
        let mut canonical = Vec::new();
        write_body(Canonicalization::Relaxed, &body, &mut canonical);
        let total = u64::try_from(canonical.len()).unwrap();
        let lengths = [
            0,
            1,
            49,
            5_000,
            5_000,
            total - 1,
            total,
            total + 1,
            u64::MAX,
        ];
        let mut hashes = BodyHashes::default();
        for length in lengths.iter().rev() {
            hashes.request(
                Canonicalization::Relaxed,
                HashAlgorithm::Sha256,
                Some(*length),
            );
        }
        hashes.request(Canonicalization::Relaxed, HashAlgorithm::Sha256, None);
        hashes.compute(&message(&body));
        for length in lengths {
            let hash = hashes.hash(
                Canonicalization::Relaxed,
                HashAlgorithm::Sha256,
                Some(length),
            );
            if length > total {
                assert_eq!(hash, Some(Err(total)));
                continue;
            }
            let covered = &canonical[..usize::try_from(length).unwrap()];
            assert_eq!(
                hash,
                Some(Ok(BodyHash {
                    digest: sha256(covered),
                    octets_signed: length,
                    octets: total,
                }))
            );
        }
        let hash = hashes.hash(Canonicalization::Relaxed, HashAlgorithm::Sha256, None);
        assert_eq!(hash.unwrap().unwrap().digest, sha256(&canonical));
    }

    #[test]
    fn the_body_is_counted_beyond_the_last_partial_length() {
        let mut hashes = BodyHashes::default();
        hashes.request(Canonicalization::Simple, HashAlgorithm::Sha1, Some(3));
        hashes.compute(&message(&[b'x'; 10_000]));
        let hash = hashes.hash(Canonicalization::Simple, HashAlgorithm::Sha1, Some(3));
        let hash = hash.unwrap().unwrap();
        assert_eq!((hash.octets_signed, hash.octets), (3, 10_002));
        assert_eq!(hash.digest.as_slice().len(), 20);
    }

    #[test]
    fn later_requests_keep_earlier_results() {
        let message = message(b"hello\r\n");
        let mut hashes = BodyHashes::default();
        hashes.request(Canonicalization::Simple, HashAlgorithm::Sha256, None);
        hashes.compute(&message);
        hashes.request(Canonicalization::Simple, HashAlgorithm::Sha256, Some(2));
        assert!(
            hashes
                .hash(Canonicalization::Simple, HashAlgorithm::Sha256, Some(2))
                .is_none()
        );
        hashes.compute(&message);
        let partial = hashes.hash(Canonicalization::Simple, HashAlgorithm::Sha256, Some(2));
        assert_eq!(partial.unwrap().unwrap().digest, sha256(b"he"));
        let all = hashes.hash(Canonicalization::Simple, HashAlgorithm::Sha256, None);
        assert_eq!(all.unwrap().unwrap().digest, sha256(b"hello\r\n"));
    }
}

//! Hashes of several messages at once: SHA-256 is bound by the latency of its instructions, so two in turn cost little
//! more than one.
//!
//! Knows canonical octets (RFC 6376 §3.4) and where their digest belongs; must not know which signature asks. What is
//! not hashed here is hashed where it is needed, with the same outcome: this is an order of work and nothing else.

use mailauth_sha256::{Path, Source, digest_all};

use crate::crypto::Digest;
use crate::dkim::body_hash::{Pass, WholeBody};
use crate::dkim::canonicalization::{CanonicalBody, Canonicalization};
use crate::dkim::header_hash::StagedForm;

/// Octets to hash and the place of their digest.
pub(crate) enum HashWork<'a> {
    /// Of RFC 6376 §3.7, step 1.
    Body {
        form: CanonicalBody<'a>,
        canonicalization: Canonicalization,
        /// The octets as stored.
        body: &'a [u8],
        pass: &'a mut Pass,
    },
    /// Of RFC 6376 §3.7, step 2.
    Header {
        form: &'a mut StagedForm,
        /// Octets hashed so far.
        done: usize,
    },
}

impl<'a> HashWork<'a> {
    pub(super) fn body(
        canonicalization: Canonicalization,
        body: &'a [u8],
        pass: &'a mut Pass,
    ) -> Self {
        Self::Body {
            form: CanonicalBody::new(canonicalization, body),
            canonicalization,
            body,
            pass,
        }
    }

    pub(super) fn header(form: &'a mut StagedForm) -> Self {
        Self::Header { form, done: 0 }
    }

    /// Near enough to order the work by.
    fn size(&self) -> usize {
        match self {
            Self::Body { body, .. } => body.len(),
            Self::Header { form, .. } => form.octets().len(),
        }
    }

    /// The same octets in the same canonicalization.
    fn is_same_body(&self, other: &Self) -> bool {
        let body = |work: &Self| match work {
            Self::Body {
                canonicalization,
                body,
                ..
            } => Some((*canonicalization, *body)),
            Self::Header { .. } => None,
        };
        body(self).is_some_and(|own| body(other) == Some(own))
    }

    /// Takes the digest; returns what came of a body.
    fn finish(self, digest: [u8; 32]) -> Option<WholeBody> {
        let digest = Digest::sha256(digest);
        match self {
            Self::Body { form, pass, .. } => {
                let found = WholeBody {
                    digest,
                    octets: form.octets(),
                    line_ends: form.line_ends(),
                };
                pass.finish(&found);
                Some(found)
            }
            Self::Header { form, .. } => {
                form.finish(digest);
                None
            }
        }
    }
}

impl Source for HashWork<'_> {
    fn piece(&mut self) -> &[u8] {
        match self {
            Self::Body { form, .. } => form.piece(),
            Self::Header { form, done } => form.octets().get(*done..).unwrap_or_default(),
        }
    }

    fn consume(&mut self, octets: usize) {
        match self {
            Self::Body { form, .. } => form.consume(octets),
            Self::Header { done, .. } => *done += octets,
        }
    }

    fn fill(&mut self, room: &mut [u8]) -> usize {
        match self {
            Self::Body { form, .. } => form.fill(room),
            Self::Header { form, done } => {
                let count = form.octets().get(*done..).unwrap_or_default().fill(room);
                *done += count;
                count
            }
        }
    }
}

/// True where hashing together pays; elsewhere the crypto library's one stream is the fastest there is.
pub(crate) fn is_worthwhile() -> bool {
    Path::detect().is_for_several()
}

/// Hashes everything, several at a time; a body that came just before with the same octets is not hashed again.
pub(crate) fn compute(mut work: Vec<HashWork<'_>>) {
    // A long one at the end would have nobody beside it; equal ones come together.
    work.sort_unstable_by_key(|work| std::cmp::Reverse(work.size()));
    let (mut distinct, mut copies) = (Vec::with_capacity(work.len()), Vec::new());
    for work in work {
        let is_copy = distinct.last().is_some_and(|last| work.is_same_body(last));
        match work {
            HashWork::Body { pass, .. } if is_copy => copies.push((distinct.len() - 1, pass)),
            work => distinct.push(work),
        }
    }
    let mut digests = Vec::with_capacity(distinct.len());
    digest_all(Path::detect(), &mut distinct, &mut digests);
    let finished = distinct.into_iter().zip(digests);
    let found: Vec<_> = finished.map(|(work, digest)| work.finish(digest)).collect();
    for (place, pass) in copies {
        if let Some(Some(found)) = found.get(place) {
            pass.finish(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::HashAlgorithm;
    use crate::dkim::BodyHashes;

    #[test]
    fn equal_bodies_have_one_hash_and_others_their_own() {
        let (relaxed, simple) = (Canonicalization::Relaxed, Canonicalization::Simple);
        let cases: [(Canonicalization, &[u8], &[u8]); 6] = [
            (relaxed, b"a  b\r\n", b"a b\r\n"),
            (relaxed, b"a  b\r\n", b"a b\r\n"),
            (simple, b"a  b\r\n", b"a  b\r\n"),
            (relaxed, b"a  c\r\n", b"a c\r\n"),
            (relaxed, b"a  b\r\n", b"a b\r\n"),
            (relaxed, b"", b""),
        ];
        let mut bodies: Vec<BodyHashes> = cases.iter().map(|_| BodyHashes::default()).collect();
        for (bodies, (canonicalization, ..)) in bodies.iter_mut().zip(&cases) {
            bodies.request(*canonicalization, HashAlgorithm::Sha256, None);
        }
        let open = bodies.iter_mut().zip(&cases);
        compute(
            open.flat_map(|(bodies, (_, body, _))| bodies.open(body))
                .collect(),
        );
        for (bodies, (canonicalization, _, canonical)) in bodies.iter().zip(&cases) {
            let found = bodies.hash(*canonicalization, HashAlgorithm::Sha256, None);
            let found = found.unwrap().unwrap();
            assert_eq!(found.digest, Digest::of(HashAlgorithm::Sha256, canonical));
            assert_eq!(usize::try_from(found.octets), Ok(canonical.len()));
        }
    }
}

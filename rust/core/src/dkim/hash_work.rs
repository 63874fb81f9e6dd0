//! Hashes of several messages at once: SHA-256 is bound by the latency of its instructions, so two in turn cost little
//! more than one.
//!
//! Knows canonical octets (RFC 6376 §3.4) and where their digest belongs; must not know which signature asks. What is
//! not hashed here is hashed where it is needed, with the same outcome: this is an order of work and nothing else.

use mailauth_sha256::{Path, Source, digest_all};

use crate::crypto::Digest;
use crate::dkim::body_hash::Pass;
use crate::dkim::canonicalization::{CanonicalBody, Canonicalization};
use crate::dkim::header_hash::StagedForm;

/// Octets to hash and the place of their digest.
pub(crate) enum HashWork<'a> {
    /// Of RFC 6376 §3.7, step 1.
    Body {
        form: CanonicalBody<'a>,
        /// Octets as stored: near enough to order the work by.
        size: usize,
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
            size: body.len(),
            pass,
        }
    }

    pub(super) fn header(form: &'a mut StagedForm) -> Self {
        Self::Header { form, done: 0 }
    }

    fn size(&self) -> usize {
        match self {
            Self::Body { size, .. } => *size,
            Self::Header { form, .. } => form.octets().len(),
        }
    }

    fn finish(self, digest: [u8; 32]) {
        let digest = Digest::sha256(digest);
        match self {
            Self::Body { form, pass, .. } => pass.finish(&form, digest),
            Self::Header { form, .. } => form.finish(digest),
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
}

/// True where hashing together pays; elsewhere the crypto library's one stream is the fastest there is.
pub(crate) fn is_worthwhile() -> bool {
    Path::detect() == Path::TwoLanes
}

/// Hashes everything, two at a time.
pub(crate) fn compute(mut work: Vec<HashWork<'_>>) {
    // A long one at the end would have nobody beside it.
    work.sort_by_key(|work| std::cmp::Reverse(work.size()));
    let mut digests = Vec::with_capacity(work.len());
    digest_all(Path::detect(), &mut work, &mut digests);
    for (work, digest) in work.into_iter().zip(digests) {
        work.finish(digest);
    }
}

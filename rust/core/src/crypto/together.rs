//! Signatures of several messages at once, in the lanes of a vector where the CPU has them.
//!
//! Every signature is computed in full and compared in full (RFC 8017, section 8.2.2; RFC 8032 §5.1.7), each under its
//! own key: nothing is screened or combined, so that no signature passes here that would not pass alone. Must not know
//! whose signatures they are.

use super::ed25519::{self, Ed25519Work};
use super::{Digest, RsaPublicKey};
#[cfg(target_arch = "x86_64")]
use super::{lanes, rsa_lanes};

/// A signature to verify.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work<'a> {
    /// PureEdDSA over a message.
    Ed25519(Ed25519Work<'a>),
    /// PKCS#1 v1.5 over a digest.
    Rsa(RsaWork<'a>),
}

impl Work<'_> {
    /// True when both must have the same outcome: the very same key, the same message and signature.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ed25519(one), Self::Ed25519(other)) => one.is_same(other),
            (Self::Rsa(one), Self::Rsa(other)) => one.is_same(other),
            (Self::Ed25519(_), Self::Rsa(_)) | (Self::Rsa(_), Self::Ed25519(_)) => false,
        }
    }
}

/// An RSA signature to verify.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RsaWork<'a> {
    pub(crate) key: &'a RsaPublicKey,
    pub(crate) digest: &'a Digest,
    pub(crate) signature: &'a [u8],
}

impl RsaWork<'_> {
    fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.key, other.key)
            && self.digest == other.digest
            && self.signature == other.signature
    }

    pub(super) fn verify_alone(&self) -> bool {
        self.key
            .verify(self.digest.algorithm(), self.digest, self.signature)
    }
}

/// True when this CPU verifies several at once faster than one by one.
#[cfg(target_arch = "x86_64")]
pub(crate) fn is_worthwhile() -> bool {
    lanes::detect().is_some()
}

/// Other CPUs verify one by one.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn is_worthwhile() -> bool {
    false
}

/// Whether each signature verifies, in order.
pub(crate) fn verify_together(work: &[Work<'_>]) -> Vec<bool> {
    let (mut rsa, mut edwards) = (Vec::with_capacity(work.len()), Vec::new());
    for work in work {
        match work {
            Work::Ed25519(work) => edwards.push(*work),
            Work::Rsa(work) => rsa.push(*work),
        }
    }
    let mut rsa = verify_rsa(&rsa).into_iter();
    let mut edwards = ed25519::verify(&edwards).into_iter();
    let outcomes = work.iter().map(|work| match work {
        Work::Ed25519(_) => edwards.next(),
        Work::Rsa(_) => rsa.next(),
    });
    outcomes.map(Option::unwrap_or_default).collect()
}

/// [`verify_together`] of RSA signatures alone.
pub(super) fn verify_rsa(work: &[RsaWork<'_>]) -> Vec<bool> {
    #[cfg(target_arch = "x86_64")]
    if let Some(verified) = rsa_lanes::verify(work) {
        return verified;
    }
    work.iter().map(RsaWork::verify_alone).collect()
}

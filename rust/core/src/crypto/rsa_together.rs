//! RSA signatures of several messages at once, in the lanes of a vector where the CPU has them.
//!
//! Every signature is computed in full and compared in full (RFC 8017, section 8.2.2), each under its own key: nothing
//! is screened or combined, so that no signature passes here that would not pass alone. Must not know whose signatures
//! they are.

#[cfg(target_arch = "x86_64")]
use super::rsa_lanes;
use super::{Digest, RsaPublicKey};

/// A signature to verify.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RsaWork<'a> {
    pub(crate) key: &'a RsaPublicKey,
    pub(crate) digest: &'a Digest,
    pub(crate) signature: &'a [u8],
}

impl RsaWork<'_> {
    /// True when both must have the same outcome: the very same key, the same hash and signature.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
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
    rsa_lanes::is_available()
}

/// Other CPUs verify one by one.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn is_worthwhile() -> bool {
    false
}

/// Whether each signature verifies, in order.
pub(crate) fn verify_together(work: &[RsaWork<'_>]) -> Vec<bool> {
    #[cfg(target_arch = "x86_64")]
    if let Some(verified) = rsa_lanes::verify(work) {
        return verified;
    }
    work.iter().map(RsaWork::verify_alone).collect()
}

//! The signing algorithms of `a=` and the key types of `k=` (RFC 6376 §3.3, RFC 8463 §3).
//!
//! Knows their names and parts; which of them may pass is policy.

use crate::crypto::HashAlgorithm;

/// What signs (RFC 6376 §3.3, RFC 8463 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyType {
    Rsa,
    Ed25519,
}

impl KeyType {
    /// `k=` and the first half of `a=`, compared without case.
    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        if name.eq_ignore_ascii_case(b"rsa") {
            Some(Self::Rsa)
        } else if name.eq_ignore_ascii_case(b"ed25519") {
            Some(Self::Ed25519)
        } else {
            None
        }
    }
}

/// The signing algorithms of RFC 6376 §3.3 and RFC 8463 §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    RsaSha1,
    RsaSha256,
    Ed25519Sha256,
}

impl Algorithm {
    /// `a=`, compared without case.
    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        let is = |word: &[u8]| name.eq_ignore_ascii_case(word);
        if is(b"rsa-sha256") {
            Some(Self::RsaSha256)
        } else if is(b"ed25519-sha256") {
            Some(Self::Ed25519Sha256)
        } else if is(b"rsa-sha1") {
            Some(Self::RsaSha1)
        } else {
            None
        }
    }

    /// What is signed is a hash by this algorithm.
    pub(crate) const fn hash(self) -> HashAlgorithm {
        match self {
            Self::RsaSha1 => HashAlgorithm::Sha1,
            Self::RsaSha256 | Self::Ed25519Sha256 => HashAlgorithm::Sha256,
        }
    }

    /// The key that it needs.
    pub(crate) const fn key_type(self) -> KeyType {
        match self {
            Self::RsaSha1 | Self::RsaSha256 => KeyType::Rsa,
            Self::Ed25519Sha256 => KeyType::Ed25519,
        }
    }
}

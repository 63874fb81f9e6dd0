//! The only room that names the crypto library: digests and signature checks over public data, and pseudonyms' tags.
//!
//! Knows SHA-1, SHA-256, RSA (PKCS#1 v1.5), Ed25519 public keys and HMAC. Must not know tags, base64, which sizes are
//! acceptable, or what a broken key means for a verdict: those are the protocols' (RFC 8301 §3.1, §3.2). Nothing
//! in here compares a secret, so nothing needs constant time.

mod der;
mod der_writer;
mod ed25519;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod mac;
mod rsa;
#[cfg(target_arch = "x86_64")]
mod rsa_lanes;
mod together;
#[cfg(test)]
mod vectors;

use std::fmt;

use aws_lc_rs::digest;

pub use der_writer::rsa_public_key_info;
pub use ed25519::Ed25519PublicKey;
pub(crate) use ed25519::Ed25519Work;
pub use mac::MacKey;
pub use rsa::{
    KEY_OCTET_LIMIT, MODULUS_BIT_LIMIT, MODULUS_BIT_MINIMUM, RsaNumbers, RsaPublicKey,
    encoded_message, rsa_numbers,
};
pub(crate) use together::{RsaWork, Work, is_worthwhile, verify_together};

/// The hash of a signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashAlgorithm {
    /// SHA-1, only for mail from before RFC 8301.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl HashAlgorithm {
    /// Octets of a digest.
    pub const fn digest_length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    fn library_algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
        }
    }
}

/// Why octets are no usable public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyProblem {
    /// The exponent is even, below 3 or above 2^33 - 1.
    Exponent,
    /// Not the encoding of a public key of this type.
    Malformed,
    /// An Ed25519 point of small order, under which signatures need no private key.
    SmallOrder,
    /// More than [`KEY_OCTET_LIMIT`] octets.
    TooLarge,
}

/// A digest: 20 or 32 octets.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest {
    algorithm: HashAlgorithm,
    octets: [u8; 32],
}

impl Digest {
    /// The hash of `octets`.
    pub fn of(algorithm: HashAlgorithm, octets: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(octets);
        hasher.finish()
    }

    /// A SHA-256 that was computed elsewhere.
    pub const fn sha256(octets: [u8; 32]) -> Self {
        Self {
            algorithm: HashAlgorithm::Sha256,
            octets,
        }
    }

    /// The hash function that made it.
    pub fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// The octets.
    pub fn as_slice(&self) -> &[u8] {
        let length = self.algorithm.digest_length();
        self.octets.get(..length).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}:", self.algorithm)?;
        for octet in self.as_slice() {
            write!(formatter, "{octet:02x}")?;
        }
        Ok(())
    }
}

/// A running hash; a clone goes on from the same state.
#[derive(Clone)]
pub struct Hasher {
    algorithm: HashAlgorithm,
    context: digest::Context,
}

impl Hasher {
    /// Nothing hashed yet.
    pub fn new(algorithm: HashAlgorithm) -> Self {
        Self {
            algorithm,
            context: digest::Context::new(algorithm.library_algorithm()),
        }
    }

    /// Appends octets.
    pub fn update(&mut self, octets: &[u8]) {
        self.context.update(octets);
    }

    /// The digest.
    pub fn finish(self) -> Digest {
        let digest = self.context.finish();
        let mut octets = [0; 32];
        for (octet, value) in octets.iter_mut().zip(digest.as_ref()) {
            *octet = *value;
        }
        Digest {
            algorithm: self.algorithm,
            octets,
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Hasher")
            .field(&self.algorithm)
            .finish()
    }
}

/// A running SHA-256 for digests that are no part of a signature.
#[derive(Clone, Debug)]
pub struct Sha256(Hasher);

impl Sha256 {
    /// Nothing hashed yet.
    pub fn new() -> Self {
        Self(Hasher::new(HashAlgorithm::Sha256))
    }

    /// Appends octets.
    pub fn update(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    /// The digest.
    pub fn finish(self) -> [u8; 32] {
        self.0.finish().octets
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC_SHA1: &str = "a9993e364706816aba3e25717850c26c9cd0d89d";
    const ABC_SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn digests_have_the_length_of_their_hash() {
        for (algorithm, expected) in [
            (HashAlgorithm::Sha1, ABC_SHA1),
            (HashAlgorithm::Sha256, ABC_SHA256),
        ] {
            let digest = Digest::of(algorithm, b"abc");
            assert_eq!(digest.as_slice(), vectors::octets(expected));
            assert_eq!(digest.as_ref().len(), algorithm.digest_length());
            assert_eq!(digest.algorithm(), algorithm);
        }
    }

    #[test]
    fn every_split_has_the_same_digest_and_a_clone_goes_on_alone() {
        for split in 0..=3 {
            let mut hasher = Hasher::new(HashAlgorithm::Sha256);
            hasher.update(&b"abc"[..split]);
            let mut other = hasher.clone();
            other.update(b"x");
            hasher.update(&b"abc"[split..]);
            let digest = hasher.finish();
            assert_eq!(digest.as_slice(), vectors::octets(ABC_SHA256));
            assert_ne!(other.finish(), digest);
        }
    }

    #[test]
    fn sha256_alone_equals_the_hasher() {
        let mut sha256 = Sha256::new();
        sha256.update(b"abc");
        assert_eq!(sha256.finish().as_slice(), vectors::octets(ABC_SHA256));
    }
}

//! RSA public keys and PKCS#1 v1.5 signatures (RFC 6376 §3.3.1, §3.3.2).
//!
//! Knows how a key is read once so that it is ready to verify with, and where arithmetic stops: the cost of a hostile
//! key is bounded here. Must not know which sizes a protocol accepts (RFC 8301 §3.2): it asks for
//! [`RsaPublicKey::bits`].

use std::fmt;
use std::sync::OnceLock;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
};
use num_bigint::BigUint;

#[cfg(target_arch = "x86_64")]
use super::rsa_lanes::LaneKey;
use super::{Digest, HashAlgorithm, KeyProblem, der};

/// Octets of a key that is read at all: the 4,096 base64 characters that DNS carries for the largest real keys.
pub const KEY_OCTET_LIMIT: usize = 3072;
/// Bits of a modulus that is computed with; one verification with 8192 bits costs 13 with 2048 bits.
pub const MODULUS_BIT_LIMIT: u32 = 8192;
/// Bits below which nothing verifies: the encoded message of SHA-256 needs 62 octets.
pub const MODULUS_BIT_MINIMUM: u32 = 512;
/// Bits below which the library refuses, so that [`SmallKey`] computes.
const LIBRARY_BIT_MINIMUM: u32 = 1024;
/// The library's bound on the cost of an exponent, 33 bits (RFC 6376 §8.13 names the attack).
const EXPONENT_LIMIT: u64 = (1 << 33) - 1;
/// The usual exponent; a smaller one is a flag, not a fault.
const USUAL_EXPONENT: u64 = 65_537;

/// The DigestInfo before the digest (RFC 8017, section 9.2, note 1).
const SHA1_DIGEST_INFO: &[u8] = &[
    0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14,
];
const SHA256_DIGEST_INFO: &[u8] = &[
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// The numbers of a key as published, whatever they are worth; big-endian without leading zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RsaNumbers {
    /// The modulus.
    pub modulus: Vec<u8>,
    /// The public exponent.
    pub exponent: Vec<u8>,
}

/// Reads the numbers of a key that nobody verifies with; `None` when the encoding is none or too large.
pub fn rsa_numbers(der: &[u8]) -> Option<RsaNumbers> {
    let der = Some(der).filter(|der| der.len() <= KEY_OCTET_LIMIT)?;
    der::rsa_public_key(der).map(|parts| RsaNumbers {
        modulus: parts.modulus.to_vec(),
        exponent: parts.exponent.to_vec(),
    })
}

/// A key ready to verify with.
#[derive(Clone)]
pub struct RsaPublicKey {
    bits: u32,
    modulus_length: usize,
    exponent: u64,
    engine: Engine,
}

#[derive(Clone)]
enum Engine {
    Library(LibraryKey),
    Small(SmallKey),
    /// A size for which no signature is computed.
    Unused,
}

impl RsaPublicKey {
    /// Reads a SubjectPublicKeyInfo or an RSAPublicKey of PKCS #1 (RFC 6376 §3.6.1), DER without any leniency.
    ///
    /// A modulus beyond [`MODULUS_BIT_LIMIT`] or below [`MODULUS_BIT_MINIMUM`] is a key too; nothing verifies with it.
    pub fn parse(der: &[u8]) -> Result<Self, KeyProblem> {
        if der.len() > KEY_OCTET_LIMIT {
            return Err(KeyProblem::TooLarge);
        }
        let parts = der::rsa_public_key(der).ok_or(KeyProblem::Malformed)?;
        let bits = bit_length(parts.modulus);
        // A product of odd primes is odd; 1 is none.
        let is_odd = parts.modulus.last().is_some_and(|octet| octet & 1 == 1);
        if !is_odd || bits < 2 {
            return Err(KeyProblem::Malformed);
        }
        let exponent = exponent(parts.exponent).ok_or(KeyProblem::Exponent)?;
        let engine = match bits {
            MODULUS_BIT_MINIMUM..LIBRARY_BIT_MINIMUM => {
                Engine::Small(SmallKey::new(parts.modulus, exponent))
            }
            LIBRARY_BIT_MINIMUM..=MODULUS_BIT_LIMIT => {
                Engine::Library(LibraryKey::parse(parts.pkcs1)?)
            }
            _ => Engine::Unused,
        };
        Ok(Self {
            bits,
            modulus_length: parts.modulus.len(),
            exponent,
            engine,
        })
    }

    /// The exact bit length of the modulus.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// True when the public exponent is below 65537.
    pub fn has_small_exponent(&self) -> bool {
        self.exponent < USUAL_EXPONENT
    }

    /// True when verifying several with such keys together is faster than one after the other.
    pub fn gains_together(&self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self.lane_key().is_some();
        #[cfg(not(target_arch = "x86_64"))]
        return false;
    }

    /// Octets of the modulus and of every signature.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn modulus_length(&self) -> usize {
        self.modulus_length
    }

    /// The key as the lanes of a vector take it; `None` for what does not fit them.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn lane_key(&self) -> Option<&LaneKey> {
        let Engine::Library(key) = &self.engine else {
            return None;
        };
        // Another exponent is rare, and its cost bounded by the library.
        if self.exponent != USUAL_EXPONENT {
            return None;
        }
        let cut = || LaneKey::new(der::rsa_public_key(key.sha256.as_ref())?.modulus);
        key.lanes.get_or_init(cut).as_ref()
    }

    /// Checks a PKCS#1 v1.5 signature of `digest`; whether the size of the key is good enough is the caller's question.
    pub fn verify(&self, hash: HashAlgorithm, digest: &Digest, signature: &[u8]) -> bool {
        // RFC 8017, section 8.2.2, step 1: exactly the modulus' length, so that no second form of a signature verifies.
        if digest.algorithm() != hash || signature.len() != self.modulus_length {
            return false;
        }
        match &self.engine {
            Engine::Library(key) => key.verify(digest, signature),
            Engine::Small(key) => key.verify(digest, signature, self.modulus_length),
            Engine::Unused => false,
        }
    }
}

impl fmt::Debug for RsaPublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RsaPublicKey")
            .field("bits", &self.bits)
            .field("exponent", &self.exponent)
            .finish_non_exhaustive()
    }
}

fn bit_length(magnitude: &[u8]) -> u32 {
    let bits = u32::try_from(magnitude.len().saturating_mul(8)).unwrap_or(u32::MAX);
    bits.saturating_sub(magnitude.first().map_or(0, |octet| octet.leading_zeros()))
}

/// The exponent when it is odd and within 3 and [`EXPONENT_LIMIT`].
fn exponent(magnitude: &[u8]) -> Option<u64> {
    if magnitude.len() > size_of::<u64>() {
        return None;
    }
    let exponent = magnitude
        .iter()
        .fold(0, |value, octet| value << 8 | u64::from(*octet));
    let is_acceptable = exponent & 1 == 1 && (3..=EXPONENT_LIMIT).contains(&exponent);
    is_acceptable.then_some(exponent)
}

/// A key of 1024 to 8192 bits in the library's form, which keeps its Montgomery context between verifications.
#[derive(Clone)]
struct LibraryKey {
    sha256: ParsedPublicKey,
    /// Made when the first rsa-sha1 signature asks, because a parsed key is bound to its hash.
    sha1: OnceLock<Option<ParsedPublicKey>>,
    /// Made when it is first verified together with others.
    #[cfg(target_arch = "x86_64")]
    lanes: OnceLock<Option<LaneKey>>,
}

impl LibraryKey {
    fn parse(pkcs1: &[u8]) -> Result<Self, KeyProblem> {
        ParsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, pkcs1)
            .map(|sha256| Self {
                sha256,
                sha1: OnceLock::new(),
                #[cfg(target_arch = "x86_64")]
                lanes: OnceLock::new(),
            })
            .map_err(|_| KeyProblem::Malformed)
    }

    fn sha1(&self) -> Option<&ParsedPublicKey> {
        let parse = || {
            let algorithm = &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY;
            ParsedPublicKey::new(algorithm, self.sha256.as_ref()).ok()
        };
        self.sha1.get_or_init(parse).as_ref()
    }

    fn verify(&self, digest: &Digest, signature: &[u8]) -> bool {
        let algorithm = digest.algorithm();
        let key = match algorithm {
            HashAlgorithm::Sha1 => self.sha1(),
            HashAlgorithm::Sha256 => Some(&self.sha256),
        };
        digest::Digest::import_less_safe(digest.as_slice(), algorithm.library_algorithm())
            .ok()
            .zip(key)
            .is_some_and(|(digest, key)| key.verify_digest_sig(&digest, signature).is_ok())
    }
}

/// A key of 512 to 1023 bits: the library refuses it, archives hold it.
#[derive(Clone)]
struct SmallKey {
    modulus: BigUint,
    exponent: BigUint,
}

impl SmallKey {
    fn new(modulus: &[u8], exponent: u64) -> Self {
        Self {
            modulus: BigUint::from_bytes_be(modulus),
            exponent: exponent.into(),
        }
    }

    /// RFC 8017, section 8.2.2: one power, then the complete encoded message is compared, never parsed.
    fn verify(&self, digest: &Digest, signature: &[u8], modulus_length: usize) -> bool {
        let signature = BigUint::from_bytes_be(signature);
        if signature >= self.modulus {
            return false;
        }
        let Some(expected) = encoded_message(digest, modulus_length) else {
            return false;
        };
        signature.modpow(&self.exponent, &self.modulus) == BigUint::from_bytes_be(&expected)
    }
}

/// EMSA-PKCS1-v1_5 (RFC 8017, section 9.2): 00 01, at least eight FF, 00, the DigestInfo; `None` when `length` is too
/// short.
pub fn encoded_message(digest: &Digest, length: usize) -> Option<Vec<u8>> {
    let prefix = match digest.algorithm() {
        HashAlgorithm::Sha1 => SHA1_DIGEST_INFO,
        HashAlgorithm::Sha256 => SHA256_DIGEST_INFO,
    };
    let info_length = prefix.len() + digest.as_slice().len();
    let padding = length
        .checked_sub(info_length + 3)
        .filter(|count| *count >= 8)?;
    let mut message = Vec::with_capacity(length);
    message.extend([0, 1]);
    message.resize(padding + 2, 0xff);
    message.push(0);
    message.extend(prefix);
    message.extend(digest.as_slice());
    Some(message)
}

#[cfg(test)]
mod tests;

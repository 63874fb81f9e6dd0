//! The only file that names the crypto library: digests and signature checks over public data.
//!
//! Knows RSA (RFC 8301) and Ed25519 (RFC 8463) public keys; which of them may pass is the caller's policy.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

/// A running SHA-256.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// Nothing hashed yet.
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Appends octets.
    pub fn update(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    /// The digest.
    pub fn finish(self) -> [u8; 32] {
        self.0.finish().as_ref().try_into().unwrap_or_default()
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

/// The hash algorithms of DKIM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashAlgorithm {
    /// SHA-1, for historic mail.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// A finished digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    octets: [u8; 32],
    length: usize,
}

impl Digest {
    /// The 20 or 32 octets.
    pub fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

/// A running hash.
#[derive(Clone)]
pub struct Hasher(digest::Context);

impl Hasher {
    /// Nothing hashed yet.
    pub fn new(algorithm: HashAlgorithm) -> Self {
        Self(digest::Context::new(match algorithm {
            HashAlgorithm::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            HashAlgorithm::Sha256 => &digest::SHA256,
        }))
    }

    /// Appends octets.
    pub fn update(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    /// The digest.
    pub fn finish(self) -> Digest {
        let finished = self.0.finish();
        let mut digest = Digest {
            octets: [0; 32],
            length: finished.as_ref().len(),
        };
        for (to, from) in digest.octets.iter_mut().zip(finished.as_ref()) {
            *to = *from;
        }
        digest
    }
}

/// Why octets are no key that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyProblem {
    /// No key of this type.
    Malformed,
    /// An Ed25519 point of small order.
    SmallOrder,
    /// An RSA exponent that cannot be used.
    Exponent,
    /// An RSA modulus beyond the ceiling.
    TooLarge,
}

/// An RSA public key.
#[derive(Clone, Debug)]
pub struct RsaPublicKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl RsaPublicKey {
    /// Reads SubjectPublicKeyInfo or RSAPublicKey.
    ///
    /// # Errors
    /// What is wrong with the key.
    pub fn parse(der: &[u8]) -> Result<Self, KeyProblem> {
        const OID: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
        let (content, rest) = element(der, 0x30).ok_or(KeyProblem::Malformed)?;
        if !rest.is_empty() {
            return Err(KeyProblem::Malformed);
        }
        if let Some((algorithm, rest)) = element(content, 0x30) {
            if ![OID, &[OID, &[5, 0]].concat()].contains(&algorithm) {
                return Err(KeyProblem::Malformed);
            }
            let (bits, rest) = element(rest, 0x03).ok_or(KeyProblem::Malformed)?;
            return match (bits.strip_prefix(&[0]), rest) {
                (Some(inner), [])
                    if element(inner, 0x30).is_some_and(|(c, _)| element(c, 0x02).is_some()) =>
                {
                    Self::parse(inner)
                }
                _ => Err(KeyProblem::Malformed),
            };
        }
        let (modulus, rest) = integer(content).ok_or(KeyProblem::Malformed)?;
        let (exponent, rest) = integer(rest).ok_or(KeyProblem::Malformed)?;
        if !rest.is_empty() {
            return Err(KeyProblem::Malformed);
        }
        let key = Self {
            modulus: modulus.to_vec(),
            exponent: exponent.to_vec(),
        };
        if key.bits() > 8192 {
            return Err(KeyProblem::TooLarge);
        }
        if key.exponent.last().is_none_or(|octet| octet % 2 == 0)
            || key.exponent == [1]
            || key.exponent.len() > 5
        {
            return Err(KeyProblem::Exponent);
        }
        Ok(key)
    }

    /// Bits of the modulus.
    pub fn bits(&self) -> u32 {
        let leading = self
            .modulus
            .first()
            .map_or(0, |octet| octet.leading_zeros());
        u32::try_from(self.modulus.len() * 8).unwrap_or(u32::MAX) - leading
    }

    /// Exponent below 65537.
    pub fn has_small_exponent(&self) -> bool {
        self.exponent.len() < 3
    }

    /// PKCS#1 v1.5.
    pub fn verify(&self, hash: HashAlgorithm, digest: &Digest, signature: &[u8]) -> bool {
        use num_bigint::BigUint;
        let length = self.modulus.len();
        let value = BigUint::from_bytes_be(signature);
        let modulus = BigUint::from_bytes_be(&self.modulus);
        if signature.len() != length || value >= modulus {
            return false;
        }
        let block = value
            .modpow(&BigUint::from_bytes_be(&self.exponent), &modulus)
            .to_bytes_be();
        let prefix: &[u8] = match hash {
            HashAlgorithm::Sha1 => &[
                0x30, 0x21, 0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0, 4, 0x14,
            ],
            HashAlgorithm::Sha256 => &[
                0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20,
            ],
        };
        let info = [prefix, digest.as_slice()].concat();
        if length < info.len() + 11 {
            return false;
        }
        let expected = [&[1], &*vec![0xff; length - info.len() - 3], &[0], &*info].concat();
        block == expected
    }
}

fn element(octets: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = octets.strip_prefix(&[tag])?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (
            usize::from(*rest.first()?) << 8 | usize::from(*rest.get(1)?),
            rest.get(2..)?,
        ),
        _ => return None,
    };
    rest.split_at_checked(length)
}

fn integer(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (content, rest) = element(octets, 0x02)?;
    match content {
        [0, tail @ ..] if tail.first().is_some_and(|octet| *octet >= 0x80) => Some((tail, rest)),
        [first, ..] if *first < 0x80 => Some((content, rest)),
        _ => None,
    }
}

/// An Ed25519 public key.
#[derive(Clone, Debug)]
pub struct Ed25519PublicKey([u8; 32]);

impl Ed25519PublicKey {
    /// Reads 32 octets.
    ///
    /// # Errors
    /// What is wrong with the key.
    pub fn parse(octets: &[u8]) -> Result<Self, KeyProblem> {
        let key: [u8; 32] = octets.try_into().map_err(|_| KeyProblem::Malformed)?;
        if key == [0; 32] {
            return Err(KeyProblem::SmallOrder);
        }
        Ok(Self(key))
    }

    /// PureEdDSA.
    pub fn verify(&self, message: &[u8], octets: &[u8]) -> bool {
        let algorithm: &'static dyn VerificationAlgorithm = &signature::ED25519;
        UnparsedPublicKey::new(algorithm, &self.0)
            .verify(message, octets)
            .is_ok()
    }
}

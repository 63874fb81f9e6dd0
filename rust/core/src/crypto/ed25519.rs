//! Ed25519 public keys of DKIM (RFC 8463).
//!
//! Knows which 32 octets may be a key; must not know what is signed. The library takes small-order points, under which
//! anyone can write a signature, and 44-octet keys: both are refused here.

#[cfg(target_arch = "x86_64")]
mod field;
#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(target_arch = "x86_64")]
mod point;
#[cfg(target_arch = "x86_64")]
mod scalar;
#[cfg(target_arch = "x86_64")]
mod table;
#[cfg(target_arch = "x86_64")]
mod together;

#[cfg(target_arch = "x86_64")]
use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, ParsedPublicKey};

use super::KeyProblem;
#[cfg(target_arch = "x86_64")]
use together::Multiples;
#[cfg(target_arch = "x86_64")]
pub(super) use together::verify;

/// Octets of a key (RFC 8463 §4.2: the key is 256 bits long).
const KEY_LENGTH: usize = 32;

/// The y-coordinates of the eight points of small order, little-endian; the last two are 0 and 1 written as p and p + 1.
const SMALL_ORDER: [[u8; KEY_LENGTH]; 7] = [
    [0; KEY_LENGTH],
    y_coordinate(1, 0, 0),
    y_coordinate(0xec, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    y_coordinate(0xed, 0xff, 0x7f),
    y_coordinate(0xee, 0xff, 0x7f),
];

const fn y_coordinate(first: u8, middle: u8, last: u8) -> [u8; KEY_LENGTH] {
    let mut octets = [middle; KEY_LENGTH];
    octets[0] = first;
    octets[KEY_LENGTH - 1] = last;
    octets
}

/// A key ready to verify with.
#[derive(Clone, Debug)]
pub struct Ed25519PublicKey {
    library: ParsedPublicKey,
    #[cfg(target_arch = "x86_64")]
    multiples: Arc<Multiples>,
}

impl Ed25519PublicKey {
    /// Reads a key of exactly 32 octets (RFC 8463 §4.2).
    ///
    /// A string that is no point of the curve may be read; nothing verifies with it.
    pub fn parse(octets: &[u8]) -> Result<Self, KeyProblem> {
        let mut y: [u8; KEY_LENGTH] = octets.try_into().map_err(|_| KeyProblem::Malformed)?;
        if let Some(last) = y.last_mut() {
            // The top bit is the sign of x, and x says nothing about the order.
            *last &= 0x7f;
        }
        if SMALL_ORDER.contains(&y) {
            return Err(KeyProblem::SmallOrder);
        }
        ParsedPublicKey::new(&ED25519, octets)
            .map(Self::new)
            .map_err(|_| KeyProblem::Malformed)
    }

    fn new(library: ParsedPublicKey) -> Self {
        Self {
            library,
            #[cfg(target_arch = "x86_64")]
            multiples: Arc::default(),
        }
    }

    /// The key as published.
    #[cfg(target_arch = "x86_64")]
    fn octets(&self) -> &[u8] {
        self.library.as_ref()
    }

    /// True when verifying several with this key together is faster than one after the other.
    pub fn gains_together(&self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self.multiples.gains();
        #[cfg(not(target_arch = "x86_64"))]
        return false;
    }

    /// PureEdDSA over `message`; for DKIM that is the SHA-256 digest of the header data (RFC 8463 §3).
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let work = Ed25519Work {
            key: self,
            message,
            signature,
        };
        verify(&[work]) == [true]
    }

    /// [`Self::verify`] by the library alone: the same outcome, whatever the key has verified before.
    pub fn verify_by_library(&self, message: &[u8], signature: &[u8]) -> bool {
        self.library.verify_sig(message, signature).is_ok()
    }
}

/// A signature to verify.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ed25519Work<'a> {
    pub(crate) key: &'a Ed25519PublicKey,
    pub(crate) message: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl Ed25519Work<'_> {
    /// True when both must have the same outcome: the very same key, the same message and signature.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.key, other.key)
            && self.message == other.message
            && self.signature == other.signature
    }

    fn verify_alone(&self) -> bool {
        let is_valid = self.key.verify_by_library(self.message, self.signature);
        #[cfg(target_arch = "x86_64")]
        if is_valid {
            self.key.multiples.note_verified();
        }
        is_valid
    }
}

/// Whether each signature verifies, in order.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn verify(work: &[Ed25519Work<'_>]) -> Vec<bool> {
    work.iter().map(Ed25519Work::verify_alone).collect()
}

#[cfg(test)]
#[path = "ed25519/tests.rs"]
mod outcome_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::vectors::octets;

    /// The key of RFC 8463 App. A.2, and RFC 8032's signature of the empty message with it.
    const KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    const SIGNATURE: &str = concat!(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155",
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    );
    /// The SHA-256 digest of the header data of RFC 8463 App. A.3, and its first signature.
    const HEADER_DIGEST: &str = "48ce9a2c710ece1710ff156996b836a7f45470e43efe5643074d6e1690ed62e7";
    const HEADER_SIGNATURE: &str = concat!(
        "fe00ab8a7a5c40ea087ee1cd4086eae29821f64c882b701051db7d39da907a14",
        "b084422e8380f5d41bac15addb4f7158e4eb14ed96e72842eaf9e5dda754350f",
    );
    /// The order L of the base point, little-endian.
    const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

    fn key() -> Ed25519PublicKey {
        Ed25519PublicKey::parse(&octets(KEY)).unwrap()
    }

    #[test]
    fn rfc8463_4_2_key_verifies() {
        let signature = octets(SIGNATURE);
        assert!(key().verify(b"", &signature));
        assert!(!key().verify(b"x", &signature));
    }

    #[test]
    fn rfc8463_3_the_signed_message_is_the_digest() {
        let (digest, signature) = (octets(HEADER_DIGEST), octets(HEADER_SIGNATURE));
        assert!(key().verify(&digest, &signature));
        assert!(!key().verify(&digest[1..], &signature));
    }

    #[test]
    fn every_other_length_and_every_flipped_bit_fails() {
        let signature = octets(SIGNATURE);
        for length in 0..signature.len() {
            assert!(!key().verify(b"", &signature[..length]));
        }
        assert!(!key().verify(b"", &[signature.as_slice(), &[0]].concat()));
        for bit in 0..512 {
            let mut flipped = signature.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!key().verify(b"", &flipped), "bit {bit}");
        }
    }

    #[test]
    fn s_plus_l_is_refused() {
        let mut signature = octets(SIGNATURE);
        let mut carry = 0;
        for (octet, addend) in signature[32..].iter_mut().zip(octets(ORDER)) {
            let sum = u16::from(*octet) + u16::from(addend) + carry;
            *octet = u8::try_from(sum & 0xff).unwrap();
            carry = sum >> 8;
        }
        assert_eq!(carry, 0);
        assert!(!key().verify(b"", &signature));
    }

    #[test]
    fn rfc8463_4_2_key_lengths_31_32_33_and_44() {
        let key = octets(KEY);
        let spki = [octets("302a300506032b6570032100").as_slice(), &key].concat();
        assert!(Ed25519PublicKey::parse(&key).is_ok());
        for refused in [&key[..31], &[key.as_slice(), &[0]].concat(), &spki, &[]] {
            assert_eq!(
                Ed25519PublicKey::parse(refused).err(),
                Some(KeyProblem::Malformed)
            );
        }
    }

    #[test]
    fn all_fourteen_small_order_strings_are_refused() {
        for y in SMALL_ORDER {
            for sign in [0, 0x80] {
                let mut point = y;
                point[31] |= sign;
                assert_eq!(
                    Ed25519PublicKey::parse(&point).err(),
                    Some(KeyProblem::SmallOrder)
                );
            }
        }
    }

    #[test]
    fn the_identity_would_verify_a_forged_signature_in_the_library() {
        let identity = SMALL_ORDER[1];
        let forged = [identity, [0; 32]].concat();
        let key = ParsedPublicKey::new(&ED25519, identity).unwrap();
        assert!(Ed25519PublicKey::new(key).verify(b"anything", &forged));
        assert!(Ed25519PublicKey::parse(&identity).is_err());
    }

    #[test]
    fn a_string_that_is_no_point_verifies_nothing() {
        let mut string = [0; 32];
        string[0] = 2;
        let verifies =
            Ed25519PublicKey::parse(&string).is_ok_and(|key| key.verify(b"", &octets(SIGNATURE)));
        assert!(!verifies);
    }
}

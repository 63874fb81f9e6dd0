//! Every row of accepted and refused keys and signatures; forgeries are signed with the true private key, so that only
//! the form of the encoded message is at fault.

use super::super::der::tests::{encode, encode_unsigned, pkcs1};
use super::super::together::{RsaWork, verify_rsa};
use super::super::vectors::*;
use super::*;
use HashAlgorithm::{Sha1, Sha256};

fn problem(der: &[u8]) -> Option<KeyProblem> {
    RsaPublicKey::parse(der).err()
}

fn exponent_octets(exponent: u64) -> Vec<u8> {
    BigUint::from(exponent).to_bytes_be()
}

/// A modulus of `bits` bits whose first and last bits are set.
fn modulus(bits: usize) -> Vec<u8> {
    let number = (BigUint::from(1_u8) << (bits - 1)) + 1_u8;
    number.to_bytes_be()
}

struct PrivateKey {
    modulus: BigUint,
    totient: BigUint,
    exponent: u64,
}

impl PrivateKey {
    fn new(primes: (&str, &str), exponent: u64) -> Self {
        let [p, q] = [primes.0, primes.1].map(|prime| BigUint::from_bytes_be(&octets(prime)));
        Self {
            modulus: &p * &q,
            totient: (p - 1_u8) * (q - 1_u8),
            exponent,
        }
    }

    fn length(&self) -> usize {
        self.modulus.to_bytes_be().len()
    }

    fn public_key(&self) -> RsaPublicKey {
        let exponent = exponent_octets(self.exponent);
        RsaPublicKey::parse(&pkcs1(&self.modulus.to_bytes_be(), &exponent)).unwrap()
    }

    fn padded(&self, number: &BigUint) -> Vec<u8> {
        let octets = number.to_bytes_be();
        [vec![0; self.length() - octets.len()], octets].concat()
    }

    fn sign(&self, encoded: &[u8]) -> Vec<u8> {
        assert_eq!(encoded.len(), self.length());
        let inverse = BigUint::from(self.exponent).modinv(&self.totient).unwrap();
        self.padded(&BigUint::from_bytes_be(encoded).modpow(&inverse, &self.modulus))
    }
}

fn digest(hash: HashAlgorithm) -> Digest {
    Digest::of(hash, MESSAGE)
}

/// Alone, and beside a copy of itself in the lanes of a vector, where the CPU has them.
fn verifies(key: &RsaPublicKey, hash: HashAlgorithm, signature: &[u8]) -> bool {
    let digest = &digest(hash);
    let is_verified = key.verify(hash, digest, signature);
    let work = RsaWork {
        key,
        digest,
        signature,
    };
    assert_eq!(verify_rsa(&[work; 2]), [is_verified; 2]);
    is_verified
}

const PRIMES_512: (&str, &str) = (P_512, Q_512);
const PRIMES_768: (&str, &str) = (P_768, Q_768);
const PRIMES_1023: (&str, &str) = (P_1023, Q_1023);
const PRIMES_1024: (&str, &str) = (P_1024, Q_1024);

#[test]
fn rfc8301_3_2_keys_of_1024_to_8192_bits_verify() {
    for (bits, der, signature) in [
        (1024, PKCS1_1024, SHA256_1024),
        (2048, SPKI_2048, SHA256_2048),
        (4096, PKCS1_4096, SHA256_4096),
        (8192, PKCS1_8192, SHA256_8192),
    ] {
        let key = RsaPublicKey::parse(&octets(der)).unwrap();
        assert_eq!(key.bits(), bits);
        assert!(!key.has_small_exponent());
        assert!(verifies(&key, Sha256, &octets(signature)));
        assert!(!key.verify(Sha256, &Digest::of(Sha256, b"other"), &octets(signature)));
    }
}

#[test]
fn keys_of_512_to_1023_bits_verify_here_because_the_library_refuses() {
    for (bits, primes, signature) in [
        (512, PRIMES_512, SHA256_512),
        (768, PRIMES_768, SHA256_768),
        (1023, PRIMES_1023, SHA256_1023),
    ] {
        let key = PrivateKey::new(primes, 65_537).public_key();
        assert_eq!(key.bits(), bits);
        assert!(matches!(key.engine, Engine::Small(_)));
        assert!(verifies(&key, Sha256, &octets(signature)));
        assert!(!key.verify(Sha256, &Digest::of(Sha256, b"other"), &octets(signature)));
    }
}

#[test]
fn rfc8301_3_1_sha1_verifies_and_never_as_sha256() {
    for (key, signature) in [
        (PrivateKey::new(PRIMES_512, 65_537).public_key(), SHA1_512),
        (RsaPublicKey::parse(&octets(PKCS1_1024)).unwrap(), SHA1_1024),
        (RsaPublicKey::parse(&octets(SPKI_2048)).unwrap(), SHA1_2048),
    ] {
        let signature = octets(signature);
        for _ in 0..2 {
            assert!(verifies(&key, Sha1, &signature));
            assert!(verifies(&key.clone(), Sha1, &signature));
        }
        assert!(!verifies(&key, Sha256, &signature));
        assert!(!key.verify(Sha256, &digest(Sha1), &signature));
    }
}

#[test]
fn modulus_bit_length_is_exact_and_decides_who_computes() {
    let engine_at = |bits: usize| {
        let key = RsaPublicKey::parse(&pkcs1(&modulus(bits), &[1, 0, 1])).unwrap();
        assert_eq!(usize::try_from(key.bits()), Ok(bits));
        match key.engine {
            Engine::Library(_) => "library",
            Engine::Small(_) => "small",
            Engine::Unused => "unused",
        }
    };
    for bits in [2, 8, 511, 8193, 16_384] {
        assert_eq!(engine_at(bits), "unused", "{bits}");
    }
    for bits in [512, 513, 1016, 1017, 1023] {
        assert_eq!(engine_at(bits), "small", "{bits}");
    }
    for bits in [1024, 1025, 4097, 8191, 8192] {
        assert_eq!(engine_at(bits), "library", "{bits}");
    }
}

#[test]
fn sizes_without_arithmetic_verify_nothing() {
    for bits in [511, 8193] {
        let key = RsaPublicKey::parse(&pkcs1(&modulus(bits), &[3])).unwrap();
        let mut one = vec![0; bits.div_ceil(8)];
        *one.last_mut().unwrap() = 1;
        assert!(!verifies(&key, Sha256, &one));
    }
}

#[test]
fn key_octet_limit_at_n_minus_1_n_and_n_plus_1() {
    let key_of = |octets: usize| pkcs1(&modulus((octets - 14) * 8), &[1, 0, 1]);
    for (length, expected) in [
        (KEY_OCTET_LIMIT - 1, None),
        (KEY_OCTET_LIMIT, None),
        (KEY_OCTET_LIMIT + 1, Some(KeyProblem::TooLarge)),
    ] {
        let der = key_of(length);
        assert_eq!(der.len(), length);
        assert_eq!(problem(&der), expected);
    }
}

#[test]
fn exponents_are_odd_and_3_to_33_bits() {
    let with_exponent = |exponent: u64| pkcs1(&modulus(2048), &exponent_octets(exponent));
    for accepted in [
        3,
        65_535,
        65_537,
        (1 << 33) - 9,
        EXPONENT_LIMIT - 2,
        EXPONENT_LIMIT,
    ] {
        let key = RsaPublicKey::parse(&with_exponent(accepted)).unwrap();
        assert_eq!(key.has_small_exponent(), accepted < 65_537);
    }
    for refused in [
        1,
        2,
        65_536,
        EXPONENT_LIMIT + 1,
        EXPONENT_LIMIT + 2,
        (1 << 33) + 17,
    ] {
        assert_eq!(problem(&with_exponent(refused)), Some(KeyProblem::Exponent));
    }
    let zero = [encode_unsigned(&modulus(2048)), encode(2, &[0])].concat();
    assert_eq!(problem(&encode(0x30, &zero)), Some(KeyProblem::Exponent));
    for bits in [65, 2000] {
        let der = pkcs1(&modulus(2048), &modulus(bits));
        assert_eq!(problem(&der), Some(KeyProblem::Exponent));
    }
    let negative = [encode_unsigned(&modulus(2048)), encode(2, &[0xff])].concat();
    assert_eq!(
        problem(&encode(0x30, &negative)),
        Some(KeyProblem::Malformed)
    );
}

#[test]
fn accepted_exponents_verify_in_both_engines() {
    for primes in [PRIMES_768, PRIMES_1024] {
        for exponent in [3, 65_537, (1 << 33) - 9, EXPONENT_LIMIT] {
            let private = PrivateKey::new(primes, exponent);
            let encoded = encoded_message(&digest(Sha256), private.length()).unwrap();
            assert!(verifies(
                &private.public_key(),
                Sha256,
                &private.sign(&encoded)
            ));
        }
    }
}

#[test]
fn even_zero_one_and_negative_moduli_are_malformed() {
    let with_modulus = |integer: &[u8]| {
        let integers = [encode(2, integer), encode_unsigned(&[1, 0, 1])].concat();
        encode(0x30, &integers)
    };
    let mut power = vec![0; 257];
    power[1] = 0x80;
    let mut even = [vec![0], modulus(2048)].concat();
    even[256] = 2;
    let negative = modulus(2048);
    let doubled_zero = [vec![0, 0], modulus(2048)].concat();
    for refused in [&[0][..], &[1], &power, &even, &negative, &doubled_zero] {
        assert_eq!(problem(&with_modulus(refused)), Some(KeyProblem::Malformed));
    }
    assert_eq!(problem(b""), Some(KeyProblem::Malformed));
    assert_eq!(problem(b"\x30\x00"), Some(KeyProblem::Malformed));
}

#[test]
fn one_form_of_a_signature_verifies() {
    for (primes, signature) in [(PRIMES_768, SHA256_768), (PRIMES_1024, SHA256_1024)] {
        let (private, signature) = (PrivateKey::new(primes, 65_537), octets(signature));
        let key = private.public_key();
        let number = BigUint::from_bytes_be(&signature);
        let plus_modulus = (&number + &private.modulus).to_bytes_be();
        let mut refused = vec![
            vec![],
            plus_modulus,
            [&[0], signature.as_slice()].concat(),
            [signature.as_slice(), &[0]].concat(),
            signature[1..].to_vec(),
            signature[..signature.len() - 1].to_vec(),
            vec![0; signature.len()],
            vec![0xff; signature.len()],
            private.padded(&private.modulus),
            private.padded(&(&private.modulus - 1_u8)),
        ];
        refused.extend((0..signature.len() * 8).step_by(7).map(|bit| {
            let mut flipped = signature.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            flipped
        }));
        assert!(verifies(&key, Sha256, &signature));
        for signature in refused {
            assert!(!verifies(&key, Sha256, &signature));
        }
    }
}

/// `s + n` needs a modulus small enough for the sum to keep its length.
#[test]
fn s_plus_n_of_the_same_length_is_refused() {
    for primes in [PRIMES_512, PRIMES_768, PRIMES_1023, PRIMES_1024] {
        let private = PrivateKey::new(primes, 65_537);
        let (key, length) = (private.public_key(), private.length());
        let found = (0_u16..400).find_map(|counter| {
            let digest = Digest::of(Sha256, &counter.to_be_bytes());
            let signature = private.sign(&encoded_message(&digest, length).unwrap());
            let sum = (BigUint::from_bytes_be(&signature) + &private.modulus).to_bytes_be();
            (sum.len() == length).then_some((digest, signature, sum))
        });
        let (digest, signature, sum) = found.unwrap();
        assert!(key.verify(Sha256, &digest, &signature));
        assert!(!key.verify(Sha256, &digest, &sum));
    }
}

/// A signature whose first octet is zero, with that octet stripped.
#[test]
fn a_stripped_leading_zero_is_refused() {
    for primes in [PRIMES_512, PRIMES_1024] {
        let private = PrivateKey::new(primes, 65_537);
        let (key, length) = (private.public_key(), private.length());
        let found = (0_u16..4000).find_map(|counter| {
            let digest = Digest::of(Sha256, &counter.to_be_bytes());
            let signature = private.sign(&encoded_message(&digest, length).unwrap());
            (signature[0] == 0).then_some((digest, signature))
        });
        let (digest, signature) = found.unwrap();
        assert!(key.verify(Sha256, &digest, &signature));
        assert!(!key.verify(Sha256, &digest, &signature[1..]));
    }
}

/// An encoded message: block type, padding, and what stands after the zero octet; FF fill the rest.
fn forged(length: usize, block_type: u8, fill: u8, info: &[u8]) -> Vec<u8> {
    let padding = vec![fill; length - 3 - info.len()];
    [&[0, block_type], padding.as_slice(), &[0], info].concat()
}

/// The forgeries that verifiers have fallen for; `digest_info` writes one with other octets before the hash.
fn forgeries(length: usize) -> Vec<(&'static str, Vec<u8>)> {
    let hash = digest(Sha256).as_slice().to_vec();
    let info = [SHA256_DIGEST_INFO, &hash].concat();
    let digest_info = |prefix: &str| {
        forged(
            length,
            1,
            0xff,
            &[octets(prefix).as_slice(), &hash].concat(),
        )
    };
    let garbage = vec![0xaa; length - 11 - info.len()];
    let mut shifted = forged(length - 4, 1, 0xff, &info);
    shifted.splice(0..0, [0; 4]);
    let mut broken = forged(length, 1, 0xff, &info);
    broken[4] = 0xfe;
    let mut unseparated = forged(length, 1, 0xff, &info);
    unseparated[length - info.len() - 1] = 0xff;
    vec![
        (
            "short padding and garbage after the hash",
            [&[0, 1], [0xff; 8].as_slice(), &[0], &info, &garbage].concat(),
        ),
        ("zeros before 00 01", shifted),
        ("an octet of the padding is not FF", broken),
        ("no zero after the padding", unseparated),
        ("block type 2", forged(length, 2, 0xff, &info)),
        ("block type 0, zero padding", forged(length, 0, 0, &info)),
        ("no NULL", digest_info("302f300b06096086480165030402010420")),
        (
            "SHA-1's identifier",
            digest_info("302d300906052b0e03021a05000420"),
        ),
        (
            "a BER length",
            digest_info("308131300d060960864801650304020105000420"),
        ),
        (
            "parameters are garbage",
            digest_info("3033300f06096086480165030402010402aaaa0420"),
        ),
        ("the hash alone", forged(length, 1, 0xff, &hash)),
        (
            "a trailing zero",
            forged(length, 1, 0xff, &[info.as_slice(), &[0]].concat()),
        ),
    ]
}

#[test]
fn padding_forgeries_are_refused_by_both_engines() {
    for exponent in [3, 65_537] {
        for primes in [PRIMES_768, PRIMES_1024] {
            let private = PrivateKey::new(primes, exponent);
            let (key, length) = (private.public_key(), private.length());
            let genuine = forged(
                length,
                1,
                0xff,
                &[SHA256_DIGEST_INFO, digest(Sha256).as_slice()].concat(),
            );
            assert_eq!(
                Some(&genuine),
                encoded_message(&digest(Sha256), length).as_ref()
            );
            assert!(verifies(&key, Sha256, &private.sign(&genuine)));
            for (name, encoded) in forgeries(length) {
                assert!(!verifies(&key, Sha256, &private.sign(&encoded)), "{name}");
            }
        }
    }
}

#[test]
fn padding_has_at_least_eight_octets() {
    let needed = SHA256_DIGEST_INFO.len() + 32 + 11;
    assert_eq!(encoded_message(&digest(Sha256), needed - 1), None);
    assert_eq!(
        encoded_message(&digest(Sha256), needed).unwrap()[2..11],
        *b"\xff\xff\xff\xff\xff\xff\xff\xff\0"
    );
    assert_eq!(
        encoded_message(&digest(Sha256), needed + 1).unwrap().len(),
        needed + 1
    );
}

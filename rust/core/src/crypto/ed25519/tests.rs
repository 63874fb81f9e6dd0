//! Outcomes equal to the library's, one by one and together, for whatever a sender can write: the signatures are made
//! with a curve of their own over whole numbers.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use num_bigint::BigUint;
use proptest::prelude::*;

use super::*;

type Octets = [u8; 32];
/// x and y.
type Whole = [BigUint; 2];

fn prime() -> BigUint {
    (BigUint::from(1_u8) << 255) - 19_u8
}

fn order() -> BigUint {
    let low: BigUint = "27742317777372353535851937790883648493".parse().unwrap();
    (BigUint::from(1_u8) << 252) + low
}

fn inverse(number: &BigUint) -> BigUint {
    number.modpow(&(prime() - 2_u8), &prime())
}

fn add(one: &Whole, other: &Whole) -> Whole {
    let prime = prime();
    let d = (&prime - 121_665_u32) * inverse(&121_666_u32.into()) % &prime;
    let [x, y] = [&one[0] * &other[0] % &prime, &one[1] * &other[1] % &prime];
    let cross = (&one[0] * &other[1] + &one[1] * &other[0]) % &prime;
    let share = d * &x % &prime * &y % &prime;
    [
        cross * inverse(&(&share + 1_u8)) % &prime,
        (x + y) * inverse(&(&prime + 1_u8 - share)) % &prime,
    ]
}

fn multiply(factor: &BigUint, point: &Whole) -> Whole {
    let mut sum = [0_u8, 1].map(BigUint::from);
    for bit in (0..factor.bits()).rev() {
        sum = add(&sum, &sum);
        if factor.bit(bit) {
            sum = add(&sum, point);
        }
    }
    sum
}

fn encode(point: &Whole) -> Octets {
    let mut octets = sized(&point[1]);
    octets[31] |= u8::from(point[0].bit(0)) << 7;
    octets
}

fn sized(number: &BigUint) -> Octets {
    let mut octets = number.to_bytes_le();
    octets.resize(32, 0);
    octets.try_into().unwrap()
}

/// The point whose y is given, with an even x.
fn point(y: BigUint) -> Whole {
    let prime = prime();
    let d = (&prime - 121_665_u32) * inverse(&121_666_u32.into()) % &prime;
    let square = &y * &y % &prime;
    let x = (&square + &prime - 1_u8) * inverse(&((d * &square + 1_u8) % &prime)) % &prime;
    let mut root = x.modpow(&((&prime + 3_u8) >> 3), &prime);
    if &root * &root % &prime != x {
        root = root * BigUint::from(2_u8).modpow(&((&prime - 1_u8) >> 2), &prime) % &prime;
    }
    assert_eq!(&root * &root % &prime, x);
    let root = if root.bit(0) { &prime - root } else { root };
    [root, y]
}

fn base() -> Whole {
    point(BigUint::from(4_u8) * inverse(&5_u8.into()) % prime())
}

/// Signs as RFC 8032 §5.1.6 does, with A and R and their private numbers as given.
fn sign(a: &BigUint, key: &Octets, r: &BigUint, nonce: &Octets, message: &[u8]) -> Vec<u8> {
    let k = hash(nonce, key, message);
    let s = (r + k * a) % order();
    [*nonce, sized(&s)].concat()
}

fn hash(nonce: &Octets, key: &Octets, message: &[u8]) -> BigUint {
    let hashed = [nonce, key, message].concat();
    BigUint::from_bytes_le(digest::digest(&digest::SHA512, &hashed).as_ref()) % order()
}

/// A key that has shown often enough that it is used.
fn warm(octets: &[u8], message: &[u8], signature: &[u8]) -> Ed25519PublicKey {
    let key = Ed25519PublicKey::parse(octets).unwrap();
    for _ in 0..2 {
        assert!(!key.gains_together());
        assert!(key.verify(message, signature));
    }
    assert_eq!(key.gains_together(), super::super::is_worthwhile());
    assert!(key.verify(message, signature));
    key
}

/// Verifies everything alone, then 1 to 9 and all together; returns what verified.
fn agrees(cases: &[(&Ed25519PublicKey, &[u8], Vec<u8>)]) -> Vec<bool> {
    let library = |(key, message, signature): &(&Ed25519PublicKey, &[u8], Vec<u8>)| {
        key.verify_by_library(message, signature)
    };
    let expected: Vec<_> = cases.iter().map(library).collect();
    let work: Vec<_> = cases
        .iter()
        .map(|(key, message, signature)| Ed25519Work {
            key,
            message,
            signature,
        })
        .collect();
    for count in (1..=9).chain([work.len()]) {
        let found: Vec<_> = work.chunks(count).flat_map(verify).collect();
        assert_eq!(found, expected, "{count} together");
    }
    expected
}

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn warm_pair(seed: u8) -> (Ed25519KeyPair, Ed25519PublicKey) {
    let pair = pair(seed);
    let signature = pair.sign(b"first");
    let key = warm(pair.public_key().as_ref(), b"first", signature.as_ref());
    (pair, key)
}

#[test]
fn every_flipped_bit_fails() {
    let (pair, key) = warm_pair(1);
    let signature = pair.sign(b"message").as_ref().to_vec();
    let cases: Vec<_> = (0..=512_usize)
        .map(|bit| {
            let mut signature = signature.clone();
            if let Some(octet) = signature.get_mut(bit / 8) {
                *octet ^= 1 << (bit % 8);
            }
            (&key, b"message".as_slice(), signature)
        })
        .collect();
    let valid = agrees(&cases);
    assert_eq!(valid.iter().position(|is_valid| *is_valid), Some(512));
}

#[test]
fn every_length_and_message_has_the_library_s_outcome() {
    let (pair, key) = warm_pair(2);
    let long = vec![7; 1000];
    let messages: [&[u8]; 4] = [b"", b"x", &[0; 32], &long];
    let mut cases = Vec::new();
    for message in messages {
        let signature = pair.sign(message).as_ref().to_vec();
        for length in [0, 1, 32, 63] {
            cases.push((&key, message, signature[..length].to_vec()));
        }
        cases.push((&key, message, [signature.as_slice(), &[0]].concat()));
        cases.push((&key, message, signature));
    }
    let valid = agrees(&cases);
    assert_eq!(valid.iter().filter(|is_valid| **is_valid).count(), 4);
}

#[test]
fn rfc8032_5_1_7_s_beyond_the_order_fails() {
    let (pair, key) = warm_pair(3);
    let signature = pair.sign(b"m").as_ref().to_vec();
    let s = BigUint::from_bytes_le(&signature[32..]);
    let mut cases = Vec::new();
    for multiple in 0..15_u8 {
        let beyond = sized(&(&s + order() * multiple));
        cases.push((&key, b"m".as_slice(), [&signature[..32], &beyond].concat()));
    }
    for other in [BigUint::ZERO, order() - 1_u8, order(), order() + 1_u8] {
        let other = [&signature[..32], &sized(&other)].concat();
        cases.push((&key, b"m".as_slice(), other));
    }
    let valid = agrees(&cases);
    assert!(valid[0] && valid[1..].iter().all(|is_valid| !is_valid));
}

/// The neutral point is the only nonce of small order under which a signature verifies, and only in one spelling.
#[test]
fn rfc8032_5_1_7_nonces_of_small_order_and_other_spellings() {
    let a = BigUint::from(0x1234_5678_9abc_def1_u64);
    let octets = encode(&multiply(&a, &base()));
    let one = BigUint::from(1_u8);
    let first = sign(&a, &octets, &one, &encode(&base()), b"first");
    let key = warm(&octets, b"first", &first);
    let mut cases = Vec::new();
    for y in SMALL_ORDER {
        for sign_bit in [0, 0x80] {
            let mut nonce = y;
            nonce[31] |= sign_bit;
            let signature = sign(&a, &octets, &BigUint::ZERO, &nonce, b"m");
            cases.push((&key, b"m".as_slice(), signature));
            // Without the key's part, s is 0.
            cases.push((&key, b"m".as_slice(), [nonce, [0; 32]].concat()));
        }
    }
    let valid = agrees(&cases);
    assert_eq!(valid.iter().filter(|is_valid| **is_valid).count(), 1);
}

/// A key with a part of small order: its signature verifies when k cancels that part, and without the cofactor only
/// then.
#[test]
fn rfc8032_5_1_7_keys_of_mixed_order() {
    let eighth = point(BigUint::from_bytes_le(&SMALL_ORDER[3]));
    let (a, r) = (BigUint::from(77_777_u32), BigUint::from(99_991_u32));
    let nonce = encode(&multiply(&r, &base()));
    for part in [1_u8, 2, 4] {
        let part = multiply(&part.into(), &eighth);
        let octets = encode(&add(&multiply(&a, &base()), &part));
        let messages: Vec<_> = (0..40_u8).map(|number| [number]).collect();
        let signed = |message: &[u8; 1]| sign(&a, &octets, &r, &nonce, message);
        let is_cancelled = |message: &&[u8; 1]| {
            let k = hash(&nonce, &octets, *message) % 8_u8;
            multiply(&k, &part)[1] == BigUint::from(1_u8)
        };
        let first = messages.iter().find(is_cancelled).unwrap();
        let key = warm(&octets, first, &signed(first));
        let cases: Vec<_> = messages
            .iter()
            .map(|message| (&key, message.as_slice(), signed(message)))
            .collect();
        let expected: Vec<_> = messages
            .iter()
            .map(|message| is_cancelled(&message))
            .collect();
        assert_eq!(agrees(&cases), expected);
    }
}

#[test]
fn a_string_that_is_no_point_never_gets_a_table() {
    let mut string = [0; 32];
    string[0] = 2;
    let Ok(key) = Ed25519PublicKey::parse(&string) else {
        return;
    };
    for _ in 0..9 {
        assert!(!key.verify(b"", &[0; 64]));
    }
    assert!(!key.gains_together());
}

#[test]
fn signatures_that_fail_earn_no_table() {
    let pair = pair(4);
    let key = Ed25519PublicKey::parse(pair.public_key().as_ref()).unwrap();
    for _ in 0..9 {
        assert!(!key.verify(b"other", pair.sign(b"m").as_ref()));
    }
    assert!(!key.gains_together());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Several keys, warm and cold, some signatures broken.
    #[test]
    fn random_signatures_agree(
        messages in prop::collection::vec((any::<[u8; 32]>(), 0..4_usize, 0..1024_usize), 20),
    ) {
        let keys: Vec<_> = (5..8).map(warm_pair).collect();
        let cold = pair(8);
        let cold_key = Ed25519PublicKey::parse(cold.public_key().as_ref()).unwrap();
        let mut cases = Vec::new();
        for (message, number, bit) in &messages {
            let (pair, key) = keys.get(*number).map_or((&cold, &cold_key), |(pair, key)| (pair, key));
            let mut signature = pair.sign(message).as_ref().to_vec();
            if let Some(octet) = signature.get_mut(*bit / 8) {
                *octet ^= 1 << (bit % 8);
            }
            cases.push((key, message.as_slice(), signature));
        }
        let valid = agrees(&cases);
        let expected: Vec<_> = messages.iter().map(|(_, _, bit)| *bit >= 512).collect();
        prop_assert_eq!(valid, expected);
    }
}

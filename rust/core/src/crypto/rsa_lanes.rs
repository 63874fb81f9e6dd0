//! RSA keys and signatures cut for the lanes of a vector: eight take six times less than one after the other.
//!
//! Knows which keys fit, and how octets become limbs; must not know the arithmetic. What does not fit is verified by
//! the library, with the same outcome.

use num_bigint::BigUint;

use archmage::X64V4xToken;

use super::lanes::{self, Column, LANES, LIMB_BITS, LIMB_MASK, Power};
use super::rsa::encoded_message;
use super::together::RsaWork;

/// Limbs of a modulus of 1024, 2048 and 4096 bits, two bits spared.
const SMALL: usize = 20;
const MEDIUM: usize = 40;
const LARGE: usize = 80;
/// Signatures for which filling the other lanes with copies still pays.
const FEWEST: usize = 2;

/// A modulus of 1025 to 4096 bits or so, cut for the lanes.
#[derive(Clone, Debug)]
pub(super) struct LaneKey {
    modulus: Vec<u64>,
    /// 2^(104 limbs) modulo the modulus.
    square: Vec<u64>,
    /// -1 / modulus modulo 2^52.
    inverse: u64,
}

impl LaneKey {
    /// Cuts an odd modulus; `None` when it is too large for the lanes.
    pub(super) fn new(modulus: &[u8]) -> Option<Self> {
        let number = BigUint::from_bytes_be(modulus);
        let spare = |limbs: &usize| number.bits() + 2 <= u64::from(LIMB_BITS) * to_u64(*limbs);
        let limbs = [SMALL, MEDIUM, LARGE].into_iter().find(spare)?;
        let square = (BigUint::from(1_u32) << (2 * to_u64(limbs) * u64::from(LIMB_BITS))) % &number;
        let modulus: Vec<u64> = cut(modulus, limbs).collect();
        Some(Self {
            inverse: negative_inverse(*modulus.first()?),
            square: cut(&square.to_bytes_be(), limbs).collect(),
            modulus,
        })
    }
}

/// -1 / number modulo 2^52, of an odd number: each of Newton's steps doubles the bits that are right, three at first.
fn negative_inverse(number: u64) -> u64 {
    let mut inverse = number;
    for _ in 0..5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(number.wrapping_mul(inverse)));
    }
    inverse.wrapping_neg() & LIMB_MASK
}

/// Whether each signature verifies, in order; `None` when the CPU has no lanes.
pub(super) fn verify(work: &[RsaWork<'_>]) -> Option<Vec<bool>> {
    let token = lanes::detect()?;
    let mut verified = vec![false; work.len()];
    let mut sizes = [SMALL, MEDIUM, LARGE].map(|limbs| (limbs, Vec::new()));
    for (work, place) in work.iter().zip(&mut verified) {
        let key = work.key.lane_key();
        let lanes = key.and_then(|key| {
            let limbs = key.modulus.len();
            Some((key, sizes.iter_mut().find(|(size, _)| *size == limbs)?))
        });
        match lanes {
            Some((key, (_, lanes))) => lanes.extend(Lane::new(work, key, place)),
            None => *place = work.verify_alone(),
        }
    }
    for (limbs, mut lanes) in sizes {
        for lanes in lanes.chunks_mut(LANES) {
            match limbs {
                _ if lanes.len() < FEWEST => lanes.iter_mut().for_each(Lane::verify_alone),
                SMALL => verify_lanes::<SMALL, { 2 * SMALL }>(token, lanes),
                MEDIUM => verify_lanes::<MEDIUM, { 2 * MEDIUM }>(token, lanes),
                _ => verify_lanes::<LARGE, { 2 * LARGE }>(token, lanes),
            }
        }
    }
    Some(verified)
}

/// A signature that fits a lane.
struct Lane<'a> {
    work: &'a RsaWork<'a>,
    key: &'a LaneKey,
    /// The encoded message that the power must equal.
    expected: Vec<u8>,
    place: &'a mut bool,
}

impl<'a> Lane<'a> {
    /// `None` for a signature that cannot verify.
    fn new(work: &'a RsaWork<'a>, key: &'a LaneKey, place: &'a mut bool) -> Option<Self> {
        let length = work.key.modulus_length();
        // RFC 8017, section 8.2.2, step 1.
        if work.signature.len() != length {
            return None;
        }
        Some(Self {
            work,
            key,
            expected: encoded_message(work.digest, length)?,
            place,
        })
    }

    fn verify_alone(&mut self) {
        *self.place = self.work.verify_alone();
    }
}

/// Verifies up to eight signatures under keys of one size.
fn verify_lanes<const LIMBS: usize, const PRODUCT: usize>(
    token: X64V4xToken,
    lanes: &mut [Lane<'_>],
) {
    let mut power = Power::EMPTY;
    for (number, lane) in lanes.iter().enumerate() {
        put(
            &mut power,
            number,
            lane.key,
            lane.work.signature,
            &lane.expected,
        );
    }
    let found = lanes::is_expected::<LIMBS, PRODUCT>(token, &power);
    for ((number, lane), is_expected) in lanes.iter_mut().enumerate().zip(found) {
        // RFC 8017, section 5.2.2, step 1: a number beyond the modulus is no signature.
        *lane.place = is_expected && is_below(&power.base, &power.modulus, number);
    }
}

/// Puts a signature under its key into a lane, beside what its power must equal; both in big-endian octets.
fn put<const LIMBS: usize>(
    power: &mut Power<LIMBS>,
    lane: usize,
    key: &LaneKey,
    signature: &[u8],
    expected: &[u8],
) {
    fill(&mut power.base, lane, cut(signature, LIMBS));
    fill(&mut power.expected, lane, cut(expected, LIMBS));
    fill(&mut power.modulus, lane, key.modulus.iter().copied());
    fill(&mut power.square, lane, key.square.iter().copied());
    if let Some(inverse) = power.inverse.get_mut(lane) {
        *inverse = key.inverse;
    }
}

/// True when one number is less than the other in a lane.
fn is_below(one: &[Column], other: &[Column], lane: usize) -> bool {
    let limb = |column: &Column| column.get(lane).copied();
    let limbs = one.iter().rev().map(limb);
    limbs.lt(other.iter().rev().map(limb))
}

fn fill(numbers: &mut [Column], lane: usize, limbs: impl Iterator<Item = u64>) {
    for (column, limb) in numbers.iter_mut().zip(limbs) {
        if let Some(place) = column.get_mut(lane) {
            *place = limb;
        }
    }
}

/// Octets of two limbs.
const PAIR: usize = 13;

/// Big-endian octets as limbs, the lowest first; `limbs` of them.
fn cut(octets: &[u8], limbs: usize) -> impl Iterator<Item = u64> {
    let pairs = octets.rchunks(PAIR).flat_map(|chunk| {
        if let (PAIR, Some(high), Some(low)) =
            (chunk.len(), chunk.first_chunk(), chunk.last_chunk())
        {
            let [high, low] = [high, low].map(|octets| u64::from_be_bytes(*octets));
            return [low & LIMB_MASK, high >> (u64::BITS - LIMB_BITS)];
        }
        let octets = chunk.iter();
        let pair = octets.fold(0_u128, |pair, octet| pair << 8 | u128::from(*octet));
        [pair, pair >> LIMB_BITS].map(low_limb)
    });
    pairs.chain(std::iter::repeat(0)).take(limbs)
}

#[expect(clippy::cast_possible_truncation, reason = "the mask keeps 52 bits")]
fn low_limb(pair: u128) -> u64 {
    pair as u64 & LIMB_MASK
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::vectors::*;
    use crate::crypto::{Digest, HashAlgorithm};

    /// Says of eight bases and moduli whether the lanes find the power that `num-bigint` finds, and deny another.
    fn agrees<const LIMBS: usize, const PRODUCT: usize>(numbers: &[(BigUint, BigUint)]) -> bool {
        let Some(token) = lanes::detect() else {
            return true;
        };
        let mut power = Power::<LIMBS>::EMPTY;
        for (lane, (number, divisor)) in numbers.iter().enumerate() {
            let octets = |number: &BigUint| number.to_bytes_be();
            let key = LaneKey::new(&octets(divisor)).unwrap();
            assert_eq!(key.modulus.len(), LIMBS);
            let right = number.modpow(&65_537_u32.into(), divisor);
            // The odd lanes expect what is one off.
            let wanted = if lane % 2 == 0 { right } else { right + 1_u32 };
            put(&mut power, lane, &key, &octets(number), &octets(&wanted));
        }
        lanes::is_expected::<LIMBS, PRODUCT>(token, &power)
            == [true, false, true, false, true, false, true, false]
    }

    /// An odd modulus of exactly `bits` bits and a base below it, from random octets.
    fn pair(bits: usize, modulus: &[u8], base: &[u8]) -> (BigUint, BigUint) {
        let mut divisor = BigUint::from_bytes_be(modulus) >> (8 * modulus.len() - bits);
        divisor.set_bit(0, true);
        divisor.set_bit(u64::try_from(bits - 1).unwrap(), true);
        (BigUint::from_bytes_be(base) % &divisor, divisor)
    }

    fn eight(octets: usize) -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
        let number = || prop::collection::vec(any::<u8>(), octets);
        prop::collection::vec((number(), number()), LANES)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn random_powers_agree(eight in eight(520)) {
            let pairs = |bits: usize| -> Vec<_> {
                eight.iter().map(|(modulus, base)| pair(bits, modulus, base)).collect()
            };
            prop_assert!(agrees::<SMALL, { 2 * SMALL }>(&pairs(1024)), "1024 bits");
            prop_assert!(agrees::<MEDIUM, { 2 * MEDIUM }>(&pairs(2048)), "2048 bits");
            prop_assert!(agrees::<MEDIUM, { 2 * MEDIUM }>(&pairs(1039)), "1039 bits");
            prop_assert!(agrees::<LARGE, { 2 * LARGE }>(&pairs(4096)), "4096 bits");
        }
    }

    #[test]
    fn powers_at_the_edges_agree() {
        let one = BigUint::from(1_u32);
        for bits in [1024, 1025, 1038] {
            let largest: BigUint = (&one << bits) - 1_u32;
            let smallest: BigUint = (&one << (bits - 1)) + 1_u32;
            let pairs: Vec<_> = [largest, smallest]
                .into_iter()
                .flat_map(|modulus| {
                    let bases = [
                        BigUint::ZERO,
                        one.clone(),
                        &modulus - 1_u32,
                        &modulus - 2_u32,
                    ];
                    bases.map(|base| (base, modulus.clone()))
                })
                .collect();
            assert!(agrees::<SMALL, { 2 * SMALL }>(&pairs), "{bits}");
        }
    }

    #[test]
    fn sizes_fit_up_to_two_bits_below_their_limbs() {
        let limbs = |bits: u32| {
            let number: BigUint = (BigUint::from(1_u32) << bits) - 1_u32;
            LaneKey::new(&number.to_bytes_be()).map(|key| key.modulus.len())
        };
        assert_eq!([1038, 1039].map(limbs), [Some(20), Some(40)]);
        assert_eq!([2078, 2079].map(limbs), [Some(40), Some(80)]);
        assert_eq!([4158, 4159].map(limbs), [Some(80), None]);
    }

    /// Eighteen signatures of three sizes, every third broken in one bit, one beside its modulus.
    #[test]
    fn every_place_has_its_own_result() {
        let keys = [PKCS1_1024, SPKI_2048, PKCS1_4096, PKCS1_8192]
            .map(|der| crate::crypto::RsaPublicKey::parse(&octets(der)).unwrap());
        let signatures = [SHA256_1024, SHA256_2048, SHA256_4096, SHA256_8192].map(octets);
        let digest = Digest::of(HashAlgorithm::Sha256, MESSAGE);
        let mut cases = Vec::new();
        for place in 0..43_usize {
            let (key, mut signature) = (&keys[place % 4], signatures[place % 4].clone());
            match place % 3 {
                0 => {}
                1 => signature[place] ^= 1 << (place % 8),
                _ => signature.fill(0xff),
            }
            cases.push((key, signature, place % 3 == 0));
        }
        let work: Vec<_> = cases
            .iter()
            .map(|(key, signature, _)| RsaWork {
                key,
                digest: &digest,
                signature,
            })
            .collect();
        let expected: Vec<_> = cases.iter().map(|(.., is_right)| *is_right).collect();
        assert_eq!(crate::crypto::together::verify_rsa(&work), expected);
        for count in 0..=9 {
            let some = crate::crypto::together::verify_rsa(&work[..count]);
            assert_eq!(some, expected[..count]);
        }
    }
}

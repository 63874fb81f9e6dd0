//! Numbers modulo the order L of the base point, and their digits (RFC 8032 §5.1).
//!
//! Knows how a hash becomes a factor and how a factor is cut for a table of multiples; must not know points.

use super::table::{DIGIT_BITS, POSITIONS};

/// A number below 2^256, the lowest word first.
pub(super) type Scalar = [u64; 4];
/// Signed digits of 4 bits from -8 to 8, the lowest first.
pub(super) type Digits = [i8; POSITIONS];

/// L = 2^252 + 27742317777372353535851937790883648493.
const ORDER: Scalar = [
    0x5812_631a_5cf5_d3ed,
    0x14de_f9de_a2f7_9cd6,
    0,
    0x1000_0000_0000_0000,
];
/// Bits by which a word is appended.
const WORD_BITS: u32 = 64;
/// 2^252 is the highest power of two below L.
const ORDER_TOP_BITS: u32 = 60;

/// The words of 32 octets; `None` for a number that is not below L (RFC 8032 §5.1.7, step 1).
pub(super) fn read(octets: &[u8; 32]) -> Option<Scalar> {
    let scalar = words(octets);
    scalar.iter().rev().lt(ORDER.iter().rev()).then_some(scalar)
}

/// 64 octets, little-endian, modulo L (RFC 8032 §5.1.7, step 2).
pub(super) fn reduce(octets: &[u8; 64]) -> Scalar {
    let words: [u64; 8] = words(octets);
    words
        .iter()
        .rev()
        .fold([0; 4], |scalar, &word| append(scalar, word))
}

/// Octets as words, both lowest first.
pub(super) fn words<const OCTETS: usize, const WORDS: usize>(
    octets: &[u8; OCTETS],
) -> [u64; WORDS] {
    let mut words = [0; WORDS];
    for (word, octets) in words.iter_mut().zip(octets.as_chunks().0) {
        *word = u64::from_le_bytes(*octets);
    }
    words
}

/// (scalar * 2^64 + word) modulo L, of a scalar below L.
///
/// The number divided by 2^252 instead of L is the quotient or one more, because L exceeds 2^252 by less than 2^125.
fn append([first, second, third, fourth]: Scalar, word: u64) -> Scalar {
    // A scalar of 2^252 or more has a quotient of 2^64 - 1 at most, too.
    let quotient = if fourth >> ORDER_TOP_BITS == 0 {
        fourth << (WORD_BITS - ORDER_TOP_BITS) | third >> ORDER_TOP_BITS
    } else {
        u64::MAX
    };
    let number = [word, first, second, third, fourth];
    let (mut rest, mut carry, mut borrow) = ([0; 5], 0, false);
    let order = ORDER.into_iter().chain([0]);
    for ((rest, limb), factor) in rest.iter_mut().zip(number).zip(order) {
        let (low, high) = split(u128::from(quotient) * u128::from(factor) + u128::from(carry));
        carry = high;
        let (difference, is_less) = limb.overflowing_sub(low);
        let (difference, is_less_still) = difference.overflowing_sub(u64::from(borrow));
        (*rest, borrow) = (difference, is_less || is_less_still);
    }
    let [first, second, third, fourth, _] = rest;
    if borrow {
        plus_order([first, second, third, fourth])
    } else {
        [first, second, third, fourth]
    }
}

/// scalar + L modulo 2^256.
fn plus_order(scalar: Scalar) -> Scalar {
    let mut carry = 0;
    let mut sum = scalar;
    for (limb, addend) in sum.iter_mut().zip(ORDER) {
        (*limb, carry) = split(u128::from(*limb) + u128::from(addend) + u128::from(carry));
    }
    sum
}

#[expect(clippy::cast_possible_truncation, reason = "both halves of the number")]
fn split(number: u128) -> (u64, u64) {
    (number as u64, (number >> 64) as u64)
}

/// The digits of a number below 2^253: the last one takes no more than its carry.
pub(super) fn digits(scalar: &Scalar) -> Digits {
    const HALF: u8 = 1 << (DIGIT_BITS - 1);
    let mut digits = [0; POSITIONS];
    let mut carry = 0;
    for (word, digits) in scalar.iter().zip(digits.chunks_exact_mut(16)) {
        for (octet, digits) in word.to_le_bytes().iter().zip(digits.chunks_exact_mut(2)) {
            for (digit, plain) in digits.iter_mut().zip([octet & 0x0f, octet >> 4]) {
                let value = plain + carry;
                carry = u8::from(value >= HALF);
                *digit = value.cast_signed() - (carry << DIGIT_BITS).cast_signed();
            }
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use num_bigint::{BigInt, BigUint, Sign};
    use proptest::prelude::*;

    use super::*;

    fn order() -> BigUint {
        number(&ORDER)
    }

    fn number(scalar: &Scalar) -> BigUint {
        let octets: Vec<u8> = scalar.iter().flat_map(|word| word.to_le_bytes()).collect();
        BigUint::from_bytes_le(&octets)
    }

    fn sized<const OCTETS: usize>(number: &BigUint) -> [u8; OCTETS] {
        let mut octets = number.to_bytes_le();
        octets.resize(OCTETS, 0);
        octets.try_into().unwrap()
    }

    fn value(digits: &Digits) -> BigInt {
        assert!(digits.iter().all(|digit| (-8..=8).contains(digit)));
        let digits = digits.iter().rev();
        digits.fold(BigInt::ZERO, |value, digit| value * 16 + *digit)
    }

    fn agrees(octets: &[u8; 64]) -> bool {
        let scalar = reduce(octets);
        let expected = BigUint::from_bytes_le(octets) % order();
        let plain = BigInt::from_biguint(Sign::Plus, expected.clone());
        number(&scalar) == expected && value(&digits(&scalar)) == plain
    }

    #[test]
    fn rfc8032_5_1_order_is_the_number_of_the_text() {
        let low: BigUint = "27742317777372353535851937790883648493".parse().unwrap();
        assert_eq!(order(), (BigUint::from(1_u8) << 252) + low);
    }

    proptest! {
        #[test]
        fn random_numbers_agree(octets in any::<[[u8; 32]; 2]>()) {
            let octets = octets.concat().try_into().unwrap();
            prop_assert!(agrees(&octets));
        }
    }

    #[test]
    fn numbers_at_the_edges_agree() {
        let one = BigUint::from(1_u8);
        for shift in 0..260 {
            let multiple: BigUint = (order() << shift) % (&one << 512);
            for number in [&multiple - &one, multiple.clone(), &multiple + &one] {
                assert!(agrees(&sized(&number)), "{shift}");
            }
            let power = &one << (252 + shift);
            assert!(agrees(&sized(&power)) && agrees(&sized(&(power - 1_u8))));
        }
        assert!(agrees(&[0xff; 64]) && agrees(&[0; 64]));
    }

    #[test]
    fn rfc8032_5_1_7_s_is_below_the_order() {
        let read = |number: BigUint| read(&sized(&number)).is_some();
        assert!(read(BigUint::ZERO) && read(order() - 1_u8));
        assert!(!read(order()) && !read(order() + 1_u8));
        assert!(!read((BigUint::from(1_u8) << 256) - 1_u8));
    }
}

//! Numbers modulo 2^255 - 19, eight at a time in the lanes of AVX-512 IFMA: the field of RFC 8032 §5.1.
//!
//! Knows limbs of 52 bits, the highest of 47 and a little; must not know points or signatures. Everything is public, so
//! nothing has to take the same time.

#![expect(
    clippy::indexing_slicing,
    reason = "every index is bounded by the constant length of its array"
)]

use std::arch::x86_64::__m512i;

use archmage::rite;

use super::super::lanes::{Column, LIMB_BITS, LIMB_MASK, add, add_high, add_low, carry_of};
use super::scalar::words;

/// Limbs of a number.
pub(super) const LIMBS: usize = 5;
/// Bits of the highest limb: 255 in all.
const TOP_BITS: u32 = 47;
const TOP_MASK: u64 = (1 << TOP_BITS) - 1;
/// 2^255 modulo the prime.
const TOP_WEIGHT: i64 = 19;
/// 2^260 modulo the prime.
const UPPER_WEIGHT: i64 = TOP_WEIGHT << 5;
/// A multiple of the prime whose limbs lie between 2^57 and 2^58, so that no limb of a difference falls below zero.
const BIAS: Limbs = [
    0x3ff_ffff_ffff_6800,
    0x3ff_ffff_ffff_ffc0,
    0x3ff_ffff_ffff_ffc0,
    0x3ff_ffff_ffff_ffc0,
    0x3ff_ffff_ffff_ffc0,
];
/// A square root of -1.
pub(super) const ROOT_OF_MINUS_ONE: Limbs = [
    0xe_1b27_4a0e_a0b0,
    0x0_6ad2_fe47_8c4e,
    0xd_fbd7_a72f_4318,
    0xd_f0b2_b4d0_0993,
    0x0_2b83_2480_4fc1,
];

/// One number, the lowest limb first.
pub(super) type Limbs = [u64; LIMBS];
/// Eight numbers that are ready to be multiplied: limbs below 2^52, the highest below 2^47 + 2^10.
pub(super) type Element = [__m512i; LIMBS];
/// Eight numbers with limbs below 2^59: they can be added twice before [`settle`].
pub(super) type Loose = [__m512i; LIMBS];

/// The same number in all lanes.
#[rite(v4x, import_intrinsics)]
pub(super) fn broadcast(limbs: &Limbs) -> Element {
    let mut element = [_mm512_setzero_si512(); LIMBS];
    for (limb, value) in element.iter_mut().zip(limbs) {
        *limb = _mm512_set1_epi64(value.cast_signed());
    }
    element
}

#[rite(v4x, import_intrinsics)]
pub(super) fn columns(element: &Element) -> [Column; LIMBS] {
    let mut columns = [[0; 8]; LIMBS];
    for (column, limb) in columns.iter_mut().zip(element) {
        _mm512_storeu_epi64(column, *limb);
    }
    columns
}

/// `one`, or `other` in the lanes of `mask`.
#[rite(v4x, import_intrinsics)]
pub(super) fn choose(mask: u8, one: &Loose, other: &Loose) -> Loose {
    let mut chosen = *one;
    for (limb, other) in chosen.iter_mut().zip(other) {
        *limb = _mm512_mask_blend_epi64(mask, *limb, *other);
    }
    chosen
}

/// one + other, limb by limb.
#[rite(v4x, import_intrinsics)]
pub(super) fn sum(one: &Loose, other: &Loose) -> Loose {
    std::array::from_fn(|place| add(one[place], other[place]))
}

/// one - other and a multiple of the prime; no limb of `other` exceeds 2^57.
#[rite(v4x, import_intrinsics)]
pub(super) fn difference(one: &Loose, other: &Loose) -> Loose {
    let bias = broadcast(&BIAS);
    let mut difference = *one;
    for (place, limb) in difference.iter_mut().enumerate() {
        *limb = _mm512_sub_epi64(add(*limb, bias[place]), other[place]);
    }
    difference
}

/// Brings limbs below 2^60 to what can be multiplied.
///
/// What lies beyond 255 bits returns at the bottom first, so that one pass upwards ends with a little more than 47 bits.
#[rite(v4x, import_intrinsics)]
pub(super) fn settle(limbs: &Loose) -> Element {
    let mut element = *limbs;
    let mask = _mm512_set1_epi64(LIMB_MASK.cast_signed());
    let last = LIMBS - 1;
    let beyond = _mm512_srli_epi64::<TOP_BITS>(element[last]);
    element[last] = _mm512_and_si512(element[last], _mm512_set1_epi64(TOP_MASK.cast_signed()));
    element[0] = add_low(element[0], beyond, _mm512_set1_epi64(TOP_WEIGHT));
    for place in 0..last {
        let carry = carry_of(element[place]);
        element[place] = _mm512_and_si512(element[place], mask);
        element[place + 1] = add(element[place + 1], carry);
    }
    element
}

/// one * other with limbs below 2^56.
#[rite(v4x, import_intrinsics)]
pub(super) fn product(one: &Element, other: &Element) -> Loose {
    let mut columns = [_mm512_setzero_si512(); 2 * LIMBS];
    for (low, &limb) in one.iter().enumerate() {
        for (place, &factor) in other.iter().enumerate() {
            let column = low + place;
            columns[column] = add_low(columns[column], limb, factor);
            columns[column + 1] = add_high(columns[column + 1], limb, factor);
        }
    }
    fold(&columns)
}

#[rite(v4x, import_intrinsics)]
pub(super) fn multiply(one: &Element, other: &Element) -> Element {
    settle(&product(one, other))
}

/// The product by itself, with half of the multiplications.
#[rite(v4x, import_intrinsics)]
pub(super) fn square_product(number: &Element) -> Loose {
    let mut columns = [_mm512_setzero_si512(); 2 * LIMBS];
    for low in 0..LIMBS {
        for place in low + 1..LIMBS {
            let (column, limb, factor) = (low + place, number[low], number[place]);
            columns[column] = add_low(columns[column], limb, factor);
            columns[column + 1] = add_high(columns[column + 1], limb, factor);
        }
    }
    for column in &mut columns {
        *column = add(*column, *column);
    }
    for (place, &limb) in number.iter().enumerate() {
        columns[2 * place] = add_low(columns[2 * place], limb, limb);
        columns[2 * place + 1] = add_high(columns[2 * place + 1], limb, limb);
    }
    fold(&columns)
}

#[rite(v4x, import_intrinsics)]
pub(super) fn square(number: &Element) -> Element {
    settle(&square_product(number))
}

/// Brings the columns of a product, each below 10 * 2^52, down to the lower half.
///
/// The last column holds the high half of one product of limbs below 2^47 + 2^10: with its weight it stays below 2^52.
#[rite(v4x, import_intrinsics)]
fn fold(columns: &[__m512i; 2 * LIMBS]) -> Loose {
    let weight = _mm512_set1_epi64(UPPER_WEIGHT);
    let mut folded: Loose = std::array::from_fn(|place| columns[place]);
    for place in 0..LIMBS - 1 {
        let upper = columns[LIMBS + place];
        folded[place] = add_low(folded[place], upper, weight);
        let above = add_high(folded[place + 1], upper, weight);
        folded[place + 1] = add_low(above, carry_of(upper), weight);
    }
    folded[LIMBS - 1] = add_low(folded[LIMBS - 1], columns[2 * LIMBS - 1], weight);
    folded
}

/// number^(2^times).
#[rite(v4x, import_intrinsics)]
fn square_times(number: &Element, times: usize) -> Element {
    let mut number = *number;
    for _ in 0..times {
        number = square(&number);
    }
    number
}

/// The powers 2^250 - 1 and 11: what both long exponents are made of.
#[rite(v4x, import_intrinsics)]
fn long_powers(number: &Element) -> (Element, Element) {
    let two = square(number);
    let nine = multiply(&square_times(&two, 2), number);
    let eleven = multiply(&nine, &two);
    // Powers 2^n - 1 from here, n in the name.
    let to_5 = multiply(&square(&eleven), &nine);
    let to_10 = multiply(&square_times(&to_5, 5), &to_5);
    let to_20 = multiply(&square_times(&to_10, 10), &to_10);
    let to_40 = multiply(&square_times(&to_20, 20), &to_20);
    let to_50 = multiply(&square_times(&to_40, 10), &to_10);
    let to_100 = multiply(&square_times(&to_50, 50), &to_50);
    let to_200 = multiply(&square_times(&to_100, 100), &to_100);
    let to_250 = multiply(&square_times(&to_200, 50), &to_50);
    (to_250, eleven)
}

/// 1 / number, which is number^(2^255 - 21); zero of zero.
#[rite(v4x, import_intrinsics)]
pub(super) fn invert(number: &Element) -> Element {
    let (long, eleven) = long_powers(number);
    multiply(&square_times(&long, 5), &eleven)
}

/// number^(2^252 - 3), the exponent (p - 5) / 8 of a square root (RFC 8032 §5.1.3).
#[rite(v4x, import_intrinsics)]
pub(super) fn root_power(number: &Element) -> Element {
    let (long, _) = long_powers(number);
    multiply(&square_times(&long, 2), number)
}

/// Inverts all of them with one inversion: none may be zero.
#[rite(v4x, import_intrinsics)]
pub(super) fn invert_all(numbers: &mut [Element]) {
    let mut running = broadcast(&[1, 0, 0, 0, 0]);
    let mut before = Vec::with_capacity(numbers.len());
    for number in &*numbers {
        before.push(running);
        running = multiply(&running, number);
    }
    let mut inverse = invert(&running);
    for (number, before) in numbers.iter_mut().zip(&before).rev() {
        let own = multiply(&inverse, before);
        inverse = multiply(&inverse, number);
        *number = own;
    }
}

/// The number of one lane as 32 octets, little-endian, below the prime (RFC 8032 §5.1.2).
pub(super) fn octets(columns: &[Column; LIMBS], lane: usize) -> [u8; 32] {
    let limbs = reduce(&columns.map(|column| column[lane % column.len()]));
    let [first, second, third, fourth, fifth] = limbs;
    let words = [
        first | second << 52,
        second >> 12 | third << 40,
        third >> 24 | fourth << 28,
        fourth >> 36 | fifth << 16,
    ];
    let mut octets = [0; 32];
    for (octets, word) in octets.chunks_exact_mut(8).zip(words) {
        octets.copy_from_slice(&word.to_le_bytes());
    }
    octets
}

/// The one form below the prime of limbs as [`settle`] leaves them.
pub(super) fn reduce(limbs: &Limbs) -> Limbs {
    // Below twice the prime: it exceeds the prime if 19 more exceed 255 bits.
    let beyond = carried(limbs, 19)[LIMBS - 1] >> TOP_BITS;
    let mut limbs = carried(limbs, 19 * beyond);
    limbs[LIMBS - 1] &= TOP_MASK;
    limbs
}

/// Adds a little at the bottom.
fn carried(limbs: &Limbs, addend: u64) -> Limbs {
    let mut limbs = *limbs;
    let mut carry = addend;
    for limb in &mut limbs[..LIMBS - 1] {
        *limb += carry;
        carry = *limb >> LIMB_BITS;
        *limb &= LIMB_MASK;
    }
    limbs[LIMBS - 1] += carry;
    limbs
}

/// The limbs of 255 bits, little-endian; the highest bit of the 256 is left out.
pub(super) fn limbs(octets: &[u8; 32]) -> Limbs {
    let [first, second, third, fourth] = words(octets);
    [
        first & LIMB_MASK,
        (first >> 52 | second << 12) & LIMB_MASK,
        (second >> 40 | third << 24) & LIMB_MASK,
        (third >> 28 | fourth << 36) & LIMB_MASK,
        fourth >> 16 & TOP_MASK,
    ]
}

#[cfg(test)]
#[allow(
    clippy::used_underscore_binding,
    reason = "`arcane` makes two functions, of which one hands the proof on"
)]
mod tests {
    use archmage::{X64V4xToken, arcane};
    use num_bigint::BigUint;
    use proptest::prelude::*;

    use super::super::super::lanes::detect;
    use super::*;

    fn prime() -> BigUint {
        (BigUint::from(1_u8) << 255) - 19_u8
    }

    fn value(limbs: &Limbs) -> BigUint {
        let limbs = limbs.iter().rev();
        limbs.fold(BigUint::ZERO, |value, limb| (value << 52) + *limb)
    }

    fn number(octets: &[u8; 32]) -> BigUint {
        BigUint::from_bytes_le(octets)
    }

    #[arcane(import_intrinsics)]
    fn element(_token: X64V4xToken, numbers: &[Limbs; 8]) -> Element {
        let mut element = broadcast(&[0; LIMBS]);
        for (place, limb) in element.iter_mut().enumerate() {
            let column: Column = numbers.map(|limbs| limbs[place]);
            *limb = _mm512_loadu_epi64(&column);
        }
        element
    }

    /// All functions of two numbers in each lane, as limbs that can be multiplied.
    #[arcane(import_intrinsics)]
    fn results(_token: X64V4xToken, one: &Element, other: &Element) -> [[Column; LIMBS]; 9] {
        let mut inverses = [*one, *other];
        invert_all(&mut inverses);
        [
            multiply(one, other),
            square(one),
            settle(&sum(one, other)),
            settle(&difference(one, other)),
            settle(&difference(&product(one, other), &square_product(other))),
            settle(&sum(&product(one, other), &square_product(other))),
            invert(one),
            root_power(one),
            inverses[1],
        ]
        .map(|result| columns(&result))
    }

    fn agrees(ones: &[Limbs; 8], others: &[Limbs; 8]) {
        let Some(token) = detect() else {
            return;
        };
        let found = results(token, &element(token, ones), &element(token, others));
        let prime = prime();
        let inverse = |number: &BigUint| number.modpow(&(&prime - 2_u8), &prime);
        for (lane, (one, other)) in ones.iter().zip(others).enumerate() {
            let (one, other) = (value(one), value(other));
            let (product, square) = (&one * &other, &other * &other);
            let multiple = &prime << 300;
            let is_zero = (&product % &prime) == BigUint::ZERO;
            let expected = [
                product.clone(),
                &one * &one,
                &one + &other,
                &multiple + &one - &other,
                &multiple + &product - &square,
                product + square,
                inverse(&one),
                one.modpow(&((BigUint::from(1_u8) << 252) - 3_u8), &prime),
                if is_zero {
                    BigUint::ZERO
                } else {
                    inverse(&other)
                },
            ];
            for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
                let limbs = found.map(|column| column[lane]);
                assert!(limbs[..4].iter().all(|limb| *limb < 1 << 52), "{place}");
                assert!(limbs[4] < (1 << 47) + (1 << 10), "{place}");
                let octets = number(&octets(found, lane));
                assert_eq!(octets, expected % &prime, "{place}: {one} {other}");
            }
        }
    }

    /// The largest limbs that can be multiplied, and numbers around the prime.
    fn edges() -> Vec<Limbs> {
        let top = (1 << 47) + (1 << 10) - 1;
        let prime = limbs(&prime().to_bytes_le().try_into().unwrap());
        let beside = |addend: u64| {
            [
                prime[0].wrapping_add(addend),
                prime[1],
                prime[2],
                prime[3],
                prime[4],
            ]
        };
        vec![
            [0; LIMBS],
            [1, 0, 0, 0, 0],
            prime,
            beside(1_u64.wrapping_neg()),
            beside(1),
            beside(18),
            [LIMB_MASK, LIMB_MASK, LIMB_MASK, LIMB_MASK, top],
            [LIMB_MASK, 0, LIMB_MASK, 0, top],
        ]
    }

    #[test]
    fn numbers_at_the_edges_agree() {
        let ones: [Limbs; 8] = edges().try_into().unwrap();
        for turn in 0..8 {
            let mut others = ones;
            others.rotate_left(turn);
            agrees(&ones, &others);
        }
    }

    #[test]
    fn every_number_has_one_form() {
        for limbs in edges() {
            assert_eq!(value(&reduce(&limbs)), value(&limbs) % prime());
        }
        assert_eq!(value(&BIAS) % prime(), BigUint::ZERO);
        assert_eq!(limbs(&[0xff; 32])[4], TOP_MASK);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn random_numbers_agree(octets in any::<[[[u8; 32]; 8]; 2]>()) {
            let [ones, others] = octets.map(|numbers| numbers.map(|octets| limbs(&octets)));
            for (octets, limbs) in octets.iter().flatten().zip(ones.iter().chain(&others)) {
                prop_assert_eq!(number(octets) % (BigUint::from(1_u8) << 255), value(limbs));
            }
            agrees(&ones, &others);
        }
    }
}

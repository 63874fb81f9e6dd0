//! Powers to 65537 of eight numbers at a time, each modulo its own odd modulus: the arithmetic of RSA (RFC 8017,
//! section 5.2.2) in the lanes of AVX-512 IFMA.
//!
//! Knows numbers as limbs of 52 bits, lane by lane, and Montgomery's multiplication; must not know keys, signatures or
//! what a result means. Everything is public, so nothing has to take the same time.

#![expect(
    clippy::indexing_slicing,
    reason = "every index is bounded by the constant length of its array"
)]

use std::arch::x86_64::__m512i;

use archmage::{SimdToken as _, X64V4xToken, arcane, rite};

/// Numbers computed at a time.
pub(super) const LANES: usize = 8;
/// Bits of a limb: what the multiplier of IFMA takes.
pub(super) const LIMB_BITS: u32 = 52;
/// The bits of one limb.
pub(super) const LIMB_MASK: u64 = (1 << LIMB_BITS) - 1;
/// Squarings from x to x^65536.
const SQUARINGS: usize = 16;

/// One limb of eight numbers.
pub(super) type Column = [u64; LANES];

/// `LANES` numbers of `LIMBS` limbs, the lowest limb first.
type Numbers<const LIMBS: usize> = [__m512i; LIMBS];

/// Proof that the CPU has the instructions; the answer is kept by `archmage`.
pub(super) fn detect() -> Option<X64V4xToken> {
    X64V4xToken::summon()
}

/// A power to compute: the numbers lie below their moduli, the moduli below 2^(52 `LIMBS` - 2).
pub(super) struct Power<const LIMBS: usize> {
    /// What is raised to the power of 65537.
    pub(super) base: [Column; LIMBS],
    pub(super) modulus: [Column; LIMBS],
    /// 2^(104 `LIMBS`) modulo the modulus.
    pub(super) square: [Column; LIMBS],
    /// -1 / modulus modulo 2^52.
    pub(super) inverse: Column,
    /// What is compared with the power.
    pub(super) expected: [Column; LIMBS],
}

impl<const LIMBS: usize> Power<LIMBS> {
    /// Nothing in any lane.
    pub(super) const EMPTY: Self = Self {
        base: [[0; LANES]; LIMBS],
        modulus: [[0; LANES]; LIMBS],
        square: [[0; LANES]; LIMBS],
        inverse: [0; LANES],
        expected: [[0; LANES]; LIMBS],
    };
}

/// In which lanes the power is what is expected; `PRODUCT` is twice `LIMBS`.
#[arcane(import_intrinsics)]
#[allow(
    clippy::used_underscore_binding,
    reason = "`arcane` makes two functions, of which one hands the proof on"
)]
pub(super) fn is_expected<const LIMBS: usize, const PRODUCT: usize>(
    _token: X64V4xToken,
    power: &Power<LIMBS>,
) -> [bool; LANES] {
    const { assert!(PRODUCT == 2 * LIMBS && LIMBS.is_multiple_of(2)) };
    let [base, modulus, square, expected] =
        [&power.base, &power.modulus, &power.square, &power.expected]
            .map(|columns| numbers(columns));
    let inverse = _mm512_loadu_epi64(&power.inverse);
    // Montgomery's form carries a factor 2^(52 LIMBS); the last multiplication by the plain base takes it away.
    let mut value = multiply(&base, &square, &modulus, inverse);
    for _ in 0..SQUARINGS {
        value = self_product::<LIMBS, PRODUCT>(&value, &modulus, inverse);
    }
    let value = multiply(&value, &base, &modulus, inverse);
    // The result lies below twice the modulus, and both forms of it mean the same number.
    let beyond = sum(&expected, &modulus);
    let (one, other) = (differences(&value, &expected), differences(&value, &beyond));
    std::array::from_fn(|lane| one[lane] == 0 || other[lane] == 0)
}

#[rite(v4x, import_intrinsics)]
fn numbers<const LIMBS: usize>(columns: &[Column; LIMBS]) -> Numbers<LIMBS> {
    let mut numbers = [_mm512_setzero_si512(); LIMBS];
    for (limb, column) in numbers.iter_mut().zip(columns) {
        *limb = _mm512_loadu_epi64(column);
    }
    numbers
}

/// sum + the low 52 bits of one * other.
#[rite(v4x, import_intrinsics)]
pub(super) fn add_low(sum: __m512i, one: __m512i, other: __m512i) -> __m512i {
    _mm512_madd52lo_epu64(sum, one, other)
}

/// sum + the high 52 bits of one * other.
#[rite(v4x, import_intrinsics)]
pub(super) fn add_high(sum: __m512i, one: __m512i, other: __m512i) -> __m512i {
    _mm512_madd52hi_epu64(sum, one, other)
}

#[rite(v4x, import_intrinsics)]
pub(super) fn add(one: __m512i, other: __m512i) -> __m512i {
    _mm512_add_epi64(one, other)
}

/// What lies beyond the 52 bits of a limb.
#[rite(v4x, import_intrinsics)]
pub(super) fn carry_of(limb: __m512i) -> __m512i {
    _mm512_srli_epi64::<LIMB_BITS>(limb)
}

/// Brings every limb below 2^52.
#[rite(v4x, import_intrinsics)]
fn settle<const LIMBS: usize>(limbs: &mut Numbers<LIMBS>) {
    let (mask, mut carry) = (
        _mm512_set1_epi64(LIMB_MASK.cast_signed()),
        _mm512_setzero_si512(),
    );
    for limb in limbs {
        let sum = add(*limb, carry);
        carry = carry_of(sum);
        *limb = _mm512_and_si512(sum, mask);
    }
}

#[rite(v4x, import_intrinsics)]
fn sum<const LIMBS: usize>(one: &Numbers<LIMBS>, other: &Numbers<LIMBS>) -> Numbers<LIMBS> {
    let mut sum = std::array::from_fn(|place| add(one[place], other[place]));
    settle(&mut sum);
    sum
}

/// Bits in which two numbers differ: zero in lanes where they are equal.
#[rite(v4x, import_intrinsics)]
fn differences<const LIMBS: usize>(one: &Numbers<LIMBS>, other: &Numbers<LIMBS>) -> Column {
    let mut differences = _mm512_setzero_si512();
    for (&one, &other) in one.iter().zip(other) {
        let difference = _mm512_xor_si512(one, other);
        differences = _mm512_or_si512(differences, difference);
    }
    let mut column = [0; LANES];
    _mm512_storeu_epi64(&mut column, differences);
    column
}

/// one * other / 2^(52 LIMBS), modulo the modulus and below twice of it when both factors are.
///
/// A limb of the sum takes at most four products below 2^52 in each of its rows, so that it stays below 2^61 with
/// up to 128 limbs and carries can wait for the end.
#[rite(v4x, import_intrinsics)]
fn multiply<const LIMBS: usize>(
    one: &Numbers<LIMBS>,
    other: &Numbers<LIMBS>,
    modulus: &Numbers<LIMBS>,
    inverse: __m512i,
) -> Numbers<LIMBS> {
    let mut sum = [_mm512_setzero_si512(); LIMBS];
    for &limb in one {
        let lowest = add_low(sum[0], limb, other[0]);
        let factor = add_low(_mm512_setzero_si512(), lowest, inverse);
        let carry = carry_of(add_low(lowest, factor, modulus[0]));
        // The lowest limb is a multiple of 2^52 now: everything moves down by one place.
        for place in 1..LIMBS {
            let column = add_low(sum[place], limb, other[place]);
            let column = add_low(column, factor, modulus[place]);
            let column = add_high(column, limb, other[place - 1]);
            sum[place - 1] = add_high(column, factor, modulus[place - 1]);
        }
        let column = add_high(_mm512_setzero_si512(), limb, other[LIMBS - 1]);
        sum[LIMBS - 1] = add_high(column, factor, modulus[LIMBS - 1]);
        sum[0] = add(sum[0], carry);
    }
    settle(&mut sum);
    sum
}

/// As [`multiply`] by itself, with half of the products.
#[rite(v4x, import_intrinsics)]
fn self_product<const LIMBS: usize, const PRODUCT: usize>(
    number: &Numbers<LIMBS>,
    modulus: &Numbers<LIMBS>,
    inverse: __m512i,
) -> Numbers<LIMBS> {
    let mut product = mixed_products::<LIMBS, PRODUCT>(number);
    for (place, &limb) in number.iter().enumerate() {
        let (low, high) = (2 * place, 2 * place + 1);
        let double = |column| add(column, column);
        product[low] = add_low(double(product[low]), limb, limb);
        product[high] = add_high(double(product[high]), limb, limb);
    }
    reduce(&mut product, modulus, inverse);
    let mut result = std::array::from_fn(|place| product[LIMBS + place]);
    settle(&mut result);
    result
}

/// The sum of all products of two different limbs, each pair once, column by column.
#[rite(v4x, import_intrinsics)]
fn mixed_products<const LIMBS: usize, const PRODUCT: usize>(
    number: &Numbers<LIMBS>,
) -> Numbers<PRODUCT> {
    let mut product = [_mm512_setzero_si512(); PRODUCT];
    // What the column before left for this one; two sums each, so that neither waits for the other.
    let mut next = _mm512_setzero_si512();
    for column in 1..PRODUCT - 2 {
        let first = column.saturating_sub(LIMBS - 1);
        let pairs = column.div_ceil(2) - first;
        let mut sums = [
            (next, _mm512_setzero_si512()),
            (_mm512_setzero_si512(), _mm512_setzero_si512()),
        ];
        for pair in 0..pairs {
            let (one, other) = (number[first + pair], number[column - first - pair]);
            let (low, high) = &mut sums[pair % 2];
            *low = add_low(*low, one, other);
            *high = add_high(*high, one, other);
        }
        product[column] = add(sums[0].0, sums[1].0);
        next = add(sums[0].1, sums[1].1);
    }
    product[PRODUCT - 2] = next;
    product
}

/// Adds multiples of the modulus until the lower half is a multiple of 2^(52 LIMBS), two rows at a time; what it
/// carries arrives in the upper half.
#[rite(v4x, import_intrinsics)]
fn reduce<const LIMBS: usize, const PRODUCT: usize>(
    product: &mut Numbers<PRODUCT>,
    modulus: &Numbers<LIMBS>,
    inverse: __m512i,
) {
    for row in (0..LIMBS).step_by(2) {
        let first = add_low(_mm512_setzero_si512(), product[row], inverse);
        let carry = carry_of(add_low(product[row], first, modulus[0]));
        let column = add_low(product[row + 1], first, modulus[1]);
        let column = add(add_high(column, first, modulus[0]), carry);
        let second = add_low(_mm512_setzero_si512(), column, inverse);
        let carry = carry_of(add_low(column, second, modulus[0]));
        for place in 2..LIMBS {
            let column = add_low(product[row + place], first, modulus[place]);
            let column = add_high(column, first, modulus[place - 1]);
            let column = add_low(column, second, modulus[place - 1]);
            product[row + place] = add_high(column, second, modulus[place - 2]);
        }
        let (last, column) = (LIMBS - 1, product[row + LIMBS]);
        let column = add_high(column, first, modulus[last]);
        let column = add_low(column, second, modulus[last]);
        product[row + LIMBS] = add_high(column, second, modulus[last - 1]);
        let above = row + LIMBS + 1;
        product[above] = add_high(product[above], second, modulus[last]);
        product[row + 2] = add(product[row + 2], carry);
    }
}

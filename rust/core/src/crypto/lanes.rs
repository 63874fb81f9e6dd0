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
    let [base, modulus, square_of_radix, expected] =
        [&power.base, &power.modulus, &power.square, &power.expected]
            .map(|columns| numbers(columns));
    let inverse = _mm512_loadu_epi64(&power.inverse);
    // Montgomery's form carries a factor 2^(52 LIMBS); the last multiplication by the plain base takes it away.
    let mut value = multiply::<LIMBS, PRODUCT>(&base, &square_of_radix, &modulus, inverse);
    for _ in 0..SQUARINGS {
        value = square::<LIMBS, PRODUCT>(&value, &modulus, inverse);
    }
    let value = multiply::<LIMBS, PRODUCT>(&value, &base, &modulus, inverse);
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
#[rite(v4x, import_intrinsics)]
fn multiply<const LIMBS: usize, const PRODUCT: usize>(
    one: &Numbers<LIMBS>,
    other: &Numbers<LIMBS>,
    modulus: &Numbers<LIMBS>,
    inverse: __m512i,
) -> Numbers<LIMBS> {
    let mut product = [_mm512_setzero_si512(); PRODUCT];
    for (pair, &[first, second]) in one.as_chunks().0.iter().enumerate() {
        add_two_rows(&mut product[2 * pair..], first, second, other);
    }
    reduce(&mut product, modulus, inverse)
}

/// As [`multiply`] by itself, with half of the products.
#[rite(v4x, import_intrinsics)]
fn square<const LIMBS: usize, const PRODUCT: usize>(
    number: &Numbers<LIMBS>,
    modulus: &Numbers<LIMBS>,
    inverse: __m512i,
) -> Numbers<LIMBS> {
    let mut product = [_mm512_setzero_si512(); PRODUCT];
    // Every product of two different limbs, once.
    for (pair, &[first, second]) in number.as_chunks().0.iter().enumerate() {
        let (low, high) = (4 * pair + 1, 4 * pair + 2);
        product[low] = add_low(product[low], first, second);
        product[high] = add_high(product[high], first, second);
        add_two_rows(&mut product[high..], first, second, &number[2 * pair + 2..]);
    }
    for (columns, &limb) in product.as_chunks_mut().0.iter_mut().zip(number) {
        let [low, high] = columns;
        *low = add_low(add(*low, *low), limb, limb);
        *high = add_high(add(*high, *high), limb, limb);
    }
    reduce(&mut product, modulus, inverse)
}

/// sum + (first + 2^52 second) * number: two rows of products at a time, so that a column is loaded once for four.
///
/// A column takes at most four products below 2^52 of each limb in all, so that it stays below 2^61 with up to 128
/// limbs and carries can wait for the end.
#[rite(v4x, import_intrinsics)]
fn add_two_rows(sum: &mut [__m512i], first: __m512i, second: __m512i, number: &[__m512i]) {
    let ([lowest, above, ..], [.., below, highest]) = (number, number) else {
        // The last two limbs of a square have nobody beside them.
        return;
    };
    let count = number.len();
    sum[0] = add_low(sum[0], first, *lowest);
    let column = add_low(add_high(sum[1], first, *lowest), first, *above);
    sum[1] = add_low(column, second, *lowest);
    for (column, limbs) in sum[2..count].iter_mut().zip(number.windows(3)) {
        let low = add_low(add_high(*column, first, limbs[1]), first, limbs[2]);
        *column = add_low(add_high(low, second, limbs[0]), second, limbs[1]);
    }
    let column = add_low(add_high(sum[count], first, *highest), second, *highest);
    sum[count] = add_high(column, second, *below);
    sum[count + 1] = add_high(sum[count + 1], second, *highest);
}

/// product / 2^(52 LIMBS), modulo the modulus: adds multiples of it until the lower half is zero.
#[rite(v4x, import_intrinsics)]
fn reduce<const LIMBS: usize, const PRODUCT: usize>(
    product: &mut Numbers<PRODUCT>,
    modulus: &Numbers<LIMBS>,
    inverse: __m512i,
) -> Numbers<LIMBS> {
    let zero = _mm512_setzero_si512();
    for row in (0..LIMBS).step_by(2) {
        let rest = &mut product[row..];
        let first = add_low(zero, rest[0], inverse);
        let carry = carry_of(add_low(rest[0], first, modulus[0]));
        let column = add_high(add_low(rest[1], first, modulus[1]), first, modulus[0]);
        let column = add(column, carry);
        let second = add_low(zero, column, inverse);
        // Both columns are multiples of 2^52 now: what they carry is all that is left of them.
        let carry = carry_of(add_low(column, second, modulus[0]));
        add_two_rows(rest, first, second, modulus);
        rest[2] = add(rest[2], carry);
    }
    let mut result = std::array::from_fn(|place| product[LIMBS + place]);
    settle(&mut result);
    result
}

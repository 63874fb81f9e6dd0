//! Powers to 65537 of eight numbers at a time, each modulo its own odd modulus: the arithmetic of RSA (RFC 8017,
//! section 5.2.2) in the lanes of AVX-512 IFMA.
//!
//! Knows numbers as limbs of 52 bits, lane by lane, and Montgomery's multiplication; must not know keys, signatures or
//! what a result means. Everything is public, so nothing has to take the same time.

#![expect(
    clippy::indexing_slicing,
    reason = "every index is bounded by the constant length of its array"
)]
#![expect(
    clippy::inline_always,
    reason = "only what is inlined may use the instructions"
)]

use std::arch::x86_64::__m512i;

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

pulp::simd_type! {
    /// Proof that the CPU has the instructions.
    pub(super) struct Ifma {
        foundation: "avx512f",
        multiplier: "avx512ifma",
    }
}

/// A power to compute: the numbers lie below their moduli, the moduli below 2^(52 `LIMBS` - 2).
pub(super) struct Power<'a, const LIMBS: usize> {
    /// What is raised to the power of 65537.
    pub(super) base: &'a [Column; LIMBS],
    pub(super) modulus: &'a [Column; LIMBS],
    /// 2^(104 `LIMBS`) modulo the modulus.
    pub(super) square: &'a [Column; LIMBS],
    /// -1 / modulus modulo 2^52.
    pub(super) inverse: &'a Column,
    /// What is compared with the power.
    pub(super) expected: &'a [Column; LIMBS],
}

impl<const LIMBS: usize> Power<'_, LIMBS> {
    /// In which lanes the power is what is expected.
    ///
    /// `PRODUCT` is twice `LIMBS`.
    pub(super) fn is_expected<const PRODUCT: usize>(&self, ifma: Ifma) -> [bool; LANES] {
        const { assert!(PRODUCT == 2 * LIMBS && LIMBS.is_multiple_of(2)) };
        ifma.vectorize(Comparison::<LIMBS, PRODUCT> { power: self, ifma })
    }
}

struct Comparison<'a, const LIMBS: usize, const PRODUCT: usize> {
    power: &'a Power<'a, LIMBS>,
    ifma: Ifma,
}

impl<const LIMBS: usize, const PRODUCT: usize> pulp::NullaryFnOnce
    for Comparison<'_, LIMBS, PRODUCT>
{
    type Output = [bool; LANES];

    #[inline(always)]
    fn call(self) -> [bool; LANES] {
        let Self { power, ifma } = self;
        let [base, modulus, square, expected] =
            [power.base, power.modulus, power.square, power.expected].map(numbers);
        let inverse = pulp::cast(*power.inverse);
        // Montgomery's form carries a factor 2^(52 LIMBS); the last multiplication by the plain base takes it away.
        let mut value = ifma.multiply(&base, &square, &modulus, inverse);
        for _ in 0..SQUARINGS {
            value = ifma.square::<LIMBS, PRODUCT>(&value, &modulus, inverse);
        }
        let value = ifma.multiply(&value, &base, &modulus, inverse);
        // The result lies below twice the modulus, and both forms of it mean the same number.
        let beyond = ifma.sum(&expected, &modulus);
        let (one, other) = (
            ifma.differences(&value, &expected),
            ifma.differences(&value, &beyond),
        );
        std::array::from_fn(|lane| one[lane] == 0 || other[lane] == 0)
    }
}

#[inline(always)]
fn numbers<const LIMBS: usize>(columns: &[Column; LIMBS]) -> Numbers<LIMBS> {
    columns.map(pulp::cast)
}

#[inline(always)]
fn zero() -> __m512i {
    pulp::cast([0_u64; LANES])
}

impl Ifma {
    /// sum + the low 52 bits of one * other.
    #[inline(always)]
    fn low(self, sum: __m512i, one: __m512i, other: __m512i) -> __m512i {
        self.multiplier._mm512_madd52lo_epu64(sum, one, other)
    }

    /// sum + the high 52 bits of one * other.
    #[inline(always)]
    fn high(self, sum: __m512i, one: __m512i, other: __m512i) -> __m512i {
        self.multiplier._mm512_madd52hi_epu64(sum, one, other)
    }

    #[inline(always)]
    fn add(self, one: __m512i, other: __m512i) -> __m512i {
        self.foundation._mm512_add_epi64(one, other)
    }

    /// What lies beyond the 52 bits of a limb.
    #[inline(always)]
    fn carry(self, limb: __m512i) -> __m512i {
        self.foundation._mm512_srli_epi64::<LIMB_BITS>(limb)
    }

    /// Brings every limb below 2^52.
    #[inline(always)]
    fn settle<const LIMBS: usize>(self, limbs: &mut Numbers<LIMBS>) {
        let (mask, mut carry) = (pulp::cast([LIMB_MASK; LANES]), zero());
        for limb in limbs {
            let sum = self.add(*limb, carry);
            carry = self.carry(sum);
            *limb = self.foundation._mm512_and_si512(sum, mask);
        }
    }

    #[inline(always)]
    fn sum<const LIMBS: usize>(
        self,
        one: &Numbers<LIMBS>,
        other: &Numbers<LIMBS>,
    ) -> Numbers<LIMBS> {
        let mut sum = std::array::from_fn(|place| self.add(one[place], other[place]));
        self.settle(&mut sum);
        sum
    }

    /// Bits in which two numbers differ: zero in lanes where they are equal.
    #[inline(always)]
    fn differences<const LIMBS: usize>(
        self,
        one: &Numbers<LIMBS>,
        other: &Numbers<LIMBS>,
    ) -> Column {
        let mut differences = zero();
        for (&one, &other) in one.iter().zip(other) {
            let difference = self.foundation._mm512_xor_si512(one, other);
            differences = self.foundation._mm512_or_si512(differences, difference);
        }
        pulp::cast(differences)
    }

    /// one * other / 2^(52 LIMBS), modulo the modulus and below twice of it when both factors are.
    ///
    /// A limb of the sum takes at most four products below 2^52 in each of its rows, so that it stays below 2^61 with
    /// up to 128 limbs and carries can wait for the end.
    #[inline(always)]
    fn multiply<const LIMBS: usize>(
        self,
        one: &Numbers<LIMBS>,
        other: &Numbers<LIMBS>,
        modulus: &Numbers<LIMBS>,
        inverse: __m512i,
    ) -> Numbers<LIMBS> {
        let mut sum = [zero(); LIMBS];
        for &limb in one {
            let lowest = self.low(sum[0], limb, other[0]);
            let factor = self.low(zero(), lowest, inverse);
            let carry = self.carry(self.low(lowest, factor, modulus[0]));
            // The lowest limb is a multiple of 2^52 now: everything moves down by one place.
            for place in 1..LIMBS {
                let column = self.low(sum[place], limb, other[place]);
                let column = self.low(column, factor, modulus[place]);
                let column = self.high(column, limb, other[place - 1]);
                sum[place - 1] = self.high(column, factor, modulus[place - 1]);
            }
            let column = self.high(zero(), limb, other[LIMBS - 1]);
            sum[LIMBS - 1] = self.high(column, factor, modulus[LIMBS - 1]);
            sum[0] = self.add(sum[0], carry);
        }
        self.settle(&mut sum);
        sum
    }

    /// As [`Ifma::multiply`] by itself, with half of the products.
    #[inline(always)]
    fn square<const LIMBS: usize, const PRODUCT: usize>(
        self,
        number: &Numbers<LIMBS>,
        modulus: &Numbers<LIMBS>,
        inverse: __m512i,
    ) -> Numbers<LIMBS> {
        let mut product = self.mixed_products::<LIMBS, PRODUCT>(number);
        for (place, &limb) in number.iter().enumerate() {
            let (low, high) = (2 * place, 2 * place + 1);
            let double = |column| self.add(column, column);
            product[low] = self.low(double(product[low]), limb, limb);
            product[high] = self.high(double(product[high]), limb, limb);
        }
        self.reduce(&mut product, modulus, inverse);
        let mut result = std::array::from_fn(|place| product[LIMBS + place]);
        self.settle(&mut result);
        result
    }

    /// The sum of all products of two different limbs, each pair once, column by column.
    #[inline(always)]
    fn mixed_products<const LIMBS: usize, const PRODUCT: usize>(
        self,
        number: &Numbers<LIMBS>,
    ) -> Numbers<PRODUCT> {
        let mut product = [zero(); PRODUCT];
        // What the column before left for this one; two sums each, so that neither waits for the other.
        let mut next = zero();
        for column in 1..PRODUCT - 2 {
            let first = column.saturating_sub(LIMBS - 1);
            let pairs = column.div_ceil(2) - first;
            let mut sums = [(next, zero()), (zero(), zero())];
            for pair in 0..pairs {
                let (one, other) = (number[first + pair], number[column - first - pair]);
                let (low, high) = &mut sums[pair % 2];
                *low = self.low(*low, one, other);
                *high = self.high(*high, one, other);
            }
            product[column] = self.add(sums[0].0, sums[1].0);
            next = self.add(sums[0].1, sums[1].1);
        }
        product[PRODUCT - 2] = next;
        product
    }

    /// Adds multiples of the modulus until the lower half is a multiple of 2^(52 LIMBS), two rows at a time; what it
    /// carries arrives in the upper half.
    #[inline(always)]
    fn reduce<const LIMBS: usize, const PRODUCT: usize>(
        self,
        product: &mut Numbers<PRODUCT>,
        modulus: &Numbers<LIMBS>,
        inverse: __m512i,
    ) {
        for row in (0..LIMBS).step_by(2) {
            let first = self.low(zero(), product[row], inverse);
            let carry = self.carry(self.low(product[row], first, modulus[0]));
            let column = self.low(product[row + 1], first, modulus[1]);
            let column = self.add(self.high(column, first, modulus[0]), carry);
            let second = self.low(zero(), column, inverse);
            let carry = self.carry(self.low(column, second, modulus[0]));
            for place in 2..LIMBS {
                let column = self.low(product[row + place], first, modulus[place]);
                let column = self.high(column, first, modulus[place - 1]);
                let column = self.low(column, second, modulus[place - 1]);
                product[row + place] = self.high(column, second, modulus[place - 2]);
            }
            let (last, column) = (LIMBS - 1, product[row + LIMBS]);
            let column = self.high(column, first, modulus[last]);
            let column = self.low(column, second, modulus[last]);
            product[row + LIMBS] = self.high(column, second, modulus[last - 1]);
            let above = row + LIMBS + 1;
            product[above] = self.high(product[above], second, modulus[last]);
            product[row + 2] = self.add(product[row + 2], carry);
        }
    }
}

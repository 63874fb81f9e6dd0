//! Multiples of a point, ready to be added: with them a factor costs additions only, and no doubling is left.
//!
//! Knows where a multiple stands and how eight of them are brought into lanes; must not know signatures. A table takes
//! 72 KB and the time of three verifications or so.

use std::arch::x86_64::__m512i;

use archmage::{X64V4xToken, arcane, rite};

use super::super::lanes::{Column, LANES};
use super::field::{choose, columns};
use super::point::{
    Affine, Point, add_affine, add_points, affine, coordinates, decode_negative, double,
};
use super::scalar::Digits;

/// Bits of a digit.
pub(super) const DIGIT_BITS: usize = 4;
/// Digits of a number below 2^256.
pub(super) const POSITIONS: usize = 256 / DIGIT_BITS;
/// A digit is 0 to 8, and its sign costs nothing.
const MULTIPLES: usize = (1 << (DIGIT_BITS - 1)) + 1;

/// One multiple: the limbs of y + x and three of 2 d x y, then those of y - x and the other two.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Entry([Column; 2]);

impl Entry {
    /// The neutral point: x is 0, y is 1.
    const NEUTRAL: Self = Self([[1, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0]]);
}

/// digit * 16^position * point, of every digit from 0 to 8 and every position.
pub(super) struct Table(Box<[[Entry; MULTIPLES]]>);

impl Table {
    /// The multiples of the negative of the point that 32 octets stand for; `None` when they are no point.
    pub(super) fn new(token: X64V4xToken, encoded: &[u8; 32]) -> Option<Self> {
        multiples(token, encoded).map(|rows| Self(rows.into_boxed_slice()))
    }
}

#[arcane(import_intrinsics)]
#[allow(
    clippy::used_underscore_binding,
    reason = "`arcane` makes two functions, of which one hands the proof on"
)]
fn multiples(_token: X64V4xToken, encoded: &[u8; 32]) -> Option<Vec<[Entry; MULTIPLES]>> {
    let mut point = decode_negative(encoded)?;
    let mut points = Vec::with_capacity(POSITIONS / LANES * MULTIPLES);
    for _ in 0..POSITIONS / LANES {
        let mut base = point;
        for lane in 0..LANES {
            base = with_lane(&base, &point, 1 << lane);
            for _ in 0..DIGIT_BITS {
                point = double(&point);
            }
        }
        points.push(base);
        for _ in 2..MULTIPLES {
            let multiple = points.last().map(|last| add_points(last, &base));
            points.extend(multiple);
        }
    }
    let mut rows = vec![[Entry::NEUTRAL; MULTIPLES]; POSITIONS];
    let groups = coordinates(&points);
    let groups = groups.chunks(MULTIPLES - 1);
    for (rows, multiples) in rows.chunks_mut(LANES).zip(groups) {
        for (number, multiple) in multiples.iter().enumerate() {
            put(rows, number + 1, &affine(multiple));
        }
    }
    Some(rows)
}

/// `point` with the lanes of `mask` from `other`.
#[rite(v4x, import_intrinsics)]
fn with_lane(point: &Point, other: &Point, mask: u8) -> Point {
    Point {
        sum: choose(mask, &point.sum, &other.sum),
        difference: choose(mask, &point.difference, &other.difference),
        z: choose(mask, &point.z, &other.z),
        t: choose(mask, &point.t, &other.t),
    }
}

/// Writes eight points as the same multiple of eight rows.
#[rite(v4x, import_intrinsics)]
fn put(rows: &mut [[Entry; MULTIPLES]], multiple: usize, points: &Affine) {
    let [sum, difference, product] =
        [&points.sum, &points.difference, &points.product].map(|element| columns(element));
    let (first, second) = product.split_at(3);
    let halves = [[sum.as_slice(), first], [difference.as_slice(), second]];
    for (lane, row) in rows.iter_mut().enumerate() {
        let Some(Entry(entry)) = row.get_mut(multiple) else {
            continue;
        };
        for (half, columns) in entry.iter_mut().zip(&halves) {
            for (place, column) in half.iter_mut().zip(columns.iter().copied().flatten()) {
                *place = column.get(lane).copied().unwrap_or_default();
            }
        }
    }
}

/// Adds factor * point to the sum of the lanes.
#[rite(v4x, import_intrinsics)]
pub(super) fn add_multiple(point: &Point, table: &Table, factor: &Digits) -> Point {
    let mut point = *point;
    let (groups, _) = factor.as_chunks::<LANES>();
    let (rows, _) = table.0.as_chunks::<LANES>();
    for (digits, rows) in groups.iter().zip(rows) {
        let negative = (0..LANES).fold(0, |mask, lane| {
            mask | u8::from(digits.get(lane).is_some_and(|digit| *digit < 0)) << lane
        });
        point = add_affine(&point, &load(rows, digits), negative);
    }
    point
}

/// The multiples of eight positions, each in its lane.
#[rite(v4x, import_intrinsics)]
fn load(rows: &[[Entry; MULTIPLES]; LANES], digits: &[i8; LANES]) -> Affine {
    let mut halves = [[_mm512_setzero_si512(); LANES]; 2];
    let [first, second] = &mut halves;
    let places = first.iter_mut().zip(second);
    for ((row, digit), (first, second)) in rows.iter().zip(digits).zip(places) {
        // No digit is beyond the table; the neutral point would stand for it.
        let entry = row
            .get(usize::from(digit.unsigned_abs()))
            .unwrap_or(&Entry::NEUTRAL);
        *first = _mm512_loadu_epi64(&entry.0[0]);
        *second = _mm512_loadu_epi64(&entry.0[1]);
    }
    let [s0, s1, s2, s3, s4, p0, p1, p2] = transpose(&halves[0]);
    let [d0, d1, d2, d3, d4, p3, p4, _] = transpose(&halves[1]);
    Affine {
        sum: [s0, s1, s2, s3, s4],
        difference: [d0, d1, d2, d3, d4],
        product: [p0, p1, p2, p3, p4],
    }
}

/// Eight rows of eight numbers as columns.
#[rite(v4x, import_intrinsics)]
fn transpose(rows: &[__m512i; LANES]) -> [__m512i; LANES] {
    let [r0, r1, r2, r3, r4, r5, r6, r7] = *rows;
    let even = |one, other| _mm512_unpacklo_epi64(one, other);
    let odd = |one, other| _mm512_unpackhi_epi64(one, other);
    // Pairs of lanes 0 and 4 of both, and of lanes 2 and 6.
    let lower = |one, other| _mm512_shuffle_i64x2::<0x88>(one, other);
    let upper = |one, other| _mm512_shuffle_i64x2::<0xdd>(one, other);
    let four = |one: [__m512i; 4]| {
        let [a, b, c, d] = one;
        let (first, second) = (lower(a, b), lower(c, d));
        let (third, fourth) = (upper(a, b), upper(c, d));
        [
            lower(first, second),
            lower(third, fourth),
            upper(first, second),
            upper(third, fourth),
        ]
    };
    let [c0, c2, c4, c6] = four([even(r0, r1), even(r2, r3), even(r4, r5), even(r6, r7)]);
    let [c1, c3, c5, c7] = four([odd(r0, r1), odd(r2, r3), odd(r4, r5), odd(r6, r7)]);
    [c0, c1, c2, c3, c4, c5, c6, c7]
}

/// The sum of all lanes of each of up to eight points, in the order of [`lane_of`].
#[rite(v4x, import_intrinsics)]
pub(super) fn fold(points: &mut Vec<Point>) -> Option<Point> {
    for round in 0..3 {
        let mut folded = Vec::with_capacity(4);
        for pair in points.chunks(2) {
            if let [one, .., other] | [one @ other] = pair {
                let [one, other] = halves(one, other, round);
                folded.push(add_points(&one, &other));
            }
        }
        *points = folded;
    }
    points.pop()
}

/// Where [`fold`] leaves the sum of a point.
pub(super) const fn lane_of(point: usize) -> usize {
    2 * (point % 4) + point / 4
}

/// The even and the odd parts of two points' lanes: halves, then quarters, then single lanes.
#[rite(v4x, import_intrinsics)]
fn halves(one: &Point, other: &Point, round: usize) -> [Point; 2] {
    let mut halves = [*one, *other];
    let [even, odd] = &mut halves;
    let even_places = [
        &mut even.sum,
        &mut even.difference,
        &mut even.z,
        &mut even.t,
    ];
    let odd_places = [&mut odd.sum, &mut odd.difference, &mut odd.z, &mut odd.t];
    for (even, odd) in even_places.into_iter().zip(odd_places) {
        for (even, odd) in even.iter_mut().zip(odd) {
            let (one, other) = (*even, *odd);
            (*even, *odd) = match round {
                0 => (
                    _mm512_shuffle_i64x2::<0x44>(one, other),
                    _mm512_shuffle_i64x2::<0xee>(one, other),
                ),
                1 => (
                    _mm512_shuffle_i64x2::<0x88>(one, other),
                    _mm512_shuffle_i64x2::<0xdd>(one, other),
                ),
                _ => (
                    _mm512_unpacklo_epi64(one, other),
                    _mm512_unpackhi_epi64(one, other),
                ),
            };
        }
    }
    halves
}

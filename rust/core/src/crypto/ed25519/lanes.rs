//! Ed25519 signatures whose additions are spread over the lanes of AVX-512 IFMA, with tables of their keys.
//!
//! Knows the equation of RFC 8032 §5.1.7 without its cofactor, as the library checks it; must not know which keys have
//! a table, or hash anything.

use std::sync::OnceLock;

use archmage::{X64V4xToken, arcane};

use super::super::lanes::LANES;
use super::point::{coordinates, encode, neutral};
use super::scalar::Digits;
use super::table::{Table, add_multiple, fold, lane_of};

/// The negative of the base point (RFC 8032 §5.1), of which a table holds the negative.
const NEGATIVE_BASE: [u8; 32] = {
    let mut octets = [0x66; 32];
    octets[0] = 0x58;
    octets[31] = 0xe6;
    octets
};

/// What [s]B - [k]A is made of.
pub(super) struct Factors<'a> {
    pub(super) s: Digits,
    pub(super) k: Digits,
    /// The multiples of -A.
    pub(super) key: &'a Table,
}

/// The table of the base point, made at first use.
fn base(token: X64V4xToken) -> Option<&'static Table> {
    static BASE: OnceLock<Option<Table>> = OnceLock::new();
    BASE.get_or_init(|| Table::new(token, &NEGATIVE_BASE))
        .as_ref()
}

/// The 32 octets of each [s]B - [k]A, in order (RFC 8032 §5.1.7, step 3).
pub(super) fn expected(token: X64V4xToken, work: &[Factors<'_>]) -> Option<Vec<[u8; 32]>> {
    Some(encoded_sums(token, base(token)?, work))
}

#[arcane(import_intrinsics)]
#[allow(
    clippy::used_underscore_binding,
    reason = "`arcane` makes two functions, of which one hands the proof on"
)]
fn encoded_sums(_token: X64V4xToken, base: &Table, work: &[Factors<'_>]) -> Vec<[u8; 32]> {
    let mut sums = Vec::with_capacity(work.len().div_ceil(LANES));
    for work in work.chunks(LANES) {
        let mut points = Vec::with_capacity(LANES);
        for factors in work {
            let point = add_multiple(&neutral(), base, &factors.s);
            points.push(add_multiple(&point, factors.key, &factors.k));
        }
        sums.extend(fold(&mut points));
    }
    let mut encoded = Vec::with_capacity(work.len());
    for (sums, work) in coordinates(&sums).iter().zip(work.chunks(LANES)) {
        let octets = encode(sums);
        let places = 0..work.len();
        encoded.extend(places.filter_map(|place| octets.get(lane_of(place))));
    }
    encoded
}

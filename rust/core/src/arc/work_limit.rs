//! What the keys and message signatures of a chain may cost: a chain has up to fifty sets, each with its own keys.
//!
//! Knows prices and limits; must not know what a verified signature means. Nothing that RFC 8617 §5.2 lets decide is
//! left out for its price, but a chain beyond [`SEAL_WORK_LIMIT`] fails.

use crate::dkim::KeyRecords;
use crate::dkim::signatures::key_records;
use crate::dns::Entry;

/// Public-key work that the seals of a chain may force, in operations with a 1024-bit key: fifty seals with keys of 4096
/// bits and some to spare, but not five keys for each (RFC 8301 §3.2 asks for no more than 4096 bits).
pub(super) const SEAL_WORK_LIMIT: usize = 1_000;
/// The same for the older message signatures, which decide nothing (RFC 8617 §5.2 step 5): 25 keys of 2048 bits.
pub(super) const OLDER_WORK_LIMIT: usize = 100;
/// Octets of header fields that are hashed for the older message signatures: fifty of them may name one large field.
pub(super) const OLDER_OCTET_LIMIT: usize = 4 << 20;

/// Bits that an Ed25519 key is shown with.
const ED25519_BITS: u32 = 256;
/// What an operation with an Ed25519 key costs: about as much as one with an RSA key of 2048 bits.
const ED25519_WORK: usize = 4;

/// The older message signatures cost too much to look at.
pub(super) struct ExceedsOlderLimit;

/// What is left of a limit.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) const fn of(limit: usize) -> Self {
        Self(limit)
    }

    /// Takes the price; false when not enough is left, and nothing is left then.
    pub(super) fn pays(&mut self, price: usize) -> bool {
        let left = self.0.checked_sub(price);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

/// What trying every key of an answer costs, in operations with a 1024-bit key: a modulus of twice the size costs four
/// times as much.
pub(super) fn key_work(entry: &Entry) -> usize {
    let records = key_records(entry).map_or(&[][..], KeyRecords::records);
    let work = records
        .iter()
        .filter_map(|record| Some(work_of(record.key_bits()?)));
    work.sum()
}

fn work_of(bits: u32) -> usize {
    if bits == ED25519_BITS {
        return ED25519_WORK;
    }
    usize::try_from(bits.div_ceil(1024)).map_or(usize::MAX, |size| size.saturating_mul(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_at_n_minus_1_n_and_n_plus_1() {
        for limit in [SEAL_WORK_LIMIT, OLDER_WORK_LIMIT, OLDER_OCTET_LIMIT] {
            for (price, expected) in [(limit - 1, true), (limit, true), (limit + 1, false)] {
                assert_eq!(Budget::of(limit).pays(price), expected);
                let mut budget = Budget::of(limit);
                assert!(budget.pays(1) && budget.pays(limit - 2));
                assert_eq!(budget.pays(price + 1 - limit), price < limit + 1);
                assert_eq!(budget.pays(1), price < limit);
            }
        }
    }

    #[test]
    fn rfc8301_3_2_larger_keys_cost_more() {
        let sizes = [512, 1024, 1025, 2048, 4096, 8192, ED25519_BITS];
        assert_eq!(sizes.map(work_of), [1, 1, 4, 4, 16, 64, 4]);
        assert!(SEAL_WORK_LIMIT > 50 * work_of(4096));
    }
}

//! Ed25519 signatures of several messages at once: with a table of the key's multiples a signature takes a fifth of
//! the time.
//!
//! Knows which keys are worth a table and how many there may be; must not know points. Every signature is computed in
//! full and compared in full, each under its own key; what is unclear is verified by the library.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use archmage::X64V4xToken;
use aws_lc_rs::digest;

use super::super::lanes::detect;
use super::Ed25519Work;
use super::lanes::{Factors, expected};
use super::scalar;
use super::table::Table;

/// Valid signatures by which a key shows that more will come: a table takes the time of three and saves most of it of
/// every one that follows, so that waiting longer loses more than it spares.
const TABLE_SIGNATURES: u8 = 2;
/// Tables that the process holds at once, 37 MB in all; keys beyond them are verified by the library.
const TABLE_LIMIT: usize = 512;

/// Tables that there are.
static TABLES: AtomicUsize = AtomicUsize::new(0);

/// The table of a key, once it has proved worth one.
///
/// A cache of keys does not count it: the bound on all tables is enough.
#[derive(Default)]
pub(super) struct Multiples {
    /// Signatures that the library found valid, up to [`TABLE_SIGNATURES`].
    verified: AtomicU8,
    /// `None` for a key that is no point.
    table: OnceLock<Option<(Table, Place)>>,
}

impl Multiples {
    pub(super) fn note_verified(&self) {
        // Two at a time may count as one, which does no harm.
        let verified = self.verified.load(Ordering::Relaxed);
        if verified < TABLE_SIGNATURES {
            self.verified.store(verified + 1, Ordering::Relaxed);
        }
    }

    /// True when there is a table, or may be.
    pub(super) fn gains(&self) -> bool {
        detect().is_some()
            && match self.table.get() {
                Some(table) => table.is_some(),
                None => self.is_due() && TABLES.load(Ordering::Relaxed) < TABLE_LIMIT,
            }
    }

    fn is_due(&self) -> bool {
        self.verified.load(Ordering::Relaxed) >= TABLE_SIGNATURES
    }

    fn table(&self, token: X64V4xToken, key: &[u8]) -> Option<&Table> {
        let table = if let Some(table) = self.table.get() {
            table
        } else {
            let octets = key.try_into().ok().filter(|_| self.is_due())?;
            let place = Place::take()?;
            let make = || Table::new(token, octets).map(|table| (table, place));
            self.table.get_or_init(make)
        };
        table.as_ref().map(|(table, _)| table)
    }
}

impl fmt::Debug for Multiples {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Multiples")
            .field("verified", &self.verified)
            .finish_non_exhaustive()
    }
}

/// One of the tables that there may be; given back when it is dropped.
struct Place;

impl Place {
    fn take() -> Option<Self> {
        let next = |tables| (tables < TABLE_LIMIT).then_some(tables + 1);
        let taken = TABLES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        taken.is_ok().then_some(Self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        TABLES.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<'a> Ed25519Work<'a> {
    /// What the lanes compute with, and R; `None` for what the library decides.
    fn factors(&self, token: Option<X64V4xToken>) -> Option<(Factors<'a>, [u8; 32])> {
        let (octets, rest) = self.signature.split_first_chunk::<32>()?;
        let key = self.key.octets();
        let table = self.key.multiples.table(token?, key)?;
        let s = scalar::read(rest.try_into().ok()?)?;
        // RFC 8032 §5.1.7, step 2: k is the hash of R, A and the message.
        let hashed = [octets, key, self.message].concat();
        let hash = digest::digest(&digest::SHA512, &hashed);
        let k = scalar::reduce(hash.as_ref().try_into().ok()?);
        let factors = Factors {
            s: scalar::digits(&s),
            k: scalar::digits(&k),
            key: table,
        };
        Some((factors, *octets))
    }
}

/// Whether each signature verifies, in order.
pub(in crate::crypto) fn verify(work: &[Ed25519Work<'_>]) -> Vec<bool> {
    let token = detect();
    let mut verified = vec![false; work.len()];
    let (mut factors, mut waiting) = (Vec::new(), Vec::new());
    for (work, place) in work.iter().zip(&mut verified) {
        if let Some((own, octets)) = work.factors(token) {
            factors.push(own);
            waiting.push((work, octets, place));
        } else {
            *place = work.verify_alone();
        }
    }
    let found = token.and_then(|token| expected(token, &factors));
    let mut found = found.into_iter().flatten();
    for (work, octets, place) in waiting {
        *place = match found.next() {
            Some(found) => found == octets,
            None => work.verify_alone(),
        };
    }
    verified
}

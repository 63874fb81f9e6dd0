//! The records parsed from an answer at first use, and the account of what they take.
//!
//! Knows when to parse and what it costs in memory; must not know what the records mean.

use std::mem::size_of;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::{dkim, dmarc, spf};

/// What all parsed records of a cache take.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) records: AtomicU64,
    pub(super) octets: AtomicU64,
}

/// The records parsed from one answer.
pub(super) struct Parsed {
    spf: OnceLock<spf::RecordSelection>,
    keys: OnceLock<dkim::KeyRecords>,
    dmarc: OnceLock<dmarc::PolicyRecords>,
    records: AtomicU64,
    octets: AtomicU64,
    ledger: Option<Arc<Ledger>>,
}

impl Parsed {
    /// Nothing yet.
    pub(super) fn new(ledger: Option<Arc<Ledger>>) -> Self {
        let parsed = Self {
            spf: OnceLock::new(),
            keys: OnceLock::new(),
            dmarc: OnceLock::new(),
            records: AtomicU64::new(0),
            octets: AtomicU64::new(0),
            ledger,
        };
        parsed.charge(0, size_of::<Self>());
        parsed
    }

    fn charge(&self, records: u64, octets: usize) {
        let octets = u64::try_from(octets).unwrap_or(u64::MAX);
        self.records.fetch_add(records, Ordering::Relaxed);
        self.octets.fetch_add(octets, Ordering::Relaxed);
        if let Some(ledger) = &self.ledger {
            ledger.records.fetch_add(records, Ordering::Relaxed);
            ledger.octets.fetch_add(octets, Ordering::Relaxed);
        }
    }

    pub(super) fn spf<'a, T: Iterator<Item = &'a [u8]>>(
        &self,
        texts: impl FnOnce() -> T,
    ) -> &spf::RecordSelection {
        self.spf.get_or_init(|| {
            let selection = spf::RecordSelection::select(texts());
            self.charge(1, selection.octets());
            selection
        })
    }

    pub(super) fn keys<'a, T: Iterator<Item = &'a [u8]>>(
        &self,
        texts: impl FnOnce() -> T,
    ) -> &dkim::KeyRecords {
        self.keys.get_or_init(|| {
            let records = dkim::KeyRecords::parse(texts());
            self.charge(1, records.octets());
            records
        })
    }

    pub(super) fn dmarc<'a, T: Iterator<Item = &'a [u8]>>(
        &self,
        texts: impl FnOnce() -> T,
    ) -> &dmarc::PolicyRecords {
        self.dmarc.get_or_init(|| {
            let records = dmarc::PolicyRecords::select(texts());
            self.charge(1, records.octets());
            records
        })
    }
}

impl Drop for Parsed {
    fn drop(&mut self) {
        if let Some(ledger) = &self.ledger {
            let (records, octets) = (self.records.get_mut(), self.octets.get_mut());
            ledger.records.fetch_sub(*records, Ordering::Relaxed);
            ledger.octets.fetch_sub(*octets, Ordering::Relaxed);
        }
    }
}

//! Octets taken from an input against octets that are unpacked out of it: the share for progress, the ratio for bombs.
//!
//! One account for each named input or file of a folder, shared by all layers within it, so that neither nested layers
//! nor members that share their octets multiply the ratio.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::packing::{Budget, PackingFault};
use crate::stream::{Ending, Progress, Stream};

/// What was taken from one input and given out of it.
#[derive(Debug)]
pub(crate) struct Account {
    progress: Progress,
    /// Octets of a file that are not counted yet; they count as passed over in the end.
    left: Option<AtomicU64>,
    taken: AtomicU64,
    given: AtomicU64,
    has_shrunk: AtomicBool,
    budget: Budget,
}

impl Account {
    /// The account of a file of this size; no more than that is ever counted.
    pub(crate) fn of_file(size: u64, progress: Progress, budget: Budget) -> Arc<Self> {
        Arc::new(Self::new(Some(AtomicU64::new(size)), progress, budget))
    }

    /// The account of a stream.
    pub(crate) fn of_stream(progress: Progress, budget: Budget) -> Arc<Self> {
        Arc::new(Self::new(None, progress, budget))
    }

    fn new(left: Option<AtomicU64>, progress: Progress, budget: Budget) -> Self {
        Self {
            progress,
            left,
            taken: AtomicU64::new(0),
            given: AtomicU64::new(0),
            has_shrunk: AtomicBool::new(false),
            budget,
        }
    }

    /// Counts octets read of the input itself.
    pub(crate) fn take(&self, octets: u64) {
        let mut counted = octets;
        if let Some(left) = &self.left {
            let before = left.load(Ordering::Relaxed);
            counted = octets.min(before);
            left.store(before.saturating_sub(counted), Ordering::Relaxed);
        }
        self.taken.fetch_add(counted, Ordering::Relaxed);
        self.progress.add_octets(counted);
    }

    /// The file ended before its size; whoever reads it tells so.
    pub(crate) fn shrink(&self) -> PackingFault {
        self.has_shrunk.store(true, Ordering::Relaxed);
        PackingFault::Shrank
    }

    /// True when the file's shrinking is told already.
    pub(crate) fn has_shrunk(&self) -> bool {
        self.has_shrunk.load(Ordering::Relaxed)
    }

    /// Counts octets unpacked by any layer.
    ///
    /// # Errors
    /// They are more than the octets taken can honestly hold.
    pub(crate) fn give(&self, octets: u64) -> Result<(), PackingFault> {
        self.given.fetch_add(octets, Ordering::Relaxed);
        if self.is_overdrawn() {
            let ratio = self.budget.ratio;
            return Err(PackingFault::Bomb { ratio });
        }
        Ok(())
    }

    /// True once more was given than is allowed; then nothing of the input is read any more.
    pub(crate) fn is_overdrawn(&self) -> bool {
        let taken = self.taken.load(Ordering::Relaxed);
        let allowed = taken.saturating_mul(self.budget.ratio);
        self.given.load(Ordering::Relaxed) > allowed.max(self.budget.free_octets)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if let Some(left) = &self.left {
            self.progress.add_octets(left.load(Ordering::Relaxed));
        }
    }
}

/// A reader whose octets are taken from an account.
pub(crate) struct Metered<R> {
    reader: R,
    account: Arc<Account>,
}

impl<R: Read> Metered<R> {
    /// Counts what `reader` gives.
    pub(crate) fn new(reader: R, account: Arc<Account>) -> Self {
        Self { reader, account }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let octets = self.reader.read(buffer)?;
        self.account.take(octets as u64);
        Ok(octets)
    }
}

/// A file from its first octet to the size that it had when it was opened.
pub(crate) struct FileOctets {
    stream: Stream,
    account: Arc<Account>,
    is_at_end: bool,
}

impl FileOctets {
    /// The octets of a file that is open, taken from the account.
    pub(crate) fn new(file: File, metadata: &Metadata, account: Arc<Account>) -> Self {
        Self {
            stream: Stream::of_file(file, metadata, Progress::default()),
            account,
            is_at_end: metadata.len() == 0,
        }
    }
}

impl Read for FileOctets {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_at_end || buffer.is_empty() {
            return Ok(0);
        }
        let (octets, ending) = self.stream.fill(buffer);
        self.account.take(octets as u64);
        match ending {
            Some(Ending::Failed(error)) if octets == 0 => return Err(error),
            Some(Ending::Shrank) if octets == 0 => return Err(self.account.shrink().into()),
            Some(Ending::End) => self.is_at_end = true,
            // What failed fails again at the next read, behind the octets that came.
            _ => {}
        }
        Ok(octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_octets_and_ratio_at_n_minus_1_n_and_n_plus_1() {
        let budget = Budget {
            free_octets: 100,
            ratio: 50,
            ..Budget::default()
        };
        for (taken, limit) in [(0, 100), (1, 100), (2, 100), (3, 150)] {
            for (given, is_bomb) in [(limit - 1, false), (limit, false), (limit + 1, true)] {
                let account = Account::of_stream(Progress::default(), budget);
                account.take(taken);
                assert_eq!(account.give(given).is_err(), is_bomb, "{taken} {given}");
                assert_eq!(account.is_overdrawn(), is_bomb);
            }
        }
    }

    #[test]
    fn a_file_counts_as_its_size_whatever_is_read_of_it() {
        for taken in [0, 5, 10, 11] {
            let progress = Progress::default();
            let account = Account::of_file(10, progress.clone(), Budget::default());
            account.take(taken);
            assert_eq!(progress.octets_read(), taken.min(10));
            drop(account);
            assert_eq!(progress.octets_read(), 10);
        }
    }
}

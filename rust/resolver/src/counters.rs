//! What a resolver has done so far, counted by its thread and read by anyone.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Figures of one resolver since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Questions sent by UDP, retransmissions included.
    pub sent: u64,
    /// Of these, retransmissions.
    pub retried: u64,
    /// Questions sent over TCP.
    pub sent_over_tcp: u64,
    /// Replies that matched a question.
    pub received: u64,
    /// Replies with TC=1.
    pub truncated: u64,
    /// Datagrams and messages that matched nothing: wrong id, case, question, or garbage.
    pub mismatched: u64,
    /// Matching replies with octets behind their last record.
    pub trailing: u64,
    /// Questions that a server left without any reply.
    pub unanswered: u64,
    /// Times that the last server that was up went down.
    pub breaks: u64,
}

/// The same figures while they grow.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) sent: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) sent_over_tcp: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) truncated: AtomicU64,
    pub(crate) mismatched: AtomicU64,
    pub(crate) trailing: AtomicU64,
    pub(crate) unanswered: AtomicU64,
    pub(crate) breaks: AtomicU64,
    pub(crate) is_broken: AtomicBool,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    /// The figures now.
    pub(crate) fn statistics(&self) -> Statistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Statistics {
            sent: read(&self.sent),
            retried: read(&self.retried),
            sent_over_tcp: read(&self.sent_over_tcp),
            received: read(&self.received),
            truncated: read(&self.truncated),
            mismatched: read(&self.mismatched),
            trailing: read(&self.trailing),
            unanswered: read(&self.unanswered),
            breaks: read(&self.breaks),
        }
    }
}

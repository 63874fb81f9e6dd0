//! What a resolver has done so far, server by server: counted by its thread and read by anyone.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::latency::{Histogram, Latency};

/// Figures of one resolver since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// The sums over all servers; latencies over all replies.
    pub total: ServerStatistics,
    /// Each server with its figures, in the order of the settings.
    pub servers: Vec<(SocketAddr, ServerStatistics)>,
    /// Times that the last server that was up went down.
    pub breaks: u64,
}

/// Figures of one server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStatistics {
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
    /// Questions that the server left without any reply.
    pub unanswered: u64,
    /// Questions that may be in flight by the last event, 0 before the first; of all servers the sum.
    pub window: usize,
    /// Time from a datagram or message to its own reply.
    pub latency: Latency,
}

/// One server's figures while they grow.
#[derive(Default)]
pub(crate) struct ServerCounters {
    pub(crate) sent: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) sent_over_tcp: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) truncated: AtomicU64,
    pub(crate) mismatched: AtomicU64,
    pub(crate) trailing: AtomicU64,
    pub(crate) unanswered: AtomicU64,
    pub(crate) window: AtomicUsize,
    pub(crate) latency: Histogram,
}

/// All figures while they grow.
pub(crate) struct Counters {
    servers: Box<[(SocketAddr, ServerCounters)]>,
    pub(crate) breaks: AtomicU64,
    pub(crate) is_broken: AtomicBool,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn new(servers: &[SocketAddr]) -> Self {
        let server = |address: &SocketAddr| (*address, ServerCounters::default());
        Self {
            servers: servers.iter().map(server).collect(),
            breaks: AtomicU64::new(0),
            is_broken: AtomicBool::new(false),
        }
    }

    /// The figures of the server at this place of the settings.
    pub(crate) fn server(&self, position: usize) -> Option<&ServerCounters> {
        self.servers.get(position).map(|(_, counters)| counters)
    }

    /// Adds one to the figure that `choose` names, of the server at this place.
    pub(crate) fn count(&self, position: usize, choose: impl Fn(&ServerCounters) -> &AtomicU64) {
        if let Some(counters) = self.server(position) {
            count(choose(counters));
        }
    }

    /// The window of this server is so wide now.
    pub(crate) fn tell_window(&self, position: usize, window: usize) {
        if let Some(counters) = self.server(position) {
            counters.window.store(window, Ordering::Relaxed);
        }
    }

    /// The figures now.
    pub(crate) fn statistics(&self) -> Statistics {
        let read = |(address, counters): &(SocketAddr, ServerCounters)| {
            let figures = counters.statistics(counters.latency.latency());
            (*address, figures)
        };
        let servers: Vec<_> = self.servers.iter().map(read).collect();
        let mut total = servers
            .iter()
            .fold(ServerStatistics::default(), |sum, (_, figures)| {
                sum.plus(figures)
            });
        let histograms = self.servers.iter().map(|(_, counters)| &counters.latency);
        total.latency = Histogram::sum(histograms).latency();
        Statistics {
            total,
            servers,
            breaks: self.breaks.load(Ordering::Relaxed),
        }
    }
}

impl ServerCounters {
    fn statistics(&self, latency: Latency) -> ServerStatistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ServerStatistics {
            sent: read(&self.sent),
            retried: read(&self.retried),
            sent_over_tcp: read(&self.sent_over_tcp),
            received: read(&self.received),
            truncated: read(&self.truncated),
            mismatched: read(&self.mismatched),
            trailing: read(&self.trailing),
            unanswered: read(&self.unanswered),
            window: self.window.load(Ordering::Relaxed),
            latency,
        }
    }
}

impl ServerStatistics {
    /// The sum of two servers; latencies cannot be added.
    const fn plus(self, other: &Self) -> Self {
        Self {
            sent: self.sent.saturating_add(other.sent),
            retried: self.retried.saturating_add(other.retried),
            sent_over_tcp: self.sent_over_tcp.saturating_add(other.sent_over_tcp),
            received: self.received.saturating_add(other.received),
            truncated: self.truncated.saturating_add(other.truncated),
            mismatched: self.mismatched.saturating_add(other.mismatched),
            trailing: self.trailing.saturating_add(other.trailing),
            unanswered: self.unanswered.saturating_add(other.unanswered),
            window: self.window.saturating_add(other.window),
            latency: self.latency,
        }
    }
}

//! One question on its way: which server it is at, what was sent, when something is due.
//!
//! Only state; the rules are in `engine`, `transmission` and `reception`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use mailauth_core::dns::{Answer, Deliver, Outcome, Question};

use crate::settings::Timing;
use crate::sockets::SocketKey;

/// Names a flight for as long as the resolver lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FlightKey(u64);

impl FlightKey {
    /// The key after this one.
    pub(crate) const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// Whoever asked: answered exactly once, whatever happens to the thread, the resolver or the program's state.
pub(crate) struct Asker {
    question: Question,
    deliver: Option<Deliver>,
}

impl Asker {
    pub(crate) const fn new(question: Question, deliver: Deliver) -> Self {
        Self {
            question,
            deliver: Some(deliver),
        }
    }

    pub(crate) const fn question(&self) -> &Question {
        &self.question
    }

    pub(crate) fn answer(mut self, answer: Answer) {
        self.call(answer);
    }

    /// A panic over there stays there: the other questions of this thread have nothing to do with it.
    fn call(&mut self, answer: Answer) {
        if let Some(deliver) = self.deliver.take() {
            let _ = catch_unwind(AssertUnwindSafe(|| deliver(&self.question, answer)));
        }
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.call(Answer::empty(Outcome::Timeout));
    }
}

/// How the question travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// By datagrams.
    Udp,
    /// By a connection; a lost one is made once more.
    Tcp {
        /// The connection was lost before.
        is_second: bool,
    },
}

/// A datagram that may still be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) server: usize,
    pub(crate) socket: SocketKey,
    pub(crate) id: u16,
    pub(crate) at: Instant,
}

/// A question on its way.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) question: Question,
    /// Sent only to see whether a server is up again; nobody waits for it.
    pub(crate) is_probe: bool,
    /// When it is given up.
    pub(crate) deadline: Instant,
    /// The server it is at, by its place in the settings.
    pub(crate) server: usize,
    /// Since when it is there.
    pub(crate) turn_began_at: Instant,
    /// Datagrams sent on schedule in this turn.
    pub(crate) attempts: usize,
    /// The server's silence in this turn went into its record.
    pub(crate) is_silence_counted: bool,
    pub(crate) transport: Transport,
    /// This server rejected EDNS.
    pub(crate) is_edns_rejected: bool,
    /// Messages that nearly fitted.
    pub(crate) mismatches: u32,
    pub(crate) sent: Vec<Sent>,
    /// The first error that a server gave.
    pub(crate) fault: Option<Answer>,
    /// When something has to be done.
    pub(crate) due: Instant,
}

impl Flight {
    pub(crate) fn new(question: Question, server: usize, now: Instant, deadline: Instant) -> Self {
        Self {
            question,
            is_probe: false,
            deadline,
            server,
            turn_began_at: now,
            attempts: 0,
            is_silence_counted: false,
            transport: Transport::Udp,
            is_edns_rejected: false,
            mismatches: 0,
            sent: Vec::new(),
            fault: None,
            due: now,
        }
    }

    /// Begins a turn at another server.
    pub(crate) const fn turn_to(&mut self, server: usize, now: Instant) {
        self.server = server;
        self.turn_began_at = now;
        self.attempts = 0;
        self.is_silence_counted = false;
        self.transport = Transport::Udp;
        self.is_edns_rejected = false;
        self.mismatches = 0;
    }

    /// When the next datagram or the end of this turn is due, after `attempts` datagrams.
    pub(crate) fn next_due(&self, timing: &Timing) -> Instant {
        let after = |wait: Duration| self.turn_began_at.checked_add(wait);
        let retry = timing.retries.get(self.attempts.saturating_sub(1));
        let wait = match (self.transport, self.is_probe) {
            (Transport::Udp, false) => retry.copied().unwrap_or(timing.server_patience),
            _ => return self.deadline,
        };
        after(wait).unwrap_or(self.deadline).min(self.deadline)
    }

    /// Lets the schedule of this turn be over.
    pub(crate) const fn end_turn(&mut self) {
        self.attempts = usize::MAX;
    }

    /// True when the schedule of this turn has another datagram.
    pub(crate) fn has_retry(&self, timing: &Timing) -> bool {
        self.transport == Transport::Udp && !self.is_probe && self.attempts <= timing.retries.len()
    }
}

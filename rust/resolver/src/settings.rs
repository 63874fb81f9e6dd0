//! Whom to ask and how patiently: every number of the live resolver, with its reason.
//!
//! Knows no socket and reads no file (that is `system`).

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};

use crate::pacing::Pacing;

/// UDP sockets for a server on loopback, where only a local user could forge, and large batches save system calls.
const LOOPBACK_SOCKETS: usize = 4;
/// UDP sockets for any other server: with 12 letters of 0x20 a blind forger has 7 in 100 million a window.
const REMOTE_SOCKETS: usize = 256;
/// Part of the process's file descriptors that the sockets may take: the usual 1,024 make 256 for one server.
const DESCRIPTOR_FRACTION: u64 = 4;
/// Questions by one port before it is replaced, so that a port that was found out serves few of them.
const QUESTIONS_PER_SOCKET: u32 = 10_000;
/// Questions in flight at one server to begin with: it queues some thousands, and may throw out half of its queue.
const IN_FLIGHT_START: usize = 256;
/// Questions in flight at a server on loopback that answers them all.
const LOOPBACK_IN_FLIGHT_LIMIT: usize = 1024;
/// Questions in flight at any other server: others use it too.
const REMOTE_IN_FLIGHT_LIMIT: usize = 256;
/// Questions a second to a server that is not on loopback: public resolvers allow some 1,500 an address.
const REMOTE_RATE: u32 = 1000;
/// Questions in a row without any reply after which a server counts as down.
const BREAKER_THRESHOLD: u32 = 20;

/// How long the resolver waits for what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Timing {
    /// When a question is sent again to the same server, counted from its first datagram. Recursive servers may drop
    /// a reply after 1.9 s while their work goes on, so the second datagram finds the answer ready.
    pub retries: Vec<Duration>,
    /// When the next server is asked, counted from the first datagram to this one.
    pub server_patience: Duration,
    /// When a question is given up, counted from its first datagram to the first server.
    pub question_deadline: Duration,
    /// Longest wait for a connection, and then for each whole message on it.
    pub tcp_patience: Duration,
    /// When an idle connection is closed (RFC 7766 §6.2.3 asks for it and has no figure).
    pub tcp_idle: Duration,
    /// Pause between two questions to a server that is down.
    pub probe_interval: Duration,
    /// Age at which a port is replaced; servers on loopback are exempt.
    pub socket_lifetime: Duration,
    /// How long a server's peculiarities (no EDNS, changed letter case) are remembered.
    pub peculiarity_memory: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            retries: vec![Duration::from_secs(2), Duration::from_secs(5)],
            server_patience: Duration::from_secs(7),
            question_deadline: Duration::from_secs(10),
            tcp_patience: Duration::from_secs(5),
            tcp_idle: Duration::from_secs(10),
            probe_interval: Duration::from_secs(1),
            socket_lifetime: Duration::from_secs(30),
            peculiarity_memory: Duration::from_secs(15 * 60),
        }
    }
}

impl Timing {
    /// Everything so many times as fast: for tests that wait for time-outs.
    #[must_use]
    pub fn hastened(&self, factor: u32) -> Self {
        let faster = |wait: Duration| wait.checked_div(factor).unwrap_or(wait);
        Self {
            retries: self.retries.iter().copied().map(faster).collect(),
            server_patience: faster(self.server_patience),
            question_deadline: faster(self.question_deadline),
            tcp_patience: faster(self.tcp_patience),
            tcp_idle: faster(self.tcp_idle),
            probe_interval: faster(self.probe_interval),
            socket_lifetime: faster(self.socket_lifetime),
            peculiarity_memory: faster(self.peculiarity_memory),
        }
    }
}

/// What a [`LiveResolver`](crate::LiveResolver) is made of.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Recursive servers in the order of preference.
    pub servers: Vec<SocketAddr>,
    /// How long to wait.
    pub timing: Timing,
    /// Questions in flight at a server to begin with; the rest queue. Each reply allows one more, a loss halves it.
    pub in_flight_start: usize,
    /// Questions in flight at a server at most; `None` = 1,024 on loopback, 256 elsewhere.
    pub in_flight_limit: Option<usize>,
    /// Questions a second to a server, retransmissions included; 0 = any number, `None` = any on loopback, 1,000
    /// elsewhere.
    pub rate_limit: Option<u32>,
    /// UDP sockets, each with its own random port, for each server; `None` = 4 on loopback, 256 elsewhere.
    pub sockets_per_server: Option<usize>,
    /// Ports that are never bound, for other programs of the host need them (RFC 5452 §9.2).
    pub avoided_ports: BTreeSet<u16>,
    /// Questions after which a port is replaced.
    pub questions_per_socket: u32,
    /// Unanswered questions in a row after which a server counts as down.
    pub breaker_threshold: u32,
    /// Ask servers on loopback whether they validated the answer by DNSSEC.
    pub wants_authenticated_data: bool,
}

impl Settings {
    /// The defaults for these servers.
    pub fn new(servers: Vec<SocketAddr>) -> Self {
        Self {
            servers,
            timing: Timing::default(),
            in_flight_start: IN_FLIGHT_START,
            in_flight_limit: None,
            rate_limit: None,
            sockets_per_server: None,
            avoided_ports: BTreeSet::new(),
            questions_per_socket: QUESTIONS_PER_SOCKET,
            breaker_threshold: BREAKER_THRESHOLD,
            wants_authenticated_data: false,
        }
    }

    /// How many sockets are used for this server.
    pub(crate) fn socket_count(&self, server: SocketAddr) -> usize {
        self.sockets_per_server
            .unwrap_or(if server.ip().is_loopback() {
                LOOPBACK_SOCKETS
            } else {
                REMOTE_SOCKETS.min(self.descriptor_share())
            })
            .max(1)
    }

    /// How many descriptors each server may take, when all together are to leave most of them to others.
    fn descriptor_share(&self) -> usize {
        let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or_default();
        let servers = u64::try_from(self.servers.len().max(1)).unwrap_or(u64::MAX);
        let share = soft.checked_div(servers.saturating_mul(DESCRIPTOR_FRACTION));
        usize::try_from(share.unwrap_or_default()).unwrap_or(usize::MAX)
    }

    /// How much this server is given at a time.
    pub(crate) fn pacing(&self, server: SocketAddr) -> Pacing {
        let (limit, rate) = if server.ip().is_loopback() {
            (LOOPBACK_IN_FLIGHT_LIMIT, 0)
        } else {
            (REMOTE_IN_FLIGHT_LIMIT, REMOTE_RATE)
        };
        let limit = self.in_flight_limit.unwrap_or(limit);
        let start = self.in_flight_start.min(limit);
        Pacing::new(start, limit, self.rate_limit.unwrap_or(rate))
    }
}

/// Why there is nobody to ask.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// No server is named at all.
    #[error(
        "no nameserver is configured: add a `nameserver ADDRESS` line to /etc/resolv.conf or name a server yourself"
    )]
    NoNameserver,
    /// The system's configuration cannot be read.
    #[error("{}: {source}; name a nameserver yourself", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A text that is no server address.
    #[error(
        "{text:?} is no nameserver; write ADDRESS, ADDRESS:PORT or [IPV6-ADDRESS]:PORT with a numeric address"
    )]
    BadServer {
        /// The text as given.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Settings, Timing};

    #[test]
    fn hastened_timers_keep_their_order() {
        let timing = Timing::default().hastened(100);
        let milliseconds: Vec<u128> = timing.retries.iter().map(Duration::as_millis).collect();
        assert_eq!(milliseconds, [20, 50]);
        assert_eq!(timing.server_patience.as_millis(), 70);
        assert_eq!(timing.question_deadline.as_millis(), 100);
        assert_eq!(
            Timing::default().hastened(0).retries,
            Timing::default().retries
        );
    }

    #[test]
    fn all_servers_together_take_a_quarter_of_the_descriptors() {
        let one = Settings::new(Vec::new()).descriptor_share();
        let servers = vec!["192.0.2.1:53".parse().unwrap(); 4];
        let share = Settings::new(servers).descriptor_share();
        assert!(share > 0 && share.abs_diff(one / 4) <= 1, "{share} {one}");
    }

    #[test]
    fn servers_off_loopback_get_many_sockets_few_questions_and_a_rate() {
        let settings = Settings::new(Vec::new());
        for (address, sockets, is_limited) in [
            ("127.0.0.1:53", 4, false),
            ("[::1]:53", 4, false),
            (
                "192.0.2.1:53",
                settings.descriptor_share().clamp(1, 256),
                true,
            ),
        ] {
            let address = address.parse().unwrap();
            let mut pacing = settings.pacing(address);
            assert_eq!(settings.socket_count(address), sockets);
            pacing.note_sent(std::time::Instant::now());
            assert_eq!(pacing.allows_from().is_some(), is_limited);
            for _ in 0..2000 {
                pacing.note_success();
            }
            assert_eq!(pacing.window(), if is_limited { 256 } else { 1024 });
        }
    }
}

//! Whom to ask and how patiently: every number of the live resolver, with its reason.
//!
//! Knows no socket and reads no file (that is `system`).

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// UDP sockets a server: 16 random ports leave a blind forger 0.5 % a window without 0x20, 256 are for later.
const SOCKETS_PER_SERVER: usize = 16;
/// Questions by one port before it is replaced, so that a port that was found out serves few of them.
const QUESTIONS_PER_SOCKET: u32 = 10_000;
/// Questions in flight: a recursive server queues some thousands, and half of what it queues may be thrown out.
const IN_FLIGHT_LIMIT: usize = 256;
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

/// What a [`LiveResolver`](crate::LiveResolver) is made of.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Recursive servers in the order of preference.
    pub servers: Vec<SocketAddr>,
    /// How long to wait.
    pub timing: Timing,
    /// Questions in flight at a time; the rest queue.
    pub in_flight_limit: usize,
    /// UDP sockets, each with its own random port, for each server.
    pub sockets_per_server: usize,
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
            in_flight_limit: IN_FLIGHT_LIMIT,
            sockets_per_server: SOCKETS_PER_SERVER,
            questions_per_socket: QUESTIONS_PER_SOCKET,
            breaker_threshold: BREAKER_THRESHOLD,
            wants_authenticated_data: false,
        }
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

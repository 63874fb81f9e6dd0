//! One server as experience shows it: its sockets, its peculiarities, and whether it is down.
//!
//! Must not know questions. RFC 2308 §7.2 (dead servers), RFC 5452 §9.3 (signs of forgery).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::pacing::Pacing;
use crate::query::Manner;
use crate::settings::Settings;
use crate::sockets::{Rotation, Sockets};

const DNS_PORT: u16 = 53;
/// Replies in a row, right but for their letter case, after which the server is taken to change it. A forger would
/// have to guess port and id as often without one true reply between.
const CHANGED_CASE_EVIDENCE: u32 = 8;

/// A server and what is known of it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Its name in answers: `live:ADDRESS`.
    pub(crate) source: Arc<str>,
    pub(crate) sockets: Sockets,
    pub(crate) connection: Option<Connection>,
    pub(crate) pacing: Pacing,
    wants_authenticated_data: bool,
    no_edns_until: Option<Instant>,
    no_mixed_case_until: Option<Instant>,
    changed_case: u32,
    /// Questions in a row without any reply.
    silence: u32,
    last_reply_at: Option<Instant>,
    /// `Some` while the server is down: when it may be probed again.
    next_probe_at: Option<Instant>,
}

impl Server {
    pub(crate) fn new(address: SocketAddr, settings: &Settings) -> Self {
        let is_loopback = address.ip().is_loopback();
        let rotation = Rotation {
            width: settings.socket_count(address),
            questions: settings.questions_per_socket,
            lifetime: (!is_loopback).then_some(settings.timing.socket_lifetime),
        };
        Self {
            address,
            source: source(address),
            sockets: Sockets::new(address, rotation, settings.avoided_ports.clone()),
            connection: None,
            pacing: settings.pacing(address),
            // RFC 6840 §5.8: AD is worth something only if the way to the server is safe.
            wants_authenticated_data: is_loopback && settings.wants_authenticated_data,
            no_edns_until: None,
            no_mixed_case_until: None,
            changed_case: 0,
            silence: 0,
            last_reply_at: None,
            next_probe_at: None,
        }
    }

    /// How to put a question by UDP.
    pub(crate) fn manner(&self, now: Instant) -> Manner {
        let is_over = |until: Option<Instant>| until.is_none_or(|until| now >= until);
        Manner {
            has_edns: is_over(self.no_edns_until),
            mixes_case: is_over(self.no_mixed_case_until),
            wants_authenticated_data: self.wants_authenticated_data,
        }
    }

    /// The server answered a question that it refused with EDNS.
    pub(crate) fn remember_no_edns(&mut self, now: Instant, memory: Duration) {
        self.no_edns_until = now.checked_add(memory);
    }

    /// The case of a name came back as sent.
    pub(crate) const fn note_kept_case(&mut self) {
        self.changed_case = 0;
    }

    /// Everything of a reply was right but the case.
    pub(crate) fn note_changed_case(&mut self, now: Instant, memory: Duration) {
        self.changed_case = self.changed_case.saturating_add(1);
        if self.changed_case >= CHANGED_CASE_EVIDENCE {
            self.no_mixed_case_until = now.checked_add(memory);
        }
    }

    /// Any matching reply, an error too, shows that the server is up.
    pub(crate) const fn note_reply(&mut self, now: Instant) {
        self.silence = 0;
        self.last_reply_at = Some(now);
        self.next_probe_at = None;
    }

    /// A question was sent at `since` and never answered. True when that was one too many and the server is down now.
    ///
    /// Questions beside which others were answered do not count: then a zone is dead, not the server.
    pub(crate) fn note_silence(
        &mut self,
        since: Instant,
        now: Instant,
        settings: &Settings,
    ) -> bool {
        if self
            .last_reply_at
            .is_some_and(|replied_at| replied_at >= since)
        {
            return false;
        }
        self.silence = self.silence.saturating_add(1);
        if self.is_down() || self.silence < settings.breaker_threshold {
            return false;
        }
        self.next_probe_at = now.checked_add(settings.timing.probe_interval);
        self.is_down()
    }

    /// True while nothing but probes is sent.
    pub(crate) const fn is_down(&self) -> bool {
        self.next_probe_at.is_some()
    }

    /// True when one question may be sent although the server is down; then none for another interval.
    pub(crate) fn takes_probe(&mut self, now: Instant, interval: Duration) -> bool {
        let is_due = self.next_probe_at.is_some_and(|due| now >= due);
        if is_due {
            self.next_probe_at = now.checked_add(interval);
        }
        is_due
    }
}

/// `live:` and the address, with its port unless that is the usual one.
fn source(address: SocketAddr) -> Arc<str> {
    if address.port() == DNS_PORT {
        format!("live:{}", address.ip()).into()
    } else {
        format!("live:{address}").into()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{CHANGED_CASE_EVIDENCE, Server};
    use crate::settings::Settings;

    fn server(address: &str) -> (Server, Settings) {
        let settings = Settings::new(vec![address.parse().unwrap()]);
        (Server::new(settings.servers[0], &settings), settings)
    }

    #[test]
    fn sources_name_the_port_where_it_is_unusual() {
        for (address, expected) in [
            ("192.0.2.1:53", "live:192.0.2.1"),
            ("127.0.0.1:5301", "live:127.0.0.1:5301"),
            ("[2001:db8::1]:53", "live:2001:db8::1"),
            ("[::1]:5301", "live:[::1]:5301"),
        ] {
            assert_eq!(&*server(address).0.source, expected);
        }
    }

    #[test]
    fn rfc2308_7_2_a_server_is_down_after_20_silent_questions_not_after_19() {
        let (mut server, settings) = server("192.0.2.1:53");
        let start = Instant::now();
        let later = start + Duration::from_secs(10);
        for _ in 0..19 {
            assert!(!server.note_silence(start, later, &settings));
        }
        assert!(!server.is_down());
        assert!(server.note_silence(start, later, &settings));
        assert!(server.is_down());
        assert!(
            !server.note_silence(start, later, &settings),
            "reported once"
        );
        server.note_reply(later);
        assert!(!server.is_down());
    }

    #[test]
    fn a_dead_zone_is_not_a_dead_server() {
        let (mut server, settings) = server("192.0.2.1:53");
        let start = Instant::now();
        server.note_reply(start + Duration::from_secs(1));
        for _ in 0..100 {
            assert!(!server.note_silence(start, start + Duration::from_secs(10), &settings));
        }
    }

    #[test]
    fn a_server_that_is_down_takes_one_probe_an_interval() {
        let (mut server, settings) = server("192.0.2.1:53");
        let start = Instant::now();
        let second = settings.timing.probe_interval;
        assert!(!server.takes_probe(start, second), "it is up");
        for _ in 0..settings.breaker_threshold {
            server.note_silence(start, start, &settings);
        }
        assert!(!server.takes_probe(start, second));
        assert!(server.takes_probe(start + second, second));
        assert!(!server.takes_probe(start + second, second));
        assert!(server.takes_probe(start + second * 2, second));
    }

    #[test]
    fn changed_case_is_believed_only_without_a_true_reply_between() {
        let (mut server, settings) = server("192.0.2.1:53");
        let (now, memory) = (Instant::now(), settings.timing.peculiarity_memory);
        for _ in 1..CHANGED_CASE_EVIDENCE {
            server.note_changed_case(now, memory);
        }
        server.note_kept_case();
        for _ in 1..CHANGED_CASE_EVIDENCE {
            server.note_changed_case(now, memory);
            assert!(server.manner(now).mixes_case);
        }
        server.note_changed_case(now, memory);
        assert!(!server.manner(now).mixes_case);
        assert!(server.manner(now + memory).mixes_case);
    }

    #[test]
    fn ad_is_asked_for_on_loopback_alone() {
        for (address, expected) in [("127.0.0.1:53", true), ("192.0.2.1:53", false)] {
            let mut settings = Settings::new(vec![address.parse().unwrap()]);
            settings.wants_authenticated_data = true;
            let server = Server::new(settings.servers[0], &settings);
            assert_eq!(
                server.manner(Instant::now()).wants_authenticated_data,
                expected
            );
        }
    }
}

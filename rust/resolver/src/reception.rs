//! What comes back: matched before it is believed, then read, then acted on.
//!
//! RFC 5452 §9.1 and §9.3: what does not match is dropped and counted, and the question waits on; after a few such
//! messages it is asked over TCP.

use std::sync::Arc;
use std::time::Instant;

use mailauth_core::dns::{Answer, Outcome};

use crate::answer::{self, Reading, Respondent};
use crate::engine::Engine;
use crate::flight::{FlightKey, Transport};
use crate::reply::{self, Fit};
use crate::sockets::SocketKey;

/// Messages that nearly fitted one question before it is asked over TCP (RFC 5452 §9.3 leaves the number open).
const MISMATCH_LIMIT: u32 = 3;
/// TC of the third header octet.
const TRUNCATION_FLAG: u8 = 0x02;

impl Engine {
    /// Takes a datagram that a server sent to this socket.
    pub(crate) fn receive_datagram(
        &mut self,
        now: Instant,
        position: usize,
        socket: SocketKey,
        octets: &[u8],
    ) {
        let Some(server) = self.servers.get_mut(position) else {
            return;
        };
        let known = reply::id(octets).and_then(|id| server.sockets.pending(socket, id));
        let Some(pending) = known else {
            let flight = server.sockets.guessed(socket, octets);
            self.note_mismatch(now, position, flight);
            return;
        };
        let (key, sent_at) = (pending.flight, pending.sent_at);
        match reply::fit(octets, &pending.question) {
            Fit::Whole => {
                server.note_kept_case();
                server.pacing.note_success();
                self.note_latency(now, position, sent_at);
                self.receive_reply(now, position, key, octets);
            }
            Fit::Bare => self.receive_bare_error(now, position, key, octets),
            Fit::OtherCase => {
                server.note_changed_case(now, self.settings.timing.peculiarity_memory);
                self.note_mismatch(now, position, Some(key));
            }
            Fit::Foreign => self.note_mismatch(now, position, Some(key)),
        }
    }

    /// The network says that a datagram of this socket did not arrive.
    pub(crate) fn receive_refusal(&mut self, now: Instant, position: usize, socket: SocketKey) {
        let Some(server) = self.servers.get(position) else {
            return;
        };
        let pending = server.sockets.all_pending(socket);
        let flights: Vec<FlightKey> = pending.map(|pending| pending.flight).collect();
        for key in flights {
            let flight = self.flights.get(&key);
            if flight.is_some_and(|flight| flight.server == position) {
                self.give_up_turn(now, key);
            }
        }
    }

    /// Takes what has arrived on a server's connection.
    pub(crate) fn read_connection(&mut self, now: Instant, position: usize) {
        let server = self.servers.get_mut(position);
        let Some(connection) = server.and_then(|server| server.connection.as_mut()) else {
            return;
        };
        let end = connection.read();
        while let Some(message) = self.next_message(now, position) {
            self.receive_message(now, position, &message);
        }
        if end.is_err() {
            self.drop_connection(now, position);
        }
    }

    fn next_message(&mut self, now: Instant, position: usize) -> Option<Vec<u8>> {
        let server = self.servers.get_mut(position)?;
        server.connection.as_mut()?.next_message(now)
    }

    fn receive_message(&mut self, now: Instant, position: usize, octets: &[u8]) {
        let server = self.servers.get_mut(position);
        let connection = server.and_then(|server| server.connection.as_mut());
        let (Some(connection), Some(id)) = (connection, reply::id(octets)) else {
            return self.note_mismatch(now, position, None);
        };
        let Some(pending) = connection.pending(id) else {
            connection.settle(id);
            return self.note_mismatch(now, position, None);
        };
        // RFC 7766 §7: matched by connection, id and question. Case is no secret here.
        let (key, sent_at) = (pending.flight, pending.sent_at);
        match reply::fit(octets, &pending.question) {
            Fit::Whole | Fit::OtherCase => {
                connection.settle(id);
                self.note_latency(now, position, sent_at);
                self.receive_reply(now, position, key, octets);
            }
            Fit::Bare => {
                connection.settle(id);
                self.receive_bare_error(now, position, key, octets);
            }
            Fit::Foreign => self.note_mismatch(now, position, Some(key)),
        }
    }

    /// A reply came to what left at `sent_at`.
    fn note_latency(&self, now: Instant, position: usize, sent_at: Instant) {
        if let Some(counters) = self.counters.server(position) {
            counters.latency.add(now.saturating_duration_since(sent_at));
        }
    }

    /// Something nearly fitted a question, or (`None`) nothing at all: it is dropped, and the question waits on.
    fn note_mismatch(&mut self, now: Instant, position: usize, key: Option<FlightKey>) {
        self.counters.count(position, |server| &server.mismatched);
        let Some((key, flight)) = key.and_then(|key| Some((key, self.flights.get_mut(&key)?)))
        else {
            return;
        };
        flight.mismatches = flight.mismatches.saturating_add(1);
        let is_suspicious = flight.mismatches >= MISMATCH_LIMIT && !flight.is_probe;
        if is_suspicious && flight.transport == Transport::Udp {
            self.switch_to_tcp(now, key, None);
        }
    }

    fn receive_reply(&mut self, now: Instant, position: usize, key: FlightKey, octets: &[u8]) {
        let Some((flight, server)) = self.flights.get(&key).zip(self.servers.get(position)) else {
            return;
        };
        let is_over_tcp = flight.transport != Transport::Udp;
        if octets
            .get(2)
            .is_some_and(|flags| flags & TRUNCATION_FLAG != 0)
        {
            return self.receive_truncated(now, position, key, is_over_tcp);
        }
        let respondent = Respondent {
            source: &server.source,
            is_loopback: server.address.ip().is_loopback(),
            wants_authenticated_data: server.manner(now).wants_authenticated_data,
        };
        match answer::read(octets, &flight.question, respondent) {
            Ok(reading) => self.accept_reading(now, position, key, reading),
            // A connection brings each reply once; of datagrams a better one may follow.
            Err(_) if is_over_tcp => {
                self.counters.count(position, |server| &server.mismatched);
                self.fail(now, position, key, Outcome::ServFail);
            }
            Err(_) => self.note_mismatch(now, position, Some(key)),
        }
    }

    /// TC=1: nothing in the message is used, for the cut may go through a record set.
    fn receive_truncated(
        &mut self,
        now: Instant,
        position: usize,
        key: FlightKey,
        is_over_tcp: bool,
    ) {
        self.counters.count(position, |server| &server.truncated);
        self.note_reply(now, position);
        if is_over_tcp || self.flights.get(&key).is_some_and(|flight| flight.is_probe) {
            return self.fail(now, position, key, Outcome::Truncated);
        }
        if self
            .flights
            .get(&key)
            .is_some_and(|flight| flight.server != position)
        {
            self.turn_to(now, key, position);
        }
        let fault = self.fault(position, Outcome::Truncated);
        self.switch_to_tcp(now, key, Some(fault));
    }

    fn accept_reading(&mut self, now: Instant, position: usize, key: FlightKey, reading: Reading) {
        self.note_reply(now, position);
        if reading.is_trailing {
            self.counters.count(position, |server| &server.trailing);
        }
        if reading.rejects_form && self.may_drop_edns(now, position, key) {
            return self.transmit_without_edns(now, key);
        }
        self.remember_edns(now, position, key, reading.rejects_form);
        match reading.answer.outcome {
            // Perhaps the next server knows better.
            Outcome::ServFail
            | Outcome::Refused
            | Outcome::FormErr
            | Outcome::NotImp
            | Outcome::Lame => self.fail_with(now, position, key, reading.answer),
            _ => self.finish(key, Some(reading.answer)),
        }
    }

    /// An error without question section: never more than a reason to ask without EDNS.
    fn receive_bare_error(&mut self, now: Instant, position: usize, key: FlightKey, octets: &[u8]) {
        self.note_reply(now, position);
        if self.may_drop_edns(now, position, key) {
            return self.transmit_without_edns(now, key);
        }
        self.fail(now, position, key, answer::bare_outcome(octets));
    }

    /// True when the question had EDNS, and this server may be asked without.
    fn may_drop_edns(&self, now: Instant, position: usize, key: FlightKey) -> bool {
        let (flight, server) = (self.flights.get(&key), self.servers.get(position));
        flight.is_some_and(|flight| {
            flight.server == position && !flight.is_edns_rejected && !flight.is_probe
        }) && server.is_some_and(|server| server.manner(now).has_edns)
    }

    /// Keeps in mind that this server answers without EDNS what it rejected with it.
    fn remember_edns(&mut self, now: Instant, position: usize, key: FlightKey, rejects_form: bool) {
        let flight = self.flights.get(&key);
        let was_rejected =
            flight.is_some_and(|flight| flight.is_edns_rejected && flight.server == position);
        if let Some(server) = self.servers.get_mut(position)
            && was_rejected
            && !rejects_form
        {
            server.remember_no_edns(now, self.settings.timing.peculiarity_memory);
        }
    }

    fn fault(&self, position: usize, outcome: Outcome) -> Answer {
        let server = self.servers.get(position);
        Answer {
            source: server
                .map(|server| Arc::clone(&server.source))
                .unwrap_or_default(),
            ..Answer::empty(outcome)
        }
    }

    fn fail(&mut self, now: Instant, position: usize, key: FlightKey, outcome: Outcome) {
        let fault = self.fault(position, outcome);
        self.fail_with(now, position, key, fault);
    }

    /// A server's word is an error: the next one is asked, unless that has long been done.
    fn fail_with(&mut self, now: Instant, position: usize, key: FlightKey, fault: Answer) {
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        if flight.server == position {
            return self.move_on(now, key, Some(fault));
        }
        flight.fault.get_or_insert(fault);
    }
}

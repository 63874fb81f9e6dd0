//! How a question leaves: by datagram, or over the server's one connection.
//!
//! RFC 7766 §6.2 (one connection, pipelined, asked again once when lost), RFC 5452 §9.3 (TCP when forgery shows).

use std::io;
use std::time::Instant;

use mailauth_core::dns::{Answer, Outcome};

use crate::connection::Connection;
use crate::datagrams::Datagrams;
use crate::engine::Engine;
use crate::flight::{FlightKey, Sent, Transport};
use crate::query::{self, Manner};
use crate::sockets::Pending;

impl Engine {
    /// Sends the question to the server it is at.
    pub(crate) fn transmit(&mut self, now: Instant, key: FlightKey) {
        match self.flights.get(&key).map(|flight| flight.transport) {
            Some(Transport::Udp) => self.transmit_datagram(now, key),
            Some(Transport::Tcp { .. }) => self.transmit_over_tcp(now, key),
            None => {}
        }
    }

    fn transmit_datagram(&mut self, now: Instant, key: FlightKey) {
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        let Some(server) = self.servers.get_mut(flight.server) else {
            return;
        };
        let known = server.manner(now);
        let manner = Manner {
            has_edns: known.has_edns && !flight.is_edns_rejected,
            ..known
        };
        let compose = |id, dice: &mut _| query::compose(&flight.question, id, manner, dice);
        let left_by = server.sockets.send(now, key, &mut self.dice, compose);
        server.pacing.note_sent(now);
        let is_retry = flight.attempts > 0;
        if let Some(lost) = flight.sent.last().filter(|_| is_retry) {
            server.pacing.note_loss(lost.at, now);
            self.counters
                .tell_window(flight.server, server.pacing.window());
        }
        flight.attempts = flight.attempts.saturating_add(1);
        let due = flight.next_due(&self.settings.timing);
        let is_sent = left_by.is_ok();
        if let Ok((socket, id)) = left_by {
            let server = flight.server;
            flight.sent.push(Sent {
                server,
                socket,
                id,
                at: now,
            });
            self.counters.count(server, |server| &server.sent);
            if is_retry {
                self.counters.count(server, |server| &server.retried);
            }
        }
        self.set_due(key, due);
        if !is_sent {
            self.give_up_turn(now, key);
        }
    }

    /// Lets everything leave that was put on a socket since the last time.
    pub(crate) fn flush(&mut self, now: Instant, datagrams: &mut Datagrams) {
        for position in 0..self.servers.len() {
            let Some(server) = self.servers.get_mut(position) else {
                return;
            };
            for socket in server.sockets.flush(datagrams) {
                self.receive_refusal(now, position, socket);
            }
        }
    }

    /// The server did not like the form of the question: once more without EDNS, at once.
    pub(crate) fn transmit_without_edns(&mut self, now: Instant, key: FlightKey) {
        self.forget_sent(key);
        if let Some(flight) = self.flights.get_mut(&key) {
            flight.is_edns_rejected = true;
            // Not one of the scheduled datagrams.
            flight.attempts = flight.attempts.saturating_sub(1);
        }
        self.transmit(now, key);
    }

    /// Leaves datagrams behind and asks this server over TCP.
    ///
    /// `fault` is what it comes to if that fails too.
    pub(crate) fn switch_to_tcp(&mut self, now: Instant, key: FlightKey, fault: Option<Answer>) {
        self.forget_sent(key);
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        flight.fault = flight.fault.take().or(fault);
        flight.transport = Transport::Tcp { is_second: false };
        let due = flight.deadline;
        self.set_due(key, due);
        self.transmit(now, key);
    }

    fn transmit_over_tcp(&mut self, now: Instant, key: FlightKey) {
        if self.put_on_connection(now, key).is_err() {
            self.move_on(now, key, Some(Answer::empty(Outcome::Timeout)));
        }
    }

    /// Puts the question on the server's connection, which is opened if there is none, or lets it wait for room.
    fn put_on_connection(&mut self, now: Instant, key: FlightKey) -> io::Result<()> {
        let flight = self.flights.get(&key).ok_or(io::ErrorKind::NotFound)?;
        let server = self
            .servers
            .get_mut(flight.server)
            .ok_or(io::ErrorKind::NotFound)?;
        let known = server.manner(now);
        let connection = match &mut server.connection {
            Some(connection) => connection,
            none => none.insert(Connection::open(server.address, now)?),
        };
        if !connection.has_room() {
            connection.enqueue(key);
            return Ok(());
        }
        let id = connection.unused_id(&mut self.dice)?;
        let manner = Manner {
            has_edns: known.has_edns && !flight.is_edns_rejected,
            // Nobody forges over TCP, and servers that change the case do it here too.
            mixes_case: false,
            ..known
        };
        let query = query::compose(&flight.question, id, manner, &mut self.dice)?;
        let pending = Pending {
            flight: key,
            question: query.question,
            sent_at: now,
        };
        connection.push(now, id, pending, &query.octets);
        server.pacing.note_sent(now);
        self.counters
            .count(flight.server, |server| &server.sent_over_tcp);
        Ok(())
    }

    /// Puts waiting questions on connections that have room again.
    pub(crate) fn fill_connections(&mut self, now: Instant) {
        for position in 0..self.servers.len() {
            while let Some(key) = self.next_waiting(position) {
                self.transmit(now, key);
            }
        }
    }

    fn next_waiting(&mut self, position: usize) -> Option<FlightKey> {
        let server = self.servers.get_mut(position)?;
        server.connection.as_mut()?.next_waiting()
    }

    /// Writes what waits for the wire.
    pub(crate) fn write_connection(&mut self, now: Instant, position: usize) {
        let server = self.servers.get_mut(position);
        let connection = server.and_then(|server| server.connection.as_mut());
        if connection.is_some_and(|connection| connection.write().is_err()) {
            self.drop_connection(now, position);
        }
    }

    /// Closes connections that were idle or fruitless for too long.
    pub(crate) fn expire_connections(&mut self, now: Instant) {
        let (patience, idle) = (
            self.settings.timing.tcp_patience,
            self.settings.timing.tcp_idle,
        );
        for position in 0..self.servers.len() {
            let server = self.servers.get(position);
            let connection = server.and_then(|server| server.connection.as_ref());
            if connection.is_some_and(|open| open.expires_at(patience, idle) <= now) {
                self.drop_connection(now, position);
            }
        }
    }

    /// RFC 7766 §6.2.4: what was in flight on a lost connection is asked again, once.
    pub(crate) fn drop_connection(&mut self, now: Instant, position: usize) {
        let server = self.servers.get_mut(position);
        let Some(connection) = server.and_then(|server| server.connection.take()) else {
            return;
        };
        for key in connection.into_flights() {
            let Some(flight) = self.flights.get_mut(&key) else {
                continue;
            };
            if flight.transport == (Transport::Tcp { is_second: false }) {
                flight.transport = Transport::Tcp { is_second: true };
                self.transmit(now, key);
            } else {
                self.move_on(now, key, Some(Answer::empty(Outcome::Timeout)));
            }
        }
    }
}

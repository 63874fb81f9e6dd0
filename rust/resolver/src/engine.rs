//! The state of every question, and the rules by which it moves on: window, schedule, next server, breaker.
//!
//! Takes the time as an argument and never waits. RFC 5452 §5 (one question at a time), RFC 2308 §7 (failures).

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use mailauth_core::dns::{Answer, Outcome, Question};

use crate::counters::{Counters, count};
use crate::dice::Dice;
use crate::flight::{Asker, Flight, FlightKey, Transport};
use crate::server::Server;
use crate::settings::Settings;

/// Who waits for one question: nearly always one, who then costs no memory of his own.
struct Askers {
    first: Asker,
    more: Vec<Asker>,
}

/// Everything the resolver's thread knows.
pub(crate) struct Engine {
    pub(crate) settings: Settings,
    pub(crate) counters: Arc<Counters>,
    pub(crate) servers: Vec<Server>,
    pub(crate) flights: BTreeMap<FlightKey, Flight>,
    pub(crate) dice: Dice,
    /// Who waits for what, in flight or not. RFC 5452 §5: the same question twice in flight doubles a forger's chance.
    askers: HashMap<Question, Askers>,
    queue: VecDeque<Question>,
    timers: BTreeSet<(Instant, FlightKey)>,
    next_key: FlightKey,
}

impl Engine {
    pub(crate) fn new(settings: Settings, counters: Arc<Counters>) -> Self {
        let servers = settings.servers.iter();
        Self {
            servers: servers
                .map(|address| Server::new(*address, &settings))
                .collect(),
            settings,
            counters,
            flights: BTreeMap::new(),
            dice: Dice::new(),
            askers: HashMap::new(),
            queue: VecDeque::new(),
            timers: BTreeSet::new(),
            next_key: FlightKey::default(),
        }
    }

    /// Takes questions in; they leave with the next [`Engine::launch`].
    pub(crate) fn accept(&mut self, askers: Vec<Asker>) {
        self.askers.reserve(askers.len());
        for asker in askers {
            match self.askers.entry(asker.question().clone()) {
                Entry::Occupied(mut waiting) => waiting.get_mut().more.push(asker),
                Entry::Vacant(nobody) => {
                    self.queue.push_back(asker.question().clone());
                    nobody.insert(Askers {
                        first: asker,
                        more: Vec::new(),
                    });
                }
            }
        }
    }

    /// Sends queued questions as far as the server's window and rate allow.
    pub(crate) fn launch(&mut self, now: Instant) {
        while !self.queue.is_empty() {
            // A probe is a copy of some question, so what waits may be probed with while it waits.
            if self.servers.iter().any(Server::is_down)
                && let Some(question) = self.queue.front().cloned()
            {
                self.probe(now, &question);
            }
            let server = self.next_server(0);
            if server.is_some_and(|position| !self.allows(now, position)) {
                return;
            }
            let Some(question) = self.queue.pop_front() else {
                return;
            };
            match server {
                Some(server) => self.start(now, question, server, false),
                None => self.deliver(&question, Answer::empty(Outcome::Timeout)),
            }
        }
    }

    fn allows(&self, now: Instant, position: usize) -> bool {
        let server = self.servers.get(position);
        server.is_some_and(|server| server.pacing.allows(now))
    }

    /// When the rate lets the next question of the queue leave; `None` when it waits for something else.
    fn launch_due(&self) -> Option<Instant> {
        self.queue.front()?;
        let pacing = &self.servers.get(self.next_server(0)?)?.pacing;
        pacing.allows_from().filter(|_| pacing.has_room())
    }

    fn start(&mut self, now: Instant, question: Question, server: usize, is_probe: bool) {
        let deadline = now
            .checked_add(self.settings.timing.question_deadline)
            .unwrap_or(now);
        let key = self.next_key;
        self.next_key = key.next();
        let flight = Flight {
            is_probe,
            ..Flight::new(question, server, now, deadline)
        };
        self.timers.insert((flight.due, key));
        self.flights.insert(key, flight);
        if !is_probe && let Some(server) = self.servers.get_mut(server) {
            server.pacing.enter();
        }
        self.transmit(now, key);
    }

    /// Sends a copy of a question to each server that is down, once an interval.
    fn probe(&mut self, now: Instant, question: &Question) {
        let interval = self.settings.timing.probe_interval;
        for position in 0..self.servers.len() {
            let server = self.servers.get_mut(position);
            if server.is_some_and(|server| server.takes_probe(now, interval)) {
                self.start(now, question.clone(), position, true);
            }
        }
    }

    /// The first server from this place on that is not down.
    fn next_server(&self, from: usize) -> Option<usize> {
        let up = |(position, server): (usize, &Server)| (!server.is_down()).then_some(position);
        self.servers.iter().enumerate().skip(from).find_map(up)
    }

    /// When something is due next.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let timing = &self.settings.timing;
        let timer = self.timers.first().map(|(due, _)| *due);
        let connections = self.servers.iter().filter_map(|server| {
            let connection = server.connection.as_ref()?;
            Some(connection.expires_at(timing.tcp_patience, timing.tcp_idle))
        });
        connections.chain(timer).chain(self.launch_due()).min()
    }

    /// Does everything that is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.expire_connections(now);
        while let Some((due, key)) = self.timers.first().copied() {
            if due > now {
                break;
            }
            if self.flights.contains_key(&key) {
                self.flight_is_due(now, key);
            } else {
                self.timers.remove(&(due, key));
            }
        }
        self.fill_connections(now);
    }

    fn flight_is_due(&mut self, now: Instant, key: FlightKey) {
        let Some(flight) = self.flights.get(&key) else {
            return;
        };
        if now >= flight.deadline {
            self.note_silence(now, key);
            self.finish(key, None);
        } else if flight.has_retry(&self.settings.timing) && !self.is_down(flight.server) {
            self.transmit(now, key);
        } else {
            self.move_on(now, key, None);
        }
    }

    fn is_down(&self, position: usize) -> bool {
        self.servers.get(position).is_none_or(Server::is_down)
    }

    /// Sets the moment when this flight needs attention again.
    pub(crate) fn set_due(&mut self, key: FlightKey, due: Instant) {
        if let Some(flight) = self.flights.get_mut(&key) {
            self.timers.remove(&(flight.due, key));
            self.timers.insert((due, key));
            flight.due = due;
        }
    }

    /// This server is of no more use to the question: it gave an error (`fault`) or nothing at all.
    pub(crate) fn move_on(&mut self, now: Instant, key: FlightKey, fault: Option<Answer>) {
        let is_silent = fault.is_none();
        if is_silent {
            self.note_silence(now, key);
        } else {
            self.forget_sent(key);
        }
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        flight.fault = flight.fault.take().or(fault);
        let (position, deadline, is_probe) = (flight.server, flight.deadline, flight.is_probe);
        let next = self.next_server(position.saturating_add(1));
        match next.filter(|_| !is_probe) {
            Some(server) => {
                self.turn_to(now, key, server);
                self.transmit(now, key);
            }
            // A late reply still counts, of the servers asked before too.
            None if is_silent && !self.is_down(position) => self.set_due(key, deadline),
            None => self.finish(key, None),
        }
    }

    /// Begins this flight's turn at another server.
    pub(crate) fn turn_to(&mut self, now: Instant, key: FlightKey, position: usize) {
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        if let Some(left) = self.servers.get_mut(flight.server) {
            left.pacing.leave();
        }
        // Its window does not hold up what another server failed to answer in time.
        if let Some(server) = self.servers.get_mut(position) {
            server.pacing.enter();
        }
        flight.turn_to(position, now);
    }

    /// Ends the turn at this server at once, provided that another one can be asked.
    pub(crate) fn give_up_turn(&mut self, now: Instant, key: FlightKey) {
        let position = self.flights.get(&key).map(|flight| flight.server);
        let next = position.and_then(|position| self.next_server(position.saturating_add(1)));
        if let (Some(flight), Some(_)) = (self.flights.get_mut(&key), next) {
            flight.end_turn();
            self.set_due(key, now);
        }
    }

    /// Counts a server's silence towards this flight, and opens the breaker when it is one too many.
    fn note_silence(&mut self, now: Instant, key: FlightKey) {
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        let was_counted = std::mem::replace(&mut flight.is_silence_counted, true);
        if was_counted || flight.is_probe || flight.transport != Transport::Udp {
            return;
        }
        let (position, since) = (flight.server, flight.turn_began_at);
        self.counters.count(position, |server| &server.unanswered);
        let server = self.servers.get_mut(position);
        if server.is_some_and(|server| server.note_silence(since, now, &self.settings)) {
            self.break_off(now, position);
        }
    }

    /// A server went down: nothing waits for it any longer.
    fn break_off(&mut self, now: Instant, position: usize) {
        if self.next_server(0).is_none() {
            count(&self.counters.breaks);
            self.counters.is_broken.store(true, Ordering::Relaxed);
        }
        let is_stranded = |flight: &Flight| {
            flight.server == position && flight.transport == Transport::Udp && !flight.is_probe
        };
        let stranded: Vec<FlightKey> = self
            .flights
            .iter()
            .filter_map(|(key, flight)| is_stranded(flight).then_some(*key))
            .collect();
        for key in stranded {
            self.set_due(key, now);
        }
    }

    /// A matching reply came from this server.
    pub(crate) fn note_reply(&mut self, now: Instant, position: usize) {
        self.counters.count(position, |server| &server.received);
        if let Some(server) = self.servers.get_mut(position) {
            server.note_reply(now);
            self.counters.tell_window(position, server.pacing.window());
            self.counters.is_broken.store(false, Ordering::Relaxed);
        }
    }

    /// Takes no more replies to the datagrams of this flight.
    pub(crate) fn forget_sent(&mut self, key: FlightKey) {
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        for sent in flight.sent.drain(..) {
            if let Some(server) = self.servers.get_mut(sent.server) {
                server.sockets.forget(sent.socket, sent.id);
            }
        }
    }

    /// Ends a flight with this answer, or with the first fault it met, or with a time-out.
    pub(crate) fn finish(&mut self, key: FlightKey, answer: Option<Answer>) {
        self.forget_sent(key);
        let Some(flight) = self.flights.remove(&key) else {
            return;
        };
        self.timers.remove(&(flight.due, key));
        if flight.is_probe {
            return;
        }
        let server = self.servers.get_mut(flight.server);
        let source = server.map(|server| {
            server.pacing.leave();
            if let Some(connection) = &mut server.connection {
                connection.forget(key);
            }
            Arc::clone(&server.source)
        });
        let silence = || Answer {
            source: source.unwrap_or_default(),
            ..Answer::empty(Outcome::Timeout)
        };
        let answer = answer.or(flight.fault).unwrap_or_else(silence);
        self.deliver(&flight.question, answer);
    }

    fn deliver(&mut self, question: &Question, answer: Answer) {
        if let Some(askers) = self.askers.remove(question) {
            for asker in askers.more {
                asker.answer(answer.clone());
            }
            askers.first.answer(answer);
        }
    }
}

#[cfg(test)]
mod tests;

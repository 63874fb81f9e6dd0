//! The UDP sockets of one server: random ports, and for each socket its own table of what left by it.
//!
//! Sockets are connected, so that the kernel refuses datagrams of anyone else and reports an unreachable port.
//! Must not know what a question is. RFC 5452 §9.1 (match at the socket), §9.2 (ports).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};

use crate::datagrams::Datagrams;
use crate::dice::Dice;
use crate::flight::FlightKey;
use crate::query::Query;
use crate::reply;

/// Room for replies that arrive at once; with the system's default some in a thousand are lost.
const RECEIVE_BUFFER_SIZE: usize = 4 << 20;
/// Ports drawn before opening a socket fails: even with nine in ten taken or avoided one is found nearly always.
const PORT_ATTEMPTS: usize = 128;
/// Lowest port that anyone may bind (RFC 5452 §9.2: the range as large as possible).
const LOWEST_PORT: u16 = 1024;
/// Draws before an unused id is given up: with 256 of 65,536 in use one draw nearly always does.
const ID_ATTEMPTS: usize = 64;

/// Names a socket for as long as the resolver lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SocketKey(u64);

/// A question that left and may still be answered.
#[derive(Debug)]
pub(crate) struct Pending {
    /// Whose question it is.
    pub(crate) flight: FlightKey,
    /// The question section as sent.
    pub(crate) question: Box<[u8]>,
    /// When it left.
    pub(crate) sent_at: Instant,
}

struct Slot {
    socket: UdpSocket,
    opened_at: Instant,
    sent: u32,
    pending: BTreeMap<u16, Pending>,
    /// What has not left yet, with its id.
    outgoing: Vec<(u16, Vec<u8>)>,
}

impl Slot {
    /// Sends until nothing is left or the system takes no more for now.
    ///
    /// # Errors
    /// Some datagrams were refused; they are lost, the others have left.
    fn flush(&mut self, datagrams: &mut Datagrams) -> io::Result<()> {
        let (mut result, mut was_refused) = (Ok(()), false);
        while !self.outgoing.is_empty() {
            let octets = self.outgoing.iter().map(|(_, octets)| octets.as_slice());
            match datagrams.send(&self.socket, octets) {
                Ok(sent) => {
                    self.outgoing.drain(..sent.min(self.outgoing.len()));
                    was_refused = false;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // What an earlier datagram caused is reported by the next call: only a second error is about this one.
                Err(_) if !was_refused => was_refused = true,
                Err(error) => {
                    self.outgoing.remove(0);
                    result = Err(error);
                }
            }
        }
        result
    }
}

/// When a port is replaced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rotation {
    /// Sockets in use at a time.
    pub(crate) width: usize,
    /// Questions by one port.
    pub(crate) questions: u32,
    /// Age of a port; `None` = any.
    pub(crate) lifetime: Option<Duration>,
}

/// All sockets that are connected to one server.
pub(crate) struct Sockets {
    server: SocketAddr,
    rotation: Rotation,
    avoided_ports: BTreeSet<u16>,
    /// In use for new questions.
    active: Vec<SocketKey>,
    /// Those, and the replaced ones whose questions are still in flight.
    open: BTreeMap<SocketKey, Slot>,
    /// Those that hold something which has not left yet.
    unsent: Vec<SocketKey>,
    next_key: u64,
}

impl Sockets {
    pub(crate) const fn new(
        server: SocketAddr,
        rotation: Rotation,
        avoided_ports: BTreeSet<u16>,
    ) -> Self {
        Self {
            server,
            rotation,
            avoided_ports,
            active: Vec::new(),
            open: BTreeMap::new(),
            unsent: Vec::new(),
            next_key: 0,
        }
    }

    /// Puts a question on a socket and under an id that nobody can foresee; `compose` puts the id in. It leaves with
    /// the next [`Sockets::flush`].
    ///
    /// # Errors
    /// No socket could be opened: to the question that is a lost datagram.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        flight: FlightKey,
        dice: &mut Dice,
        compose: impl FnOnce(u16, &mut Dice) -> io::Result<Query>,
    ) -> io::Result<(SocketKey, u16)> {
        let key = self.choose(now, dice)?;
        let slot = self.open.get_mut(&key).ok_or(io::ErrorKind::NotFound)?;
        let id = unused_id(&slot.pending, dice)?;
        let query = compose(id, dice)?;
        if slot.outgoing.is_empty() {
            self.unsent.push(key);
        }
        slot.outgoing.push((id, query.octets));
        slot.sent = slot.sent.saturating_add(1);
        let question = query.question;
        let pending = Pending {
            flight,
            question,
            sent_at: now,
        };
        slot.pending.insert(id, pending);
        Ok((key, id))
    }

    /// Lets everything leave that was put on a socket; returns the sockets whose datagrams the system refuses.
    pub(crate) fn flush(&mut self, datagrams: &mut Datagrams) -> Vec<SocketKey> {
        let mut refused = Vec::new();
        for key in std::mem::take(&mut self.unsent) {
            let Some(slot) = self.open.get_mut(&key) else {
                continue;
            };
            if slot.flush(datagrams).is_err() {
                refused.push(key);
            }
            if !slot.outgoing.is_empty() {
                self.unsent.push(key);
            }
        }
        refused
    }

    /// A random socket among the active ones, a fresh one where the chosen is missing or worn.
    fn choose(&mut self, now: Instant, dice: &mut Dice) -> io::Result<SocketKey> {
        let position = dice.below(self.rotation.width.max(1))?;
        let chosen = self.active.get(position).copied();
        if let Some(key) = chosen.filter(|key| !self.is_worn(*key, now)) {
            return Ok(key);
        }
        let fresh = match open_socket(self.server, &self.avoided_ports, dice) {
            Ok(socket) => self.add(socket, now),
            // Out of descriptors: an old port is better than silence.
            Err(error) => {
                let fallback = dice.below(self.active.len())?;
                return self.active.get(fallback).copied().ok_or(error);
            }
        };
        match (self.active.get_mut(position), chosen) {
            (Some(place), Some(worn)) => {
                *place = fresh;
                self.close_if_drained(worn);
            }
            _ => self.active.push(fresh),
        }
        Ok(fresh)
    }

    fn add(&mut self, socket: UdpSocket, now: Instant) -> SocketKey {
        let key = SocketKey(self.next_key);
        self.next_key = self.next_key.wrapping_add(1);
        let slot = Slot {
            socket,
            opened_at: now,
            sent: 0,
            pending: BTreeMap::new(),
            outgoing: Vec::new(),
        };
        self.open.insert(key, slot);
        key
    }

    fn is_worn(&self, key: SocketKey, now: Instant) -> bool {
        self.open.get(&key).is_none_or(|slot| {
            let age = now.saturating_duration_since(slot.opened_at);
            slot.sent >= self.rotation.questions
                || self.rotation.lifetime.is_some_and(|limit| age >= limit)
        })
    }

    fn close_if_drained(&mut self, key: SocketKey) {
        let is_drained = |slot: &Slot| slot.pending.is_empty();
        if !self.active.contains(&key) && self.open.get(&key).is_some_and(is_drained) {
            self.open.remove(&key);
        }
    }

    /// What left by this socket under this id.
    pub(crate) fn pending(&self, key: SocketKey, id: u16) -> Option<&Pending> {
        self.open.get(&key)?.pending.get(&id)
    }

    /// Everything that left by this socket and may still be answered.
    pub(crate) fn all_pending(&self, key: SocketKey) -> impl Iterator<Item = &Pending> {
        let slot = self.open.get(&key);
        slot.into_iter().flat_map(|slot| slot.pending.values())
    }

    /// Whose question a message names, whatever its id says.
    pub(crate) fn guessed(&self, key: SocketKey, message: &[u8]) -> Option<FlightKey> {
        self.all_pending(key)
            .find(|pending| reply::names(message, &pending.question))
            .map(|pending| pending.flight)
    }

    /// Takes no more replies for this id.
    pub(crate) fn forget(&mut self, key: SocketKey, id: u16) {
        if let Some(slot) = self.open.get_mut(&key) {
            slot.pending.remove(&id);
            slot.outgoing.retain(|(waiting, _)| *waiting != id);
        }
        self.close_if_drained(key);
    }

    /// Some datagrams of the server.
    ///
    /// # Errors
    /// `WouldBlock` when there is none; anything else is the network's word on what was sent.
    pub(crate) fn receive(&self, key: SocketKey, datagrams: &mut Datagrams) -> io::Result<()> {
        let slot = self.open.get(&key).ok_or(io::ErrorKind::WouldBlock)?;
        datagrams.receive(&slot.socket)
    }

    /// The descriptors to wait for, and whether datagrams wait for room there.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = (SocketKey, BorrowedFd<'_>, bool)> {
        self.open
            .iter()
            .map(|(key, slot)| (*key, slot.socket.as_fd(), !slot.outgoing.is_empty()))
    }
}

fn unused_id(pending: &BTreeMap<u16, Pending>, dice: &mut Dice) -> io::Result<u16> {
    for _ in 0..ID_ATTEMPTS {
        let id = dice.number()?;
        if !pending.contains_key(&id) {
            return Ok(id);
        }
    }
    Err(io::Error::other("no unused id"))
}

/// A socket on a random port, connected to the server.
fn open_socket(
    server: SocketAddr,
    avoided: &BTreeSet<u16>,
    dice: &mut Dice,
) -> io::Result<UdpSocket> {
    let socket = bind(server, avoided, dice)?;
    socket.set_nonblocking(true)?;
    // The system may grant less; then a burst costs retransmissions, no answers.
    let _ = setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_SIZE);
    socket.connect(server)?;
    Ok(socket)
}

/// RFC 5452 §9.2: out of all ports from 1024 on, drawn by us, for the system's own range is half as large; without
/// those that other programs need.
fn bind(server: SocketAddr, avoided: &BTreeSet<u16>, dice: &mut Dice) -> io::Result<UdpSocket> {
    let address = |port| match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
    };
    let mut problem = io::Error::other("every port is to be avoided");
    for _ in 0..PORT_ATTEMPTS {
        let port = dice.number()?;
        if port < LOWEST_PORT || avoided.contains(&port) {
            continue;
        }
        match UdpSocket::bind(address(port)) {
            Ok(socket) => return Ok(socket),
            Err(error) => problem = error,
        }
    }
    // No port of the system's choice instead: it may be one to avoid, and all the others being taken is not chance.
    Err(problem)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::UdpSocket;
    use std::time::{Duration, Instant};

    use super::{Datagrams, Rotation, Sockets};
    use crate::dice::Dice;
    use crate::flight::FlightKey;
    use crate::query::Query;

    fn sockets(server: &UdpSocket, questions: u32, lifetime: Option<Duration>) -> Sockets {
        let rotation = Rotation {
            width: 4,
            questions,
            lifetime,
        };
        Sockets::new(server.local_addr().unwrap(), rotation, BTreeSet::new())
    }

    /// Sends one datagram and returns the port it came from.
    fn send(sockets: &mut Sockets, server: &UdpSocket, now: Instant, dice: &mut Dice) -> u16 {
        let compose = |id: u16, _: &mut Dice| {
            Ok(Query {
                octets: id.to_be_bytes().into(),
                question: Box::default(),
            })
        };
        let (key, id) = sockets
            .send(now, FlightKey::default(), dice, compose)
            .unwrap();
        assert_eq!(sockets.flush(&mut Datagrams::new()), []);
        sockets.forget(key, id);
        let mut buffer = [0; 2];
        server.recv_from(&mut buffer).unwrap().1.port()
    }

    #[test]
    fn rfc5452_9_2_several_ports_are_used_at_once_and_replaced_when_worn() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (mut dice, now) = (Dice::new(), Instant::now());
        let mut few = sockets(&server, u32::MAX, None);
        let ports: BTreeSet<u16> = (0..64)
            .map(|_| send(&mut few, &server, now, &mut dice))
            .collect();
        assert_eq!(ports.len(), 4);
        assert!(ports.iter().all(|port| *port >= 1024));

        let mut worn = sockets(&server, 1, None);
        let ports: BTreeSet<u16> = (0..64)
            .map(|_| send(&mut worn, &server, now, &mut dice))
            .collect();
        assert!(ports.len() > 48, "{}", ports.len());
        assert!(worn.open.len() <= 4);
    }

    #[test]
    fn rfc5452_9_2_ports_to_avoid_are_never_bound() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (mut dice, now) = (Dice::new(), Instant::now());
        let mut worn = sockets(&server, 1, None);
        worn.avoided_ports = (0..=u16::MAX).filter(|port| port % 16 != 7).collect();
        for _ in 0..32 {
            assert_eq!(send(&mut worn, &server, now, &mut dice) % 16, 7);
        }
        let mut none = sockets(&server, 1, None);
        none.avoided_ports = (0..=u16::MAX).collect();
        let compose = |_: u16, _: &mut Dice| unreachable!("no port, no question");
        assert!(
            none.send(now, FlightKey::default(), &mut dice, compose)
                .is_err()
        );
    }

    #[test]
    fn a_port_lives_as_long_as_its_lifetime_and_its_questions() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (mut dice, now) = (Dice::new(), Instant::now());
        let lifetime = Duration::from_secs(30);
        let mut sockets = sockets(&server, u32::MAX, Some(lifetime));
        sockets.rotation.width = 1;
        let just_before = now + Duration::from_millis(29_999);
        let first = send(&mut sockets, &server, now, &mut dice);
        assert_eq!(send(&mut sockets, &server, just_before, &mut dice), first);

        let compose = |_: u16, _: &mut Dice| {
            Ok(Query {
                octets: vec![0],
                question: Box::default(),
            })
        };
        let (key, id) = sockets
            .send(just_before, FlightKey::default(), &mut dice, compose)
            .unwrap();
        let second = send(&mut sockets, &server, now + lifetime, &mut dice);
        assert_eq!(second, first, "the datagram under way is read first");
        assert_eq!(sockets.open.len(), 2, "a worn port waits for its replies");
        sockets.forget(key, id);
        assert_eq!(sockets.open.len(), 1);
    }
}

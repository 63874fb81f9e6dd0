//! One TCP connection to a server: questions pipelined, replies in any order, everything nonblocking.
//!
//! Must not know what a question is or when a reply fits. RFC 7766 §6.2 (reuse, pipelining), §7 (order), §8 (length).

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, socket};

use crate::dice::Dice;
use crate::flight::FlightKey;
use crate::sockets::Pending;

/// Questions in flight on one connection; a recursive server takes some hundreds before it closes.
const PIPELINE_LIMIT: usize = 100;
/// Octets read at a time.
const CHUNK_SIZE: usize = 16 * 1024;
/// Chunks read before other sockets have their turn.
const CHUNK_LIMIT: usize = 16;

/// A connection and what is in flight on it.
pub(crate) struct Connection {
    stream: TcpStream,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
    /// By id; `None` = given up, but its id stays taken until the reply has come.
    pending: BTreeMap<u16, Option<Pending>>,
    /// Questions that wait for room.
    waiting: VecDeque<FlightKey>,
    /// Since when nothing whole has arrived.
    quiet_since: Instant,
}

impl Connection {
    /// Begins to connect.
    ///
    /// # Errors
    /// What the system says at once; most failures show at the first write.
    pub(crate) fn open(server: SocketAddr, now: Instant) -> io::Result<Self> {
        Ok(Self {
            stream: begin_connect(server)?,
            outgoing: Vec::new(),
            incoming: Vec::new(),
            pending: BTreeMap::new(),
            waiting: VecDeque::new(),
            quiet_since: now,
        })
    }

    fn live(&self) -> usize {
        self.pending.values().flatten().count()
    }

    /// One more question may be put on the wire.
    pub(crate) fn has_room(&self) -> bool {
        self.live() < PIPELINE_LIMIT
    }

    /// Lets a flight wait for room.
    pub(crate) fn enqueue(&mut self, flight: FlightKey) {
        self.waiting.push_back(flight);
    }

    /// The next flight that waited for room, if there is room now.
    pub(crate) fn next_waiting(&mut self) -> Option<FlightKey> {
        if self.has_room() {
            self.waiting.pop_front()
        } else {
            None
        }
    }

    /// RFC 7766 §6.2.1: an id that is not in flight on this connection.
    pub(crate) fn unused_id(&self, dice: &mut Dice) -> io::Result<u16> {
        // At most PIPELINE_LIMIT live ids and those given up since: the first draw nearly always does.
        for _ in 0..PIPELINE_LIMIT {
            let id = dice.number()?;
            if !self.pending.contains_key(&id) {
                return Ok(id);
            }
        }
        Err(io::Error::other("no unused id"))
    }

    /// Puts a question on the wire as soon as it takes it.
    pub(crate) fn push(&mut self, now: Instant, id: u16, pending: Pending, octets: &[u8]) {
        if self.live() == 0 {
            self.quiet_since = now;
        }
        self.pending.insert(id, Some(pending));
        let length = u16::try_from(octets.len()).unwrap_or(u16::MAX);
        // RFC 7766 §8: the length and the message leave together.
        self.outgoing.extend_from_slice(&length.to_be_bytes());
        self.outgoing.extend_from_slice(octets);
    }

    /// What is in flight under this id.
    pub(crate) fn pending(&self, id: u16) -> Option<&Pending> {
        self.pending.get(&id)?.as_ref()
    }

    /// The reply to this id has come.
    pub(crate) fn settle(&mut self, id: u16) {
        self.pending.remove(&id);
    }

    /// Nobody waits for this flight any more.
    pub(crate) fn forget(&mut self, flight: FlightKey) {
        self.waiting.retain(|waiting| *waiting != flight);
        for pending in self.pending.values_mut() {
            if pending
                .as_ref()
                .is_some_and(|pending| pending.flight == flight)
            {
                *pending = None;
            }
        }
    }

    /// Everyone who waits for this connection.
    pub(crate) fn into_flights(self) -> Vec<FlightKey> {
        let in_flight = self
            .pending
            .into_values()
            .flatten()
            .map(|pending| pending.flight);
        in_flight.chain(self.waiting).collect()
    }

    /// When the connection is given up or, if nothing is in flight, closed.
    ///
    /// RFC 7766 §6.2.3: only a whole message moves it, so a server that drips octets cannot hold us.
    pub(crate) fn expires_at(&self, patience: Duration, idle: Duration) -> Instant {
        let allowed = if self.live() > 0 { patience } else { idle };
        self.quiet_since
            .checked_add(allowed)
            .unwrap_or(self.quiet_since)
    }

    /// True when octets wait for the wire.
    pub(crate) fn wants_to_write(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// The descriptor to wait for.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Writes what the wire takes.
    ///
    /// # Errors
    /// The connection could not be made, or broke.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.outgoing.drain(..written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what has arrived; whole messages are then taken by [`Connection::next_message`].
    ///
    /// # Errors
    /// The connection broke or the server closed it.
    pub(crate) fn read(&mut self) -> io::Result<()> {
        let mut chunk = [0; CHUNK_SIZE];
        for _ in 0..CHUNK_LIMIT {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    let read = chunk.get(..length).unwrap_or_default();
                    self.incoming.extend_from_slice(read);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The next whole message that has arrived.
    pub(crate) fn next_message(&mut self, now: Instant) -> Option<Vec<u8>> {
        let (prefix, rest) = self.incoming.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*prefix));
        let message = rest.get(..length)?.to_vec();
        self.incoming.drain(..length.saturating_add(2));
        self.quiet_since = now;
        Some(message)
    }
}

/// A nonblocking connect, which the standard library does not have.
fn begin_connect(server: SocketAddr) -> io::Result<TcpStream> {
    let family = match server {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let descriptor = socket(family, SockType::Stream, SockFlag::empty(), None)?;
    fcntl(&descriptor, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    let stream = TcpStream::from(descriptor);
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    match connect(stream.as_raw_fd(), &SockaddrStorage::from(server)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(stream),
        Err(error) => Err(error.into()),
    }
}

//! The resolver's thread: waits for sockets, questions and time, and tells the engine.
//!
//! The only place that reads the clock and blocks.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::datagrams::Datagrams;
use crate::engine::Engine;
use crate::flight::Asker;
use crate::sockets::SocketKey;

/// Where something happened.
#[derive(Clone, Copy)]
enum Place {
    Wake,
    Socket(usize, SocketKey),
    Connection(usize),
}

/// Runs until nobody can ask any more; what is in flight then is a time-out.
pub(crate) fn run(mut engine: Engine, questions: &Receiver<Vec<Asker>>, wake: &UnixStream) {
    let mut datagrams = Datagrams::new();
    loop {
        let now = Instant::now();
        if !accept(&mut engine, questions) {
            return;
        }
        engine.tick(now);
        engine.launch(now);
        engine.flush(now, &mut datagrams);
        let Ok(ready) = wait(&engine, wake, now) else {
            return;
        };
        let now = Instant::now();
        for (place, events) in ready {
            serve(&mut engine, now, place, events, wake, &mut datagrams);
        }
    }
}

/// Takes all new questions; `false` when there can be no more.
fn accept(engine: &mut Engine, questions: &Receiver<Vec<Asker>>) -> bool {
    loop {
        match questions.try_recv() {
            Ok(askers) => engine.accept(askers),
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => return false,
        }
    }
}

/// Waits for the next event or moment; returns the places where something happened.
fn wait(engine: &Engine, wake: &UnixStream, now: Instant) -> io::Result<Vec<(Place, PollFlags)>> {
    let mut places = vec![Place::Wake];
    let mut descriptors = vec![PollFd::new(wake.as_fd(), PollFlags::POLLIN)];
    for (position, server) in engine.servers.iter().enumerate() {
        for (socket, descriptor, wants_to_write) in server.sockets.descriptors() {
            let mut events = PollFlags::POLLIN;
            events.set(PollFlags::POLLOUT, wants_to_write);
            places.push(Place::Socket(position, socket));
            descriptors.push(PollFd::new(descriptor, events));
        }
        if let Some(connection) = &server.connection {
            let mut events = PollFlags::POLLIN;
            events.set(PollFlags::POLLOUT, connection.wants_to_write());
            places.push(Place::Connection(position));
            descriptors.push(PollFd::new(connection.descriptor(), events));
        }
    }
    let due = engine.next_due();
    let timeout = due.map(|due| due.saturating_duration_since(now));
    match poll(&mut descriptors, poll_timeout(timeout)) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(error) => return Err(error.into()),
    }
    let events = descriptors.iter().map(PollFd::revents);
    Ok(places
        .into_iter()
        .zip(events)
        .filter_map(|(place, events)| Some((place, events.filter(|events| !events.is_empty())?)))
        .collect())
}

/// Whole milliseconds, rounded up so that nothing spins while it waits for the rest of one.
fn poll_timeout(wait: Option<Duration>) -> PollTimeout {
    let Some(wait) = wait else {
        return PollTimeout::NONE;
    };
    let rounded = wait.saturating_add(Duration::from_micros(999)).as_millis();
    PollTimeout::try_from(rounded).unwrap_or(PollTimeout::MAX)
}

fn serve(
    engine: &mut Engine,
    now: Instant,
    place: Place,
    events: PollFlags,
    mut wake: &UnixStream,
    datagrams: &mut Datagrams,
) {
    match place {
        // Read until empty; what it meant is in the channel.
        Place::Wake => while wake.read(&mut [0; 64]).is_ok_and(|length| length > 0) {},
        Place::Socket(position, socket) => receive(engine, now, position, socket, datagrams),
        Place::Connection(position) => {
            if events.contains(PollFlags::POLLOUT) {
                engine.write_connection(now, position);
            }
            if events.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR) {
                engine.read_connection(now, position);
            }
        }
    }
}

/// Takes what has arrived at a socket, one batch before the others have their turn.
fn receive(
    engine: &mut Engine,
    now: Instant,
    position: usize,
    socket: SocketKey,
    datagrams: &mut Datagrams,
) {
    let Some(server) = engine.servers.get(position) else {
        return;
    };
    match server.sockets.receive(socket, datagrams) {
        Ok(()) => {
            for datagram in datagrams.received() {
                engine.receive_datagram(now, position, socket, datagram);
            }
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
        Err(_) => engine.receive_refusal(now, position, socket),
    }
}

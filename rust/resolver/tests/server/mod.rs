//! A DNS server for tests, UDP and TCP on one port of 127.0.0.1: the first label of a name says how it misbehaves.

mod script;

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use script::{Query, Step};

/// How a question came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

#[derive(Default)]
struct State {
    is_refusing: bool,
    is_over: AtomicBool,
    connections: AtomicUsize,
    seen: Mutex<HashMap<(String, Transport), usize>>,
}

/// The client's port among those seen that is not this one.
fn other_port(clients: &[SocketAddr], client: SocketAddr) -> Option<SocketAddr> {
    clients.iter().copied().find(|other| *other != client)
}

impl State {
    /// Counts a question; returns its number.
    fn note(&self, name: &str, transport: Transport) -> usize {
        let mut seen = self.seen.lock().unwrap();
        let count = seen.entry((name.to_owned(), transport)).or_default();
        *count += 1;
        *count
    }
}

/// Serves until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<State>,
}

impl Server {
    /// A server that does what the names say.
    pub(crate) fn start() -> Self {
        Self::with(State::default(), true)
    }

    /// A server that refuses everything.
    pub(crate) fn refusing() -> Self {
        let state = State {
            is_refusing: true,
            ..State::default()
        };
        Self::with(state, true)
    }

    /// A server whose TCP port is closed.
    pub(crate) fn without_tcp() -> Self {
        Self::with(State::default(), false)
    }

    fn with(state: State, has_tcp: bool) -> Self {
        let (udp, tcp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let server = Self {
            address: udp.local_addr().unwrap(),
            state: Arc::new(state),
        };
        let state = Arc::clone(&server.state);
        thread::spawn(move || serve_datagrams(&udp, &state));
        if has_tcp {
            let state = Arc::clone(&server.state);
            thread::spawn(move || serve_connections(&tcp, &state));
        }
        server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often this name was asked for.
    pub(crate) fn seen(&self, name: &str, transport: Transport) -> usize {
        let seen = self.state.seen.lock().unwrap();
        seen.get(&(name.to_owned(), transport))
            .copied()
            .unwrap_or_default()
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        let knock = UdpSocket::bind("127.0.0.1:0").unwrap();
        knock.send_to(&[], self.address).unwrap();
        drop(TcpStream::connect(self.address));
    }
}

fn serve_datagrams(socket: &UdpSocket, state: &State) {
    let mut buffer = [0; 4096];
    let mut clients = Vec::new();
    while let Ok((length, client)) = socket.recv_from(&mut buffer) {
        if state.is_over.load(Ordering::SeqCst) {
            return;
        }
        let query = Query::parse(&buffer[..length]);
        let number = state.note(&query.name, Transport::Udp);
        clients.push(client);
        let steps = if state.is_refusing {
            vec![Step::Send(query.error(5))]
        } else {
            query.steps_by_udp(number)
        };
        for step in steps {
            match step {
                Step::Send(octets) => socket.send_to(&octets, client).unwrap(),
                Step::SendFromElsewhere(octets) => {
                    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
                    other.send_to(&octets, client).unwrap()
                }
                Step::SendElsewhere(octets) => {
                    let other = other_port(&clients, client).unwrap();
                    socket.send_to(&octets, other).unwrap()
                }
                _ => unreachable!("a step for TCP"),
            };
        }
    }
}

fn serve_connections(listener: &TcpListener, state: &Arc<State>) {
    for stream in listener.incoming() {
        if state.is_over.load(Ordering::SeqCst) {
            return;
        }
        state.connections.fetch_add(1, Ordering::SeqCst);
        let (stream, state) = (stream.unwrap(), Arc::clone(state));
        thread::spawn(move || serve_connection(stream, &state));
    }
}

/// Answers until the client or the script closes. What is held back leaves when the client falls silent.
fn serve_connection(mut stream: TcpStream, state: &State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_millis(20)))?;
    let mut held = Vec::new();
    loop {
        let mut length = [0; 2];
        match stream.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                stream.write_all(&std::mem::take(&mut held))?;
                continue;
            }
            Err(error) => return Err(error),
        }
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut message)?;
        let query = Query::parse(&message);
        let number = state.note(&query.name, Transport::Tcp);
        for step in query.steps_by_tcp(number) {
            match step {
                Step::Send(octets) => stream.write_all(&octets)?,
                Step::Hold(octets) => held.extend(octets),
                Step::Drip(octets) => drip(&mut stream, &octets)?,
                Step::Close => return Ok(()),
                _ => unreachable!("a step for UDP"),
            }
        }
    }
}

fn drip(stream: &mut TcpStream, octets: &[u8]) -> io::Result<()> {
    for piece in octets.chunks(7) {
        stream.write_all(piece)?;
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

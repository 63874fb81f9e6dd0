//! The least that a DNS server can do, as fast as one thread can: every question has the same TXT record.
//!
//! `respond [DELAY_MS [ZONE]]` prints the port of 127.0.0.1 it listens at, serves UDP until its standard input ends, then
//! prints how many questions it answered. ZONE holds lines of name, type (A, TXT) and text between tabs; with it other
//! names do not exist, and every question that came is printed at the end, name and type number. For `bench/dns.py`,
//! where the server must not be what is measured.
#![expect(clippy::print_stdout, reason = "its result is what it prints")]

use std::collections::{HashMap, VecDeque};
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{
    MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg, setsockopt, sockopt,
};

/// Octets before the question section.
const HEADER_SIZE: usize = 12;
/// Compressed owner, TXT, IN, 300 s, one string.
const RECORD_HEAD: [u8; 10] = [0xc0, 0x0c, 0, 16, 0, 1, 0, 0, 1, 44];
/// About as long as a 2048-bit key is with its tags, cut to one string.
const TEXT_SIZE: u8 = 217;
/// Datagrams a system call.
const BATCH_SIZE: usize = 32;
/// Longest wait before the end of the input is noticed.
const PATIENCE: Duration = Duration::from_millis(50);
/// Finest wait when replies are delayed.
const TICK: Duration = Duration::from_micros(200);

/// The reply to a question; `None` when it is none.
fn reply(query: &[u8]) -> Option<Vec<u8>> {
    let name = query.get(HEADER_SIZE..)?;
    let end = name.iter().position(|octet| *octet == 0)?;
    let question = name.get(..end.checked_add(5)?)?;
    let mut octets = Vec::with_capacity(512);
    octets.extend_from_slice(query.get(..2)?);
    octets.extend_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    octets.extend_from_slice(question);
    octets.extend_from_slice(&RECORD_HEAD);
    octets.extend_from_slice(&[0, TEXT_SIZE.saturating_add(1), TEXT_SIZE]);
    octets.resize(octets.len().saturating_add(TEXT_SIZE.into()), b'x');
    Some(octets)
}

/// Answers at once, many datagrams a system call.
fn serve(socket: &UdpSocket, is_over: &AtomicBool) -> io::Result<usize> {
    let mut incoming = MultiHeaders::<SockaddrStorage>::preallocate(BATCH_SIZE, None);
    let mut outgoing = MultiHeaders::<SockaddrStorage>::preallocate(BATCH_SIZE, None);
    let mut buffers = vec![[0_u8; 512]; BATCH_SIZE];
    let (descriptor, mut answered) = (socket.as_raw_fd(), 0_usize);
    while !is_over.load(Ordering::Relaxed) {
        let slices = buffers.iter_mut();
        let mut slices: Vec<_> = slices.map(|buffer| [IoSliceMut::new(buffer)]).collect();
        // One is waited for; more are taken if they are there.
        let flags = MsgFlags::MSG_WAITFORONE;
        let Ok(received) = recvmmsg(descriptor, &mut incoming, &mut slices, flags, None) else {
            continue;
        };
        let (replies, clients): (Vec<_>, Vec<_>) = received
            .filter_map(|message| Some((reply(message.iovs().next()?)?, message.address)))
            .unzip();
        answered = answered.saturating_add(replies.len());
        let slices: Vec<_> = replies
            .iter()
            .map(|octets| [IoSlice::new(octets)])
            .collect();
        sendmmsg(
            descriptor,
            &mut outgoing,
            &slices,
            clients,
            [],
            MsgFlags::empty(),
        )?;
    }
    Ok(answered)
}

/// An SOA record of the root, with which a name is denied for five minutes (RFC 2308 §3).
const DENIAL: [u8; 33] = [
    0, 0, 6, 0, 1, 0, 0, 1, 44, 0, 22, 0, 0, 0, 0, 0, 1, 0, 0, 0, 60, 0, 0, 0, 60, 0, 0, 0, 60, 0,
    0, 1, 44,
];
/// The longest string of a TXT record.
const STRING_SIZE: usize = 255;

/// Data by name and type, and what was asked for.
#[derive(Default)]
struct Zone {
    data: HashMap<(String, u16), Vec<u8>>,
    asked: Vec<(String, u16)>,
}

impl Zone {
    fn read(path: &str) -> io::Result<Self> {
        let mut zone = Self::default();
        for line in std::fs::read_to_string(path)?.lines() {
            let mut cells = line.split('\t');
            let (Some(name), Some(kind), Some(text)) = (cells.next(), cells.next(), cells.next())
            else {
                continue;
            };
            let (code, data) = match text.parse::<Ipv4Addr>() {
                Ok(address) if kind == "A" => (1, address.octets().to_vec()),
                _ => (16, strings(text.as_bytes())),
            };
            zone.data.insert((name.to_owned(), code), data);
        }
        Ok(zone)
    }

    /// The reply to a question, which is noted; `None` when it is none.
    fn reply(&mut self, query: &[u8]) -> Option<Vec<u8>> {
        let section = query.get(HEADER_SIZE..)?;
        let end = section.iter().position(|octet| *octet == 0)?;
        let question = section.get(..end.checked_add(5)?)?;
        let code = u16::from_be_bytes(question.get(end + 1..end + 3)?.try_into().ok()?);
        let asked = (text_of(question.get(..end)?), code);
        let data = self.data.get(&asked);
        let mut octets = Vec::with_capacity(512);
        octets.extend_from_slice(query.get(..2)?);
        let counts = data.map_or([0x81, 0x83, 0, 1, 0, 0, 0, 1, 0, 0], |_| {
            [0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]
        });
        octets.extend_from_slice(&counts);
        octets.extend_from_slice(question);
        match data {
            None => octets.extend_from_slice(&DENIAL),
            Some(data) => {
                octets.extend_from_slice(&[0xc0, 0x0c]);
                octets.extend_from_slice(&code.to_be_bytes());
                octets.extend_from_slice(&[0, 1, 0, 0, 1, 44]);
                octets.extend_from_slice(&u16::try_from(data.len()).ok()?.to_be_bytes());
                octets.extend_from_slice(data);
            }
        }
        self.asked.push(asked);
        Some(octets)
    }
}

/// The character-strings of a text.
fn strings(text: &[u8]) -> Vec<u8> {
    let string = |chunk: &[u8]| [&[u8::try_from(chunk.len()).unwrap_or(u8::MAX)], chunk].concat();
    text.chunks(STRING_SIZE).flat_map(string).collect()
}

/// The labels of a name in lower case, with dots between.
fn text_of(mut labels: &[u8]) -> String {
    let mut text = String::new();
    while let Some((length, rest)) = labels.split_first()
        && let Some((label, rest)) = rest.split_at_checked((*length).into())
    {
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(&String::from_utf8_lossy(label).to_ascii_lowercase());
        labels = rest;
    }
    text
}

/// Answers when `delay` has passed.
fn serve_late(
    socket: &UdpSocket,
    delay: Duration,
    is_over: &AtomicBool,
    mut reply: impl FnMut(&[u8]) -> Option<Vec<u8>>,
) -> io::Result<usize> {
    let (mut buffer, mut answered) = ([0; 512], 0_usize);
    let mut waiting: VecDeque<(Instant, Vec<u8>, SocketAddr)> = VecDeque::new();
    while !is_over.load(Ordering::Relaxed) {
        if let Ok((length, client)) = socket.recv_from(&mut buffer)
            && let Some(octets) = reply(buffer.get(..length).unwrap_or_default())
            && let Some(due) = Instant::now().checked_add(delay)
        {
            answered = answered.saturating_add(1);
            waiting.push_back((due, octets, client));
        }
        while let Some((due, octets, client)) = waiting.front()
            && *due <= Instant::now()
        {
            socket.send_to(octets, client)?;
            waiting.pop_front();
        }
    }
    Ok(answered)
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let delay = arguments
        .next()
        .and_then(|text| text.parse().ok())
        .map_or(Duration::ZERO, Duration::from_millis);
    let mut zone = arguments.next().map(|path| Zone::read(&path)).transpose()?;
    let is_late = zone.is_some() || !delay.is_zero();
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let _ = setsockopt(&socket, sockopt::RcvBuf, &(4 << 20));
    socket.set_read_timeout(Some(if is_late { TICK } else { PATIENCE }))?;
    println!("{}", socket.local_addr()?.port());
    let is_over = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&is_over);
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        ends.store(true, Ordering::Relaxed);
    });
    let answered = match &mut zone {
        Some(zone) => serve_late(&socket, delay, &is_over, |query| zone.reply(query))?,
        None if is_late => serve_late(&socket, delay, &is_over, reply)?,
        None => serve(&socket, &is_over)?,
    };
    println!("{answered}");
    for (name, code) in zone.map(|zone| zone.asked).unwrap_or_default() {
        println!("{name} {code}");
    }
    Ok(())
}

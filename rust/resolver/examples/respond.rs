//! The least that a DNS server can do, as fast as one thread can: every question has the same TXT record.
//!
//! `respond [DELAY_MS]` prints the port of 127.0.0.1 it listens at, serves UDP until its standard input ends, then
//! prints how many questions it answered. For `bench/dns.py`, where the server must not be what is measured.
#![expect(clippy::print_stdout, reason = "its result is what it prints")]

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};

/// Octets before the question section.
const HEADER_SIZE: usize = 12;
/// Compressed owner, TXT, IN, 300 s, one string.
const RECORD_HEAD: [u8; 10] = [0xc0, 0x0c, 0, 16, 0, 1, 0, 0, 1, 44];
/// About as long as a 2048-bit key is with its tags, cut to one string.
const TEXT_SIZE: u8 = 217;
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

fn serve(socket: &UdpSocket, delay: Duration, is_over: &AtomicBool) -> io::Result<usize> {
    let (mut buffer, mut answered) = ([0; 2048], 0_usize);
    let mut waiting: VecDeque<(Instant, Vec<u8>, SocketAddr)> = VecDeque::new();
    while !is_over.load(Ordering::Relaxed) {
        if let Ok((length, client)) = socket.recv_from(&mut buffer)
            && let Some(octets) = reply(buffer.get(..length).unwrap_or_default())
        {
            answered = answered.saturating_add(1);
            if delay.is_zero() {
                socket.send_to(&octets, client)?;
            } else if let Some(due) = Instant::now().checked_add(delay) {
                waiting.push_back((due, octets, client));
            }
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
    let delay = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .map_or(Duration::ZERO, Duration::from_millis);
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let _ = setsockopt(&socket, sockopt::RcvBuf, &(4 << 20));
    socket.set_read_timeout(Some(if delay.is_zero() { PATIENCE } else { TICK }))?;
    println!("{}", socket.local_addr()?.port());
    let is_over = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&is_over);
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        ends.store(true, Ordering::Relaxed);
    });
    println!("{}", serve(&socket, delay, &is_over)?);
    Ok(())
}

//! Many datagrams in one system call: at 100,000 questions a second the calls are what costs.
//!
//! Must not know what the octets mean, or when to send or receive.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg, sendmmsg};

/// Datagrams a call.
const BATCH_SIZE: usize = 32;
/// Largest datagram there can be. What is not received into takes no memory.
const DATAGRAM_SIZE: usize = 65_535;

/// Room for the datagrams of one call. Sockets are connected, so no address is kept.
pub(crate) struct Datagrams {
    outgoing: MultiHeaders<()>,
    incoming: MultiHeaders<()>,
    buffers: Vec<Vec<u8>>,
    lengths: Vec<usize>,
}

impl Datagrams {
    pub(crate) fn new() -> Self {
        Self {
            outgoing: MultiHeaders::preallocate(BATCH_SIZE, None),
            incoming: MultiHeaders::preallocate(BATCH_SIZE, None),
            buffers: vec![vec![0; DATAGRAM_SIZE]; BATCH_SIZE],
            lengths: Vec::with_capacity(BATCH_SIZE),
        }
    }

    /// Sends some of these datagrams, from the first on; returns how many.
    ///
    /// # Errors
    /// The first could not be sent, or what an earlier one has caused is reported.
    pub(crate) fn send<'a>(
        &mut self,
        socket: &UdpSocket,
        datagrams: impl Iterator<Item = &'a [u8]>,
    ) -> io::Result<usize> {
        let slices: Vec<[IoSlice<'_>; 1]> = datagrams
            .take(BATCH_SIZE)
            .map(|octets| [IoSlice::new(octets)])
            .collect();
        let (headers, descriptor) = (&mut self.outgoing, socket.as_raw_fd());
        let nobody = [None; BATCH_SIZE];
        let sent = sendmmsg(descriptor, headers, &slices, nobody, [], MsgFlags::empty())?;
        Ok(sent.count())
    }

    /// Receives what has arrived, one batch at most; [`Datagrams::received`] tells it.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has; anything else is the network's word on what was sent.
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> io::Result<()> {
        self.lengths.clear();
        let buffers = self.buffers.iter_mut();
        let mut slices: Vec<[IoSliceMut<'_>; 1]> = buffers
            .map(|buffer| [IoSliceMut::new(buffer.as_mut_slice())])
            .collect();
        let (headers, descriptor) = (&mut self.incoming, socket.as_raw_fd());
        let received = recvmmsg(descriptor, headers, &mut slices, MsgFlags::empty(), None)?;
        self.lengths.extend(received.map(|message| message.bytes));
        Ok(())
    }

    /// The datagrams of the last call, in the order of arrival.
    pub(crate) fn received(&self) -> impl Iterator<Item = &[u8]> {
        let filled = self.buffers.iter().zip(&self.lengths);
        filled.map(|(buffer, length)| buffer.get(..*length).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::UdpSocket;

    use super::{BATCH_SIZE, Datagrams};

    fn pair() -> (UdpSocket, UdpSocket) {
        let sockets = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let [one, other] = sockets;
        one.connect(other.local_addr().unwrap()).unwrap();
        other.connect(one.local_addr().unwrap()).unwrap();
        one.set_nonblocking(true).unwrap();
        other.set_nonblocking(true).unwrap();
        (one, other)
    }

    #[test]
    fn a_batch_arrives_whole_and_in_order() {
        let (one, other) = pair();
        let mut datagrams = Datagrams::new();
        for count in [1, BATCH_SIZE - 1, BATCH_SIZE, BATCH_SIZE + 1] {
            let texts: Vec<Vec<u8>> = (0..count)
                .map(|n| format!("datagram {n}").into_bytes())
                .collect();
            let mut left: &[Vec<u8>] = &texts;
            let mut arrived = Vec::new();
            while !left.is_empty() {
                let sent = datagrams
                    .send(&one, left.iter().map(Vec::as_slice))
                    .unwrap();
                assert_eq!(sent, left.len().min(BATCH_SIZE));
                left = &left[sent..];
                datagrams.receive(&other).unwrap();
                arrived.extend(datagrams.received().map(<[u8]>::to_vec));
            }
            assert_eq!(arrived, texts);
        }
        let nothing = datagrams.receive(&other).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(datagrams.received().count(), 0);
    }

    #[test]
    fn the_largest_and_the_empty_datagram_keep_their_lengths() {
        let (one, other) = pair();
        let mut datagrams = Datagrams::new();
        let texts = [vec![b'x'; 65_507], Vec::new()];
        datagrams
            .send(&one, texts.iter().map(Vec::as_slice))
            .unwrap();
        datagrams.receive(&other).unwrap();
        let lengths: Vec<usize> = datagrams.received().map(<[u8]>::len).collect();
        assert_eq!(lengths, [65_507, 0]);
    }

    #[test]
    fn a_closed_port_is_an_error_of_the_next_call() {
        let (one, other) = pair();
        drop(other);
        let mut datagrams = Datagrams::new();
        assert_eq!(datagrams.send(&one, [&b"x"[..]].into_iter()).unwrap(), 1);
        let refused = datagrams.receive(&one).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }
}

//! gzip, zstd and xz as readers: member behind member, with bounds on memory and on what comes out.
//!
//! Each decoder reads one member (gzip), frame (zstd) or stream (xz); what follows it is looked at here, so that zeros
//! of padding are passed over and foreign octets are told of without spoiling the last message.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::sync::{Arc, OnceLock};

use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::Stream as XzStream;
use zstd::stream::read::Decoder as ZstandardDecoder;

use crate::account::Account;
use crate::packing::{Packing, PackingFault};

/// The window of a zstd frame as a power of two, 128 MiB: `zstd --long` writes such, and it is memory.
pub(crate) const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Memory for unpacking xz: `xz -9` needs 65 MiB, a dictionary of 128 MiB fits as well.
pub(crate) const XZ_MEMORY_LIMIT: u64 = 160 << 20;

/// Octets read at once of what is compressed.
const BUFFER_OCTETS: usize = 64 << 10;

const MEBIBYTE: u64 = 1 << 20;

/// First octets of the kinds that are unpacked; of a skippable zstd frame the first octet varies.
pub(crate) fn compression_of(head: &[u8]) -> Option<Packing> {
    match head {
        [0x1f, 0x8b, ..] => Some(Packing::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            Some(Packing::Zstandard)
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Packing::Xz),
        _ => None,
    }
}

type Input = BufReader<Box<dyn Read + Send>>;

enum Decoder {
    Gzip(Box<GzDecoder<Input>>),
    Zstandard(Box<ZstandardDecoder<'static, Input>>),
    Xz(Box<XzDecoder<Input>>),
    Done,
}

/// What is told of a compressed stream after its last message.
pub(crate) type Afterword = Arc<OnceLock<PackingFault>>;

/// The octets that a compressed stream unpacks to.
pub(crate) struct Unpacked {
    packing: Packing,
    decoder: Decoder,
    account: Arc<Account>,
    offset: u64,
    afterword: Afterword,
}

impl Unpacked {
    /// Unpacks what `reader` gives.
    pub(crate) fn new(
        packing: Packing,
        reader: Box<dyn Read + Send>,
        account: Arc<Account>,
    ) -> io::Result<Self> {
        let input = BufReader::with_capacity(BUFFER_OCTETS, reader);
        Ok(Self {
            packing,
            decoder: Decoder::new(packing, input)?,
            account,
            offset: 0,
            afterword: Afterword::default(),
        })
    }

    /// Where a fault is left that spoils no message.
    pub(crate) fn afterword(&self) -> Afterword {
        Arc::clone(&self.afterword)
    }

    /// Goes on to the next member, if there is one.
    fn next_member(&mut self) -> io::Result<()> {
        let Some(mut input) = std::mem::replace(&mut self.decoder, Decoder::Done).into_input()
        else {
            return Ok(());
        };
        match self.what_follows(&mut input)? {
            Following::Member => self.decoder = Decoder::new(self.packing, input)?,
            Following::Nothing => {}
            Following::Other => {
                let (packing, offset) = (self.packing, self.offset);
                let fault = PackingFault::TrailingOctets { packing, offset };
                // It is set once: nothing is read behind it.
                let _ = self.afterword.set(fault);
            }
        }
        Ok(())
    }

    fn what_follows(&self, input: &mut Input) -> io::Result<Following> {
        loop {
            let octets = input.fill_buf()?;
            let zeros = octets.iter().take_while(|octet| **octet == 0).count();
            match octets.get(zeros) {
                None if octets.is_empty() => return Ok(Following::Nothing),
                None => {}
                Some(first) if self.begins_member(*first) => {
                    input.consume(zeros);
                    return Ok(Following::Member);
                }
                Some(_) => return Ok(Following::Other),
            }
            input.consume(zeros);
        }
    }

    /// By the first octet only: the buffer may end behind it, and the decoder checks the others.
    fn begins_member(&self, first: u8) -> bool {
        match self.packing {
            Packing::Gzip => first == 0x1f,
            Packing::Zstandard => matches!(first, 0x28 | 0x50..=0x5f),
            Packing::Xz => first == 0xfd,
            Packing::Tar | Packing::Zip => false,
        }
    }

    /// The decoder's error as a fault; errors of the system and of layers above stay as they are.
    fn fault_of(&self, error: io::Error) -> io::Error {
        let is_told = PackingFault::of(&error).is_some() || error.raw_os_error().is_some();
        if is_told || error.kind() == ErrorKind::Interrupted {
            return error;
        }
        let (packing, offset) = (self.packing, self.offset);
        let fault = if error.kind() == ErrorKind::UnexpectedEof {
            PackingFault::Truncated { packing, offset }
        } else if let Some(mebibytes) = memory_limit_of(&error) {
            PackingFault::TooMuchMemory { packing, mebibytes }
        } else {
            PackingFault::Damaged { packing, offset }
        };
        fault.into()
    }
}

enum Following {
    Member,
    Nothing,
    Other,
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let read = match &mut self.decoder {
                Decoder::Gzip(decoder) => decoder.read(buffer),
                Decoder::Zstandard(decoder) => decoder.read(buffer),
                Decoder::Xz(decoder) => decoder.read(buffer),
                Decoder::Done => return Ok(0),
            };
            match read {
                Ok(0) => self.next_member().map_err(|error| self.fault_of(error))?,
                Ok(octets) => {
                    self.offset = self.offset.saturating_add(octets as u64);
                    self.account.give(octets as u64)?;
                    return Ok(octets);
                }
                Err(error) => return Err(self.fault_of(error)),
            }
        }
    }
}

impl Decoder {
    fn new(packing: Packing, input: Input) -> io::Result<Self> {
        Ok(match packing {
            Packing::Gzip => Self::Gzip(Box::new(GzDecoder::new(input))),
            Packing::Zstandard => {
                let mut decoder = ZstandardDecoder::with_buffer(input)?.single_frame();
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Self::Zstandard(Box::new(decoder))
            }
            Packing::Xz => {
                let stream = XzStream::new_stream_decoder(XZ_MEMORY_LIMIT, 0)?;
                Self::Xz(Box::new(XzDecoder::new_stream(input, stream)))
            }
            Packing::Tar | Packing::Zip => Self::Done,
        })
    }

    fn into_input(self) -> Option<Input> {
        match self {
            Self::Gzip(decoder) => Some(decoder.into_inner()),
            Self::Zstandard(decoder) => Some(decoder.finish()),
            Self::Xz(decoder) => Some(decoder.into_inner()),
            Self::Done => None,
        }
    }
}

/// The memory that would have been needed more, if that is what the decoder says.
fn memory_limit_of(error: &io::Error) -> Option<u64> {
    let source = error.get_ref()?;
    if let Some(liblzma::stream::Error::MemLimit) = source.downcast_ref() {
        return Some(XZ_MEMORY_LIMIT / MEBIBYTE);
    }
    // zstd gives its errors as text only.
    let is_window = source.to_string().contains("too much memory");
    is_window.then_some((1 << ZSTD_WINDOW_LOG_MAX) / MEBIBYTE)
}

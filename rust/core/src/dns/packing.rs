//! The data of an answer written down without pointers, and read again.
//!
//! TXT: for each record the number of its strings (4 octets), their lengths, their octets joined. MX and PTR: for each
//! record its preference (MX), the length of its name, the name. Must not know who keeps it (RFC 1035 §3.3).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{MxRecord, RecordData, RecordType};
use crate::domain::Domain;

/// Octets of the number of strings of a text: what Python gives may have more than DNS carries.
const COUNT_OCTETS: usize = size_of::<u32>();

/// The type of the data; `None` when there is none.
pub(super) const fn record_type(data: &RecordData) -> Option<RecordType> {
    match data {
        RecordData::None => None,
        RecordData::A(_) => Some(RecordType::A),
        RecordData::Aaaa(_) => Some(RecordType::Aaaa),
        RecordData::Mx(_) => Some(RecordType::Mx),
        RecordData::Ptr(_) => Some(RecordType::Ptr),
        RecordData::Txt(_) => Some(RecordType::Txt),
    }
}

/// The name and behind it the data.
pub(super) fn pack(name: &str, data: &RecordData) -> Vec<u8> {
    let mut octets = Vec::with_capacity(name.len() + length(data));
    octets.extend_from_slice(name.as_bytes());
    match data {
        RecordData::None => {}
        RecordData::A(addresses) => {
            octets.extend(addresses.iter().flat_map(Ipv4Addr::octets));
        }
        RecordData::Aaaa(addresses) => {
            octets.extend(addresses.iter().flat_map(Ipv6Addr::octets));
        }
        RecordData::Mx(records) => {
            for record in records {
                octets.extend_from_slice(&record.preference.to_le_bytes());
                push_name(&mut octets, record.exchange.as_ref());
            }
        }
        RecordData::Ptr(names) => {
            for name in names {
                push_name(&mut octets, Some(name));
            }
        }
        RecordData::Txt(records) => {
            for record in records {
                // More strings than 4,294,967,295 have no place in memory beside their octets.
                let count = u32::try_from(record.lengths.len()).unwrap_or(u32::MAX);
                octets.extend_from_slice(&count.to_le_bytes());
                octets.extend_from_slice(&record.lengths);
                octets.extend_from_slice(&record.octets);
            }
        }
    }
    octets
}

fn length(data: &RecordData) -> usize {
    let of_name = |name: &Domain| name.as_str().len() + 1;
    match data {
        RecordData::None => 0,
        RecordData::A(addresses) => addresses.len() * 4,
        RecordData::Aaaa(addresses) => addresses.len() * 16,
        RecordData::Mx(records) => {
            let of_record = |mx: &MxRecord| mx.exchange.as_ref().map_or(1, of_name) + 2;
            records.iter().map(of_record).sum()
        }
        RecordData::Ptr(names) => names.iter().map(of_name).sum(),
        RecordData::Txt(records) => records
            .iter()
            .map(|record| COUNT_OCTETS + record.lengths.len() + record.octets.len())
            .sum(),
    }
}

/// No name is written as an empty one.
fn push_name(octets: &mut Vec<u8>, name: Option<&Domain>) {
    let name = name.map_or("", Domain::as_str);
    octets.push(u8::try_from(name.len()).unwrap_or_default());
    octets.extend_from_slice(name.as_bytes());
}

/// One text record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    octets: &'a [u8],
    lengths: &'a [u8],
}

impl<'a> Text<'a> {
    /// The strings joined without anything between them (RFC 7208 §3.3, RFC 6376 §3.6.2.2).
    pub const fn joined(self) -> &'a [u8] {
        self.octets
    }

    /// The character-strings one by one.
    pub fn strings(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.octets;
        self.lengths.iter().map(move |length| {
            let length = usize::from(*length);
            let (string, tail) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = tail;
            string
        })
    }
}

/// Text records, in the answer's order.
#[derive(Clone, Debug)]
pub struct Texts<'a> {
    rest: &'a [u8],
}

impl<'a> Texts<'a> {
    pub(super) const fn new(packed: &'a [u8]) -> Self {
        Self { rest: packed }
    }

    /// The joined octets of each.
    pub fn joined(self) -> impl Iterator<Item = &'a [u8]> {
        self.map(Text::joined)
    }
}

impl<'a> Iterator for Texts<'a> {
    type Item = Text<'a>;

    fn next(&mut self) -> Option<Text<'a>> {
        let (count, rest) = self.rest.split_first_chunk::<COUNT_OCTETS>()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let (lengths, rest) = rest.split_at_checked(count)?;
        let length = lengths.iter().map(|length| usize::from(*length)).sum();
        let (octets, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Text { octets, lengths })
    }
}

/// Names one after the other; an empty one is `None`.
pub(super) struct Names<'a> {
    rest: &'a [u8],
}

impl<'a> Names<'a> {
    pub(super) const fn new(packed: &'a [u8]) -> Self {
        Self { rest: packed }
    }
}

impl Iterator for Names<'_> {
    type Item = Option<Domain>;

    fn next(&mut self) -> Option<Option<Domain>> {
        let (length, rest) = self.rest.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        self.rest = rest;
        let name = std::str::from_utf8(name).ok();
        Some(name.filter(|name| !name.is_empty()).map(Domain::of_valid))
    }
}

/// Mail exchangers, in the answer's order.
pub(super) fn exchanges(packed: &[u8]) -> impl Iterator<Item = MxRecord> {
    let mut names = Names::new(packed);
    std::iter::from_fn(move || {
        let (preference, rest) = names.rest.split_first_chunk::<2>()?;
        names.rest = rest;
        Some(MxRecord {
            preference: u16::from_le_bytes(*preference),
            exchange: names.next()?,
        })
    })
}

//! Record data as a zone file writes it (RFC 1035 §5.1), and back: what a row's `data` holds.
//!
//! Every octet survives the way there and back, also the borders between the strings of a text record.

use std::fmt::Write as _;

use mailauth_core::dns::{MxRecord, RecordData, RecordType, TxtRecord};
use mailauth_core::domain::Domain;

/// Octets that a zone file gives a meaning of their own (RFC 1035 §5.1), outside quotes.
const SPECIAL: &[u8] = b"\"\\;()@$ ";

/// The data and its texts, both in the order of the texts: a set has none, and a replay must find the same one.
pub(super) fn sorted(data: RecordData) -> (RecordData, Vec<String>) {
    match data {
        RecordData::None => (RecordData::None, Vec::new()),
        RecordData::A(records) => rearranged(records, ToString::to_string, RecordData::A),
        RecordData::Aaaa(records) => rearranged(records, ToString::to_string, RecordData::Aaaa),
        RecordData::Mx(records) => rearranged(records, mx_text, RecordData::Mx),
        RecordData::Ptr(records) => rearranged(records, host_text, RecordData::Ptr),
        RecordData::Txt(records) => rearranged(records, txt_text, RecordData::Txt),
    }
}

/// The records as a zone file writes them, sorted.
pub fn texts(data: &RecordData) -> Vec<String> {
    sorted(data.clone()).1
}

fn rearranged<T>(
    records: Vec<T>,
    text: fn(&T) -> String,
    data: fn(Vec<T>) -> RecordData,
) -> (RecordData, Vec<String>) {
    let mut pairs: Vec<(String, T)> = records
        .into_iter()
        .map(|record| (text(&record), record))
        .collect();
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    let (texts, records) = pairs.into_iter().unzip();
    (data(records), texts)
}

fn mx_text(record: &MxRecord) -> String {
    let host = record
        .exchange
        .as_ref()
        .map_or_else(|| ".".to_owned(), host_text);
    format!("{} {host}", record.preference)
}

fn host_text(name: &Domain) -> String {
    let mut text = String::with_capacity(name.as_str().len() + 1);
    for character in name.as_str().chars() {
        if u8::try_from(character).is_ok_and(|octet| SPECIAL.contains(&octet)) {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('.');
    text
}

fn txt_text(record: &TxtRecord) -> String {
    let mut text = String::with_capacity(record.joined().len() + 8);
    for (index, string) in record.strings().enumerate() {
        text.push_str(if index == 0 { "\"" } else { " \"" });
        for octet in string {
            push_octet(&mut text, *octet);
        }
        text.push('"');
    }
    text
}

fn push_octet(text: &mut String, octet: u8) {
    match octet {
        b'"' | b'\\' => {
            text.push('\\');
            text.push(char::from(octet));
        }
        b' '..=b'~' => text.push(char::from(octet)),
        // RFC 1035 §5.1: \DDD is the octet with this decimal number. Writing to a String does not fail.
        _ => drop(write!(text, "\\{octet:03}")),
    }
}

/// The records that these texts stand for.
///
/// # Errors
/// What is wrong with the first text that cannot be read.
pub(super) fn read(record_type: RecordType, texts: &[String]) -> Result<RecordData, &'static str> {
    Ok(match record_type {
        RecordType::A => {
            RecordData::A(all(texts, "not an IPv4 address", |text| text.parse().ok())?)
        }
        RecordType::Aaaa => {
            RecordData::Aaaa(all(texts, "not an IPv6 address", |text| text.parse().ok())?)
        }
        RecordType::Mx => RecordData::Mx(all(texts, "not a preference and a host", mx)?),
        RecordType::Ptr => RecordData::Ptr(all(texts, "not a host", host)?),
        RecordType::Txt => RecordData::Txt(all(texts, "not a text record", txt)?),
        _ => return Err("a type without a reader"),
    })
}

fn all<T>(
    texts: &[String],
    problem: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, &'static str> {
    texts.iter().map(|text| read(text).ok_or(problem)).collect()
}

fn mx(text: &str) -> Option<MxRecord> {
    let (preference, host_text) = text.split_once(' ')?;
    Some(MxRecord {
        preference: preference.parse().ok()?,
        // RFC 7505 §3: the root stands for "no mail"; a name that cannot be asked for is kept in the same form.
        exchange: host(host_text.trim_start()),
    })
}

fn host(text: &str) -> Option<Domain> {
    let mut octets = text.bytes();
    let mut name = String::with_capacity(text.len());
    while let Some(octet) = octets.next() {
        let octet = if octet == b'\\' {
            escaped(&mut octets).filter(|octet| *octet != b'.')?
        } else {
            octet
        };
        name.push(char::from(octet));
    }
    Domain::parse_ascii(&name)
}

/// The strings of one text record: quoted, or bare as some exports write them.
fn txt(text: &str) -> Option<TxtRecord> {
    let mut strings: Vec<Vec<u8>> = Vec::new();
    let mut octets = text.bytes();
    while let Some(first) = octets.next() {
        match first {
            b' ' | b'\t' => {}
            b'"' => strings.push(quoted(&mut octets)?),
            _ => strings.push(bare(first, &mut octets)?),
        }
    }
    Some(TxtRecord::from_strings(strings.iter().map(Vec::as_slice)))
}

fn quoted(octets: &mut impl Iterator<Item = u8>) -> Option<Vec<u8>> {
    let mut string = Vec::new();
    loop {
        match octets.next()? {
            b'"' => return Some(string),
            b'\\' => string.push(escaped(octets)?),
            octet => string.push(octet),
        }
    }
}

fn bare(first: u8, octets: &mut impl Iterator<Item = u8>) -> Option<Vec<u8>> {
    let mut string = Vec::new();
    let mut next = Some(first);
    while let Some(octet) = next {
        match octet {
            b' ' | b'\t' => break,
            b'\\' => string.push(escaped(octets)?),
            _ => string.push(octet),
        }
        next = octets.next();
    }
    Some(string)
}

/// RFC 1035 §5.1: behind a backslash three digits are an octet's number, anything else is itself.
fn escaped(octets: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let first = octets.next()?;
    if !first.is_ascii_digit() {
        return Some(first);
    }
    let mut number = u16::from(first - b'0');
    for _ in 0..2 {
        let digit = octets.next().filter(u8::is_ascii_digit)?;
        number = number * 10 + u16::from(digit - b'0');
    }
    u8::try_from(number).ok()
}

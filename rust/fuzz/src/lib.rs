//! What the targets share: a world in which one TXT record stands at every name, so that a record's parser and its
//! evaluation are both reached by the protocol's public door.
#![forbid(unsafe_code)]

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use mailauth_core::dns::{
    Answer, Entry, Lookup, MxRecord, Question, RecordData, RecordType, TxtRecord,
};
use mailauth_core::message::Message;
use mailauth_core::policy::Policy;

/// A time that every target judges at; RFC 9989 is in force.
pub const NOW: i64 = 1_800_000_000;

/// The policy of every target.
pub static POLICY: LazyLock<Policy> = LazyLock::new(Policy::default);

/// Answers every question: TXT with the input, the other types with something that can be asked on.
pub struct EveryName(Vec<u8>);

impl EveryName {
    /// Every name has this one TXT record.
    pub fn with_record(octets: &[u8]) -> Self {
        Self(octets.to_vec())
    }
}

impl Lookup for EveryName {
    fn look_up(&self, question: &Question) -> Option<Entry> {
        let data = match question.record_type {
            RecordType::A => RecordData::A(vec![Ipv4Addr::new(192, 0, 2, 1)]),
            RecordType::Aaaa => RecordData::Aaaa(vec![Ipv6Addr::LOCALHOST]),
            RecordType::Mx => RecordData::Mx(vec![MxRecord {
                preference: 10,
                exchange: Some(question.name.clone()),
            }]),
            RecordType::Ptr => RecordData::Ptr(vec![question.name.clone()]),
            _ => RecordData::Txt(vec![TxtRecord::from_strings([self.0.as_slice()])]),
        };
        Some(Entry::new(&Answer::found(data)))
    }
}

/// The record before the first NUL, and the message after it.
pub fn record_and_message(input: &[u8]) -> (EveryName, Message) {
    let mut parts = input.splitn(2, |octet| *octet == 0);
    let (record, message) = (parts.next(), parts.next());
    (
        EveryName::with_record(record.unwrap_or_default()),
        Message::parse(Bytes::copy_from_slice(message.unwrap_or_default())),
    )
}

//! A message: the fields and the body are its octets, nothing lost and nothing twice (RFC 5322 §2.1).
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use mailauth_core::header_facts::{date, message_id, received_at};
use mailauth_core::message::Message;

fuzz_target!(|octets: &[u8]| {
    let message = Message::parse(Bytes::copy_from_slice(octets));
    assert!(octets.ends_with(message.body()));
    let length = |field| message.raw(field).len();
    let raw: usize = message.fields().iter().map(length).sum();
    let line_ends = 2 * message.fields().len();
    assert!((raw..=raw + line_ends).contains(&message.header().len()));
    let _ = (date(&message), message_id(&message), received_at(&message));
});

//! A header: RFC 9989 §5.3.1 finds an author domain or a reason, never both.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use mailauth_core::author::author;
use mailauth_core::message::Message;

fuzz_target!(|value: &[u8]| {
    let octets = [b"From: ", value].concat();
    let author = author(&Message::parse(Bytes::from(octets)));
    assert_ne!(author.domain.is_some(), author.reason.is_some());
});

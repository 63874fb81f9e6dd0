//! A field's value: RFC 8601 §2.2 is read without a panic; what is stripped for its authserv-id (RFC 8601 §5) is gone.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use mailauth_core::authentication_results::{RESULT_LIMIT, parse, parse_arc, strip};
use mailauth_core::message::Message;

const NAME: &[u8] = b"Authentication-Results";

fuzz_target!(|value: &[u8]| {
    assert!(parse(value).results.len() <= RESULT_LIMIT);
    parse_arc(value);
    let octets = [NAME, b": ", value].concat();
    let stripped = strip(&octets, &["example.com"]);
    assert_eq!(strip(&stripped, &["example.com"]), stripped);
    let message = Message::parse(Bytes::from(stripped));
    for field in message.fields_named(NAME) {
        let authserv_id = parse(message.value(field)).authserv_id;
        assert_ne!(authserv_id.as_deref(), Some("example.com"));
    }
});

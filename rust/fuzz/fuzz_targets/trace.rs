//! A header: RFC 5321 §4.4 gives no client without trust, and nothing below the border's field changes the envelope.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use mailauth_core::envelope::Envelope;
use mailauth_core::message::Message;
use mailauth_core::policy::Policy;
use mailauth_core::trace::{Trust, recover};
use mailauth_fuzz::POLICY;

const BORDER: &[u8] = b"Received: from c.example (r.example [192.0.2.77])\r\n\tby mx.example.net (Postfix) with ESMTP id 1; 12 Nov 2019 10:11:12 +0000\r\nX: ";

static TRUSTING: LazyLock<Policy> = LazyLock::new(|| Policy {
    trust: Trust::parse(&["by:.example.net", "net:10.0.0.0/8"]).unwrap_or_default(),
    ..Policy::default()
});

fn recovered(octets: &[u8], policy: &Policy) -> Envelope {
    let message = Message::parse(Bytes::copy_from_slice(octets));
    let mut envelope = Envelope::default();
    recover(&message, &mut envelope, policy);
    envelope
}

fuzz_target!(|octets: &[u8]| {
    assert_eq!(recovered(octets, &POLICY).client_ip, None);
    let _ = recovered(octets, &TRUSTING);
    let below = recovered(&[BORDER, octets].concat(), &TRUSTING);
    assert_eq!(below, recovered(BORDER, &TRUSTING));
});

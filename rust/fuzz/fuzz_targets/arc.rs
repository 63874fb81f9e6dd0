//! ARC fields after a NUL, the key record before it: RFC 8617 §5.2 ends for every chain.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailauth_core::arc::Chain;
use mailauth_core::dkim::BodyHashes;
use mailauth_core::dns::Answers;
use mailauth_fuzz::{NOW, POLICY, record_and_message};

fuzz_target!(|input: &[u8]| {
    let (zone, message) = record_and_message(input);
    let answers = Answers::new(&zone);
    let mut bodies = BodyHashes::default();
    let verdict =
        Chain::parse(&message).evaluate(&answers, &message, &mut bodies, &POLICY, Some(NOW));
    assert!(verdict.is_ok(), "every answer is there");
});

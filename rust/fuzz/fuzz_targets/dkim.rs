//! DKIM-Signature fields after a NUL, the key record before it: RFC 6376 §6.1 ends for each, and a replay says the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailauth_core::dkim::{BodyHashes, Signatures};
use mailauth_core::dns::Answers;
use mailauth_core::domain::Domain;
use mailauth_fuzz::{NOW, POLICY, record_and_message};

fuzz_target!(|input: &[u8]| {
    let (zone, message) = record_and_message(input);
    let answers = Answers::new(&zone);
    let author = Domain::parse_ascii("example.com");
    let mut bodies = BodyHashes::default();
    let mut signatures = Signatures::parse(&message);
    let mut words = || {
        let (now, author) = (Some(NOW), author.as_ref());
        let verdicts = signatures.evaluate(&answers, &message, &mut bodies, &POLICY, now, author);
        let verdicts = verdicts.expect("every answer is there");
        verdicts
            .iter()
            .map(|verdict| (verdict.result, verdict.reason))
            .collect::<Vec<_>>()
    };
    assert_eq!(words(), words());
});

//! A TXT record at every name: RFC 7208 §4 ends with a result within its limits.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use mailauth_core::dns::Answers;
use mailauth_core::envelope::Envelope;
use mailauth_core::spf::{check_helo, check_mail_from};
use mailauth_fuzz::{EveryName, NOW, POLICY};

fuzz_target!(|record: &[u8]| {
    let zone = EveryName::with_record(record);
    let answers = Answers::new(&zone);
    let envelope = Envelope {
        client_ip: Some(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7))),
        helo: Some("mx.example.net".into()),
        mail_from: Some("local.part+tag@example.com".into()),
        ..Envelope::default()
    };
    let verdict = check_mail_from(&answers, &envelope, &POLICY, Some(NOW));
    let verdict = verdict.expect("every answer is there");
    // RFC 7208 §4.6.4: ten terms that ask; the eleventh is counted and ends the evaluation.
    assert!(verdict.dns_lookups <= 11 && verdict.void_lookups <= 3);
    assert!(check_helo(&answers, &envelope, &POLICY, Some(NOW)).is_ok());
});

//! A TXT record at every name: policy discovery (RFC 9989 §4.10) ends with a verdict.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use mailauth_core::author::author;
use mailauth_core::dmarc::evaluate;
use mailauth_core::dns::Answers;
use mailauth_core::envelope::Envelope;
use mailauth_core::message::Message;
use mailauth_core::policy::RFC_9989_FROM;
use mailauth_core::spf::check_mail_from;
use mailauth_fuzz::{EveryName, NOW, POLICY};

fuzz_target!(|record: &[u8]| {
    let zone = EveryName::with_record(record);
    let answers = Answers::new(&zone);
    let header = Bytes::from_static(b"From: a@a.b.c.example.com\r\n\r\n");
    let author = author(&Message::parse(header));
    let spf = check_mail_from(&answers, &Envelope::default(), &POLICY, Some(NOW));
    let spf = spf.expect("every answer is there");
    for judged_at in [NOW, RFC_9989_FROM - 1] {
        let verdict = evaluate(&answers, &author, &spf, &[], &POLICY, Some(judged_at));
        assert!(verdict.is_ok(), "every answer is there");
    }
});

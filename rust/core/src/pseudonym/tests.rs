use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::arc::{ArcReason, ArcResult, ArcVerdict, Sealer};
use crate::author::author;
use crate::dkim::testing::blank_verdict;
use crate::message::Message;
use crate::spf::{SpfHeloVerdict, SpfReason, SpfResult, SpfVerdict};
use crate::verdict::ErrorReason;

const KEY: &[u8] = b"0123456789abcdef";

fn pseudonyms() -> Pseudonyms {
    Pseudonyms::new(KEY).unwrap()
}

fn spf(domain: &str, explanation: &str) -> SpfVerdict {
    SpfVerdict {
        result: SpfResult::Fail,
        identity: "mail_from",
        domain: Some(domain.into()),
        reason: SpfReason::NoRecord,
        mechanism: Some("exists:%{l}.example.net".to_owned()),
        explanation: Some(explanation.to_owned()),
        dns_lookups: 1,
        void_lookups: 0,
        limits: Vec::new(),
    }
}

/// A row that names `local` wherever a row can name somebody.
fn row(local: &str, domain: &str) -> Verdict {
    let mailbox = format!("{local}@{domain}");
    let mut row = Verdict::failed("inbox.mbox:0".to_owned(), 1, ErrorReason::Unreadable);
    let from = format!("From: \"{local}\" <{mailbox}>\r\n\r\n");
    row.error = None;
    row.author = Some(author(&Message::parse(from.into())));
    row.message_id = Some(format!("<{local}@{domain}>"));
    row.envelope.mail_from = Some(mailbox.clone());
    row.envelope.helo = Some(mailbox.clone());
    row.envelope.auth_id = Some(local.to_owned());
    row.envelope.protocol = Some(mailbox.to_uppercase());
    row.envelope.rcpt_to = vec![mailbox.to_uppercase(), format!("<{mailbox}> NOTIFY=NEVER")];
    row.spf = Some(spf(&mailbox, &format!("no {local} here")));
    row.spf_helo = Some(SpfHeloVerdict {
        result: SpfResult::None,
        domain: Some(mailbox.as_str().into()),
        reason: SpfReason::NoRecord,
        limits: Vec::new(),
    });
    let mut signature = blank_verdict();
    signature.auid = Some(mailbox.as_str().into());
    signature.domain = Some(mailbox.as_str().into());
    signature.selector = Some(mailbox.as_str().into());
    signature.signed_headers = [&b"from"[..], mailbox.as_bytes()].into_iter().collect();
    row.dkim = vec![signature];
    row.arc = Some(ArcVerdict {
        result: ArcResult::Fail,
        reason: ArcReason::NoSets,
        instances: 1,
        oldest_pass: None,
        sealers: vec![Sealer {
            instance: 1,
            domain: Some(mailbox.as_str().into()),
            selector: Some(mailbox.into()),
        }],
    });
    row.authentication_results = Some(write(&row, "mx.example"));
    row
}

fn json(row: &Verdict) -> Value {
    serde_json::to_value(row).unwrap()
}

#[test]
fn the_key_minimum_at_n_minus_1_n_and_n_plus_1() {
    for (length, is_enough) in [(15, false), (16, true), (17, true)] {
        assert_eq!(Pseudonyms::new(&vec![7; length]).is_some(), is_enough);
    }
}

#[test]
fn the_same_mailbox_has_the_same_pseudonym_and_every_other_another() {
    let of = |text: &str| pseudonyms().mailbox(text);
    let joe = of("joe@example.net");
    let (hash, domain) = joe.split_once('@').unwrap();
    assert_eq!((hash.len(), domain), (16, "example.net"));
    assert_eq!(of("JOE@example.net"), joe);
    assert_eq!(of("Joe@EXAMPLE.net"), format!("{hash}@EXAMPLE.net"));
    let others = [
        "joe@example.com",
        "joes@example.net",
        "joe@[192.0.2.1]",
        "joe",
    ];
    assert!(others.iter().all(|other| !of(other).starts_with(hash)));
    let other_key = Pseudonyms::new(b"another key of 27 octets.. ").unwrap();
    assert_ne!(other_key.mailbox("joe@example.net"), joe);
}

#[test]
fn domains_literals_and_nobody_stay() {
    let of = |text: &str| pseudonyms().mailbox(text);
    assert_eq!(of(""), "");
    assert_eq!(of("@example.net"), "@example.net");
    assert!(of("joe@[192.0.2.1]").ends_with("@[192.0.2.1]"));
    assert!(of("joe@[IPv6:2001:db8::1]").ends_with("@[IPv6:2001:db8::1]"));
    assert!(of("@relay.example:joe@example.net").ends_with("@example.net"));
    assert!(!of("@relay.example:joe@example.net").contains("joe"));
    // What is behind the @ may hold anything: then nothing of it stays.
    assert_eq!(of("a@example.net (joe)").len(), 16);
    assert_eq!(of("a@[joe]").len(), 16);
}

#[test]
fn what_is_published_or_counted_stays() {
    let before = row("joe.public", "example.net");
    let after = pseudonyms().replace(&before);
    let (before, after) = (json(&before), json(&after));
    for path in [
        "/id",
        "/size",
        "/author/domain",
        "/spf/result",
        "/spf/mechanism",
        "/dkim/0/result",
        "/arc/instances",
        "/envelope/sources",
    ] {
        assert_eq!(before.pointer(path), after.pointer(path), "{path}");
    }
}

#[test]
fn authentication_results_are_written_anew() {
    let mut before = row("joe.public", "example.net");
    before.dkim[0].domain = Some("example.net".into());
    before.authentication_results = Some(write(&before, "mx.example"));
    let text = before.authentication_results.clone().unwrap();
    assert!(text.contains("header.i=joe.public@example.net"), "{text}");
    let after = pseudonyms().replace(&before);
    let identity = pseudonyms().mailbox("joe.public@example.net");
    let expected = text.replace("joe.public@example.net", &identity);
    assert_eq!(after.authentication_results, Some(expected));
}

proptest! {
    #[test]
    fn no_local_part_is_found_anywhere_in_a_row(local in "[g-z]{8,20}([.+_-][a-z]{1,9})?", host in "[a-f]{1,6}") {
        let domain = format!("{host}.example");
        let before = row(&local, &domain);
        prop_assert!(json(&before).to_string().contains(&local));
        let text = json(&pseudonyms().replace(&before)).to_string().to_lowercase();
        prop_assert!(!text.contains(&local), "{}", text);
        prop_assert!(text.contains(&domain));
    }

    #[test]
    fn any_text_is_replaced_or_empty(text in any::<String>()) {
        let hidden = pseudonyms().mailbox(&text);
        prop_assert_eq!(hidden.is_empty(), text.is_empty());
        prop_assert_eq!(&pseudonyms().mailbox(&text), &hidden);
    }
}

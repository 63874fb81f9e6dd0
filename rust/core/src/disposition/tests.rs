use bytes::Bytes;

use super::*;
use crate::arc::{ArcReason, Sealer};
use crate::author;
use crate::dmarc;
use crate::dns::{Answers, StaticZone};
use crate::envelope::Envelope;
use crate::spf::{SpfResult, SpfVerdict, check_mail_from};

fn message(header: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(header.as_bytes()))
}

/// DMARC of a message that nothing authenticates, under a record of example.com.
fn dmarc(message: &Message, record: &str, policy: &Policy) -> DmarcVerdict {
    let json = format!(r#"{{"_dmarc.example.com": {{"TXT": ["{record}"]}}}}"#);
    let zone = StaticZone::from_json(&json, "test").unwrap();
    let answers = Answers::new(&zone);
    let spf = check_mail_from(&answers, &Envelope::default(), policy, None).unwrap();
    let spf = SpfVerdict {
        result: SpfResult::Fail,
        domain: Some("example.net".into()),
        ..spf
    };
    dmarc::evaluate(&answers, &author::author(message), &spf, &[], policy, None).unwrap()
}

fn arc(result: ArcResult, sealers: &[&str]) -> ArcVerdict {
    let sealers: Vec<_> = sealers
        .iter()
        .zip(1..)
        .map(|(domain, instance)| Sealer {
            instance,
            domain: Some((*domain).into()),
            selector: None,
        })
        .collect();
    ArcVerdict {
        result,
        reason: ArcReason::NoSets,
        instances: 0,
        oldest_pass: None,
        sealers,
    }
}

fn under(rules: Rules) -> Policy {
    Policy {
        rules,
        ..Policy::default()
    }
}

/// Action, override and reason.
fn decided(header: &str, record: &str, policy: &Policy, arc: &ArcVerdict) -> String {
    let message = message(header);
    let dmarc = dmarc(&message, record, policy);
    let found = decide(&dmarc, arc, &message, policy);
    assert_eq!(found.smtp_reply.is_some(), found.action == Action::Reject);
    format!(
        "{} {} {}",
        found.action.as_str(),
        found.override_type.unwrap_or("-"),
        found.reason.code()
    )
}

const FROM: &str = "From: a@example.com\r\nSubject: x\r\n\r\n";

#[test]
fn rfc9989_7_4_reject_on_the_policy_alone_is_quarantine() {
    let plain = under(Rules::Rfc9989);
    let bold = Policy {
        reject_on_policy_alone: true,
        ..plain.clone()
    };
    let none = arc(ArcResult::None, &[]);
    for (record, policy, expected) in [
        (
            "v=DMARC1; p=reject",
            &plain,
            "quarantine local_policy reject-needs-evidence",
        ),
        ("v=DMARC1; p=reject", &bold, "reject - published-policy"),
        (
            "v=DMARC1; p=reject",
            &under(Rules::Rfc7489),
            "reject - published-policy",
        ),
        (
            "v=DMARC1; p=quarantine",
            &plain,
            "quarantine - published-policy",
        ),
        ("v=DMARC1; p=none", &plain, "none - published-policy"),
        ("v=DMARC1; p=none; t=y", &plain, "none - published-policy"),
        (
            "v=DMARC1; p=quarantine; t=y",
            &plain,
            "none policy_test_mode policy-test-mode",
        ),
        (
            "v=DMARC1; p=reject; t=y",
            &bold,
            "quarantine policy_test_mode policy-test-mode",
        ),
        (
            "v=DMARC1; p=reject; pct=0",
            &bold,
            "reject - published-policy",
        ),
        ("junk", &plain, "none - no-failure"),
    ] {
        assert_eq!(decided(FROM, record, policy, &none), expected, "{record}");
    }
}

#[test]
fn rfc7489_6_6_4_an_unselected_message_gets_the_next_lower_policy() {
    let policy = under(Rules::Rfc7489);
    let none = arc(ArcResult::None, &[]);
    let share = share(&message(FROM));
    let record = |word, percent| format!("v=DMARC1; p={word}; pct={percent}");
    for (word, percent, expected) in [
        ("reject", share, "quarantine sampled_out sampled-out"),
        ("reject", share + 1, "reject - published-policy"),
        ("quarantine", share, "none sampled_out sampled-out"),
        ("quarantine", share + 1, "quarantine - published-policy"),
        ("none", 0, "none - published-policy"),
        ("reject", 100, "reject - published-policy"),
        ("reject", 0, "quarantine sampled_out sampled-out"),
    ] {
        assert_eq!(
            decided(FROM, &record(word, percent), &policy, &none),
            expected,
            "{word} {percent}"
        );
    }
}

#[test]
fn the_share_depends_on_the_header_section_with_crlf() {
    let crlf = "From: a@example.com\r\nSubject: x\r\n y\r\n\r\nbody";
    let lf = "From: a@example.com\nSubject: x\n y\n\nanother body";
    assert_eq!(share(&message(crlf)), share(&message(lf)));
    let mut hash = Sha256::new();
    hash.update(b"From: a@example.com\r\nSubject: x\r\n y\r\n");
    let digest = hash.finish();
    let first = u64::from_be_bytes(digest[..8].try_into().unwrap());
    assert_eq!(share(&message(lf)), first % 100);
    let shares: Vec<u64> = (0..1000)
        .map(|number| {
            share(&message(&format!(
                "From: a@example.com\r\nSubject: {number}\r\n\r\n"
            )))
        })
        .collect();
    let below_half = shares.iter().filter(|share| **share < 50).count();
    assert!((420..580).contains(&below_half), "{below_half}");
}

#[test]
fn rfc8617_7_2_1_only_chains_of_trusted_sealers_override() {
    let policy = Policy {
        trusted_sealers: vec!["list.example".to_owned(), "mx.example".to_owned()],
        ..under(Rules::Rfc9989)
    };
    let believed = "none local_policy trusted-arc-chain";
    let refused = "quarantine - published-policy";
    let with_assessment = |text: &str| format!("ARC-Authentication-Results: {text}\r\n{FROM}");
    let failed = "i = 1 (x); mx (y;); spf=\"a;b\"; DMARC/1 = fail (p=none) header.from=a.example";
    let check = |header: &str, result, sealers: &[&str], expected: &str| {
        let found = decided(
            header,
            "v=DMARC1; p=quarantine",
            &policy,
            &arc(result, sealers),
        );
        assert_eq!(found, expected, "{header} {sealers:?}");
    };
    let pass = ArcResult::Pass;
    check(FROM, pass, &["mx.example", "List.example"], believed);
    check(FROM, pass, &["mx.example", "attack.example"], refused);
    check(FROM, pass, &["attack.example"], refused);
    check(FROM, pass, &[], refused);
    check(FROM, ArcResult::Fail, &["mx.example"], refused);
    check(
        &with_assessment("i=1; mx; dmarc=pass"),
        pass,
        &["mx.example"],
        believed,
    );
    check(
        &with_assessment("i=2; mx; dmarc=fail"),
        pass,
        &["mx.example"],
        believed,
    );
    let in_comment = with_assessment("i=1; mx; spf=fail (dmarc=fail)");
    check(&in_comment, pass, &["mx.example"], believed);
    check(&with_assessment(failed), pass, &["mx.example"], refused);
    let empty = under(Rules::Rfc9989);
    let chain = arc(ArcResult::Pass, &["mx.example"]);
    assert_eq!(
        decided(FROM, "v=DMARC1; p=quarantine", &empty, &chain),
        refused
    );
}

#[test]
fn rfc9989_11_5_several_authors_get_the_strictest_policy_and_no_trust() {
    let policy = Policy {
        trusted_sealers: vec!["mx.example".to_owned()],
        ..under(Rules::Rfc9989)
    };
    let chain = arc(ArcResult::Pass, &["mx.example"]);
    let several = "From: a@x.example, b@example.com\r\n\r\n";
    let twice = "From: a@example.com\r\nFrom: b@example.com\r\n\r\n";
    let broken = "From: a@example.com,b\r\n\r\n";
    for (header, expected) in [
        (several, "quarantine - published-policy"),
        (twice, "quarantine - published-policy"),
        (broken, "none - not-determined"),
        ("Subject: x\r\n\r\n", "none - no-failure"),
    ] {
        assert_eq!(
            decided(header, "v=DMARC1; p=quarantine", &policy, &chain),
            expected,
            "{header}"
        );
    }
}

#[test]
fn rfc9989_7_2_replies_name_dmarc_and_their_code() {
    assert!(
        Action::Reject
            .smtp_reply()
            .unwrap()
            .starts_with("550 5.7.1 ")
    );
    assert!(
        Action::Defer
            .smtp_reply()
            .unwrap()
            .starts_with("451 4.7.1 ")
    );
    for action in [Action::None, Action::Quarantine, Action::Accept] {
        assert_eq!(action.smtp_reply(), None);
    }
}

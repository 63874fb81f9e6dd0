//! ARC from octets and answers to verdicts.

mod structure;

use bytes::Bytes;

use super::*;
use crate::crypto::HashAlgorithm;
use crate::dkim::testing::{BODY, HEADER, TestKey, sign_field, zone};
use crate::dns::{Outcome, StaticZone};
use crate::message::FIELD_LIMIT;

const AMS_TAGS: &str =
    "a=rsa-sha256; c=relaxed/relaxed; d=sealer.example; s=ams; t=1000; h=from:to:subject";

/// How one set of a chain is made.
#[derive(Clone)]
struct Link {
    results: String,
    message_signature_tags: String,
    seal_tags: String,
}

impl Link {
    fn new(instance: u32) -> Self {
        let status = if instance == 1 { "none" } else { "pass" };
        Self {
            results: format!("i={instance}; mx.example; none"),
            message_signature_tags: format!("i={instance}; {AMS_TAGS}"),
            seal_tags: format!(
                "i={instance}; a=rsa-sha256; cv={status}; d=seal{instance}.example; s=as; t=1000"
            ),
        }
    }
}

/// Appends sets to a message; the seals are made over plain text, so that no code under test is trusted.
fn seal(links: &[Link], message: &str) -> String {
    let key = TestKey::usual();
    let relaxed = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        format!("{}:{value}", name.to_ascii_lowercase())
    };
    let (mut text, mut sealed) = (message.to_owned(), String::new());
    for link in links {
        let signed = sign_field(
            &key,
            "ARC-Message-Signature",
            &link.message_signature_tags,
            &text,
        );
        let message_signature = signed.lines().next().unwrap();
        let results = format!("ARC-Authentication-Results: {}", link.results);
        sealed.extend([
            &*relaxed(&results),
            "\r\n",
            &*relaxed(message_signature),
            "\r\n",
        ]);
        let unsigned = format!("ARC-Seal: {}; b=", link.seal_tags);
        let input = format!("{sealed}{}", relaxed(&unsigned));
        let algorithm = if unsigned.contains("sha1") {
            HashAlgorithm::Sha1
        } else {
            HashAlgorithm::Sha256
        };
        let seal = format!("{unsigned}{}", key.sign(algorithm, input.as_bytes()));
        sealed.extend([&*relaxed(&seal), "\r\n"]);
        text = format!("{seal}\r\n{message_signature}\r\n{results}\r\n{text}");
    }
    text
}

fn links(count: u32) -> Vec<Link> {
    (1..=count).map(Link::new).collect()
}

fn chain(count: u32) -> String {
    seal(&links(count), &format!("{HEADER}\r\n{BODY}"))
}

fn keys() -> StaticZone {
    let record = TestKey::usual().record();
    let names: Vec<String> = (1..=60)
        .map(|instance| format!("as._domainkey.seal{instance}.example"))
        .chain(["ams._domainkey.sealer.example".to_owned()])
        .collect();
    let texts: &[&str] = &[&record];
    let records: Vec<(&str, &[&str])> = names.iter().map(|name| (name.as_str(), texts)).collect();
    zone(&records)
}

fn evaluate_at(
    text: &str,
    zone: &StaticZone,
    policy: &Policy,
    judged_at: Option<i64>,
) -> ArcVerdict {
    let message = Message::parse(Bytes::from(text.to_owned()));
    let mut bodies = BodyHashes::default();
    Chain::parse(&message)
        .evaluate(
            &Answers::new(zone),
            &message,
            &mut bodies,
            policy,
            judged_at,
        )
        .unwrap()
}

fn evaluate(text: &str, zone: &StaticZone) -> ArcVerdict {
    evaluate_at(text, zone, &Policy::default(), None)
}

fn reason(text: &str) -> ArcReason {
    evaluate(text, &keys()).reason
}

#[test]
fn rfc8617_5_2_a_chain_of_three_passes() {
    let verdict = evaluate(&chain(3), &keys());
    assert_eq!(
        (verdict.result, verdict.reason),
        (ArcResult::Pass, ArcReason::Verified)
    );
    assert_eq!((verdict.instances, verdict.oldest_pass), (3, Some(0)));
    let sealers: Vec<_> = verdict
        .sealers
        .iter()
        .map(|sealer| {
            (
                sealer.instance,
                sealer.domain.as_deref(),
                sealer.selector.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        sealers,
        [
            (1, Some("seal1.example"), Some("as")),
            (2, Some("seal2.example"), Some("as")),
            (3, Some("seal3.example"), Some("as")),
        ]
    );
    let lf = evaluate(&chain(3).replace("\r\n", "\n"), &keys());
    assert_eq!(lf.reason, ArcReason::Verified);
}

#[test]
fn rfc8617_5_1_1_seals_and_message_signatures_tell_what_the_key_signed() {
    let message = Message::parse(Bytes::from(chain(3)));
    let digests = crate::dkim::signed_digests(&message);
    let names: Vec<_> = digests
        .iter()
        .map(|found| found.key_name.as_str())
        .collect();
    assert_eq!(names[..3], ["ams._domainkey.sealer.example"; 3]);
    for (instance, name) in (1..=3).zip(&names[3..]) {
        assert_eq!(*name, format!("as._domainkey.seal{instance}.example"));
    }
    let key = TestKey::usual().public();
    assert_eq!(digests.len(), 6);
    for found in digests {
        assert!(key.verify(HashAlgorithm::Sha256, &found.digest, &found.signature));
    }
}

#[test]
fn rfc8617_5_2_no_sets_is_none() {
    let verdict = evaluate(&format!("{HEADER}\r\n{BODY}"), &keys());
    assert_eq!(
        (verdict.result, verdict.reason),
        (ArcResult::None, ArcReason::NoSets)
    );
    assert_eq!((verdict.instances, verdict.oldest_pass), (0, None));
}

#[test]
fn rfc8617_4_2_1_sets_at_49_50_and_51() {
    for (count, expected) in [
        (49, ArcReason::Verified),
        (50, ArcReason::Verified),
        (51, ArcReason::SetLimit),
    ] {
        let verdict = evaluate(&chain(count), &keys());
        assert_eq!(verdict.reason, expected, "{count}");
        assert_eq!(verdict.instances, count);
        assert_eq!(
            verdict.sealers.len(),
            usize::try_from(count.min(50)).unwrap()
        );
    }
}

#[test]
fn rfc8617_5_2_oldest_pass_is_the_instance_above_the_newest_failure() {
    for (broken, expected) in [(1, Some(2)), (2, Some(3)), (3, None)] {
        let mut links = links(3);
        let link = &mut links[broken - 1];
        link.message_signature_tags = link
            .message_signature_tags
            .replace("t=1000", "t=1000; x=1001");
        let text = seal(&links, &format!("{HEADER}\r\n{BODY}"));
        let verdict = evaluate_at(&text, &keys(), &Policy::default(), Some(5_000));
        assert_eq!(verdict.oldest_pass, expected, "{broken}");
        let is_newest = broken == 3;
        assert_eq!(
            verdict.reason,
            if is_newest {
                ArcReason::Expired
            } else {
                ArcReason::Verified
            }
        );
    }
}

#[test]
fn changed_octets_fail() {
    let text = chain(2);
    for (from, to, expected) in [
        ("Joe.", "Jim.", ArcReason::BodyHashMismatch),
        ("dinner", "supper", ArcReason::SignatureMismatch),
        (
            "i=1; mx.example; none",
            "i=1; mx.example; nope",
            ArcReason::SealMismatch,
        ),
        (
            "i=2; mx.example; none",
            "i=2; mx.example; nope",
            ArcReason::SealMismatch,
        ),
        (
            "seal1.example; s=as; t=1000",
            "seal1.example; s=as; t=1001",
            ArcReason::SealMismatch,
        ),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let verdict = evaluate(&changed, &keys());
        assert_eq!(
            (verdict.result, verdict.reason),
            (ArcResult::Fail, expected),
            "{from}"
        );
        assert_eq!((verdict.instances, verdict.oldest_pass), (2, None));
    }
}

#[test]
fn rfc8617_4_1_2_a_message_signature_may_sign_arc_fields_but_seals() {
    let with = |names: &str| {
        let mut links = links(2);
        links[1].message_signature_tags.push_str(names);
        reason(&seal(&links, &format!("{HEADER}\r\n{BODY}")))
    };
    assert_eq!(with(":arc-seal"), ArcReason::MessageSignatureCoversSeal);
    assert_eq!(with(":ARC-Seal"), ArcReason::MessageSignatureCoversSeal);
    assert_eq!(
        with(":arc-authentication-results:arc-message-signature"),
        ArcReason::Verified
    );
}

#[expect(clippy::too_many_lines, reason = "one table")]
#[test]
fn what_dns_says_of_keys_that_decide_and_of_others() {
    let older = {
        let mut links = links(2);
        links[0].message_signature_tags = links[0].message_signature_tags.replace("s=ams", "s=old");
        seal(&links, &format!("{HEADER}\r\n{BODY}"))
    };
    for (outcome, result, reason, oldest_pass) in [
        (
            Outcome::NxDomain,
            ArcResult::Fail,
            ArcReason::KeyUnavailable,
            Some(2),
        ),
        (
            Outcome::NoData,
            ArcResult::Fail,
            ArcReason::KeyUnavailable,
            Some(2),
        ),
        (
            Outcome::Unknown,
            ArcResult::Unverifiable,
            ArcReason::KeyUnavailable,
            None,
        ),
        (
            Outcome::Timeout,
            ArcResult::TempError,
            ArcReason::DnsTimeout,
            None,
        ),
        (
            Outcome::ServFail,
            ArcResult::TempError,
            ArcReason::DnsServFail,
            None,
        ),
        (
            Outcome::Lame,
            ArcResult::TempError,
            ArcReason::DnsError,
            None,
        ),
        (
            Outcome::OverBudget,
            ArcResult::Fail,
            ArcReason::DnsBudget,
            Some(2),
        ),
    ] {
        for name in [
            "ams._domainkey.sealer.example",
            "as._domainkey.seal1.example",
            "as._domainkey.seal2.example",
        ] {
            let mut zone = keys();
            zone.set_name(name, outcome);
            let verdict = evaluate(&older, &zone);
            assert_eq!((verdict.result, verdict.reason), (result, reason), "{name}");
        }
        let mut zone = keys();
        zone.set_name("old._domainkey.sealer.example", outcome);
        let verdict = evaluate(&older, &zone);
        assert_eq!(
            (verdict.result, verdict.oldest_pass),
            (ArcResult::Pass, oldest_pass)
        );
    }
}

#[test]
fn a_certain_failure_wins_over_a_fault_and_a_fault_over_the_unknown() {
    let text = chain(3);
    let mut zone = keys();
    zone.set_name("as._domainkey.seal1.example", Outcome::Unknown);
    assert_eq!(evaluate(&text, &zone).result, ArcResult::Unverifiable);
    zone.set_name("as._domainkey.seal3.example", Outcome::Timeout);
    assert_eq!(evaluate(&text, &zone).result, ArcResult::TempError);
    let changed = text.replacen("i=2; mx.example; none", "i=2; mx.example; nope", 1);
    assert_eq!(evaluate(&changed, &zone).reason, ArcReason::SealMismatch);
    zone.set_name("as._domainkey.seal2.example", Outcome::NxDomain);
    assert_eq!(evaluate(&text, &zone).reason, ArcReason::KeyUnavailable);
}

#[test]
fn key_sizes_algorithms_and_body_lengths_hold_here_too() {
    let message = format!("{HEADER}\r\n{BODY}");
    let historic = Policy {
        historic: true,
        ..Policy::default()
    };
    let strict = Policy {
        min_rsa_bits: 1025,
        ..Policy::default()
    };
    assert_eq!(
        evaluate_at(&chain(1), &keys(), &strict, None).reason,
        ArcReason::KeySize
    );
    let mut sha1 = links(2);
    sha1[0].seal_tags = sha1[0].seal_tags.replace("sha256", "sha1");
    let sha1 = seal(&sha1, &message);
    assert_eq!(reason(&sha1), ArcReason::RsaSha1);
    let verdict = evaluate_at(&sha1, &keys(), &historic, None);
    assert_eq!(
        (verdict.result, verdict.reason),
        (ArcResult::Pass, ArcReason::HistoricAlgorithm)
    );
    let mut partial = links(1);
    partial[0].message_signature_tags.push_str("; l=5");
    let partial = seal(&partial, &message);
    assert_eq!(reason(&partial), ArcReason::Verified);
    let whole = Policy {
        body_length: crate::policy::BodyLength::Whole,
        ..Policy::default()
    };
    assert_eq!(
        evaluate_at(&partial, &keys(), &whole, None).reason,
        ArcReason::BodyUncovered
    );
    let mut beyond = links(1);
    beyond[0].message_signature_tags.push_str("; l=5000");
    assert_eq!(
        reason(&seal(&beyond, &message)),
        ArcReason::BodyLengthBeyondBody
    );
}

#[test]
fn a_key_that_may_not_be_used_fails() {
    let record = TestKey::usual().record();
    let service = format!("{record}; s=tlsrpt");
    for (text, expected) in [
        ("v=DKIM1; p=", ArcReason::KeyUnusable),
        ("v=spf1 -all", ArcReason::KeyUnusable),
        (&*service, ArcReason::KeyUnusable),
    ] {
        let zone = zone(&[
            ("ams._domainkey.sealer.example", &[&record]),
            ("as._domainkey.seal1.example", &[text]),
        ]);
        assert_eq!(evaluate(&chain(1), &zone).reason, expected);
    }
}

#[test]
fn an_oversized_header_section_fails() {
    let text = chain(1).replacen(
        "From:",
        &format!("{}From:", "X: 1\r\n".repeat(FIELD_LIMIT)),
        1,
    );
    let verdict = evaluate(&text, &keys());
    assert_eq!(
        (verdict.result, verdict.reason),
        (ArcResult::Fail, ArcReason::LimitExceeded)
    );
    assert_eq!(verdict.instances, 1);
}

#[test]
fn all_keys_are_asked_for_at_once() {
    struct Nothing;
    impl crate::dns::Lookup for Nothing {
        fn look_up(&self, _: &crate::dns::Question) -> Option<crate::dns::Entry> {
            None
        }
    }
    let message = Message::parse(Bytes::from(chain(50)));
    let answers = Answers::new(&Nothing);
    let mut bodies = BodyHashes::default();
    let verdict =
        Chain::parse(&message).evaluate(&answers, &message, &mut bodies, &Policy::default(), None);
    assert_eq!(verdict.err(), Some(Pending));
    assert_eq!(answers.missing().len(), 51);
}

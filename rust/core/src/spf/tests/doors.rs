//! The three doors: which identity is checked, and when none is.

use super::*;
use crate::verdict::{EnvelopeSources, Source};

fn envelope(mail_from: Option<&str>, helo: Option<&str>) -> Envelope {
    Envelope {
        client_ip: Some("192.0.2.1".parse().unwrap()),
        helo: helo.map(str::to_owned),
        mail_from: mail_from.map(str::to_owned),
        ..Envelope::default()
    }
}

fn names() -> Value {
    json!({
        "example.com": {"TXT": ["v=spf1 exp=why.example.com -all"]},
        "mx.example.net": {"TXT": ["v=spf1 ip4:192.0.2.1 exp=why.example.com -all"]},
        "why.example.com": {"TXT": ["%{s} %{h} %{r} %{t}"]},
    })
}

fn both(envelope: &Envelope) -> (SpfVerdict, SpfHeloVerdict) {
    let zone = zone(&names());
    let answers = Answers::new(&zone);
    let policy = Policy {
        receiver: "mx.example.org".to_owned(),
        ..Policy::default()
    };
    (
        check_mail_from(&answers, envelope, &policy, Some(1_764_000_000)).unwrap(),
        check_helo(&answers, envelope, &policy, Some(1_764_000_000)).unwrap(),
    )
}

#[test]
fn rfc7208_2_3_and_2_4_two_identities() {
    let (spf, helo) = both(&envelope(Some("a@example.com"), Some("mx.example.net")));
    assert_eq!(
        (spf.result, spf.identity, spf.domain.as_deref()),
        (SpfResult::Fail, "mail_from", Some("example.com"))
    );
    assert_eq!(
        spf.explanation.as_deref(),
        Some("a@example.com mx.example.net mx.example.org 1764000000")
    );
    assert_eq!(
        (helo.result, helo.domain.as_deref(), helo.reason),
        (SpfResult::Pass, Some("mx.example.net"), SpfReason::Matched)
    );
}

#[test]
fn rfc7208_2_4_the_null_sender_is_postmaster_at_helo() {
    let mut null = envelope(Some(""), Some("MX.example.net."));
    null.client_ip = Some("192.0.2.2".parse().unwrap());
    let (spf, _) = both(&null);
    assert_eq!(
        (spf.result, spf.identity, spf.domain.as_deref()),
        (SpfResult::Fail, "mail_from", Some("mx.example.net"))
    );
    assert!(
        spf.explanation
            .unwrap()
            .starts_with("postmaster@mx.example.net ")
    );
    for helo in ["", "localhost", "[192.0.2.1]"] {
        let (spf, helo) = both(&envelope(Some(""), Some(helo)));
        assert_eq!(
            (spf.result, spf.reason),
            (SpfResult::None, SpfReason::InvalidDomain)
        );
        assert_eq!(
            (helo.result, helo.reason),
            (SpfResult::None, SpfReason::InvalidDomain)
        );
    }
}

#[test]
fn without_client_or_identity_nothing_is_evaluated() {
    for (envelope, spf_domain, helo_domain) in [
        (Envelope::default(), None, None),
        (
            Envelope {
                client_ip: None,
                ..envelope(Some("a@example.com"), Some("mx.example.net"))
            },
            Some("example.com"),
            Some("mx.example.net"),
        ),
    ] {
        let (spf, helo) = both(&envelope);
        assert_eq!(
            (spf.result, spf.reason, spf.domain.as_deref()),
            (SpfResult::NotEvaluated, SpfReason::NoEnvelope, spf_domain)
        );
        assert_eq!(
            (helo.result, helo.reason, helo.domain.as_deref()),
            (SpfResult::NotEvaluated, SpfReason::NoEnvelope, helo_domain)
        );
    }
    let (spf, helo) = both(&envelope(None, Some("mx.example.net")));
    assert_eq!(
        (spf.reason, helo.result),
        (SpfReason::NoEnvelope, SpfResult::Pass)
    );
    let (spf, helo) = both(&envelope(Some("a@example.com"), None));
    assert_eq!(
        (spf.result, helo.reason),
        (SpfResult::Fail, SpfReason::NoEnvelope)
    );
    assert_eq!(
        both(&envelope(Some(""), None)).0.reason,
        SpfReason::NoEnvelope
    );
}

#[test]
fn exempt_envelopes_are_not_evaluated_and_ask_nothing() {
    let sender = envelope(Some("a@example.com"), Some("mx.example.net"));
    let recovered = EnvelopeSources {
        client_ip: Source::Received,
        ..EnvelopeSources::default()
    };
    for (envelope, reason) in [
        (
            Envelope {
                auth_id: Some("user".to_owned()),
                ..sender.clone()
            },
            SpfReason::Submission,
        ),
        (
            Envelope {
                protocol: Some("ESMTPSA".to_owned()),
                ..sender.clone()
            },
            SpfReason::Submission,
        ),
        (
            Envelope {
                client_ip: Some("10.0.0.1".parse().unwrap()),
                sources: Some(recovered),
                ..sender
            },
            SpfReason::IpUntrusted,
        ),
    ] {
        let zone = zone(&names());
        let answers = Answers::new(&zone);
        let spf = check_mail_from(&answers, &envelope, &Policy::default(), None).unwrap();
        assert_eq!(
            (spf.result, spf.reason, spf.domain.as_deref()),
            (SpfResult::NotEvaluated, reason, Some("example.com"))
        );
        assert_eq!(
            check_helo(&answers, &envelope, &Policy::default(), None)
                .unwrap()
                .reason,
            reason
        );
        assert_eq!(answers.asked_count(), 0);
    }
}

#[test]
fn hostile_1_identities_are_kept_apart() {
    let (spf, helo) = both(&envelope(
        Some("any@nx.legitimate.example"),
        Some("mx.example.net"),
    ));
    assert_eq!(
        (spf.result, spf.reason),
        (SpfResult::None, SpfReason::NoDomain)
    );
    assert_eq!(helo.result, SpfResult::Pass);
}

#[test]
fn helo_never_asks_for_an_explanation() {
    let zone = zone(&names());
    let answers = Answers::new(&zone);
    let mut other = envelope(None, Some("mx.example.net"));
    other.client_ip = Some("192.0.2.2".parse().unwrap());
    assert_eq!(
        check_helo(&answers, &other, &Policy::default(), None)
            .unwrap()
            .result,
        SpfResult::Fail
    );
    assert_eq!(answers.asked_count(), 1);
}

#[test]
fn check_host_by_hand() {
    let zone = zone(&names());
    let check = |client_ip: &str, helo: &str, mail_from: &str| {
        check_host(
            &Answers::new(&zone),
            client_ip.parse().unwrap(),
            helo,
            mail_from,
            "",
            None,
        )
        .unwrap()
    };
    assert_eq!(
        check("::ffff:192.0.2.1", "mx.example.net", "").result,
        SpfResult::Pass
    );
    assert_eq!(
        check("10.0.0.1", "", "example.com").explanation.as_deref(),
        Some("postmaster@example.com  unknown unknown")
    );
    for mail_from in ["localhost", "a@", "a@[192.0.2.1]", "a@b..c"] {
        assert_eq!(
            check("192.0.2.1", "mx.example.net", mail_from).result,
            SpfResult::None,
            "{mail_from}"
        );
    }
}

#[test]
fn every_reason_has_a_code_of_its_own_and_a_result() {
    let mut codes: Vec<&str> = SpfReason::ALL.iter().map(|reason| reason.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), SpfReason::ALL.len());
    let undecided: Vec<&SpfReason> = SpfReason::ALL
        .iter()
        .filter(|reason| reason.result().is_none())
        .collect();
    assert_eq!(undecided, [&SpfReason::Matched]);
}

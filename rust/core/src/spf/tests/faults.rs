//! RFC 7208 §5, hostile.md cases 56 and 86: what a fault of DNS may do to a verdict.

use super::*;
use crate::dns::{Answer, Outcome, RecordType};
use crate::domain::Domain;
use crate::policy::QUESTION_LIMIT;

/// A zone in which one question, or all, meets a fault.
struct Faulty<'a> {
    zone: &'a StaticZone,
    question: Option<&'a Question>,
    fault: Outcome,
}

impl Lookup for Faulty<'_> {
    fn look_up(&self, question: &Question) -> Option<Entry> {
        let is_hit = self.question.is_none_or(|faulty| faulty == question);
        let answer = if is_hit {
            Answer::empty(self.fault)
        } else {
            self.zone.answer(question)
        };
        Some(Entry::new(&answer))
    }
}

const FAULTS: [(Outcome, SpfReason); 11] = [
    (Outcome::Timeout, SpfReason::DnsTimeout),
    (Outcome::ServFail, SpfReason::DnsServfail),
    (Outcome::Refused, SpfReason::DnsRefused),
    (Outcome::FormErr, SpfReason::DnsError),
    (Outcome::NotImp, SpfReason::DnsError),
    (Outcome::Truncated, SpfReason::DnsError),
    (Outcome::Lame, SpfReason::DnsError),
    (Outcome::ChainTooLong, SpfReason::DnsError),
    (Outcome::Unusable, SpfReason::DnsError),
    (Outcome::Unknown, SpfReason::DnsUnknown),
    (Outcome::OverBudget, SpfReason::DnsBudget),
];

fn rich_zone() -> Value {
    json!({
        "example.com": {"TXT": ["v=spf1 a mx include:in.example.com exists:%{l}.example.com redirect=to.example.com"], "A": ["192.0.2.10"], "MX": [[10, "m.example.com"], [20, "n.example.com"]]},
        "m.example.com": {"A": ["192.0.2.11"]},
        "n.example.com": {"A": ["192.0.2.12"]},
        "in.example.com": {"TXT": ["v=spf1 a:h.example.com ~all"]},
        "h.example.com": {"A": ["192.0.2.13"]},
        "to.example.com": {"TXT": ["v=spf1 ip4:192.0.2.14 -all"]},
    })
}

#[test]
fn rfc7208_5_every_fault_has_its_reason() {
    for (fault, reason) in FAULTS {
        let zone = zone(&rich_zone());
        let faulty = Faulty {
            zone: &zone,
            question: None,
            fault,
        };
        let verdict = check_with(&faulty, "192.0.2.1", "a@example.com");
        assert_eq!(verdict.reason, reason);
        let word = if fault == Outcome::OverBudget {
            SpfResult::PermError
        } else {
            SpfResult::TempError
        };
        assert_eq!(verdict.result, word, "{fault:?}");
        assert_eq!(
            verdict.limits.contains(&"dns-budget"),
            fault == Outcome::OverBudget
        );
    }
}

#[test]
fn hostile_86_a_fault_changes_a_verdict_only_to_an_error() {
    let names = rich_zone();
    let zone = zone(&names);
    let mut injections = 0;
    for client in [
        "192.0.2.10",
        "192.0.2.11",
        "192.0.2.12",
        "192.0.2.13",
        "192.0.2.14",
        "192.0.2.15",
        "2001:db8::1",
    ] {
        let sound = check_with(&zone, client, "a@example.com").result;
        for question in asked(&names, client) {
            for (fault, reason) in FAULTS {
                let faulty = Faulty {
                    zone: &zone,
                    question: Some(&question),
                    fault,
                };
                let verdict = check_with(&faulty, client, "a@example.com");
                assert!(
                    verdict.result == sound || verdict.reason == reason,
                    "{client} {question:?} {fault:?}: {verdict:?}"
                );
                injections += 1;
            }
        }
    }
    assert!(injections > 300);
}

#[test]
fn rfc7208_5_5_errors_of_ptr_are_no_match_and_said_so() {
    let names = json!({
        "example.com": {"TXT": ["v=spf1 ptr -all"]},
        "1.2.0.192.in-addr.arpa": {"PTR": ["bad.example.com", "good.example.com"]},
        "bad.example.com": {"A": ["192.0.2.1"]},
        "good.example.com": {"A": ["192.0.2.1"]},
    });
    let zone = zone(&names);
    let question = |name: &str, record_type| Question {
        name: Domain::parse_ascii(name).unwrap(),
        record_type,
    };
    let pointer = question("1.2.0.192.in-addr.arpa", RecordType::Ptr);
    let bad = question("bad.example.com", RecordType::A);
    for (fault, _) in FAULTS
        .into_iter()
        .filter(|(fault, _)| *fault != Outcome::OverBudget)
    {
        for (question, result) in [(&pointer, SpfResult::Fail), (&bad, SpfResult::Pass)] {
            let verdict = check_with(
                &Faulty {
                    zone: &zone,
                    question: Some(question),
                    fault,
                },
                "192.0.2.1",
                "a@example.com",
            );
            assert_eq!(
                (verdict.result, verdict.void_lookups, &verdict.limits[..]),
                (result, 0, &["ptr-error"][..]),
                "{fault:?}"
            );
        }
    }
    for question in [&pointer, &bad] {
        let budget = Faulty {
            zone: &zone,
            question: Some(question),
            fault: Outcome::OverBudget,
        };
        assert_eq!(
            check_with(&budget, "192.0.2.1", "a@example.com").reason,
            SpfReason::DnsBudget
        );
    }
}

#[test]
fn hostile_56_a_fault_is_never_skipped_over() {
    let others = json!({"dead.example.com": "TIMEOUT", "sick.example.com": "SERVFAIL"});
    for (record, reason) in [
        (
            "v=spf1 include:dead.example.com +all",
            SpfReason::DnsTimeout,
        ),
        ("v=spf1 a:sick.example.com +all", SpfReason::DnsServfail),
        ("v=spf1 mx:dead.example.com +all", SpfReason::DnsTimeout),
        (
            "v=spf1 exists:sick.example.com +all",
            SpfReason::DnsServfail,
        ),
    ] {
        assert_eq!(
            outcome(record, &others, "192.0.2.1"),
            (SpfResult::TempError, reason),
            "{record}"
        );
    }
}

#[test]
fn the_budget_of_a_message_is_permerror() {
    let zone = zone(&rich_zone());
    // The check itself asks two questions.
    for (others, expected) in [
        (QUESTION_LIMIT - 3, (SpfResult::Pass, SpfReason::Matched)),
        (QUESTION_LIMIT - 2, (SpfResult::Pass, SpfReason::Matched)),
        (
            QUESTION_LIMIT - 1,
            (SpfResult::PermError, SpfReason::DnsBudget),
        ),
        (QUESTION_LIMIT, (SpfResult::PermError, SpfReason::DnsBudget)),
    ] {
        let answers = Answers::new(&zone);
        for number in 0..others {
            answers
                .txt(&Domain::parse_ascii(&format!("n{number}.example.net")).unwrap())
                .unwrap();
        }
        let verdict = check_host(
            &answers,
            "192.0.2.10".parse().unwrap(),
            HELO,
            "a@example.com",
            "",
            None,
        )
        .unwrap();
        assert_eq!((verdict.result, verdict.reason), expected, "{others}");
    }
}

#[test]
fn replay_in_rounds_gives_the_verdict_of_a_full_cache() {
    let zone = zone(&rich_zone());
    for client in [
        "192.0.2.10",
        "192.0.2.12",
        "192.0.2.13",
        "192.0.2.14",
        "192.0.2.15",
        "2001:db8::1",
    ] {
        let (verdict, rounds) = in_rounds(&zone, client);
        let direct = check_with(&zone, client, "a@example.com");
        assert_eq!(
            serde_json::to_value(&verdict).unwrap(),
            serde_json::to_value(&direct).unwrap()
        );
        assert!(rounds.len() <= 6, "{client}: {}", rounds.len());
    }
}

use bytes::Bytes;

use super::*;
use crate::author::author;
use crate::dkim::DkimResult;
use crate::dkim::testing::blank_verdict;
use crate::dns::{Answer, Entry, Lookup, Outcome, Question, StaticZone};
use crate::envelope::Envelope;
use crate::message::Message;
use crate::spf::{SpfResult, check_mail_from};

const NO_SPF: (SpfResult, Option<&str>) = (SpfResult::None, Some("nothing.invalid"));

fn policy(rules: Rules) -> Policy {
    Policy {
        rules,
        ..Policy::default()
    }
}

fn zone(records: &[(&str, &str)]) -> StaticZone {
    let entries: Vec<_> = records
        .iter()
        .map(|(name, value)| match *value {
            word @ ("NXDOMAIN" | "NODATA" | "SERVFAIL" | "TIMEOUT") => {
                format!(r#""{name}": "{word}""#)
            }
            value if name.starts_with("_dmarc.") => {
                format!(r#""{name}": {{"TXT": ["v=DMARC1; {value}"]}}"#)
            }
            value => format!(r#""{name}": {value}"#),
        })
        .collect();
    StaticZone::from_json(&format!("{{{}}}", entries.join(",")), "test").unwrap()
}

fn spf((result, domain): (SpfResult, Option<&str>)) -> SpfVerdict {
    let empty = StaticZone::default();
    let answers = Answers::new(&empty);
    let base = check_mail_from(&answers, &Envelope::default(), &Policy::default(), None).unwrap();
    SpfVerdict {
        result,
        domain: domain.map(Into::into),
        ..base
    }
}

fn dkim((result, domain): &(DkimResult, &str)) -> DkimVerdict {
    DkimVerdict {
        result: *result,
        domain: Some((*domain).into()),
        signing_domain: Domain::parse_host(domain),
        ..blank_verdict()
    }
}

struct Case<'a> {
    lookup: &'a dyn Lookup,
    rules: Rules,
    from: &'a str,
    spf: (SpfResult, Option<&'a str>),
    dkim: &'a [(DkimResult, &'a str)],
}

impl Case<'_> {
    fn run(&self) -> (DmarcVerdict, Vec<String>) {
        let text = format!("From: {}\r\n\r\n", self.from);
        let author = author(&Message::parse(Bytes::from(text)));
        let answers = Answers::new(self.lookup);
        let dkim: Vec<_> = self.dkim.iter().map(dkim).collect();
        let policy = policy(self.rules);
        let verdict = evaluate(&answers, &author, &spf(self.spf), &dkim, &policy, None).unwrap();
        let asked = answers
            .asked()
            .iter()
            .map(|question| question.name.to_string())
            .collect();
        (verdict, asked)
    }

    /// Result, reason, effective policy, and whether SPF and DKIM are aligned (`+`, `-`, `?`).
    fn summary(&self) -> String {
        let (verdict, _) = self.run();
        let sign =
            |aligned: Option<bool>| aligned.map_or('?', |aligned| if aligned { '+' } else { '-' });
        format!(
            "{} {} {} {}{}",
            verdict.result.as_str(),
            verdict.reason.code(),
            verdict
                .effective_policy
                .map_or("null", RequestedPolicy::as_str),
            sign(verdict.spf_aligned),
            sign(verdict.dkim_aligned),
        )
    }
}

fn case<'a>(lookup: &'a dyn Lookup, from: &'a str) -> Case<'a> {
    Case {
        lookup,
        rules: Rules::Rfc9989,
        from,
        spf: NO_SPF,
        dkim: &[],
    }
}

/// Rows `zone | From | SPF result and domain | DKIM results and domains | summary`; `&` parts two From fields.
fn check_table(zones: &[(&str, &StaticZone)], table: &str) {
    for row in table.lines().filter(|line| !line.trim().is_empty()) {
        let columns: Vec<_> = row.split('|').map(str::trim).collect();
        let [zone, from, spf, dkim, expected] = columns[..] else {
            panic!("{row}");
        };
        let (_, zone) = zones.iter().find(|(name, _)| *name == zone).unwrap();
        let (word, domain) = spf.split_once(' ').unwrap_or((spf, ""));
        let fields = from.replace('&', "\r\nFrom: ");
        let signatures: Vec<_> = dkim
            .split(", ")
            .filter_map(|pair| pair.split_once(' '))
            .map(|(word, domain)| (DkimResult::from_word(word).unwrap(), domain))
            .collect();
        let case = Case {
            spf: (
                SpfResult::from_word(word).unwrap(),
                Some(domain).filter(|name| !name.is_empty()),
            ),
            dkim: &signatures,
            ..case(*zone, &fields)
        };
        assert_eq!(case.summary(), expected, "{row}");
    }
}

#[test]
fn rfc9989_5_3_5_one_aligned_pass_is_enough() {
    let zone = zone(&[("_dmarc.example.com", "p=reject")]);
    check_table(
        &[("own", &zone)],
        "
        own | a@example.com | none x.invalid       |                                     | fail not-authenticated reject --
        own | a@example.com | pass example.com     |                                     | pass aligned reject +-
        own | a@example.com | pass EXAMPLE.com.    |                                     | pass aligned reject +-
        own | a@example.com | pass b.example.com   |                                     | pass aligned reject +-
        own | a@example.com | pass example.net     |                                     | fail not-aligned reject --
        own | a@example.com | softfail example.com |                                     | fail not-authenticated reject --
        own | a@example.com | none x.invalid       | pass example.com                    | pass aligned reject -+
        own | a@example.com | none x.invalid       | pass x.example, pass m.example.com  | pass aligned reject -+
        own | a@example.com | none x.invalid       | policy example.com                  | fail not-authenticated reject --
        own | a@example.com | pass m.example.com   | pass example.com                    | pass aligned reject ++
        own | a@example.com | fail example.com     | temperror example.com, pass example.com | pass aligned reject -+
        ",
    );
}

#[test]
fn rfc9989_4_4_strict_wants_equal_names() {
    let zone = zone(&[("_dmarc.example.com", "p=reject; adkim=s; aspf=s")]);
    for (domain, expected) in [
        ("m.example.com", "fail not-aligned reject --"),
        ("example.com", "pass aligned reject ++"),
    ] {
        let case = Case {
            spf: (SpfResult::Pass, Some(domain)),
            dkim: &[(DkimResult::Pass, domain)],
            ..case(&zone, "a@example.com")
        };
        assert_eq!(case.summary(), expected);
        assert_eq!(case.run().1[..1], ["_dmarc.example.com"]);
    }
}

#[test]
fn rfc9989_4_10_1_which_policy_an_inherited_record_gives() {
    let record = "p=reject; sp=quarantine; np=none";
    let exists = r#"{"MX": [[0, "."]]}"#;
    for (extra, from, expected) in [
        (("b.example.com", exists), "a@b.example.com", "quarantine"),
        (("b.example.com", "NODATA"), "a@b.example.com", "quarantine"),
        (("b.example.com", "NXDOMAIN"), "a@b.example.com", "none"),
        (
            ("b.example.com", r#"{"CNAME": ["missing.example"]}"#),
            "a@b.example.com",
            "quarantine",
        ),
        (("x.example", exists), "a@example.com", "reject"),
    ] {
        let zone = zone(&[("_dmarc.example.com", record), extra]);
        let (verdict, _) = case(&zone, from).run();
        assert_eq!(
            verdict.effective_policy.unwrap().as_str(),
            expected,
            "{extra:?}"
        );
        assert_eq!(verdict.policy_domain.unwrap().as_str(), "example.com");
    }
    let zone = zone(&[(
        "_dmarc.example.com",
        "p=reject; t=y; np=quarantine; sp=quarantine",
    )]);
    let (verdict, asked) = case(&zone, "a@b.example.com").run();
    assert_eq!(verdict.effective_policy, Some(RequestedPolicy::None));
    assert_eq!(verdict.assessment_policy, Some(RequestedPolicy::Quarantine));
    assert_eq!(
        asked,
        ["_dmarc.b.example.com", "_dmarc.example.com", "_dmarc.com"]
    );
}

#[test]
fn rfc9989_4_10_1_never_the_record_in_between() {
    let all = zone(&[
        ("_dmarc.b.c.example", "p=none"),
        ("_dmarc.example", "p=reject; psd=y"),
    ]);
    let (verdict, _) = case(&all, "a@a.b.c.example").run();
    assert_eq!(verdict.policy_domain.unwrap().as_str(), "example");
    assert_eq!(verdict.organizational_domain.unwrap().as_str(), "c.example");
    let own = zone(&[
        ("_dmarc.c.example", "sp=none; np=none"),
        ("_dmarc.example", "p=reject"),
    ]);
    let verdict = case(&own, "a@c.example").summary();
    assert_eq!(verdict, "none no-usable-policy null ??");
}

#[test]
fn rfc9989_b_4_the_documents_walks() {
    let simple = zone(&[
        ("_dmarc.example.com", "p=none"),
        ("_dmarc.signing.example.com", "p=none"),
    ]);
    let bank = zone(&[
        ("_dmarc.bank.example", "p=none; psd=y"),
        ("_dmarc.giant.bank.example", "p=none"),
    ]);
    for (zone, from, spf, dkim, organization, aligned) in [
        (
            &simple,
            "a@example.com",
            "example.com",
            "signing.example.com",
            "example.com",
            "++",
        ),
        (
            &simple,
            "a@a.b.c.d.e.f.g.h.i.j.k.example.com",
            "example.com",
            "signing.example.com",
            "example.com",
            "++",
        ),
        (
            &bank,
            "a@giant.bank.example",
            "mail.giant.bank.example",
            "mail.mega.bank.example",
            "giant.bank.example",
            "+-",
        ),
    ] {
        let case = Case {
            spf: (SpfResult::Pass, Some(spf)),
            dkim: &[(DkimResult::Pass, dkim)],
            ..case(zone, from)
        };
        assert_eq!(case.summary(), format!("pass aligned none {aligned}"));
        assert_eq!(
            case.run().0.organizational_domain.unwrap().as_str(),
            organization
        );
    }
}

#[test]
fn rfc9989_4_10_2_equal_names_with_a_record_need_one_question() {
    let zone = zone(&[
        ("_dmarc.example.com", "p=reject"),
        ("_dmarc.com", "SERVFAIL"),
    ]);
    let case = Case {
        dkim: &[
            (DkimResult::Pass, "example.com"),
            (DkimResult::Pass, "esp.net"),
        ],
        spf: (SpfResult::Pass, Some("bounce.esp.net")),
        ..case(&zone, "a@example.com")
    };
    let (verdict, asked) = case.run();
    assert_eq!(verdict.result, DmarcResult::Pass);
    assert_eq!(
        verdict.organizational_domain.unwrap().as_str(),
        "example.com"
    );
    assert_eq!(asked, ["_dmarc.example.com"]);
}

#[test]
fn rfc9989_5_3_6_only_errors_that_could_hide_an_aligned_pass_count() {
    let good = zone(&[("_dmarc.example.com", "p=reject")]);
    let top = zone(&[
        ("_dmarc.example.com", "p=reject"),
        ("_dmarc.com", "SERVFAIL"),
    ]);
    let lost = zone(&[("_dmarc.example.com", "TIMEOUT")]);
    let np = zone(&[
        ("_dmarc.example.com", "p=reject; np=none"),
        ("b.example.com", "SERVFAIL"),
    ]);
    check_table(
        &[("good", &good), ("top", &top), ("lost", &lost), ("np", &np)],
        "
        good | a@example.com   | temperror m.example.com | | temperror spf-temperror reject --
        good | a@example.com   | temperror example.net   | | fail not-authenticated reject --
        good | a@example.com   | temperror example.net   | temperror example.com    | temperror dkim-temperror reject --
        good | a@example.com   | temperror m.example.com | unverifiable example.com | temperror spf-temperror reject --
        good | a@example.com   | temperror example.net   | unverifiable example.com | unverifiable key-unavailable reject --
        good | a@example.com   | temperror example.net   | unverifiable x.example   | fail not-authenticated reject --
        top  | a@example.com   | pass m.example.com      | | temperror dns-error reject ?-
        top  | a@example.com   | pass esp.com            | temperror example.com    | temperror dns-error reject ?-
        top  | a@example.com   | none x.invalid          | | fail not-authenticated reject --
        lost | a@example.com   | none x.invalid          | pass example.com         | temperror dns-error null ??
        np   | a@b.example.com | none x.invalid          | | temperror dns-error null --
        np   | a@b.example.com | none x.invalid          | pass b.example.com       | pass aligned null -+
        ",
    );
}

#[test]
fn spf_without_envelope_is_unverifiable_unless_its_domain_is_another() {
    let zone = zone(&[("_dmarc.example.com", "p=reject")]);
    check_table(
        &[("own", &zone)],
        "
        own | a@example.com | not-evaluated               | | unverifiable no-envelope reject --
        own | a@example.com | not-evaluated m.example.com | | unverifiable no-envelope reject --
        own | a@example.com | not-evaluated example.net   | | fail not-authenticated reject --
        own | a@example.com | not-evaluated               | pass example.com         | pass aligned reject -+
        own | a@example.com | not-evaluated               | unverifiable example.com | unverifiable key-unavailable reject --
        own | a@example.com | not-evaluated               | temperror example.com    | temperror dkim-temperror reject --
        ",
    );
}

#[test]
fn rfc9989_11_5_the_strictest_policy_of_the_first_four_domains_that_fail() {
    let zone = zone(&[
        ("_dmarc.none.example", "p=none"),
        ("_dmarc.soft.example", "p=quarantine"),
        ("_dmarc.hard.example", "p=reject"),
    ]);
    check_table(
        &[("all", &zone)],
        "
        all | a@none.example, b@soft.example    | fail x | | permerror multiple-author-domains quarantine --
        all | a@hard.example, b@soft.example    | fail x | pass hard.example | permerror multiple-author-domains quarantine --
        all | a@hard.example, b@unknown.example | fail x | pass hard.example | permerror multiple-author-domains null ??
        all | a@hard.example&b@hard.example     | fail x | | permerror multiple-from-fields reject --
        all | a@hard.example&b@hard.example     | fail x | pass hard.example | permerror multiple-from-fields null ??
        all | a@1.x,a@2.x,a@3.x,a@soft.example,a@hard.example | fail x | | permerror too-many-author-domains quarantine --
        all | a@1.x, a@2.x, a@3.x, a@hard.example | fail x | | permerror multiple-author-domains reject --
        all | a@1.x, a@2.x, a@soft.example      | fail x | | permerror multiple-author-domains quarantine --
        all | a@hard.example <b@soft.example>   | fail x | | permerror malformed-from null ??
        all | a@hard.example, b@soft.example, c | fail x | | permerror malformed-from reject --
        all | undisclosed:;                     | fail x | | none no-author-domain null ??
        ",
    );
    let many: Vec<_> = (0..10_000).map(|n| format!("a@{n}.b{n}.example")).collect();
    let (verdict, asked) = case(&zone, &many.join(",")).run();
    assert_eq!(verdict.limits, ["too-many-author-domains"]);
    assert_eq!(asked.len(), AUTHOR_DOMAIN_LIMIT * 2 + 1);
}

#[test]
fn rfc7489_6_6_3_own_record_then_the_organizational_domain() {
    let published = zone(&[(
        "_dmarc.example.co.uk",
        "p=reject; sp=quarantine; np=none; t=y; psd=y; pct=20",
    )]);
    let several = r#"{"_dmarc.a.example.com": {"TXT": ["v=DMARC1; p=none", "v=DMARC1; p=none"]},
                      "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]}}"#;
    let several = StaticZone::from_json(several, "test").unwrap();
    let run = |zone, from| {
        Case {
            rules: Rules::Rfc7489,
            ..case(zone, from)
        }
        .run()
    };
    let (verdict, asked) = run(&published, "x@a.b.example.co.uk");
    assert_eq!(asked, ["_dmarc.a.b.example.co.uk", "_dmarc.example.co.uk"]);
    assert_eq!(verdict.effective_policy, Some(RequestedPolicy::Quarantine));
    assert_eq!(
        (verdict.nonexistent_policy, verdict.testing, verdict.psd),
        (None, Some(false), Some("u"))
    );
    assert_eq!(
        (verdict.pct, verdict.discovery),
        (Some(20), DiscoveryMethod::PublicSuffixList)
    );
    assert_eq!(run(&published, "x@co.uk").1, ["_dmarc.co.uk"]);
    let (verdict, asked) = run(&several, "x@a.example.com");
    assert_eq!(
        (verdict.reason, asked.len()),
        (DmarcReason::MultipleRecords, 1)
    );
    let aligned = |identifier| {
        let dkim = &[(DkimResult::Pass, identifier)];
        Case {
            rules: Rules::Rfc7489,
            dkim,
            ..case(&published, "x@a.example.co.uk")
        }
        .run()
        .0
        .result
    };
    assert_eq!(aligned("b.example.co.uk"), DmarcResult::Pass);
    assert_eq!(aligned("co.uk"), DmarcResult::Fail);
}

/// Gives one outcome to one question, and otherwise what the zone says.
struct Faulty<'a> {
    zone: &'a StaticZone,
    name: &'a str,
    outcome: Outcome,
}

impl Lookup for Faulty<'_> {
    fn look_up(&self, question: &Question) -> Option<Entry> {
        let answer = if question.name.as_str() == self.name {
            Answer::empty(self.outcome)
        } else {
            self.zone.answer(question)
        };
        Some(Entry::new(&answer))
    }
}

#[test]
fn hostile_86_a_fault_makes_a_temperror_or_nothing() {
    let zone = zone(&[
        ("_dmarc.example.com", "p=reject; np=none"),
        ("_dmarc.b.example.com", "p=none"),
    ]);
    let identifiers: [&[_]; 4] = [
        &[],
        &[(DkimResult::Pass, "c.example.com")],
        &[(DkimResult::Pass, "a.example.com")],
        &[(DkimResult::Unverifiable, "d.example.com")],
    ];
    let mut injected = 0;
    for from in [
        "x@a.example.com",
        "x@b.example.com",
        "x@example.com",
        "x@b.example.com, y@z.example",
    ] {
        for dkim in identifiers {
            let (whole, asked) = Case {
                dkim,
                ..case(&zone, from)
            }
            .run();
            for (name, outcome) in asked.iter().flat_map(|name| {
                [Outcome::ServFail, Outcome::Unknown, Outcome::Timeout]
                    .map(|outcome| (name, outcome))
            }) {
                let faulty = Faulty {
                    zone: &zone,
                    name,
                    outcome,
                };
                let (found, _) = Case {
                    dkim,
                    ..case(&faulty, from)
                }
                .run();
                let is_kept = found.result == whole.result;
                assert!(
                    is_kept || found.result == DmarcResult::TempError,
                    "{from} {name} {found:?}"
                );
                let is_unknown = found.reason == DmarcReason::DnsUnknown;
                assert!(is_kept || is_unknown == (outcome == Outcome::Unknown));
                injected += 1;
            }
        }
    }
    assert!(injected > 100, "{injected}");
}

#[test]
fn the_budget_of_questions_is_permerror() {
    let zone = zone(&[("_dmarc.example.com", "p=reject")]);
    let answers = Answers::new(&zone);
    for number in 0..crate::policy::QUESTION_LIMIT {
        let name = Domain::parse_ascii(&format!("{number}.example")).unwrap();
        answers.ask(&name, RecordType::A).unwrap();
    }
    let author = author(&Message::parse(Bytes::from("From: a@example.com\r\n\r\n")));
    let policy = policy(Rules::Rfc9989);
    let verdict = evaluate(&answers, &author, &spf(NO_SPF), &[], &policy, None).unwrap();
    assert_eq!(verdict.result, DmarcResult::PermError);
    assert_eq!(
        (verdict.reason, verdict.limits),
        (DmarcReason::DnsBudget, vec!["dns-budget"])
    );
}

fn discovered(records: &[(&str, &str)], domain: &str, rules: Rules) -> serde_json::Value {
    let zone = zone(records);
    let domain = Domain::parse_ascii(domain).unwrap();
    let found = discover_policy(&Answers::new(&zone), &domain, rules, &policy(rules)).unwrap();
    serde_json::to_value(found).unwrap()
}

#[test]
fn discover_policy_gives_the_contracts_json() {
    let record = [(
        "_dmarc.example.com",
        "p=reject; np=none; rua=mailto:a@b.example!1k,mailto:c@d.example; t=y",
    )];
    let expected = serde_json::json!({
        "result": "found", "reason": "organizational-domain-record", "policy_domain": "example.com",
        "organizational_domain": "example.com",
        "record": "v=DMARC1; p=reject; np=none; rua=mailto:a@b.example!1k,mailto:c@d.example; t=y",
        "policy": "reject", "subdomain_policy": null, "nonexistent_policy": "none", "effective_policy": "none",
        "dkim_alignment": "relaxed", "spf_alignment": "relaxed", "testing": true, "psd": "u", "pct": 100,
        "rua": ["mailto:a@b.example", "mailto:c@d.example"], "ruf": [], "discovery": "treewalk", "rules": "rfc9989",
        "questions": ["_dmarc.sub.example.com", "_dmarc.example.com", "_dmarc.com", "sub.example.com"],
        "rua_limits": null,
    });
    assert_eq!(
        discovered(&record, "sub.example.com", Rules::Auto),
        expected
    );
    let old = discovered(&record, "sub.example.com", Rules::Rfc7489);
    assert_eq!(old["rua_limits"], serde_json::json!([1024, null]));
    assert_eq!(
        (&old["effective_policy"], &old["testing"]),
        (&"reject".into(), &false.into())
    );
    assert_eq!(
        old["questions"],
        serde_json::json!(["_dmarc.sub.example.com", "_dmarc.example.com"])
    );
}

#[test]
fn discover_policy_without_a_policy() {
    let check = |records: &[(&str, &str)], rules, expected: &str| {
        let found = discovered(records, "a.example.com", rules);
        let word = |name: &str| found[name].as_str().unwrap_or("null").to_owned();
        let summary = ["result", "reason", "organizational_domain"]
            .map(word)
            .join(" ");
        assert_eq!(summary, expected, "{records:?}");
    };
    let (own, above, top) = ("_dmarc.a.example.com", "_dmarc.example.com", "_dmarc.com");
    let (new, old) = (Rules::Rfc9989, Rules::Rfc7489);
    check(&[], new, "none no-record a.example.com");
    check(&[], old, "none no-record example.com");
    check(&[(own, "p=x")], new, "none no-usable-policy a.example.com");
    check(
        &[(own, "p=none; p=none")],
        new,
        "none duplicate-tag a.example.com",
    );
    check(
        &[(own, "rua=mailto:a@b.example")],
        new,
        "found assumed-none a.example.com",
    );
    check(&[(above, "SERVFAIL")], new, "temperror dns-error null");
    check(&[(own, "SERVFAIL")], old, "temperror dns-error null");
    check(
        &[(own, "p=none"), (top, "TIMEOUT")],
        new,
        "found author-domain-record null",
    );
    let np = [(above, "p=none; np=reject"), ("a.example.com", "TIMEOUT")];
    check(&np, new, "temperror dns-error null");
}

#[test]
fn rfc9989_4_10_the_walk_is_asked_for_ahead_without_being_counted() {
    struct Nothing;
    impl Lookup for Nothing {
        fn look_up(&self, _: &Question) -> Option<Entry> {
            None
        }
    }
    let ahead = |from: &str, rules| {
        let author = author(&Message::parse(Bytes::from(format!(
            "From: {from}\r\n\r\n"
        ))));
        let answers = Answers::new(&Nothing);
        expect(&answers, &author, &policy(rules), None);
        assert_eq!(answers.asked_count(), 0);
        answers
            .missing()
            .iter()
            .map(|question| question.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ahead("a@b.example.com", Rules::Rfc9989),
        ["_dmarc.b.example.com", "_dmarc.example.com", "_dmarc.com"]
    );
    assert_eq!(
        ahead("a@1.2.3.4.5.6.7.8.9", Rules::Rfc9989),
        ["_dmarc.1.2.3.4.5.6.7.8.9", "_dmarc.8.9", "_dmarc.9"]
    );
    assert_eq!(
        ahead("a@c.b.example.com", Rules::Rfc7489),
        ["_dmarc.example.com", "_dmarc.c.b.example.com"]
    );
}

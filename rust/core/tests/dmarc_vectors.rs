//! DMARC vectors of other projects, read from beside the project; each disagreement is listed with the sentence behind it.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test reads its vectors from files, trusts their form and says how many there were"
)]

use std::path::PathBuf;

use bytes::Bytes;
use mailauth_core::author::author;
use mailauth_core::dkim::{Check, DkimReason, DkimResult, DkimVerdict};
use mailauth_core::dmarc::{self, DmarcResult, DmarcVerdict};
use mailauth_core::dns::{Answers, StaticZone};
use mailauth_core::domain::Domain;
use mailauth_core::envelope::Envelope;
use mailauth_core::message::Message;
use mailauth_core::policy::{Policy, Rules};
use mailauth_core::spf::{SpfResult, SpfVerdict, check_mail_from};
use serde_json::{Value, json};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/suites")
}

/// `null` when the vectors are not there.
fn suite(name: &str) -> Value {
    let text = std::fs::read_to_string(root().join(name)).unwrap_or_else(|_| "null".to_owned());
    serde_json::from_str(&text).unwrap()
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

fn spf(domain: Option<&str>) -> SpfVerdict {
    let zone = StaticZone::default();
    let answers = Answers::new(&zone);
    let base = check_mail_from(&answers, &Envelope::default(), &Policy::default(), None).unwrap();
    SpfVerdict {
        result: if domain.is_some() {
            SpfResult::Pass
        } else {
            SpfResult::Fail
        },
        domain: Some(domain.unwrap_or("spf-failed.invalid").into()),
        ..base
    }
}

fn dkim_pass(domain: &str) -> DkimVerdict {
    DkimVerdict {
        result: DkimResult::Pass,
        reason: DkimReason::Verified,
        domain: Some(domain.into()),
        selector: None,
        auid: None,
        algorithm: None,
        canonicalization: None,
        key_bits: None,
        signed_headers: mailauth_core::dkim::NameList::default(),
        body_hash: Check::Pass,
        signature: Check::Pass,
        body_octets_signed: None,
        body_octets: None,
        testing: false,
        signed_at: None,
        expires_at: None,
        key_source: None,
        key_first_seen: None,
        key_last_seen: None,
        near_miss: None,
        flags: Vec::new(),
        signing_domain: Domain::parse_host(domain),
        header_b: None,
    }
}

fn evaluate(
    zone: &Value,
    rules: Rules,
    message: &[u8],
    spf_domain: Option<&str>,
    dkim: &[&str],
) -> DmarcVerdict {
    let zone = StaticZone::from_json(&zone.to_string(), "vectors").unwrap();
    let policy = Policy {
        rules,
        ..Policy::default()
    };
    let author = author(&Message::parse(Bytes::copy_from_slice(message)));
    let dkim: Vec<_> = dkim.iter().map(|domain| dkim_pass(domain)).collect();
    dmarc::evaluate(
        &Answers::new(&zone),
        &author,
        &spf(spf_domain),
        &dkim,
        &policy,
        None,
    )
    .unwrap()
}

fn from(address: &str) -> Vec<u8> {
    format!("From: <{address}>\r\n\r\n").into_bytes()
}

fn texts(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn effective(verdict: &DmarcVerdict) -> Option<&'static str> {
    verdict.effective_policy.map(dmarc::RequestedPolicy::as_str)
}

#[test]
fn rfc9989_tree_walk_suite() {
    let suite = suite("dmarc-rfc9989-treewalk/stalwart.json");
    let mut checked = 0;
    for case in items(&suite, "cases") {
        let address = case["header_from"].as_str().unwrap();
        let (spf, dkim) = (
            texts(&case["spf_pass_domains"]),
            texts(&case["dkim_pass_domains"]),
        );
        let verdict = evaluate(
            &case["zone"],
            Rules::Rfc9989,
            &from(address),
            spf.first().copied(),
            &dkim,
        );
        let expect = &case["expect"];
        let word = |name: &str| {
            expect[name]
                .as_str()
                .and_then(|text| text.split(' ').next())
        };
        if let Some(policy) = word("policy") {
            assert_eq!(effective(&verdict), Some(policy), "{case}");
        }
        if let Some(result) = word("result") {
            assert_eq!(verdict.result.as_str(), result, "{case}");
        }
        for (word, aligned) in [
            (word("spf"), verdict.spf_aligned),
            (word("dkim"), verdict.dkim_aligned),
        ] {
            if let Some(word) = word {
                assert_eq!(aligned, Some(word == "pass"), "{case}");
            }
        }
        checked += 1;
    }
    eprintln!("RFC 9989 tree walk cases checked: {checked}");
}

#[test]
fn rfc7489_kumomta_suite() {
    let suite = suite("dmarc-kumomta/vectors.json");
    let mut checked = 0;
    for case in items(&suite, "cases") {
        let mut zone = json!({});
        for entry in items(case, "txt") {
            zone[entry[0].as_str().unwrap()] = json!({"TXT": [entry[1]]});
        }
        let address = format!("a@{}", case["from_domain"].as_str().unwrap());
        let spf = (case["spf"] == "pass").then(|| case["mail_from_domain"].as_str().unwrap());
        let dkim = texts(&case["dkim_pass_domains"]);
        let verdict = evaluate(&zone, Rules::Rfc7489, &from(&address), spf, &dkim);
        let found = match verdict.result {
            DmarcResult::Pass => Some("pass"),
            _ => effective(&verdict),
        };
        assert_eq!(found, case["expect_disposition"].as_str(), "{case}");
        checked += 1;
    }
    eprintln!("RFC 7489 cases of kumomta checked: {checked}");
}

/// The zone that a recorded run saw.
fn recorded_zone(case: &Value) -> Value {
    let mut zone = json!({});
    for answer in items(case, "dns") {
        let value = match answer["error"].as_str() {
            Some("ETIMEOUT") => json!("TIMEOUT"),
            Some("ENODATA") => json!("NODATA"),
            Some("ENOTFOUND") => json!("NXDOMAIN"),
            Some(other) => panic!("{other}"),
            None => json!({"TXT": answer["answer"]}),
        };
        zone[answer["name"].as_str().unwrap()] = value;
    }
    zone
}

#[test]
fn mailauth_verify_suite() {
    // RFC 9989 §4.10: several records at the author domain are discarded and the walk goes on; the recorded run never
    // asked for a parent, so its answer is missing and both say `none`. No disagreement is left.
    let suite = suite("dmarc-mailauth/verify.json");
    let mut checked = 0;
    for case in items(&suite, "cases") {
        let input = &case["input"];
        let addresses = match &input["headerFrom"] {
            Value::Array(list) => list
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(", "),
            other => other.as_str().unwrap().to_owned(),
        };
        let addresses = if addresses.contains('@') {
            addresses
        } else {
            format!("a@{addresses}")
        };
        let domain = |entry: &Value| {
            entry["domain"]
                .as_str()
                .or(entry.as_str())
                .unwrap()
                .to_owned()
        };
        let dkim: Vec<_> = items(input, "dkimDomains").map(domain).collect();
        let dkim: Vec<_> = dkim.iter().map(String::as_str).collect();
        let spf = items(input, "spfDomains").map(domain).next();
        let message = format!("From: {addresses}\r\n\r\n");
        let zone = recorded_zone(case);
        let verdict = evaluate(
            &zone,
            Rules::Rfc9989,
            message.as_bytes(),
            spf.as_deref(),
            &dkim,
        );
        let result = &case["result"];
        if result == &json!(false) {
            // Two addresses of one domain: theirs refuses them before it asks; RFC 9989 §5.3.1 counts domains, so ours
            // looks for a policy, of which the recorded run holds nothing.
            assert_eq!(verdict.result, DmarcResult::None, "{case}");
        } else {
            assert_eq!(
                Some(verdict.result.as_str()),
                result["status"]["result"].as_str(),
                "{case}"
            );
            assert_eq!(effective(&verdict), result["policy"].as_str(), "{case}");
            if let Some(alignment) = result["alignment"].as_object() {
                let is_aligned = |kind: &str| Some(alignment[kind]["result"].is_string());
                assert_eq!(verdict.spf_aligned, is_aligned("spf"), "{case}");
                assert_eq!(verdict.dkim_aligned, is_aligned("dkim"), "{case}");
            }
        }
        checked += 1;
    }
    eprintln!("mailauth verify cases checked: {checked}");
}

fn discover(zone: &Value, domain: &str, rules: Rules) -> Value {
    let zone = StaticZone::from_json(&zone.to_string(), "vectors").unwrap();
    let policy = Policy {
        rules,
        ..Policy::default()
    };
    let domain = Domain::parse_host(domain).unwrap();
    let found = dmarc::discover_policy(&Answers::new(&zone), &domain, rules, &policy).unwrap();
    serde_json::to_value(found).unwrap()
}

#[test]
fn mailauth_record_suite() {
    let suite = suite("dmarc-mailauth/get_record.json");
    let mut checked = 0;
    for case in items(&suite, "cases") {
        let domain = case["input"]["domain"].as_str().unwrap();
        let found = discover(&recorded_zone(case), domain, Rules::Rfc9989);
        let result = &case["result"];
        if case["error"].is_object() {
            assert_eq!(found["result"], "temperror", "{case}");
        } else if let Some(record) = result["rr"].as_str() {
            assert_eq!(
                found["record"].as_str().map(str::trim),
                Some(record),
                "{case}"
            );
            assert_eq!(found["policy"], result["p"], "{case}");
            assert_eq!(
                found["policy_domain"] != domain,
                result["isOrgRecord"] == true,
                "{case}"
            );
        } else {
            assert_eq!(found["result"], "none", "{case}");
        }
        checked += 1;
    }
    eprintln!("mailauth record cases checked: {checked}");
}

#[test]
fn opendmarc_record_suite() {
    // RFC 7489 §6.3: "Syntax errors in the remainder of the record SHOULD be discarded in favor of default values (if
    // any) or ignored outright": OpenDMARC refuses the record instead.
    let ignored = [
        "adkim=bob",
        "aspf=bob",
        "rf=bob",
        "ri=bob",
        "pct=500",
        "rf=0000",
    ];
    let mut counts = (0, 0);
    for case in items(&suite("dmarc-opendmarc/vectors.json"), "record_parse") {
        let record = case["record"].as_str().unwrap();
        let zone = json!({"_dmarc.example.com": {"TXT": [record]}});
        let is_okay = case["outcome"] == "DMARC_PARSE_OKAY";
        let differs = ignored.iter().any(|tag| record.contains(tag))
            // RFC 7489 §6.4: the words are none, quarantine and reject; OpenDMARC takes their first letters.
            || record.contains("p=n;");
        for rules in [Rules::Rfc7489, Rules::Rfc9989] {
            let found = discover(&zone, "example.com", rules);
            assert_eq!(
                (found["result"] == "found") == is_okay,
                !differs,
                "{record} {found}"
            );
        }
        counts = (counts.0 + 1, counts.1 + usize::from(differs));
    }
    eprintln!(
        "OpenDMARC records checked: {}, of them differing: {}",
        counts.0, counts.1
    );
}

#[test]
fn espoofer_from_fields_never_pass() {
    let zone = suite("attack-espoofer/dns.json");
    let cases = suite("attack-espoofer/cases.json");
    let mut checked = 0;
    for case in cases.as_array().into_iter().flatten() {
        let message = std::fs::read(
            root()
                .join("attack-espoofer")
                .join(case["file"].as_str().unwrap()),
        )
        .unwrap();
        let verdict = evaluate(
            &zone,
            Rules::Rfc9989,
            &message,
            Some("attack.com"),
            &["attack.com"],
        );
        let has_two = matches!(case["id"].as_str(), Some("server_a14" | "server_a18"));
        let expected = if has_two {
            DmarcResult::PermError
        } else {
            DmarcResult::Fail
        };
        assert_eq!(verdict.result, expected, "{case}");
        assert_eq!(effective(&verdict), Some("reject"), "{case}");
        checked += 1;
    }
    eprintln!("espoofer messages checked: {checked}");
}

#[test]
fn authheaders_author_domains() {
    let mut checked = 0;
    for (file, expected) in [
        ("test.bad.message", "bad.example.com"),
        ("test.gov.message", "example.gov"),
        ("test.message", "example.com"),
        ("test.message_multi", "multiple-author-domains"),
        ("test.message_multi2", "multiple-author-domains"),
        ("test.message_np1", "sub.example.biz"),
        ("test.message_signed", "example.com"),
        ("test.message_sub", "sub.example.net"),
        ("test.nofrom.message", "malformed-from"),
        ("test_nop.message", "nop.example.org"),
        ("testcomma.message", "example.com"),
    ] {
        let Ok(octets) = std::fs::read(root().join("dmarc-authheaders").join(file)) else {
            continue;
        };
        let author = author(&Message::parse(Bytes::from(octets)));
        let found = author.domain.map(|domain| domain.to_string());
        let reason = author.reason.map(|reason| reason.code().to_owned());
        assert_eq!(found.or(reason).as_deref(), Some(expected), "{file}");
        checked += 1;
    }
    eprintln!("authheaders messages checked: {checked}");
}

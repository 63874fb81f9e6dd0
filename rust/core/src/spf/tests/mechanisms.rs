//! RFC 7208 §4.3 to §5.7 beyond the appendix.

use super::*;

#[test]
fn rfc7208_4_3_no_domain_and_no_record_are_none() {
    assert_eq!(check(&json!({}), "192.0.2.1").reason, SpfReason::NoDomain);
    for at_domain in [
        json!("NODATA"),
        json!({"TXT": ["v=spf10"]}),
        json!({"A": ["192.0.2.1"]}),
    ] {
        let verdict = check(&json!({"example.com": at_domain}), "192.0.2.1");
        assert_eq!(
            (verdict.result, verdict.reason),
            (SpfResult::None, SpfReason::NoRecord)
        );
        assert_eq!(verdict.domain.as_deref(), Some("example.com"));
        assert_eq!((verdict.dns_lookups, verdict.void_lookups), (0, 0));
    }
}

#[test]
fn rfc7208_4_6_2_qualifiers_and_default() {
    for (record, result, mechanism) in [
        (
            "v=spf1 ip4:192.0.2.0/24 -all",
            SpfResult::Pass,
            Some("ip4:192.0.2.0/24"),
        ),
        (
            "v=spf1 +IP4:192.0.2.1",
            SpfResult::Pass,
            Some("+IP4:192.0.2.1"),
        ),
        ("V=SPF1   -all  ", SpfResult::Fail, Some("-all")),
        ("v=spf1 ~all", SpfResult::SoftFail, Some("~all")),
        ("v=spf1 ?all", SpfResult::Neutral, Some("?all")),
        ("v=spf1 ip4:192.0.2.2", SpfResult::Neutral, None),
        ("v=spf1", SpfResult::Neutral, None),
    ] {
        let verdict = check(&json!({"example.com": {"TXT": [record]}}), "192.0.2.1");
        assert_eq!(
            (verdict.result, verdict.mechanism.as_deref()),
            (result, mechanism),
            "{record}"
        );
        let reason = if mechanism.is_some() {
            SpfReason::Matched
        } else {
            SpfReason::NoMatch
        };
        assert_eq!(verdict.reason, reason, "{record}");
    }
}

#[test]
fn rfc7208_4_5_and_4_6_broken_records_are_permerror() {
    assert_eq!(
        alone("v=spf1 +all moo"),
        (SpfResult::PermError, SpfReason::SyntaxError)
    );
    let two = check(
        &json!({"example.com": {"TXT": ["v=spf1 +all", "v=spf1 -all"]}}),
        "192.0.2.1",
    );
    assert_eq!(
        (two.result, two.reason),
        (SpfResult::PermError, SpfReason::MultipleRecords)
    );
    let split = json!({"example.com": {"TXT": [["v=spf1 ip4:", "192.0.2.1 -all"], []]}});
    assert_eq!(check(&split, "192.0.2.1").result, SpfResult::Pass);
}

#[test]
fn rfc7208_5_2_results_of_an_included_record() {
    let others = json!({
        "pass.example.com": {"TXT": ["v=spf1 all"]},
        "fail.example.com": {"TXT": ["v=spf1 -all"]},
        "softfail.example.com": {"TXT": ["v=spf1 ~all"]},
        "neutral.example.com": {"TXT": ["v=spf1 ?all"]},
        "default.example.com": {"TXT": ["v=spf1"]},
        "temperror.example.com": "TIMEOUT",
        "syntax.example.com": {"TXT": ["v=spf1 moo"]},
        "two.example.com": {"TXT": ["v=spf1", "v=spf1"]},
        "none.example.com": {"TXT": ["other"]},
        "redirecting.example.com": {"TXT": ["v=spf1 redirect=none.example.com"]},
        "deep.example.com": {"TXT": ["v=spf1 include:none.example.com -all"]},
        "back.example.com": {"TXT": ["v=spf1 redirect=pass.example.com"]},
    });
    for (name, expected) in [
        ("pass", (SpfResult::Fail, SpfReason::Matched)),
        ("back", (SpfResult::Fail, SpfReason::Matched)),
        ("fail", (SpfResult::Neutral, SpfReason::Matched)),
        ("softfail", (SpfResult::Neutral, SpfReason::Matched)),
        ("neutral", (SpfResult::Neutral, SpfReason::Matched)),
        ("default", (SpfResult::Neutral, SpfReason::Matched)),
        ("temperror", (SpfResult::TempError, SpfReason::DnsTimeout)),
        (
            "syntax",
            (SpfResult::PermError, SpfReason::IncludePermerror),
        ),
        ("two", (SpfResult::PermError, SpfReason::IncludePermerror)),
        (
            "redirecting",
            (SpfResult::PermError, SpfReason::IncludePermerror),
        ),
        ("deep", (SpfResult::PermError, SpfReason::IncludePermerror)),
        ("none", (SpfResult::PermError, SpfReason::IncludeNone)),
        ("absent", (SpfResult::PermError, SpfReason::IncludeNone)),
    ] {
        assert_eq!(
            outcome(
                &format!("v=spf1 -include:{name}.example.com ?all"),
                &others,
                "192.0.2.1"
            ),
            expected,
            "{name}"
        );
    }
}

#[test]
fn hostile_4_a_malformed_include_is_permerror_without_a_question() {
    let long = format!("v=spf1 include:{}.example.com all", "a".repeat(64));
    for record in [
        "v=spf1 include:a..b all",
        "v=spf1 include:%{o1} all",
        r"v=spf1 include:a\0.b all",
        &long,
    ] {
        let names = json!({"example.com": {"TXT": [record]}});
        assert_eq!(
            check(&names, "192.0.2.1").reason,
            SpfReason::IncludeNone,
            "{record}"
        );
        assert_eq!(asked(&names, "192.0.2.1").len(), 1, "{record}");
    }
}

#[test]
fn rfc7208_4_8_a_malformed_target_does_not_match() {
    for term in [
        "a:a..b",
        "mx:a..b/0",
        "exists:.example.com",
        "ptr:a..b",
        "a:%{l}%{l}%{l}.example.com",
    ] {
        let mut names = json!({"example.com": {"TXT": [format!("v=spf1 {term} -all")]}});
        names["1.2.0.192.in-addr.arpa"] = json!({"PTR": ["example.com"]});
        let zone = zone(&names);
        let verdict = check_with(
            &zone,
            "192.0.2.1",
            &format!("{}@example.com", "x".repeat(30)),
        );
        assert_eq!(
            (verdict.result, verdict.dns_lookups, verdict.void_lookups),
            (SpfResult::Fail, 1, 0),
            "{term}"
        );
    }
}

#[test]
fn rfc7208_5_addresses_of_the_clients_family_only() {
    let others = json!({"example.com": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]}});
    for (record, client, result) in [
        ("v=spf1 a -all", "192.0.2.1", SpfResult::Pass),
        ("v=spf1 a -all", "::ffff:192.0.2.1", SpfResult::Pass),
        ("v=spf1 a -all", "2001:db8::1", SpfResult::Pass),
        ("v=spf1 a/0 -all", "2001:db8::2", SpfResult::Fail),
        ("v=spf1 a//0 -all", "2001:db8::2", SpfResult::Pass),
        ("v=spf1 a//0 -all", "192.0.2.2", SpfResult::Fail),
        ("v=spf1 a/24//64 -all", "192.0.2.255", SpfResult::Pass),
        (
            "v=spf1 a/24//64 -all",
            "2001:db8:0:0:ffff::",
            SpfResult::Pass,
        ),
        ("v=spf1 a/24//64 -all", "2001:db8:0:1::1", SpfResult::Fail),
        (
            "v=spf1 ip6:::ffff:192.0.2.1 -all",
            "::ffff:192.0.2.1",
            SpfResult::Fail,
        ),
        ("v=spf1 ip4:0.0.0.0/0 -all", "203.0.113.9", SpfResult::Pass),
        ("v=spf1 ip4:0.0.0.0/0 -all", "2001:db8::1", SpfResult::Fail),
        (
            "v=spf1 ip6:2001:db8::/32 -all",
            "2001:db8:ffff::1",
            SpfResult::Pass,
        ),
        ("v=spf1 ip6:::/0 -all", "192.0.2.1", SpfResult::Fail),
    ] {
        assert_eq!(
            outcome(record, &others, client).0,
            result,
            "{record} {client}"
        );
    }
    assert_eq!(
        outcome("v=spf1 a:absent.example.com/0 -all", &others, "192.0.2.1").0,
        SpfResult::Fail
    );
}

#[test]
fn rfc7208_5_4_mx_has_no_implicit_exchange_and_null_mx_is_none() {
    let others = json!({
        "example.com": {"A": ["192.0.2.1"]},
        "null.example.com": {"MX": [[0, ""]], "A": ["192.0.2.1"]},
        "dead.example.com": {"MX": [[10, "absent.example.com"], [20, "mail.example.com"]]},
        "mail.example.com": {"A": ["192.0.2.1"]},
    });
    assert_eq!(
        outcome("v=spf1 mx -all", &others, "192.0.2.1").0,
        SpfResult::Fail
    );
    assert_eq!(
        outcome("v=spf1 mx:null.example.com -all", &others, "192.0.2.1").0,
        SpfResult::Fail
    );
    assert_eq!(
        outcome("v=spf1 mx:dead.example.com -all", &others, "192.0.2.1").0,
        SpfResult::Pass
    );
}

#[test]
fn rfc7208_5_4_mx_names_are_tried_by_preference_whatever_their_order() {
    for exchanges in [
        json!([[20, "b.example.com"], [10, "a.example.com"]]),
        json!([[10, "a.example.com"], [20, "b.example.com"]]),
    ] {
        let names = |first: &str, second: &str| {
            json!({
                "example.com": {"TXT": ["v=spf1 mx -all"], "MX": exchanges},
                first: "SERVFAIL",
                second: {"A": ["192.0.2.1"]},
            })
        };
        assert_eq!(
            check(&names("a.example.com", "b.example.com"), "192.0.2.1").result,
            SpfResult::TempError
        );
        assert_eq!(
            check(&names("b.example.com", "a.example.com"), "192.0.2.1").result,
            SpfResult::Pass
        );
    }
}

#[test]
fn rfc7208_5_5_ptr_needs_a_validated_name_below_the_target() {
    let others = json!({
        "1.2.0.192.in-addr.arpa": {"PTR": ["other.example.net", "liar.example.com", "mail.example.com"]},
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": {"PTR": ["mail.example.com"]},
        "mail.example.com": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]},
        "liar.example.com": {"A": ["192.0.2.9"]},
        "other.example.net": {"A": ["192.0.2.1"]},
        "2.2.0.192.in-addr.arpa": {"PTR": ["bad-example.com"]},
        "bad-example.com": {"A": ["192.0.2.2"]},
    });
    for (record, client, result) in [
        ("v=spf1 ptr -all", "192.0.2.1", SpfResult::Pass),
        ("v=spf1 ptr -all", "2001:db8::1", SpfResult::Pass),
        (
            "v=spf1 ptr:mail.Example.COM -all",
            "192.0.2.1",
            SpfResult::Pass,
        ),
        (
            "v=spf1 ptr:liar.example.com -all",
            "192.0.2.1",
            SpfResult::Fail,
        ),
        ("v=spf1 ptr -all", "192.0.2.2", SpfResult::Fail),
        ("v=spf1 ptr -all", "192.0.2.3", SpfResult::Fail),
    ] {
        assert_eq!(
            outcome(record, &others, client).0,
            result,
            "{record} {client}"
        );
    }
}

#[test]
fn rfc7208_5_7_exists_always_asks_for_a() {
    let others =
        json!({"four.example.com": {"A": ["127.0.0.2"]}, "six.example.com": {"AAAA": ["::1"]}});
    for client in ["192.0.2.1", "2001:db8::1"] {
        assert_eq!(
            outcome("v=spf1 exists:four.%{d} -all", &others, client).0,
            SpfResult::Pass
        );
        assert_eq!(
            outcome("v=spf1 exists:six.%{d} -all", &others, client).0,
            SpfResult::Fail
        );
    }
}

#[test]
fn rfc7208_7_2_d_is_the_domain_of_the_record_and_o_that_of_the_sender() {
    let names = json!({
        "example.com": {"TXT": ["v=spf1 include:one.example.net -all"]},
        "one.example.net": {"TXT": ["v=spf1 exists:%{d}.in.%{o} redirect=two.example.net"]},
        "two.example.net": {"TXT": ["v=spf1 exists:%{d}.re.%{o} -all"]},
        "two.example.net.re.example.com": {"A": ["127.0.0.2"]},
    });
    let verdict = check(&names, "192.0.2.1");
    assert_eq!(
        (verdict.result, verdict.mechanism.as_deref()),
        (SpfResult::Pass, Some("include:one.example.net"))
    );
    let names: Vec<String> = asked(&names, "192.0.2.1")
        .iter()
        .map(|question| question.name.to_string())
        .collect();
    assert!(names.contains(&"one.example.net.in.example.com".to_owned()));
}

#[test]
fn rfc8616_4_a_local_part_beyond_ascii_matches_nothing() {
    let names = json!({
        "xn--bcher-kva.example": {"TXT": ["v=spf1 exists:%{l}.%{d} a:%{s} include:%{L}.%{d} exists:%{o}.%{d} -all"]},
        "xn--bcher-kva.example.xn--bcher-kva.example": {"A": ["127.0.0.2"]},
    });
    let verdict = check_with(
        &zone(&names),
        "192.0.2.1",
        "m\u{fc}ller@b\u{fc}cher.example",
    );
    assert_eq!(
        (verdict.result, verdict.mechanism.as_deref()),
        (SpfResult::Pass, Some("exists:%{o}.%{d}"))
    );
    assert_eq!(verdict.domain.as_deref(), Some("xn--bcher-kva.example"));
    let redirecting = json!({"example.com": {"TXT": ["v=spf1 redirect=%{l}.example.com"]}});
    let verdict = check_with(&zone(&redirecting), "192.0.2.1", "\u{fc}@example.com");
    assert_eq!(verdict.reason, SpfReason::RedirectNone);
}

#[test]
fn rfc7208_3_2_aliases_of_one_record_are_two_terms() {
    let others = json!({
        "one.example.com": {"CNAME": "real.example.com"},
        "two.example.com": {"CNAME": "real.example.com"},
        "real.example.com": {"TXT": ["v=spf1 -all"]},
    });
    assert_eq!(
        outcome(
            "v=spf1 include:one.example.com include:two.example.com ~all",
            &others,
            "192.0.2.1"
        )
        .0,
        SpfResult::SoftFail
    );
}

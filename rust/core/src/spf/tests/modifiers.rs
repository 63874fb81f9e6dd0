//! RFC 7208 §6: redirect and exp.

use super::*;

fn explanation(names: &Value, client_ip: &str) -> (SpfResult, Option<String>) {
    let verdict = check(names, client_ip);
    (verdict.result, verdict.explanation)
}

fn explained(explanation: &Value) -> SpfVerdict {
    check(
        &json!({"example.com": {"TXT": ["v=spf1 exp=why.%{d} -all"]}, "why.example.com": explanation}),
        "192.0.2.1",
    )
}

#[test]
fn rfc7208_6_1_redirect() {
    let others = json!({
        "soft.example.com": {"TXT": ["v=spf1 ~all"]},
        "none.example.com": {"TXT": ["other"]},
        "syntax.example.com": {"TXT": ["v=spf1 moo"]},
        "time.example.com": "TIMEOUT",
    });
    for (record, expected) in [
        (
            "v=spf1 redirect=soft.example.com",
            (SpfResult::SoftFail, SpfReason::Matched),
        ),
        (
            "v=spf1 redirect=soft.example.com ip4:192.0.2.1",
            (SpfResult::Pass, SpfReason::Matched),
        ),
        (
            "v=spf1 redirect=soft.example.com -all",
            (SpfResult::Fail, SpfReason::Matched),
        ),
        (
            "v=spf1 redirect=none.example.com",
            (SpfResult::PermError, SpfReason::RedirectNone),
        ),
        (
            "v=spf1 redirect=absent.example.com",
            (SpfResult::PermError, SpfReason::RedirectNone),
        ),
        (
            "v=spf1 redirect=a..b",
            (SpfResult::PermError, SpfReason::RedirectNone),
        ),
        (
            "v=spf1 redirect=%{d1}",
            (SpfResult::PermError, SpfReason::RedirectNone),
        ),
        (
            "v=spf1 redirect=syntax.example.com",
            (SpfResult::PermError, SpfReason::SyntaxError),
        ),
        (
            "v=spf1 redirect=time.example.com",
            (SpfResult::TempError, SpfReason::DnsTimeout),
        ),
    ] {
        assert_eq!(outcome(record, &others, "192.0.2.1"), expected, "{record}");
    }
}

#[test]
fn rfc7208_6_2_explanation_text() {
    let verdict = explained(&json!({"TXT": [["See http://%{d}/why?s=%{S}", "&i=%{I}."]]}));
    assert_eq!(
        verdict.explanation.as_deref(),
        Some("See http://example.com/why?s=a%40example.com&i=192.0.2.1.")
    );
    assert_eq!(
        (verdict.result, verdict.dns_lookups, verdict.void_lookups),
        (SpfResult::Fail, 0, 0)
    );
    assert!(verdict.limits.is_empty());
}

#[test]
fn rfc7208_6_2_whatever_goes_wrong_leaves_the_result() {
    for broken in [
        json!({"TXT": ["one", "two"]}),
        json!({"TXT": ["%{x}"]}),
        json!({"TXT": ["50% off"]}),
        json!({"TXT": ["\u{fc}"]}),
        json!({"TXT": ["a\r\nb"]}),
        json!({"A": ["192.0.2.1"]}),
        json!("NXDOMAIN"),
        json!("NODATA"),
    ] {
        let verdict = explained(&broken);
        assert_eq!(
            (verdict.result, &verdict.explanation),
            (SpfResult::Fail, &None),
            "{broken}"
        );
        assert!(verdict.limits.is_empty(), "{broken}");
    }
    for fault in ["SERVFAIL", "TIMEOUT"] {
        let verdict = explained(&json!(fault));
        assert_eq!(
            (verdict.result, &verdict.explanation),
            (SpfResult::Fail, &None),
            "{fault}"
        );
        assert_eq!(verdict.limits, ["ptr-error"], "{fault}");
    }
    let malformed = json!({"example.com": {"TXT": ["v=spf1 exp=a..b -all"]}});
    assert_eq!(
        explanation(&malformed, "192.0.2.1"),
        (SpfResult::Fail, None)
    );
}

#[test]
fn rfc7208_6_2_explanation_belongs_to_the_record_that_decides() {
    let names = json!({
        "example.com": {"TXT": ["v=spf1 -include:in.example.com exp=mine.example.com redirect=to.example.com"]},
        "in.example.com": {"TXT": ["v=spf1 ip4:192.0.2.1 -all exp=in-why.example.com"]},
        "to.example.com": {"TXT": ["v=spf1 ip4:192.0.2.3 -all exp=to-why.example.com"]},
        "mine.example.com": {"TXT": ["mine"]},
        "in-why.example.com": {"TXT": ["included"]},
        "to-why.example.com": {"TXT": ["redirected %{d} %{o}"]},
    });
    assert_eq!(
        explanation(&names, "192.0.2.1"),
        (SpfResult::Fail, Some("mine".to_owned()))
    );
    assert_eq!(
        explanation(&names, "192.0.2.2"),
        (
            SpfResult::Fail,
            Some("redirected to.example.com example.com".to_owned())
        )
    );
    assert_eq!(explanation(&names, "192.0.2.3"), (SpfResult::Pass, None));
    let silent = json!({"example.com": {"TXT": ["v=spf1 exp=mine.example.com redirect=to.example.com"]}, "to.example.com": {"TXT": ["v=spf1 -all"]}, "mine.example.com": {"TXT": ["mine"]}});
    assert_eq!(explanation(&silent, "192.0.2.1"), (SpfResult::Fail, None));
}

#[test]
fn rfc7208_6_2_only_a_fail_asks_for_its_explanation() {
    for record in [
        "v=spf1 exp=why.example.com ~all",
        "v=spf1 exp=why.example.com",
        "v=spf1 exp=why.example.com all",
    ] {
        assert_eq!(
            asked(&json!({"example.com": {"TXT": [record]}}), "192.0.2.1").len(),
            1,
            "{record}"
        );
    }
}

#[test]
fn rfc7208_7_3_p_prefers_the_domain_then_a_name_below_it() {
    let names = |pointers: Value| {
        json!({
            "example.com": {"TXT": ["v=spf1 exp=why.example.com -all"], "A": ["192.0.2.1"]},
            "why.example.com": {"TXT": ["from %{p}"]},
            "1.2.0.192.in-addr.arpa": {"PTR": pointers},
            "mx.example.com": {"A": ["192.0.2.1"]},
            "mx.example.net": {"A": ["192.0.2.1"]},
            "liar.example.com": {"A": ["192.0.2.2"]},
        })
    };
    for (pointers, name) in [
        (
            json!(["mx.example.net", "mx.example.com", "example.com"]),
            "example.com",
        ),
        (
            json!(["mx.example.net", "liar.example.com", "mx.example.com"]),
            "mx.example.com",
        ),
        (
            json!(["liar.example.com", "mx.example.net"]),
            "mx.example.net",
        ),
        (json!(["liar.example.com"]), "unknown"),
        (json!("NXDOMAIN"), "unknown"),
    ] {
        let verdict = check(&names(pointers), "192.0.2.1");
        assert_eq!(verdict.explanation, Some(format!("from {name}")));
        assert!(verdict.limits.is_empty());
    }
    let verdict = check(&names(json!("TIMEOUT")), "192.0.2.1");
    assert_eq!(
        (verdict.explanation.as_deref(), &verdict.limits[..]),
        (Some("from unknown"), &["ptr-error"][..])
    );
}

#[test]
fn rfc7208_6_2_a_long_explanation_is_cut() {
    let verdict = explained(&json!({"TXT": ["x".repeat(EXPLANATION_OCTET_LIMIT + 1)]}));
    assert_eq!(
        verdict.explanation.map(|text| text.len()),
        Some(EXPLANATION_OCTET_LIMIT)
    );
    assert_eq!(verdict.limits, ["explanation-limit"]);
}

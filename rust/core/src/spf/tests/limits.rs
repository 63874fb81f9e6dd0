//! RFC 7208 §4.6.4 and §11.1: every limit below, at and above its number, and what a hostile record can force.

use super::*;

fn names_with(record: &str, others: Value) -> Value {
    let mut names = others;
    names["example.com"]["TXT"] = json!([record]);
    names
}

#[test]
fn rfc7208_4_6_4_eleventh_lookup_term_is_permerror() {
    let host = json!({"h.example.com": {"A": ["192.0.2.9"], "MX": [[10, "h.example.com"]], "TXT": ["v=spf1 -all"]}});
    for term in [
        "a:h.example.com",
        "mx:h.example.com",
        "include:h.example.com",
    ] {
        for (count, expected) in [
            (9, (SpfReason::Matched, 9)),
            (10, (SpfReason::Matched, 10)),
            (11, (SpfReason::LookupLimit, 10)),
        ] {
            let record = format!(
                "v=spf1 {} ip4:192.0.2.1 -all",
                format!("{term} ").repeat(count)
            );
            let verdict = check(&names_with(&record, host.clone()), "192.0.2.1");
            assert_eq!((verdict.reason, verdict.dns_lookups), expected, "{record}");
            assert_eq!(verdict.limits.contains(&"lookup-limit"), count > 10);
        }
    }
}

#[test]
fn rfc7208_4_6_4_a_match_before_the_limit_counts() {
    let host = json!({"h.example.com": {"A": ["192.0.2.9"]}});
    let record = format!(
        "v=spf1 {} ip4:192.0.2.1 a:h.example.com -all",
        "a:h.example.com ".repeat(10)
    );
    assert_eq!(
        check(&names_with(&record, host), "192.0.2.1").result,
        SpfResult::Pass
    );
}

#[test]
fn rfc7208_4_6_4_redirect_counts() {
    let others = json!({"h.example.com": {"A": ["192.0.2.9"]}, "to.example.com": {"TXT": ["v=spf1 ip4:192.0.2.1"]}});
    for (count, result) in [
        (8, SpfResult::Pass),
        (9, SpfResult::Pass),
        (10, SpfResult::PermError),
    ] {
        let record = format!(
            "v=spf1 {} redirect=to.example.com",
            "a:h.example.com ".repeat(count)
        );
        assert_eq!(
            check(&names_with(&record, others.clone()), "192.0.2.1").result,
            result,
            "{count}"
        );
    }
}

#[test]
fn rfc7208_4_6_4_lookups_add_up_over_includes() {
    for (inner, result) in [
        (8, SpfResult::Pass),
        (9, SpfResult::Pass),
        (10, SpfResult::PermError),
    ] {
        let names = json!({
            "example.com": {"TXT": ["v=spf1 include:in.example.com ip4:192.0.2.1 -all"]},
            "in.example.com": {"TXT": [format!("v=spf1 {} -all", "a ".repeat(inner))], "A": ["192.0.2.9"]},
        });
        assert_eq!(check(&names, "192.0.2.1").result, result, "{inner}");
    }
}

#[test]
fn rfc7208_4_6_4_the_question_of_p_counts_like_a_term() {
    let others = json!({
        "1.2.0.192.in-addr.arpa": {"PTR": ["mx.example.com"]},
        "mx.example.com": {"A": ["192.0.2.1"]},
        "mx.example.com.x.example.com": {"A": ["127.0.0.2"]},
        "h.example.com": {"A": ["192.0.2.9"]},
    });
    for (count, expected) in [
        (7, (SpfReason::Matched, 9)),
        (8, (SpfReason::Matched, 10)),
        (9, (SpfReason::LookupLimit, 10)),
    ] {
        let record = format!(
            "v=spf1 {} exists:%{{p}}.x.%{{d}} -all",
            "a:h.example.com ".repeat(count)
        );
        let verdict = check(&names_with(&record, others.clone()), "192.0.2.1");
        assert_eq!((verdict.reason, verdict.dns_lookups), expected, "{count}");
    }
    let ptr = format!("v=spf1 {} ptr -all", "a:h.example.com ".repeat(9));
    assert_eq!(
        check(&names_with(&ptr, others.clone()), "192.0.2.1").result,
        SpfResult::Pass
    );
    let ptr = format!("v=spf1 {} ptr -all", "a:h.example.com ".repeat(10));
    assert_eq!(
        check(&names_with(&ptr, others), "192.0.2.1").reason,
        SpfReason::LookupLimit
    );
}

#[test]
fn rfc7208_4_6_4_third_void_lookup_is_permerror() {
    let others = json!({"empty.example.com": "NODATA", "1.2.0.192.in-addr.arpa": "NXDOMAIN"});
    for term in [
        "a:absent.example.com",
        "a:empty.example.com",
        "mx:absent.example.com",
        "exists:empty.example.com",
        "ptr",
    ] {
        for (count, expected) in [
            (1, (SpfReason::Matched, 1)),
            (2, (SpfReason::Matched, 2)),
            (3, (SpfReason::VoidLimit, 3)),
        ] {
            let record = format!(
                "v=spf1 {}ip4:192.0.2.1 -all",
                format!("{term} ").repeat(count)
            );
            let verdict = check(&names_with(&record, others.clone()), "192.0.2.1");
            assert_eq!((verdict.reason, verdict.void_lookups), expected, "{record}");
            assert_eq!(verdict.limits.contains(&"void-limit"), count > 2);
        }
    }
}

#[test]
fn hostile_52_third_void_counts_as_the_last_term_and_inside_an_include() {
    assert_eq!(
        alone("v=spf1 a:x.example.com a:y.example.com a:z.example.com"),
        (SpfResult::PermError, SpfReason::VoidLimit)
    );
    let included = json!({"in.example.com": {"TXT": ["v=spf1 a:y.example.com a:z.example.com"]}});
    assert_eq!(
        outcome(
            "v=spf1 a:x.example.com include:in.example.com all",
            &included,
            "192.0.2.1"
        ),
        (SpfResult::PermError, SpfReason::VoidLimit)
    );
    assert_eq!(
        outcome("v=spf1 include:in.example.com all", &included, "192.0.2.1"),
        (SpfResult::Pass, SpfReason::Matched)
    );
    let wrong_family = json!({"four.example.com": {"A": ["192.0.2.1"]}});
    let record = "v=spf1 a:four.example.com a:four.example.com a:four.example.com all";
    assert_eq!(
        outcome(record, &wrong_family, "2001:db8::1").1,
        SpfReason::VoidLimit
    );
    assert_eq!(
        outcome(record, &wrong_family, "192.0.2.2").1,
        SpfReason::Matched
    );
}

#[test]
fn addresses_inside_mx_and_ptr_are_never_void() {
    let others = json!({
        "example.com": {"MX": [[1, "a.example.com"], [2, "b.example.com"], [3, "c.example.com"]]},
        "1.2.0.192.in-addr.arpa": {"PTR": ["a.example.com", "b.example.com", "c.example.com"]},
    });
    for record in ["v=spf1 mx -all", "v=spf1 ptr -all"] {
        let verdict = check(&names_with(record, others.clone()), "192.0.2.1");
        assert_eq!(
            (verdict.result, verdict.void_lookups),
            (SpfResult::Fail, 0),
            "{record}"
        );
    }
}

fn hosts(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("h{number}.example.com"))
        .collect()
}

#[test]
fn rfc7208_4_6_4_eleventh_mx_name_is_permerror_also_after_a_match() {
    for (count, result) in [
        (9, SpfResult::Pass),
        (10, SpfResult::Pass),
        (11, SpfResult::PermError),
        (1_000, SpfResult::PermError),
    ] {
        let exchanges: Vec<Value> = hosts(count).iter().map(|host| json!([10, host])).collect();
        let names = json!({
            "example.com": {"TXT": ["v=spf1 mx -all"], "MX": exchanges},
            "h0.example.com": {"A": ["192.0.2.1"]},
        });
        let verdict = check(&names, "192.0.2.1");
        assert_eq!(verdict.result, result, "{count}");
        assert_eq!(verdict.reason == SpfReason::MxLimit, count > 10);
        assert!(asked(&names, "192.0.2.1").len() <= 12);
    }
}

#[test]
fn rfc7208_4_6_4_ptr_names_beyond_ten_are_ignored() {
    for (position, result) in [
        (8, SpfResult::Pass),
        (9, SpfResult::Pass),
        (10, SpfResult::Fail),
        (999, SpfResult::Fail),
    ] {
        let pointers = hosts(position + 1);
        let good = pointers.last().unwrap().clone();
        let names = json!({
            "example.com": {"TXT": ["v=spf1 ptr -all"]},
            "1.2.0.192.in-addr.arpa": {"PTR": pointers},
            good: {"A": ["192.0.2.1"]},
        });
        let verdict = check(&names, "192.0.2.1");
        assert_eq!(verdict.result, result, "{position}");
        assert_eq!(verdict.limits.contains(&"ptr-limit"), position >= 10);
        assert!(asked(&names, "192.0.2.1").len() <= 12);
    }
}

#[test]
fn hostile_50_ten_mx_of_ten_hosts_ask_111_questions() {
    let terms: Vec<String> = (0..10)
        .map(|number| format!("mx:m{number}.example.com"))
        .collect();
    let mut names = json!({"example.com": {"TXT": [format!("v=spf1 {} mx:m0.example.com -all", terms.join(" "))]}});
    for number in 0..10 {
        let exchanges: Vec<Value> = (0..10)
            .map(|host| json!([10, format!("h{host}.m{number}.example.com")]))
            .collect();
        names[format!("m{number}.example.com")] = json!({"MX": exchanges});
    }
    let verdict = check(&names, "192.0.2.1");
    assert_eq!(
        (verdict.result, verdict.reason),
        (SpfResult::PermError, SpfReason::LookupLimit)
    );
    assert_eq!(asked(&names, "192.0.2.1").len(), 111);
    let (verdict, rounds) = in_rounds(&zone(&names), "192.0.2.1");
    assert_eq!(verdict.reason, SpfReason::LookupLimit);
    assert_eq!(rounds.concat().len(), 111);
}

#[test]
fn hostile_51_loops_end_after_ten_terms() {
    for names in [
        json!({"example.com": {"TXT": ["v=spf1 include:example.com all"]}}),
        json!({"example.com": {"TXT": ["v=spf1 redirect=example.com"]}}),
        json!({"example.com": {"TXT": ["v=spf1 include:b.example all"]}, "b.example": {"TXT": ["v=spf1 include:c.example all"]}, "c.example": {"TXT": ["v=spf1 redirect=example.com"]}}),
        names_with("v=spf1 include:0.example all", chain(60)),
    ] {
        let verdict = check(&names, "192.0.2.1");
        assert_eq!(
            (verdict.reason, verdict.dns_lookups),
            (SpfReason::LookupLimit, 10)
        );
        assert!(in_rounds(&zone(&names), "192.0.2.1").1.concat().len() <= 11);
    }
    assert_eq!(
        check(
            &names_with("v=spf1 include:0.example all", chain(9)),
            "192.0.2.1"
        )
        .result,
        SpfResult::Pass
    );
}

/// Includes from 0.example to the one of this number.
fn chain(depth: usize) -> Value {
    let mut names = json!({});
    for number in 0..depth {
        names[format!("{number}.example")] =
            json!({"TXT": [format!("v=spf1 include:{}.example -all", number + 1)]});
    }
    names[format!("{depth}.example")] = json!({"TXT": ["v=spf1 all"]});
    names
}

#[test]
fn hostile_51_amplifiers_reach_a_victim_few_times() {
    let targets: Vec<String> = (0..12)
        .map(|number| format!("a:%{{l}}{number}.victim.example"))
        .collect();
    let names = json!({"example.com": {"TXT": [format!("v=spf1 {} -all", targets.join(" "))]}});
    let (verdict, rounds) = in_rounds(&zone(&names), "192.0.2.1");
    assert_eq!(verdict.reason, SpfReason::VoidLimit);
    let victims = rounds
        .concat()
        .iter()
        .filter(|question| question.name.as_str().ends_with("victim.example"))
        .count();
    assert_eq!(
        victims, 3,
        "asking ahead must not go beyond the void lookups that end the check anyway"
    );
}

#[test]
fn following_terms_are_asked_ahead_while_one_is_awaited() {
    let names = json!({
        "example.com": {"TXT": ["v=spf1 a mx include:in.example.com -all"], "A": ["192.0.2.9"], "MX": [[10, "one.example.com"], [10, "two.example.com"]]},
        "one.example.com": {"A": ["192.0.2.8"]},
        "two.example.com": {"A": ["192.0.2.7"]},
        "in.example.com": {"TXT": ["v=spf1 ip4:192.0.2.1"]},
    });
    let zone = zone(&names);
    let (verdict, rounds) = in_rounds(&zone, "192.0.2.1");
    assert_eq!(verdict.result, SpfResult::Pass);
    assert_eq!(rounds.iter().map(Vec::len).collect::<Vec<_>>(), [1, 3, 2]);
    let (_, rounds) = in_rounds(&zone, "192.0.2.9");
    assert_eq!(rounds.len(), 2);
}

#[test]
fn hostile_53_p_with_a_thousand_names() {
    let names = json!({
        "example.com": {"TXT": ["v=spf1 exists:%{p}.%{p}.x.example.com -all exp=%{p}.example.com"]},
        "1.2.0.192.in-addr.arpa": {"PTR": hosts(1_000)},
    });
    let verdict = check(&names, "192.0.2.1");
    assert_eq!((verdict.result, verdict.dns_lookups), (SpfResult::Fail, 3));
    assert_eq!(verdict.limits, ["ptr-limit"]);
    assert!(asked(&names, "192.0.2.1").len() <= 14);
}

#[test]
fn hostile_55_a_record_of_5000_terms() {
    let record = format!("v=spf1 {}-all", "ip4:198.51.100.1 ".repeat(5_000));
    assert_eq!(alone(&record), (SpfResult::Fail, SpfReason::Matched));
    let record = format!("v=spf1 {}moo", "a ".repeat(5_000));
    assert_eq!(
        alone(&record),
        (SpfResult::PermError, SpfReason::SyntaxError)
    );
}

#[test]
fn hostile_60_helo_and_mail_from_count_apart() {
    let names = json!({"example.com": {"TXT": [format!("v=spf1 {}all", "a ".repeat(10))], "A": ["192.0.2.9"]}});
    let zone = zone(&names);
    let answers = Answers::new(&zone);
    let envelope = Envelope {
        client_ip: Some("192.0.2.1".parse().unwrap()),
        helo: Some("example.com".to_owned()),
        mail_from: Some("a@example.com".to_owned()),
        ..Envelope::default()
    };
    let policy = Policy::default();
    assert_eq!(
        check_helo(&answers, &envelope, &policy, None)
            .unwrap()
            .result,
        SpfResult::Pass
    );
    assert_eq!(
        check_mail_from(&answers, &envelope, &policy, None)
            .unwrap()
            .dns_lookups,
        10
    );
}

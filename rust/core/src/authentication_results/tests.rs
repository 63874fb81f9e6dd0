use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::arc::{ArcReason, ArcResult, ArcVerdict};
use crate::author::Author;
use crate::dkim::testing::blank_verdict;
use crate::dkim::{DkimReason, DkimResult, DkimVerdict};
use crate::dmarc::{DmarcReason, DmarcResult, DmarcVerdict, RequestedPolicy};
use crate::domain::Domain;
use crate::policy::Rules;
use crate::spf::{SpfHeloVerdict, SpfReason, SpfResult, SpfVerdict};
use crate::verdict::{ErrorReason, Verdict};

/// `method=result reason=x type.name=value ...`, one line a result; `/version` where written.
fn outline(field: &AuthenticationResults) -> Vec<String> {
    field.results.iter().map(outline_result).collect()
}

fn outline_result(read: &MethodResult) -> String {
    let version = read.version.map(|version| format!("/{version}"));
    let reason = read
        .reason
        .as_ref()
        .map(|reason| format!(" reason={reason}"));
    let properties = read.properties.iter().map(|property| {
        let ptype = property.ptype.as_ref().map(|ptype| format!("{ptype}."));
        format!(
            " {}{}={}",
            ptype.unwrap_or_default(),
            property.name,
            property.value
        )
    });
    [
        read.method.clone(),
        version.unwrap_or_default(),
        format!("={}", read.result),
        reason.unwrap_or_default(),
        properties.collect(),
    ]
    .concat()
}

fn check(value: &str, authserv_id: Option<&str>, results: &[&str], error: Option<&str>) {
    let field = parse(value.as_bytes());
    assert_eq!(field.authserv_id.as_deref(), authserv_id, "{value}");
    assert_eq!(outline(&field), results, "{value}");
    assert_eq!(field.error.map(ReadFault::as_str), error, "{value}");
}

#[test]
fn the_shape_is_the_contracts() {
    let field =
        parse(b" mx.example 1; dkim/1=Pass reason=\"good one\" Header.D=Example.com; spf=none");
    assert_eq!(
        serde_json::to_value(&field).unwrap(),
        json!({
            "authserv_id": "mx.example", "version": 1, "results": [
                {"method": "dkim", "version": 1, "result": "pass", "reason": "good one",
                 "properties": [{"type": "header", "name": "d", "value": "Example.com"}]},
                {"method": "spf", "version": null, "result": "none", "reason": null, "properties": []},
            ], "error": null,
        })
    );
    let empty = serde_json::to_value(parse(b"")).unwrap();
    assert_eq!(
        empty,
        json!({"authserv_id": null, "version": null, "results": [], "error": "empty"})
    );
}

#[test]
fn rfc8601_b_examples() {
    for (value, authserv_id, results) in [
        (" example.org 1; none", "example.org", &[][..]),
        (
            " example.com;\r\n          spf=pass smtp.mailfrom=example.net",
            "example.com",
            &["spf=pass smtp.mailfrom=example.net"],
        ),
        (
            " example.com;\r\n auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n spf=pass smtp.mailfrom=example.net",
            "example.com",
            &[
                "auth=pass smtp.auth=sender@example.net",
                "spf=pass smtp.mailfrom=example.net",
            ],
        ),
        (
            " example.com; iprev=pass\r\n policy.iprev=192.0.2.200",
            "example.com",
            &["iprev=pass policy.iprev=192.0.2.200"],
        ),
        (
            " example.com;\r\n dkim=pass reason=\"good signature\"\r\n header.i=@mail-router.example.net;\r\n dkim=fail \
          reason=\"bad signature\"\r\n header.i=@newyork.example.com",
            "example.com",
            &[
                "dkim=pass reason=good signature header.i=@mail-router.example.net",
                "dkim=fail reason=bad signature header.i=@newyork.example.com",
            ],
        ),
        (
            " foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n \
          policy (A dot can go here) . (like that) expired\r\n (this surprised me) = (as I wasn't expecting it) 1362471462",
            "foo.example.net",
            &["dkim/1=fail policy.expired=1362471462"],
        ),
    ] {
        check(value, Some(authserv_id), results, None);
    }
    assert_eq!(parse(b"example.org 1; none").version, Some(1));
}

#[test]
fn forms_seen_in_practice_are_read() {
    for (value, authserv_id, results) in [
        (
            "spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=a.example; dkim=none\r\n header.d=none;dmarc=pass action=none \
          header.from=a.example;compauth=pass reason=100",
            None,
            &[
                "spf=pass smtp.mailfrom=a.example",
                "dkim=none header.d=none",
                "dmarc=pass action=none header.from=a.example",
                "compauth=pass reason=100",
            ][..],
        ),
        (
            "mx.example;\n dkim=pass header.b=AbC/+d==;spf=Pass smtp.remote-ip=2001:db8::1 smtp.mailfrom=<>",
            Some("mx.example"),
            &[
                "dkim=pass header.b=AbC/+d==",
                "spf=pass smtp.remote-ip=2001:db8::1 smtp.mailfrom=<>",
            ],
        ),
        (
            "mx; spf=pass smtp.mailfrom=\"a=b@x.example\" smtp.helo=\"a\\\"\\\\b;c\"",
            Some("mx"),
            &["spf=pass smtp.mailfrom=a=b@x.example smtp.helo=a\"\\b;c"],
        ),
        (
            "mx; spf=pass smtp.mailfrom=\"a b\\\"\"@x.example(c)smtp.helo=h",
            Some("mx"),
            &["spf=pass smtp.mailfrom=\"a b\\\"\"@x.example smtp.helo=h"],
        ),
        (
            "mx;; x-ptr=pass policy.is_org=yes body.a.b=c;",
            Some("mx"),
            &["x-ptr=pass policy.is_org=yes body.a.b=c"],
        ),
        (
            "mx; dkim=fail reason=\"x\" (y) header.d=ü reason=z header.i=",
            Some("mx"),
            &["dkim=fail reason=x header.d=ü reason=z header.i="],
        ),
        (
            "a.example; dkim=none (not signed)\r\n header.d=none;a.example; dmarc=none action=none;",
            Some("a.example"),
            &["dkim=none header.d=none", "dmarc=none action=none"],
        ),
        ("; none ", None, &[]),
        (
            "\"a b\\\" c\" 01 ; none; dkim=pass",
            Some("a b\" c"),
            &["dkim=pass"],
        ),
    ] {
        check(value, authserv_id, results, None);
    }
    assert_eq!(
        parse(b"\xff; spf=pass smtp.helo=\xfe").results[0].properties[0].value,
        "\u{fffd}"
    );
}

#[test]
fn a_field_that_cannot_be_read_says_why() {
    for (value, authserv_id, error) in [
        (" (c) ", None, "empty"),
        ("mx", Some("mx"), "no-results"),
        ("mx;", Some("mx"), "no-results"),
        ("mx 2; dkim=pass", Some("mx"), "unsupported-version"),
        (
            "mx 99999999999; dkim=pass",
            Some("mx"),
            "unsupported-version",
        ),
        ("mx dkim=pass", Some("mx"), "missing-semicolon"),
        ("=pass", None, "missing-semicolon"),
        ("(mx; spf=pass", None, "unclosed-comment"),
        ("\"mx; spf=pass", None, "unclosed-quoted-string"),
    ] {
        check(value, authserv_id, &[], Some(error));
    }
}

#[test]
fn what_stood_before_an_error_is_kept() {
    for (value, properties, error) in [
        ("; mx dkim=pass", "", "missing-result"),
        ("; dkim", "", "missing-result"),
        ("; dkim=", "", "missing-result"),
        ("; =pass", "", "missing-method"),
        (" smtp.helo", "", "malformed-property"),
        (" a.b=c .d=e", " a.b=c", "malformed-property"),
        (" a.=c", "", "malformed-property"),
        (" a.b=c\"d\"", " a.b=c", "malformed-property"),
        (" (a.b=c", "", "unclosed-comment"),
        (" a.b=\"c", "", "unclosed-quoted-string"),
    ] {
        let value = format!("mx; spf=pass{value}");
        let kept = format!("spf=pass{properties}");
        check(&value, Some("mx"), &[&kept], Some(error));
    }
}

#[test]
fn result_and_property_limits_at_n_minus_1_n_and_n_plus_1() {
    for (count, error) in [
        (999, None),
        (1_000, None),
        (1_001, Some(ReadFault::ResultLimit)),
    ] {
        let field = parse(format!("mx{}", "; spf=pass".repeat(count)).as_bytes());
        assert_eq!(
            (field.results.len(), field.error),
            (count.min(RESULT_LIMIT), error)
        );
    }
    for (count, error) in [
        (99, None),
        (100, None),
        (101, Some(ReadFault::PropertyLimit)),
    ] {
        let field = parse(format!("mx; spf=pass{}", " a.b=c".repeat(count)).as_bytes());
        let read = field.results[0].properties.len();
        assert_eq!((read, field.error), (count.min(PROPERTY_LIMIT), error));
    }
}

#[test]
fn rfc8617_4_1_1_an_instance_stands_before_the_payload() {
    let (instance, field) = parse_arc(b" i = 2 (c); mx.example; arc=pass");
    assert_eq!(
        (instance, field.authserv_id.as_deref()),
        (Some(2), Some("mx.example"))
    );
    assert_eq!(outline(&field), ["arc=pass"]);
    let (instance, field) = parse_arc(b"i=1; spf=pass");
    assert_eq!(
        (instance, field.authserv_id, field.results.len()),
        (Some(1), None, 1)
    );
    let (instance, field) = parse_arc(b"mx.example; arc=pass");
    assert_eq!((instance, field.results.len()), (None, 1));
}

fn signature(result: DkimResult, facts: [&str; 4]) -> DkimVerdict {
    let header_b = Some(facts[3].into());
    let [domain, selector, auid, _] = facts.map(|fact| Some(fact.into()));
    DkimVerdict {
        result,
        domain,
        selector,
        auid,
        algorithm: Some("rsa-sha256".into()),
        header_b,
        ..blank_verdict()
    }
}

fn spf(result: SpfResult, domain: &str) -> SpfVerdict {
    SpfVerdict {
        result,
        identity: "mail_from",
        domain: Some(domain.into()),
        reason: SpfReason::ALL[0],
        mechanism: None,
        explanation: None,
        dns_lookups: 0,
        void_lookups: 0,
        limits: Vec::new(),
    }
}

fn spf_helo(result: SpfResult, domain: &str) -> SpfHeloVerdict {
    let domain = Some(domain.into());
    SpfHeloVerdict {
        result,
        domain,
        reason: SpfReason::ALL[0],
        limits: Vec::new(),
    }
}

fn dmarc(result: DmarcResult, effective_policy: Option<RequestedPolicy>) -> DmarcVerdict {
    DmarcVerdict {
        result,
        effective_policy,
        ..DmarcVerdict::without_policy(DmarcReason::ALL[0], Rules::Rfc9989)
    }
}

fn arc(result: ArcResult, oldest_pass: Option<u32>) -> ArcVerdict {
    ArcVerdict {
        result,
        reason: ArcReason::ALL[0],
        instances: 0,
        oldest_pass,
        sealers: Vec::new(),
    }
}

fn author(domain: &str) -> Author {
    Author {
        domain: Domain::parse_ascii(domain),
        organizational_domain: None,
        reason: None,
        display_name: None,
        flags: Vec::new(),
        rejected: Vec::new(),
    }
}

fn verdict() -> Verdict {
    Verdict {
        error: None,
        author: Some(author("example.com")),
        spf: Some(spf(SpfResult::Pass, "example.net")),
        spf_helo: Some(spf_helo(SpfResult::None, "mx.example.net")),
        dkim: vec![signature(
            DkimResult::Pass,
            ["example.com", "s1", "@example.com", "AbC/defghi"],
        )],
        arc: Some(arc(ArcResult::Pass, Some(0))),
        dmarc: Some(dmarc(DmarcResult::Pass, Some(RequestedPolicy::Reject))),
        ..Verdict::failed(String::new(), 0, ErrorReason::Unreadable)
    }
}

/// What is written, without `reason=`: reasons are other rooms' business.
fn written(verdict: &Verdict) -> String {
    let text = write(verdict, "mx.example");
    let mut pieces = text.split(" reason=");
    let first = pieces.next().unwrap_or_default().to_owned();
    let is_in_code = |character: char| character.is_ascii_alphanumeric() || character == '-';
    pieces.fold(first, |text, piece| {
        text + piece.trim_start_matches(is_in_code)
    })
}

#[test]
fn rfc8601_2_2_a_verdict_is_one_line() {
    let mut verdict = verdict();
    verdict.envelope.client_ip = Some("2001:db8::1".to_owned());
    let codes = [
        DkimReason::Verified.code(),
        SpfReason::ALL[0].code(),
        DmarcReason::ALL[0].code(),
        ArcReason::ALL[0].code(),
    ];
    let [dkim, spf, dmarc, arc] = codes;
    assert_eq!(
        write(&verdict, "mx.example"),
        format!(
            "mx.example; dkim=pass reason={dkim} header.d=example.com header.i=@example.com header.s=s1 \
             header.a=rsa-sha256 header.b=\"AbC/defg\"; spf=pass reason={spf} smtp.mailfrom=example.net; \
             spf=none reason={spf} smtp.helo=mx.example.net; dmarc=pass reason={dmarc} header.from=example.com \
             policy.dmarc=reject; arc=pass reason={arc} header.oldest-pass=0 smtp.remote-ip=\"2001:db8::1\""
        )
    );
    assert_eq!(
        write(
            &Verdict::failed(String::new(), 0, ErrorReason::Unreadable),
            "a b;"
        ),
        "\"a b;\"; none"
    );
}

#[test]
fn words_of_the_contract_alone_are_never_written() {
    let mut verdict = verdict();
    verdict.spf = Some(spf(SpfResult::NotEvaluated, "x.example"));
    verdict.spf_helo = Some(spf_helo(SpfResult::NotEvaluated, "x.example"));
    verdict.dkim[0].result = DkimResult::Unverifiable;
    verdict.dmarc = Some(dmarc(DmarcResult::Unverifiable, None));
    verdict.arc = Some(arc(ArcResult::Unverifiable, None));
    assert_eq!(written(&verdict), "mx.example; none");
    verdict.dkim.clear();
    verdict.arc = Some(arc(ArcResult::TempError, None));
    assert_eq!(written(&verdict), "mx.example; dkim=none; arc=fail");
}

#[test]
fn rfc8301_3_a_historic_pass_is_no_pass_for_others() {
    let mut verdict = verdict();
    let historic = |code: &str| code == "historic-algorithm";
    if let Some(reason) = DkimReason::ALL
        .iter()
        .find(|reason| historic(reason.code()))
    {
        verdict.dkim[0].reason = *reason;
        assert!(written(&verdict).starts_with("mx.example; dkim=policy header.d=example.com"));
    }
    if let Some(reason) = ArcReason::ALL.iter().find(|reason| historic(reason.code())) {
        verdict.arc.as_mut().unwrap().reason = *reason;
        assert!(written(&verdict).ends_with("; arc=fail header.oldest-pass=0"));
    }
    assert!(written(&verdict).contains("; dmarc=pass "));
}

#[test]
fn hostile_5_what_is_no_name_is_left_out() {
    let mut verdict = verdict();
    let odd = "legitimate.com(.attack.com";
    for odd in [
        odd,
        "legitimate.com\".attack.com",
        "legitimate.com'.attack.com",
        "a\0.com",
        "a\r\nX: y",
        "",
        &"a.".repeat(200),
    ] {
        verdict.dkim = vec![signature(
            DkimResult::PermError,
            [odd, odd, &format!("@{odd}"), odd],
        )];
        verdict.spf = Some(spf(SpfResult::None, odd));
        verdict.spf_helo = Some(spf_helo(SpfResult::None, odd));
        verdict.author = Some(author(odd));
        verdict.envelope.client_ip = Some(odd.to_owned());
        assert_eq!(
            written(&verdict),
            "mx.example; dkim=permerror header.a=rsa-sha256; spf=none; spf=none; dmarc=pass policy.dmarc=reject; \
             arc=pass header.oldest-pass=0"
        );
    }
}

#[test]
fn rfc8601_2_2_email_identities_keep_their_form_where_they_have_one() {
    for (auid, expected) in [
        ("a.b=c@Example.com", "a.b=c@example.com"),
        ("\"a ;b\"@example.com", "\"a ;b\"@example.com"),
        ("müller@bücher.example", "müller@xn--bcher-kva.example"),
        ("a b@example.com", "\"a b@example.com\""),
        ("a..b@example.com", "\"a..b@example.com\""),
        ("\"a\"b\"@example.com", "\"\\\"a\\\"b\\\"@example.com\""),
        (
            "a\\\r\n\x1b\u{85}\u{2028}@example.com",
            "\"a\\\\?????@example.com\"",
        ),
        ("@a_b.example", "\"@a_b.example\""),
        ("@localhost", "\"@localhost\""),
    ] {
        let mut verdict = verdict();
        verdict.dkim = vec![signature(DkimResult::Pass, ["example.com", "s", auid, ""])];
        let text = write(&verdict, "mx.example");
        assert!(
            text.contains(&format!(" header.i={expected} header.s=s ")),
            "{text}"
        );
    }
}

#[test]
fn a_value_is_left_out_beyond_its_limit() {
    for (octets, is_written) in [(319, true), (320, true), (321, false)] {
        let auid = format!("{}@example.com", "a".repeat(octets - 12));
        let mut verdict = verdict();
        verdict.dkim = vec![signature(DkimResult::Pass, ["example.com", "s", &auid, ""])];
        assert_eq!(write(&verdict, "mx").contains(&auid), is_written);
    }
}

const DKIM_WORDS: [DkimResult; 6] = [
    DkimResult::Pass,
    DkimResult::Fail,
    DkimResult::Policy,
    DkimResult::TempError,
    DkimResult::PermError,
    DkimResult::Unverifiable,
];

/// Octets that end or change something somewhere, others, and pieces that look like a statement.
fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(&b"\r\n\0;()\"\\\x1b\x80@.=/ \t<>,:[]?a1-_+"[..]).prop_map(|octet| vec![octet]),
        2 => any::<u8>().prop_map(|octet| vec![octet]),
        1 => any::<char>().prop_map(|character| character.to_string().into_bytes()),
        1 => prop::sample::select(vec!["; dkim=pass header.d=a.example", "a.example", "\"@a.example", "\u{2028}", "x@y.example"])
            .prop_map(|text| text.as_bytes().to_vec()),
    ];
    let octets = prop::collection::vec(piece, 0..12);
    octets.prop_map(|pieces| String::from_utf8_lossy(&pieces.concat()).into_owned())
}

fn hostile_signature() -> impl Strategy<Value = DkimVerdict> {
    let facts = prop::collection::vec(hostile_text(), 5);
    (
        prop::sample::select(&DKIM_WORDS[..]),
        0..DkimReason::ALL.len(),
        facts,
    )
        .prop_map(|(result, reason, facts)| {
            let mut signature = signature(result, [&facts[0], &facts[1], &facts[2], &facts[3]]);
            signature.algorithm = Some(facts[4].clone().into());
            signature.reason = DkimReason::ALL[reason];
            signature
        })
}

fn hostile_verdict() -> impl Strategy<Value = Verdict> {
    let facts = prop::collection::vec(hostile_text(), 4);
    (
        prop::collection::vec(hostile_signature(), 0..4),
        facts,
        any::<bool>(),
    )
        .prop_map(|(dkim, facts, is_evaluated)| {
            let mut verdict = verdict();
            let word = if is_evaluated {
                SpfResult::Fail
            } else {
                SpfResult::NotEvaluated
            };
            verdict.dkim = dkim;
            verdict.spf = Some(spf(word, &facts[0]));
            verdict.spf_helo = Some(spf_helo(word, &facts[1]));
            verdict.author = Some(author(&facts[2]));
            verdict.envelope.client_ip = Some(facts[3].clone());
            verdict
        })
}

fn is_unwritable(character: char) -> bool {
    character.is_control() || "\u{2028}\u{2029}\u{fffd}".contains(character)
}

/// The results that have to come back, without their properties.
fn expected_results(verdict: &Verdict) -> Vec<String> {
    let mut expected = Vec::new();
    for signature in &verdict.dkim {
        let is_historic =
            signature.result == DkimResult::Pass && signature.reason.code() == "historic-algorithm";
        let word = if is_historic {
            "policy"
        } else {
            signature.result.as_str()
        };
        if word != "unverifiable" {
            expected.push(format!("dkim={word} reason={}", signature.reason.code()));
        }
    }
    if verdict.dkim.is_empty() {
        expected.push("dkim=none".to_owned());
    }
    if verdict.spf.as_ref().unwrap().result != SpfResult::NotEvaluated {
        expected.extend(vec![
            format!("spf=fail reason={}", SpfReason::ALL[0].code());
            2
        ]);
    }
    expected.push(format!("dmarc=pass reason={}", DmarcReason::ALL[0].code()));
    expected.push(format!("arc=pass reason={}", ArcReason::ALL[0].code()));
    expected
}

/// True when a property's value is what its name promises, whatever the fact was.
fn is_sound(property: &Property) -> bool {
    let value = property.value.as_str();
    let is_host =
        |name: &str| Domain::parse_host(name).is_some_and(|domain| domain.as_str() == name);
    match property.name.as_str() {
        "d" | "s" | "mailfrom" | "helo" | "from" => is_host(value),
        "i" => value
            .rsplit_once('@')
            .is_some_and(|(_, domain)| is_host(domain)),
        "a" => {
            !value.is_empty()
                && value
                    .bytes()
                    .all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet))
        }
        "b" => {
            !value.is_empty()
                && value
                    .bytes()
                    .all(|octet| octet.is_ascii_alphanumeric() || b"+/=".contains(&octet))
        }
        "remote-ip" => value.parse::<std::net::IpAddr>().is_ok(),
        "dmarc" => value == "reject",
        "oldest-pass" => value == "0",
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn hostile_73_what_is_written_reads_back_as_it_was_meant(verdict in hostile_verdict(), authserv_id in hostile_text()) {
        let text = write(&verdict, &authserv_id);
        prop_assert!(!text.contains(is_unwritable));
        let field = parse(text.as_bytes());
        prop_assert_eq!(field.error, None);
        let shown = authserv_id.replace(is_unwritable, "?");
        prop_assert_eq!(field.authserv_id.unwrap_or_default(), shown);
        for property in field.results.iter().flat_map(|read| &read.properties) {
            prop_assert!(is_sound(property), "{:?} in {}", property, text);
        }
        let plain = field.results.iter().map(|read| outline_result(&MethodResult { properties: Vec::new(), ..read.clone() }));
        prop_assert_eq!(plain.collect::<Vec<_>>(), expected_results(&verdict));
    }

    #[test]
    fn a_plain_identity_reads_back_unchanged(local_part in "[ -~]{0,12}") {
        let auid = format!("{local_part}@example.com");
        let mut verdict = verdict();
        verdict.dkim = vec![signature(DkimResult::Pass, ["example.com", "s", &auid, ""])];
        let field = parse(write(&verdict, "mx").as_bytes());
        let identity = field.results[0].properties.iter().find(|property| property.name == "i");
        prop_assert_eq!(&identity.unwrap().value, &auid);
    }

    #[test]
    fn no_octets_panic_and_reading_is_the_same_twice(octets in hostile_text()) {
        let value = format!("mx; {octets}");
        let field = parse(value.as_bytes());
        prop_assert_eq!(&field, &parse(value.as_bytes()));
        let shape: Value = serde_json::to_value(&field).unwrap();
        prop_assert!(shape["results"].as_array().unwrap().len() <= RESULT_LIMIT);
        parse_arc(octets.as_bytes());
        parse(octets.as_bytes());
    }
}

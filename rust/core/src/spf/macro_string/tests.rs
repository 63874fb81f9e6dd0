use super::*;

const SENDER: &str = "strong-bad";

fn values(client_ip: &str) -> MacroValues<'static> {
    MacroValues {
        local_part: SENDER,
        sender_domain: "email.example.com",
        domain: "email.example.com",
        client_ip: client_ip.parse().unwrap(),
        validated_name: Some("mx.example.org"),
        helo: Some("mx.example.org"),
        receiver: "mail.example.net",
        now: Some(1_764_000_000),
    }
}

fn text(macros: &str, values: &MacroValues<'_>) -> String {
    let parsed = MacroString::parse_explanation(macros.as_bytes()).unwrap();
    parsed.expand_text(values).unwrap().text
}

fn name(spec: &str, values: &MacroValues<'_>) -> Option<String> {
    let parsed = MacroString::parse_domain_spec(spec).unwrap();
    let expanded = parsed.expand_name(values);
    // A name that depends on no value is known beforehand, and the same.
    let fixed = parsed.fixed_name();
    assert_eq!(fixed.is_some(), expanded.is_some() && !spec.contains('%'));
    assert!(fixed.is_none() || fixed == expanded.as_ref());
    expanded.map(|name| name.to_string())
}

#[test]
fn rfc7208_7_4_single_macros() {
    for (macros, expansion) in [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
    ] {
        assert_eq!(text(macros, &values("192.0.2.3")), expansion, "{macros}");
    }
}

#[test]
fn rfc7208_7_4_macro_strings() {
    let ip4 = values("192.0.2.3");
    for (spec, expansion) in [
        (
            "%{ir}.%{v}._spf.%{d2}",
            "3.2.0.192.in-addr._spf.example.com",
        ),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        (
            "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
            "bad.strong.lp.3.2.0.192.in-addr._spf.example.com",
        ),
        (
            "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",
            "3.2.0.192.in-addr.strong.lp._spf.example.com",
        ),
        (
            "%{d2}.trusted-domains.example.net",
            "example.com.trusted-domains.example.net",
        ),
    ] {
        assert_eq!(name(spec, &ip4).as_deref(), Some(expansion), "{spec}");
    }
    assert_eq!(
        name("%{ir}.%{v}._spf.%{d2}", &values("2001:db8::cb01")).unwrap(),
        "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"
    );
}

#[test]
fn rfc7208_7_2_letters_of_explanations_and_unknown_values() {
    let known = values("2001:db8::1");
    assert_eq!(
        text("%{c} %{r} %{t} %{p} %{h}", &known),
        "2001:db8::1 mail.example.net 1764000000 mx.example.org mx.example.org"
    );
    let unknown = MacroValues {
        validated_name: None,
        helo: None,
        receiver: "",
        now: None,
        ..known
    };
    assert_eq!(
        text("%{r} %{t} %{p} %{h}", &unknown),
        "unknown unknown unknown unknown"
    );
    for spec in ["%{c}", "%{R}.example.com", "a.%{t}"] {
        assert_eq!(MacroString::parse_domain_spec(spec), None, "{spec}");
    }
}

#[test]
fn rfc7208_7_3_part_counts() {
    let ip4 = values("192.0.2.3");
    for (macros, expansion) in [
        ("%{d127}", "email.example.com"),
        ("%{d200r}", "com.example.email"),
        ("%{d99999999999999999999999r}", "com.example.email"),
        ("%{d01}", "com"),
        ("%{D1R}", "email"),
    ] {
        assert_eq!(text(macros, &ip4), expansion, "{macros}");
    }
    for macros in [
        "%{d0}", "%{d00r}", "%{d-1}", "%{dr2}", "%{}", "%{1}", "%{d.r}",
    ] {
        assert!(!MacroString::is_macro_string(macros), "{macros}");
    }
}

#[test]
fn rfc7208_7_3_empty_parts_stay() {
    let odd = MacroValues {
        local_part: ".a--b+.",
        ..values("192.0.2.3")
    };
    assert_eq!(text("%{lr-}", &odd), "b+....a");
    assert_eq!(text("%{l+-}", &odd), ".a..b..");
    assert_eq!(text("%{l2}", &odd), "a--b+.");
}

#[test]
fn rfc7208_7_3_upper_case_letters_escape_every_octet() {
    let odd = MacroValues {
        local_part: "~j&k=\u{fc}\u{20ac} %",
        ..values("192.0.2.3")
    };
    assert_eq!(text("%{L}", &odd), "~j%26k%3D%C3%BC%E2%82%AC%20%25");
}

#[test]
fn rfc7208_7_1_percent_escapes() {
    let ip4 = values("192.0.2.3");
    assert_eq!(text("%%.%_.%-", &ip4), "%. .%20");
    assert_eq!(
        name("a%%b%_c%-d.example.com", &ip4).as_deref(),
        Some("a%b c%20d.example.com")
    );
    for spec in [
        "%",
        "a%",
        "%{",
        "%{d",
        "%(d).example.com",
        "%{d}%",
        "%d.example.com",
        "%{x}",
        "%{d}}%",
    ] {
        assert_eq!(MacroString::parse_domain_spec(spec), None, "{spec}");
    }
}

#[test]
fn rfc7208_7_1_domain_end() {
    for spec in [
        "a.b",
        "a..b",
        ".b",
        "a.b.",
        "%{d}",
        "%%",
        "a:b/c.d",
        "%{d}.xn--zckzah",
        "x.1-1",
        "_.a1",
        "%{d}._tcp.%{o1}",
    ] {
        assert!(MacroString::parse_domain_spec(spec).is_some(), "{spec}");
    }
    for spec in [
        "",
        ".",
        "..",
        "museum",
        "museum.",
        "a.b..",
        "a.123",
        "a.-b",
        "a.b-",
        "a.b:25",
        "%{d}.",
        "%{d}com",
        "a.b_c",
        "a b.c",
        "a.b\u{e9}",
        "a.b\0",
    ] {
        assert_eq!(MacroString::parse_domain_spec(spec), None, "{spec:?}");
    }
}

#[test]
fn rfc7208_7_3_long_names_lose_labels_on_the_left() {
    let ip4 = values("192.0.2.3");
    let spec = |octets: usize| format!("abc.{}{}.com", "a.".repeat(117), "b".repeat(octets - 242));
    let expanded = |octets: usize| name(&spec(octets), &ip4).unwrap();
    for octets in [252, 253] {
        assert_eq!(
            (spec(octets).len(), expanded(octets)),
            (octets, spec(octets))
        );
    }
    assert_eq!(expanded(254), spec(254)["abc.".len()..]);
    assert_eq!(
        name(&format!("{}.example.com", "a".repeat(8192)), &ip4).as_deref(),
        Some("example.com")
    );
    assert_eq!(
        name(&format!("{}com", "%{d}.".repeat(60)), &ip4)
            .unwrap()
            .len(),
        249
    );
    assert_eq!(name(&format!("%{{l}}{}.com", "x".repeat(64)), &ip4), None);
}

#[test]
fn rfc7208_6_2_explanation_limit_at_n_and_around() {
    let ip4 = values("192.0.2.3");
    for (octets, is_truncated) in [
        (EXPLANATION_OCTET_LIMIT - 1, false),
        (EXPLANATION_OCTET_LIMIT, false),
        (EXPLANATION_OCTET_LIMIT + 1, true),
    ] {
        let parsed = MacroString::parse_explanation("x".repeat(octets).as_bytes()).unwrap();
        let explanation = parsed.expand_text(&ip4).unwrap();
        assert_eq!(explanation.is_truncated, is_truncated);
        assert_eq!(explanation.text.len(), octets.min(EXPLANATION_OCTET_LIMIT));
    }
}

#[test]
fn rfc7208_6_2_explanations_are_printable_ascii() {
    for octets in [&b"\xef\xbb\xbfx"[..], b"a\r\nb", b"\x7f", b"a\0"] {
        assert_eq!(MacroString::parse_explanation(octets), None);
    }
    let parsed = MacroString::parse_explanation(b"%{l}").unwrap();
    let odd = MacroValues {
        local_part: "\u{fc}",
        ..values("192.0.2.3")
    };
    assert_eq!(parsed.expand_text(&odd), None);
}

#[test]
fn rfc7208_7_3_delimiters() {
    let all = MacroValues {
        local_part: "a.b-c+d,e/f_g=h",
        ..values("192.0.2.3")
    };
    assert_eq!(text("%{l.-+,/_=}", &all), "a.b.c.d.e.f.g.h");
    assert_eq!(text("%{l2---------}", &all), "a.b.c+d,e/f_g=h");
    assert_eq!(text("%{l2r,+}", &all), "d.a.b-c");
    assert_eq!(text("%{l3r.-}", &all), "c+d,e/f_g=h.b.a");
    assert_eq!(text("%{l2=_}", &all), "g.h");
}

#[test]
fn rfc7208_7_3_labels_are_cut_as_wholes() {
    let ip4 = values("192.0.2.3");
    let tail = |octets: usize| format!("{}{}.com", "a.".repeat(117), "b".repeat(octets - 238));
    assert_eq!(tail(253).len(), 253);
    assert_eq!(name(&format!("abc.{}", tail(253)), &ip4), Some(tail(253)));
    assert_eq!(
        name(&format!("abc.{}", tail(254)), &ip4).unwrap(),
        tail(254)[2..]
    );
    // The label that is cut may begin in an earlier macro.
    for end in ["", "."] {
        assert_eq!(
            name(&format!("%{{d1}}x.{}{end}", tail(251)), &ip4),
            Some(tail(251))
        );
        assert_eq!(
            name(&format!("%{{d1}}.{}{end}", tail(253)), &ip4),
            Some(tail(253))
        );
    }
}

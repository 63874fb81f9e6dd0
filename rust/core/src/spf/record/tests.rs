use super::*;

fn select(texts: &[&[u8]]) -> RecordSelection {
    RecordSelection::select(texts.iter().copied())
}

fn parse(terms: &str) -> Result<Record, Box<str>> {
    Record::parse(format!("v=spf1 {terms}").as_bytes())
}

fn mechanism(term: &str) -> Option<Mechanism> {
    parse(term)
        .ok()?
        .directives()
        .first()
        .map(|directive| directive.mechanism.clone())
}

#[test]
fn rfc7208_4_5_versions() {
    for text in ["v=spf1", "V=SPF1 -all", "v=spf1 ", "v=spf1    -all  "] {
        assert!(
            matches!(select(&[text.as_bytes()]), RecordSelection::Record(_)),
            "{text}"
        );
    }
    for text in [
        "",
        "v=spf10 -all",
        "v=spf1-all",
        "v=spf1\t-all",
        " v=spf1 -all",
        "v=spf",
        "v=spf2.0/pra +all",
        "spf2.",
        "v=spf1\0",
    ] {
        assert!(
            matches!(select(&[text.as_bytes()]), RecordSelection::NoRecord),
            "{text:?}"
        );
    }
}

#[test]
fn rfc7208_4_5_two_records_are_an_error_in_every_order() {
    let texts: [&[u8]; 4] = [b"other", b"v=spf1 +all", b"v=spf1 -all", b"\xff\xfe"];
    let mut reversed = texts;
    reversed.reverse();
    for texts in [texts, reversed] {
        assert!(matches!(select(&texts), RecordSelection::MultipleRecords));
    }
    let same: [&[u8]; 2] = [b"v=spf1 -all", b"v=spf1 -all"];
    assert!(matches!(select(&same), RecordSelection::MultipleRecords));
    let one: [&[u8]; 3] = [b"\x96", b"v=spf10", b"v=spf1 -all"];
    assert!(matches!(select(&one), RecordSelection::Record(_)));
}

#[test]
fn rfc7208_4_6_the_faulty_term_is_named() {
    for (terms, faulty) in [
        ("ip4:192.0.2.1 -all moo", "moo"),
        ("a:b.example \u{200b}all", "\u{200b}all"),
        ("a -all\tmx", "-all\tmx"),
        (
            "redirect=a.example redirect=a.example",
            "redirect=a.example",
        ),
    ] {
        assert_eq!(parse(terms).unwrap_err().as_ref(), faulty);
    }
    assert_eq!(
        parse(&"x".repeat(1000)).unwrap_err().len(),
        FAULTY_TERM_CHARACTERS
    );
}

#[test]
fn rfc7208_4_6_1_modifiers() {
    for terms in [
        "moo.cow-far_out=man:dog/cat",
        "a=b",
        "x= x= x=",
        "default=pass",
        "m=%{c}%{d}%%",
        "ip4=1",
        "REDIRECT=a.example EXP=b.example",
    ] {
        assert!(parse(terms).is_ok(), "{terms}");
    }
    for terms in [
        "moo.cow/far=x",
        "1up=foo",
        "=all",
        "+x=y",
        "x=%",
        "x=%abc",
        "exp=",
        "redirect=",
        "exp=-all",
        "redirect=%{c}.a",
        "exp=a.example EXP=b.example",
    ] {
        assert!(parse(terms).is_err(), "{terms}");
    }
}

#[test]
fn rfc7208_5_arguments_of_mechanisms() {
    for terms in [
        "all",
        "a",
        "mx",
        "ptr",
        "A",
        "Mx:a.example",
        "ptr:a.example",
        "INCLUDE:a.example",
        "exists:%{d}",
        "?all",
    ] {
        assert!(parse(terms).is_ok(), "{terms}");
    }
    for terms in [
        "all:a.example",
        "all/8",
        "all.",
        "include",
        "include:",
        "include:a.example/24",
        "exists",
        "exists:a.example//64",
        "ptr/0",
        "ptr:",
        "a:",
        "mx:",
        "a/",
        "a:a.example/",
        "a/24/64",
        "a:museum",
        "ip4",
        "ip4:",
        "ip6",
        "-",
        "+-all",
        "unknown",
        "redirect:a.example",
    ] {
        assert!(parse(terms).is_err(), "{terms}");
    }
}

#[test]
fn rfc7208_5_6_prefix_lengths() {
    let lengths = |term: &str| match mechanism(term) {
        Some(Mechanism::A(_, lengths)) => Some((lengths.ip4, lengths.ip6)),
        _ => None,
    };
    for (term, expected) in [
        ("a", (32, 128)),
        ("a/0", (0, 128)),
        ("a//0", (32, 0)),
        ("a/31//127", (31, 127)),
        ("a/32//128", (32, 128)),
        ("a:b.example//64", (32, 64)),
        ("a:%{d}/24//64", (24, 64)),
        ("a:x/9.example/24", (24, 128)),
    ] {
        assert_eq!(lengths(term), Some(expected), "{term}");
    }
    for term in [
        "a/33",
        "a//129",
        "a/032",
        "a/00",
        "a//064",
        "a/-1",
        "a/+1",
        "a///64",
        "a/24//",
        "a//64/24",
        "a/999999999999",
    ] {
        assert_eq!(lengths(term), None, "{term}");
    }
}

#[test]
fn rfc7208_5_6_networks() {
    for term in [
        "ip4:0.0.0.0/0",
        "ip4:192.0.2.1/32",
        "ip6:2001:db8::/32",
        "ip6:::/0",
        "ip6:::ffff:192.0.2.1/128",
        "ip6:::192.0.2.1",
    ] {
        assert!(mechanism(term).is_some(), "{term}");
    }
    for term in [
        "ip4:192.0.2.1/33",
        "ip4:192.0.2.1/-1",
        "ip4:192.0.2.04",
        "ip4:192.0.2",
        "ip4:192.0.2.1:25",
        "ip4:192.0.2.1//32",
        "ip4:192.0.2.256",
        "ip4:2001:db8::1",
        "ip4/24",
        "ip6:2001:db8::/129",
        "ip6:2001:db8:://32",
        "ip6::cafe::babe",
        "ip6:192.0.2.1",
        "ip6:fe80::1%eth0",
        "ip6:[::1]",
        "ip4:%{i}",
    ] {
        assert_eq!(mechanism(term), None, "{term}");
    }
}

#[test]
fn directives_keep_their_text() {
    let record = parse("  +mx/24   ~INCLUDE:%{d2} x=y -all").unwrap();
    let texts: Vec<&str> = record
        .directives()
        .iter()
        .map(|directive| record.directive_text(directive))
        .collect();
    assert_eq!(texts, ["+mx/24", "~INCLUDE:%{d2}", "-all"]);
}

#[test]
fn terms_that_cannot_be_reached_are_checked_and_dropped() {
    assert_eq!(
        parse("-all a mx ip4:192.0.2.1").unwrap().directives().len(),
        1
    );
    assert!(parse("-all moo").is_err());
    for (count, kept) in [(9, 10), (10, 11), (11, 11), (5_000, 11)] {
        assert_eq!(
            parse(&format!("{}ip4:192.0.2.1", "a ".repeat(count)))
                .unwrap()
                .directives()
                .len(),
            kept
        );
    }
}

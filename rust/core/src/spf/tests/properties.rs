//! No record, macro string or identity panics, and the limits hold for all of them.

use proptest::prelude::*;

use super::*;

/// Pieces that records are made of, sound and broken.
const PIECES: [&str; 46] = [
    " ",
    " ",
    "a",
    "mx",
    "ptr",
    "all",
    "include",
    "exists",
    "ip4",
    "ip6",
    "redirect",
    "exp",
    ":",
    "/",
    "//",
    "=",
    "+",
    "-",
    "~",
    "?",
    "%",
    "%{",
    "}",
    "%%",
    "%_",
    "%-",
    "%{d}",
    "%{l1r-}",
    "%{S}",
    "%{ir}",
    "%{p}",
    "%{v}",
    "%{h}",
    "%{d200r.-+,/_=}",
    "example.com",
    ".example.com",
    "example.net",
    "192.0.2.1",
    "2001:db8::1",
    "24",
    "128",
    "0",
    ".",
    "moo",
    "\u{200b}",
    "\t",
];

fn record() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)
        .prop_map(|pieces| pieces.concat());
    let terms = prop::collection::vec(
        prop::sample::select(
            &[
                "a",
                "mx",
                "ptr",
                "-ptr:%{d}",
                "include:example.net",
                "exists:%{l}.%{d}",
                "a:%{p}.example.net",
                "ip4:192.0.2.0/30",
                "mx/30//64",
                "redirect=example.net",
                "exp=example.net",
                "?include:example.com",
            ][..],
        ),
        0..14,
    )
    .prop_map(|terms| terms.join(" "));
    prop_oneof![pieces, terms].prop_map(|terms| format!("v=spf1 {terms}"))
}

fn two_domain_zone(one: &[u8], two: &[u8]) -> StaticZone {
    let mut zone = zone(&json!({
        "example.com": {"A": ["192.0.2.1"], "MX": [[10, "example.net"], [20, "example.com"]]},
        "example.net": {"A": ["192.0.2.2"], "AAAA": ["2001:db8::1"]},
        "1.2.0.192.in-addr.arpa": {"PTR": ["example.com", "x.example.net"]},
    }));
    for (name, octets) in [("example.com", one), ("example.net", two)] {
        let record = crate::dns::Value::Octets(octets.to_vec());
        zone.set(name, "TXT", crate::dns::Value::List(vec![record]))
            .unwrap();
    }
    zone
}

fn client() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("192.0.2.1".to_owned()),
        Just("2001:db8::1".to_owned()),
        Just("203.0.113.9".to_owned())
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn limits_hold_for_every_pair_of_records(one in record(), two in record(), client_ip in client()) {
        let zone = two_domain_zone(one.as_bytes(), two.as_bytes());
        let answers = Answers::new(&zone);
        let verdict = check_host(&answers, client_ip.parse().unwrap(), HELO, "a@example.com", "", None).unwrap();
        prop_assert!(verdict.dns_lookups as usize <= DNS_LOOKUP_LIMIT);
        prop_assert!(verdict.void_lookups as usize <= VOID_LOOKUP_LIMIT + 1);
        prop_assert_eq!(verdict.reason == SpfReason::Matched, verdict.mechanism.is_some());
        prop_assert!(verdict.explanation.is_none() || verdict.result == SpfResult::Fail);
        let (replayed, _) = in_rounds(&zone, &client_ip);
        prop_assert_eq!(serde_json::to_value(&replayed).unwrap(), serde_json::to_value(&verdict).unwrap());
    }

    #[test]
    fn octets_never_panic(octets in prop::collection::vec(any::<u8>(), 0..80), helo in ".{0,20}", mail_from in ".{0,20}") {
        let record = [b"v=spf1 ", &octets[..]].concat();
        let zone = two_domain_zone(&record, &octets);
        let client_ip = "192.0.2.1".parse().unwrap();
        for sender in [mail_from.as_str(), "a@example.com", &format!("{mail_from}@example.com")] {
            let verdict = check_host(&Answers::new(&zone), client_ip, &helo, sender, &helo, Some(0)).unwrap();
            prop_assert_ne!(verdict.result, SpfResult::NotEvaluated);
        }
    }

    #[test]
    fn explanations_are_printable_whatever_is_expanded(text in "[ -~]{0,60}", helo in ".{0,20}", local_part in ".{0,20}") {
        let zone = two_domain_zone(b"v=spf1 exp=example.net -all", text.as_bytes());
        let sender = format!("{local_part}@example.com");
        let verdict = check_host(&Answers::new(&zone), "192.0.2.9".parse().unwrap(), &helo, &sender, "", None).unwrap();
        let explanation = verdict.explanation.unwrap_or_default();
        prop_assert!(explanation.bytes().all(|octet| (b' '..=b'~').contains(&octet)));
    }
}

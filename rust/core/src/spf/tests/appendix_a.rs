//! RFC 7208 Appendix A.

use super::*;

fn setup(records: &[(&str, &str)]) -> Value {
    let mut names = json!({
        "example.com": {"MX": [[10, "mail-a.example.com"], [20, "mail-b.example.com"]], "A": ["192.0.2.10", "192.0.2.11"]},
        "amy.example.com": {"A": ["192.0.2.65"]},
        "bob.example.com": {"A": ["192.0.2.66"]},
        "mail-a.example.com": {"A": ["192.0.2.129"]},
        "mail-b.example.com": {"A": ["192.0.2.130"]},
        "www.example.com": {"CNAME": "example.com."},
        "example.org": {"MX": [[10, "mail-c.example.org"]]},
        "mail-c.example.org": {"A": ["192.0.2.140"]},
        "10.2.0.192.in-addr.arpa": {"PTR": ["example.com."]},
        "11.2.0.192.in-addr.arpa": {"PTR": ["example.com."]},
        "65.2.0.192.in-addr.arpa": {"PTR": ["amy.example.com."]},
        "66.2.0.192.in-addr.arpa": {"PTR": ["bob.example.com."]},
        "129.2.0.192.in-addr.arpa": {"PTR": ["mail-a.example.com."]},
        "130.2.0.192.in-addr.arpa": {"PTR": ["mail-b.example.com."]},
        "140.2.0.192.in-addr.arpa": {"PTR": ["mail-c.example.org."]},
        "4.0.0.10.in-addr.arpa": {"PTR": ["bob.example.com."]},
    });
    for (name, record) in records {
        let types = names
            .as_object_mut()
            .unwrap()
            .entry(*name)
            .or_insert_with(|| json!({}));
        types
            .as_object_mut()
            .unwrap()
            .insert("TXT".to_owned(), json!([record]));
    }
    names
}

fn passing(record: &str) -> Vec<&'static str> {
    let names = setup(&[("example.com", record)]);
    let clients = [
        "192.0.2.10",
        "192.0.2.11",
        "192.0.2.65",
        "192.0.2.66",
        "192.0.2.129",
        "192.0.2.130",
        "192.0.2.131",
        "192.0.2.140",
        "192.0.2.143",
        "10.0.0.4",
    ];
    clients
        .into_iter()
        .filter(|client| check(&names, client).result == SpfResult::Pass)
        .collect()
}

#[test]
fn rfc7208_a_1_simple_examples() {
    assert_eq!(passing("v=spf1 +all").len(), 10);
    assert_eq!(passing("v=spf1 a -all"), ["192.0.2.10", "192.0.2.11"]);
    assert_eq!(passing("v=spf1 a:example.org -all"), [""; 0]);
    assert_eq!(passing("v=spf1 mx -all"), ["192.0.2.129", "192.0.2.130"]);
    assert_eq!(passing("v=spf1 mx:example.org -all"), ["192.0.2.140"]);
    assert_eq!(
        passing("v=spf1 mx mx:example.org -all"),
        ["192.0.2.129", "192.0.2.130", "192.0.2.140"]
    );
    assert_eq!(
        passing("v=spf1 mx/30 mx:example.org/30 -all"),
        [
            "192.0.2.129",
            "192.0.2.130",
            "192.0.2.131",
            "192.0.2.140",
            "192.0.2.143"
        ]
    );
    assert_eq!(
        passing("v=spf1 ptr -all"),
        [
            "192.0.2.10",
            "192.0.2.11",
            "192.0.2.65",
            "192.0.2.66",
            "192.0.2.129",
            "192.0.2.130"
        ]
    );
    assert_eq!(
        passing("v=spf1 ip4:192.0.2.128/28 -all"),
        [
            "192.0.2.129",
            "192.0.2.130",
            "192.0.2.131",
            "192.0.2.140",
            "192.0.2.143"
        ]
    );
}

#[test]
fn rfc7208_a_2_multiple_domains() {
    let names = setup(&[
        (
            "example.org",
            "v=spf1 include:example.com include:example.net -all",
        ),
        ("example.com", "v=spf1 mx -all"),
        ("example.net", "v=spf1 ip4:198.51.100.0/24 -all"),
        ("la.example.org", "v=spf1 redirect=example.org"),
    ]);
    let zone = zone(&names);
    for (client, result, mechanism) in [
        ("192.0.2.129", SpfResult::Pass, "include:example.com"),
        ("198.51.100.7", SpfResult::Pass, "include:example.net"),
        ("192.0.2.140", SpfResult::Fail, "-all"),
    ] {
        for sender in ["a@example.org", "a@la.example.org"] {
            let verdict = check_with(&zone, client, sender);
            assert_eq!(
                (verdict.result, verdict.mechanism.as_deref()),
                (result, Some(mechanism)),
                "{sender} {client}"
            );
        }
    }
}

#[test]
fn rfc7208_a_3_dnsbl_style() {
    let mut names = setup(&[
        (
            "example.com",
            "v=spf1 mx include:mobile-users._spf.%{d} include:remote-users._spf.%{d} -all",
        ),
        (
            "mobile-users._spf.example.com",
            "v=spf1 exists:%{l1r+}.%{d}",
        ),
        (
            "remote-users._spf.example.com",
            "v=spf1 exists:%{ir}.%{l1r+}.%{d}",
        ),
    ]);
    for name in [
        "mary.mobile-users",
        "fred.mobile-users",
        "15.15.168.192.joel.remote-users",
        "16.15.168.192.joel.remote-users",
    ] {
        names[format!("{name}._spf.example.com")] = json!({"A": ["127.0.0.2"]});
    }
    let zone = zone(&names);
    for (client, sender, result) in [
        ("198.51.100.7", "mary@example.com", SpfResult::Pass),
        ("198.51.100.7", "fred+tag@example.com", SpfResult::Pass),
        ("192.168.15.15", "joel@example.com", SpfResult::Pass),
        ("192.168.15.17", "joel@example.com", SpfResult::Fail),
        ("192.0.2.129", "nobody@example.com", SpfResult::Pass),
    ] {
        assert_eq!(
            check_with(&zone, client, sender).result,
            result,
            "{sender} {client}"
        );
    }
}

#[test]
fn rfc7208_a_4_multiple_requirements() {
    let names = setup(&[
        (
            "example.com",
            "v=spf1 -include:ip4._spf.%{d} -include:ptr._spf.%{d} +all",
        ),
        ("ip4._spf.example.com", "v=spf1 -ip4:192.0.2.0/24 +all"),
        ("ptr._spf.example.com", "v=spf1 -ptr:example.com +all"),
    ]);
    for (client, result, mechanism) in [
        ("192.0.2.65", SpfResult::Pass, "+all"),
        ("192.0.2.140", SpfResult::Fail, "-include:ptr._spf.%{d}"),
        ("10.0.0.4", SpfResult::Fail, "-include:ip4._spf.%{d}"),
    ] {
        let verdict = check(&names, client);
        assert_eq!(
            (verdict.result, verdict.mechanism.as_deref()),
            (result, Some(mechanism)),
            "{client}"
        );
    }
}

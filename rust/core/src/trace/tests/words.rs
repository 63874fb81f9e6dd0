use super::*;

fn fault(entry: &str) -> Option<String> {
    Trust::parse(&[entry]).err().and_then(|fault| fault.entry)
}

#[test]
fn every_form_of_an_entry() {
    for entry in [
        "net:192.0.2.0/24",
        "net:192.0.2.1",
        "net:0.0.0.0/0",
        "net:192.0.2.1/32",
        "net:2001:db8::/32",
        "net:::/0",
        "net:2001:db8::1/128",
        "by:mx.example.net",
        "by:.example.net",
        "by:localhost",
        "hops:1",
        "hops:100",
        "preset:exim",
        "preset:google",
        "preset:microsoft",
        "preset:postfix",
        "preset:qmail",
        "preset:sendmail",
        "preset:zmailer",
    ] {
        assert_eq!(fault(entry), None, "{entry}");
    }
    for entry in [
        "",
        "net",
        "net:",
        "net:x",
        "net:192.0.2.0/33",
        "net:192.0.2.0/",
        "net:192.0.2.0/+8",
        "net:2001:db8::/129",
        "by:",
        "by:.",
        "by:a b",
        "hops:",
        "hops:+1",
        "hops:-1",
        "hops:0",
        "hops:101",
        "hops:99999999999999999999",
        "preset:",
        "preset:Postfix",
        "preset:courier",
        "NET:192.0.2.0/24",
        "x:y",
    ] {
        assert_eq!(fault(entry).as_deref(), Some(entry), "{entry}");
    }
    let twice = Trust::parse(&["hops:1", "hops:2"]).unwrap_err();
    assert_eq!(twice.entry.as_deref(), Some("hops:2"));
    let sentence = twice.to_string();
    for form in ["\"hops:2\"", "net:CIDR", "by:NAME", "hops:N", "preset:NAME"] {
        assert!(sentence.contains(form), "{sentence}");
    }
    assert!(Trust::parse::<&str>(&[]).unwrap().is_empty());
}

#[test]
fn every_writer_is_in_the_table() {
    for writer in Writer::ALL {
        assert_eq!(Writer::from_word(writer.as_str()), Some(*writer));
    }
    assert_eq!(Writer::ALL.len(), 7);
}

#[test]
fn trust_entry_limit_at_n_minus_1_n_and_n_plus_1() {
    for (count, is_taken) in [
        (TRUST_ENTRY_LIMIT - 1, true),
        (TRUST_ENTRY_LIMIT, true),
        (TRUST_ENTRY_LIMIT + 1, false),
    ] {
        let entries = vec!["net:192.0.2.1"; count];
        assert_eq!(Trust::parse(&entries).is_ok(), is_taken);
    }
}

#[test]
fn networks_hold_their_addresses_and_no_others() {
    for (network, inside, outside) in [
        ("net:192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
        ("net:192.0.2.77/24", "192.0.2.0", "192.0.1.255"),
        ("net:192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("net:192.0.2.1/31", "192.0.2.0", "192.0.2.2"),
        ("net:0.0.0.0/0", "255.255.255.255", "2001:db8::1"),
        ("net:2001:db8::/32", "2001:db8:ffff::", "2001:db9::"),
        ("net:2001:db8::1", "2001:db8::1", "2001:db8::2"),
        ("net:192.0.2.0/24", "::ffff:192.0.2.1", "::192.0.2.1"),
        ("net:::/0", "2001:db8::1", ""),
    ] {
        let trust = Trust::parse(&[network]).unwrap();
        assert!(
            trust.holds_client(inside.parse().unwrap()),
            "{network} {inside}"
        );
        if let Ok(outside) = outside.parse() {
            assert!(!trust.holds_client(outside), "{network} {outside}");
        }
    }
}

#[test]
fn a_leading_dot_takes_the_names_below() {
    let names = |entry: &str, host: &str| {
        let trust = Trust::parse(&[entry]).unwrap();
        trust.names_host(&crate::domain::Domain::parse_host(host).unwrap())
    };
    assert!(names("by:mx.example.net", "MX.Example.NET."));
    assert!(!names("by:example.net", "mx.example.net"));
    assert!(names("by:.example.net", "mx.example.net"));
    assert!(names("by:.example.net", "example.net"));
    assert!(!names("by:.example.net", "badexample.net"));
}

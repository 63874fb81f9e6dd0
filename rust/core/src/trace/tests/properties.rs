//! No trace panics, and nothing below the border's field changes what is recovered.

use proptest::prelude::*;

use super::*;

const PIECES: [&str; 40] = [
    "Received: ",
    "Received-SPF: ",
    "Return-Path: ",
    "Authentication-Results: ",
    "\r\n",
    "\r\n",
    "\r\n ",
    " ",
    " ",
    "from ",
    "by ",
    "with ",
    "for ",
    "id ",
    "via ",
    "(",
    ")",
    "[",
    "]",
    "<",
    ">",
    ";",
    "\"",
    "\\",
    "=",
    "192.0.2.1",
    "10.0.0.1",
    "IPv6:2001:db8::1",
    "mx.example.net",
    "a@example.com",
    "HELO x",
    "\"EHLO x\"",
    "helo=x",
    "envelope-from ",
    "client-ip=192.0.2.9",
    "receiver=mx.example.net",
    "Postfix",
    "Exim 4.9",
    "ESMTPSA",
    "auth=pass smtp.auth=u",
];

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..60)
        .prop_map(|pieces| pieces.concat())
}

const BORDER: &str = "Received: from c.example (r.example [192.0.2.77]) by mx.example.net (Postfix) with ESMTP id 1 for <b@example.net>; 12 Nov 2019 10:11:12 +0000\r\n";

proptest! {
    #[test]
    fn without_trust_no_trace_makes_a_client(header in pieces()) {
        let envelope = recovered(&header, &[]);
        prop_assert_eq!(envelope.client_ip, None);
        prop_assert_eq!(&envelope.helo, &None);
        prop_assert!(!envelope.is_submission());
    }

    #[test]
    fn any_octets_are_read(octets in prop::collection::vec(any::<u8>(), 0..300), text in pieces()) {
        for value in [octets.as_slice(), text.as_bytes()] {
            let received = Received::read(value);
            prop_assert!(received.helo.is_none() || received.client_ip.is_some());
            if let Some(field) = ReceivedSpf::read(value) {
                prop_assert!(field.helo.is_none_or(|helo| helo.len() <= TRACE_VALUE_LIMIT * 3));
            }
        }
    }

    #[test]
    fn any_trace_is_walked(header in pieces(), hops in 1..5) {
        let hops = format!("hops:{hops}");
        for trust in [&["net:10.0.0.0/8"][..], &[&hops], &["by:.example.net", "net:192.0.2.0/24", "preset:exim"]] {
            let recovered = recover(&message(&header), &mut Envelope::default(), &trusting(trust));
            prop_assert!(recovered.unroutable_hops.len() <= UNROUTABLE_HOP_LIMIT);
        }
    }

    #[test]
    fn what_stands_below_the_border_changes_nothing(below in pieces()) {
        let below = below.replace("Return-Path", "X-Path");
        for trust in [&["by:mx.example.net"][..], &["hops:1"], &["net:10.0.0.0/8"], &["by:.example.net", "preset:postfix"]] {
            let alone = recovered(BORDER, trust);
            prop_assert_eq!(alone.client_ip, "192.0.2.77".parse().ok());
            prop_assert_eq!(&recovered(&format!("{BORDER}X: {below}"), trust), &alone);
        }
    }
}

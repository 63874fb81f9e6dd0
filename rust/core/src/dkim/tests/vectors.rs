//! The RFCs' own messages, and what becomes of them when octets change.

use super::*;

#[test]
fn rfc6376_app_a_2_with_lf_and_with_crlf() {
    let zone = zone(&[("brisbane._domainkey.example.com", &[RFC6376_KEY])]);
    for message in [
        RFC6376_MESSAGE.to_owned(),
        RFC6376_MESSAGE.replace('\n', "\r\n"),
    ] {
        let verdict = verdict(&message, &zone);
        assert_eq!(verdict.reason, DkimReason::Verified);
        assert_eq!(verdict.result, DkimResult::Pass);
        assert_eq!(verdict.domain.as_deref(), Some("example.com"));
        assert_eq!(verdict.selector.as_deref(), Some("brisbane"));
        assert_eq!(verdict.auid.as_deref(), Some("joe@football.example.com"));
        assert_eq!(verdict.canonicalization.as_deref(), Some("simple/simple"));
        assert_eq!(verdict.key_bits, Some(1024));
        assert_eq!(verdict.body_octets, Some(54));
        assert_eq!(verdict.body_octets_signed, Some(54));
        assert_eq!(
            verdict.signed_headers.names().collect::<Vec<_>>(),
            ["received", "from", "to", "subject", "date", "message-id"]
        );
        assert_eq!(
            verdict.flags,
            [
                DkimFlag::NotOversigned,
                DkimFlag::WeakKey,
                DkimFlag::NoTimestamp
            ]
        );
    }
}

#[test]
fn rfc8463_app_a_3_both_signatures() {
    let zone = zone(&[
        (
            "brisbane._domainkey.football.example.com",
            &[RFC8463_ED25519],
        ),
        ("test._domainkey.football.example.com", &[RFC8463_RSA]),
    ]);
    let verdicts = evaluate(RFC8463_MESSAGE, &zone, &Policy::default(), None, None);
    assert_eq!(verdicts.len(), 2);
    for (verdict, (algorithm, bits)) in verdicts
        .iter()
        .zip([("ed25519-sha256", 256), ("rsa-sha256", 1024)])
    {
        assert_eq!(verdict.reason, DkimReason::Verified);
        assert_eq!(verdict.algorithm.as_deref(), Some(algorithm));
        assert_eq!(verdict.key_bits, Some(bits));
        assert_eq!(verdict.signed_at, Some(1_528_637_909));
    }
    assert_eq!(verdicts[0].flags, []);
}

#[test]
fn a_changed_body_and_a_changed_header_are_told_apart() {
    let message = usual_message();
    let verdict = |message: &str| verdict(message, &usual_zone());
    let intact = verdict(&message);
    assert_eq!(
        (intact.body_hash, intact.signature),
        (Check::Pass, Check::Pass)
    );
    let body = verdict(&message.replace("Joe.", "Jim."));
    assert_eq!(body.reason, DkimReason::BodyHashMismatch);
    assert_eq!((body.body_hash, body.signature), (Check::Fail, Check::Pass));
    let header = verdict(&message.replace("dinner", "supper"));
    assert_eq!(header.reason, DkimReason::SignatureMismatch);
    assert_eq!(
        (header.body_hash, header.signature),
        (Check::Pass, Check::Fail)
    );
    assert_eq!(header.result, DkimResult::Fail);
}

#[test]
fn u_labels_and_underscores_lead_to_the_key() {
    let record = TestKey::usual().record();
    let zone = zone(&[("a_b._domainkey.xn--bcher-kva.example", &[&record])]);
    let tags = TAGS.replace("example.com; s=s1", "b\u{fc}cher.example; s=a_b");
    let verdict = verdict(&sign(&tags, HEADER, BODY), &zone);
    assert_eq!(verdict.reason, DkimReason::Verified);
    assert_eq!(verdict.domain.as_deref(), Some("xn--bcher-kva.example"));
    assert_eq!(verdict.auid.as_deref(), Some("@xn--bcher-kva.example"));
}

#[test]
fn every_canonicalization_signs_and_verifies() {
    for name in [
        "simple/simple",
        "simple/relaxed",
        "relaxed/simple",
        "relaxed/relaxed",
    ] {
        for body in ["", "\r\n\r\n", "x", BODY] {
            let tags = TAGS.replace("relaxed/relaxed", name);
            let message = sign(&tags, HEADER, body);
            assert_eq!(
                verdict(&message, &usual_zone()).reason,
                DkimReason::Verified,
                "{name}"
            );
        }
    }
}

/// All fields and the body in relaxed form.
fn relaxed_form(message: &Message) -> Vec<u8> {
    let relaxed = canonicalization::Canonicalization::Relaxed;
    let mut form = Vec::new();
    for position in 0..message.fields().len() {
        CanonicalFields::default().write_field(message, position, relaxed, &mut form);
    }
    canonicalization::write_body(relaxed, message.body(), &mut form);
    form
}

/// Case 42: no flipped bit of a covered octet that canonicalization keeps may pass; all others change nothing.
#[test]
fn every_flipped_bit_of_a_signed_message() {
    let text = usual_message();
    let intact = relaxed_form(&Message::parse(Bytes::from(text.clone())));
    let uncovered = text.find("Content-Type:").unwrap()..text.find("\r\n\r\n").unwrap() + 2;
    let zone = usual_zone();
    for (index, bit) in (0..text.len()).flat_map(|index| (0..8).map(move |bit| (index, bit))) {
        if uncovered.contains(&index) {
            continue;
        }
        let mut octets = text.clone().into_bytes();
        octets[index] ^= 1 << bit;
        let message = Message::parse(Bytes::from(octets));
        let verdicts = Signatures::parse(&message)
            .evaluate(
                &Answers::new(&zone),
                &message,
                &mut BodyHashes::default(),
                &Policy::default(),
                None,
                None,
            )
            .unwrap();
        let passes = verdicts
            .iter()
            .any(|verdict| verdict.result == DkimResult::Pass);
        assert_eq!(
            passes,
            relaxed_form(&message) == intact,
            "octet {index} bit {bit}"
        );
    }
}

//! Mail in mail: numbers, shares of octets, hostile MIME.

use super::*;

fn stored(text: &str) -> StoredMessage {
    StoredMessage {
        id: "m:0".into(),
        size: text.len() as u64,
        octets: Ok(Bytes::copy_from_slice(text.as_bytes())),
        is_mbox: true,
        offset: None,
        envelope: None,
        notes: Vec::new(),
    }
}

fn found(text: &str) -> Vec<(String, String)> {
    let text_of = |mail: StoredMessage| {
        let octets = mail.octets.unwrap();
        assert_eq!(mail.size, octets.len() as u64);
        (mail.id, String::from_utf8(octets.to_vec()).unwrap())
    };
    let found = attached_mails(&mut stored(text));
    found.into_iter().map(text_of).collect()
}

fn ids(text: &str) -> Vec<String> {
    found(text).into_iter().map(|(id, _)| id).collect()
}

/// A multipart entity with these parts.
fn multipart(boundary: &str, parts: &[&str]) -> String {
    let parts = parts
        .iter()
        .map(|part| format!("--{boundary}\r\n{part}\r\n"));
    let parts = parts.collect::<String>();
    format!("Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n{parts}--{boundary}--\r\n")
}

/// A part that holds a mail.
fn mail(text: &str) -> String {
    format!("Content-Type: message/rfc822\r\n\r\n{text}")
}

const TEXT: &str = "Content-Type: text/plain\r\n\r\nFrom: no@example.com\r\n";

#[test]
fn parts_are_numbered_as_in_imap() {
    let inner = multipart("inner", &[TEXT, &mail("A: deep\r\n\r\nx\r\n")]);
    let mixed = multipart("nested", &[&mail("A: two\r\n\r\n"), TEXT]);
    let outer = multipart(
        "b",
        &[TEXT, &mail(&inner), &mixed, &mail("A: last\r\n\r\n")],
    );
    let expected = [
        ("m:0/2".to_owned(), inner),
        ("m:0/2.2".to_owned(), "A: deep\r\n\r\nx\r\n".to_owned()),
        ("m:0/3.1".to_owned(), "A: two\r\n\r\n".to_owned()),
        ("m:0/4".to_owned(), "A: last\r\n\r\n".to_owned()),
    ];
    assert_eq!(found(&outer), expected);
}

#[test]
fn a_message_that_is_nothing_but_a_mail_has_it_as_part_1() {
    let text = mail(&mail("A: 1\r\n\r\nx"));
    assert_eq!(ids(&text), ["m:0/1", "m:0/1.1"]);
}

#[test]
fn octets_are_shared_and_the_outer_ones_stay() {
    let text = multipart("b", &[&mail("A: 1\r\n\r\nx")]);
    let mut outer = stored(&text);
    let mails = attached_mails(&mut outer);
    let range = |octets: &Bytes| octets.as_ptr() as usize..octets.as_ptr() as usize + octets.len();
    let (outer_octets, octets) = (outer.octets.unwrap(), mails[0].octets.clone().unwrap());
    assert!(range(&outer_octets).contains(&range(&octets).start));
    assert!(mails[0].is_mbox);
    assert!(outer.notes.is_empty());
    assert_eq!(outer_octets, text.as_bytes());
}

#[test]
fn encoded_mail_is_decoded() {
    let part = |encoding: &str, body: &str| {
        format!("Content-Type: message/rfc822\nContent-Transfer-Encoding: {encoding}\n\n{body}")
    };
    let text = multipart(
        "b",
        &[
            &part("Base64", "QTogMQ0K\r\nDQp4"),
            &part("quoted-printable", "A: =31\r\n\r\n=\r\nx"),
            &part("8bit", "A: 1\r\n\r\nx"),
            &part("x-unknown", "A: 1\r\n\r\nx"),
            &part("base64", "!"),
        ],
    );
    let found = found(&text);
    assert_eq!(found.len(), 4);
    assert!(found.iter().all(|(_, text)| text == "A: 1\r\n\r\nx"));
}

#[test]
fn rfc2046_5_1_5_parts_of_a_digest_are_mail_unless_they_say_otherwise() {
    let parts = format!("--b\n\nA: 1\n\nx\n--b\n{TEXT}\n--b\n\nB: 1\n--b--");
    let text = format!("Content-Type: multipart/digest; boundary=b\n\n{parts}");
    let expected = [
        ("m:0/1".to_owned(), "A: 1\n\nx".to_owned()),
        ("m:0/3".to_owned(), "B: 1".to_owned()),
    ];
    assert_eq!(found(&text), expected);
}

#[test]
fn a_mail_without_last_boundary_goes_to_the_end() {
    let text =
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nA: 1\n";
    assert_eq!(found(text), [("m:0/1".to_owned(), "A: 1\n".to_owned())]);
}

#[test]
fn a_boundary_that_begins_with_the_outer_one_nests() {
    let inner = multipart("b-b", &[TEXT, &mail("A: 1\r\n\r\nx")]);
    assert_eq!(
        ids(&multipart("b", &[&inner, &mail("B: 1\r\n\r\n")])),
        ["m:0/1.2", "m:0/2"]
    );
}

#[test]
fn an_outer_boundary_ends_what_is_open_inside() {
    let inner = "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n";
    let text = multipart("b", &[&format!("{inner}{}", mail("A: 1")), &mail("B: 1")]);
    let expected = [
        ("m:0/1.1".to_owned(), "A: 1".to_owned()),
        ("m:0/2".to_owned(), "B: 1".to_owned()),
    ];
    assert_eq!(found(&text), expected);
}

#[test]
fn parts_without_octets_give_no_mail() {
    for part in ["", "\r\n", "Content-Type: message/rfc822", &mail("")] {
        assert_eq!(ids(&multipart("b", &[part])), [""; 0], "{part:?}");
    }
    assert_eq!(ids(""), [""; 0]);
}

#[test]
fn a_thousand_levels_cost_ten() {
    let mut text = mail("A: 1\r\n\r\nx");
    for level in 0..1_000 {
        let boundary = format!("b{level}");
        text = format!(
            "Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n--{boundary}\r\n{text}"
        );
    }
    let mut outer = stored(&text);
    assert!(attached_mails(&mut outer).is_empty());
    assert_eq!(outer.notes, [Repair::AttachedLimit]);
}

/// Ids found and whether the limit is noted.
fn counted(text: &str) -> (usize, bool) {
    let mut outer = stored(text);
    let count = attached_mails(&mut outer).len();
    (count, outer.notes == [Repair::AttachedLimit])
}

#[test]
fn nesting_limit_at_n_minus_1_n_and_n_plus_1() {
    for (levels, expected) in [(9, (9, false)), (10, (10, false)), (11, (10, true))] {
        let text = mail("").repeat(levels) + "A: 1\r\n\r\nx";
        assert_eq!(counted(&text), expected, "{levels}");
    }
}

#[test]
fn part_limit_at_n_minus_1_n_and_n_plus_1() {
    for (before, has_last, is_noted) in
        [(998, true, false), (999, true, false), (1_000, false, true)]
    {
        let attached = mail("A: 1\r\n\r\n");
        let mut parts = vec![TEXT; before];
        parts.push(&attached);
        let expected = (usize::from(has_last), is_noted);
        assert_eq!(counted(&multipart("b", &parts)), expected, "{before}");
    }
}

#[test]
fn attached_limit_at_n_minus_1_n_and_n_plus_1() {
    for (count, expected) in [(99, (99, false)), (100, (100, false)), (101, (100, true))] {
        let attached = mail("A: 1\r\n\r\n");
        let parts = vec![attached.as_str(); count];
        assert_eq!(counted(&multipart("b", &parts)), expected, "{count}");
    }
}

#[test]
fn decoding_is_bounded_by_the_octets_of_the_outer_message() {
    let encoded =
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
    let text = encoded.repeat(9) + &"x".repeat(1_000);
    let mut outer = stored(&text);
    let mails = attached_mails(&mut outer);
    let octets: u64 = mails.iter().map(|mail| mail.size).sum();
    assert_eq!(outer.notes, [Repair::AttachedLimit]);
    assert!(octets <= text.len() as u64, "{octets}");
}

#[test]
fn a_message_that_is_not_held_has_none() {
    let mut outer = stored("");
    outer.octets = Err(mailauth_core::verdict::ErrorReason::MessageTooLarge);
    assert!(attached_mails(&mut outer).is_empty());
}

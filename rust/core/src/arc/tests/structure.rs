//! Chains whose structure decides, and how an instance may be written.

use super::*;

#[expect(clippy::too_many_lines, reason = "one table")]
#[test]
fn rfc8617_5_2_structures_that_fail_without_dns() {
    let text = chain(2);
    let without = |name: &str| {
        let end = text
            .find(name)
            .map(|start| start + text[start..].find("\r\n").unwrap() + 2);
        let start = text.find(name).unwrap();
        format!("{}{}", &text[..start], &text[end.unwrap()..])
    };
    let duplicate = |name: &str| {
        let start = text.find(name).unwrap();
        let line = &text[start..start + text[start..].find("\r\n").unwrap() + 2];
        format!("{line}{text}")
    };
    let results = "ARC-Authentication-Results: i=2;";
    let replaced = |from: &str, to: &str| text.replacen(from, to, 1);
    for (text, expected) in [
        (without("ARC-Seal: i=1;"), ArcReason::SetIncomplete),
        (
            without("ARC-Message-Signature: i=1;"),
            ArcReason::SetIncomplete,
        ),
        (
            without("ARC-Message-Signature: i=2;"),
            ArcReason::SetIncomplete,
        ),
        (without(results), ArcReason::SetIncomplete),
        (duplicate("ARC-Seal: i=1;"), ArcReason::SetDuplicate),
        (
            duplicate("ARC-Message-Signature: i=2;"),
            ArcReason::SetDuplicate,
        ),
        (duplicate(results), ArcReason::SetDuplicate),
        (
            replaced(results, "ARC-Authentication-Results: i=0;"),
            ArcReason::InstanceInvalid,
        ),
        (
            replaced(results, "ARC-Authentication-Results: i=002;"),
            ArcReason::InstanceInvalid,
        ),
        (
            replaced(results, "ARC-Authentication-Results: i=+2;"),
            ArcReason::InstanceInvalid,
        ),
        (
            replaced(results, "ARC-Authentication-Results: I=2;"),
            ArcReason::InstanceInvalid,
        ),
        (
            replaced(results, "ARC-Authentication-Results: i=99999999999;"),
            ArcReason::InstanceInvalid,
        ),
        (
            replaced(results, "ARC-Authentication-Results: mx; i=2;"),
            ArcReason::InstanceInvalid,
        ),
        (
            replaced(results, "ARC-Authentication-Results: i=51;"),
            ArcReason::SetLimit,
        ),
        (
            replaced(results, "ARC-Authentication-Results: i=3;"),
            ArcReason::SetIncomplete,
        ),
        (
            replaced("ARC-Seal: i=2;", "ARC-Seal:"),
            ArcReason::InstanceInvalid,
        ),
        (
            replaced("ARC-Seal: i=2;", "ARC-Seal: i=2; i=2;"),
            ArcReason::InstanceInvalid,
        ),
        (
            replaced("ARC-Seal: i=2;", "ARC-Seal: i=2; h=from;"),
            ArcReason::SealListsHeaders,
        ),
        (replaced("cv=pass", "cv=none"), ArcReason::StatusInvalid),
        (replaced("cv=pass", "cv="), ArcReason::StatusInvalid),
        (replaced("cv=pass", "cx=pass"), ArcReason::StatusInvalid),
        (replaced("cv=none", "cv=pass"), ArcReason::StatusInvalid),
        (replaced("cv=none", "cv=fail"), ArcReason::StatusInvalid),
        (replaced("cv=pass", "cv=fail"), ArcReason::SealedAsFailed),
        (
            replaced("d=seal1.example", "d=example"),
            ArcReason::SealMalformed,
        ),
        (replaced("d=seal1.example;", ""), ArcReason::SealMalformed),
        ("ARC-Seal: x\r\n\r\n".to_owned(), ArcReason::InstanceInvalid),
        (
            "ARC-Seal: i=1; none\r\n\r\n".to_owned(),
            ArcReason::SetIncomplete,
        ),
        (
            "ARC-Authentication-Results: i=1; none\r\n\r\n".to_owned(),
            ArcReason::SetIncomplete,
        ),
        (
            "ARC-Message-Signature: i=1\r\n\r\n".to_owned(),
            ArcReason::SetIncomplete,
        ),
    ] {
        let message = Message::parse(Bytes::from(text.clone()));
        let zone = keys();
        let answers = Answers::new(&zone);
        let mut bodies = BodyHashes::default();
        let verdict = Chain::parse(&message)
            .evaluate(&answers, &message, &mut bodies, &Policy::default(), None)
            .unwrap();
        assert_eq!(
            (verdict.result, verdict.reason),
            (ArcResult::Fail, expected),
            "{text}"
        );
        assert_eq!(answers.asked_count(), 0, "{text}");
    }
}

#[test]
fn instances_may_have_comments_and_a_leading_zero() {
    let mut links = links(2);
    links[0].results = "(a (b) \\) i=9;) i (c) = 01 (d) ; none".to_owned();
    links[1].results = "i=2".to_owned();
    let text = seal(&links, &format!("{HEADER}\r\n{BODY}"));
    assert_eq!(reason(&text), ArcReason::Verified);
}

//! Each limit at N-1, N and N+1.

use super::*;

#[test]
fn rfc6376_3_5_body_length_at_body_minus_1_body_and_plus_1() {
    // "Hi.", "", "We lost the game. Are you hungry yet?", "", "Joe.", relaxed.
    let total = 5 + 2 + 39 + 2 + 6;
    let check = |length: u64, policy: &Policy| {
        let message = sign(&format!("{TAGS}; l={length}"), HEADER, BODY);
        evaluate(&message, &usual_zone(), policy, None, None).remove(0)
    };
    let whole = Policy {
        body_length: BodyLength::Whole,
        ..Policy::default()
    };
    let partial = check(total - 1, &Policy::default());
    assert_eq!(partial.reason, DkimReason::Verified);
    assert_eq!(partial.body_octets_signed, Some(total - 1));
    assert_eq!(partial.body_octets, Some(total));
    assert!(partial.flags.contains(&DkimFlag::BodyUncovered));
    let refused = check(total - 1, &whole);
    assert_eq!(refused.reason, DkimReason::BodyUncovered);
    assert_eq!(refused.result, DkimResult::Policy);
    assert_eq!(
        (refused.body_hash, refused.signature),
        (Check::Pass, Check::Pass)
    );
    for policy in [&Policy::default(), &whole] {
        let exact = check(total, policy);
        assert_eq!(exact.reason, DkimReason::Verified);
        assert!(!exact.flags.contains(&DkimFlag::BodyUncovered));
        let beyond = check(total + 1, policy);
        assert_eq!(beyond.reason, DkimReason::BodyLengthBeyondBody);
        assert_eq!(beyond.result, DkimResult::PermError);
        assert_eq!(beyond.body_octets, Some(total));
    }
    assert_eq!(check(0, &Policy::default()).reason, DkimReason::Verified);
}

#[test]
fn rfc6376_3_5_times_are_judged_at_judged_at_with_a_skew() {
    let message = sign(&format!("{TAGS}; x=2000"), HEADER, BODY);
    let reason = |judged_at: Option<i64>| {
        let verdict = &evaluate(&message, &usual_zone(), &Policy::default(), judged_at, None)[0];
        assert_eq!(
            (verdict.body_hash, verdict.signature),
            (Check::Pass, Check::Pass)
        );
        assert_eq!(
            (verdict.signed_at, verdict.expires_at),
            (Some(1000), Some(2000))
        );
        verdict.reason
    };
    assert_eq!(reason(None), DkimReason::Verified);
    for (judged_at, expected) in [
        (699, DkimReason::SignedInFuture),
        (700, DkimReason::Verified),
        (701, DkimReason::Verified),
        (2299, DkimReason::Verified),
        (2300, DkimReason::Verified),
        (2301, DkimReason::Expired),
        (i64::MAX, DkimReason::Expired),
        (i64::MIN, DkimReason::SignedInFuture),
    ] {
        assert_eq!(reason(Some(judged_at)), expected, "{judged_at}");
    }
}

#[test]
fn rfc8301_3_2_key_sizes_at_the_limits() {
    let message = usual_message();
    for (min, max, expected) in [
        (1023, 4096, DkimReason::Verified),
        (1024, 4096, DkimReason::Verified),
        (1025, 4096, DkimReason::KeySize),
        (1024, 1025, DkimReason::Verified),
        (1024, 1024, DkimReason::Verified),
        (512, 1023, DkimReason::KeySize),
    ] {
        let policy = Policy {
            min_rsa_bits: min,
            max_rsa_bits: max,
            ..Policy::default()
        };
        let verdict = evaluate(&message, &usual_zone(), &policy, None, None).remove(0);
        assert_eq!(verdict.reason, expected, "{min} {max}");
        assert_eq!(
            (verdict.body_hash, verdict.signature),
            (Check::Pass, Check::Pass)
        );
    }
}

#[test]
fn keys_at_the_limit_and_beyond() {
    let message = usual_message();
    let right = format!("v=DKIM1; k=rsa; n=zzz; p={}", TestKey::usual().data());
    let others: Vec<String> = (0..key_record::KEY_LIMIT)
        .map(|number| format!("n=x{number}; {}", &RFC8463_RSA[9..]))
        .collect();
    let texts = |count: usize| -> Vec<&str> {
        others[..count]
            .iter()
            .map(String::as_str)
            .chain([right.as_str()])
            .collect()
    };
    for (count, expected) in [
        (key_record::KEY_LIMIT - 2, DkimReason::Verified),
        (key_record::KEY_LIMIT - 1, DkimReason::Verified),
        (key_record::KEY_LIMIT, DkimReason::LimitExceeded),
    ] {
        let zone = zone(&[("s1._domainkey.example.com", &texts(count))]);
        assert_eq!(verdict(&message, &zone).reason, expected, "{count}");
    }
}

#[test]
fn rfc6376_6_1_signature_limit_at_n_minus_1_n_and_n_plus_1() {
    let limit = Policy::default().max_signatures;
    let junk = |number: usize| {
        format!(
            "DKIM-Signature: v=1; a=rsa-sha256; d=junk{number}.example; s=s; h=from; bh=; b=\r\n"
        )
    };
    for count in [limit - 1, limit, limit + 1] {
        let junk: String = (1..count).map(junk).collect();
        let message = format!("{junk}{}", usual_message());
        let reasons = |author| -> Vec<DkimReason> {
            evaluate(&message, &usual_zone(), &Policy::default(), None, author)
                .iter()
                .map(|verdict| verdict.reason)
                .collect()
        };
        let is_over = count > limit;
        let from_top = reasons(None);
        assert_eq!(from_top.len(), count);
        assert_eq!(
            from_top.last(),
            Some(&if is_over {
                DkimReason::SignatureLimit
            } else {
                DkimReason::Verified
            })
        );
        for author in ["example.com", "mail.example.com"] {
            let aligned_first = reasons(Some(author));
            assert_eq!(aligned_first.last(), Some(&DkimReason::Verified));
            let refused = |reason: &&DkimReason| **reason == DkimReason::SignatureLimit;
            assert_eq!(
                aligned_first.iter().filter(refused).count(),
                usize::from(is_over)
            );
        }
    }
}

#[test]
fn a_flood_of_signatures_neither_hides_the_good_one_nor_asks_more_than_the_limit() {
    let flood: Vec<String> = (0..2_000)
        .map(|number| {
            format!(
                "DKIM-Signature: v=1; a=rsa-sha256; d=x{number}.example; s=s; h=from; \
                bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YWJj\r\n"
            )
        })
        .collect();
    let text = format!("{}{}", flood.concat(), usual_message());
    let message = Message::parse(Bytes::from(text));
    let mut signatures = Signatures::parse(&message);
    let zone = usual_zone();
    let answers = Answers::new(&zone);
    let author = Domain::parse_host("example.com");
    let verdicts = signatures
        .evaluate(
            &answers,
            &message,
            &mut BodyHashes::default(),
            &Policy::default(),
            None,
            author.as_ref(),
        )
        .unwrap();
    assert_eq!(verdicts.len(), 100);
    assert_eq!(signatures.unlisted(), 1_901);
    assert_eq!(answers.asked_count(), Policy::default().max_signatures);
    assert_eq!(verdicts.last().unwrap().reason, DkimReason::Verified);
    let unexamined = verdicts
        .iter()
        .filter(|v| v.reason == DkimReason::SignatureLimit);
    assert_eq!(unexamined.count(), 90);
}

#[test]
fn signed_names_at_the_limit() {
    for (count, expected) in [
        (signature::SIGNED_NAME_LIMIT - 1, DkimReason::Verified),
        (signature::SIGNED_NAME_LIMIT, DkimReason::Verified),
        (signature::SIGNED_NAME_LIMIT + 1, DkimReason::LimitExceeded),
    ] {
        let names: Vec<String> = (1..count).map(|number| format!("x{number}")).collect();
        let tags = TAGS.replace("to:subject:from", &names.join(":"));
        let verdict = verdict(&sign(&tags, HEADER, BODY), &usual_zone());
        assert_eq!(verdict.reason, expected, "{count}");
        let is_listed = expected == DkimReason::Verified;
        assert_eq!(
            verdict.signed_headers.names().count(),
            if is_listed { count } else { 0 }
        );
    }
}

#[test]
fn an_oversized_header_section_is_permerror_without_dns() {
    let text = format!("{}{}", usual_message(), "")
        .replace("From:", &format!("{}From:", "X: 1\r\n".repeat(FIELD_LIMIT)));
    let message = Message::parse(Bytes::from(text));
    let zone = usual_zone();
    let answers = Answers::new(&zone);
    let verdicts = Signatures::parse(&message)
        .evaluate(
            &answers,
            &message,
            &mut BodyHashes::default(),
            &Policy::default(),
            None,
            None,
        )
        .unwrap();
    assert_eq!(verdicts[0].reason, DkimReason::LimitExceeded);
    assert_eq!(verdicts[0].result, DkimResult::PermError);
    assert_eq!(verdicts[0].domain.as_deref(), Some("example.com"));
    assert_eq!(answers.asked_count(), 0);
}

//! Answers that are missing, and several signatures in one message.

use super::*;

#[test]
fn rfc6376_6_1_2_what_dns_says_and_what_dkim_makes_of_it() {
    for (outcome, result, reason) in [
        (
            Outcome::NxDomain,
            DkimResult::PermError,
            DkimReason::KeyUnavailable,
        ),
        (
            Outcome::NoData,
            DkimResult::PermError,
            DkimReason::KeyUnavailable,
        ),
        (
            Outcome::Unknown,
            DkimResult::Unverifiable,
            DkimReason::KeyUnavailable,
        ),
        (
            Outcome::Timeout,
            DkimResult::TempError,
            DkimReason::DnsTimeout,
        ),
        (
            Outcome::ServFail,
            DkimResult::TempError,
            DkimReason::DnsServFail,
        ),
        (
            Outcome::Truncated,
            DkimResult::TempError,
            DkimReason::DnsError,
        ),
        (
            Outcome::Unusable,
            DkimResult::TempError,
            DkimReason::DnsError,
        ),
        (
            Outcome::OverBudget,
            DkimResult::PermError,
            DkimReason::DnsBudget,
        ),
    ] {
        let mut zone = StaticZone::new("zone");
        zone.set_name("s1._domainkey.example.com", outcome);
        let verdict = verdict(&usual_message(), &zone);
        assert_eq!((verdict.result, verdict.reason), (result, reason));
        assert_eq!(
            (verdict.body_hash, verdict.signature),
            (Check::NotChecked, Check::NotChecked)
        );
    }
}

/// Answers that arrive one round after they were asked for, as from a store that knows when it saw them.
#[derive(Default)]
struct LateAnswers {
    known: RefCell<Vec<(Question, Entry)>>,
}

impl Lookup for LateAnswers {
    fn look_up(&self, question: &Question) -> Option<Entry> {
        let known = self.known.borrow();
        let found = known.iter().find(|(other, _)| other == question);
        found.map(|(_, entry)| entry.clone())
    }
}

#[test]
fn all_keys_are_asked_for_at_once_and_a_replay_gives_the_same() {
    let message = Message::parse(Bytes::from(RFC8463_MESSAGE));
    let zone = zone(&[
        (
            "brisbane._domainkey.football.example.com",
            &[RFC8463_ED25519],
        ),
        ("test._domainkey.football.example.com", &[RFC8463_RSA]),
    ]);
    let late = LateAnswers::default();
    let mut signatures = Signatures::parse(&message);
    let mut bodies = BodyHashes::default();
    let mut round = |late: &LateAnswers| {
        let answers = Answers::new(late);
        let policy = Policy::default();
        let verdicts = signatures.evaluate(&answers, &message, &mut bodies, &policy, None, None);
        (verdicts, answers.missing())
    };
    let (verdicts, missing) = round(&late);
    assert_eq!(verdicts.err(), Some(Pending));
    assert_eq!(missing.len(), 2);
    for question in missing {
        let answer = Answer {
            first_seen: Some(1),
            last_seen: Some(2),
            ..zone.answer(&question)
        };
        late.known
            .borrow_mut()
            .push((question, Entry::new(&answer)));
    }
    let (first, missing) = round(&late);
    let (second, _) = round(&late);
    let first = first.unwrap();
    assert!(missing.is_empty());
    assert_eq!(format!("{first:?}"), format!("{:?}", second.unwrap()));
    assert_eq!(first[0].reason, DkimReason::Verified);
    assert_eq!(first[0].key_source.as_deref(), Some("zone"));
    assert_eq!(
        (first[0].key_first_seen, first[0].key_last_seen),
        (Some(1), Some(2))
    );
}

#[test]
fn several_signatures_are_judged_alone_and_keep_their_order() {
    let good = usual_message();
    let bad = "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=none; h=from; \
        bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YWJj\r\n";
    let message = good.replacen("From:", &format!("{bad}From:"), 1);
    let message = format!("{bad}{message}");
    let verdicts = evaluate(&message, &usual_zone(), &Policy::default(), None, None);
    let reasons: Vec<DkimReason> = verdicts.iter().map(|verdict| verdict.reason).collect();
    assert_eq!(
        reasons,
        [
            DkimReason::KeyUnavailable,
            DkimReason::Verified,
            DkimReason::KeyUnavailable
        ]
    );
}

#[test]
fn hygiene_flags_of_a_signature() {
    let tags =
        "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=s1; h=from:to; t=1; x=7776002";
    let message = sign(tags, HEADER, BODY);
    let flags = |message: &str| verdict(message, &usual_zone()).flags;
    let mut expected = vec![
        DkimFlag::SubjectUnsigned,
        DkimFlag::ContentTypeUnsigned,
        DkimFlag::NotOversigned,
        DkimFlag::WeakKey,
        DkimFlag::LongLived,
    ];
    assert_eq!(flags(&message), expected);
    expected.insert(3, DkimFlag::DuplicateSignedHeader);
    assert_eq!(flags(&format!("To: b@example.net\r\n{message}")), expected);
    let shorter = tags.replace("7776002", "7776001");
    let shorter = flags(&sign(&shorter, HEADER, BODY));
    assert!(!shorter.contains(&DkimFlag::LongLived));
}

proptest! {
    /// Law 4: nothing in a message or a key record panics, and junk never passes.
    #[test]
    fn junk_in_fields_and_keys_is_a_value(
        value in "[ -~\r\n\t\u{80}-\u{ff}]{0,80}",
        tags in "([a-z]{1,2} ?= ?[ -~]{0,8};){0,8}",
        key in "([hknpstv]=[ -~]{0,12};){0,5}",
    ) {
        let message = usual_message();
        let zone = zone(&[("s1._domainkey.example.com", &[&key, &tags])]);
        for field in ["DKIM-Signature", "ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"] {
            let text = format!("{field}: i=1;{value}\r\n{field}: {tags}\r\n{message}");
            let message = Message::parse(Bytes::from(text));
            let (answers, policy) = (Answers::new(&zone), Policy::default());
            let mut bodies = BodyHashes::default();
            let verdicts = Signatures::parse(&message)
                .evaluate(&answers, &message, &mut bodies, &policy, Some(0), None)
                .unwrap();
            prop_assert!(verdicts.iter().all(|verdict| verdict.result != DkimResult::Pass));
            let arc = crate::arc::Chain::parse(&message)
                .evaluate(&answers, &message, &mut bodies, &policy, Some(0))
                .unwrap();
            prop_assert_ne!(arc.result, crate::arc::ArcResult::Pass);
        }
    }
}

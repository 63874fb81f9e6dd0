//! DKIM from octets and answers to verdicts.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use num_bigint::BigUint;
use proptest::prelude::*;

use super::header_hash::CanonicalFields;
use super::testing::*;
use super::*;
use crate::dns::{Answer, Answers, Entry, Lookup, Outcome, Pending, Question, StaticZone};
use crate::message::{FIELD_LIMIT, Message};
use crate::policy::{BodyLength, Policy};

const RFC6376_MESSAGE: &str = "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;
      c=simple/simple; q=dns/txt; i=joe@football.example.com;
      h=Received : From : To : Subject : Date : Message-ID;
      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB
        4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut
        KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV
        4bmp/YzhwvcubU4=;
Received: from client1.football.example.com  [192.0.2.1]
      by submitserver.example.com with SUBMISSION;
      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game. Are you hungry yet?

Joe.
";
const RFC6376_KEY: &str = "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQ\
    DwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v\
    /RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB";

const RFC8463_MESSAGE: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
";
const RFC8463_ED25519: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const RFC8463_RSA: &str = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR\
    iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC\
    DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3\
    Ip3G+2kryOTIKT+l/K4w3QIDAQAB";

fn reason(message: &str, zone: &StaticZone, policy: &Policy) -> DkimReason {
    evaluate(message, zone, policy, None, None).remove(0).reason
}

fn usual_message() -> String {
    sign(TAGS, HEADER, BODY)
}

fn historic() -> Policy {
    Policy {
        historic: true,
        min_rsa_bits: crate::policy::HISTORIC_MIN_RSA_BITS,
        ..Policy::default()
    }
}

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
            verdict.signed_headers,
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
fn rfc8301_3_1_rsa_sha1_passes_only_under_historic() {
    let tags = TAGS.replace("sha256", "sha1");
    let message = sign(&tags, HEADER, BODY);
    let verdict = verdict(&message, &usual_zone());
    assert_eq!(verdict.reason, DkimReason::RsaSha1);
    assert_eq!(verdict.result, DkimResult::Policy);
    assert_eq!(
        (verdict.body_hash, verdict.signature),
        (Check::Pass, Check::Pass)
    );
    assert_eq!(
        reason(&message, &usual_zone(), &historic()),
        DkimReason::HistoricAlgorithm
    );
    let forged = message.replace("Joe.", "Jim.");
    let forged = evaluate(&forged, &usual_zone(), &Policy::default(), None, None).remove(0);
    assert_eq!(
        (forged.result, forged.body_hash),
        (DkimResult::Policy, Check::Fail)
    );
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
fn small_keys_pass_only_under_historic() {
    let small = TestKey::small();
    let message = sign_field(
        &small,
        "DKIM-Signature",
        TAGS,
        &format!("{HEADER}\r\n{BODY}"),
    );
    let zone = zone(&[("s1._domainkey.example.com", &[&small.record()])]);
    let refused = verdict(&message, &zone);
    assert_eq!(refused.reason, DkimReason::KeySize);
    assert_eq!(
        (refused.body_hash, refused.signature),
        (Check::Pass, Check::Pass)
    );
    assert_eq!(refused.key_bits, Some(512));
    let without_switch = Policy {
        min_rsa_bits: 512,
        ..Policy::default()
    };
    assert_eq!(
        reason(&message, &zone, &without_switch),
        DkimReason::KeySize
    );
    assert_eq!(
        reason(&message, &zone, &historic()),
        DkimReason::HistoricAlgorithm
    );
}

#[test]
fn sizes_out_of_bounds_are_not_even_computed() {
    for (bits, exponent) in [(511_u32, 65_537), (8_193, 65_537), (16_384, 3)] {
        let modulus = (BigUint::from(1_u8) << (bits - 1)) + 1_u8;
        let record = format!("p={}", rsa_data(&modulus, exponent));
        let zone = zone(&[("s1._domainkey.example.com", &[&record])]);
        let verdict = verdict(&usual_message(), &zone);
        assert_eq!(verdict.reason, DkimReason::KeySize, "{bits}");
        assert_eq!(
            (verdict.body_hash, verdict.signature),
            (Check::NotChecked, Check::NotChecked)
        );
    }
}

/// Every order of the texts gives this verdict.
fn assert_in_every_order(message: &str, texts: &[&str], expected: DkimReason, bits: Option<u32>) {
    fn orders<'a>(texts: &[&'a str]) -> Vec<Vec<&'a str>> {
        if texts.is_empty() {
            return vec![Vec::new()];
        }
        let mut all = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let rest = [&texts[..index], &texts[index + 1..]].concat();
            for mut order in orders(&rest) {
                order.push(text);
                all.push(order);
            }
        }
        all
    }
    for order in orders(texts) {
        let zone = zone(&[("s1._domainkey.example.com", &order)]);
        let verdict = verdict(message, &zone);
        assert_eq!(verdict.reason, expected, "{order:?}");
        assert_eq!(verdict.key_bits, bits, "{order:?}");
    }
}

#[test]
fn rfc6376_6_1_2_several_records_give_one_verdict_in_every_order() {
    let message = usual_message();
    let right = TestKey::usual().record();
    let small = TestKey::small().record();
    let (spf, revoked, other_type) = ("v=spf1 -all", "v=DKIM1; p=", RFC8463_ED25519);
    assert_in_every_order(
        &message,
        &[&right, RFC8463_RSA, revoked, spf],
        DkimReason::Verified,
        Some(1024),
    );
    assert_in_every_order(
        &message,
        &[RFC8463_RSA, &small, revoked, spf],
        DkimReason::SignatureMismatch,
        Some(1024),
    );
    assert_in_every_order(
        &message,
        &[&small, revoked, other_type],
        DkimReason::KeySize,
        Some(512),
    );
    assert_in_every_order(&message, &[spf, "junk"], DkimReason::KeyMalformed, None);
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
    let flood: String = (0..2_000)
        .map(|number| {
            format!(
                "DKIM-Signature: v=1; a=rsa-sha256; d=x{number}.example; s=s; h=from; \
                bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YWJj\r\n"
            )
        })
        .collect();
    let text = format!("{flood}{}", usual_message());
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
            verdict.signed_headers.len(),
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
    known: RefCell<Vec<(Question, Arc<Entry>)>>,
}

impl Lookup for LateAnswers {
    fn look_up(&self, question: &Question) -> Option<Arc<Entry>> {
        let known = self.known.borrow();
        let found = known.iter().find(|(other, _)| other == question);
        found.map(|(_, entry)| Arc::clone(entry))
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
            .push((question, Arc::new(Entry::new(answer))));
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
fn rfc6376_3_6_1_a_testing_key_is_told_and_changes_nothing() {
    let record = format!("{}; t=y:s", TestKey::usual().record());
    let zone = zone(&[("s1._domainkey.example.com", &[&record])]);
    let pass = verdict(&usual_message(), &zone);
    assert!(pass.testing && pass.result == DkimResult::Pass);
    let below = sign(&format!("{TAGS}; i=@mail.example.com"), HEADER, BODY);
    let below = verdict(&below, &zone);
    assert_eq!(
        (below.testing, below.reason),
        (true, DkimReason::KeyForbidsSubdomain)
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Case 42: no change of a covered octet that canonicalization keeps may pass.
    #[test]
    fn a_flipped_bit_never_passes(place in any::<prop::sample::Index>(), bit in 0_u32..8) {
        let message = usual_message();
        let mut octets = message.clone().into_bytes();
        let index = place.index(octets.len());
        octets[index] ^= 1 << bit;
        let relaxed = |octets: &[u8]| {
            let message = Message::parse(Bytes::copy_from_slice(octets));
            let mut form = Vec::new();
            for position in 0..message.fields().len() {
                CanonicalFields::default().write_field(
                    &message,
                    position,
                    canonicalization::Canonicalization::Relaxed,
                    &mut form,
                );
            }
            canonicalization::write_body(
                canonicalization::Canonicalization::Relaxed,
                message.body(),
                &mut form,
            );
            form
        };
        let is_covered = !message[..index].contains("Content-Type:") || message[..index].contains("\r\n\r\n");
        prop_assume!(is_covered && relaxed(&octets) != relaxed(message.as_bytes()));
        let changed = Message::parse(Bytes::from(octets));
        let zone = usual_zone();
        let verdicts = Signatures::parse(&changed)
            .evaluate(&Answers::new(&zone), &changed, &mut BodyHashes::default(), &Policy::default(), None, None)
            .unwrap();
        prop_assert!(verdicts.iter().all(|verdict| verdict.result != DkimResult::Pass));
    }
}

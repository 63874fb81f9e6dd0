//! Which keys may verify, and several keys at one name.

use super::*;

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

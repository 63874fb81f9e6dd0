use super::*;

const BOTH: [Rules; 2] = [Rules::Rfc9989, Rules::Rfc7489];

fn select(texts: &[&str]) -> PolicyRecords {
    PolicyRecords::select(texts.iter().map(|text| text.as_bytes()))
}

fn record(text: &str) -> PolicyRecord {
    match select(&[text]) {
        PolicyRecords::One(record) => record.as_ref().clone(),
        other => panic!("{text}: {other:?}"),
    }
}

fn policies(
    text: &str,
    rules: Rules,
) -> Option<(&'static str, Option<&'static str>, Option<&'static str>)> {
    record(text).requests(rules).map(|requests| {
        let word = RequestedPolicy::as_str;
        (
            word(requests.policy),
            requests.subdomain_policy.map(word),
            requests.nonexistent_policy.map(word),
        )
    })
}

#[test]
fn rfc9989_4_7_the_version_comes_first_and_with_case() {
    for text in [
        "v=DMARC1",
        "v = DMARC1 ;p=none",
        "v=DMARC1;",
        "V=DMARC1; p=none",
        "v\t=\tDMARC1",
    ] {
        assert!(matches!(select(&[text]), PolicyRecords::One(_)), "{text}");
    }
    for text in [
        "",
        "v=dmarc1; p=none",
        "v=DMARC1x",
        "v=DMARC1 p=none",
        "p=none; v=DMARC1",
        " v=DMARC1",
        "v=spf1 -all",
        "vv=DMARC1",
        ";v=DMARC1",
        "v==DMARC1",
        "v=DMARC1\0",
    ] {
        assert!(matches!(select(&[text]), PolicyRecords::Absent), "{text}");
    }
}

#[test]
fn rfc9989_4_10_several_records_are_discarded_others_do_not_count() {
    let both = ["v=DMARC1; p=none", "v=DMARC1; p=reject"];
    assert!(matches!(select(&both), PolicyRecords::Several));
    let one = ["v=spf1 -all", "v=DMARC1; p=none", "junk"];
    assert!(matches!(select(&one), PolicyRecords::One(_)));
}

#[test]
fn rfc6376_3_2_a_tag_named_twice_spoils_the_list() {
    for text in [
        "v=DMARC1; p=none; P=reject",
        "v=DMARC1; v=DMARC1",
        "v=DMARC1; p=none; x=1; x=2",
    ] {
        assert!(
            matches!(select(&[text]), PolicyRecords::Duplicate),
            "{text}"
        );
    }
    assert_eq!(
        policies("v=DMARC1; p=none; ; p ; =x; __proto__=1; sp", BOTH[0]),
        Some(("none", None, None))
    );
}

#[test]
fn rfc9989_4_10_1_without_a_usable_policy() {
    for rules in BOTH {
        for text in [
            "v=DMARC1",
            "v=DMARC1; p=nothing",
            "v=DMARC1; p=reject; sp=",
            "v=DMARC1; p=reject\0",
        ] {
            assert_eq!(policies(text, rules), None, "{text}");
            let with_uri = format!("{text}; rua=mailto:a@b.example");
            assert_eq!(
                policies(&with_uri, rules),
                Some(("none", None, None)),
                "{text}"
            );
            assert_eq!(
                policies(&format!("{text}; rua=nobody"), rules),
                None,
                "{text}"
            );
        }
    }
    let text = "v=DMARC1; P = Reject; sp=none; np=x";
    assert_eq!(policies(text, Rules::Rfc9989), None);
    assert_eq!(
        policies(text, Rules::Rfc7489),
        Some(("reject", Some("none"), None))
    );
}

#[test]
fn rfc9989_4_7_defaults_and_what_each_rule_book_knows() {
    let bare = record("v=DMARC1; p=none; adkim=x; psd=x; t=x; fo=0:1; pct=101");
    let full = record("v=DMARC1; p=none; adkim=S; aspf=s; psd=Y; t=Y; fo=d:1; pct=7; np=reject");
    assert_eq!(
        (bare.dkim_alignment, full.dkim_alignment),
        (AlignmentMode::Relaxed, AlignmentMode::Strict)
    );
    assert_eq!(
        (bare.spf_alignment, full.spf_alignment),
        (AlignmentMode::Relaxed, AlignmentMode::Strict)
    );
    let seen = |record: &PolicyRecord, rules| {
        (
            record.psd(rules).as_str(),
            record.is_testing(rules),
            record.percent(rules),
            record.failure_options(rules).into_owned(),
        )
    };
    assert_eq!(
        seen(&bare, Rules::Rfc9989),
        ("u", false, 100, "0".to_owned())
    );
    assert_eq!(
        seen(&bare, Rules::Rfc7489),
        ("u", false, 100, "0:1".to_owned())
    );
    assert_eq!(
        seen(&full, Rules::Rfc9989),
        ("y", true, 100, "d:1".to_owned())
    );
    assert_eq!(
        seen(&full, Rules::Rfc7489),
        ("u", false, 7, "d:1".to_owned())
    );
}

proptest::proptest! {
    /// Any octets after the version: a record or a duplicate, and the same requests whatever is unknown to them.
    #[test]
    fn every_text_that_starts_with_the_version_is_read(rest in "[a-z=; \t]{0,30}|\\PC{0,30}") {
        let plain = select(&[&format!("v=DMARC1;{rest}")]);
        let PolicyRecords::One(plain) = plain else {
            proptest::prop_assert!(matches!(plain, PolicyRecords::Duplicate));
            return Ok(());
        };
        let with_unknown = select(&[&format!("v=DMARC1;unknown_tag=1;{rest}")]);
        if let PolicyRecords::One(with_unknown) = with_unknown {
            for rules in BOTH {
                proptest::prop_assert_eq!(plain.requests(rules), with_unknown.requests(rules));
            }
        }
    }
}

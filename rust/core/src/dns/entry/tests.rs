//! What is written down is read again, whatever it is, and costs what it should.

use proptest::prelude::*;

use super::*;

fn question(record_type: RecordType) -> Question {
    Question {
        name: Domain::parse_ascii("a.example").unwrap(),
        record_type,
    }
}

fn kept(answer: &Answer, record_type: RecordType) -> Entry {
    let origin = Arc::new(Origin::of(answer));
    Draft::new(Some(&question(record_type)), answer, origin).finish(Stamps::default())
}

fn domain(name: &str) -> Domain {
    Domain::parse_ascii(name).unwrap()
}

#[test]
fn every_kind_of_data_comes_back() {
    let exchange = |preference, exchange| MxRecord {
        preference,
        exchange,
    };
    let texts = vec![
        TxtRecord::from_strings([&b"v=spf1 "[..], b"-all", b""]),
        TxtRecord::from_strings([]),
        TxtRecord::from_strings([b"x".repeat(700).as_slice()]),
    ];
    let all = [
        RecordData::None,
        RecordData::A(vec![Ipv4Addr::LOCALHOST, Ipv4Addr::new(192, 0, 2, 255)]),
        RecordData::Aaaa(vec![Ipv6Addr::LOCALHOST]),
        RecordData::Mx(vec![
            exchange(65_535, Some(domain("mx.example"))),
            exchange(0, None),
            exchange(10, Some(domain("b.mx.example"))),
        ]),
        RecordData::Ptr(vec![domain("one.example"), domain("two.example")]),
        RecordData::Txt(texts),
    ];
    for data in all {
        let entry = kept(&Answer::found(data.clone()), RecordType::Txt);
        assert_eq!(entry.data(), data);
        assert_eq!(Entry::new(&Answer::found(data.clone())).data(), data);
    }
}

#[test]
fn rfc1035_3_3_14_strings_stay_apart_and_are_joined() {
    let record = TxtRecord::from_strings([&b"a"[..], b"", b"bc"]);
    let entry = Entry::new(&Answer::found(RecordData::Txt(vec![record])));
    let text = entry.txt().next().unwrap();
    assert_eq!(text.joined(), b"abc");
    assert_eq!(text.strings().collect::<Vec<_>>(), [&b"a"[..], b"", b"bc"]);
    assert_eq!(entry.ipv4().len() + entry.ipv6().len(), 0);
    assert_eq!(entry.mx().count() + entry.ptr().count(), 0);
}

#[test]
fn facts_come_back() {
    let answer = Answer {
        ttl: Some(u32::MAX),
        authenticated: Some(true),
        is_alias: true,
        source: "live:192.0.2.1".into(),
        first_seen: Some(1),
        ..Answer::empty(Outcome::NxDomain)
    };
    let entry = Entry::new(&answer);
    assert_eq!(entry.outcome, Outcome::NxDomain);
    assert_eq!(entry.ttl(), Some(u32::MAX - 1));
    assert_eq!((entry.authenticated, entry.is_alias), (Some(true), true));
    let provenance = entry.provenance();
    assert_eq!(
        (
            provenance.source,
            provenance.first_seen,
            provenance.last_seen
        ),
        ("live:192.0.2.1", Some(1), None)
    );
    assert_eq!(Entry::new(&Answer::empty(Outcome::NoData)).ttl(), None);
}

#[test]
fn rfc8020_2_an_alias_or_a_store_denies_no_name() {
    let denial = Answer::empty(Outcome::NxDomain);
    assert!(Entry::new(&denial).denies_name());
    let alias = Answer {
        is_alias: true,
        ..denial.clone()
    };
    let stored = Answer {
        last_seen: Some(1),
        ..denial
    };
    for other in [alias, stored, Answer::empty(Outcome::NoData)] {
        assert!(!Entry::new(&other).denies_name());
    }
}

#[test]
fn the_facts_of_an_entry_are_small() {
    // With its counts, its place and what the allocator rounds up to, an entry has 120 octets beside name and data.
    assert!(size_of::<Facts>() <= 48, "{}", size_of::<Facts>());
}

#[test]
fn parsed_records_are_charged_once_and_given_back() {
    let ledger = Arc::new(Ledger::default());
    let answer = Answer::found(RecordData::Txt(vec![TxtRecord::from_strings([
        &b"v=spf1 ip4:192.0.2.0/24 -all"[..],
    ])]));
    let origin = Origin {
        ledger: Some(Arc::clone(&ledger)),
        ..Origin::of(&answer)
    };
    let draft = Draft::new(Some(&question(RecordType::Txt)), &answer, Arc::new(origin));
    let entry = draft.finish(Stamps::default());
    let read = || {
        let load = |number: &std::sync::atomic::AtomicU64| {
            number.load(std::sync::atomic::Ordering::Relaxed)
        };
        (load(&ledger.records), load(&ledger.octets))
    };
    assert_eq!(read(), (0, 0));
    let (_, _, _) = (entry.spf(), entry.clone().spf(), entry.dmarc());
    let (records, octets) = read();
    assert_eq!(records, 2);
    assert!(octets > 100, "{octets}");
    drop(entry);
    assert_eq!(read(), (0, 0));
}

proptest! {
    #[test]
    fn any_texts_come_back(texts in prop::collection::vec(prop::collection::vec(any::<Vec<u8>>(), 0..4), 1..6)) {
        let record = |strings: &Vec<Vec<u8>>| TxtRecord::from_strings(strings.iter().map(Vec::as_slice));
        let data = RecordData::Txt(texts.iter().map(record).collect());
        prop_assert_eq!(kept(&Answer::found(data.clone()), RecordType::Txt).data(), data);
    }
}

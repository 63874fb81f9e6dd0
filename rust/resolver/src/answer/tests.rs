//! Replies written octet by octet, so that they may be as wrong as a server's can be.

use std::sync::Arc;

use mailauth_core::dns::{Answer, Outcome, Question, RecordData, RecordType, TxtRecord};
use mailauth_core::domain::Domain;

use super::{REMOTE_TTL_FLOOR, Respondent, bare_outcome, read};
use crate::query::wire_name;

const CNAME: u16 = 5;
const NS: u16 = 2;
const SOA: u16 = 6;
const TXT: u16 = 16;

fn record(owner: &str, rtype: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut octets = wire_name(owner);
    octets.extend(rtype.to_be_bytes());
    octets.extend([0, 1]);
    octets.extend(ttl.to_be_bytes());
    octets.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    octets.extend(data);
    octets
}

fn txt(owner: &str, ttl: u32, text: &str) -> Vec<u8> {
    let mut data = vec![u8::try_from(text.len()).unwrap()];
    data.extend(text.as_bytes());
    record(owner, TXT, ttl, &data)
}

fn alias(owner: &str, ttl: u32, target: &str) -> Vec<u8> {
    record(owner, CNAME, ttl, &wire_name(target))
}

fn soa(zone: &str, ttl: u32, minimum: u32) -> Vec<u8> {
    let mut data = [wire_name("ns"), wire_name("hostmaster"), vec![0; 16]].concat();
    data.extend(minimum.to_be_bytes());
    record(zone, SOA, ttl, &data)
}

/// A reply to a question for `example`.
struct Reply {
    record_type: RecordType,
    flags: [u8; 2],
    answers: Vec<Vec<u8>>,
    authorities: Vec<Vec<u8>>,
    tail: Vec<u8>,
}

fn reply(answers: &[Vec<u8>]) -> Reply {
    Reply {
        record_type: RecordType::Txt,
        flags: [0x81, 0x80],
        answers: answers.to_vec(),
        authorities: Vec::new(),
        tail: Vec::new(),
    }
}

fn denial(rcode: u8, answers: &[Vec<u8>], authorities: &[Vec<u8>]) -> Reply {
    Reply {
        flags: [0x81, 0x80 | rcode],
        authorities: authorities.to_vec(),
        ..reply(answers)
    }
}

impl Reply {
    fn octets(&self) -> Vec<u8> {
        let count = |records: &[Vec<u8>]| u16::try_from(records.len()).unwrap().to_be_bytes();
        let rtype = super::query::rtype(self.record_type).unwrap().to_int();
        let mut octets = vec![0, 0, self.flags[0], self.flags[1], 0, 1];
        octets.extend(count(&self.answers));
        octets.extend(count(&self.authorities));
        octets.extend([0, 0]);
        octets.extend(wire_name("example"));
        octets.extend(rtype.to_be_bytes());
        octets.extend([0, 1]);
        octets.extend(self.answers.concat());
        octets.extend(self.authorities.concat());
        octets.extend(&self.tail);
        octets
    }

    fn read_from(&self, is_loopback: bool) -> Answer {
        let respondent = Respondent {
            source: &Arc::from("live:test"),
            is_loopback,
            wants_authenticated_data: true,
        };
        read(&self.octets(), &self.question(), respondent)
            .unwrap()
            .answer
    }

    fn question(&self) -> Question {
        Question {
            name: Domain::parse_ascii("example").unwrap(),
            record_type: self.record_type,
        }
    }

    fn read(&self) -> Answer {
        self.read_from(true)
    }

    fn outcome(&self) -> (Outcome, bool) {
        let answer = self.read();
        (answer.outcome, answer.is_alias)
    }
}

fn texts(answer: &Answer) -> Vec<&str> {
    let joined = answer.txt().iter().map(TxtRecord::joined);
    joined.map(|text| str::from_utf8(text).unwrap()).collect()
}

#[test]
fn rfc5452_6_only_records_of_the_name_in_the_answer_section_are_used() {
    let mut reply = reply(&[
        txt("other.example", 1, "poison"),
        txt("EXAMPLE", 300, "a"),
        txt("example", 200, "b"),
        txt("example", 100, "a"),
    ]);
    reply.authorities = vec![txt("example", 1, "poison")];
    let answer = reply.read();
    assert_eq!(answer.outcome, Outcome::Found);
    assert_eq!(texts(&answer), ["a", "b"]);
    assert_eq!((answer.ttl, answer.is_alias), (Some(100), false));
    assert_eq!(&*answer.source, "live:test");
}

#[test]
fn txt_keeps_its_strings_and_every_octet() {
    let answer = reply(&[record("example", TXT, 9, b"\x02\0\"\x00\x03;\\\xff")]).read();
    let strings: Vec<&[u8]> = answer.txt()[0].strings().collect();
    assert_eq!(strings, [&b"\0\""[..], b"", b";\\\xff"]);
}

#[test]
fn chains_are_followed_to_8_links_not_9() {
    for (links, expected) in [
        (1, Outcome::Found),
        (7, Outcome::Found),
        (8, Outcome::Found),
        (9, Outcome::ChainTooLong),
    ] {
        let name = |link: usize| match link {
            0 => "example".to_owned(),
            _ => format!("l{link}.example"),
        };
        let mut records: Vec<_> = (0..links)
            .map(|link| alias(&name(link), 60, &name(link + 1)))
            .collect();
        records.push(txt(&name(links), 300, "end"));
        assert_eq!(reply(&records).outcome(), (expected, true), "{links} links");
        records.reverse();
        let answer = reply(&records).read();
        assert_eq!(answer.outcome, expected, "{links} links, reversed");
        assert_eq!(answer.ttl, (expected == Outcome::Found).then_some(60));
    }
}

#[test]
fn loops_end() {
    let itself = reply(&[alias("example", 1, "example")]);
    let pair = reply(&[
        alias("example", 1, "b.example"),
        alias("b.example", 1, "EXAMPLE"),
    ]);
    assert_eq!(itself.outcome(), (Outcome::ChainTooLong, true));
    assert_eq!(pair.outcome(), (Outcome::ChainTooLong, true));
}

#[test]
fn rfc8020_2_nxdomain_behind_an_alias_denies_the_target_alone() {
    let soas = [soa("example", 900, 300)];
    let direct = denial(3, &[], &soas).read();
    assert_eq!(
        (direct.outcome, direct.is_alias),
        (Outcome::NxDomain, false)
    );
    assert_eq!(direct.ttl, Some(300));
    let behind = denial(3, &[alias("example", 60, "gone.example")], &soas).read();
    assert_eq!((behind.outcome, behind.is_alias), (Outcome::NxDomain, true));
    assert_eq!(behind.ttl, Some(60));
}

#[test]
fn rfc2308_5_the_negative_ttl_is_the_lesser_of_soa_ttl_and_minimum() {
    for (authorities, expected) in [
        (vec![soa("example", 300, 900)], Some(300)),
        (vec![soa("example", 900, 300)], Some(300)),
        (
            vec![
                record("example", NS, 1, &wire_name("ns")),
                soa("example", 7, 9),
            ],
            Some(7),
        ),
        (vec![soa("other", 300, 300)], None),
        (vec![], None),
    ] {
        let answer = denial(0, &[], &authorities).read();
        assert_eq!((answer.outcome, answer.ttl), (Outcome::NoData, expected));
    }
}

#[test]
fn rfc2308_2_2_ns_without_soa_is_a_referral() {
    let servers = [record("example", NS, 1, &wire_name("ns.example"))];
    assert_eq!(denial(0, &[], &servers).outcome(), (Outcome::Lame, false));
    let behind = [alias("example", 60, "b.example")];
    assert_eq!(
        denial(0, &behind, &servers).outcome(),
        (Outcome::Lame, true)
    );
    let mut authoritative = denial(0, &[], &servers);
    authoritative.flags[0] |= 0x04;
    assert_eq!(authoritative.outcome(), (Outcome::NoData, false));
}

#[test]
fn a_chain_whose_end_lacks_the_type_is_no_data() {
    let soas = [soa("example", 900, 300)];
    let answer = denial(0, &[alias("example", 60, "b.example")], &soas).read();
    assert_eq!((answer.outcome, answer.is_alias), (Outcome::NoData, true));
    assert_eq!(answer.ttl, Some(60));
}

#[test]
fn errors_keep_their_names() {
    for (rcode, expected) in [
        (1, Outcome::FormErr),
        (2, Outcome::ServFail),
        (4, Outcome::NotImp),
        (5, Outcome::Refused),
        (9, Outcome::ServFail),
    ] {
        assert_eq!(denial(rcode, &[], &[]).outcome(), (expected, false));
        assert_eq!(bare_outcome(&[0, 0, 0x81, 0x80 | rcode]), expected);
    }
    let contradiction = denial(3, &[txt("example", 1, "here")], &[]);
    assert_eq!(contradiction.outcome(), (Outcome::ServFail, false));
}

#[test]
fn unreadable_records_are_dropped_and_nothing_else() {
    let overrun = record("example", TXT, 1, b"\x05abc");
    let empty = record("example", TXT, 1, b"");
    let mixed = reply(&[overrun.clone(), txt("example", 1, "good"), empty.clone()]);
    assert_eq!(texts(&mixed.read()), ["good"]);
    assert_eq!(
        reply(&[overrun, empty]).outcome(),
        (Outcome::Unusable, false)
    );
    let mut short = reply(&[record("example", 1, 1, &[192, 0, 2])]);
    short.record_type = RecordType::A;
    assert_eq!(short.outcome(), (Outcome::Unusable, false));
    let odd = record("example", CNAME, 1, b"\x03a.b\x07example\0");
    assert_eq!(reply(&[odd]).outcome(), (Outcome::Unusable, false));
}

#[test]
fn names_that_nobody_can_ask_for_are_refused() {
    let hosts: [&[u8]; 6] = [
        b"\x02mx\x07example\0",
        b"\x03a.b\x07example\0",
        b"\x03a\0b\x07example\0",
        b"\x03a b\x07example\0",
        b"\x02a\\\x07example\0",
        b"\0",
    ];
    let exchange = |host: &[u8]| record("example", 15, 1, &[&[0, 10], host].concat());
    let mut mx = reply(&hosts.map(exchange));
    mx.record_type = RecordType::Mx;
    let answer = mx.read();
    let names: Vec<_> = answer
        .mx()
        .iter()
        .map(|mx| mx.exchange.as_ref().map(Domain::as_str))
        .collect();
    assert_eq!(names, [Some("mx.example"), None]);
    let mut ptr = reply(&hosts.map(|host| record("example", 12, 1, host)));
    ptr.record_type = RecordType::Ptr;
    assert_eq!(
        ptr.read().ptr(),
        [Domain::parse_ascii("mx.example").unwrap()]
    );
    let mut none = reply(&[record("example", 12, 1, hosts[1])]);
    none.record_type = RecordType::Ptr;
    assert_eq!(none.outcome(), (Outcome::Unusable, false));
}

#[test]
fn addresses_of_both_families_are_read() {
    let mut four = reply(&[record("example", 1, 1, &[192, 0, 2, 1])]);
    four.record_type = RecordType::A;
    assert_eq!(
        four.read().data,
        RecordData::A(vec!["192.0.2.1".parse().unwrap()])
    );
    let mut six = reply(&[record(
        "example",
        28,
        1,
        &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    )]);
    six.record_type = RecordType::Aaaa;
    assert_eq!(
        six.read().data,
        RecordData::Aaaa(vec!["2001:db8::1".parse().unwrap()])
    );
}

#[test]
fn rfc8767_4_large_ttls_are_large_and_remote_ones_have_a_floor() {
    for (ttl, far) in [
        (0, REMOTE_TTL_FLOOR),
        (4, REMOTE_TTL_FLOOR),
        (6, 6),
        (1 << 31, 1 << 31),
        (u32::MAX, u32::MAX),
    ] {
        let reply = reply(&[txt("example", ttl, "x")]);
        assert_eq!(reply.read().ttl, Some(ttl));
        assert_eq!(reply.read_from(false).ttl, Some(far));
    }
}

#[test]
fn rfc6840_5_8_ad_counts_from_loopback_only() {
    let mut validated = reply(&[txt("example", 1, "x")]);
    assert_eq!(validated.read().authenticated, Some(false));
    validated.flags[1] |= 0x20;
    assert_eq!(validated.read().authenticated, Some(true));
    assert_eq!(validated.read_from(false).authenticated, None);
}

#[test]
fn a_message_that_does_not_parse_to_its_end_is_no_message() {
    let whole = reply(&[txt("example", 1, "x"), txt("example", 1, "y")]);
    let octets = whole.octets();
    let question = whole.question();
    let respondent = Respondent {
        source: &Arc::from(""),
        is_loopback: true,
        wants_authenticated_data: false,
    };
    for end in 0..octets.len() {
        assert!(
            read(&octets[..end], &question, respondent).is_err(),
            "{end}"
        );
    }
    let mut many = octets.clone();
    many[6..8].copy_from_slice(&u16::MAX.to_be_bytes());
    assert!(read(&many, &question, respondent).is_err());
    for pointer in [25u8, 26, 200] {
        let mut looping = octets[..25].to_vec();
        looping.extend([0xc0, pointer, 0, 16, 0, 1, 0, 0, 0, 1, 0, 2, 1, b'x']);
        looping[7] = 1;
        assert!(read(&looping, &question, respondent).is_err(), "{pointer}");
    }
}

#[test]
fn octets_behind_the_message_are_ignored_and_noticed() {
    let mut long = reply(&[txt("example", 1, "x")]);
    let respondent = Respondent {
        source: &Arc::from(""),
        is_loopback: true,
        wants_authenticated_data: false,
    };
    let read = |reply: &Reply| read(&reply.octets(), &reply.question(), respondent).unwrap();
    assert!(!read(&long).is_trailing);
    long.tail = vec![0, 0];
    assert!(read(&long).is_trailing);
    assert_eq!(texts(&read(&long).answer), ["x"]);
}

#[test]
fn no_changed_octet_panics_or_yields_more_than_was_there() {
    let mut reply = reply(&[alias("example", 60, "b.example"), txt("b.example", 1, "x")]);
    reply.authorities = vec![soa("example", 60, 60)];
    let octets = reply.octets();
    let question = reply.question();
    let respondent = Respondent {
        source: &Arc::from(""),
        is_loopback: true,
        wants_authenticated_data: false,
    };
    let mut answered = 0;
    for position in 0..octets.len() {
        for value in [0, 1, 2, 0x3f, 0x40, 0xc0, 0xff] {
            let mut changed = octets.clone();
            changed[position] = value;
            if let Ok(reading) = read(&changed, &question, respondent) {
                answered += 1;
                assert!(reading.answer.txt().len() <= 1);
            }
        }
    }
    assert!(answered > 0);
}

use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::*;
use crate::authentication_results::{WriteFault, write_json};
use crate::dkim::testing::{BODY, HEADER, TAGS, sign, usual_zone};
use crate::dns::{Cache, Deliver, Resolver, StaticZone, TxtRecord};
use crate::envelope::Envelope;
use crate::policy::Rules;

/// A zone that remembers what it was asked.
struct Watched(StaticZone, Mutex<Vec<Question>>);

impl Resolver for Watched {
    fn ask(&self, questions: Vec<Question>, deliver: Deliver) {
        self.1.lock().unwrap().extend(questions.iter().cloned());
        self.0.ask(questions, deliver);
    }
}

fn engine() -> (Engine, Arc<Watched>) {
    let watched = Arc::new(Watched(usual_zone(), Mutex::default()));
    let cache = Arc::new(Cache::new(1 << 20, || 0));
    let resolver: Arc<dyn Resolver> = Arc::<Watched>::clone(&watched);
    (
        Engine::new(resolver, cache, Arc::new(Policy::default())),
        watched,
    )
}

fn input(octets: String) -> Input {
    Input::new("0".to_owned(), Bytes::from(octets), Envelope::default())
}

fn explained(octets: String, others: &[Policy], wanted: OctetsWanted) -> Explanation {
    engine()
        .0
        .explain(input(octets), Now::At(2_000), others, wanted)
}

#[test]
fn the_verdict_is_that_of_verify_and_no_question_is_asked_twice() {
    let message = sign(TAGS, HEADER, BODY);
    let (engine, watched) = engine();
    let old = Policy {
        rules: Rules::Rfc7489,
        ..Policy::default()
    };
    let new = Policy {
        rules: Rules::Rfc9989,
        historic: true,
        ..Policy::default()
    };
    let input = input(message);
    let found = engine.explain(
        input.clone(),
        Now::At(2_000),
        &[old, new],
        OctetsWanted::Nothing,
    );
    let asked = watched.1.lock().unwrap().clone();
    let mut distinct = asked.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), asked.len());
    let alone = engine.verify(input, Now::At(2_000));
    let json = |verdict: &Row| serde_json::to_value(verdict).unwrap();
    assert_eq!(json(&found.verdict), json(&alone));
    let rules = |verdict: &Row| verdict.dmarc.as_ref().unwrap().rules;
    let others: Vec<Rules> = found.others.iter().map(rules).collect();
    assert_eq!(others, [Rules::Rfc7489, Rules::Rfc9989]);
    assert!(found.octets.is_empty());
    let names: Vec<&str> = found.answers.iter().map(|used| &*used.name).collect();
    assert!(names.contains(&"s1._domainkey.example.com"));
    assert_eq!(
        u64::try_from(names.len()).unwrap(),
        found.verdict.dns_questions
    );
}

#[test]
fn rfc6376_3_7_the_octets_are_those_that_were_hashed() {
    let message = sign(&format!("{TAGS}; l=5"), HEADER, BODY);
    let header_only = explained(message.clone(), &[], OctetsWanted::Header);
    assert_eq!(header_only.octets[0].body, None);
    let found = explained(message, &[], OctetsWanted::HeaderAndBody);
    assert_eq!(found.verdict.dkim[0].reason.code(), "verified");
    let [octets] = &found.octets[..] else {
        panic!("one signature");
    };
    assert_eq!(octets.signature, 0);
    assert_eq!(octets.body.as_deref(), Some(&b"Hi.\r\n"[..]));
    assert_eq!(octets.header, header_only.octets[0].header);
    let header = String::from_utf8(octets.header.clone()).unwrap();
    let expected = "from:Joe <joe@example.com>\r\nto:a@example.net\r\n\
                    subject:Is dinner ready?\r\ndkim-signature:v=1; a=rsa-sha256;";
    assert!(header.starts_with(expected), "{header}");
    assert!(header.ends_with("b="), "{header}");
}

#[test]
fn a_message_that_cannot_be_held_has_no_answers() {
    let mut large = input(String::new());
    large.octets = Err(crate::verdict::ErrorReason::MessageTooLarge);
    let others = [Policy::default()];
    let found = engine()
        .0
        .explain(large, Now::Received, &others, OctetsWanted::HeaderAndBody);
    assert!(found.verdict.error.is_some());
    assert!(found.answers.is_empty() && found.others.is_empty() && found.octets.is_empty());
}

#[test]
fn rfc1035_5_1_records_are_shown_in_presentation_form() {
    let record = TxtRecord::from_strings([&b"v=spf1 \"x\""[..], b"\\\x00\xff", b""]);
    let data = RecordData::Txt(vec![record]);
    assert_eq!(presentation(&data), [r#""v=spf1 \"x\"" "\\\000\255" """#]);
    let question = Question {
        name: crate::domain::Domain::parse_ascii("example.com").unwrap(),
        record_type: RecordType::A,
    };
    let addresses = ["192.0.2.9", "192.0.2.10"].map(|text| text.parse().unwrap());
    let answer = crate::dns::Answer::found(RecordData::A(addresses.to_vec()));
    let used = UsedAnswer::new(&question, &Entry::new(&answer));
    assert_eq!(used.data, ["192.0.2.10", "192.0.2.9"]);
}

#[test]
fn the_field_of_a_row_and_of_its_json_are_one() {
    let message = sign(TAGS, HEADER, BODY);
    let verdict = explained(message, &[], OctetsWanted::Nothing).verdict;
    let json = serde_json::to_vec(&verdict).unwrap();
    let field = crate::authentication_results::write(&verdict, "mx.example");
    assert!(field.contains(" header.b="), "{field}");
    assert_eq!(write_json(&json, "mx.example"), Ok(field));
    for id in ["", " ", "a\r\nb", "a\0", "a\u{2028}b", &"a".repeat(321)] {
        assert_eq!(write_json(&json, id), Err(WriteFault::AuthservId), "{id:?}");
    }
    let fault = write_json(b"{}", "mx.example");
    assert!(matches!(fault, Err(WriteFault::Verdict(_))));
}

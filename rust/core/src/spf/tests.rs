//! Evaluations against small zones. What all tests share is here.

mod appendix_a;
mod doors;
mod faults;
mod limits;
mod mechanisms;
mod modifiers;
mod properties;

use std::cell::RefCell;
use std::collections::HashSet;

use serde_json::{Value, json};

use super::*;
use crate::dns::{Entry, Lookup, Question, StaticZone};

const HELO: &str = "mx.example.net";

fn zone(names: &Value) -> StaticZone {
    StaticZone::from_json(&names.to_string(), "test").unwrap()
}

fn check_with(lookup: &dyn Lookup, client_ip: &str, mail_from: &str) -> SpfVerdict {
    check_host(
        &Answers::new(lookup),
        client_ip.parse().unwrap(),
        HELO,
        mail_from,
        "",
        None,
    )
    .unwrap()
}

/// The verdict on `a@example.com`.
fn check(names: &Value, client_ip: &str) -> SpfVerdict {
    check_with(&zone(names), client_ip, "a@example.com")
}

/// Result and reason of a record of example.com beside other names.
fn outcome(record: &str, others: &Value, client_ip: &str) -> (SpfResult, SpfReason) {
    let mut names = others.clone();
    let at_domain = names
        .as_object_mut()
        .unwrap()
        .entry("example.com")
        .or_insert_with(|| json!({}));
    at_domain
        .as_object_mut()
        .unwrap()
        .insert("TXT".to_owned(), json!([record]));
    let verdict = check(&names, client_ip);
    (verdict.result, verdict.reason)
}

/// Result and reason of a record that needs nothing else.
fn alone(record: &str) -> (SpfResult, SpfReason) {
    outcome(record, &json!({}), "192.0.2.1")
}

/// The questions that a check asks, in order.
fn asked(names: &Value, client_ip: &str) -> Vec<Question> {
    let zone = zone(names);
    let answers = Answers::new(&zone);
    check_host(
        &answers,
        client_ip.parse().unwrap(),
        HELO,
        "a@example.com",
        "",
        None,
    )
    .unwrap();
    answers.asked()
}

/// A resolver that knows only what was asked for in an earlier round.
struct Rounds<'a> {
    zone: &'a StaticZone,
    known: RefCell<HashSet<Question>>,
}

impl Lookup for Rounds<'_> {
    fn look_up(&self, question: &Question) -> Option<Entry> {
        let is_known = self.known.borrow().contains(question);
        is_known.then(|| Entry::new(&self.zone.answer(question)))
    }
}

/// Asks and evaluates until there is a verdict; gives it with the questions of each round.
fn in_rounds(zone: &StaticZone, client_ip: &str) -> (SpfVerdict, Vec<Vec<Question>>) {
    let lookup = Rounds {
        zone,
        known: RefCell::default(),
    };
    let mut rounds = Vec::new();
    loop {
        let answers = Answers::new(&lookup);
        let verdict = check_host(
            &answers,
            client_ip.parse().unwrap(),
            HELO,
            "a@example.com",
            "",
            None,
        );
        if let Ok(verdict) = verdict {
            return (verdict, rounds);
        }
        let missing = answers.missing();
        assert!(
            !missing.is_empty(),
            "a pending check must ask something new"
        );
        lookup.known.borrow_mut().extend(missing.iter().cloned());
        rounds.push(missing);
    }
}

//! One message for a person: the verdict, every answer it rests on, what other policies say, and the octets signed.
//!
//! All policies are evaluated in one run, so that no question is asked twice and all of them see the same answers.
//! Judges nothing itself and knows no sentence: words for people are made elsewhere.

use serde::Serialize;

use crate::dkim::SignedOctets;
use crate::dns::{Answers, Entry, Lookup, Outcome, Pending, Question, RecordData, RecordType};
use crate::engine::Engine;
use crate::evaluate::{Examination, Input, Now};
use crate::policy::{Policy, QUESTION_LIMIT};
use crate::verdict::Row;

/// Which octets an explanation holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OctetsWanted {
    /// None.
    Nothing,
    /// The canonical header of each signature.
    Header,
    /// The canonical header and body of each signature.
    HeaderAndBody,
}

/// Everything behind one verdict.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The verdict itself.
    pub verdict: Row,
    /// The DNS answers it rests on, in the order in which the checks asked.
    pub answers: Vec<UsedAnswer>,
    /// What each of the other policies says, in their order.
    pub others: Vec<Row>,
    /// What the signatures signed, on request.
    #[serde(skip)]
    pub octets: Vec<SignedOctets>,
}

/// One DNS answer as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsedAnswer {
    /// Lower-case A-labels without final dot.
    pub name: String,
    /// Record type.
    #[serde(rename = "type")]
    pub record_type: RecordType,
    /// What came of the question.
    pub outcome: Outcome,
    /// The records in presentation form (RFC 1035 §5.1), sorted: their order in an answer means nothing.
    pub data: Vec<String>,
    /// Seconds.
    pub ttl: Option<u32>,
    /// The AD bit, when it was asked for.
    pub ad: Option<bool>,
    /// Where the answer comes from.
    pub source: String,
    /// Unix seconds when the records were first seen (DNS stores).
    pub first_seen: Option<i64>,
    /// Unix seconds when the records were last seen (DNS stores).
    pub last_seen: Option<i64>,
}

/// One policy's evaluation.
struct View<'a> {
    examination: Examination,
    policy: &'a Policy,
    finished: Option<(Row, Vec<UsedAnswer>)>,
}

impl Engine {
    /// Verifies one message as [`Engine::verify`] does, and shows what is behind the verdict.
    pub fn explain(
        &self,
        input: Input,
        now: Now,
        others: &[Policy],
        wanted: OctetsWanted,
    ) -> Explanation {
        let mut views = Vec::with_capacity(others.len() + 1);
        for policy in std::iter::once(self.policy()).chain(others) {
            match Examination::begin(input.clone(), now, policy) {
                Ok(examination) => views.push(View {
                    examination,
                    policy,
                    finished: None,
                }),
                // A message without octets has no verdict under any policy.
                Err(row) => return Explanation::without_verdict(row),
            }
        }
        let mut finished = self
            .resolve(|lookup| evaluate(&mut views, lookup))
            .into_iter();
        let octets = views.first_mut().map(|view| match wanted {
            OctetsWanted::Nothing => Vec::new(),
            wanted => view
                .examination
                .signed_octets(wanted == OctetsWanted::HeaderAndBody),
        });
        let Some((verdict, answers)) = finished.next() else {
            return Explanation::without_verdict(self.verify(input, now));
        };
        Explanation {
            verdict,
            answers,
            others: finished.map(|(verdict, _)| verdict).collect(),
            octets: octets.unwrap_or_default(),
        }
    }
}

impl Explanation {
    fn without_verdict(row: Row) -> Self {
        Self {
            verdict: row,
            answers: Vec::new(),
            others: Vec::new(),
            octets: Vec::new(),
        }
    }
}

/// Evaluates every view as far as it goes, so that one round asks for what any of them misses.
fn evaluate(
    views: &mut [View<'_>],
    lookup: &dyn Lookup,
) -> Result<Vec<(Row, Vec<UsedAnswer>)>, Vec<Question>> {
    let mut missing = Vec::new();
    for view in views.iter_mut().filter(|view| view.finished.is_none()) {
        let dated = view.examination.dated(lookup);
        let answers = Answers::new(&dated);
        match view.examination.evaluate_all(&answers, view.policy) {
            Ok(verdict) => view.finished = Some((verdict, used_answers(&answers, &dated))),
            Err(Pending) => missing.extend(answers.missing()),
        }
    }
    if missing.is_empty() {
        return Ok(views
            .iter_mut()
            .filter_map(|view| view.finished.take())
            .collect());
    }
    let mut distinct: Vec<Question> = Vec::new();
    for question in missing {
        if !distinct.contains(&question) && distinct.len() < QUESTION_LIMIT {
            distinct.push(question);
        }
    }
    Err(distinct)
}

fn used_answers(answers: &Answers<'_>, lookup: &dyn Lookup) -> Vec<UsedAnswer> {
    let used = |question: Question| {
        let entry = lookup.look_up(&question)?;
        Some(UsedAnswer::new(&question, &entry))
    };
    answers.asked().into_iter().filter_map(used).collect()
}

impl UsedAnswer {
    fn new(question: &Question, entry: &Entry) -> Self {
        let mut data = presentation(&entry.data());
        data.sort_unstable();
        let provenance = entry.provenance();
        Self {
            name: question.name.to_string(),
            record_type: question.record_type,
            outcome: entry.outcome,
            data,
            ttl: entry.ttl(),
            ad: entry.authenticated,
            source: provenance.source.to_owned(),
            first_seen: provenance.first_seen,
            last_seen: provenance.last_seen,
        }
    }
}

fn presentation(data: &RecordData) -> Vec<String> {
    match data {
        RecordData::None => Vec::new(),
        RecordData::A(addresses) => addresses.iter().map(ToString::to_string).collect(),
        RecordData::Aaaa(addresses) => addresses.iter().map(ToString::to_string).collect(),
        RecordData::Ptr(names) => names.iter().map(ToString::to_string).collect(),
        RecordData::Mx(records) => records
            .iter()
            .map(|mx| {
                let exchange = mx.exchange.as_ref().map_or(".", |name| name.as_str());
                format!("{} {exchange}", mx.preference)
            })
            .collect(),
        RecordData::Txt(records) => records
            .iter()
            .map(|record| {
                let strings: Vec<String> = record.strings().map(quoted_string).collect();
                strings.join(" ")
            })
            .collect(),
    }
}

/// A character-string (RFC 1035 §5.1): quoted, what is not printable ASCII as `\DDD`.
fn quoted_string(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() + 2);
    text.push('"');
    for octet in octets {
        match octet {
            b'"' | b'\\' => text.extend(['\\', char::from(*octet)]),
            b' '..=b'~' => text.push(char::from(*octet)),
            _ => text.extend([
                '\\',
                digit(octet / 100),
                digit(octet / 10 % 10),
                digit(octet % 10),
            ]),
        }
    }
    text.push('"');
    text
}

fn digit(value: u8) -> char {
    char::from(b'0' + value)
}

#[cfg(test)]
mod tests;

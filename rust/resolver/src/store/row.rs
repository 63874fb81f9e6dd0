//! One line of a store: an RRset, or a kind of "no", with its time and source.
//!
//! The only place where outcomes become RCODE words and back.

use std::sync::Arc;

use mailauth_core::dns::{Answer, Observation, Outcome, Question, RecordData, RecordType};
use mailauth_core::domain::Domain;
use serde::{Deserialize, Serialize};

use super::presentation;
use super::zones::ROOT;

/// One RRset as the file holds it; what a later version adds to a row is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Lower-case A-labels without final dot.
    pub name: String,
    /// `TXT`, `A`, ... or `TYPE65280`.
    #[serde(rename = "type")]
    pub record_type: String,
    /// The RRset in presentation form, sorted; empty for every kind of "no".
    #[serde(default)]
    pub data: Vec<String>,
    /// `NOERROR`, `NXDOMAIN`, or the word of a fault.
    pub rcode: String,
    /// Unix seconds of the first observation of exactly this RRset.
    pub first_seen: Option<i64>,
    /// Unix seconds of the last one.
    pub last_seen: Option<i64>,
    /// Where the answer comes from.
    #[serde(default)]
    pub source: String,
    /// Seconds, as received at `last_seen`.
    pub ttl: Option<u32>,
    /// The AD bit of a trusted resolver; null = not asked for.
    pub ad: Option<bool>,
    /// The name is an alias: an NXDOMAIN denies its target, not the name itself (RFC 8020 §2).
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_alias: bool,
    /// A recorded run was told this, whatever the time of its messages: its replay is told the same.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_of_run: bool,
    /// One record of a set whose other records have rows of their own (passive DNS).
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_single_record: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// The word of the file for an outcome; `None` for what is no statement of a resolver.
const fn rcode(outcome: Outcome) -> Option<&'static str> {
    Some(match outcome {
        Outcome::Found | Outcome::NoData => "NOERROR",
        Outcome::NxDomain => "NXDOMAIN",
        Outcome::ServFail => "SERVFAIL",
        Outcome::Refused => "REFUSED",
        Outcome::FormErr => "FORMERR",
        Outcome::NotImp => "NOTIMP",
        Outcome::Timeout => "TIMEOUT",
        Outcome::Truncated => "TRUNCATED",
        Outcome::Lame => "LAME",
        Outcome::ChainTooLong => "CHAIN-TOO-LONG",
        Outcome::Unusable => "UNUSABLE",
        _ => return None,
    })
}

/// The faults, by their words in the file.
const FAULTS: [Outcome; 9] = [
    Outcome::ServFail,
    Outcome::Refused,
    Outcome::FormErr,
    Outcome::NotImp,
    Outcome::Timeout,
    Outcome::Truncated,
    Outcome::Lame,
    Outcome::ChainTooLong,
    Outcome::Unusable,
];

/// The answer as a replay will give it, and its rows; no row for what is no statement of a resolver.
///
/// The records come back sorted, and "found" without a record is NODATA: the run that records must see what the
/// replay will see. What another store said is copied with its windows.
pub(super) fn recorded(question: &Question, answer: Answer, now: i64) -> (Answer, Vec<Row>) {
    if let Some(history) = &answer.history {
        let rows = history
            .observations()
            .filter_map(|observation| Row::new(question, observation))
            .collect();
        return (answer, rows);
    }
    let (data, texts) = presentation::sorted(answer.data);
    let is_empty_find = answer.outcome == Outcome::Found && texts.is_empty();
    let outcome = if is_empty_find {
        Outcome::NoData
    } else {
        answer.outcome
    };
    let data = if outcome == Outcome::Found {
        data
    } else {
        RecordData::None
    };
    let answer = Answer {
        outcome,
        data,
        ..answer
    };
    let observation = Observation {
        answer: Answer {
            first_seen: answer.first_seen.or(Some(now)),
            last_seen: answer.last_seen.or(Some(now)),
            ..answer.clone()
        },
        is_of_run: true,
        is_single_record: false,
    };
    (
        answer,
        Row::new(question, &observation).into_iter().collect(),
    )
}

impl Row {
    fn new(question: &Question, observation: &Observation) -> Option<Self> {
        let answer = &observation.answer;
        let (_, data) = presentation::sorted(answer.data.clone());
        Some(Self {
            name: question.name.as_str().to_owned(),
            record_type: question.record_type.as_str().to_owned(),
            data,
            rcode: rcode(answer.outcome)?.to_owned(),
            first_seen: answer.first_seen,
            last_seen: answer.last_seen,
            source: answer.source.to_string(),
            ttl: answer.ttl,
            ad: answer.authenticated,
            is_alias: answer.is_alias,
            is_of_run: observation.is_of_run,
            is_single_record: observation.is_single_record,
        })
    }

    /// The same row as this code writes it: names in lower case, records in their one form and order.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub(super) fn into_canonical(mut self) -> Result<Self, &'static str> {
        let answer = self.answer()?;
        if let Some((question, answer)) = answer {
            question.name.as_str().clone_into(&mut self.name);
            self.data = presentation::sorted(answer.data).1;
            return Ok(self);
        }
        self.name.make_ascii_lowercase();
        self.record_type.make_ascii_uppercase();
        self.data.sort_unstable();
        self.data.dedup();
        Ok(self)
    }

    /// What the row says, checked; `None` for a type that no check asks for.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub(super) fn answer(&self) -> Result<Option<(Question, Answer)>, &'static str> {
        let outcome = self.outcome()?;
        if matches!((self.first_seen, self.last_seen), (Some(first), Some(last)) if first > last) {
            return Err("first_seen is after last_seen");
        }
        let record_type = RecordType::from_word(&self.record_type);
        if self.name == ROOT && record_type.is_none() {
            return Ok(None);
        }
        let name = Domain::parse_expanded(&self.name).ok_or("the name is no domain name")?;
        let Some(record_type) = record_type else {
            return Ok(None);
        };
        let data = if outcome == Outcome::Found {
            presentation::read(record_type, &self.data)?
        } else {
            RecordData::None
        };
        let answer = Answer {
            outcome,
            data,
            ttl: self.ttl,
            authenticated: self.ad,
            source: Arc::from(self.source.as_str()),
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            is_alias: self.is_alias,
            history: None,
        };
        Ok(Some((Question { name, record_type }, answer)))
    }

    fn outcome(&self) -> Result<Outcome, &'static str> {
        let fault = || {
            FAULTS
                .into_iter()
                .find(|fault| rcode(*fault) == Some(self.rcode.as_str()))
        };
        let outcome = match (self.rcode.as_str(), self.data.is_empty()) {
            ("NOERROR", false) => return Ok(Outcome::Found),
            // RFC 2308 §2.2: no error and no record is "no data".
            ("NOERROR", true) => return Ok(Outcome::NoData),
            ("NXDOMAIN", _) => Outcome::NxDomain,
            _ => fault().ok_or("an unknown rcode")?,
        };
        if self.data.is_empty() {
            Ok(outcome)
        } else {
            Err("data beside an rcode that has none")
        }
    }
}

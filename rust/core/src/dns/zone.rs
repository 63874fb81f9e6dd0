//! A zone out of a mapping: the test aid of the public contract, and the resolver of `zone:FILE.json`.
//!
//! A name that is absent is NXDOMAIN even if names below it exist: not as in DNS, but simple to write down.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{
    Answer, CHAIN_LIMIT, Deliver, Entry, Lookup, MxRecord, Outcome, Question, RecordData,
    RecordType, Resolver, TxtRecord,
};
use crate::domain::Domain;

/// Why a mapping is no zone: the name at fault and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneError {
    name: String,
    problem: &'static str,
}

impl fmt::Display for ZoneError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.name, self.problem)
    }
}

impl std::error::Error for ZoneError {}

impl ZoneError {
    /// What is wrong with the entry of `name`.
    pub fn new(name: &str, problem: &'static str) -> Self {
        let name = name.to_owned();
        Self { name, problem }
    }
}

/// Said of a record type that the evaluators never ask for.
const UNKNOWN_TYPE: &str = "unknown record type; use A, AAAA, MX, TXT, PTR or CNAME";
/// Said of a name's value that is neither a mapping nor a word.
pub const NO_MAPPING: &str = "expected a mapping of record types or a word";

/// What a mapping holds, whatever it is written in.
#[derive(Clone, Debug)]
pub enum Value {
    /// A text.
    Text(String),
    /// Octets that need not be text.
    Octets(Vec<u8>),
    /// A whole number.
    Number(u64),
    /// A sequence.
    List(Vec<Value>),
    /// Anything else, as it prints: only an address may be given so.
    Other(String),
}

enum Alias {
    Name(Domain),
    /// The root has no records of the types that are asked for.
    Root,
}

#[derive(Default)]
struct Node {
    whole: Option<Outcome>,
    alias: Option<Alias>,
    records: HashMap<RecordType, Result<RecordData, Outcome>>,
}

/// Seconds that records are good for, so that a key is not parsed anew for every run: a zone does not change. An hour
/// widens no window of observation.
const TTL: u32 = 3_600;

/// Answers from a mapping of names to records.
#[derive(Default)]
pub struct StaticZone {
    nodes: HashMap<String, Node>,
    source: Arc<str>,
}

impl StaticZone {
    /// An empty zone; `source` names it in answers.
    pub fn new(source: &str) -> Self {
        Self {
            nodes: HashMap::new(),
            source: source.into(),
        }
    }

    /// Lets every type of `name` have one outcome.
    pub fn set_name(&mut self, name: &str, outcome: Outcome) {
        self.node(name).whole = Some(outcome);
    }

    /// Lets every type of `name` have the outcome that `word` stands for.
    ///
    /// # Errors
    /// The word is none of the contract's.
    pub fn set_word(&mut self, name: &str, word: &str) -> Result<(), ZoneError> {
        let outcome = outcome_word(word).ok_or_else(|| {
            ZoneError::new(name, "a word must be NXDOMAIN, NODATA, SERVFAIL or TIMEOUT")
        })?;
        self.set_name(name, outcome);
        Ok(())
    }

    /// Makes `name` exist, whatever types it has.
    pub fn touch(&mut self, name: &str) {
        self.node(name);
    }

    /// Says what one record type of `name` holds; `record_type` is a word such as `TXT` or `CNAME`.
    ///
    /// # Errors
    /// The type is not known, or the value is not of the documented form.
    pub fn set(&mut self, name: &str, record_type: &str, value: Value) -> Result<(), ZoneError> {
        let fail = |problem| ZoneError::new(name, problem);
        let content = match value {
            Value::Text(word) if outcome_word(&word).is_some() => Err(outcome_word(&word)),
            Value::List(values) => Ok(values),
            single => Ok(vec![single]),
        };
        if let ("CNAME", Ok(values)) = (record_type, &content) {
            let target = values.first().and_then(Value::text);
            let target = target.ok_or_else(|| fail("a CNAME needs one target"))?;
            self.node(name).alias = Some(alias(target).map_err(fail)?);
            return Ok(());
        }
        let key = RecordType::from_word(record_type).ok_or_else(|| fail(UNKNOWN_TYPE))?;
        let records = match content {
            Ok(values) => record_data(key, &values).map_err(fail)?,
            Err(outcome) => Err(outcome.unwrap_or(Outcome::NoData)),
        };
        self.node(name).records.insert(key, records);
        Ok(())
    }

    fn node(&mut self, name: &str) -> &mut Node {
        let key = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        self.nodes.entry(key).or_default()
    }

    /// Reads the mapping out of JSON text.
    ///
    /// # Errors
    /// The text is no JSON object, or an entry is not of the documented form.
    pub fn from_json(text: &str, source: &str) -> Result<Self, ZoneError> {
        let top = ZoneError {
            name: source.to_owned(),
            problem: "no JSON object of names",
        };
        let Ok(serde_json::Value::Object(names)) = serde_json::from_str(text) else {
            return Err(top);
        };
        let mut zone = Self::new(source);
        for (name, value) in names {
            zone.add_json(&name, value)?;
        }
        Ok(zone)
    }

    fn add_json(&mut self, name: &str, value: serde_json::Value) -> Result<(), ZoneError> {
        match value {
            serde_json::Value::String(word) => self.set_word(name, &word),
            serde_json::Value::Object(types) => {
                self.touch(name);
                let mut types = types.into_iter();
                types
                    .try_for_each(|(record_type, value)| self.set(name, &record_type, value.into()))
            }
            _ => Err(ZoneError::new(name, NO_MAPPING)),
        }
    }

    /// The answer of this zone.
    pub fn answer(&self, question: &Question) -> Answer {
        let mut name = question.name.clone();
        for link in 0..=CHAIN_LIMIT {
            let outcome = match self.nodes.get(name.as_str()) {
                None => Outcome::NxDomain,
                Some(Node {
                    whole: Some(outcome),
                    ..
                }) => *outcome,
                Some(node) => match (node.records.get(&question.record_type), &node.alias) {
                    (Some(Ok(data)), _) => {
                        return Answer {
                            is_alias: link > 0,
                            source: Arc::clone(&self.source),
                            ttl: Some(TTL),
                            ..Answer::found(data.clone())
                        };
                    }
                    (Some(Err(outcome)), _) => *outcome,
                    (None, Some(Alias::Name(target))) => {
                        name = target.clone();
                        continue;
                    }
                    (None, Some(Alias::Root) | None) => Outcome::NoData,
                },
            };
            return Answer {
                is_alias: link > 0,
                source: Arc::clone(&self.source),
                ..Answer::empty(outcome)
            };
        }
        Answer {
            is_alias: true,
            source: Arc::clone(&self.source),
            ..Answer::empty(Outcome::ChainTooLong)
        }
    }
}

impl Value {
    fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// A text, or an object that prints as one.
    fn printed(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Other(text) => Some(text),
            _ => None,
        }
    }

    fn octets(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.as_bytes()),
            Self::Octets(octets) => Some(octets),
            _ => None,
        }
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::String(text) => Self::Text(text),
            serde_json::Value::Array(values) => {
                Self::List(values.into_iter().map(Self::from).collect())
            }
            other => other
                .as_u64()
                .map_or_else(|| Self::Other(other.to_string()), Self::Number),
        }
    }
}

fn outcome_word(word: &str) -> Option<Outcome> {
    match word {
        "NXDOMAIN" => Some(Outcome::NxDomain),
        "NODATA" => Some(Outcome::NoData),
        "SERVFAIL" => Some(Outcome::ServFail),
        "TIMEOUT" => Some(Outcome::Timeout),
        _ => None,
    }
}

fn alias(target: &str) -> Result<Alias, &'static str> {
    match target.strip_suffix('.').unwrap_or(target) {
        "" => Ok(Alias::Root),
        name => Domain::parse_ascii(name)
            .map(Alias::Name)
            .ok_or("the CNAME target is no domain name"),
    }
}

/// The records of one type; an empty list of them is NODATA.
fn record_data(
    record_type: RecordType,
    values: &[Value],
) -> Result<Result<RecordData, Outcome>, &'static str> {
    if values.is_empty() {
        return Ok(Err(Outcome::NoData));
    }
    let data = match record_type {
        RecordType::A => RecordData::A(all(values, "not an IPv4 address", address)?),
        RecordType::Aaaa => RecordData::Aaaa(all(values, "not an IPv6 address", address)?),
        RecordType::Mx => RecordData::Mx(all(values, "an MX value is [preference, host]", mx)?),
        RecordType::Ptr => {
            let names = all(values, "expected a list of texts", |value| value.text())?;
            RecordData::Ptr(names.into_iter().filter_map(Domain::parse_ascii).collect())
        }
        RecordType::Txt => RecordData::Txt(all(
            values,
            "a TXT value is a text, octets, or a list of them",
            txt,
        )?),
    };
    let has_no_names = matches!(&data, RecordData::Ptr(names) if names.is_empty());
    Ok(if has_no_names {
        Err(Outcome::NoData)
    } else {
        Ok(data)
    })
}

fn all<'a, T>(
    values: &'a [Value],
    problem: &'static str,
    read: impl Fn(&'a Value) -> Option<T>,
) -> Result<Vec<T>, &'static str> {
    values
        .iter()
        .map(|value| read(value).ok_or(problem))
        .collect()
}

fn address<T: FromStr>(value: &Value) -> Option<T> {
    value.printed()?.parse().ok()
}

fn mx(value: &Value) -> Option<MxRecord> {
    let Value::List(parts) = value else {
        return None;
    };
    let [Value::Number(preference), host] = parts.as_slice() else {
        return None;
    };
    Some(MxRecord {
        preference: u16::try_from(*preference).ok()?,
        exchange: Domain::parse_ascii(host.text()?),
    })
}

fn txt(value: &Value) -> Option<TxtRecord> {
    let strings = match value {
        Value::List(parts) => parts
            .iter()
            .map(Value::octets)
            .collect::<Option<Vec<_>>>()?,
        single => vec![single.octets()?],
    };
    Some(TxtRecord::from_strings(strings))
}

impl Lookup for StaticZone {
    fn look_up(&self, question: &Question) -> Option<Entry> {
        Some(Entry::new(&self.answer(question)))
    }
}

impl Resolver for StaticZone {
    fn ask(&self, questions: Vec<Question>, deliver: Deliver) {
        for question in &questions {
            deliver(question, self.answer(question));
        }
    }
}

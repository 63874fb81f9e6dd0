//! A zone out of a mapping: the test aid of the public contract, and the resolver of `zone:FILE.json`.
//!
//! A name that is absent is NXDOMAIN even if names below it exist: not as in DNS, but simple to write down.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

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

/// What a mapping says for one record type of one name.
#[derive(Clone, Debug)]
pub enum ZoneValue {
    /// Records of this type.
    Data(RecordData),
    /// The name is an alias of this one.
    Alias(String),
    /// One of the words `NXDOMAIN`, `NODATA`, `SERVFAIL`, `TIMEOUT`.
    Outcome(Outcome),
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

    /// The outcome that a word of the contract stands for.
    pub fn outcome_word(word: &str) -> Option<Outcome> {
        match word {
            "NXDOMAIN" => Some(Outcome::NxDomain),
            "NODATA" => Some(Outcome::NoData),
            "SERVFAIL" => Some(Outcome::ServFail),
            "TIMEOUT" => Some(Outcome::Timeout),
            _ => None,
        }
    }

    /// Lets every type of `name` have one outcome.
    pub fn set_name(&mut self, name: &str, outcome: Outcome) {
        self.node(name).whole = Some(outcome);
    }

    /// Makes `name` exist, whatever types it has.
    pub fn touch(&mut self, name: &str) {
        self.node(name);
    }

    /// Says what one record type of `name` holds; `record_type` is a word such as `TXT` or `CNAME`.
    ///
    /// # Errors
    /// An alias whose target is no name, a record type that is not known.
    pub fn set(
        &mut self,
        name: &str,
        record_type: &str,
        value: ZoneValue,
    ) -> Result<(), ZoneError> {
        let fail = |problem| ZoneError {
            name: name.to_owned(),
            problem,
        };
        if let ZoneValue::Alias(target) = value {
            let target = target.strip_suffix('.').unwrap_or(&target);
            self.node(name).alias = Some(match target {
                "" => Alias::Root,
                _ => Domain::parse_ascii(target)
                    .map(Alias::Name)
                    .ok_or_else(|| fail("the CNAME target is no domain name"))?,
            });
            return Ok(());
        }
        let key = RecordType::from_word(record_type)
            .ok_or_else(|| fail("unknown record type; use A, AAAA, MX, TXT, PTR or CNAME"))?;
        let content = match value {
            ZoneValue::Data(data) => Ok(data),
            ZoneValue::Outcome(outcome) => Err(outcome),
            ZoneValue::Alias(_) => return Ok(()),
        };
        self.node(name).records.insert(key, content);
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
        let Ok(Value::Object(names)) = serde_json::from_str(text) else {
            return Err(top);
        };
        let mut zone = Self::new(source);
        for (name, value) in names {
            zone.add_json(&name, &value)?;
        }
        Ok(zone)
    }

    fn add_json(&mut self, name: &str, value: &Value) -> Result<(), ZoneError> {
        let fail = |problem| ZoneError {
            name: name.to_owned(),
            problem,
        };
        if let Some(word) = value.as_str() {
            let outcome = Self::outcome_word(word)
                .ok_or_else(|| fail("a word must be NXDOMAIN, NODATA, SERVFAIL or TIMEOUT"))?;
            self.set_name(name, outcome);
            return Ok(());
        }
        let types = value
            .as_object()
            .ok_or_else(|| fail("expected a mapping of record types or a word"))?;
        self.node(name);
        for (record_type, content) in types {
            self.set(
                name,
                record_type,
                json_value(record_type, content).map_err(fail)?,
            )?;
        }
        Ok(())
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

fn json_value(record_type: &str, content: &Value) -> Result<ZoneValue, &'static str> {
    if let Some(outcome) = content.as_str().and_then(StaticZone::outcome_word) {
        return Ok(ZoneValue::Outcome(outcome));
    }
    let values = match content {
        Value::Array(values) => values.iter().collect(),
        single => vec![single],
    };
    let texts = || {
        values
            .iter()
            .map(|value| value.as_str().ok_or("expected a list of strings"))
    };
    let data = match record_type {
        "CNAME" => {
            let target = texts().next().ok_or("a CNAME needs one target")??;
            return Ok(ZoneValue::Alias(target.to_owned()));
        }
        "A" => RecordData::A(
            texts()
                .map(|text| text?.parse().map_err(|_| "not an IPv4 address"))
                .collect::<Result<_, _>>()?,
        ),
        "AAAA" => RecordData::Aaaa(
            texts()
                .map(|text| text?.parse().map_err(|_| "not an IPv6 address"))
                .collect::<Result<_, _>>()?,
        ),
        "PTR" => RecordData::Ptr(
            texts()
                .filter_map(|text| text.map(Domain::parse_ascii).transpose())
                .collect::<Result<_, _>>()?,
        ),
        "MX" => RecordData::Mx(
            values
                .iter()
                .map(|value| json_mx(value))
                .collect::<Result<_, _>>()?,
        ),
        "TXT" => RecordData::Txt(
            values
                .iter()
                .map(|value| json_txt(value))
                .collect::<Result<_, _>>()?,
        ),
        _ => return Err("unknown record type; use A, AAAA, MX, TXT, PTR or CNAME"),
    };
    Ok(ZoneValue::Data(data).or_no_data())
}

impl ZoneValue {
    /// An empty list of records is NODATA.
    #[must_use]
    pub fn or_no_data(self) -> Self {
        let is_empty = match &self {
            Self::Data(RecordData::A(addresses)) => addresses.is_empty(),
            Self::Data(RecordData::Aaaa(addresses)) => addresses.is_empty(),
            Self::Data(RecordData::Mx(records)) => records.is_empty(),
            Self::Data(RecordData::Ptr(names)) => names.is_empty(),
            Self::Data(RecordData::Txt(records)) => records.is_empty(),
            _ => false,
        };
        if is_empty {
            Self::Outcome(Outcome::NoData)
        } else {
            self
        }
    }
}

fn json_mx(value: &Value) -> Result<MxRecord, &'static str> {
    let problem = "an MX value is [preference, host]";
    let [preference, host] = value.as_array().map(Vec::as_slice).ok_or(problem)? else {
        return Err(problem);
    };
    let preference = preference
        .as_u64()
        .and_then(|number| u16::try_from(number).ok())
        .ok_or(problem)?;
    Ok(MxRecord {
        preference,
        exchange: Domain::parse_ascii(host.as_str().ok_or(problem)?),
    })
}

fn json_txt(value: &Value) -> Result<TxtRecord, &'static str> {
    let problem = "a TXT value is a string or a list of strings";
    let strings: Vec<&str> = match value {
        Value::String(text) => vec![text],
        Value::Array(parts) => parts
            .iter()
            .map(|part| part.as_str().ok_or(problem))
            .collect::<Result<_, _>>()?,
        _ => return Err(problem),
    };
    Ok(TxtRecord::from_strings(
        strings.into_iter().map(str::as_bytes),
    ))
}

impl Lookup for StaticZone {
    fn look_up(&self, question: &Question) -> Option<Arc<Entry>> {
        Some(Arc::new(Entry::new(self.answer(question))))
    }
}

impl Resolver for StaticZone {
    fn ask(&self, questions: Vec<Question>, deliver: Deliver) {
        for question in &questions {
            deliver(question, self.answer(question));
        }
    }
}

//! What an imported zone says of names that have no row: a whole zone denies whatever it does not hold.
//!
//! Knows apexes, delegations and wildcards (RFC 1034 §4.3.2, §4.3.3); must not know files or times of
//! messages.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use mailauth_core::dns::{Answer, Observation, Outcome, Question};
use mailauth_core::domain::Domain;

use super::row::Row;

/// Sources that hold whole zones.
const ZONE_SOURCE: &str = "zone:";

/// The name of the root: a source with its SOA holds everything (a cache that is said to be complete).
pub(super) const ROOT: &str = ".";

/// First and last time seen.
type Windows = Vec<(Option<i64>, Option<i64>)>;

/// One zone of one source.
#[derive(Debug, Default)]
struct Zone {
    /// Names that exist, with those above them down from the apex.
    names: HashSet<Domain>,
    /// Names that have NS records: apexes, and delegations where the source has no SOA.
    servers: HashSet<Domain>,
    /// Windows in which the zone's SOA was observed, by apex.
    apexes: HashMap<Domain, Windows>,
    /// Those of the root's SOA.
    root: Windows,
}

/// The imported zones of a store.
#[derive(Debug, Default)]
pub(super) struct Zones {
    sources: BTreeMap<Arc<str>, Zone>,
}

impl Zones {
    /// Notes a row.
    pub(super) fn add(&mut self, row: &Row) {
        if !row.source.starts_with(ZONE_SOURCE) || row.data.is_empty() {
            return;
        }
        let zone = self.sources.entry(Arc::from(&*row.source)).or_default();
        if row.name == ROOT && row.record_type == "SOA" {
            zone.root.push((row.first_seen, row.last_seen));
        }
        let Some(name) = Domain::parse_expanded(&row.name) else {
            return;
        };
        match row.record_type.as_str() {
            "SOA" => {
                let windows = zone.apexes.entry(name.clone()).or_default();
                windows.push((row.first_seen, row.last_seen));
            }
            "NS" => drop(zone.servers.insert(name.clone())),
            _ => {}
        }
        for count in 1..=name.label_count() {
            zone.names.extend(name.suffix(count));
        }
    }

    /// Forgets the sources that hold no whole zone.
    pub(super) fn finish(&mut self) {
        self.sources
            .retain(|_, zone| !(zone.apexes.is_empty() && zone.root.is_empty()));
    }

    /// What the zones say of a question that they have no row for; `rows` are those of a name.
    pub(super) fn denials(
        &self,
        question: &Question,
        rows: impl Fn(&Question) -> Vec<Observation>,
    ) -> Vec<Observation> {
        if self.sources.is_empty() {
            return Vec::new();
        }
        let known = rows(question);
        let mut denials = Vec::new();
        for (source, zone) in &self.sources {
            for window in zone.windows_above(&question.name) {
                let is_said = known
                    .iter()
                    .any(|row| row.answer.source == *source && overlaps(&row.answer, *window));
                if !is_said {
                    denials.extend(zone.denial(question, source, *window, &rows));
                }
            }
        }
        denials
    }
}

fn overlaps(answer: &Answer, (first, last): (Option<i64>, Option<i64>)) -> bool {
    let begins = answer.first_seen.unwrap_or(i64::MIN) <= last.unwrap_or(i64::MAX);
    begins && first.unwrap_or(i64::MIN) <= answer.last_seen.unwrap_or(i64::MAX)
}

impl Zone {
    /// The nearest apex at or above a name.
    fn apex_above(&self, name: &Domain) -> Option<(&Domain, &Windows)> {
        let above = (1..=name.label_count()).rev();
        above
            .filter_map(|count| name.suffix(count))
            .find_map(|name| self.apexes.get_key_value(&name))
    }

    /// When the zone speaks for a name.
    fn windows_above(&self, name: &Domain) -> &[(Option<i64>, Option<i64>)] {
        match self.apex_above(name) {
            Some((apex, _)) if self.is_delegated(name, apex) => &[],
            Some((_, windows)) => windows,
            None => &self.root,
        }
    }

    /// RFC 1034 §4.3.2 step 3b: below a delegation the zone says nothing.
    fn is_delegated(&self, name: &Domain, apex: &Domain) -> bool {
        let below = apex.label_count() + 1..=name.label_count();
        below
            .filter_map(|count| name.suffix(count))
            .any(|name| self.servers.contains(&name))
    }

    fn denial(
        &self,
        question: &Question,
        source: &Arc<str>,
        (first_seen, last_seen): (Option<i64>, Option<i64>),
        rows: impl Fn(&Question) -> Vec<Observation>,
    ) -> Vec<Observation> {
        let of_zone = |outcome| Observation {
            answer: Answer {
                source: Arc::clone(source),
                first_seen,
                last_seen,
                ..Answer::empty(outcome)
            },
            is_of_run: false,
            is_single_record: false,
        };
        if self.names.contains(&question.name) {
            return vec![of_zone(Outcome::NoData)];
        }
        let Some(wildcard) = self.wildcard(&question.name) else {
            return vec![of_zone(Outcome::NxDomain)];
        };
        let mut expanded = rows(&Question {
            name: wildcard,
            record_type: question.record_type,
        });
        expanded.retain(|row| {
            row.answer.source == *source && overlaps(&row.answer, (first_seen, last_seen))
        });
        if expanded.is_empty() {
            expanded.push(of_zone(Outcome::NoData));
        }
        expanded
    }

    /// RFC 1034 §4.3.3: the wildcard right below the closest name that exists, if there is one.
    fn wildcard(&self, name: &Domain) -> Option<Domain> {
        let above = (1..name.label_count()).rev();
        let closest = above
            .filter_map(|count| name.suffix(count))
            .find(|name| self.names.contains(name))?;
        closest
            .prepend(&["*"])
            .filter(|wildcard| self.names.contains(wildcard))
    }
}

#[cfg(test)]
mod tests {
    use mailauth_core::dns::{RecordData, RecordType, TxtRecord};

    use super::*;

    fn name(text: &str) -> Domain {
        Domain::parse_expanded(text).unwrap()
    }

    fn zones() -> Zones {
        let mut zones = Zones::default();
        for (name, record_type) in [
            ("a.b.example", "TXT"),
            ("example", "SOA"),
            ("example", "NS"),
            ("*.wild.example", "TXT"),
            ("sub.example", "NS"),
        ] {
            let row = serde_json::json!({
                "name": name, "type": record_type, "data": ["x"], "rcode": "NOERROR",
                "first_seen": 5, "last_seen": 9, "source": "zone:z",
            });
            zones.add(&serde_json::from_value(row).unwrap());
        }
        zones.finish();
        zones
    }

    fn said(text: &str, record_type: RecordType) -> Vec<Outcome> {
        let rows = |question: &Question| {
            let holds = ["a.b.example", "*.wild.example"].contains(&question.name.as_str());
            let txt = RecordData::Txt(vec![TxtRecord::from_strings([&b"x"[..]])]);
            let row = Observation {
                answer: Answer {
                    source: "zone:z".into(),
                    first_seen: Some(5),
                    last_seen: Some(9),
                    ..Answer::found(txt)
                },
                is_of_run: false,
                is_single_record: false,
            };
            let is_found = holds && question.record_type == RecordType::Txt;
            is_found.then_some(row).into_iter().collect()
        };
        let question = Question {
            name: name(text),
            record_type,
        };
        let denials = zones().denials(&question, rows);
        assert!(denials.iter().all(|row| row.answer.last_seen == Some(9)));
        denials.into_iter().map(|row| row.answer.outcome).collect()
    }

    #[test]
    fn rfc1034_4_3_2_a_zone_denies_what_it_does_not_hold() {
        for (text, record_type, expected) in [
            ("a.b.example", RecordType::Txt, vec![]),
            ("a.b.example", RecordType::A, vec![Outcome::NoData]),
            ("b.example", RecordType::Txt, vec![Outcome::NoData]),
            ("c.example", RecordType::Txt, vec![Outcome::NxDomain]),
            ("x.a.b.example", RecordType::Txt, vec![Outcome::NxDomain]),
            ("q.wild.example", RecordType::Txt, vec![Outcome::Found]),
            ("p.q.wild.example", RecordType::Txt, vec![Outcome::Found]),
            ("q.wild.example", RecordType::A, vec![Outcome::NoData]),
            ("wild.example", RecordType::Txt, vec![Outcome::NoData]),
            ("sub.example", RecordType::Txt, vec![]),
            ("x.sub.example", RecordType::Txt, vec![]),
            ("example.net", RecordType::Txt, vec![]),
        ] {
            assert_eq!(said(text, record_type), expected, "{text}");
        }
    }

    #[test]
    fn rfc1034_3_1_a_source_with_the_soa_of_the_root_denies_everything_else() {
        let mut zones = Zones::default();
        for (name, record_type) in [(ROOT, "SOA"), ("a.example", "TXT")] {
            let row = serde_json::json!({
                "name": name, "type": record_type, "data": ["x"], "rcode": "NOERROR",
                "first_seen": null, "last_seen": null, "source": "zone:cache",
            });
            zones.add(&serde_json::from_value(row).unwrap());
        }
        zones.finish();
        for (text, expected) in [
            ("a.example", Outcome::NoData),
            ("example", Outcome::NoData),
            ("b.example", Outcome::NxDomain),
            ("example.net", Outcome::NxDomain),
        ] {
            let question = Question {
                name: name(text),
                record_type: RecordType::A,
            };
            let denials = zones.denials(&question, |_| Vec::new());
            let outcomes: Vec<_> = denials.iter().map(|row| row.answer.outcome).collect();
            assert_eq!(outcomes, [expected], "{text}");
        }
    }
}

//! Reads what a matching reply says: walks the CNAME chain, keeps the kinds of "no" apart, drops what is unreadable.
//!
//! Knows the codec and the outcomes; must not know sockets, ids or time. RFC 2308 §2 (negative answers),
//! RFC 8020 §2 (which name a denial denies), RFC 5452 §6 (only the answer section is believed).

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use domain::base::iana::{Class, OptRcode, Rtype};
use domain::base::name::{ToLabelIter, ToName};
use domain::base::wire::ParseError;
use domain::base::{
    CharStr, Message, Name, ParseRecordData, ParsedName, ParsedRecord, RecordSection,
};
use domain::rdata::{A, Aaaa, Cname, Mx, Ptr, Soa, Txt};
use mailauth_core::dns::{
    Answer, CHAIN_LIMIT, MxRecord, Outcome, Question, RecordData, RecordType, TxtRecord,
};
use mailauth_core::domain::Domain;

use crate::query;

/// Shortest TTL in seconds that is believed of a server that is not on loopback. Whoever sends mail chooses when we
/// ask; with a TTL of 0 he could make us ask, and forge, again and again.
const REMOTE_TTL_FLOOR: u32 = 5;

/// Who answers, and what he was asked for.
#[derive(Clone, Copy)]
pub(crate) struct Respondent<'a> {
    /// The server, for people.
    pub(crate) source: &'a Arc<str>,
    /// The way to the server cannot be eavesdropped or forged.
    pub(crate) is_loopback: bool,
    /// The question had AD=1.
    pub(crate) wants_authenticated_data: bool,
}

/// A reply as read.
#[derive(Debug)]
pub(crate) struct Reading {
    /// What it says.
    pub(crate) answer: Answer,
    /// FORMERR, NOTIMP or BADVERS: perhaps only EDNS was too much.
    pub(crate) rejects_form: bool,
    /// Octets stand behind the last record.
    pub(crate) is_trailing: bool,
}

type Section<'a> = RecordSection<'a, [u8]>;
type Record<'a> = ParsedRecord<'a, [u8]>;

/// Reads a reply whose header and question were found to match.
///
/// # Errors
/// Some section cannot be parsed to its end: then nothing of the message is believed.
pub(crate) fn read(
    octets: &[u8],
    question: &Question,
    respondent: Respondent<'_>,
) -> Result<Reading, ParseError> {
    let message = Message::from_slice(octets).map_err(|_| ParseError::ShortInput)?;
    let mut answers = message.answer()?;
    let records = records_of(&mut answers)?;
    let mut authority = answers.next_section()?.ok_or(ParseError::ShortInput)?;
    let authorities = records_of(&mut authority)?;
    let mut additional = authority.next_section()?.ok_or(ParseError::ShortInput)?;
    records_of(&mut additional)?;

    let rcode = message.opt_rcode();
    let mut answer = match outcome_of(rcode) {
        None => walk(&records, question, &Denial::read(message, &authorities)),
        Some(fault) => Answer::empty(fault),
    };
    answer.source = Arc::clone(respondent.source);
    if respondent.is_loopback {
        // RFC 6840 §5.8: AD says something only to those who asked for it; off loopback anyone may have set it.
        answer.authenticated = respondent
            .wants_authenticated_data
            .then(|| message.header().ad());
    } else {
        answer.ttl = answer.ttl.map(|ttl| ttl.max(REMOTE_TTL_FLOOR));
    }
    Ok(Reading {
        answer,
        rejects_form: matches!(
            rcode,
            OptRcode::FORMERR | OptRcode::NOTIMP | OptRcode::BADVERS
        ),
        is_trailing: additional.pos() < octets.len(),
    })
}

/// All records of a section of class IN.
fn records_of<'a>(section: &mut Section<'a>) -> Result<Vec<Record<'a>>, ParseError> {
    let records: Result<Vec<_>, _> = section.by_ref().collect();
    records.map(|mut records| {
        records.retain(|record| record.class() == Class::IN);
        records
    })
}

/// The fault that an RCODE stands for; `None` for the two that are answers.
fn outcome_of(rcode: OptRcode) -> Option<Outcome> {
    match rcode {
        OptRcode::NOERROR | OptRcode::NXDOMAIN => None,
        OptRcode::REFUSED => Some(Outcome::Refused),
        OptRcode::FORMERR | OptRcode::BADVERS => Some(Outcome::FormErr),
        OptRcode::NOTIMP => Some(Outcome::NotImp),
        _ => Some(Outcome::ServFail),
    }
}

/// The outcome of an error that came without question: its RCODE is all there is.
pub(crate) fn bare_outcome(octets: &[u8]) -> Outcome {
    let code = octets.get(3).copied().unwrap_or_default() & 0x0f;
    outcome_of(OptRcode::masked_from_int(u16::from(code))).unwrap_or(Outcome::ServFail)
}

/// What the reply says in case no record is found.
struct Denial<'a> {
    is_nxdomain: bool,
    is_referral: bool,
    soa: Option<(ParsedName<&'a [u8]>, u32)>,
}

impl<'a> Denial<'a> {
    fn read(message: &Message<[u8]>, authorities: &[Record<'a>]) -> Self {
        let has = |rtype| authorities.iter().any(|record| record.rtype() == rtype);
        Self {
            is_nxdomain: message.opt_rcode() == OptRcode::NXDOMAIN,
            // RFC 2308 §2.2: NS without SOA is a referral; a server that answers for the zone itself (AA) refers
            // nobody.
            is_referral: has(Rtype::NS) && !has(Rtype::SOA) && !message.header().aa(),
            soa: authorities.iter().find_map(negative_ttl),
        }
    }

    /// The answer when `owner`, the end of the chain, has no record of the type.
    fn answer(&self, owner: &Name<Vec<u8>>, chain_ttl: u32) -> Answer {
        let outcome = if self.is_nxdomain {
            Outcome::NxDomain
        } else if self.is_referral {
            Outcome::Lame
        } else {
            Outcome::NoData
        };
        // RFC 2308 §5: without an SOA of a zone that holds the name there is no TTL.
        let soa_ttl = self
            .soa
            .as_ref()
            .filter(|(zone, _)| outcome != Outcome::Lame && owner.ends_with(zone))
            .map(|(_, ttl)| (*ttl).min(chain_ttl));
        Answer {
            ttl: soa_ttl,
            ..Answer::empty(outcome)
        }
    }
}

/// RFC 2308 §5: the lesser of the SOA's own TTL and its MINIMUM field.
fn negative_ttl<'a>(record: &Record<'a>) -> Option<(ParsedName<&'a [u8]>, u32)> {
    let soa = rdata::<Soa<ParsedName<&[u8]>>>(record)?;
    Some((
        record.owner(),
        record.ttl().as_secs().min(soa.minimum().as_secs()),
    ))
}

/// The record's data, when it is of this type and can be read.
fn rdata<'a, Data: ParseRecordData<'a, [u8]>>(record: &Record<'a>) -> Option<Data> {
    Some(record.to_record::<Data>().ok()??.into_data())
}

/// Follows the chain from the question's name to the records of the question's type.
///
/// RFC 5452 §6: only records owned by the names of the chain, and only of the answer section, are used.
fn walk(records: &[Record<'_>], question: &Question, denial: &Denial<'_>) -> Answer {
    let fault = Answer::empty(Outcome::ServFail);
    let (Some(rtype), Ok(mut owner)) = (
        query::rtype(question.record_type),
        Name::from_octets(query::wire_name(question.name.as_str())),
    ) else {
        return fault;
    };
    let mut chain_ttl = u32::MAX;
    for link in 0..=CHAIN_LIMIT {
        let owned = |wanted| {
            records
                .iter()
                .filter(move |record| record.rtype() == wanted)
        };
        let found: Vec<_> = owned(rtype)
            .filter(|record| record.owner().name_eq(&owner))
            .collect();
        let alias = owned(Rtype::CNAME).find(|record| record.owner().name_eq(&owner));
        let end = match (found.is_empty(), alias) {
            // Records at a name that does not exist: the server contradicts itself.
            (false, _) if denial.is_nxdomain => fault,
            (false, _) => collect(&found, question.record_type, chain_ttl),
            (true, None) => denial.answer(&owner, chain_ttl),
            (true, Some(alias)) => match target(alias) {
                Some(next) => {
                    // RFC 8767 §4: a TTL with its top bit set is large, not 0; the cache has a ceiling.
                    chain_ttl = chain_ttl.min(alias.ttl().as_secs());
                    owner = next;
                    continue;
                }
                None => Answer::empty(Outcome::Unusable),
            },
        };
        return Answer {
            is_alias: link > 0,
            ..end
        };
    }
    Answer {
        is_alias: true,
        ..Answer::empty(Outcome::ChainTooLong)
    }
}

/// Where a CNAME leads; `None` when its data cannot be read or is a name that nobody could ask for.
fn target(alias: &Record<'_>) -> Option<Name<Vec<u8>>> {
    let name = *rdata::<Cname<ParsedName<&[u8]>>>(alias)?.cname();
    readable(&name)?;
    name.try_to_name().ok()
}

/// A name as text; `None` for the root and for labels that text cannot hold without escapes.
fn readable(name: &ParsedName<&[u8]>) -> Option<Domain> {
    let mut text = String::with_capacity(usize::from(name.compose_len()));
    for label in name.iter().filter(|label| !label.is_root()) {
        let is_plain = |octet: u8| octet.is_ascii_graphic() && !matches!(octet, b'.' | b'\\');
        if !label.iter().all(is_plain) {
            return None;
        }
        if !text.is_empty() {
            text.push('.');
        }
        text.extend(label.iter().map(char::from));
    }
    Domain::parse_ascii(&text)
}

/// The records that can be read, each once: a set holds no copies, and a doubled SPF record would be an error.
fn collect(found: &[&Record<'_>], record_type: RecordType, chain_ttl: u32) -> Answer {
    let ttl = found
        .iter()
        .map(|record| record.ttl().as_secs())
        .fold(chain_ttl, u32::min);
    let data = match record_type {
        RecordType::A => {
            distinct(found, |record| Some(rdata::<A>(record)?.addr())).map(RecordData::A)
        }
        RecordType::Aaaa => {
            distinct(found, |record| Some(rdata::<Aaaa>(record)?.addr())).map(RecordData::Aaaa)
        }
        RecordType::Mx => distinct(found, mail_exchanger).map(RecordData::Mx),
        RecordType::Ptr => distinct(found, |record| {
            readable(rdata::<Ptr<ParsedName<&[u8]>>>(record)?.ptrdname())
        })
        .map(RecordData::Ptr),
        RecordType::Txt => distinct(found, text).map(RecordData::Txt),
        _ => None,
    };
    match data {
        Some(data) => Answer {
            ttl: Some(ttl),
            ..Answer::found(data)
        },
        None => Answer::empty(Outcome::Unusable),
    }
}

/// What can be read of each record, without repetitions; `None` when that is nothing.
fn distinct<'a, T: Clone + Eq + Hash>(
    found: &[&Record<'a>],
    read: impl Fn(&Record<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    if let [only] = found {
        return read(only).map(|value| vec![value]);
    }
    let mut seen = HashSet::new();
    let values: Vec<T> = found
        .iter()
        .filter_map(|record| read(record))
        .filter(|value| seen.insert(value.clone()))
        .collect();
    (!values.is_empty()).then_some(values)
}

fn mail_exchanger(record: &Record<'_>) -> Option<MxRecord> {
    let mx = rdata::<Mx<ParsedName<&[u8]>>>(record)?;
    Some(MxRecord {
        preference: mx.preference(),
        exchange: readable(mx.exchange()),
    })
}

/// The strings of a text record; one without any string is none.
fn text(record: &Record<'_>) -> Option<TxtRecord> {
    let txt = rdata::<Txt<&[u8]>>(record)?;
    let strings: Vec<&[u8]> = txt.iter_charstrs().map(CharStr::as_slice).collect();
    (!strings.is_empty()).then(|| TxtRecord::from_strings(strings))
}

#[cfg(test)]
mod tests;

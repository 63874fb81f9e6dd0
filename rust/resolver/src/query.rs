//! Composes a question for the wire: random id, random letter case (0x20), EDNS.
//!
//! Knows the codec; must not know sockets. RFC 5452 §9.2 (ids), RFC 6840 §5.7 (AD).

use std::io;

use domain::base::iana::{Class, Rtype};
use domain::base::{MessageBuilder, Name};
use mailauth_core::dns::{Question, RecordType};

use crate::dice::Dice;

/// Largest datagram we ask for: what passes everywhere unfragmented (DNS flag day 2020).
const UDP_PAYLOAD_SIZE: u16 = 1232;
/// Octets of a question beside its name: the header, type and class, and an OPT record.
const OTHER_OCTETS: usize = HEADER_SIZE + 4 + 11;
/// Octets before the question section.
pub(crate) const HEADER_SIZE: usize = 12;

/// How a question is put to one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// With an OPT record, and so with room for larger datagrams.
    pub(crate) has_edns: bool,
    /// Letters in random case.
    pub(crate) mixes_case: bool,
    /// With AD=1, which asks whether the answer was validated.
    pub(crate) wants_authenticated_data: bool,
}

/// A composed question.
pub(crate) struct Query {
    /// The whole message.
    pub(crate) octets: Vec<u8>,
    /// Its question section as sent: what a reply has to repeat.
    pub(crate) question: Box<[u8]>,
}

/// Composes `question` under this id.
///
/// # Errors
/// There is no randomness. (A `Domain` always fits a message.)
pub(crate) fn compose(
    question: &Question,
    id: u16,
    manner: Manner,
    dice: &mut Dice,
) -> io::Result<Query> {
    let mut name = wire_name(question.name.as_str());
    if manner.mixes_case {
        mix_case(&mut name, dice)?;
    }
    let question_size = name.len().saturating_add(4);
    let octets = encode(name, question.record_type, id, manner)
        .ok_or_else(|| io::Error::other("the question does not fit a message"))?;
    let section = octets
        .get(HEADER_SIZE..HEADER_SIZE.saturating_add(question_size))
        .unwrap_or_default();
    Ok(Query {
        question: section.into(),
        octets,
    })
}

/// The name as length-prefixed labels.
pub(crate) fn wire_name(name: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(name.len().saturating_add(2));
    for label in name.split('.') {
        // `Domain` holds labels of 1 to 63 octets.
        octets.push(u8::try_from(label.len()).unwrap_or_default());
        octets.extend_from_slice(label.as_bytes());
    }
    octets.push(0);
    octets
}

/// Turns letters to upper case by one random bit each. Length octets are below 64 and so are no letters.
fn mix_case(name: &mut [u8], dice: &mut Dice) -> io::Result<()> {
    let bits: [u8; 32] = dice.octets()?;
    for (position, octet) in name.iter_mut().enumerate() {
        let random = bits.get(position / 8).copied().unwrap_or_default();
        if octet.is_ascii_lowercase() && (random >> (position % 8)) & 1 == 1 {
            octet.make_ascii_uppercase();
        }
    }
    Ok(())
}

fn encode(name: Vec<u8>, record_type: RecordType, id: u16, manner: Manner) -> Option<Vec<u8>> {
    let name = Name::from_octets(name).ok()?;
    let target = Vec::with_capacity(name.as_slice().len().saturating_add(OTHER_OCTETS));
    let mut message = MessageBuilder::from_target(target).ok()?;
    let header = message.header_mut();
    header.set_id(id);
    header.set_rd(true);
    // RFC 6840 §5.7: AD in a query asks for AD in the reply. CD stays 0, for RFC 6840 §5.9 speaks to those who
    // validate themselves: with CD a server hands out data that failed.
    header.set_ad(manner.wants_authenticated_data);
    let mut questions = message.question();
    questions
        .push((&name, rtype(record_type)?, Class::IN))
        .ok()?;
    let mut additional = questions.additional();
    if manner.has_edns {
        additional
            .opt(|options| {
                options.set_udp_payload_size(UDP_PAYLOAD_SIZE);
                Ok(())
            })
            .ok()?;
    }
    Some(additional.finish())
}

/// The wire's number of a record type; `None` for a type that is added to core and not here.
pub(crate) fn rtype(record_type: RecordType) -> Option<Rtype> {
    match record_type {
        RecordType::A => Some(Rtype::A),
        RecordType::Aaaa => Some(Rtype::AAAA),
        RecordType::Mx => Some(Rtype::MX),
        RecordType::Ptr => Some(Rtype::PTR),
        RecordType::Txt => Some(Rtype::TXT),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use domain::base::Message;
    use domain::base::iana::Rtype;
    use mailauth_core::dns::{Question, RecordType};
    use mailauth_core::domain::Domain;

    use super::{Manner, compose};
    use crate::dice::Dice;

    const PLAIN: Manner = Manner {
        has_edns: false,
        mixes_case: false,
        wants_authenticated_data: false,
    };

    fn question(name: &str) -> Question {
        Question {
            name: Domain::parse_ascii(name).unwrap(),
            record_type: RecordType::Txt,
        }
    }

    #[test]
    fn a_query_reads_back_as_what_was_asked() {
        let manner = Manner {
            has_edns: true,
            mixes_case: true,
            wants_authenticated_data: true,
        };
        let query = compose(
            &question("s1._domainkey.example.com"),
            0xbeef,
            manner,
            &mut Dice::new(),
        )
        .unwrap();
        let message = Message::from_octets(&query.octets[..]).unwrap();
        let asked = message.sole_question().unwrap();
        assert_eq!(message.header().id(), 0xbeef);
        assert!(message.header().rd() && message.header().ad() && !message.header().cd());
        assert_eq!(asked.qtype(), Rtype::TXT);
        assert!(
            asked
                .qname()
                .to_string()
                .eq_ignore_ascii_case("s1._domainkey.example.com")
        );
        assert_eq!(message.opt().unwrap().udp_payload_size(), 1232);
        assert_eq!(
            query.octets[12..12 + query.question.len()],
            query.question[..]
        );
    }

    #[test]
    fn without_edns_and_0x20_the_name_stays_lower_case() {
        let query = compose(&question("example.com"), 1, PLAIN, &mut Dice::new()).unwrap();
        assert_eq!(&*query.question, b"\x07example\x03com\0\0\x10\0\x01");
        assert_eq!(query.octets.len(), 12 + query.question.len());
    }

    #[test]
    fn every_letter_of_a_long_name_takes_part_in_0x20() {
        let label = "a".repeat(61);
        let name = [&label[..]; 4].join(".");
        let manner = Manner {
            mixes_case: true,
            ..PLAIN
        };
        let mut dice = Dice::new();
        let mut seen = vec![0u8; 256];
        for _ in 0..64 {
            let query = compose(&question(&name), 1, manner, &mut dice).unwrap();
            for (mark, octet) in seen.iter_mut().zip(&*query.question) {
                *mark |= match octet {
                    b'a' => 1,
                    b'A' => 2,
                    _ => 4,
                };
            }
        }
        seen.retain(|mark| *mark == 3);
        assert_eq!(seen.len(), 4 * 61);
    }

    #[test]
    fn odd_but_valid_labels_are_sent_as_they_are() {
        let query = compose(&question("a\"b;c(.example"), 1, PLAIN, &mut Dice::new()).unwrap();
        assert!(query.question.starts_with(b"\x06a\"b;c(\x07example\0"));
    }
}

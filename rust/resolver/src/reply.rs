//! Decides whether a message is the reply to what was sent, before anything in it is believed.
//!
//! The id was looked up by the caller in the table of the very socket. RFC 5452 §9.1, RFC 7766 §7.

use crate::query::HEADER_SIZE;

/// How well a message fits the question that was sent under its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// The reply.
    Whole,
    /// An error without question section: at most a reason to ask more simply.
    Bare,
    /// The reply but for the letter case of its name.
    OtherCase,
    /// Something else.
    Foreign,
}

/// The id of a message.
pub(crate) fn id(message: &[u8]) -> Option<u16> {
    let octets = message.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*octets))
}

/// The octets behind the header, as many as `question` has.
fn question_section<'a>(message: &'a [u8], question: &[u8]) -> Option<&'a [u8]> {
    message.get(HEADER_SIZE..HEADER_SIZE.saturating_add(question.len()))
}

/// Compares a message with the question section that was sent.
pub(crate) fn fit(message: &[u8], question: &[u8]) -> Fit {
    let Some(header) = message.first_chunk::<HEADER_SIZE>() else {
        return Fit::Foreign;
    };
    let [_, _, flags, codes, questions @ .., _, _, _, _, _, _] = *header;
    let is_reply = flags & 0x80 != 0;
    let opcode = (flags >> 3) & 0x0f;
    if !is_reply || opcode != 0 {
        return Fit::Foreign;
    }
    match u16::from_be_bytes(questions) {
        0 if is_bare_error(codes & 0x0f) => Fit::Bare,
        // RFC 5452 §9.1: name, class and type. The first name of a message cannot be compressed, so the section is
        // compared as octets: the case sent is part of the secret.
        1 => match question_section(message, question) {
            Some(section) if section == question => Fit::Whole,
            Some(section) if section.eq_ignore_ascii_case(question) => Fit::OtherCase,
            _ => Fit::Foreign,
        },
        _ => Fit::Foreign,
    }
}

/// FORMERR, NOTIMP and REFUSED may come from a server that could not read the question.
const fn is_bare_error(rcode: u8) -> bool {
    matches!(rcode, 1 | 4 | 5)
}

/// True when the message names this question under whatever id: somebody guesses.
pub(crate) fn names(message: &[u8], question: &[u8]) -> bool {
    question_section(message, question)
        .is_some_and(|section| section.eq_ignore_ascii_case(question))
}

#[cfg(test)]
mod tests {
    use super::{Fit, fit, id, names};

    const QUESTION: &[u8] = b"\x07eXaMpLe\x03CoM\0\0\x10\0\x01";

    fn message(flags: u8, codes: u8, questions: u8, section: &[u8]) -> Vec<u8> {
        let mut octets = vec![0xab, 0xcd, flags, codes, 0, questions, 0, 0, 0, 0, 0, 0];
        octets.extend_from_slice(section);
        octets
    }

    #[test]
    fn rfc5452_9_1_only_the_question_as_sent_fits() {
        let lower = QUESTION.to_ascii_lowercase();
        let mut other_type = QUESTION.to_vec();
        other_type[14] = 1;
        let mut chaos = QUESTION.to_vec();
        chaos[16] = 3;
        for (octets, expected) in [
            (message(0x81, 0x80, 1, QUESTION), Fit::Whole),
            (message(0x81, 0x80, 1, &lower), Fit::OtherCase),
            (message(0x81, 0x80, 1, &other_type), Fit::Foreign),
            (message(0x81, 0x80, 1, &chaos), Fit::Foreign),
            (message(0x01, 0x80, 1, QUESTION), Fit::Foreign),
            (message(0xa9, 0x80, 1, QUESTION), Fit::Foreign),
            (message(0x81, 0x80, 2, QUESTION), Fit::Foreign),
            (message(0x81, 0x80, 0, b""), Fit::Foreign),
            (message(0x81, 0x83, 0, b""), Fit::Foreign),
            (message(0x81, 0x81, 0, b""), Fit::Bare),
            (message(0x81, 0x85, 0, b""), Fit::Bare),
            (message(0x81, 0x80, 1, &QUESTION[..16]), Fit::Foreign),
            (vec![0xab, 0xcd, 0x81], Fit::Foreign),
            (Vec::new(), Fit::Foreign),
        ] {
            assert_eq!(fit(&octets, QUESTION), expected, "{octets:?}");
        }
    }

    #[test]
    fn a_guess_is_recognised_by_its_question() {
        let guess = message(0x81, 0x80, 1, &QUESTION.to_ascii_uppercase());
        assert!(names(&guess, QUESTION));
        assert!(!names(&guess[..20], QUESTION));
        assert_eq!(id(&guess), Some(0xabcd));
        assert_eq!(id(&guess[..1]), None);
    }
}

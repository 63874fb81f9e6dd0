//! Oddities of display names and author domains: facts for people and filters, never a verdict.
//!
//! Small rules without tables: the alphabets that hold look-alikes of Latin letters are few (UTS 39 §5.1, whose
//! "highly restrictive" level allows Latin beside East Asian scripts, so those are not asked for).

use super::AuthorFlag;
use crate::domain::Domain;

/// Octets of a domain inside a display name beyond which it is none.
const ADDRESS_DOMAIN_LIMIT: usize = 1024;

/// The flags in the order of the table, each once. Linear in the display name.
pub(super) fn flags(display_name: Option<&str>, domains: &[Domain]) -> Vec<AuthorFlag> {
    // Without an A-label a domain is written in one alphabet.
    let has_a_label = |domain: &&Domain| domain.labels().any(|label| label.starts_with("xn--"));
    let names: Vec<String> = domains
        .iter()
        .filter(has_a_label)
        .map(u_label_form)
        .collect();
    let labels = || names.iter().flat_map(|name| name.split('.'));
    let display_name = display_name.unwrap_or_default();
    // Nearly every name: there is one alphabet in ASCII, and no address without its sign.
    if names.is_empty() && display_name.is_ascii() && !display_name.as_bytes().contains(&b'@') {
        return Vec::new();
    }
    let mut words = display_name.split(|character: char| !character.is_alphabetic());
    let checks = [
        (
            AuthorFlag::DisplayNameAddress,
            holds_other_address(display_name, domains),
        ),
        (
            AuthorFlag::MixedScript,
            labels().any(is_mixed) || words.any(is_mixed),
        ),
        (AuthorFlag::Confusable, labels().any(is_confusable)),
    ];
    let raised = checks.into_iter().filter(|(_, is_raised)| *is_raised);
    raised.map(|(flag, _)| flag).collect()
}

fn u_label_form(domain: &Domain) -> String {
    idna::domain_to_unicode(domain.as_str()).0
}

/// An address whose domain is not the author's: what a mail program shows in place of the author.
fn holds_other_address(display_name: &str, domains: &[Domain]) -> bool {
    let is_domain_character =
        |character: char| character.is_alphanumeric() || matches!(character, '-' | '_' | '.');
    display_name
        .match_indices(['@', '＠', '﹫'])
        .any(|(at, sign)| {
            let before = display_name.get(..at).unwrap_or_default();
            let after = display_name.get(at + sign.len()..).unwrap_or_default();
            let end = after.find(|character| !is_domain_character(character));
            let name = after.get(..end.unwrap_or(after.len())).unwrap_or_default();
            let name = name.trim_matches(['.', '-']);
            let has_local_part = before
                .chars()
                .next_back()
                .is_some_and(|last| !last.is_whitespace());
            has_local_part
                && name.contains('.')
                && name.len() <= ADDRESS_DOMAIN_LIMIT
                && Domain::parse_host(name).is_some_and(|domain| !domains.contains(&domain))
        })
}

/// The alphabets that are told apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    Armenian,
    Cherokee,
    Cyrillic,
    Greek,
    Latin,
}

fn alphabet(character: char) -> Option<Alphabet> {
    match character {
        'a'..='z' | 'A'..='Z' | 'À'..='Ö' | 'Ø'..='ö' | 'ø'..='ʯ' | 'Ḁ'..='ỿ' => {
            Some(Alphabet::Latin)
        }
        'Ͱ'..='Ͽ' | 'ἀ'..='῾' => Some(Alphabet::Greek),
        'Ѐ'..='ԯ' | 'Ꙁ'..='ꚟ' => Some(Alphabet::Cyrillic),
        'Ա'..='֏' => Some(Alphabet::Armenian),
        'Ꭰ'..='\u{13ff}' | 'ꭰ'..='ꮿ' => Some(Alphabet::Cherokee),
        _ => None,
    }
}

/// True for a word of letters out of two alphabets.
fn is_mixed(word: &str) -> bool {
    let mut alphabets = word.chars().filter_map(alphabet);
    alphabets
        .next()
        .is_some_and(|first| alphabets.any(|other| other != first))
}

/// True for a label that reads as ASCII although it is not: every other character is a twin of a Latin letter.
fn is_confusable(label: &str) -> bool {
    !label.is_ascii()
        && label
            .chars()
            .all(|character| character.is_ascii() || is_latin_twin(character))
}

/// Lower-case letters that most fonts draw like a Latin one (UTS 39 confusables, those that IDNA lets into a label).
fn is_latin_twin(character: char) -> bool {
    const CYRILLIC: &str = "авгеԁһіјкԛмнорѕтуѵԝхьӏ";
    const GREEK: &str = "αγηικνορτυχω";
    const LATIN: &str = "ıɑɡ";
    [CYRILLIC, GREEK, LATIN]
        .iter()
        .any(|twins| twins.contains(character))
}

//! The public suffix list's own vectors and a derived table of organizational domains, read from beside the project.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads its vectors from files and says how many there were"
)]

use std::path::PathBuf;

use mailauth_core::dmarc::PublicSuffixList;
use mailauth_core::domain::Domain;

fn suite(name: &str) -> Option<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/suites");
    std::fs::read_to_string(root.join(name)).ok()
}

fn organizational_domain(list: &PublicSuffixList, name: &str) -> Option<String> {
    let name = Domain::parse_host(name)?;
    list.organizational_domain(&name, true)
        .map(|domain| domain.to_string())
}

/// The arguments of one line `checkPublicSuffix('name', 'registrable' or null);`.
fn arguments(line: &str) -> Option<(&str, Option<&str>)> {
    let inner = line.strip_prefix("checkPublicSuffix(")?;
    let (name, expected) = inner.strip_suffix(");")?.split_once(", ")?;
    Some((unquoted(name)?, unquoted(expected)))
}

fn unquoted(text: &str) -> Option<&str> {
    text.strip_prefix('\'')?.strip_suffix('\'')
}

#[test]
fn rfc7489_3_2_the_lists_own_vectors() {
    let list = PublicSuffixList::built_in();
    let mut checked = 0;
    for file in ["psl/list-2026-10-22/test_psl.txt", "psl/test_psl.txt"] {
        let text = suite(file).unwrap_or_default();
        for (name, expected) in text.lines().filter_map(arguments) {
            let expected = expected.map(|name| Domain::parse_host(name).unwrap().to_string());
            assert_eq!(organizational_domain(&list, name), expected, "{name}");
            checked += 1;
        }
    }
    eprintln!("public suffix vectors checked: {checked}");
}

#[test]
fn rfc7489_3_2_every_rule_and_real_sender_domains() {
    let list = PublicSuffixList::built_in();
    let text = suite("psl-orgdomain-derived/cases.tsv").unwrap_or_default();
    let mut checked = 0;
    for line in text.lines() {
        let mut columns = line.split('\t').skip(1);
        let (Some(name), Some(expected)) = (columns.next(), columns.next()) else {
            continue;
        };
        let found = organizational_domain(&list, name).unwrap_or_else(|| name.to_owned());
        assert_eq!(found, expected, "{name}");
        checked += 1;
    }
    eprintln!("derived organizational domains checked: {checked}");
}

//! Authentication-Results fields of real mail, read from beside the project: what large receivers write is read whole.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test reads its mail from files, trusts their form and says how many fields there were"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use mailauth_core::authentication_results::{AuthenticationResults, parse, parse_arc, strip};
use mailauth_core::message::Message;

/// Folders of mail; a missing one is skipped and counted as such.
const FOLDERS: &[&str] = &[
    "real-vger-i2c/eml",
    "real-googlegroups-kasan/eml",
    "dkim-mailauth",
    "dkim-mimekit/dkim",
    "dkim-dkimpy/data",
    "dkim-zkemail/tests/test-emails",
    "hostile-mail-parser/thirdparty",
];

/// Fields that are rightly not read to their end, by what stops the reading and what the field says.
const KNOWN_FAULTS: &[(&str, &str)] = &[];

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

fn messages() -> impl Iterator<Item = Message> {
    let suites = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/suites");
    FOLDERS
        .iter()
        .flat_map(move |folder| files(&suites.join(folder)))
        .map(|path| Message::parse(Bytes::from(std::fs::read(path).unwrap())))
}

/// Every Authentication-Results and ARC-Authentication-Results field: its text, and how it was read.
fn read_fields(message: &Message) -> Vec<(String, AuthenticationResults)> {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let own = message.fields_named(b"authentication-results");
    let own = own.map(|field| message.value(field));
    let own = own.map(|value| (text(value), parse(value)));
    let arc = message.fields_named(b"arc-authentication-results");
    let arc = arc.map(|field| message.value(field));
    let arc = arc.map(|value| {
        let (instance, field) = parse_arc(value);
        assert!(instance.is_some(), "{}", text(value));
        (text(value), field)
    });
    own.chain(arc).collect()
}

#[test]
fn fields_of_real_mail_are_read_to_their_end() {
    let (mut fields, mut results) = (0, 0);
    let mut without_id = 0;
    let mut faults: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for message in messages() {
        for (text, field) in read_fields(&message) {
            fields += 1;
            results += field.results.len();
            without_id += usize::from(field.authserv_id.is_none());
            if let Some(fault) = field.error {
                faults.entry(fault.as_str()).or_default().push(text);
            }
        }
    }
    eprintln!("{fields} fields, {results} results, {without_id} without authserv-id");
    for (fault, texts) in &faults {
        eprintln!("{fault}: {}", texts.len());
        for text in texts {
            let is_known = KNOWN_FAULTS
                .iter()
                .any(|(known, part)| known == fault && text.contains(part));
            assert!(is_known, "{fault}: {text}");
        }
    }
    assert!(fields == 0 || results > fields);
}

#[test]
fn rfc8601_5_stripping_takes_the_own_fields_and_nothing_else() {
    let own = "smtp.subspace.kernel.org";
    let (mut stripped_fields, mut count) = (0, 0);
    for message in messages() {
        let is_own = |value: &[u8]| parse(value).authserv_id.as_deref() == Some(own);
        let fields = message.fields_named(b"authentication-results");
        let claimed: usize = fields.filter(|field| is_own(message.value(field))).count();
        let stripped = Message::parse(Bytes::from(strip(message.octets(), &[own])));
        assert_eq!(stripped.body(), message.body());
        assert_eq!(stripped.fields().len(), message.fields().len() - claimed);
        stripped_fields += claimed;
        count += 1;
    }
    eprintln!("{count} messages, {stripped_fields} fields stripped");
    assert!(count == 0 || stripped_fields > 0);
}

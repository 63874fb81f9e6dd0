//! What a file or stream is, told by its first octets, never by its name.
//!
//! Kinds that are not read yet are recognised already, so that they are refused by their name. What a kind means for
//! a named input, a file in a folder or a stream is decided in `file` and `sources`.

use memchr::memchr;

use crate::border::{begins_with_field, field_name_length, first_border, first_from_line};
use crate::compressed::compression_of;
use crate::packing::Packing;
use crate::tar::is_tar;
use crate::zip::is_zip;

/// Octets that are looked at to recognise a kind.
pub(crate) const HEAD_OCTETS: usize = 64 << 10;

/// What the first octets say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No octets at all.
    Empty,
    /// Apple's form of one mail: its count of octets, the mail, a property list.
    Emlx { start: usize, octets: u64 },
    /// A header with at least one field that only mail has.
    Mail,
    /// One or more mails behind From lines.
    Mbox,
    /// The first line is a header field, but none is known from mail.
    Fields,
    /// What is compressed, to be recognised again when it is unpacked.
    Compressed(Packing),
    /// A tar archive.
    Tar,
    /// A ZIP archive.
    Zip,
    /// A container or table that may hold mail and is not read yet.
    Unread(UnreadKind),
    /// A store without the original octets.
    Foreign(ForeignStore),
    /// Something else.
    Other,
}

/// A kind of source that is recognised but not read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnreadKind {
    /// The .bz2 container.
    Bzip2,
    /// A Parquet table.
    Parquet,
    /// An Arrow file.
    Arrow,
    /// JSON or JSON lines.
    Json,
    /// A queue file of Postfix.
    PostfixQueue,
    /// A spool file of Exim.
    EximSpool,
}

/// A store that does not keep the octets a signature was made over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForeignStore {
    /// PST or OST.
    Outlook,
    /// A compound file: an Outlook .msg, or an old office document.
    CompoundFile,
}

/// Fields that tell mail from any other text with colons.
const MAIL_FIELDS: [&[u8]; 22] = [
    b"bcc",
    b"cc",
    b"content-type",
    b"date",
    b"delivered-to",
    b"dkim-signature",
    b"from",
    b"message-id",
    b"mime-version",
    b"newsgroups",
    b"received",
    b"reply-to",
    b"resent-from",
    b"return-path",
    b"sender",
    b"subject",
    b"to",
    b"x-gm-thrid",
    b"x-mailer",
    b"x-mozilla-status",
    b"x-original-to",
    b"x-uidl",
];

impl Kind {
    /// Recognises the beginning of a file or stream; [`HEAD_OCTETS`] of it are enough.
    pub(crate) fn of(head: &[u8]) -> Self {
        if head.is_empty() {
            return Self::Empty;
        }
        if let Some(kind) = Self::by_magic(head) {
            return kind;
        }
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        if first_from_line(leading_junk(head).1).is_some() {
            Self::Mbox
        } else if let Some((start, octets)) = emlx_count(head) {
            Self::Emlx { start, octets }
        } else if begins_with_field(text, true) == Some(true) {
            Self::of_fields(text)
        } else if first_border(head).is_some() {
            Self::Mbox
        } else if matches!(text.trim_ascii_start().first(), Some(b'{' | b'[')) {
            Self::Unread(UnreadKind::Json)
        } else {
            Self::Other
        }
    }

    fn of_fields(text: &[u8]) -> Self {
        if first_json_field(text) {
            Self::Unread(UnreadKind::Json)
        } else if has_mail_field(text) {
            Self::Mail
        } else {
            Self::Fields
        }
    }

    fn by_magic(head: &[u8]) -> Option<Self> {
        use UnreadKind as Unread;
        if let Some(packing) = compression_of(head) {
            return Some(Self::Compressed(packing));
        }
        let unread = match head {
            [b'B', b'Z', b'h', b'1'..=b'9', b'1' | 0x17, ..] => Unread::Bzip2,
            _ if is_zip(head) => return Some(Self::Zip),
            [b'P', b'A', b'R', b'1', ..] => Unread::Parquet,
            [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Unread::Arrow,
            [b'!', b'B', b'D', b'N', ..] => return Some(Self::Foreign(ForeignStore::Outlook)),
            [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => {
                return Some(Self::Foreign(ForeignStore::CompoundFile));
            }
            _ if is_tar(head) => return Some(Self::Tar),
            _ if is_postfix_queue(head) => Unread::PostfixQueue,
            _ if is_exim_spool(head) => Unread::EximSpool,
            _ => return None,
        };
        Some(Self::Unread(unread))
    }
}

/// Splits what a crash or an editor left before the first From line: NULs, line ends, a byte order mark, one space.
pub(crate) fn leading_junk(head: &[u8]) -> (&[u8], &[u8]) {
    let junk = head
        .iter()
        .take_while(|octet| matches!(octet, 0 | b'\r' | b'\n' | 0xef | 0xbb | 0xbf))
        .count();
    let is_spaced = head
        .get(junk..)
        .is_some_and(|rest| rest.starts_with(b" From "));
    head.split_at_checked(junk + usize::from(is_spaced))
        .unwrap_or((head, &[]))
}

/// Where the mail of an .emlx begins and how many octets it has.
fn emlx_count(head: &[u8]) -> Option<(usize, u64)> {
    let end = memchr(b'\n', head.get(..24).unwrap_or(head))?;
    let count = std::str::from_utf8(head.get(..end)?).ok()?.trim();
    let is_count = !count.is_empty() && count.bytes().all(|octet| octet.is_ascii_digit());
    let begins = begins_with_field(head.get(end + 1..)?, true) == Some(true);
    let octets = count.parse().ok().filter(|_| is_count && begins)?;
    Some((end + 1, octets))
}

/// Tells whether a field of the header section is one of mail.
fn has_mail_field(text: &[u8]) -> bool {
    text.split(|octet| *octet == b'\n')
        .take_while(|line| !matches!(line, [] | [b'\r']))
        .any(|line| {
            let name = line.get(..field_name_length(line)).unwrap_or_default();
            MAIL_FIELDS
                .iter()
                .any(|field| field.eq_ignore_ascii_case(name))
        })
}

/// `{"a":1}` is, to the letter, a header field named `{"a"`.
fn first_json_field(text: &[u8]) -> bool {
    matches!(text, [b'{' | b'[', ..])
}

/// A record of type C, whose data are numbers in columns.
fn is_postfix_queue(head: &[u8]) -> bool {
    let numbers = head.get(2..32).unwrap_or_default();
    head.first() == Some(&b'C')
        && numbers.len() == 30
        && numbers
            .iter()
            .all(|octet| matches!(octet, b' ' | b'0'..=b'9'))
}

/// The file's own name: three groups of base 62, then -H or -D.
fn is_exim_spool(head: &[u8]) -> bool {
    let line = head
        .split(|octet| *octet == b'\n')
        .next()
        .unwrap_or_default();
    let mut groups = line.split(|octet| *octet == b'-');
    let sizes = [groups.next(), groups.next(), groups.next()].map(|group| {
        let group = group.unwrap_or_default();
        if group.iter().all(u8::is_ascii_alphanumeric) {
            group.len()
        } else {
            0
        }
    });
    matches!(sizes, [6, 6, 2] | [6, 11, 4])
        && matches!(groups.next(), Some(b"H" | b"D"))
        && groups.next().is_none()
}

//! The Content-Length field of the mboxcl dialects: where a message claims to end.
//!
//! It counts only where a border or the end of the stream follows. Then it keeps a mail quoted in a body whole, which
//! no other sign can; anywhere else it lies (another program's field, other line ends) and is ignored.

use memchr::memchr_iter;

use crate::border::{self, FromLine, LOOKAHEAD};
use crate::window::{Window, to_index};

/// Octets that the field may lead ahead: mail servers take 25 to 50 MB at most, nearly all mail is far smaller, and a
/// field that lies must not fill the memory.
pub(crate) const CONTENT_LENGTH_REACH: u64 = 32 << 20;
/// Octets of line ends between the end of a body and its border: the last line's own and one blank line.
pub(crate) const SEPARATOR_LIMIT: usize = 4;

/// What the field of a message says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ContentLength {
    /// Nobody looked.
    Unread,
    /// There is none that can be read.
    Absent,
    /// The body ends at this offset.
    EndsAt(u64),
    /// It leads to nowhere.
    Ignored,
}

/// What the field makes of a border.
pub(crate) enum Claim {
    /// It has nothing against it.
    Agrees,
    /// The border is content; the message ends at this offset.
    EndsAt(u64),
    /// Only octets up to this offset can tell.
    More(u64),
    /// It leads neither here nor to another border.
    Lies,
}

impl ContentLength {
    /// Reads the field out of a message that begins at `start`; `section` reaches at least behind its header.
    pub(crate) fn of(section: &[u8], start: u64) -> Self {
        content_length(section).map_or(Self::Absent, |(body, length)| {
            Self::EndsAt(start.saturating_add(body as u64).saturating_add(length))
        })
    }

    /// Tells whether the field leads to this offset: only line ends lie between.
    pub(crate) fn leads_to(self, offset: u64, window: &Window) -> bool {
        let Self::EndsAt(end) = self else {
            return false;
        };
        let Some(between) = offset.checked_sub(end).map(to_index) else {
            return false;
        };
        let octets = window.octets_from(end).iter().take(between);
        between <= SEPARATOR_LIMIT && octets.copied().all(is_line_end)
    }

    /// What the field of the message at `start` makes of a border whose line begins at `line`.
    pub(crate) fn claim(self, start: u64, line: u64, limit: u64, window: &Window) -> Claim {
        let Self::EndsAt(end) = self else {
            return Claim::Agrees;
        };
        if self.leads_to(line, window) {
            return Claim::Agrees;
        }
        let reach = CONTENT_LENGTH_REACH.min(limit);
        let is_reachable = end.saturating_sub(start) <= reach
            && window.stream().size().is_none_or(|size| end <= size);
        if end <= line || !is_reachable {
            return Claim::Lies;
        }
        let needed = end.saturating_add((SEPARATOR_LIMIT + LOOKAHEAD) as u64);
        if needed > window.end() && !window.has_ended() {
            Claim::More(needed)
        } else if end <= window.end() && is_end_or_border(end, window) {
            Claim::EndsAt(end)
        } else {
            Claim::Lies
        }
    }
}

fn is_end_or_border(offset: u64, window: &Window) -> bool {
    let octets = window.octets_from(offset);
    let line_ends = octets
        .iter()
        .take(SEPARATOR_LIMIT)
        .take_while(|octet| is_line_end(**octet));
    let rest = octets.get(line_ends.count()..).unwrap_or_default();
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let border = border::from_line(rest, window.has_ended());
    rest.is_empty() || matches!(border, FromLine::Line { .. })
}

fn is_line_end(octet: u8) -> bool {
    matches!(octet, b'\r' | b'\n')
}

/// Where the body begins and how long it claims to be; `None` without a header section's end or a readable field.
fn content_length(section: &[u8]) -> Option<(usize, u64)> {
    const NAME: &[u8] = b"content-length:";
    let (mut position, mut length) = (0, None);
    for end in memchr_iter(b'\n', section) {
        let line = section.get(position..=end)?;
        position = end + 1;
        if matches!(line, b"\n" | b"\r\n") {
            return length.map(|length| (position, length));
        }
        if let (None, Some(b'C' | b'c'), Some((name, value))) =
            (length, line.first(), line.split_at_checked(NAME.len()))
            && name.eq_ignore_ascii_case(NAME)
        {
            length = std::str::from_utf8(value).ok()?.trim().parse().ok();
        }
    }
    None
}

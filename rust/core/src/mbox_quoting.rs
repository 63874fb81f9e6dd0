//! Undoing of mbox quoting, for a body whose hash does not fit as it is stored.
//!
//! Knows that software which writes mbox files puts `>` before lines that begin with `From `, and that the mboxrd habit
//! quotes quoted lines again (RFC 4155 §2 tells how habits differ). Must not know whether undoing is right: a sender may
//! have written `>From ` before signing, so the stored form is always tried first.

use memchr::memmem;

/// The body with one `>` less on each line `>From `, `>>From ` and so on; `None` when there is no such line.
pub fn unquote_once(body: &[u8]) -> Option<Vec<u8>> {
    unquote(body, |_| 1)
}

/// The body without any `>` on each line `>From `, `>>From ` and so on; `None` when there is no such line.
///
/// Differs from [`unquote_once`] only where a line has several, because more than one writer quoted it.
pub fn unquote_all(body: &[u8]) -> Option<Vec<u8>> {
    unquote(body, |depth| depth)
}

/// Drops `removed(depth)` octets of each quoted line that has `depth` of them; no octet is looked at more than twice.
fn unquote(body: &[u8], removed: fn(usize) -> usize) -> Option<Vec<u8>> {
    let mut unquoted = Vec::new();
    let mut copied = 0;
    for last_mark in memmem::find_iter(body, b">From ") {
        let before = body.get(..last_mark).unwrap_or_default();
        let marks = before
            .iter()
            .rev()
            .take_while(|octet| **octet == b'>')
            .count();
        let start = last_mark - marks;
        if start > 0 && body.get(start - 1) != Some(&b'\n') {
            continue;
        }
        unquoted.extend_from_slice(body.get(copied..start).unwrap_or_default());
        copied = start + removed(marks + 1);
    }
    if copied == 0 {
        return None;
    }
    unquoted.extend_from_slice(body.get(copied..).unwrap_or_default());
    Some(unquoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn once(body: &str) -> Option<String> {
        unquote_once(body.as_bytes()).map(|body| String::from_utf8(body).unwrap())
    }

    fn all(body: &str) -> Option<String> {
        unquote_all(body.as_bytes()).map(|body| String::from_utf8(body).unwrap())
    }

    #[test]
    fn a_quoted_line_loses_one_or_all_of_its_marks() {
        for (body, less, bare) in [
            (">From x", "From x", "From x"),
            (">>From x", ">From x", "From x"),
            (
                "a\r\n>From x\r\nb\r\n",
                "a\r\nFrom x\r\nb\r\n",
                "a\r\nFrom x\r\nb\r\n",
            ),
            (
                "a\n>>>From x\n>From y\n",
                "a\n>>From x\nFrom y\n",
                "a\nFrom x\nFrom y\n",
            ),
            (">From >From x\n", "From >From x\n", "From >From x\n"),
            ("\n>From \n>From ", "\nFrom \nFrom ", "\nFrom \nFrom "),
        ] {
            assert_eq!(once(body).as_deref(), Some(less));
            assert_eq!(all(body).as_deref(), Some(bare));
        }
    }

    #[test]
    fn a_body_without_quoted_lines_is_left_alone() {
        for body in [
            "",
            ">",
            "From x\n",
            ">From\n",
            ">from x\n",
            "> >From x\n",
            " >From x\n",
            "a>From x\n",
            "\r>From x\n",
            ">From: x\n",
        ] {
            assert_eq!(once(body), None, "{body:?}");
            assert_eq!(all(body), None, "{body:?}");
        }
    }

    #[test]
    fn quoting_and_one_step_back_is_the_body() {
        let body = "From a\n>From b\n>>From c\nx >From d\n";
        let quoted = "x\n>From a\n>>From b\n>>>From c\nx >From d\n";
        assert_eq!(once(quoted), Some(format!("x\n{body}")));
    }

    #[test]
    fn runs_of_marks_stay_linear() {
        let body = format!("{}\n", ">".repeat(1 << 20));
        assert_eq!(unquote_all(body.as_bytes()), None);
        let body = format!("{}From x\n", ">".repeat(1 << 20));
        assert_eq!(all(&body).as_deref(), Some("From x\n"));
        let body = ">From ".repeat(100_000);
        assert_eq!(once(&body).map(|body| body.len()), Some(599_999));
    }
}

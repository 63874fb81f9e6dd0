//! The parts of a multipart body (RFC 2046 §5.1), as ranges of its octets.
//!
//! One pass over the body for each multipart, also where every line resembles a boundary. Knows lines; must not know
//! what a part is.

use std::ops::Range;

use memchr::memmem;

/// The ranges of at most `limit` parts, without the line ends that belong to the boundaries; and whether there are more.
pub(crate) fn parts(body: &[u8], boundary: &[u8], limit: usize) -> (Vec<Range<usize>>, bool) {
    let delimiter = [b"--", boundary].concat();
    let mut parts = Vec::new();
    let mut begin = None;
    for at in memmem::find_iter(body, &delimiter) {
        let Some(line) = delimiter_line(body, at, delimiter.len()) else {
            continue;
        };
        if let Some(begin) = begin {
            if parts.len() >= limit {
                return (parts, true);
            }
            parts.push(begin..end_before(body, at).max(begin));
        }
        if line.is_last {
            return (parts, false);
        }
        begin = Some(line.end);
    }
    // Without a last boundary the last part goes to the end.
    if let Some(begin) = begin {
        if parts.len() >= limit {
            return (parts, true);
        }
        parts.push(begin..body.len());
    }
    (parts, false)
}

struct DelimiterLine {
    end: usize,
    is_last: bool,
}

/// The line of a delimiter found at `at`; `None` where the octets only resemble one.
///
/// Deviation: RFC 2046 §5.1.1 lets anything follow the boundary; here only white space may, as in other readers,
/// because boundaries are chosen that begin with another one.
fn delimiter_line(body: &[u8], at: usize, length: usize) -> Option<DelimiterLine> {
    // RFC 2046 §5.1.1: the boundary stands at the beginning of a line.
    if at > 0 && body.get(at - 1) != Some(&b'\n') {
        return None;
    }
    let behind = at + length;
    let rest = body.get(behind..)?;
    let padded = rest.strip_prefix(b"--").unwrap_or(rest);
    let is_last = padded.len() < rest.len();
    let padding = padded
        .iter()
        .take_while(|octet| matches!(octet, b' ' | b'\t'))
        .count();
    let line_end = match padded.get(padding..)? {
        [] => 0,
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        _ => return None,
    };
    let end = body.len() - padded.len() + padding + line_end;
    Some(DelimiterLine { end, is_last })
}

/// RFC 2046 §5.1.1: the line end before a boundary belongs to the boundary.
fn end_before(body: &[u8], at: usize) -> usize {
    match body.get(..at) {
        Some([.., b'\r', b'\n']) => at - 2,
        Some([.., b'\n']) => at - 1,
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &str, boundary: &str) -> Vec<String> {
        let (parts, _) = parts(body.as_bytes(), boundary.as_bytes(), 100);
        let text = |range: Range<usize>| body.get(range).unwrap().to_owned();
        parts.into_iter().map(text).collect()
    }

    #[test]
    fn rfc2046_5_1_1_the_line_end_before_a_boundary_is_no_part_of_the_part() {
        let body =
            "preamble\r\n--b\r\none\r\n\r\n--b \t\r\n\r\n--b\r\n--b--\r\nepilogue\r\n--b\r\nx";
        assert_eq!(texts(body, "b"), ["one\r\n", "", ""]);
        assert_eq!(texts("--b\none\n--b\ntwo\n\n--b--", "b"), ["one", "two\n"]);
    }

    #[test]
    fn a_body_without_last_boundary_goes_to_its_end() {
        assert_eq!(
            texts("--b\r\none\r\n--b\r\ntwo\r\n", "b"),
            ["one", "two\r\n"]
        );
        assert_eq!(texts("--b\r\n", "b"), [""]);
        assert_eq!(texts("no boundary", "b"), [""; 0]);
    }

    #[test]
    fn a_boundary_that_begins_with_another_is_not_taken_for_it() {
        let body = "--b\nx\n--b-inner\n--bb\n--b--inner\n --b\n--b x\ny\n--b--\n";
        assert_eq!(
            texts(body, "b"),
            ["x\n--b-inner\n--bb\n--b--inner\n --b\n--b x\ny"]
        );
    }

    #[test]
    fn part_limit_at_n_minus_1_n_and_n_plus_1() {
        for count in [2, 3, 4] {
            let body = format!("{}--b--", "--b\nx\n".repeat(count));
            let (found, has_more) = parts(body.as_bytes(), b"b", 3);
            assert_eq!((found.len(), has_more), (count.min(3), count > 3));
            let open = "--b\nx\n".repeat(count);
            let (found, has_more) = parts(open.as_bytes(), b"b", 3);
            assert_eq!((found.len(), has_more), (count.min(3), count > 3));
        }
    }
}

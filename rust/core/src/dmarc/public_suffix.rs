//! The public suffix list (RFC 7489 §3.2, App. A.6.1): under which names organizations register theirs.
//!
//! Knows the list's own format (publicsuffix.org, "Format" and "Algorithm") and any edition of it; must not know DNS
//! or DMARC records. A lookup allocates nothing but its result.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::domain::Domain;

/// The list that is compiled in (data/NOTICE.md).
const BUILT_IN: &str = include_str!("../../data/public_suffix_list.dat");

/// Public suffixes of some date (RFC 7489 §3.2).
#[derive(Debug, Default)]
pub struct PublicSuffixList {
    /// The rules of each name, written without `*.` and `!`.
    rules: HashMap<Box<str>, Rules>,
    /// Most labels that a name in `rules` has.
    longest: usize,
}

/// The kinds of rule that one name carries, for each part of the list a bit.
#[derive(Clone, Copy, Debug, Default)]
struct Rules {
    /// The name is a suffix.
    plain: Parts,
    /// Each name right below it is a suffix (`*.`).
    wildcard: Parts,
    /// The name is none although a wildcard says so (`!`).
    exception: Parts,
}

/// Parts of the list that hold a rule.
#[derive(Clone, Copy, Debug, Default)]
struct Parts {
    icann: bool,
    private: bool,
}

impl Parts {
    fn count(self, private_suffixes: bool) -> bool {
        self.icann || (self.private && private_suffixes)
    }
}

impl PublicSuffixList {
    /// The list that is compiled in, parsed at first use.
    pub fn built_in() -> Arc<Self> {
        static LIST: OnceLock<Arc<PublicSuffixList>> = OnceLock::new();
        Arc::clone(LIST.get_or_init(|| Arc::new(Self::parse(BUILT_IN).unwrap_or_default())))
    }

    /// Reads a list of any date; a line that is no rule is skipped, rules outside the section marks count as ICANN's.
    ///
    /// `None` for a text without any rule.
    pub fn parse(text: &str) -> Option<Self> {
        let (mut list, mut is_private, mut has_rule) = (Self::default(), false, false);
        for line in text.trim_start_matches('\u{feff}').lines() {
            let line = line.trim_start();
            if let Some(comment) = line.strip_prefix("//") {
                is_private = section_after(comment, is_private);
                continue;
            }
            // Format: a rule ends at the first white space.
            let rule = line.split(char::is_whitespace).next().unwrap_or_default();
            has_rule |= list.add(rule, is_private);
        }
        has_rule.then_some(list)
    }

    fn add(&mut self, rule: &str, is_private: bool) -> bool {
        // The rule `*` is what the algorithm assumes anyway.
        if rule == "*" {
            return true;
        }
        let wildcard = rule.strip_prefix("*.");
        let exception = rule.strip_prefix('!');
        let Some(name) = Domain::parse_host(wildcard.or(exception).unwrap_or(rule)) else {
            return false;
        };
        self.longest = self.longest.max(name.label_count());
        let rules = self.rules.entry(name.as_str().into()).or_default();
        let parts = match (wildcard, exception) {
            (Some(_), _) => &mut rules.wildcard,
            (None, Some(_)) => &mut rules.exception,
            (None, None) => &mut rules.plain,
        };
        if is_private {
            parts.private = true;
        } else {
            parts.icann = true;
        }
        true
    }

    /// The organizational domain (RFC 7489 §3.2): the public suffix and one label more; `None` for a public suffix.
    ///
    /// `private_suffixes`: whether the private part of the list counts, which RFC 7489 leaves open.
    pub fn organizational_domain(&self, name: &Domain, private_suffixes: bool) -> Option<Domain> {
        let suffix = self.suffix_label_count(name.as_str(), private_suffixes);
        (name.label_count() > suffix)
            .then(|| name.suffix(suffix + 1))
            .flatten()
    }

    /// Labels of the public suffix; without a matching rule the last label is one (algorithm, step 2).
    fn suffix_label_count(&self, name: &str, private_suffixes: bool) -> usize {
        let mut longest = 1;
        let dots = name.rmatch_indices('.').map(|(dot, _)| dot + 1);
        let starts = dots.chain([0]).take(self.longest.saturating_add(1));
        for (start, labels) in starts.zip(1_usize..) {
            let candidate = name.get(start..).unwrap_or_default();
            let Some(rules) = self.rules.get(candidate) else {
                continue;
            };
            // An exception beats every other rule; its own leftmost label is no part of the suffix.
            if rules.exception.count(private_suffixes) {
                return labels - 1;
            }
            if rules.plain.count(private_suffixes) {
                longest = longest.max(labels);
            }
            if rules.wildcard.count(private_suffixes) && start > 0 {
                longest = longest.max(labels + 1);
            }
        }
        longest
    }
}

/// The section that holds after a comment: the marks stand in comments.
fn section_after(comment: &str, is_private: bool) -> bool {
    if comment.contains("===BEGIN PRIVATE DOMAINS===") {
        true
    } else if comment.contains("===END PRIVATE DOMAINS===")
        || comment.contains("===BEGIN ICANN DOMAINS===")
    {
        false
    } else {
        is_private
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organizational(list: &PublicSuffixList, name: &str, private: bool) -> Option<String> {
        let name = Domain::parse_host(name).unwrap();
        list.organizational_domain(&name, private)
            .map(|domain| domain.to_string())
    }

    #[test]
    fn rfc7489_3_2_longest_rule_wildcard_and_exception() {
        let list = PublicSuffixList::built_in();
        for (name, expected) in [
            ("a.b.c.d.example.com", Some("example.com")),
            ("com", None),
            ("co.uk", None),
            ("a.example.co.uk", Some("example.co.uk")),
            ("ck", None),
            ("x.ck", None),
            ("www.ck", Some("www.ck")),
            ("a.www.ck", Some("www.ck")),
            ("kawasaki.jp", Some("kawasaki.jp")),
            ("city.kawasaki.jp", Some("city.kawasaki.jp")),
            ("a.b.c.kawasaki.jp", Some("b.c.kawasaki.jp")),
            ("example.unlisted", Some("example.unlisted")),
            ("unlisted", None),
            ("食狮.公司.cn", Some("xn--85x722f.xn--55qx5d.cn")),
        ] {
            assert_eq!(
                organizational(&list, name, true).as_deref(),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn private_part_is_a_switch_at_lookup() {
        let list = PublicSuffixList::built_in();
        assert_eq!(
            organizational(&list, "a.blogspot.com", true).as_deref(),
            Some("a.blogspot.com")
        );
        assert_eq!(
            organizational(&list, "a.blogspot.com", false).as_deref(),
            Some("blogspot.com")
        );
    }

    #[test]
    fn any_text_with_a_rule_is_a_list() {
        let text = "\u{feff}zz extra\r\n// ===BEGIN PRIVATE DOMAINS===\r\n\tp.zz\r\n*.q.zz\r\n!r.q.zz\r\n\
                    a.*.zz\r\n*bad.zz\r\n!\r\n// ===END PRIVATE DOMAINS===\r\nI.ZZ\r\n";
        let list = PublicSuffixList::parse(text).unwrap();
        for (name, with_private, without) in [
            ("a.b.zz", "b.zz", "b.zz"),
            ("a.b.p.zz", "b.p.zz", "p.zz"),
            ("a.b.c.q.zz", "b.c.q.zz", "q.zz"),
            ("a.r.q.zz", "r.q.zz", "q.zz"),
            ("a.b.i.zz", "b.i.zz", "b.i.zz"),
            ("x.a.bad.zz", "bad.zz", "bad.zz"),
        ] {
            assert_eq!(
                organizational(&list, name, true).as_deref(),
                Some(with_private)
            );
            assert_eq!(organizational(&list, name, false).as_deref(), Some(without));
        }
        assert!(PublicSuffixList::parse("// nothing\n\n a b..c\n").is_some());
        assert!(PublicSuffixList::parse("// nothing\n\n!\n..\n").is_none());
        assert!(PublicSuffixList::parse("").is_none());
    }

    #[test]
    fn every_rule_of_the_built_in_list_is_kept() {
        let is_rule = |line: &&str| !line.trim().is_empty() && !line.starts_with("//");
        let lines = BUILT_IN.lines().filter(is_rule).count();
        let list = PublicSuffixList::built_in();
        let kept: usize = ["icann", "private"]
            .iter()
            .map(|part| {
                let holds = |parts: Parts| {
                    usize::from(if *part == "icann" {
                        parts.icann
                    } else {
                        parts.private
                    })
                };
                let of_name = |rules: &Rules| {
                    holds(rules.plain) + holds(rules.wildcard) + holds(rules.exception)
                };
                list.rules.values().map(of_name).sum::<usize>()
            })
            .sum();
        assert_eq!(kept, lines);
    }
}

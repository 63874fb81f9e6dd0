//! The hash over the signed header fields (RFC 6376 §3.7 step 2) and which fields those are (RFC 6376 §5.4.2).
//!
//! Header fields are indexed once a message and their relaxed forms made once, for all DKIM signatures and ARC fields
//! that name them. Knows fields by position; must not know tags, keys or verdicts. Everything stays linear in the
//! header section, also for 1,000 names over 100,000 fields whose names collide.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use crate::crypto::{Digest, HashAlgorithm, Hasher};
use crate::dkim::canonicalization::{
    Canonicalization, Gather, Sink, write_lines, write_relaxed_field,
};
use crate::dkim::hash_work::HashWork;
use crate::dkim::name_list::NameList;
use crate::message::{Message, halves, hash_name, is_same_name, to_u32, to_usize};

impl Sink for Hasher {
    fn write(&mut self, octets: &[u8]) {
        self.update(octets);
    }
}

/// Octets of a header section whose forms are held in memory to be hashed with others; a larger one is streamed.
const STAGED_HEADER_LIMIT: usize = 64 << 10;
/// Room for the fields of a usual list.
const USUAL_NAMES: usize = 24;

/// The signature field that is being checked: it comes last, without its signature.
#[derive(Clone, Debug)]
pub(crate) struct OwnField {
    /// Position among the message's fields.
    pub(crate) position: usize,
    /// Value of `b=` with all white space around it, as offsets into the field's value.
    pub(crate) signature_span: Range<usize>,
}

/// The fields that `h=` selects, and what it leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Positions in signing order.
    pub(crate) positions: Vec<usize>,
    /// A name of the list occurs more often in the message than in the list.
    pub(crate) leaves_duplicate: bool,
    /// From is listed once more than it occurs, so that none can be added.
    pub(crate) is_from_oversigned: bool,
    /// The message has a Subject and the list does not name it.
    pub(crate) leaves_subject: bool,
    /// The message has a Content-Type and the list does not name it.
    pub(crate) leaves_content_type: bool,
}

/// What everyone who signs header fields shares: the index of names, and relaxed forms.
#[derive(Default)]
pub(crate) struct CanonicalFields {
    index: Option<FieldIndex>,
    /// The last list and what it selected where the signature field under check is no candidate: the sets of a chain
    /// often sign the same names.
    last: Option<(NameList, Arc<Selection>)>,
    /// Relaxed forms with their CRLF, one after the other.
    relaxed: Vec<u8>,
    /// Where each field's form stands in `relaxed`; empty = not made yet.
    ranges: Vec<(u32, u32)>,
    /// Forms under signatures that are hashed together with those of other messages.
    staged: Vec<StagedForm>,
}

/// The form under one signature until it is hashed, then its SHA-256.
pub(crate) struct StagedForm {
    /// Position of the signature field.
    own: usize,
    selection: Arc<Selection>,
    octets: Vec<u8>,
    digest: Option<Digest>,
}

impl StagedForm {
    pub(super) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Takes the hash and lets the octets go: a message may wait long for its answers.
    pub(super) fn finish(&mut self, digest: Digest) {
        self.octets = Vec::new();
        self.digest = Some(digest);
    }
}

impl CanonicalFields {
    /// Selects the fields that `names` (lower case) mean for the signature field at `own`.
    pub(crate) fn select(
        &mut self,
        message: &Message,
        names: &NameList,
        own: usize,
    ) -> Arc<Selection> {
        if let Some(form) = self.staged.iter().find(|form| form.own == own) {
            return Arc::clone(&form.selection);
        }
        let index = self.index.get_or_insert_with(|| FieldIndex::new(message));
        let own_group = index.find(message, name_at(message, to_u32(own)));
        if let Some((known, selection)) = &self.last
            && known == names
            && !index.is_listed(own_group)
        {
            return Arc::clone(selection);
        }
        let selection = Arc::new(index.select(message, names, own, own_group));
        let is_candidate = index.is_listed(own_group);
        self.last = (!is_candidate).then(|| (names.clone(), Arc::clone(&selection)));
        selection
    }

    /// The hash over the selected fields and the signature field itself.
    pub(crate) fn digest(
        &mut self,
        message: &Message,
        positions: &[usize],
        own: &OwnField,
        canonicalization: Canonicalization,
        algorithm: HashAlgorithm,
    ) -> Digest {
        let is_own = |form: &&StagedForm| form.own == own.position;
        let known = self.staged.iter().find(is_own).and_then(|form| form.digest);
        if let Some(digest) = known.filter(|digest| digest.algorithm() == algorithm) {
            return digest;
        }
        let mut hasher = Hasher::new(algorithm);
        let mut gather = Gather::new(&mut hasher);
        for position in positions {
            self.write_field(message, *position, canonicalization, &mut gather);
        }
        write_own_field(message, own, canonicalization, &mut gather);
        drop(gather);
        hasher.finish()
    }

    /// Makes the form under a signature ready to be hashed with others; [`CanonicalFields::digest`] then knows it.
    pub(crate) fn stage(
        &mut self,
        message: &Message,
        names: &NameList,
        own: &OwnField,
        canonicalization: Canonicalization,
    ) {
        let is_large = message.header().len() > STAGED_HEADER_LIMIT;
        if is_large || self.staged.iter().any(|form| form.own == own.position) {
            return;
        }
        let selection = self.select(message, names, own.position);
        let positions = selection.positions.iter().chain([&own.position]);
        let fields = positions.filter_map(|position| message.fields().get(*position));
        // No form is longer than what is stored, but for one octet where a line ends by a bare LF.
        let room = fields.map(|field| message.raw(field).len() + 2).sum();
        let mut octets = Vec::with_capacity(room);
        for position in &selection.positions {
            self.write_field(message, *position, canonicalization, &mut octets);
        }
        write_own_field(message, own, canonicalization, &mut octets);
        self.staged.push(StagedForm {
            own: own.position,
            selection,
            octets,
            digest: None,
        });
    }

    /// The SHA-256 of the form under the signature field at `own`, if it was staged and made.
    pub(crate) fn staged_digest(&self, own: usize) -> Option<Digest> {
        let form = self.staged.iter().find(|form| form.own == own)?;
        form.digest
    }

    /// Staged forms whose hash is not known yet.
    pub(crate) fn open(&mut self) -> impl Iterator<Item = HashWork<'_>> {
        let forms = self.staged.iter_mut().filter(|form| form.digest.is_none());
        forms.map(HashWork::header)
    }

    /// Writes a field's canonical form with its CRLF.
    pub(crate) fn write_field(
        &mut self,
        message: &Message,
        position: usize,
        canonicalization: Canonicalization,
        sink: &mut impl Sink,
    ) {
        let Some(field) = message.fields().get(position) else {
            return;
        };
        match canonicalization {
            Canonicalization::Simple => {
                write_lines(message.raw(field), sink);
                sink.write(b"\r\n");
            }
            Canonicalization::Relaxed => {
                if self.ranges.is_empty() {
                    self.ranges.resize(message.fields().len(), (0, 0));
                    let room = message.header().len().min(STAGED_HEADER_LIMIT);
                    self.relaxed.reserve(room);
                }
                let Some(range) = self.ranges.get_mut(position) else {
                    return;
                };
                if range.1 == 0 {
                    let start = self.relaxed.len();
                    write_relaxed_field(
                        message.name(field),
                        message.value(field),
                        &mut self.relaxed,
                    );
                    self.relaxed.extend_from_slice(b"\r\n");
                    *range = (to_u32(start), to_u32(self.relaxed.len()));
                }
                let form = self.relaxed.get(to_usize(range.0)..to_usize(range.1));
                sink.write(form.unwrap_or_default());
            }
        }
    }
}

/// Writes the signature field without its signature and without a final CRLF (RFC 6376 §3.7).
pub(crate) fn write_own_field(
    message: &Message,
    own: &OwnField,
    canonicalization: Canonicalization,
    sink: &mut impl Sink,
) {
    let Some(field) = message.fields().get(own.position) else {
        return;
    };
    let (raw, value) = (message.raw(field), message.value(field));
    let before = value.get(..own.signature_span.start).unwrap_or_default();
    let after = value.get(own.signature_span.end..).unwrap_or_default();
    match canonicalization {
        Canonicalization::Simple => {
            let name = raw.get(..raw.len() - value.len()).unwrap_or_default();
            write_lines(&[name, before, after].concat(), sink);
        }
        Canonicalization::Relaxed => {
            let mut form = Vec::with_capacity(raw.len());
            write_relaxed_field(message.name(field), &[before, after].concat(), &mut form);
            sink.write(&form);
        }
    }
}

/// The positions of all fields, grouped by name.
struct FieldIndex {
    /// Positions; those of one group stand together in ascending order.
    positions: Vec<u32>,
    /// Hashes of the groups' names, ascending.
    hashes: Vec<u32>,
    /// Groups in the order of their hash and lower-case name.
    groups: Vec<Group>,
    from: Option<usize>,
    subject: Option<usize>,
    content_type: Option<usize>,
}

/// All fields of one name, as a range of [`FieldIndex::positions`].
struct Group {
    start: u32,
    end: u32,
    /// How often the list that was looked at last names it.
    listed: u32,
}

impl FieldIndex {
    fn new(message: &Message) -> Self {
        let mut keys: Vec<u64> = message
            .fields()
            .iter()
            .zip(0_u32..)
            .map(|(field, position)| u64::from(field.name_hash()) << 32 | u64::from(position))
            .collect();
        keys.sort_unstable();
        let mut index = Self {
            positions: keys.iter().map(|key| halves(*key).0).collect(),
            hashes: Vec::with_capacity(keys.len()),
            groups: Vec::with_capacity(keys.len()),
            from: None,
            subject: None,
            content_type: None,
        };
        let mut start = 0;
        for run in keys.chunk_by(|key, next| key >> 32 == next >> 32) {
            let hash = run.first().map_or(0, |key| halves(*key).1);
            index.add_run(message, hash, start..start + run.len());
            start += run.len();
        }
        index.from = index.find(message, b"from");
        index.subject = index.find(message, b"subject");
        index.content_type = index.find(message, b"content-type");
        index
    }

    /// Adds fields whose names have one hash: one group, unless somebody made names collide.
    fn add_run(&mut self, message: &Message, hash: u32, run: Range<usize>) {
        let mut start = to_u32(run.start);
        let Some(positions) = self.positions.get_mut(run) else {
            return;
        };
        let name = |position: &u32| name_at(message, *position);
        let is_same = |one: &u32, next: &u32| is_same_name(name(one), name(next));
        if !positions.is_sorted_by(is_same) {
            positions.sort_by(|one, other| compare_names(name(one), name(other)));
        }
        for group in positions.chunk_by(is_same) {
            let end = start.saturating_add(to_u32(group.len()));
            self.hashes.push(hash);
            self.groups.push(Group {
                start,
                end,
                listed: 0,
            });
            start = end;
        }
    }

    fn members(&self, group: &Group) -> &[u32] {
        self.positions
            .get(to_usize(group.start)..to_usize(group.end))
            .unwrap_or_default()
    }

    fn first_name<'a>(&self, message: &'a Message, number: usize) -> &'a [u8] {
        let group = self.groups.get(number);
        let first = group.and_then(|group| self.members(group).first());
        first.map_or(&[], |first| name_at(message, *first))
    }

    /// Number of the group of this name.
    fn find(&self, message: &Message, name: &[u8]) -> Option<usize> {
        let hash = hash_name(name);
        let number = self.hashes.partition_point(|other| *other < hash);
        if *self.hashes.get(number)? != hash {
            return None;
        }
        // Equal hashes are nearly always equal names.
        if is_same_name(self.first_name(message, number), name) {
            return Some(number);
        }
        let alike = self.hashes.get(number..)?;
        let count = alike.partition_point(|other| *other == hash);
        let groups = self.groups.get(number..number + count)?;
        let found = groups.binary_search_by(|group| {
            let first = self.members(group).first().copied().unwrap_or(u32::MAX);
            compare_names(name_at(message, first), name)
        });
        found.ok().map(|place| number + place)
    }

    /// True when the list that was looked at last names this group.
    fn is_listed(&self, number: Option<usize>) -> bool {
        let group = number.and_then(|number| self.groups.get(number));
        group.is_some_and(|group| group.listed > 0)
    }

    fn select(
        &mut self,
        message: &Message,
        names: &NameList,
        own: usize,
        own_group: Option<usize>,
    ) -> Selection {
        for group in &mut self.groups {
            group.listed = 0;
        }
        let (mut positions, mut from_listed) = (Vec::with_capacity(USUAL_NAMES), 0_u32);
        for name in names.names() {
            from_listed = from_listed.saturating_add(u32::from(name == "from"));
            // RFC 6376 §3.5: a name that the message does not hold contributes nothing.
            let Some(number) = self.find(message, name.as_bytes()) else {
                continue;
            };
            let Some(group) = self.groups.get_mut(number) else {
                continue;
            };
            let count = group.listed;
            group.listed = count.saturating_add(1);
            let own = (own_group == Some(number)).then_some(own);
            let range = to_usize(group.start)..to_usize(group.end);
            let members = self.positions.get(range).unwrap_or_default();
            positions.extend(nth_from_bottom(members, to_usize(count), own));
        }
        Selection {
            positions,
            leaves_duplicate: self.leaves_duplicate(own_group),
            is_from_oversigned: from_listed > self.present(self.from, own_group),
            leaves_subject: self.subject.is_some() && !self.is_listed(self.subject),
            leaves_content_type: self.content_type.is_some() && !self.is_listed(self.content_type),
        }
    }

    /// Candidates of a group: the field under check is none.
    fn present(&self, number: Option<usize>, own_group: Option<usize>) -> u32 {
        let group = number.and_then(|number| self.groups.get(number));
        let count = group.map_or(0, |group| group.end - group.start);
        count.saturating_sub(u32::from(number.is_some() && number == own_group))
    }

    fn leaves_duplicate(&self, own_group: Option<usize>) -> bool {
        let mut groups = self.groups.iter().enumerate();
        groups.any(|(number, group)| {
            group.listed > 0
                && group.listed < group.end - group.start
                && group.listed < self.present(Some(number), own_group)
        })
    }
}

/// RFC 6376 §5.4.2: each further mention of a name means the next field of that name from the bottom up; the field
/// under check is no candidate (RFC 6376 §3.5).
fn nth_from_bottom(members: &[u32], count: usize, own: Option<usize>) -> Option<usize> {
    let index = members.len().checked_sub(count + 1)?;
    let index = match own.and_then(|own| rank_of(members, own)) {
        Some(rank) if index <= rank => index.checked_sub(1)?,
        _ => index,
    };
    members.get(index).copied().map(to_usize)
}

fn rank_of(members: &[u32], own: usize) -> Option<usize> {
    members.binary_search(&to_u32(own)).ok()
}

fn name_at(message: &Message, position: u32) -> &[u8] {
    let field = message.fields().get(to_usize(position));
    field.map_or(&[], |field| message.name(field))
}

fn compare_names(one: &[u8], other: &[u8]) -> Ordering {
    let lower = |octet: &u8| octet.to_ascii_lowercase();
    one.iter().map(lower).cmp(other.iter().map(lower))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn message(header: &str) -> Message {
        Message::parse(Bytes::from(format!("{header}\r\n")))
    }

    fn select(message: &Message, names: &[&str], own: usize) -> Arc<Selection> {
        let names: NameList = names.iter().map(|name| name.as_bytes()).collect();
        CanonicalFields::default().select(message, &names, own)
    }

    const HEADER: &str = "A: 0\r\nFrom: 1\r\na: 2\r\nB: 3\r\nSubject: 4\r\nA : 5\r\n";

    #[test]
    fn rfc6376_5_4_2_fields_are_taken_from_the_bottom_up() {
        let message = message(HEADER);
        for (names, expected) in [
            (&["from"][..], &[1][..]),
            (&["a"], &[5]),
            (&["a", "b", "a"], &[5, 3, 2]),
            (&["a", "a", "a", "a", "a"], &[5, 2, 0]),
            (&["c", "from", "c"], &[1]),
            (&["from", "from"], &[1]),
            (&[], &[]),
        ] {
            assert_eq!(
                select(&message, names, usize::MAX).positions,
                expected,
                "{names:?}"
            );
        }
    }

    #[test]
    fn rfc6376_3_5_the_field_under_check_is_no_candidate() {
        let message = message(HEADER);
        for (own, expected) in [(0, [5, 2]), (2, [5, 0]), (5, [2, 0])] {
            assert_eq!(select(&message, &["a", "a", "a"], own).positions, expected);
        }
    }

    #[test]
    fn what_a_list_leaves_out_is_told() {
        let message = message(HEADER);
        let selection = select(&message, &["from", "a", "a"], usize::MAX);
        assert!(selection.leaves_duplicate && selection.leaves_subject);
        assert!(!selection.is_from_oversigned && !selection.leaves_content_type);
        let selection = select(
            &message,
            &["from", "from", "subject", "a", "a", "a"],
            usize::MAX,
        );
        assert!(!selection.leaves_duplicate && !selection.leaves_subject);
        assert!(selection.is_from_oversigned);
        // Two candidates are left when the third is the field under check.
        assert!(!select(&message, &["a", "a"], 2).leaves_duplicate);
    }

    #[test]
    fn rfc6376_5_4_2_a_list_that_is_known_selects_the_same_for_another_signature() {
        let message = message(HEADER);
        let list = |names: &[&str]| names.iter().map(|name| name.as_bytes()).collect();
        let lists: [NameList; 3] = [list(&["from", "b"]), list(&["a", "a", "a"]), list(&["x"])];
        let mut fields = CanonicalFields::default();
        for names in lists.iter().flat_map(|names| [names; 8]).chain(&lists) {
            for own in [0, 2, 5, 1, 1, 4, usize::MAX] {
                let alone = CanonicalFields::default().select(&message, names, own);
                assert_eq!(
                    fields.select(&message, names, own),
                    alone,
                    "{names:?} {own}"
                );
            }
        }
    }

    #[test]
    fn names_that_collide_are_told_apart() {
        assert_eq!(hash_name(b"xdkidyx"), hash_name(b"gcgqgun"));
        let message = message("xdkidyx: 0\r\ngcgqgun: 1\r\nXdkidyx: 2\r\nGCGQGUN: 3\r\nx: 4\r\n");
        let names = ["gcgqgun", "xdkidyx", "gcgqgun", "xdkidyx", "xdkidyx", "x"];
        assert_eq!(
            select(&message, &names, usize::MAX).positions,
            [3, 2, 1, 0, 4]
        );
    }

    #[test]
    fn a_thousand_names_over_fifty_thousand_fields() {
        let fields: Vec<String> = (0..50_000)
            .map(|number| format!("x{}: ", number % 2_000))
            .collect();
        let header = fields.join("\r\n") + "\r\n";
        let message = message(&header);
        let names: Vec<String> = (0..1_000)
            .map(|number| format!("x{}", number * 4))
            .collect();
        let names: NameList = names.iter().map(String::as_bytes).collect();
        let selection = CanonicalFields::default().select(&message, &names, 0);
        let expected: Vec<usize> = (0..500).map(|number| 48_000 + number * 4).collect();
        assert_eq!(selection.positions, expected);
    }

    #[test]
    fn rfc6376_3_7_the_signature_field_comes_without_signature_and_line_end() {
        let message =
            message("DKIM-Signature : v=1;\n bh=x; b =\r\n ab c\r\n ; s=y \r\nFrom: z\r\n");
        let value = message.value(&message.fields()[0]);
        let own = OwnField {
            position: 0,
            signature_span: crate::tag_list::TagList::parse(value)
                .tag(b"b")
                .unwrap()
                .span
                .clone(),
        };
        let written = |canonicalization| {
            let mut out = Vec::new();
            write_own_field(&message, &own, canonicalization, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            written(Canonicalization::Simple),
            "DKIM-Signature : v=1;\r\n bh=x; b =; s=y "
        );
        assert_eq!(
            written(Canonicalization::Relaxed),
            "dkim-signature:v=1; bh=x; b =; s=y"
        );
    }

    #[test]
    fn a_field_is_written_the_same_each_time() {
        let message = message("A: 1\n  2\r\nB:\t3\r\n");
        let mut fields = CanonicalFields::default();
        let mut out = Vec::new();
        for (position, canonicalization) in [
            (1, Canonicalization::Relaxed),
            (0, Canonicalization::Relaxed),
            (1, Canonicalization::Relaxed),
            (0, Canonicalization::Simple),
        ] {
            fields.write_field(&message, position, canonicalization, &mut out);
        }
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "b:3\r\na:1 2\r\nb:3\r\nA: 1\r\n  2\r\n"
        );
    }

    #[test]
    fn a_staged_form_is_hashed_to_the_same_digest_and_let_go() {
        let message = message(HEADER);
        let names: NameList = [&b"from"[..], b"a"].into_iter().collect();
        let own = OwnField {
            position: 3,
            signature_span: 0..0,
        };
        let relaxed = Canonicalization::Relaxed;
        let mut fields = CanonicalFields::default();
        fields.stage(&message, &names, &own, relaxed);
        let work: Vec<_> = fields.open().collect();
        assert_eq!(work.len(), 1);
        crate::dkim::hash_work::compute(work);
        assert_eq!(fields.open().count(), 0);
        assert!(fields.staged[0].octets.is_empty());
        let positions = &fields.select(&message, &names, 3).positions;
        let digest = |fields: &mut CanonicalFields, algorithm| {
            fields.digest(&message, positions, &own, relaxed, algorithm)
        };
        for algorithm in [HashAlgorithm::Sha256, HashAlgorithm::Sha1] {
            let alone = digest(&mut CanonicalFields::default(), algorithm);
            assert_eq!(digest(&mut fields, algorithm), alone);
        }
    }
}

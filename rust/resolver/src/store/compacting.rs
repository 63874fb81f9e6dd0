//! Several stores, or one, written anew: what was observed again and again becomes one row with a longer window.
//!
//! The order of the inputs makes no difference, nor does doing it twice. Knows when two rows say the same; must not
//! know which of two that differ is true.

use std::cmp::Reverse;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use mailauth_core::dns::WINDOW_SLACK;

use super::problem::StoreError;
use super::reader::StoreReader;
use super::row::Row;
use super::sorting::{HELD_OCTETS, Sorting, beside};
use super::writing::RowWriter;

/// Windows that lie this near to each other become one: each covers its slack on both sides anyway.
///
/// The TTL plays no part here: a merged row keeps only its newest, and the order of merging would decide.
const JOINING_GAP: i64 = 2 * WINDOW_SLACK;

/// What came of writing stores anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Rows read.
    pub read: u64,
    /// Rows written.
    pub written: u64,
    /// What is wrong with the inputs, one sentence each; the rest of them was used.
    pub problems: Vec<String>,
}

/// Writes the rows of `inputs` to `target`, which may be one of them: it is replaced when the new file is whole.
///
/// # Errors
/// An input is no store, the target cannot be written, or is an input of which something would be lost.
pub fn compact(inputs: &[PathBuf], target: &Path) -> Result<Compacted, StoreError> {
    compact_holding(HELD_OCTETS, inputs, target)
}

fn compact_holding(
    held_limit: usize,
    inputs: &[PathBuf],
    target: &Path,
) -> Result<Compacted, StoreError> {
    let lock = locked(target)?;
    let mut compacted = Compacted::default();
    let mut sorting = Sorting::new(target, held_limit);
    for path in inputs {
        let mut reader = StoreReader::open(path)?;
        while let Some(part) = reader.next_rows()? {
            let rows = part.into_iter().map(|stored| stored.row);
            for row in rows.filter_map(|row| row.into_canonical().ok()) {
                compacted.read += 1;
                sorting.add(row)?;
            }
        }
        if reader.findings().is_lossy() && is_same_file(path, target) {
            return Err(StoreError::Lossy(path.clone()));
        }
        compacted.problems.extend(reader.problems());
    }
    sorting.finish();
    compacted.written = replace(target, sorting)?;
    drop(lock);
    Ok(compacted)
}

/// Holds a store that is there already, so that nobody records into what is about to be replaced.
fn locked(target: &Path) -> Result<Option<File>, StoreError> {
    let is_other = target.metadata().is_ok_and(|metadata| !metadata.is_file());
    if is_other {
        return Err(StoreError::NoFile(target.to_owned()));
    }
    let Ok(file) = OpenOptions::new().read(true).write(true).open(target) else {
        return Ok(None);
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::Busy(target.to_owned())),
        Err(TryLockError::Error(error)) => Err(StoreError::unwritable(target, &error)),
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// Everything but times and TTL: rows that differ in nothing else say the same. Rows without times stay apart.
type Statement<'a> = (
    Reverse<bool>,
    &'a str,
    &'a str,
    &'a str,
    &'a [String],
    (Option<bool>, bool, bool, bool),
);

fn statement(row: &Row) -> Statement<'_> {
    (
        Reverse(row.first_seen.is_some() || row.last_seen.is_some()),
        &row.name,
        &row.record_type,
        &row.source,
        &row.data,
        (row.ad, row.is_alias, row.is_of_run, row.is_single_record),
    )
}

/// The fewest rows that say the same as those of one name and type, by time.
fn merged(mut rows: Vec<Row>) -> Vec<Row> {
    let bounds = |row: &Row| {
        (
            row.first_seen,
            row.last_seen.is_none(),
            row.last_seen,
            row.ttl,
        )
    };
    rows.sort_by(|one, other| {
        statement(one)
            .cmp(&statement(other))
            .then_with(|| one.rcode.cmp(&other.rcode))
            .then_with(|| bounds(one).cmp(&bounds(other)))
    });
    let mut fewer: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        match fewer.last_mut() {
            Some(known) if is_continued(known, &row) => extend(known, &row),
            _ => fewer.push(row),
        }
    }
    fewer.sort_by_key(|row| (row.first_seen, row.last_seen));
    fewer
}

/// `row` begins no earlier than `known`.
fn is_continued(known: &Row, row: &Row) -> bool {
    let end = known.last_seen.map(|last| last.saturating_add(JOINING_GAP));
    let is_near = match (end, row.first_seen) {
        (Some(end), Some(first)) => first <= end,
        _ => true,
    };
    is_near && statement(known) == statement(row) && known.rcode == row.rcode
}

fn extend(known: &mut Row, row: &Row) {
    let end = |row: &Row| (row.last_seen.is_none(), row.last_seen, row.ttl);
    if end(row) > end(known) {
        known.last_seen = row.last_seen;
        known.ttl = row.ttl;
    }
}

/// Writes a new file beside the old one and puts it in its place; the number of rows written.
fn replace(target: &Path, sorting: Sorting) -> Result<u64, StoreError> {
    let part = beside(target, ".part");
    let renamed = write(&part, sorting).and_then(|count| {
        let renamed = std::fs::rename(&part, target);
        renamed.map_err(|error| StoreError::unwritable(target, &error))?;
        Ok(count)
    });
    if renamed.is_err() {
        // Best effort: what is left is named after the store and said to be no whole one.
        drop(std::fs::remove_file(&part));
    }
    renamed
}

fn write(path: &Path, mut sorting: Sorting) -> Result<u64, StoreError> {
    let mut writer = RowWriter::create(path)?;
    let mut count = 0;
    while let Some(group) = sorting.next_group()? {
        for row in merged(group) {
            writer.add_canonical(&row)?;
            count += 1;
        }
    }
    writer.flush()?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Folder;

    fn row(data: &str, first: Option<i64>, last: Option<i64>, ttl: u32) -> Row {
        let line = serde_json::json!({
            "name": "a.example", "type": "TXT", "data": [format!("\"{data}\"")], "rcode": "NOERROR",
            "first_seen": first, "last_seen": last, "source": "live:x", "ttl": ttl,
        });
        serde_json::from_value(line).unwrap()
    }

    type Window = (String, Option<i64>, Option<i64>, Option<u32>);

    fn windows(rows: Vec<Row>) -> Vec<Window> {
        let window = |row: Row| (row.data.concat(), row.first_seen, row.last_seen, row.ttl);
        merged(rows).into_iter().map(window).collect()
    }

    #[test]
    fn windows_are_joined_up_to_the_gap_n_minus_1_n_and_n_plus_1() {
        for (gap, count) in [(JOINING_GAP - 1, 1), (JOINING_GAP, 1), (JOINING_GAP + 1, 2)] {
            let rows = vec![
                row("a", Some(0), Some(100), 60),
                row("a", Some(100 + gap), Some(100 + gap), 30),
            ];
            assert_eq!(windows(rows).len(), count, "{gap}");
        }
        let rows = vec![
            row("a", Some(0), Some(9_000), 60),
            row("a", Some(10), Some(20), 30),
        ];
        assert_eq!(
            windows(rows),
            [("\"a\"".to_owned(), Some(0), Some(9_000), Some(60))]
        );
    }

    #[test]
    fn rows_that_differ_or_have_no_time_stay_apart() {
        let mut other = row("a", Some(5), Some(6), 60);
        other.source = "zone:y".to_owned();
        let mut of_run = row("a", Some(5), Some(6), 60);
        of_run.is_of_run = true;
        let rows = vec![
            row("a", Some(5), Some(6), 60),
            other,
            of_run,
            row("b", Some(5), Some(6), 60),
            row("a", None, None, 60),
            row("a", None, None, 60),
        ];
        assert_eq!(merged(rows).len(), 5);
    }

    #[test]
    fn merging_is_associative_commutative_and_idempotent() {
        let rows: Vec<Row> = (0..40_i64)
            .map(|number| {
                let first = number * 7_919 % 200_000;
                let last = (number % 9 != 0).then_some(first + number * 137 % 9_000);
                let ttl = u32::try_from(number * 31 % 7 * 20_000).unwrap();
                row(
                    if number % 3 == 0 { "a" } else { "b" },
                    Some(first),
                    last,
                    ttl,
                )
            })
            .collect();
        let whole = merged(rows.clone());
        assert_eq!(merged(whole.clone()), whole);
        let mut reversed = rows.clone();
        reversed.reverse();
        assert_eq!(merged(reversed), whole);
        for split in [1, 13, 27, 39] {
            let (one, other) = rows.split_at(split);
            let parts = [merged(other.to_vec()), merged(one.to_vec())].concat();
            assert_eq!(merged(parts), whole, "{split}");
        }
    }

    #[test]
    fn rows_beyond_what_is_held_come_out_as_if_all_were() {
        let folder = Folder::new();
        let inputs: Vec<PathBuf> = (0..3).map(|number| folder.file_named(number)).collect();
        for (number, path) in (0..).zip(&inputs) {
            let mut writer = RowWriter::open(path).unwrap();
            for step in 0..200_i64 {
                let first = (step * 7 + number * 13) % 50 * 5_000;
                let mut row = row("a", Some(first), Some(first + 90), 60);
                row.name = format!("n{}.{}.example", step * 31 % 17, step % 3);
                writer.add(row).unwrap().unwrap();
            }
            writer.flush().unwrap();
        }
        let written = |held_limit| {
            let target = folder.file_named(9);
            let compacted = compact_holding(held_limit, &inputs, &target).unwrap();
            (compacted, std::fs::read(target).unwrap())
        };
        let (whole, octets) = written(HELD_OCTETS);
        assert_eq!(whole.read, 600);
        assert!(whole.written < 600);
        for held_limit in [0, 1, 1_000, 30_000] {
            assert!(
                written(held_limit) == (whole.clone(), octets.clone()),
                "{held_limit}"
            );
        }
        let names = std::fs::read_dir(folder.path()).unwrap();
        assert_eq!(names.count(), 4, "nothing is left beside the stores");
    }
}

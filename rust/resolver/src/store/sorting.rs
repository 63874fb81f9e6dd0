//! Brings the rows of stores together by what they answer, with a bounded part of them in memory.
//!
//! Knows runs of sorted rows in files beside a target, and their merging; must not know what rows of one question say.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use super::problem::StoreError;
use super::reader::StoreReader;
use super::row::Row;
use super::writing::RowWriter;

/// Octets of rows that are held at a time, about; what is beyond goes to files.
pub(super) const HELD_OCTETS: usize = 256 << 20;
/// What a row takes beside its texts.
const ROW_OCTETS: usize = 256;

/// Takes rows in any order and gives them by name and type.
pub(super) struct Sorting {
    target: PathBuf,
    held_limit: usize,
    held: Vec<Row>,
    octets: usize,
    runs: Vec<Run>,
}

/// Sorted rows, read as they are needed.
struct Run {
    /// In reversed order: the next one is the last.
    rows: Vec<Row>,
    reader: Option<StoreReader>,
}

impl Sorting {
    /// Files of rows stand beside `target` while they are needed.
    pub(super) fn new(target: &Path, held_limit: usize) -> Self {
        Self {
            target: target.to_owned(),
            held_limit,
            held: Vec::new(),
            octets: 0,
            runs: Vec::new(),
        }
    }

    /// Takes a row.
    ///
    /// # Errors
    /// A file of rows cannot be written.
    pub(super) fn add(&mut self, row: Row) -> Result<(), StoreError> {
        let texts: usize = row.data.iter().map(String::len).sum();
        let octets = ROW_OCTETS + texts + row.name.len() + row.source.len();
        self.octets = self.octets.saturating_add(octets);
        self.held.push(row);
        if self.octets >= self.held_limit {
            self.spill()?;
        }
        Ok(())
    }

    fn spill(&mut self) -> Result<(), StoreError> {
        self.octets = 0;
        let mut rows = std::mem::take(&mut self.held);
        rows.sort_by(by_question);
        let path = beside(&self.target, &format!(".sorting-{}", self.runs.len()));
        let reader = spilled(&path, &rows);
        // Whoever reads holds it open; no name stays behind whatever happens next.
        drop(std::fs::remove_file(&path));
        self.runs.push(Run {
            rows: Vec::new(),
            reader: Some(reader?),
        });
        Ok(())
    }

    /// Ends the taking; the groups come from [`Sorting::next_group`].
    pub(super) fn finish(&mut self) {
        let mut rows = std::mem::take(&mut self.held);
        rows.sort_by(by_question);
        rows.reverse();
        self.runs.push(Run { rows, reader: None });
    }

    /// All rows of the next name and type; `None` after the last.
    ///
    /// # Errors
    /// A file of rows cannot be read back.
    pub(super) fn next_group(&mut self) -> Result<Option<Vec<Row>>, StoreError> {
        for run in &mut self.runs {
            run.refill()?;
        }
        let heads = self.runs.iter().filter_map(|run| run.rows.last());
        let Some(first) = heads.min_by(|one, other| by_question(one, other)).cloned() else {
            return Ok(None);
        };
        let mut group = Vec::new();
        for run in &mut self.runs {
            while let Some(row) = run.rows.pop_if(|row| by_question(row, &first).is_eq()) {
                group.push(row);
                run.refill()?;
            }
        }
        Ok(Some(group))
    }
}

impl Run {
    fn refill(&mut self) -> Result<(), StoreError> {
        while self.rows.is_empty()
            && let Some(reader) = &mut self.reader
        {
            match reader.next_rows()? {
                Some(part) => self.rows = part.into_iter().rev().map(|stored| stored.row).collect(),
                None => self.reader = None,
            }
        }
        Ok(())
    }
}

/// By reversed name, so that a domain's names stand together, then by type.
fn by_question(one: &Row, other: &Row) -> Ordering {
    let names = one.name.rsplit('.').cmp(other.name.rsplit('.'));
    names.then_with(|| one.record_type.cmp(&other.record_type))
}

/// A file beside another one, with this ending.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

fn spilled(path: &Path, rows: &[Row]) -> Result<StoreReader, StoreError> {
    let mut writer = RowWriter::create(path)?;
    for row in rows {
        writer.add_canonical(row)?;
    }
    writer.write_frame()?;
    StoreReader::open(path)
}

//! The words and reasons of verdict rows, read out of Arrow columns whoever wrote them.
//!
//! Knows the names of the contract's columns and the three layouts of text in Arrow; must not know any file format.

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, LargeListArray, LargeStringArray, ListArray, RecordBatch, StringArray, StringViewArray,
    StructArray,
};
use serde::Serialize;

/// The columns that are read: a name, and in a struct or list of structs the member's name.
pub(crate) const COLUMNS: [(&str, Option<&str>); 14] = [
    ("id", None),
    ("error", None),
    ("spf", Some("result")),
    ("spf", Some("reason")),
    ("spf_helo", Some("result")),
    ("spf_helo", Some("reason")),
    ("dkim", Some("result")),
    ("dkim", Some("reason")),
    ("arc", Some("result")),
    ("arc", Some("reason")),
    ("dmarc", Some("result")),
    ("dmarc", Some("reason")),
    ("disposition", Some("action")),
    ("disposition", Some("reason")),
];

/// Why columns are no verdict rows.
pub(crate) enum WordsFault {
    /// A column is not there.
    Missing(String),
    /// A column has another type than the contract's.
    Foreign(String),
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    error: Option<&'a str>,
    spf: Option<Check<'a>>,
    spf_helo: Option<Check<'a>>,
    dkim: Vec<Check<'a>>,
    arc: Option<Check<'a>>,
    dmarc: Option<Check<'a>>,
    disposition: Option<Action<'a>>,
}

#[derive(Serialize)]
struct Check<'a> {
    result: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct Action<'a> {
    action: &'a str,
    reason: &'a str,
}

/// The rows of a batch, one JSON object a line.
pub(crate) fn json_lines(batch: &RecordBatch) -> Result<Vec<u8>, WordsFault> {
    let id = Texts::of("id", column(batch, "id")?)?;
    let error = Texts::of("error", column(batch, "error")?)?;
    let check = |name| Checks::of(name, "result", column(batch, name)?);
    let (spf, spf_helo, arc, dmarc) = (
        check("spf")?,
        check("spf_helo")?,
        check("arc")?,
        check("dmarc")?,
    );
    let disposition = Checks::of("disposition", "action", column(batch, "disposition")?)?;
    let signatures = Signatures::of(column(batch, "dkim")?)?;
    let mut lines = Vec::with_capacity(batch.num_rows() * 256);
    for index in 0..batch.num_rows() {
        let row = Row {
            id: id
                .at(index)
                .ok_or_else(|| WordsFault::Foreign("id".into()))?,
            error: error.at(index),
            spf: spf.at(index),
            spf_helo: spf_helo.at(index),
            dkim: signatures.at(index),
            arc: arc.at(index),
            dmarc: dmarc.at(index),
            disposition: disposition
                .at(index)
                .map(|Check { result, reason }| Action {
                    action: result,
                    reason,
                }),
        };
        serde_json::to_writer(&mut lines, &row).map_err(|_| WordsFault::Foreign("id".into()))?;
        lines.push(b'\n');
    }
    Ok(lines)
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a dyn Array, WordsFault> {
    batch
        .column_by_name(name)
        .map(AsRef::as_ref)
        .ok_or_else(|| WordsFault::Missing(name.to_owned()))
}

/// Text in whichever layout.
enum Texts<'a> {
    Small(&'a StringArray),
    Large(&'a LargeStringArray),
    View(&'a StringViewArray),
    /// A column that is null in every row.
    Absent,
}

impl<'a> Texts<'a> {
    fn of(name: &str, array: &'a dyn Array) -> Result<Self, WordsFault> {
        let small = || array.as_string_opt::<i32>().map(Self::Small);
        let large = || array.as_string_opt::<i64>().map(Self::Large);
        let view = || array.as_string_view_opt().map(Self::View);
        let absent = || (array.null_count() == array.len()).then_some(Self::Absent);
        small()
            .or_else(large)
            .or_else(view)
            .or_else(absent)
            .ok_or_else(|| WordsFault::Foreign(name.to_owned()))
    }

    fn at(&self, index: usize) -> Option<&'a str> {
        match self {
            Self::Small(array) => array.is_valid(index).then(|| array.value(index)),
            Self::Large(array) => array.is_valid(index).then(|| array.value(index)),
            Self::View(array) => array.is_valid(index).then(|| array.value(index)),
            Self::Absent => None,
        }
    }
}

/// A struct with a word and a reason.
struct Checks<'a> {
    objects: &'a StructArray,
    words: Texts<'a>,
    reasons: Texts<'a>,
}

impl<'a> Checks<'a> {
    fn of(name: &str, word: &str, array: &'a dyn Array) -> Result<Self, WordsFault> {
        let objects = array
            .as_struct_opt()
            .ok_or_else(|| WordsFault::Foreign(name.to_owned()))?;
        let member = |member: &str| {
            let path = format!("{name}.{member}");
            match objects.column_by_name(member) {
                Some(array) => Texts::of(&path, array.as_ref()),
                None => Err(WordsFault::Missing(path)),
            }
        };
        Ok(Self {
            objects,
            words: member(word)?,
            reasons: member("reason")?,
        })
    }

    fn at(&self, index: usize) -> Option<Check<'a>> {
        if self.objects.is_null(index) {
            return None;
        }
        // Some writers give a null object as an object of nulls.
        Some(Check {
            result: self.words.at(index)?,
            reason: self.reasons.at(index).unwrap_or_default(),
        })
    }
}

/// The signatures of each row.
struct Signatures<'a> {
    list: &'a dyn Array,
    checks: Checks<'a>,
}

impl<'a> Signatures<'a> {
    fn of(list: &'a dyn Array) -> Result<Self, WordsFault> {
        let small = list.as_list_opt::<i32>().map(ListArray::values);
        let large = || list.as_list_opt::<i64>().map(LargeListArray::values);
        let values = small
            .or_else(large)
            .ok_or_else(|| WordsFault::Foreign("dkim".to_owned()))?;
        let checks = Checks::of("dkim", "result", values.as_ref())?;
        Ok(Self { list, checks })
    }

    fn at(&self, index: usize) -> Vec<Check<'a>> {
        let (from, to) = if let Some(list) = self.list.as_list_opt::<i32>() {
            let offsets = list.value_offsets();
            (i64::from(offsets[index]), i64::from(offsets[index + 1]))
        } else {
            let offsets = self.list.as_list::<i64>().value_offsets();
            (offsets[index], offsets[index + 1])
        };
        if self.list.is_null(index) {
            return Vec::new();
        }
        let position = |offset: i64| usize::try_from(offset).unwrap_or_default();
        (position(from)..position(to))
            .filter_map(|offset| self.checks.at(offset))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::record_batch;
    use mailauth_core::verdict::{ErrorReason, Verdict};

    #[test]
    fn rows_of_our_own_columns_give_id_and_error() {
        let failed = Verdict::failed("a:0".into(), 7, ErrorReason::Truncated);
        let lines = json_lines(&record_batch(&[Box::new(failed)]).unwrap())
            .ok()
            .unwrap();
        let text = String::from_utf8(lines).unwrap();
        let objects = r#""spf":null,"spf_helo":null,"dkim":[],"arc":null,"dmarc":null"#;
        let expected =
            format!("{{\"id\":\"a:0\",\"error\":\"truncated\",{objects},\"disposition\":null}}\n");
        assert_eq!(text, expected);
    }

    #[test]
    fn a_missing_column_is_named() {
        let batch = record_batch(&[]).unwrap();
        let indices: Vec<usize> = (0..batch.num_columns())
            .filter(|&index| batch.schema().field(index).name() != "dmarc")
            .collect();
        let batch = batch.project(&indices).unwrap();
        let fault = json_lines(&batch).err().unwrap();
        assert!(matches!(fault, WordsFault::Missing(name) if name == "dmarc"));
    }
}

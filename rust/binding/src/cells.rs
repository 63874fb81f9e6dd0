//! Arrow columns as text: JSON objects and flat CSV rows (RFC 4180), so that every format has the columns' names.
//!
//! Knows the few types that `columns` makes; times are Unix seconds in text. Must not know what a column means.

use std::io::Write as _;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, BooleanArray, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{ArrowError, DataType, Fields};

const MICROS_PER_SECOND: i64 = 1_000_000;
/// Between the texts of a list in one CSV cell.
const LIST_SEPARATOR: u8 = b';';
/// What a spreadsheet takes for the beginning of a formula, and the white space that it skips before one.
const FORMULA_STARTS: [u8; 7] = [b'=', b'+', b'-', b'@', b'\t', b'\r', b'\n'];
/// Tells a spreadsheet that a cell is text.
const TEXT_MARK: u8 = b'\'';

/// One column, ready to be printed row by row.
pub(crate) enum Cells<'a> {
    Text(&'a StringArray),
    Count(&'a Int64Array),
    Truth(&'a BooleanArray),
    Time(&'a TimestampMicrosecondArray),
    List(&'a ListArray, Box<Cells<'a>>),
    Object(&'a StructArray, Vec<(&'a str, Cells<'a>)>),
}

/// How a CSV is written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CsvStyle {
    /// Texts that a spreadsheet would run as a formula get a leading `'`.
    pub(crate) is_spreadsheet_safe: bool,
}

impl<'a> Cells<'a> {
    /// The nesting is the schema's, which is fixed: the calls end.
    fn of(array: &'a dyn Array) -> Result<Self, ArrowError> {
        let unknown = || ArrowError::SchemaError(format!("{} has no text", array.data_type()));
        let cells = match array.data_type() {
            DataType::Utf8 => array.as_string_opt::<i32>().map(Self::Text),
            DataType::Int64 => array.as_primitive_opt::<Int64Type>().map(Self::Count),
            DataType::Boolean => array.as_boolean_opt().map(Self::Truth),
            DataType::Timestamp(..) => array
                .as_primitive_opt::<TimestampMicrosecondType>()
                .map(Self::Time),
            DataType::List(_) => match array.as_list_opt::<i32>() {
                Some(list) => Some(Self::List(list, Box::new(Self::of(list.values())?))),
                None => None,
            },
            DataType::Struct(fields) => match array.as_struct_opt() {
                Some(object) => Some(Self::Object(object, Self::members(fields, object)?)),
                None => None,
            },
            _ => None,
        };
        cells.ok_or_else(unknown)
    }

    fn members(
        fields: &'a Fields,
        object: &'a StructArray,
    ) -> Result<Vec<(&'a str, Self)>, ArrowError> {
        let pairs = fields.iter().zip(object.columns());
        pairs
            .map(|(field, array)| Ok((field.name().as_str(), Self::of(array)?)))
            .collect()
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Text(array) => array.is_null(row),
            Self::Count(array) => array.is_null(row),
            Self::Truth(array) => array.is_null(row),
            Self::Time(array) => array.is_null(row),
            Self::List(array, _) => array.is_null(row),
            Self::Object(array, _) => array.is_null(row),
        }
    }

    fn json(&self, row: usize, out: &mut Vec<u8>) -> std::io::Result<()> {
        if self.is_null(row) {
            return out.write_all(b"null");
        }
        match self {
            Self::Text(array) => Ok(serde_json::to_writer(out, array.value(row))?),
            Self::Count(array) => write!(out, "{}", array.value(row)),
            Self::Truth(array) => write!(out, "{}", array.value(row)),
            Self::Time(array) => write!(out, "{}", seconds(array.value(row))),
            Self::List(array, values) => {
                out.push(b'[');
                for (position, value) in entries(array, row).enumerate() {
                    out.extend((position > 0).then_some(b','));
                    values.json(value, out)?;
                }
                out.write_all(b"]")
            }
            Self::Object(_, members) => json_object(members, row, out),
        }
    }

    fn csv(&self, row: usize, style: CsvStyle, out: &mut Vec<u8>) -> std::io::Result<()> {
        if self.is_null(row) {
            return Ok(());
        }
        match self {
            Self::Text(array) => csv_text(array.value(row).as_bytes(), style, out),
            Self::List(array, values) => {
                let mut cell = Vec::new();
                values.csv_list(entries(array, row), &mut cell)?;
                // An empty list is an empty cell; an empty text is a quoted one.
                if !cell.is_empty() {
                    csv_text(&cell, style, out);
                }
                return Ok(());
            }
            Self::Count(_) | Self::Truth(_) | Self::Time(_) | Self::Object(..) => {
                return self.json(row, out);
            }
        }
        Ok(())
    }

    /// Texts joined, anything else as JSON.
    fn csv_list(&self, rows: std::ops::Range<usize>, cell: &mut Vec<u8>) -> std::io::Result<()> {
        let is_text = matches!(self, Self::Text(_));
        if rows.is_empty() {
            return Ok(());
        }
        cell.extend((!is_text).then_some(b'['));
        for (position, row) in rows.enumerate() {
            let separator = if is_text { LIST_SEPARATOR } else { b',' };
            cell.extend((position > 0).then_some(separator));
            match self {
                Self::Text(array) => cell.extend_from_slice(array.value(row).as_bytes()),
                _ => self.json(row, cell)?,
            }
        }
        cell.extend((!is_text).then_some(b']'));
        Ok(())
    }
}

/// The rows of a list's values that belong to one row.
fn entries(array: &ListArray, row: usize) -> std::ops::Range<usize> {
    let offset = |row: usize| array.value_offsets().get(row).copied().unwrap_or_default();
    let index = |offset: i32| usize::try_from(offset).unwrap_or_default();
    index(offset(row))..index(offset(row + 1))
}

fn seconds(micros: i64) -> i64 {
    micros.div_euclid(MICROS_PER_SECOND)
}

fn json_object(
    members: &[(&str, Cells<'_>)],
    row: usize,
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    out.push(b'{');
    for (position, (name, cells)) in members.iter().enumerate() {
        out.extend((position > 0).then_some(b','));
        serde_json::to_writer(&mut *out, name)?;
        out.push(b':');
        cells.json(row, out)?;
    }
    out.write_all(b"}")
}

/// Quoted where RFC 4180 asks for it, where it is empty (an empty cell is null) and where a reader could trim it.
fn csv_text(text: &[u8], style: CsvStyle, out: &mut Vec<u8>) {
    let starts_formula = text
        .first()
        .is_some_and(|octet| FORMULA_STARTS.contains(octet));
    let is_marked = style.is_spreadsheet_safe && starts_formula;
    let is_special = |octet: &u8| matches!(octet, b'"' | b',' | b'\r' | b'\n');
    let is_trimmed = text.trim_ascii().len() != text.len();
    let is_quoted = is_marked || text.is_empty() || is_trimmed || text.iter().any(is_special);
    if !is_quoted {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    out.extend(is_marked.then_some(TEXT_MARK));
    for octet in text {
        out.extend((*octet == b'"').then_some(b'"'));
        out.push(*octet);
    }
    out.push(b'"');
}

/// The batch's rows, one JSON object a line.
pub(crate) fn json_lines(batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let schema = batch.schema();
    let pairs = schema.fields().iter().zip(batch.columns());
    let members = pairs
        .map(|(field, array)| Ok((field.name().as_str(), Cells::of(array)?)))
        .collect::<Result<Vec<_>, ArrowError>>()?;
    for row in 0..batch.num_rows() {
        json_object(&members, row, out)?;
        out.push(b'\n');
    }
    Ok(())
}

/// The batch's rows as CSV without a header line.
pub(crate) fn csv_lines(
    batch: &RecordBatch,
    style: CsvStyle,
    out: &mut Vec<u8>,
) -> Result<(), ArrowError> {
    let mut leaves = Vec::new();
    for array in batch.columns() {
        flatten(Cells::of(array)?, &mut leaves);
    }
    for row in 0..batch.num_rows() {
        for (position, cells) in leaves.iter().enumerate() {
            out.extend((position > 0).then_some(b','));
            cells.csv(row, style, out)?;
        }
        // RFC 4180 §2: a line ends with CRLF.
        out.extend_from_slice(b"\r\n");
    }
    Ok(())
}

/// An absent object has absent members, so that its leaves speak for it.
fn flatten<'a>(cells: Cells<'a>, leaves: &mut Vec<Cells<'a>>) {
    match cells {
        Cells::Object(_, members) => {
            for (_, member) in members {
                flatten(member, leaves);
            }
        }
        leaf => leaves.push(leaf),
    }
}

/// A flat column: the names that lead to it and the kind of its cells (`text`, `count`, `truth`, `time`, `list`).
pub(crate) type FlatColumn = (Vec<String>, &'static str);

/// The flat columns of a schema, in order; the nesting is the schema's.
pub(crate) fn flat_columns(fields: &Fields, parents: &[String]) -> Vec<FlatColumn> {
    let mut columns = Vec::new();
    for field in fields {
        let path = [parents, &[field.name().clone()]].concat();
        match field.data_type() {
            DataType::Struct(members) => columns.extend(flat_columns(members, &path)),
            DataType::Int64 => columns.push((path, "count")),
            DataType::Boolean => columns.push((path, "truth")),
            DataType::Timestamp(..) => columns.push((path, "time")),
            DataType::List(_) => columns.push((path, "list")),
            _ => columns.push((path, "text")),
        }
    }
    columns
}

/// The header line: a column's names joined by `_` (`spf_result`).
pub(crate) fn csv_header(fields: &Fields) -> String {
    let columns = flat_columns(fields, &[]);
    let names: Vec<String> = columns.iter().map(|(path, _)| path.join("_")).collect();
    names.join(",") + "\r\n"
}

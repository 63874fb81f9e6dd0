//! `Rows`: finished verdicts as they leave a batch, as JSON, as Arrow and as counts; no Python object a row.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{Array, ArrayRef, RecordBatch, StructArray};
use arrow_schema::{ArrowError, DataType, Field};
use mailauth_core::pseudonym::{KEY_OCTET_MINIMUM, Pseudonyms};
use mailauth_core::verdict::{Row, Verdict};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule};
use pyo3_arrow::error::PyArrowResult;
use pyo3_arrow::ffi::{ArrayIterator, to_schema_pycapsule, to_stream_pycapsule};

use crate::cells::{self, CsvStyle};
use crate::columns;
use crate::errors::Fault;
use crate::shape::Shape;

/// Verdict rows in input order.
#[pyclass(frozen, module = "mailauth_fast._core")]
pub(crate) struct Rows(pub(crate) Arc<RowSet>);

impl Rows {
    pub(crate) fn new(rows: Vec<Row>) -> Self {
        let columns = Mutex::default();
        Self(Arc::new(RowSet { rows, columns }))
    }
}

/// Rows and, once somebody asked for them, their columns: two files may take the same rows.
pub(crate) struct RowSet {
    rows: Vec<Row>,
    columns: Mutex<Option<RecordBatch>>,
}

impl RowSet {
    /// The columns of the shape.
    pub(crate) fn batch(&self, shape: Shape) -> Result<RecordBatch, ArrowError> {
        if shape != Shape::Verdicts {
            return shape.batch(&self.rows);
        }
        let mut columns = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(batch) = columns.as_ref() {
            return Ok(batch.clone());
        }
        let batch = shape.batch(&self.rows)?;
        Ok(columns.insert(batch).clone())
    }
}

impl Deref for RowSet {
    type Target = [Row];

    fn deref(&self) -> &[Row] {
        &self.rows
    }
}

/// A verdict as the contract's JSON.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(value).map_err(|error| Fault::Engine(error.to_string()))
}

#[pymethods]
impl Rows {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// One row as JSON.
    fn json<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyBytes>> {
        let row = self
            .0
            .get(index)
            .ok_or_else(|| PyIndexError::new_err("row index out of range"))?;
        Ok(PyBytes::new(py, &to_json(row)?))
    }

    /// All rows, one JSON object a line.
    #[pyo3(signature = (is_flat = false))]
    fn jsonl<'py>(&self, py: Python<'py>, is_flat: bool) -> PyResult<Bound<'py, PyBytes>> {
        let lines = py.detach(|| json_lines(&self.0, Shape::of(is_flat)));
        Ok(PyBytes::new(py, &lines.map_err(Fault::Engine)?))
    }

    /// All rows as CSV without a header line.
    #[pyo3(signature = (is_flat = false, is_spreadsheet_safe = false))]
    fn csv<'py>(
        &self,
        py: Python<'py>,
        is_flat: bool,
        is_spreadsheet_safe: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let style = CsvStyle {
            is_spreadsheet_safe,
        };
        let lines = py.detach(|| {
            let mut lines = Vec::new();
            let batch = Shape::of(is_flat).batch(&self.0)?;
            cells::csv_lines(&batch, style, &mut lines)?;
            Ok::<_, ArrowError>(lines)
        });
        let lines = lines.map_err(|error| Fault::Engine(error.to_string()))?;
        Ok(PyBytes::new(py, &lines))
    }

    /// The rows with a pseudonym in the place of every local-part.
    fn pseudonymized(&self, py: Python<'_>, key: &[u8]) -> PyResult<Self> {
        let pseudonyms = Pseudonyms::new(key).ok_or_else(|| {
            Fault::Argument(format!(
                "the key of pseudonyms needs at least {KEY_OCTET_MINIMUM} octets"
            ))
        })?;
        let replace = |row: &Row| Box::new(pseudonyms.replace(row));
        Ok(py.detach(|| Self::new(self.0.iter().map(replace).collect())))
    }

    /// How many rows have which word, by field; see [`count_row`].
    fn counts(&self, py: Python<'_>) -> BTreeMap<&'static str, BTreeMap<&'static str, u64>> {
        py.detach(|| {
            let mut counts = Counts::default();
            for row in self.0.iter() {
                count_row(row, &mut counts);
            }
            counts.by_field()
        })
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyArrowResult<Bound<'py, PyCapsule>> {
        let batch = py.detach(|| columns::record_batch(&self.0))?;
        let field = Arc::new(Field::new_struct(
            "",
            batch.schema().fields().clone(),
            false,
        ));
        let array: ArrayRef = Arc::new(StructArray::from(batch));
        let chunks: Vec<Result<ArrayRef, ArrowError>> = if array.is_empty() {
            vec![]
        } else {
            vec![Ok(array)]
        };
        to_stream_pycapsule(
            py,
            Box::new(ArrayIterator::new(chunks, field)),
            requested_schema,
        )
    }

    #[staticmethod]
    fn __arrow_c_schema__(py: Python<'_>) -> PyArrowResult<Bound<'_, PyCapsule>> {
        let fields = columns::schema()?.fields().clone();
        to_schema_pycapsule(py, DataType::Struct(fields))
    }
}

/// One JSON object a line.
pub(crate) fn json_lines(rows: &[Row], shape: Shape) -> Result<Vec<u8>, String> {
    let mut lines = Vec::with_capacity(rows.len() * 2048);
    if shape == Shape::Signatures {
        let batch = shape.batch(rows).map_err(|error| error.to_string())?;
        cells::json_lines(&batch, &mut lines).map_err(|error| error.to_string())?;
        return Ok(lines);
    }
    for row in rows {
        serde_json::to_writer(&mut lines, row).map_err(|error| error.to_string())?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// How often which word stood in which field: few of each, so that a look at all of them is the fastest.
#[derive(Default)]
struct Counts(Vec<(&'static str, Vec<(&'static str, u64)>)>);

impl Counts {
    fn add(&mut self, field: &'static str, word: &'static str) {
        let words = entry(&mut self.0, field);
        *entry(words, word) += 1;
    }

    fn by_field(self) -> BTreeMap<&'static str, BTreeMap<&'static str, u64>> {
        let fields = self.0.into_iter();
        fields
            .map(|(field, words)| (field, words.into_iter().collect()))
            .collect()
    }
}

/// What belongs to a name, made when it is not there yet.
fn entry<'a, T: Default>(entries: &'a mut Vec<(&'static str, T)>, name: &'static str) -> &'a mut T {
    let place = entries.iter().position(|(known, _)| *known == name);
    let place = place.unwrap_or(entries.len());
    if place == entries.len() {
        entries.push((name, T::default()));
    }
    &mut entries[place].1
}

/// Counts a row once under each word it has: `spf`, `dkim` (each word of its signatures once, `none` without any),
/// `arc`, `dmarc`, `disposition`, `error`, and `temperror` for rows with a temperror that asking again could mend.
fn count_row(row: &Verdict, counts: &mut Counts) {
    let mut add = |field, word| counts.add(field, word);
    if let Some(error) = row.error {
        add("error", error.code());
        return;
    }
    for word in signature_words(row) {
        add("dkim", word);
    }
    for (field, word) in results(row).into_iter().flatten() {
        add(field, word);
    }
    if let Some(disposition) = &row.disposition {
        add("disposition", disposition.action.as_str());
    }
    if row.has_temperror() {
        add("temperror", "rows");
    }
}

/// Fields and words of the checks.
fn results(row: &Verdict) -> [Option<(&'static str, &'static str)>; 4] {
    let spf = row.spf.as_ref();
    let helo = row.spf_helo.as_ref();
    let arc = row.arc.as_ref();
    let dmarc = row.dmarc.as_ref();
    [
        spf.map(|spf| ("spf", spf.result.as_str())),
        helo.map(|helo| ("spf_helo", helo.result.as_str())),
        arc.map(|arc| ("arc", arc.result.as_str())),
        dmarc.map(|dmarc| ("dmarc", dmarc.result.as_str())),
    ]
}

fn signature_words(row: &Verdict) -> Vec<&'static str> {
    let mut words: Vec<_> = row
        .dkim
        .iter()
        .map(|signature| signature.result.as_str())
        .collect();
    words.sort_unstable();
    words.dedup();
    if words.is_empty() {
        words.push("none");
    }
    words
}

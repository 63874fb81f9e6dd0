//! `Writer`: the rows of one part to a file of one of the part forms.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use mailauth_core::verdict::Verdict;
use pyo3::prelude::*;

use crate::cells::{self, CsvStyle};
use crate::errors::Fault;
use crate::parquet_rows::{Metadata, ParquetRows};
use crate::rows::{Rows, json_lines};
use crate::shape::Shape;
use crate::target::{Target, sentence};

enum Form {
    Jsonl(BufWriter<File>),
    /// Without a header line: parts are joined.
    Csv(BufWriter<File>, CsvStyle),
    Parquet(Box<ParquetRows>),
}

struct Open {
    form: Form,
    shape: Shape,
}

/// Writes rows under a temporary name; `close` gives the file its name.
#[pyclass(frozen, module = "mailauth_fast._core")]
pub(crate) struct Writer {
    target: Target,
    open: Mutex<Option<Open>>,
}

#[pymethods]
impl Writer {
    /// `form` is `jsonl`, `csv` (no header line) or `parquet`; `metadata` goes into a Parquet file.
    #[new]
    #[pyo3(signature = (path, form, metadata, is_flat = false, is_spreadsheet_safe = false))]
    fn new(
        path: PathBuf,
        form: &str,
        metadata: Metadata,
        is_flat: bool,
        is_spreadsheet_safe: bool,
    ) -> PyResult<Self> {
        let style = CsvStyle {
            is_spreadsheet_safe,
        };
        let target = Target::new(path);
        let open = Open::create(&target, form, metadata, Shape::of(is_flat), style)?;
        Ok(Self {
            target,
            open: Mutex::new(Some(open)),
        })
    }

    /// Appends rows.
    fn write(&self, py: Python<'_>, rows: &Rows) -> PyResult<()> {
        let mut guard = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = guard.as_mut() else {
            return Err(Fault::Argument("the writer is closed".to_owned()).into());
        };
        let written = py.detach(|| open.write(&rows.0));
        Ok(written.map_err(|problem| self.target.fault(&problem))?)
    }

    /// Finishes the file, syncs it and gives it its name.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let open = self
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(open) = open else { return Ok(()) };
        let closed = py.detach(|| {
            let file = open.complete()?;
            self.target.commit(&file)
        });
        Ok(closed.map_err(|problem| self.target.fault(&problem))?)
    }
}

impl Open {
    fn create(
        target: &Target,
        form: &str,
        metadata: Metadata,
        shape: Shape,
        style: CsvStyle,
    ) -> Result<Self, Fault> {
        if !matches!(form, "jsonl" | "csv" | "parquet") {
            let sentence = format!("{form}: parts are jsonl, csv or parquet");
            return Err(Fault::Argument(sentence));
        }
        let create = || {
            let file = target.create()?;
            Ok(match form {
                "jsonl" => Form::Jsonl(BufWriter::new(file)),
                "csv" => Form::Csv(BufWriter::new(file), style),
                _ => {
                    let schema = shape.schema().map_err(|error| error.to_string())?;
                    Form::Parquet(Box::new(ParquetRows::new(file, &schema, metadata)?))
                }
            })
        };
        Ok(Self {
            form: create().map_err(|problem: String| target.fault(&problem))?,
            shape,
        })
    }

    fn write(&mut self, rows: &[Verdict]) -> Result<(), String> {
        match &mut self.form {
            Form::Jsonl(file) => {
                let lines = json_lines(rows, self.shape)?;
                file.write_all(&lines).map_err(|error| sentence(&error))
            }
            Form::Csv(file, style) => {
                let mut lines = Vec::new();
                let batch = self.shape.batch(rows).map_err(|error| error.to_string())?;
                cells::csv_lines(&batch, *style, &mut lines).map_err(|error| error.to_string())?;
                file.write_all(&lines).map_err(|error| sentence(&error))
            }
            Form::Parquet(file) => {
                file.write(self.shape.batch(rows).map_err(|error| error.to_string())?)
            }
        }
    }

    fn complete(self) -> Result<File, String> {
        match self.form {
            Form::Jsonl(file) | Form::Csv(file, _) => {
                file.into_inner().map_err(|error| sentence(error.error()))
            }
            Form::Parquet(file) => file.finish(),
        }
    }
}

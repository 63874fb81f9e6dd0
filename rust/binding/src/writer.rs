//! `Writer`: the rows of one part to a file of one of the part forms.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

use crate::cells::CsvStyle;
use crate::errors::Fault;
use crate::parquet_rows::{Metadata, Purpose};
use crate::pen::{Pen, PenFault, Script};
use crate::rows::Rows;
use crate::shape::Shape;
use crate::target::Target;

/// Writes rows under a temporary name, on a thread of its own; `close` gives the file its name.
#[pyclass(frozen, module = "mailauth_fast._core")]
pub(crate) struct Writer {
    target: Target,
    pen: Mutex<Option<Pen>>,
}

#[pymethods]
impl Writer {
    /// `form` is `jsonl`, `csv` (no header line) or `parquet`; `metadata` goes into a Parquet file. What `is_meanwhile` is
    /// read once at most, so it is written with the least work.
    #[new]
    #[pyo3(signature = (path, form, metadata, is_flat = false, is_spreadsheet_safe = false, is_meanwhile = false))]
    fn new(
        path: PathBuf,
        form: &str,
        metadata: Metadata,
        is_flat: bool,
        is_spreadsheet_safe: bool,
        is_meanwhile: bool,
    ) -> PyResult<Self> {
        let purpose = if is_meanwhile {
            Purpose::Meanwhile
        } else {
            Purpose::Kept
        };
        let style = CsvStyle {
            is_spreadsheet_safe,
        };
        if !matches!(form, "jsonl" | "csv" | "parquet") {
            let sentence = format!("{form}: parts are jsonl, csv or parquet");
            return Err(Fault::Argument(sentence).into());
        }
        let target = Target::new(path);
        let begun = target.create().and_then(|file| {
            Script::begin(form, file, Shape::of(is_flat), style, (metadata, purpose))
        });
        let script = begun.map_err(|problem| target.fault(&problem))?;
        Ok(Self {
            target,
            pen: Mutex::new(script.map(Pen::new)),
        })
    }

    /// Appends rows; what is wrong with the file may be told by a later call.
    fn write(&self, py: Python<'_>, rows: &Rows) -> PyResult<()> {
        let rows = Arc::clone(&rows.0);
        Ok(py.detach(|| {
            let mut guard = self.pen();
            let Some(pen) = guard.as_ref() else {
                return Err(Fault::Argument("the writer is closed".to_owned()));
            };
            if pen.write(rows) {
                return Ok(());
            }
            let pen = guard.take();
            pen.map_or(Ok(()), |pen| self.complete(pen))
        })?)
    }

    /// Finishes the file, syncs it and gives it its name.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| {
            let pen = self.pen().take();
            pen.map_or(Ok(()), |pen| self.complete(pen))
        })?)
    }

    /// Gives the file up and removes it; nothing happens to one that was closed.
    fn discard(&self, py: Python<'_>) {
        py.detach(|| {
            if let Some(pen) = self.pen().take() {
                pen.give_up();
                self.target.discard();
            }
        });
    }
}

impl Writer {
    fn pen(&self) -> MutexGuard<'_, Option<Pen>> {
        self.pen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the file; one that does not come about leaves nothing behind.
    fn complete(&self, pen: Pen) -> Result<(), Fault> {
        let committed = pen.complete().map_err(|fault| match fault {
            PenFault::Refused(problem) => self.target.fault(&problem),
            PenFault::Panicked(fault) => Fault::Engine(fault.0),
        });
        let committed = committed.and_then(|file| {
            let committed = self.target.commit(&file);
            committed.map_err(|problem| self.target.fault(&problem))
        });
        committed.inspect_err(|_| self.target.discard())
    }
}

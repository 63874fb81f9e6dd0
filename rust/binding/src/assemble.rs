//! `assemble`: the parts of a run become the file that was asked for, with flat memory and the same octets however the
//! rows were cut into parts.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{Schema, SchemaRef};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use pyo3::prelude::*;

use crate::cells;
use crate::errors::Fault;
use crate::parquet_rows::{BATCH_ROWS, Metadata, ParquetRows, Purpose};
use crate::shape::Shape;
use crate::target::{Target, sentence};

/// Writes `target` from the parts, in their order: `parquet` and `arrow` from Parquet parts, `jsonl` and `json` from JSONL
/// parts, `csv` from CSV parts. `metadata` goes into Parquet and Arrow files.
#[pyfunction]
#[pyo3(signature = (row_format, parts, target, metadata, is_flat = false))]
#[expect(
    clippy::needless_pass_by_value,
    reason = "Python hands over what it converted"
)]
pub(crate) fn assemble(
    py: Python<'_>,
    row_format: &str,
    parts: Vec<PathBuf>,
    target: PathBuf,
    metadata: Metadata,
    is_flat: bool,
) -> PyResult<()> {
    let assembly = Assembly {
        parts: &parts,
        target: Target::new(target),
        shape: Shape::of(is_flat),
    };
    Ok(py.detach(|| assembly.run(row_format, metadata))?)
}

struct Assembly<'a> {
    parts: &'a [PathBuf],
    target: Target,
    shape: Shape,
}

impl Assembly<'_> {
    fn run(&self, row_format: &str, metadata: Metadata) -> Result<(), Fault> {
        let written = match row_format {
            "parquet" => self.parquet(self.target.temporary(), metadata),
            "arrow" => self.arrow(metadata),
            "jsonl" => self.joined(b""),
            "json" => self.json(),
            "csv" => self.csv(),
            _ => {
                let sentence = format!("{row_format}: no format that parts are assembled into");
                return Err(Fault::Argument(sentence));
            }
        };
        let committed = written.and_then(|file| self.target.commit(&file).map_err(Problem::Target));
        committed.map_err(|problem| {
            self.target.discard();
            problem.fault(&self.target)
        })
    }

    fn parquet(&self, path: &Path, metadata: Metadata) -> Result<File, Problem> {
        let schema = self.schema()?;
        let file = File::create(path).map_err(|error| Problem::Target(sentence(&error)))?;
        let mut rows =
            ParquetRows::new(file, &schema, metadata, Purpose::Kept).map_err(Problem::Target)?;
        for part in self.parts {
            for batch in batches(part)? {
                let batch = batch.map_err(|error| Problem::part(part, &error.to_string()))?;
                rows.write(with_schema(part, &batch, &schema)?)
                    .map_err(Problem::Target)?;
            }
        }
        rows.finish().map_err(Problem::Target)
    }

    /// By way of one Parquet file: what is read from the same octets has the same buffers, also where nulls hide values.
    fn arrow(&self, metadata: Metadata) -> Result<File, Problem> {
        let scratch = self.target.scratch();
        let written = self
            .parquet(&scratch, Metadata::new())
            .and_then(|_| self.arrow_from(&scratch, metadata));
        // Nothing more can be done when even removing fails.
        let _ = fs::remove_file(scratch);
        written
    }

    fn arrow_from(&self, rows: &Path, metadata: Metadata) -> Result<File, Problem> {
        let fail = |error: arrow_schema::ArrowError| Problem::Target(error.to_string());
        let fields = self.schema()?.fields().clone();
        let schema = SchemaRef::new(Schema::new_with_metadata(
            fields,
            metadata.into_iter().collect(),
        ));
        let file = BufWriter::new(self.target.create().map_err(Problem::Target)?);
        let mut writer = FileWriter::try_new(file, &schema).map_err(fail)?;
        for batch in batches(rows)? {
            let batch = batch.map_err(fail)?;
            writer
                .write(&with_schema(rows, &batch, &schema)?)
                .map_err(fail)?;
        }
        finish(writer.into_inner().map_err(fail)?)
    }

    /// The parts behind each other.
    fn joined(&self, head: &[u8]) -> Result<File, Problem> {
        let mut file = self.target.create().map_err(Problem::Target)?;
        let fail = |error: io::Error| Problem::Target(sentence(&error));
        file.write_all(head).map_err(fail)?;
        for part in self.parts {
            io::copy(&mut open(part)?, &mut file).map_err(fail)?;
        }
        Ok(file)
    }

    fn csv(&self) -> Result<File, Problem> {
        self.joined(cells::csv_header(self.schema()?.fields()).as_bytes())
    }

    /// One array, an object a line; a line end inside a JSON text is always escaped.
    fn json(&self) -> Result<File, Problem> {
        let fail = |error: io::Error| Problem::Target(sentence(&error));
        let mut file = BufWriter::new(self.target.create().map_err(Problem::Target)?);
        let mut before: &[u8] = b"[";
        let mut line = Vec::new();
        for part in self.parts {
            let mut lines = BufReader::new(open(part)?);
            while read_line(&mut lines, &mut line, part)? {
                file.write_all(before).map_err(fail)?;
                file.write_all(b"\n").map_err(fail)?;
                file.write_all(&line).map_err(fail)?;
                before = b",";
            }
        }
        let end: &[u8] = if line.is_empty() && before == b"[" {
            b"[]\n"
        } else {
            b"\n]\n"
        };
        file.write_all(end).map_err(fail)?;
        finish(file)
    }

    fn schema(&self) -> Result<SchemaRef, Problem> {
        self.shape
            .schema()
            .map_err(|error| Problem::Target(error.to_string()))
    }
}

/// What went wrong with which file.
enum Problem {
    Target(String),
    Part(String),
}

impl Problem {
    fn part(part: &Path, problem: &str) -> Self {
        Self::Part(format!(
            "{}: this part of the run cannot be used ({problem}); remove it and run again",
            part.display()
        ))
    }

    fn fault(self, target: &Target) -> Fault {
        match self {
            Self::Target(problem) => target.fault(&problem),
            Self::Part(sentence) => Fault::Unreadable(sentence),
        }
    }
}

fn open(part: &Path) -> Result<File, Problem> {
    File::open(part).map_err(|error| Problem::part(part, &sentence(&error)))
}

fn batches(part: &Path) -> Result<ParquetRecordBatchReader, Problem> {
    let fail = |error: parquet::errors::ParquetError| Problem::part(part, &error.to_string());
    ParquetRecordBatchReaderBuilder::try_new(open(part)?)
        .map_err(fail)?
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(fail)
}

/// The batch under our schema, which differs only in what it says of the file.
fn with_schema(
    part: &Path,
    batch: &RecordBatch,
    schema: &SchemaRef,
) -> Result<RecordBatch, Problem> {
    if batch.schema().fields() != schema.fields() {
        return Err(Problem::part(part, "another version wrote it"));
    }
    RecordBatch::try_new(schema.clone(), batch.columns().to_vec())
        .map_err(|error| Problem::part(part, &error.to_string()))
}

/// The next line without its end; false behind the last.
fn read_line(lines: &mut impl BufRead, line: &mut Vec<u8>, part: &Path) -> Result<bool, Problem> {
    line.clear();
    let length = lines
        .read_until(b'\n', line)
        .map_err(|error| Problem::part(part, &sentence(&error)))?;
    line.pop_if(|octet| *octet == b'\n');
    Ok(length > 0)
}

fn finish(file: BufWriter<File>) -> Result<File, Problem> {
    file.into_inner()
        .map_err(|error| Problem::Target(sentence(error.error())))
}

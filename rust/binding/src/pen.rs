//! `Pen`: rows into a file on a thread of its own, so that whoever hands them over goes on meanwhile.
//!
//! Knows the part forms. Must not know Python, nor what the file is called in the end.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use mailauth_core::batch::EngineFault;

use crate::cells::{self, CsvStyle};
use crate::parquet_rows::{Metadata, ParquetRows, Purpose};
use crate::rows::{RowSet, json_lines};
use crate::shape::Shape;
use crate::target::sentence;

/// Batches that wait for the pen: beyond it whoever hands rows over waits, and memory stays flat.
const BATCHES_WAITING: usize = 1;

/// What a pen writes.
pub(crate) struct Script {
    pub(crate) shape: Shape,
    pub(crate) form: Form,
}

/// A part form and where it goes.
pub(crate) enum Form {
    /// One JSON object a line.
    Jsonl(BufWriter<File>),
    /// Without a header line: parts are joined.
    Csv(BufWriter<File>, CsvStyle),
    /// Columns.
    Parquet(Box<ParquetRows>),
}

impl Script {
    /// The beginning of a file of this form; `None` for what is no part form.
    pub(crate) fn begin(
        name: &str,
        file: File,
        shape: Shape,
        style: CsvStyle,
        (metadata, purpose): (Metadata, Purpose),
    ) -> Result<Option<Self>, String> {
        let form = match name {
            "jsonl" => Form::Jsonl(BufWriter::new(file)),
            "csv" => Form::Csv(BufWriter::new(file), style),
            "parquet" => {
                let schema = shape.schema().map_err(|error| error.to_string())?;
                let rows = ParquetRows::new(file, &schema, metadata, purpose)?;
                Form::Parquet(Box::new(rows))
            }
            _ => return Ok(None),
        };
        Ok(Some(Self { shape, form }))
    }

    fn write(&mut self, rows: &RowSet) -> Result<(), String> {
        match &mut self.form {
            Form::Jsonl(file) => {
                let lines = json_lines(rows, self.shape)?;
                file.write_all(&lines).map_err(|error| sentence(&error))
            }
            Form::Csv(file, style) => {
                let mut lines = Vec::new();
                let batch = rows.batch(self.shape).map_err(|error| error.to_string())?;
                cells::csv_lines(&batch, *style, &mut lines).map_err(|error| error.to_string())?;
                file.write_all(&lines).map_err(|error| sentence(&error))
            }
            Form::Parquet(file) => {
                file.write(rows.batch(self.shape).map_err(|error| error.to_string())?)
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

enum Order {
    Write(Arc<RowSet>),
    Complete,
}

/// Why a file did not come about.
pub(crate) enum PenFault {
    /// The system or a format refused.
    Refused(String),
    /// A fault of ours.
    Panicked(EngineFault),
}

/// A file in the making.
pub(crate) struct Pen {
    orders: SyncSender<Order>,
    thread: JoinHandle<Result<Option<File>, String>>,
}

impl Pen {
    /// Begins to write.
    pub(crate) fn new(script: Script) -> Self {
        let (orders, received) = sync_channel(BATCHES_WAITING);
        let thread = std::thread::spawn(move || follow(script, &received));
        Self { orders, thread }
    }

    /// Hands rows over; what is wrong with them is told by [`Pen::complete`]. False when it has stopped for a fault.
    pub(crate) fn write(&self, rows: Arc<RowSet>) -> bool {
        self.orders.send(Order::Write(rows)).is_ok()
    }

    /// Writes all that was handed over and what ends the file.
    pub(crate) fn complete(self) -> Result<File, PenFault> {
        // A thread that stopped for a fault hears nothing; what it gave back tells the fault.
        let _ = self.orders.send(Order::Complete);
        match self.end()? {
            Some(file) => Ok(file),
            None => Err(PenFault::Refused("the file was given up".to_owned())),
        }
    }

    /// Ends without a file.
    pub(crate) fn give_up(self) {
        // Nobody wants the file any more, so nothing can be wrong with it.
        let _ = self.end();
    }

    fn end(self) -> Result<Option<File>, PenFault> {
        drop(self.orders);
        match self.thread.join() {
            Ok(ended) => ended.map_err(PenFault::Refused),
            Err(panic) => Err(PenFault::Panicked(EngineFault::of_panic(&*panic))),
        }
    }
}

fn follow(mut script: Script, orders: &Receiver<Order>) -> Result<Option<File>, String> {
    for order in orders {
        match order {
            Order::Write(rows) => script.write(&rows)?,
            Order::Complete => return script.complete().map(Some),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use mailauth_core::verdict::{ErrorReason, Verdict};

    use super::*;
    use crate::rows::Rows;

    fn rows(id: &str) -> Arc<RowSet> {
        Rows::new(vec![Box::new(Verdict::failed(
            id.into(),
            7,
            ErrorReason::Truncated,
        ))])
        .0
    }

    fn pen(path: &std::path::Path, is_writable: bool) -> Pen {
        let options = std::fs::OpenOptions::new()
            .write(is_writable)
            .read(true)
            .open(path);
        let style = CsvStyle {
            is_spreadsheet_safe: false,
        };
        let how = (Metadata::new(), Purpose::Kept);
        let script = Script::begin("jsonl", options.unwrap(), Shape::Verdicts, style, how);
        Pen::new(script.unwrap().unwrap())
    }

    fn scratch(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("pen-{}-{name}", std::process::id()));
        std::fs::write(&path, "").unwrap();
        path
    }

    #[test]
    fn rows_come_in_the_order_they_were_handed_over() {
        let path = scratch("order");
        let pen = pen(&path, true);
        let ids: Vec<String> = (0..BATCHES_WAITING * 9).map(|n| n.to_string()).collect();
        assert!(ids.iter().all(|id| pen.write(rows(id))));
        assert!(pen.complete().is_ok());
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let found: Vec<&str> = text
            .lines()
            .map(|line| line.split('"').nth(3).unwrap())
            .collect();
        assert_eq!(found, ids);
    }

    #[test]
    fn what_the_system_refuses_is_told_at_the_end() {
        let path = scratch("refused");
        let pen = pen(&path, false);
        let is_written = pen.write(rows("a"));
        let ended = pen.complete();
        std::fs::remove_file(&path).unwrap();
        assert!(is_written && matches!(ended, Err(PenFault::Refused(_))));
    }

    #[test]
    fn rows_have_the_same_columns_however_often_they_are_asked_for() {
        let rows = rows("a");
        let first = rows.batch(Shape::Verdicts).unwrap();
        assert_eq!(first, rows.batch(Shape::Verdicts).unwrap());
        assert_eq!(rows.batch(Shape::Signatures).unwrap().num_rows(), 0);
    }
}

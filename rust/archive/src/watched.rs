//! A source and what is to be said after it: of the compression around it, of a file that was changed meanwhile.

use std::fs::{File, Metadata};
use std::path::PathBuf;
use std::sync::Arc;

use crate::account::Account;
use crate::compressed::Afterword;
use crate::file::{Found, Reading, Source};
use crate::member::Member;
use crate::problem::SourceProblem;

/// Gives a source, and after it what is to be said of the layers around it.
pub(crate) struct Watched {
    path: PathBuf,
    account: Arc<Account>,
    /// The source that is given first.
    pub(crate) found: Option<Found>,
    /// Where the layers around it leave their faults.
    pub(crate) afterwords: Vec<Afterword>,
    file: Option<(File, Metadata)>,
}

impl Watched {
    /// Watches what is around this member, and a file as it was when it was opened.
    pub(crate) fn new(member: &Member, file: Option<(File, Metadata)>) -> Self {
        Self {
            path: member.path.clone(),
            account: Arc::clone(&member.account),
            found: None,
            afterwords: Vec::new(),
            file,
        }
    }

    /// True when something may have to be said.
    pub(crate) fn has_afterword(&self) -> bool {
        self.file.is_some() || !self.afterwords.is_empty()
    }

    fn has_file_changed(&mut self) -> bool {
        let Some((file, before)) = self.file.take() else {
            return false;
        };
        let is_told = self.account.has_shrunk();
        file.metadata().is_ok_and(|now| {
            now.len() != before.len() || now.modified().ok() != before.modified().ok()
        }) && !is_told
    }
}

impl Source for Watched {
    fn next_found(&mut self, _: &Reading) -> Option<Result<Found, SourceProblem>> {
        if let Some(found) = self.found.take() {
            return Some(Ok(found));
        }
        let path = self.path.clone();
        while let Some(afterword) = self.afterwords.pop() {
            if let Some(fault) = afterword.get() {
                return Some(Err(SourceProblem::Packed {
                    path,
                    is_whole_input: false,
                    fault: *fault,
                }));
            }
        }
        let has_changed = self.has_file_changed();
        has_changed.then_some(Err(SourceProblem::Changed { path }))
    }

    fn is_many(&self) -> bool {
        self.found.as_ref().is_some_and(Found::is_many)
    }
}

/// Gives a file's source, and then a problem if the file was changed meanwhile.
pub(crate) fn watch_file(
    member: &Member,
    source: Box<dyn Source>,
    file: File,
    metadata: Metadata,
) -> Found {
    let mut watched = Watched::new(member, Some((file, metadata)));
    watched.found = Some(Found::Inner(source));
    Found::Inner(Box::new(watched))
}

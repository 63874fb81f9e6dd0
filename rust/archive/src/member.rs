//! Octets without a file of their own: a stream, a member of a container, what a compressed file unpacks to.
//!
//! [`recognise`] is the one door: it unpacks compressed layers, looks at the first octets and gives the reader of
//! what they are. The rules of `file` hold, by the place where the octets were met. Knows no packing's inside.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::account::Account;
use crate::compressed::Unpacked;
use crate::file::{Found, Place, Reading, Source};
use crate::id::text_of;
use crate::json_lines::{JsonLines, fault_of_form, may_hold_messages};
use crate::kind::{ForeignStore, Kind, UnreadKind};
use crate::mbox::Mbox;
use crate::member_name::MemberName;
use crate::packing::{NESTING_LIMIT, PackingFault};
use crate::problem::SourceProblem;
use crate::single::{Extent, Single};
use crate::sniffed::Sniffed;
use crate::tar::Tar;
use crate::watched::Watched;
use crate::window::Window;
use crate::zip::Zip;

/// Where octets come from, and what is believed of them.
#[derive(Clone)]
pub(crate) struct Member {
    /// For people: the input's path, with the members' names behind it.
    pub(crate) path: PathBuf,
    /// The id without the octet where a message begins.
    pub(crate) id: String,
    /// Where the octets begin in the stream whose position belongs to the id of a single message.
    pub(crate) position: Option<u64>,
    /// Where they were met.
    pub(crate) place: Place,
    /// Layers of packing around them.
    pub(crate) level: usize,
    /// The account of the input they come out of.
    pub(crate) account: Arc<Account>,
}

impl Member {
    /// A member of this container.
    pub(crate) fn inner(&self, name: &MemberName<'_>, place: Place, position: Option<u64>) -> Self {
        let mut path = self.path.clone().into_os_string();
        path.push("/");
        path.push(OsString::from_vec(name.whole()));
        let id = text_of(OsStr::from_bytes(&name.without_flags()));
        Self {
            path: path.into(),
            id: format!("{}/{id}", self.id),
            position,
            place,
            level: self.level,
            account: Arc::clone(&self.account),
        }
    }

    /// Goes one layer of packing down.
    pub(crate) fn unpack(&mut self) -> Result<(), SourceProblem> {
        if self.level >= NESTING_LIMIT {
            let limit = NESTING_LIMIT;
            return Err(self.problem(PackingFault::TooDeep { limit }));
        }
        self.level += 1;
        Ok(())
    }

    /// A fault of the packing around or within these octets.
    pub(crate) fn problem(&self, fault: PackingFault) -> SourceProblem {
        SourceProblem::Packed {
            path: self.path.clone(),
            is_whole_input: self.place.is_named(),
            fault,
        }
    }

    fn failed(&self, error: io::Error) -> SourceProblem {
        SourceProblem::of_reading(self.path.clone(), self.place.is_named(), error)
    }

    /// A container that held no mail: told of a named one, else only counted.
    pub(crate) fn without_mail(&self, reading: &Reading) -> Option<SourceProblem> {
        if self.place.is_named() {
            let path = self.path.clone();
            return Some(SourceProblem::NoMail { path });
        }
        reading.progress.add_skipped_file();
        None
    }

    fn is_mail_by_name(&self) -> bool {
        self.place == Place::Maildir || self.is_named_eml()
    }

    /// The extension that promises one message, also before that of a compression.
    fn is_named_eml(&self) -> bool {
        let has = |path: &Path, wanted: &[&str]| {
            path.extension().is_some_and(|extension| {
                wanted
                    .iter()
                    .any(|wanted| extension.eq_ignore_ascii_case(wanted))
            })
        };
        let stem = self.path.file_stem().map(Path::new);
        has(&self.path, &["eml"])
            || has(&self.path, &["gz", "zst", "xz"]) && stem.is_some_and(|stem| has(stem, &["eml"]))
    }

    /// The reader of octets that are compressed no more.
    fn found(mut self, sniffed: Sniffed, reading: &Reading) -> Result<Found, SourceProblem> {
        match sniffed.kind() {
            Kind::Tar => {
                self.unpack()?;
                Ok(Found::Inner(Box::new(Tar::new(
                    self,
                    sniffed.into_reader(),
                ))))
            }
            Kind::Zip => {
                let zip = Zip::of_stream(self, sniffed.into_reader(), reading)?;
                Ok(Found::Inner(Box::new(zip)))
            }
            Kind::Unread(UnreadKind::Json) if self.is_mail_by_name() => Ok(self.single(sniffed)),
            Kind::Unread(UnreadKind::Json) => self.json_lines(sniffed, reading),
            Kind::Unread(kind) if kind.is_read_from_files() => {
                let fault = kind.needs_file().of(&self.path, self.place.is_named());
                self.refuse(Some(fault), sniffed, reading)
            }
            Kind::Unread(kind) => {
                self.refuse(unread(&self.path, self.place, kind), sniffed, reading)
            }
            Kind::Foreign(store) => {
                self.refuse(foreign(&self.path, self.place, store), sniffed, reading)
            }
            Kind::Mbox if self.is_mbox(&sniffed, reading) => Ok(self.mbox(sniffed, reading)),
            Kind::Emlx { start, octets } if self.place != Place::Maildir => {
                let start = start as u64;
                Ok(self.message(sniffed, Extent::Range { start, octets }))
            }
            Kind::Mail | Kind::Mbox => Ok(self.single(sniffed)),
            Kind::Fields if self.place != Place::Folder => Ok(self.single(sniffed)),
            _ if self.is_mail_by_name() => Ok(self.single(sniffed)),
            kind => self.refuse_other(kind, sniffed, reading),
        }
    }

    fn mbox(self, sniffed: Sniffed, reading: &Reading) -> Found {
        let stream = sniffed.into_stream();
        let window = Window::new(stream, Arc::clone(&reading.pool));
        Found::Inner(Box::new(Mbox::new(self.path, self.id, window)))
    }

    fn json_lines(self, sniffed: Sniffed, reading: &Reading) -> Result<Found, SourceProblem> {
        let is_named = self.place.is_named();
        if !is_named && !may_hold_messages(sniffed.head()) {
            return self.refuse(None, sniffed, reading);
        }
        if let Some(fault) = fault_of_form(sniffed.head()) {
            return Err(fault.of(&self.path, is_named));
        }
        let window = Window::new(sniffed.into_stream(), Arc::clone(&reading.pool));
        let lines = JsonLines::new(self.path, self.id, window);
        Ok(Found::Inner(Box::new(lines)))
    }

    fn single(self, sniffed: Sniffed) -> Found {
        self.message(sniffed, Extent::Whole)
    }

    fn message(self, sniffed: Sniffed, extent: Extent) -> Found {
        let start = match extent {
            Extent::Whole => 0,
            Extent::Range { start, .. } => start,
        };
        let id = match self.position {
            Some(position) => format!("{}:{}", self.id, position.saturating_add(start)),
            None => self.id,
        };
        let is_mbox = sniffed.kind() == Kind::Mbox;
        let single = Single::new(self.path, id, sniffed.into_reader(), extent);
        Found::Inner(Box::new(if is_mbox {
            single.out_of_mbox()
        } else {
            single
        }))
    }

    /// Where the name says one message, a second From line among the first octets says an mbox.
    ///
    /// Octets beyond them cannot be seen ahead: then it is an mbox, which splits where a message ends.
    fn is_mbox(&self, sniffed: &Sniffed, reading: &Reading) -> bool {
        match self.place {
            Place::Maildir => false,
            Place::Numbered => sniffed.may_have_second_message(reading),
            _ => !self.is_named_eml() || sniffed.may_have_second_message(reading),
        }
    }

    /// What is no mail here: a problem, of its kind or of its octets, or a member that is passed over.
    fn refuse(
        &self,
        problem: Option<SourceProblem>,
        sniffed: Sniffed,
        reading: &Reading,
    ) -> Result<Found, SourceProblem> {
        let failed = sniffed.failure.map(|error| self.failed(error));
        problem
            .or(failed)
            .map_or_else(|| Ok(reading.pass_over()), Err)
    }

    fn refuse_other(
        self,
        kind: Kind,
        sniffed: Sniffed,
        reading: &Reading,
    ) -> Result<Found, SourceProblem> {
        let path = self.path.clone();
        match (self.place, kind) {
            _ if sniffed.failure.is_some() => self.refuse(None, sniffed, reading),
            (Place::Named | Place::Stream, Kind::Empty) => Err(SourceProblem::Empty { path }),
            (Place::Stream, _) => Ok(self.single(sniffed)),
            (Place::Named, _) => Err(SourceProblem::NotMail { path }),
            _ => self.refuse(None, sniffed, reading),
        }
    }
}

/// Recognises octets, compressed ones after they are unpacked, and gives what reads them.
pub(crate) fn recognise(
    member: Member,
    reader: Box<dyn Read + Send>,
    reading: &Reading,
) -> Result<Found, SourceProblem> {
    recognise_file(member, reader, reading, None)
}

/// Recognises the octets of a file, which is looked at again when they are read.
pub(crate) fn recognise_file(
    mut member: Member,
    reader: Box<dyn Read + Send>,
    reading: &Reading,
    file: Option<(File, Metadata)>,
) -> Result<Found, SourceProblem> {
    let mut watched = Watched::new(&member, file);
    let mut sniffed = Sniffed::of(reader);
    while let Kind::Compressed(packing) = sniffed.kind() {
        member.unpack()?;
        let account = Arc::clone(&member.account);
        let unpacked = Unpacked::new(packing, sniffed.into_reader(), account)
            .map_err(|error| member.failed(error))?;
        watched.afterwords.push(unpacked.afterword());
        sniffed = Sniffed::of(Box::new(unpacked));
    }
    match member.found(sniffed, reading)? {
        found @ Found::Inner(_) if watched.has_afterword() => {
            watched.found = Some(found);
            Ok(Found::Inner(Box::new(watched)))
        }
        found => Ok(found),
    }
}

/// Tells whether an mbox has more than one message.
pub(crate) fn has_second_message(mut mbox: Mbox, reading: &Reading) -> bool {
    let mut messages = 0;
    while messages < 2 {
        match mbox.next_found(reading) {
            Some(Ok(_)) => messages += 1,
            Some(Err(_)) => {}
            None => return false,
        }
    }
    true
}

/// The problem of a kind that is not read, unless it is passed over where it stands.
pub(crate) fn unread(path: &Path, place: Place, kind: UnreadKind) -> Option<SourceProblem> {
    let is_whole_input = place.is_named();
    let is_told = is_whole_input || kind.may_hide_mail();
    is_told.then(|| SourceProblem::NotReadYet {
        path: path.to_owned(),
        kind,
        is_whole_input,
    })
}

/// The problem of a store without original octets, unless it is passed over where it stands.
pub(crate) fn foreign(path: &Path, place: Place, store: ForeignStore) -> Option<SourceProblem> {
    let is_whole_input = place.is_named();
    let is_msg = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("msg"));
    let is_told = is_whole_input || store == ForeignStore::Outlook || is_msg;
    is_told.then(|| SourceProblem::Foreign {
        path: path.to_owned(),
        store,
        is_whole_input,
    })
}

#[cfg(test)]
pub(crate) mod tests;

//! A stream that is one message from its first octet to its last.

use std::path::PathBuf;

use mailauth_core::verdict::ErrorReason;

use crate::file::{Found, Reading, Source};
use crate::problem::SourceProblem;
use crate::stored_message::StoredMessage;
use crate::stream::Ending;
use crate::window::Window;

/// The one message of a stream.
pub(crate) struct Single {
    path: PathBuf,
    id: String,
    window: Window,
    state: State,
}

enum State {
    Unread,
    Failed(SourceProblem),
    Done,
}

impl Single {
    /// The stream behind `window`, whose beginning may be read already.
    pub(crate) fn new(path: PathBuf, id: String, window: Window) -> Self {
        Self {
            path,
            id,
            window,
            state: State::Unread,
        }
    }

    fn read(&mut self, reading: &Reading) -> StoredMessage {
        let most = reading.message_octet_limit.saturating_add(1);
        while !self.window.has_ended() {
            // A message that is too large is only counted.
            let end = self.window.end();
            let keep = if end > reading.message_octet_limit {
                end
            } else {
                0
            };
            self.window.read_on(keep, end.saturating_add(1), most);
        }
        let size = self.window.end();
        let octets = match self.window.take_ending() {
            Ending::Failed(source) => {
                self.state = State::Failed(SourceProblem::Unreadable {
                    path: self.path.clone(),
                    is_whole_input: false,
                    source,
                });
                Err(ErrorReason::Unreadable)
            }
            Ending::Shrank => Err(ErrorReason::Truncated),
            Ending::End if size > reading.message_octet_limit => Err(ErrorReason::MessageTooLarge),
            Ending::End => Ok(self.window.share(0, size)),
        };
        StoredMessage {
            id: std::mem::take(&mut self.id),
            size,
            octets,
            is_mbox: false,
            offset: None,
            notes: Vec::new(),
            envelope: None,
        }
    }
}

impl Source for Single {
    fn next_found(&mut self, reading: &Reading) -> Option<Result<Found, SourceProblem>> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Unread => Some(Ok(Found::Message(self.read(reading)))),
            State::Failed(problem) => Some(Err(problem)),
            State::Done => None,
        }
    }
}

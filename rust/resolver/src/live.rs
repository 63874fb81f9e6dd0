//! The live resolver as others see it: a handle to a thread that starts with the first question.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use mailauth_core::dns::{Deliver, Question, Resolver};

use crate::counters::{Counters, Statistics};
use crate::engine::Engine;
use crate::event_loop;
use crate::flight::Asker;
use crate::settings::{Settings, SettingsError};

/// Asks recursive servers over UDP and TCP.
///
/// Answers are delivered by the resolver's own thread: a `deliver` that blocks holds up all questions. When the
/// resolver is dropped, its thread ends by itself and questions without answer are time-outs.
pub struct LiveResolver {
    settings: Settings,
    counters: Arc<Counters>,
    worker: Mutex<Option<Worker>>,
}

struct Worker {
    questions: Sender<Vec<Asker>>,
    wake: UnixStream,
}

impl LiveResolver {
    /// A resolver with these settings; nothing is opened or started yet.
    ///
    /// # Errors
    /// The settings name no server.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        if settings.servers.is_empty() {
            return Err(SettingsError::NoNameserver);
        }
        Ok(Self {
            counters: Arc::new(Counters::new(&settings.servers)),
            settings,
            worker: Mutex::default(),
        })
    }

    /// What it was made with.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// True while no server answers: questions are time-outs at once. Whether that happened at any time is in
    /// [`Statistics::breaks`].
    pub fn is_broken(&self) -> bool {
        self.counters.is_broken.load(Ordering::Relaxed)
    }

    /// What it has done so far.
    pub fn statistics(&self) -> Statistics {
        self.counters.statistics()
    }

    fn start(&self) -> io::Result<Worker> {
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let (questions, received) = channel();
        let engine = Engine::new(self.settings.clone(), Arc::clone(&self.counters));
        thread::Builder::new()
            .name("mailauth-resolver".to_owned())
            .spawn(move || event_loop::run(engine, &received, &woken))?;
        Ok(Worker { questions, wake })
    }

    /// Hands questions to the thread; they come back when there is none.
    fn hand_over(&self, askers: Vec<Asker>) -> Result<(), Vec<Asker>> {
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        if worker.is_none() {
            *worker = self.start().ok();
        }
        let Some(running) = worker.as_ref() else {
            return Err(askers);
        };
        if let Err(unsent) = running.questions.send(askers) {
            // The thread has ended, which only a lack of memory explains: the next question starts another.
            *worker = None;
            return Err(unsent.0);
        }
        // A full pipe means that the thread is going to wake up anyway.
        let _ = (&running.wake).write(&[0]);
        Ok(())
    }
}

impl Resolver for LiveResolver {
    fn ask(&self, questions: Vec<Question>, deliver: Deliver) {
        let askers = questions
            .into_iter()
            .map(|question| Asker::new(question, Arc::clone(&deliver)))
            .collect();
        // Without a thread nobody can answer; an asker that is dropped gets its time-out. Not under the lock: what
        // is called there may ask again.
        drop(self.hand_over(askers));
    }
}

//! From a resolver of the Python side to one that the engine asks, with all that has to be watched beside it.

use std::sync::{Arc, Mutex};

use mailauth_core::dns::Resolver;
use mailauth_resolver::store::Recorder;
use pyo3::prelude::*;

use crate::live::LiveResolver;
use crate::python_resolver::PythonResolver;
use crate::store::{RecordedResolver, RecordingResolver};
use crate::zone::PyStaticZone;

/// What a Python resolver raised, kept until it can be raised where the run is driven.
pub(crate) type Failure = Arc<Mutex<Option<String>>>;

/// A resolver and what tells how it fares.
pub(crate) struct Native {
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) failure: Failure,
    /// Their failures end a run.
    pub(crate) recorders: Vec<Arc<Recorder>>,
    /// Every server of a live resolver was down at some time.
    pub(crate) is_broken: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Native {
    /// Finds out what `resolver` is; what is none of ours is called as a Python object.
    pub(crate) fn choose(resolver: &Bound<'_, PyAny>) -> Self {
        let mut recorders = Vec::new();
        let mut inmost = resolver.clone();
        while let Some(inner) = recording(&inmost, &mut recorders) {
            inmost = inner;
        }
        let failure = Failure::default();
        let mut is_broken: Arc<dyn Fn() -> bool + Send + Sync> = Arc::new(|| false);
        let mut resolver: Arc<dyn Resolver> = if let Ok(zone) = inmost.cast::<PyStaticZone>() {
            Arc::clone(&zone.get().0) as Arc<dyn Resolver>
        } else if let Ok(store) = inmost.cast::<RecordedResolver>() {
            Arc::clone(&store.get().0) as Arc<dyn Resolver>
        } else if let Ok(live) = inmost.cast::<LiveResolver>() {
            let live = Arc::clone(&live.get().0);
            let watched = Arc::clone(&live);
            is_broken = Arc::new(move || watched.statistics().breaks > 0);
            live
        } else {
            let failure = Arc::clone(&failure);
            Arc::new(PythonResolver::new(inmost.unbind(), failure))
        };
        for recorder in recorders.iter().rev() {
            let recorder = Arc::clone(recorder);
            let recording = mailauth_resolver::store::RecordingResolver::new(resolver, recorder);
            resolver = Arc::new(recording);
        }
        Self {
            resolver,
            failure,
            recorders,
            is_broken,
        }
    }
}

/// Takes the recorder off a recording resolver; the resolver behind it.
fn recording<'py>(
    resolver: &Bound<'py, PyAny>,
    recorders: &mut Vec<Arc<Recorder>>,
) -> Option<Bound<'py, PyAny>> {
    let recording = resolver.cast::<RecordingResolver>().ok()?.get();
    recorders.push(Arc::clone(&recording.recorder));
    Some(recording.inner.bind(resolver.py()).clone())
}

//! `DnsCache`: answers that several verifiers share.

use std::sync::Arc;

use mailauth_core::dns::{Cache, CacheSettings};
use pyo3::prelude::*;

use crate::engine::unix_time;

/// Answers that several verifiers share.
#[pyclass(frozen, name = "DnsCache", module = "mailauth_fast._core")]
pub(crate) struct DnsCache(pub(crate) Arc<Cache>);

#[pymethods]
impl DnsCache {
    /// Octets to hold; TTLs and the time that a stale answer is served in seconds.
    #[new]
    fn new(
        octets: u64,
        ttl_floor: u32,
        ttl_ceiling: u32,
        serve_stale: u32,
        is_prefetching: bool,
    ) -> Self {
        let settings = CacheSettings {
            octets,
            ttl_floor,
            ttl_ceiling,
            serve_stale,
            is_prefetching,
        };
        Self(Arc::new(Cache::with_settings(settings, unix_time)))
    }

    /// In the order of `CacheCounters` in Rust.
    fn counters(&self, py: Python<'_>) -> [u64; 11] {
        let counters = py.detach(|| self.0.counters());
        [
            counters.hits,
            counters.misses,
            counters.joined,
            counters.stale,
            counters.prefetched,
            counters.evictions,
            counters.entries,
            counters.older,
            counters.octets,
            counters.parsed_records,
            counters.parsed_octets,
        ]
    }
}

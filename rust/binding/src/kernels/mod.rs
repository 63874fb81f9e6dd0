//! `_core.kernels`: the engine's hot functions one by one, and what a corpus must cost at least; for benchmarks.
//!
//! Knows how Python calls them and reads the clock of the thread; must not know how any of them works.

mod plain_limit;
mod stages;

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use pyo3::prelude::pymodule;

use crate::errors::Fault;

/// Processor time of this thread.
pub(crate) fn thread_time() -> Result<Duration, Fault> {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map(Duration::from)
        .map_err(|error| Fault::Engine(format!("the thread's clock cannot be read: {error}")))
}

/// The engine's hot functions, for benchmarks.
#[pymodule(submodule, gil_used = false)]
pub(crate) mod kernels {
    use super::super::inputs;
    use super::stages;
    use crate::errors::Fault;
    use mailauth_core::kernels;
    use pyo3::prelude::*;
    use pyo3::pybacked::PyBackedBytes;
    use pyo3::types::PyBytes;

    #[pymodule_export]
    use super::plain_limit::PlainLimit;
    #[pymodule_export]
    use super::stages::{hash_seconds, stage_seconds};

    /// The canonical form of a body.
    #[pyfunction]
    fn canonicalize_body<'py>(
        py: Python<'py>,
        octets: &[u8],
        relaxed: bool,
    ) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &kernels::canonicalize_body(octets, relaxed))
    }

    /// The canonical form of a whole field, with its CRLF.
    #[pyfunction]
    fn canonicalize_field<'py>(
        py: Python<'py>,
        field: &[u8],
        relaxed: bool,
    ) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &kernels::canonicalize_field(field, relaxed))
    }

    /// The SHA-256 of a body's canonical form: 32 octets.
    #[pyfunction]
    fn body_hash<'py>(py: Python<'py>, octets: &[u8], relaxed: bool) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &kernels::body_hash(octets, relaxed))
    }

    /// The SHA-256 of the canonical forms of many bodies, hashed as those of a batch are.
    #[pyfunction]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 makes the list")]
    fn body_hashes(
        py: Python<'_>,
        bodies: Vec<PyBackedBytes>,
        relaxed: bool,
    ) -> Vec<Bound<'_, PyBytes>> {
        let bodies: Vec<&[u8]> = bodies.iter().map(AsRef::as_ref).collect();
        let hashes = py.detach(|| kernels::body_hashes(&bodies, relaxed));
        hashes.iter().map(|hash| PyBytes::new(py, hash)).collect()
    }

    /// The octets of a base64 text with folding white space; None when it is none.
    #[pyfunction]
    fn decode_base64<'py>(py: Python<'py>, octets: &[u8]) -> Option<Bound<'py, PyBytes>> {
        kernels::decode_base64(octets).map(|octets| PyBytes::new(py, &octets))
    }

    /// Names and values of a list of tags in order; None when the list is invalid.
    #[pyfunction]
    fn tag_list<'py>(
        py: Python<'py>,
        octets: &[u8],
    ) -> Option<Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>> {
        let pair = |(name, value)| (PyBytes::new(py, name), PyBytes::new(py, value));
        kernels::tag_list(octets).map(|tags| tags.into_iter().map(pair).collect())
    }

    /// Start, colon and end of each header field.
    #[pyfunction]
    fn header_index(octets: &Bound<'_, PyBytes>) -> PyResult<Vec<(usize, usize, usize)>> {
        let octets = inputs::octets(octets)
            .map_err(|problem| Fault::Argument(format!("octets {problem}")))?;
        stages::check_size(&octets)?;
        Ok(kernels::header_index(octets))
    }

    /// Lets `import mailauth_fast._core.kernels` find what is no file of its own.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let modules = module.py().import("sys")?.getattr("modules")?;
        modules.set_item("mailauth_fast._core.kernels", module)
    }
}

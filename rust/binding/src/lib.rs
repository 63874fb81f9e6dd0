//! `mailauth_fast._core`: the only room that knows Python. Octets in, GIL released, Arrow columns out.

mod archive;
mod columns;
mod cpu;
mod engine;
mod errors;
mod inputs;
mod live;
mod python_resolver;
mod rows;
mod settings;
mod writer;
mod zone;

use pyo3::prelude::pymodule;

/// The engine of `mailauth_fast`.
#[pymodule(gil_used = false)]
mod _core {
    use super::{inputs, rows, settings};
    use bytes::Bytes;
    use mailauth_core::message::Message;
    use pyo3::prelude::*;
    use pyo3::types::PyBytes;

    #[pymodule_export]
    use super::archive::ArchiveRun;
    #[pymodule_export]
    use super::engine::Engine;
    #[pymodule_export]
    use super::live::LiveResolver;
    #[pymodule_export]
    use super::python_resolver::Delivery;
    #[pymodule_export]
    use super::rows::Rows;
    #[pymodule_export]
    use super::writer::Writer;
    #[pymodule_export]
    use super::zone::PyStaticZone;

    /// The verdict's `author` object for a message or a bare header, as JSON.
    #[pyfunction]
    fn author_domain<'py>(
        py: Python<'py>,
        octets: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let octets: Bytes = inputs::octets(octets)
            .map_err(|problem| super::errors::Fault::Argument(format!("octets {problem}")))?;
        let author = py.detach(|| mailauth_core::author::author(&Message::parse(octets)));
        Ok(PyBytes::new(py, &rows::to_json(&author)?))
    }

    /// Raises `InvalidPolicy` when an entry of `trust` has none of its forms.
    #[pyfunction]
    fn check_trust(entries: &Bound<'_, PyAny>) -> PyResult<()> {
        settings::trust(&entries.extract::<Vec<String>>()?)?;
        Ok(())
    }

    /// The contract's reading of one Authentication-Results value, as JSON.
    #[pyfunction]
    fn parse_authentication_results<'py>(
        py: Python<'py>,
        value: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let parsed = mailauth_core::authentication_results::parse(value);
        Ok(PyBytes::new(py, &rows::to_json(&parsed)?))
    }

    /// Every reason code: protocol, code, section, sentence.
    #[pyfunction]
    fn reasons() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
        let line = |entry: mailauth_core::reason::ReasonEntry| {
            (entry.protocol, entry.code, entry.section, entry.sentence)
        };
        mailauth_core::reason::all().into_iter().map(line).collect()
    }

    /// What `--version` says of the engine: its version, architecture and the CPU features in use.
    #[pyfunction]
    fn engine_text() -> String {
        let features = super::cpu::features_in_use();
        format!(
            "{} {} {features}",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::ARCH
        )
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}

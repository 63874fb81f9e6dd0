//! `mailauth_fast._core`: the only room that knows Python. Octets in, GIL released, Arrow columns out.

mod archive;
mod assemble;
mod cells;
mod columns;
mod cpu;
mod dns_cache;
mod engine;
mod errors;
mod inputs;
mod ipc;
mod kernels;
mod live;
mod native;
mod parquet_rows;
mod pen;
mod python_resolver;
mod recovery;
mod rows;
mod settings;
mod shape;
mod standard_input;
mod store;
mod store_keys;
mod store_writer;
mod target;
mod unit_reader;
mod verdict_file;
mod verdict_words;
mod writer;
mod zone;

use pyo3::prelude::pymodule;

/// Rows are made by one thread and let go by another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The engine of `mailauth_fast`.
#[pymodule(gil_used = false)]
mod _core {
    use super::errors::Fault;
    use super::shape::Shape;
    use super::{cells, inputs, rows, settings};
    use arrow_schema::SchemaRef;
    use bytes::Bytes;
    use mailauth_core::message::Message;
    use pyo3::prelude::*;
    use pyo3::types::PyBytes;

    #[pymodule_export]
    use super::archive::ArchiveRun;
    #[pymodule_export]
    use super::assemble::assemble;
    #[pymodule_export]
    use super::dns_cache::DnsCache;
    #[pymodule_export]
    use super::engine::Engine;
    #[pymodule_export]
    use super::ipc::IpcStream;
    #[pymodule_export]
    use super::kernels::kernels;
    #[pymodule_export]
    use super::live::LiveResolver;
    #[pymodule_export]
    use super::python_resolver::Delivery;
    #[pymodule_export]
    use super::recovery::{SignatureArchive, rsa_key};
    #[pymodule_export]
    use super::rows::Rows;
    #[pymodule_export]
    use super::store::{RecordedResolver, RecordingResolver, StoreRows};
    #[pymodule_export]
    use super::store_keys::StoreKeys;
    #[pymodule_export]
    use super::store_writer::{StoreWriter, ask, compact};
    #[pymodule_export]
    use super::verdict_file::VerdictFile;
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
            .map_err(|problem| Fault::Argument(format!("octets {problem}")))?;
        let author = py.detach(|| mailauth_core::author::author(&Message::parse(octets)));
        Ok(PyBytes::new(py, &rows::to_json(&author)?))
    }

    /// The header line of CSV rows.
    #[pyfunction]
    #[pyo3(signature = (is_flat = false))]
    fn csv_header(is_flat: bool) -> PyResult<String> {
        Ok(cells::csv_header(schema(is_flat)?.fields()))
    }

    /// The columns of a table that holds no objects: the names that lead to each, and the kind of its cells.
    #[pyfunction]
    #[pyo3(signature = (is_flat = false))]
    fn flat_columns(is_flat: bool) -> PyResult<Vec<cells::FlatColumn>> {
        Ok(cells::flat_columns(schema(is_flat)?.fields(), &[]))
    }

    fn schema(is_flat: bool) -> PyResult<SchemaRef> {
        let schema = Shape::of(is_flat).schema();
        Ok(schema.map_err(|error| Fault::Engine(error.to_string()))?)
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

    /// The Authentication-Results value that tells a verdict's JSON.
    #[pyfunction]
    fn authentication_results(verdict: &[u8], authserv_id: &str) -> PyResult<String> {
        use mailauth_core::authentication_results::{WriteFault, write_json};
        let fault = |fault| match fault {
            WriteFault::AuthservId => super::errors::Fault::Argument(format!(
                "authserv_id {authserv_id:?} cannot stand in a field; give a host name"
            )),
            WriteFault::Verdict(problem) => super::errors::Fault::Argument(format!(
                "the verdict cannot be written as a field ({problem})"
            )),
        };
        Ok(write_json(verdict, authserv_id).map_err(fault)?)
    }

    /// The message without the Authentication-Results fields that claim one of the authserv-ids.
    #[pyfunction]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 makes the list")]
    fn strip_authentication_results<'py>(
        py: Python<'py>,
        octets: &Bound<'py, PyAny>,
        authserv_ids: Vec<String>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let octets: Bytes = inputs::octets(octets)
            .map_err(|problem| super::errors::Fault::Argument(format!("octets {problem}")))?;
        let stripped = py.detach(|| {
            let ids: Vec<&str> = authserv_ids.iter().map(String::as_str).collect();
            mailauth_core::authentication_results::strip(&octets, &ids)
        });
        Ok(PyBytes::new(py, &stripped))
    }

    /// Every reason code: protocol, code, section, sentence.
    #[pyfunction]
    fn reasons() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
        let line = |entry: mailauth_core::reason::ReasonEntry| {
            (entry.protocol, entry.code, entry.section, entry.sentence)
        };
        mailauth_core::reason::all().into_iter().map(line).collect()
    }

    /// How this machine hashes: `sixteen-and-two-lanes` with AVX-512, else `two-lanes`, or `portable` where the CPU has no
    /// SHA instructions.
    #[pyfunction]
    fn sha256_path() -> &'static str {
        mailauth_sha256::Path::detect().as_str()
    }

    /// False in a debug build, whose speed says nothing.
    #[pyfunction]
    fn is_optimized() -> bool {
        !cfg!(debug_assertions)
    }

    /// What `--version` says of the engine: its version, architecture, the CPU features in use, how it verifies and
    /// hashes, and whether it is a debug build.
    #[pyfunction]
    fn engine_text() -> String {
        let features = super::cpu::features_in_use();
        format!(
            "{} {} {features}{}, rsa {}, sha256 {}",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::ARCH,
            if is_optimized() { "" } else { ", debug build" },
            mailauth_core::kernels::rsa_path(),
            mailauth_sha256::Path::detect()
        )
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}

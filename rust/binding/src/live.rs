//! `LiveResolver`: the native resolver over UDP and TCP.

use std::sync::Arc;

use pyo3::prelude::*;

use crate::errors::Fault;

/// Asks DNS servers; without servers those of the system's configuration.
#[pyclass(frozen, name = "LiveResolver", module = "mailauth_fast._core")]
pub(crate) struct LiveResolver(pub(crate) Arc<mailauth_resolver::LiveResolver>);

#[pymethods]
impl LiveResolver {
    /// `nameservers`: `ADDRESS`, `ADDRESS:PORT` or `[IPV6]:PORT`; empty = the system's.
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 makes the list")]
    fn new(nameservers: Vec<String>) -> PyResult<Self> {
        let settings = if nameservers.is_empty() {
            mailauth_resolver::Settings::system()
        } else {
            mailauth_resolver::Settings::servers(&nameservers)
        };
        let resolver = settings.and_then(mailauth_resolver::LiveResolver::new);
        let resolver = resolver.map_err(|error| Fault::Resolver(error.to_string()))?;
        Ok(Self(Arc::new(resolver)))
    }
}

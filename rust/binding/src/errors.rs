//! The one mapping from faults to Python's exceptions. The classes are written in Python (`errors.py`).

use pyo3::PyErr;

pyo3::import_exception!(mailauth_fast.errors, MailauthError);
pyo3::import_exception!(mailauth_fast.errors, UnreadableInput);
pyo3::import_exception!(mailauth_fast.errors, InvalidPolicy);
pyo3::import_exception!(mailauth_fast.errors, ResolverUnavailable);
pyo3::import_exception!(mailauth_fast.errors, StoreError);
pyo3::import_exception!(mailauth_fast.errors, EngineError);

/// Every fault that leaves this crate.
pub(crate) enum Fault {
    /// The caller gave something that is not what the contract asks for.
    Argument(String),
    /// A policy or its public suffix list cannot be used.
    Policy(String),
    /// An input or output file cannot be used.
    Unreadable(String),
    /// The resolver cannot be had, or raised.
    Resolver(String),
    /// A DNS store cannot be read or written.
    Store(String),
    /// A fault of ours.
    Engine(String),
}

impl From<mailauth_resolver::store::StoreError> for Fault {
    fn from(error: mailauth_resolver::store::StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<Fault> for PyErr {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Argument(sentence) => MailauthError::new_err(sentence),
            Fault::Policy(sentence) => InvalidPolicy::new_err(sentence),
            Fault::Unreadable(sentence) => UnreadableInput::new_err(sentence),
            Fault::Resolver(sentence) => ResolverUnavailable::new_err(sentence),
            Fault::Store(sentence) => StoreError::new_err(sentence),
            Fault::Engine(sentence) => EngineError::new_err(format!(
                "the engine failed ({sentence}); please report this with the message that caused it"
            )),
        }
    }
}

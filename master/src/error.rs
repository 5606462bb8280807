//! Why a master cannot start or go on.

use std::io;
use std::path::PathBuf;

/// One line each: what happened, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MasterError {
    /// The state folder cannot be used.
    #[error("{action} {}: {source}: choose a --state-dir that this user can write", path.display())]
    StateDir {
        /// `create`, `read`, `write`, `sync`.
        action: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A file in the state folder is not what a master writes.
    #[error("{}: {what}: restore it from a copy, or start with an empty --state-dir", path.display())]
    StateFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Another master runs on the same state folder.
    #[error("{}: another master uses this folder: stop it first, or choose another --state-dir", path.display())]
    InUse {
        /// The lock.
        path: PathBuf,
    },
    /// An address cannot be listened on.
    #[error("listen on {address}: {source}: choose another address, or port 0 for any free one")]
    Listen {
        /// As given.
        address: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The policy cannot be.
    #[error("the table of agents: {what}")]
    Table {
        /// The core's own words.
        what: String,
    },
    /// TLS cannot be set up.
    #[error("TLS: {what}")]
    Tls {
        /// The library's own words.
        what: String,
    },
    /// The kernel refused something a master cannot do without.
    #[error("{what}: {source}")]
    System {
        /// What was wanted.
        what: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl MasterError {
    pub(crate) fn table(error: impl core::fmt::Display) -> Self {
        Self::Table { what: error.to_string() }
    }

    pub(crate) fn tls(error: impl core::fmt::Display) -> Self {
        Self::Tls { what: error.to_string() }
    }

    pub(crate) fn state_dir(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::StateDir { action, path, source }
    }

    pub(crate) const fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}

//! What an agent keeps in its state folder.
//!
//! ```text
//! <state-dir>/lock                     held by the running agent
//! <state-dir>/agent                    its lasting name, its incarnation, and the topology of that incarnation
//! <state-dir>/term                     the highest term it obeyed
//! <state-dir>/pods/<pod>/launch        the order, from before the start until the last status is acknowledged
//!                       /ending        the last status, likewise
//!                       /<member>.stdout, .stderr    kept for a while after the end
//!                       /<member>.socket, .end, .supervisor.log    its supervisor's (see `start`)
//! ```
//!
//! Rules:
//! 1. A file is replaced whole or not at all: written beside, then renamed. `agent` and `term` are flushed to the disk with
//!    their folder before anybody relies on them; the files of pods are not, for pods do not outlive a crash of the machine.
//! 2. What is read back is checked like anything from outside: bounded, and an error that names the file.

mod file;
mod lock;
mod name;
mod pods;
mod term;

use std::io;
use std::path::PathBuf;

use thiserror::Error;

pub(crate) use file::read_bounded;
pub(crate) use lock::StateDir;
pub(crate) use name::AgentName;
pub(crate) use pods::{PodFiles, PodFolder};
pub(crate) use term::TermFile;

/// Why the state folder cannot be used.
#[derive(Debug, Error)]
pub enum DiskError {
    /// A file or folder cannot be read or written.
    #[error("cannot {action} {path}: {source}; --state-dir names a folder that only this agent writes to")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// Another agent is at work here.
    #[error("another agent uses {path}: end it, or give this one a folder of its own with --state-dir")]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// A file is not what this agent wrote.
    #[error("{path} is not what an agent wrote ({problem}): {fix}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        fix: &'static str,
    },
}

impl DiskError {
    fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

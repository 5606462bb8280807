//! What can go wrong with starting, reconnecting and clearing up, told in one line.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::cgroup::CgroupError;

/// Why a member was not started, found or cleared up.
#[derive(Debug, Error)]
pub enum StartError {
    /// A field of the member that cannot be acted on.
    #[error("{field}: {problem}")]
    Field {
        /// The field, as in [`MemberStart`](super::MemberStart).
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The cgroups.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// The supervisor could not be executed.
    #[error("cannot start the supervisor {path}: {error}; give its place with --supervisor")]
    Supervisor {
        /// Its file.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// The supervisor did not take the start.
    #[error("the supervisor of member `{member}` ended at once: {error}; its log is {log}")]
    SupervisorEnded {
        /// Whose.
        member: String,
        /// What the connection said.
        error: io::Error,
        /// Its log file.
        log: PathBuf,
    },
    /// A file in the pod's state folder.
    #[error("{path}: {error}")]
    State {
        /// The file or folder.
        path: PathBuf,
        /// What the kernel said, or what is wrong with the content.
        error: io::Error,
    },
}

impl StartError {
    pub(super) fn field(field: &'static str, problem: impl Into<String>) -> Self {
        let problem = problem.into();
        Self::Field { field, problem }
    }

    pub(super) fn state(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |error| Self::State { path, error }
    }
}

//! What can go wrong with cgroups, told in one line that says what to do.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a cgroup was not made, set, emptied or removed.
#[derive(Debug, Error)]
pub enum CgroupError {
    /// A name that cannot be a folder of ours.
    #[error("{field} `{name}` is not usable: give 1 to 64 of the characters A-Z a-z 0-9 _ -")]
    Name {
        /// Which name.
        field: &'static str,
        /// As given.
        name: String,
    },
    /// The root name is not a path of such names.
    #[error(
        "cgroup root `{0}` is not usable: give at most 8 folders, each 1 to 64 of the characters A-Z a-z 0-9 _ - ., separated by `/`"
    )]
    Root(String),
    /// The mount table could not be read or understood.
    #[error("/proc/self/mountinfo: {0}")]
    MountInfo(String),
    /// Pinning needs a controller that this machine does not offer as cgroup v1.
    #[error(
        "the {controller} controller is not mounted as cgroup v1, and this build cannot use it as cgroup v2: boot with \
         systemd.unified_cgroup_hierarchy=0, or pretend a machine with --topology"
    )]
    NoController {
        /// Which controller.
        controller: &'static str,
    },
    /// Nothing to hold a member's processes together.
    #[error(
        "neither cgroup v2 nor the v1 freezer is mounted, so no member's processes could be ended together: \
         mount one, for example `mount -t cgroup2 none /sys/fs/cgroup/unified`"
    )]
    NoGrouping,
    /// The kernel does not let us.
    #[error(
        "no permission to {action} cgroup {path}: run the agent as root, or give its user this folder and choose it with --cgroup-root"
    )]
    Permission {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// Any other refusal of the kernel's.
    #[error("cannot {action} cgroup {path}: {error}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// A value that a parent does not have to give.
    #[error("{path} cannot be `{wanted}`: its parent has only `{available}`")]
    NotInParent {
        /// The file to write.
        path: PathBuf,
        /// What should be in it.
        wanted: String,
        /// What the parent's has.
        available: String,
    },
    /// The kernel took a value and shows another.
    #[error("{path} was set to `{wanted}`, and the kernel shows `{found}`")]
    NotTaken {
        /// The file that was written.
        path: PathBuf,
        /// What was written.
        wanted: String,
        /// What was read back.
        found: String,
    },
    /// A kernel file that does not read as it should.
    #[error("{path} holds `{text}`: {problem}")]
    Content {
        /// The file.
        path: PathBuf,
        /// Its content, or the line in question.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A member of that name is still there.
    #[error("cgroup {path} still has processes: end that member first")]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// Killed processes are not gone.
    #[error(
        "processes in cgroup {path} were killed and are still there after {patience_ms} ms: see their state in /proc/<pid>/stack"
    )]
    StillAlive {
        /// The folder.
        path: PathBuf,
        /// How long nothing happened.
        patience_ms: u16,
    },
}

impl CgroupError {
    /// The kernel's refusal of `action` at `path`.
    pub(super) fn io(action: &'static str, path: &Path, error: io::Error) -> Self {
        let path = path.to_path_buf();
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Permission { action, path },
            _ => Self::Io { action, path, error },
        }
    }

    /// Whether the folder or file was not there.
    pub(super) fn is_missing(&self) -> bool {
        // A folder removed under an open file or between two calls shows as ENODEV.
        matches!(self, Self::Io { error, .. }
            if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ENODEV))
    }
}

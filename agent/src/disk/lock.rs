//! The state folder as a whole, and who has it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::DiskError;

/// A state folder that this process has for itself, until it is dropped.
#[derive(Debug)]
pub(crate) struct StateDir {
    path: PathBuf,
    _lock: File,
}

impl StateDir {
    /// Makes the folder if need be, and takes it.
    ///
    /// # Errors
    /// [`DiskError::Locked`] when another agent has it, [`DiskError::Io`] when it cannot be used.
    pub(crate) fn open(path: &Path) -> Result<Self, DiskError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(DiskError::io("make", path))?;
        // Supervisors and members are given full paths: they run elsewhere.
        let path = path.canonicalize().map_err(DiskError::io("find", path))?;
        let lock = open_lock(&path.join("lock")).map_err(DiskError::io("write", &path.join("lock")))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DiskError::Locked { path }),
            Err(TryLockError::Error(source)) => Err(DiskError::io("lock", &path)(source)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_agent_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/agent");
        let first = StateDir::open(&path).unwrap();
        assert!(matches!(StateDir::open(&path), Err(DiskError::Locked { .. })));
        drop(first);
        StateDir::open(&path).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let error = StateDir::open(Path::new("/proc/none/agent")).unwrap_err().to_string();
        assert!(error.contains("/proc/none/agent") && error.contains("--state-dir"), "{error}");
    }
}

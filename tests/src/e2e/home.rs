//! A place of its own for each cluster: a folder and a name for cgroups. Gone with everything in it when dropped.

use std::path::{Path, PathBuf};
use std::process;
use std::sync::Mutex;

use tempfile::TempDir;

use super::leftovers::Marks;

/// Homes of this process so far.
static COUNT: Mutex<u32> = Mutex::new(0);

/// A folder and a name for cgroups. Fails the test when something is left at its end.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    marks: Marks,
}

impl Home {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("meros-e2e-").tempdir();
        let folder = folder.unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let mut count = COUNT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *count += 1;
        let cgroup_root = format!("meros-e2e-{}-{:03}", process::id(), *count);
        let marks = Marks { folder: folder.path().to_owned(), cgroup_root };
        Self { folder, marks }
    }

    /// A path in its folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What `--cgroup-root` is told.
    #[must_use]
    pub fn cgroup_root(&self) -> &str {
        &self.marks.cgroup_root
    }

    /// How its things are known.
    #[must_use]
    pub const fn marks(&self) -> &Marks {
        &self.marks
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let left = self.marks.find();
        self.marks.clean();
        if !std::thread::panicking() {
            assert!(left.is_empty(), "left behind:\n{}", left.join("\n"));
        }
    }
}

//! A root folder for pods: busybox under all its names, and nothing else.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Applets that tests call by name.
const APPLETS: [&str; 12] =
    ["sh", "cat", "echo", "grep", "sleep", "setsid", "true", "false", "kill", "pwd", "env", "tail"];

/// A folder that a pod sees as `/`.
#[derive(Debug)]
pub struct Rootfs {
    path: PathBuf,
}

impl Rootfs {
    /// Makes it in `folder`, which removes it in the end.
    #[must_use]
    pub fn make(folder: &Path) -> Self {
        let path = folder.join("rootfs");
        let bin = path.join("bin");
        let made = fs::create_dir_all(&bin).and_then(|()| fs::copy("/bin/busybox", bin.join("busybox")).map(drop));
        let linked = made.and_then(|()| APPLETS.iter().try_for_each(|applet| symlink("busybox", bin.join(applet))));
        linked.unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display()));
        Self { path }
    }

    /// What `--rootfs` is told.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.to_str().unwrap_or_else(|| panic!("{} is no text", self.path.display()))
    }
}

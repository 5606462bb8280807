//! The supervisor's socket in the pod's state folder.
//!
//! A Unix socket's address holds 107 bytes, and a state folder's path may be longer: the address used goes through an opened
//! descriptor of the folder and is always short.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The file of a member's socket in its pod's state folder.
pub(super) fn path(pod_dir: &Path, member: &str) -> PathBuf {
    pod_dir.join(format!("{member}.socket"))
}

/// Listens there; a socket left there by somebody who has ended is replaced.
pub(super) fn listen(pod_dir: &Path, member: &str) -> io::Result<UnixListener> {
    match fs::remove_file(path(pod_dir, member)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let folder = File::open(pod_dir)?;
    UnixListener::bind(address(&folder, member))
}

/// Connects to whoever listens there.
pub(super) fn connect(pod_dir: &Path, member: &str) -> io::Result<UnixStream> {
    let folder = File::open(pod_dir)?;
    UnixStream::connect(address(&folder, member))
}

fn address(folder: &File, member: &str) -> PathBuf {
    let folder = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    path(&folder, member)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_folder_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("x".repeat(200));
        fs::create_dir(&long).unwrap();
        let listener = listen(&long, "main").unwrap();
        connect(&long, "main").unwrap();
        drop(listener);
        assert!(connect(&long, "main").is_err());
        listen(&long, "main").unwrap();
    }
}

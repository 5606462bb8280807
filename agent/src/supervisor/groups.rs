//! How a child is born in its groups: cloned into the v2 one, and moved into the v1 ones by itself before it does anything
//! else. (A move of a running process from outside costs more and leaves a moment in which it runs elsewhere.)

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};

use crate::cgroup::{Group, Hierarchy};

/// The opened doors of a group.
#[derive(Debug)]
pub(super) struct Doors {
    unified: Option<File>,
    joined: Vec<File>,
}

impl Doors {
    /// Opens them, in the parent. The error names the folder.
    pub(super) fn open(group: &Group) -> Result<Self, (io::Error, String)> {
        let mut doors = Self { unified: None, joined: Vec::new() };
        for (hierarchy, folder) in group.folders() {
            let named = |error| (error, folder.display().to_string());
            if *hierarchy == Hierarchy::Unified {
                doors.unified = Some(File::open(folder).map_err(named)?);
            } else {
                let procs = folder.join("cgroup.procs");
                let door = OpenOptions::new().write(true).open(procs).map_err(named)?;
                doors.joined.push(door);
            }
        }
        Ok(doors)
    }

    /// The folder to be cloned into.
    pub(super) fn unified(&self) -> Option<BorrowedFd<'_>> {
        self.unified.as_ref().map(AsFd::as_fd)
    }

    /// Moves the calling process; `0` means itself. Child-safe.
    pub(super) fn join(&self) -> io::Result<()> {
        self.joined.iter().try_for_each(|mut door| door.write_all(b"0"))
    }
}

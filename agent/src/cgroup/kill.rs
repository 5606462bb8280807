//! Ending every process of a group, those it forks meanwhile and those in groups below it included.
//!
//! With v2 the kernel does it: `cgroup.kill`, then `cgroup.events` tells when the last is gone. Without v2 the freezer
//! holds the group still while each process is killed by its pidfd, and the pidfds tell the ends; what was forked before the
//! freeze took hold is met in the next round. Both wait for events, never for time; time only bounds the wait.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use super::layout::Hierarchy;
use super::{CgroupError, Group, file};
use crate::start::sys;

/// How long killed processes may take without a sign of progress. They need long only when they sit in the kernel,
/// waiting for a device or a file server.
const PATIENCE_MS: u16 = 10_000;

/// Rounds of the freezer way; each ends every process that was seen, so a second round already is rare.
const MAX_ROUNDS: usize = 64;

impl Group {
    /// Kills all its processes without waiting for their ends. A group that is not there has none.
    pub(crate) fn kill(&self) -> Result<(), CgroupError> {
        let result = match self.folder(Hierarchy::Unified) {
            Some(folder) => file::write(&folder.join("cgroup.kill"), "1"),
            None => self.kill_frozen().map(drop),
        };
        ignore_missing(result)
    }

    /// Kills all its processes and returns when the last is gone (zombies count as gone).
    ///
    /// # Errors
    /// [`CgroupError::StillAlive`] when nothing more ended for ten seconds.
    pub(crate) fn kill_and_wait(&self) -> Result<(), CgroupError> {
        let result = match self.folder(Hierarchy::Unified) {
            Some(folder) => kill_unified(folder),
            None => self.kill_in_rounds(),
        };
        ignore_missing(result)
    }

    fn kill_in_rounds(&self) -> Result<(), CgroupError> {
        let Some(folder) = self.folder(Hierarchy::Freezer) else {
            return Err(CgroupError::NoGrouping);
        };
        for _ in 0..MAX_ROUNDS {
            let killed = self.kill_frozen()?;
            if killed.is_empty() {
                return Ok(());
            }
            for pidfd in &killed {
                wait(pidfd, libc::POLLIN, folder)?;
            }
        }
        Err(still_alive(folder))
    }

    /// One round: everything that is there now has been killed when this returns.
    fn kill_frozen(&self) -> Result<Vec<OwnedFd>, CgroupError> {
        let Some(folder) = self.folder(Hierarchy::Freezer) else {
            return Err(CgroupError::NoGrouping);
        };
        let state = folder.join("freezer.state");
        file::write(&state, "FROZEN")?;
        let killed = kill_each(folder);
        // Thawed in any case: a frozen process does not die.
        file::write(&state, "THAWED")?;
        killed
    }
}

fn kill_unified(folder: &Path) -> Result<(), CgroupError> {
    let path = folder.join("cgroup.events");
    let mut events = File::open(&path).map_err(|error| CgroupError::io("watch", &path, error))?;
    file::write(&folder.join("cgroup.kill"), "1")?;
    loop {
        let mut text = String::new();
        events
            .rewind()
            .and_then(|()| events.read_to_string(&mut text))
            .map_err(|error| CgroupError::io("watch", &path, error))?;
        if text.lines().any(|line| line == "populated 0") {
            return Ok(());
        }
        wait(&events, libc::POLLPRI, folder)?;
    }
}

fn kill_each(folder: &Path) -> Result<Vec<OwnedFd>, CgroupError> {
    let mut killed = Vec::new();
    for pid in file::processes(folder)? {
        // One that ended meanwhile has no pidfd, or takes no signal.
        if let Ok(pidfd) = sys::pidfd_open(pid)
            && sys::pidfd_signal(pidfd.as_fd(), libc::SIGKILL).is_ok()
        {
            killed.push(pidfd);
        }
    }
    for child in file::children(folder)? {
        killed.append(&mut kill_each(&child)?);
    }
    Ok(killed)
}

fn wait(fd: &impl AsFd, events: i16, folder: &Path) -> Result<(), CgroupError> {
    let mut fds = [sys::poll_entry(fd.as_fd(), events)];
    match sys::poll(&mut fds, Some(PATIENCE_MS)) {
        Ok(0) => Err(still_alive(folder)),
        Ok(_) => Ok(()),
        Err(error) => Err(CgroupError::io("wait for", folder, error)),
    }
}

fn still_alive(folder: &Path) -> CgroupError {
    CgroupError::StillAlive { path: folder.to_path_buf(), patience_ms: PATIENCE_MS }
}

fn ignore_missing(result: Result<(), CgroupError>) -> Result<(), CgroupError> {
    match result {
        Err(error) if error.is_missing() => Ok(()),
        result => result,
    }
}

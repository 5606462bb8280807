//! A member with its supervisor, connected; found again after the agent was away; cleared up.

use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Child;

use tracing::warn;

use super::{StartError, socket};
use crate::cgroup::{CgroupWrite, MemberName, Tree};
use crate::supervisor::protocol::Event;
use crate::supervisor::record;

/// A member that has a supervisor to talk to.
#[derive(Debug)]
pub struct Running {
    /// Which member.
    pub name: MemberName,
    /// Its pod's state folder.
    pub pod_dir: PathBuf,
    /// The connection to its supervisor, blocking: events come in, orders go out
    /// ([`protocol`](crate::supervisor::protocol)).
    pub stream: UnixStream,
    /// The supervisor's process, when this agent started it; [`cleanup`] reaps it.
    pub supervisor: Option<Child>,
    /// What a pretended machine left out.
    pub unwritten: Vec<CgroupWrite>,
}

/// What is left of a member that an earlier agent started.
#[derive(Debug)]
pub enum Reconnected {
    /// Its supervisor lives; it says `Started` or the final event first.
    Running(Running),
    /// It ended while nobody listened; this is its final event.
    Ended(Event),
    /// Neither a supervisor nor a record: what is left is to be cleaned up.
    Lost,
}

/// Finds a member again by its pod's state folder.
///
/// # Errors
/// [`StartError::State`] when the folder or the record cannot be read.
pub fn reconnect(name: MemberName, pod_dir: &Path) -> Result<Reconnected, StartError> {
    match socket::connect(pod_dir, name.member()) {
        Ok(stream) => Ok(Reconnected::Running(Running {
            name,
            pod_dir: pod_dir.to_path_buf(),
            stream,
            supervisor: None,
            unwritten: Vec::new(),
        })),
        Err(error) if is_gone(&error) => Ok(match final_event(&name, pod_dir)? {
            Some(event) => Reconnected::Ended(event),
            None => Reconnected::Lost,
        }),
        Err(error) => Err(StartError::state(&socket::path(pod_dir, name.member()))(error)),
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound)
}

/// The final event on record: to be asked for when a connection ended without one. `None`: the supervisor was killed, and
/// the member is lost.
///
/// # Errors
/// [`StartError::State`] when there is a record that cannot be read.
pub fn final_event(name: &MemberName, pod_dir: &Path) -> Result<Option<Event>, StartError> {
    let path = record::path(pod_dir, name.member());
    record::read(&path).map_err(StartError::state(&path))
}

/// Ends and removes what is left of a member: processes, its supervisor, cgroups, socket and record. Output files
/// and the pod's state folder stay. Does no harm when repeated. Blocks until the killed are gone.
///
/// # Errors
/// The first thing that could not be removed; whatever can be done is done nevertheless.
pub fn cleanup(tree: &Tree, running: Running) -> Result<(), StartError> {
    let Running { name, pod_dir, stream, supervisor, .. } = running;
    drop(stream);
    cleanup_name(tree, &name, &pod_dir, supervisor)
}

/// [`cleanup`] of a member without a connection, with its supervisor's process if this agent started it.
///
/// # Errors
/// As [`cleanup`].
pub fn cleanup_name(
    tree: &Tree,
    name: &MemberName,
    pod_dir: &Path,
    supervisor: Option<Child>,
) -> Result<(), StartError> {
    if let Some(mut supervisor) = supervisor {
        // Not by its group alone: it may not have been moved there yet.
        let killed = supervisor.kill().and_then(|()| supervisor.wait());
        if let Err(error) = killed {
            warn!(pid = supervisor.id(), %error, "the supervisor could not be reaped");
        }
    }
    let groups = tree.remove_member(name);
    for file in [socket::path(pod_dir, name.member()), record::path(pod_dir, name.member())] {
        remove_file(&file)?;
    }
    Ok(groups?)
}

/// Removes a file; none there is fine.
pub(super) fn remove_file(path: &Path) -> Result<(), StartError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StartError::state(path)(error)),
        _ => Ok(()),
    }
}

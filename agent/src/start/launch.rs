//! The start of a member, up to the moment its supervisor has the order.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tracing::{debug, warn};

use super::running::{cleanup_name, remove_file};
use super::{MemberStart, Running, StartError, socket};
use crate::cgroup::{MemberGroups, Tree};
use crate::supervisor::record;

/// Prepares a member's cgroups, starts its supervisor (the program at `supervisor`) and gives it the order. Whether the
/// program then runs is told on the connection.
///
/// Takes a fork and exec of a small program and some twenty writes to cgroup files; the supervisor's move into its
/// group may wait some ten milliseconds more for the kernel. Nothing is left behind when it fails.
///
/// # Errors
/// [`StartError::Field`] for what could never be started, else the thing that refused.
pub fn launch(tree: &Tree, supervisor: &Path, member: &MemberStart) -> Result<Running, StartError> {
    member.validate()?;
    make_pod_dir(&member.pod_dir)?;
    // Before anything is made: what belongs to a member of that name that still runs must not be cleared up.
    let groups = tree.prepare(&member.name, &member.limits())?;
    let mut child = None;
    let started = start(supervisor, member, &groups, &mut child);
    match started {
        Ok(stream) => Ok(Running {
            name: member.name.clone(),
            pod_dir: member.pod_dir.clone(),
            stream,
            supervisor: child,
            unwritten: groups.unwritten,
        }),
        Err(error) => {
            if let Err(left) = cleanup_name(tree, &member.name, &member.pod_dir, child) {
                warn!(pod = member.name.pod(), %left, "a failed launch could not be undone");
            }
            Err(error)
        }
    }
}

fn start(
    supervisor: &Path,
    member: &MemberStart,
    groups: &MemberGroups,
    child: &mut Option<Child>,
) -> Result<std::os::unix::net::UnixStream, StartError> {
    let (pod_dir, name) = (&member.pod_dir, member.name.member());
    let order = member.start_order(&groups.member)?;
    remove_file(&record::path(pod_dir, name))?;
    let listener = socket::listen(pod_dir, name);
    let listener = listener.map_err(StartError::state(&socket::path(pod_dir, name)))?;
    let child = child.insert(spawn(supervisor, member, listener)?);
    // Before the order: the member is born of a supervisor that is already on the right PUs.
    groups.supervisor.adopt(child.id())?;
    let ended = |error| StartError::SupervisorEnded { member: name.to_owned(), error, log: log_path(member) };
    let mut stream = socket::connect(pod_dir, name).map_err(ended)?;
    stream.write_all(&order).map_err(ended)?;
    debug!(pod = member.name.pod(), member = name, supervisor = child.id(), "ordered the start");
    Ok(stream)
}

/// The listener is made here, so that connecting needs no waiting for the supervisor to be up: it is its standard input.
fn spawn(supervisor: &Path, member: &MemberStart, listener: UnixListener) -> Result<Child, StartError> {
    let (out, err) = open_log(member).map_err(StartError::state(&log_path(member)))?;
    Command::new(supervisor)
        .arg(&member.pod_dir)
        .arg(member.name.member())
        .env_clear()
        .current_dir("/")
        .stdin(OwnedFd::from(listener))
        .stdout(Stdio::from(out))
        .stderr(Stdio::from(err))
        .spawn()
        .map_err(|error| StartError::Supervisor { path: supervisor.to_path_buf(), error })
}

fn log_path(member: &MemberStart) -> PathBuf {
    let name = format!("{}.supervisor.log", member.name.member());
    member.pod_dir.join(name)
}

fn open_log(member: &MemberStart) -> io::Result<(File, File)> {
    let mut options = OpenOptions::new();
    let log = options.append(true).create(true).mode(0o600).open(log_path(member))?;
    Ok((log.try_clone()?, log))
}

/// Only the agent's user may enter it: whoever can connect to the socket in it commands the member.
fn make_pod_dir(path: &Path) -> Result<(), StartError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))
        }
        made => made,
    }
    .map_err(StartError::state(path))
}

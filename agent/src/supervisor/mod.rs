//! The supervisor: one small process per member that starts it, owns its files, and keeps its end.
//!
//! It exists so that the agent may stop, crash or be replaced without the member noticing: the member's parent, the
//! opened output files and the exit code are here. The agent's side is `start`; what the two say is [`protocol`].
//!
//! Rules:
//! 1. One thread, no runtime: it clones, and after a clone only what its own thread did may be relied on.
//! 2. The member's main process dies with the supervisor (the kernel kills it when its parent ends): a member that nobody
//!    watches would be an exit nobody sees. What that process had started may outlive it until the agent, which
//!    sees the connection end without a record, kills the group and reports the member lost.
//! 3. The agent's end changes nothing here; the next agent connects to the socket in the pod's state folder.
//! 4. `Exited` is said when *all* processes of the member are gone, also those that began sessions of their own: the group
//!    is killed after its main process ended, and orphans are reaped here (the supervisor is their subreaper) or, with
//!    a root folder, by the PID namespace.
//! 5. The end is on record, in the pod's state folder, before it is said. Then the supervisor ends.
//!
//! A member with the machine's root gets no namespaces: it sees the machine. One with a root folder gets PID, mount, IPC and
//! UTS namespaces, held by a process of their own (`root`).
//!
//! Started now by the agent for each member; a spawn is one `posix_spawn` of a small program. When start latency becomes
//! the subject, a helper with one thread forks supervisors in advance, each into a leaf group that is already
//! pinned, and hands out the connection: nothing here changes, since a supervisor is told everything after it is connected.
//!
//! Reading order: `protocol`, `serve` (the loop), `member` (start and end), `program` and `root` (between clone and exec),
//! `report` (how a child tells a failure), `groups`, `record`, `frame`.

mod frame;
mod groups;
mod member;
mod program;
pub mod protocol;
pub(crate) mod record;
mod report;
mod root;
mod serve;

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::Path;

use crate::start::sys;

/// Runs a supervisor: the whole program behind `meros-supervisor <pod state folder> <member name>`, with a listening Unix
/// socket as standard input.
///
/// # Errors
/// One line for the log; the agent sees the connection end.
pub fn run(arguments: &[OsString]) -> Result<(), String> {
    let [pod_dir, member] = arguments else {
        return Err("started by the agent, not by hand: meros-supervisor <pod state folder> <member name>".to_owned());
    };
    let member = member.to_str().ok_or("the member name is not UTF-8")?;
    let record = record::path(Path::new(pod_dir), member);
    serve(record).map_err(|error| error.to_string())
}

fn serve(record: std::path::PathBuf) -> io::Result<()> {
    // Away from the agent's terminal and its process group, whose signals are not meant for members.
    sys::new_session()?;
    sys::become_subreaper()?;
    let listener = UnixListener::from(io::stdin().as_fd().try_clone_to_owned()?);
    serve::Server::new(listener, record)?.run()
}

/// A line for the log file that is the supervisor's standard error. A full disk is no reason to let go of a member.
fn log(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

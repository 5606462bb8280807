//! A member as its supervisor has it: started, running, ended with everything it left behind.

use std::io::{self, PipeReader};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitStatus;

use super::groups::Doors;
use super::program::Program;
use super::protocol::{End, Event, Stage, StartSpec};
use super::report::{self, Failure};
use super::{log, root};
use crate::cgroup::{CgroupError, Group};
use crate::start::sys::{self, Cloned};

/// A member whose program has been executed.
pub(super) struct Member {
    /// Its main process.
    pub(super) pid: u32,
    pidfd: OwnedFd,
    group: Group,
}

impl Member {
    /// Starts a member. On failure everything that was begun has ended again; the error is the final event.
    pub(super) fn start(spec: &StartSpec) -> Result<Self, Event> {
        start_program(spec).map_err(|failed| {
            // The holder of a root folder may live already.
            end_group(&spec.group);
            while let Ok(Some(_)) = sys::reap_any() {}
            failed.into_event(spec)
        })
    }

    /// Sends a signal to the main process. One that does not exist is not sent.
    pub(super) fn signal(&self, signal: i32) {
        if (1..=sys::LAST_SIGNAL).contains(&signal)
            && let Err(error) = sys::pidfd_signal(self.pidfd.as_fd(), signal)
        {
            log(&format!("signal {signal} to process {}: {error}", self.pid));
        }
    }

    /// Kills all processes, without waiting.
    pub(super) fn kill(&self) {
        if let Err(error) = self.group.kill() {
            log(&format!("kill: {error}"));
        }
    }

    /// Ends and reaps what the main process has left behind; then its final event.
    pub(super) fn finish(&self, status: ExitStatus) -> Event {
        end_group(&self.group);
        while let Ok(Some(_)) = sys::reap_any() {}
        let out_of_memory = self.group.ran_out_of_memory().unwrap_or_else(|error| {
            log(&format!("whether memory ran out: {error}"));
            false
        });
        Event::Exited { end: end_of(status), out_of_memory }
    }
}

fn end_of(status: ExitStatus) -> End {
    use std::os::unix::process::ExitStatusExt;
    let byte = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Code(byte(code)),
        (None, signal) => End::Signal(byte(signal.unwrap_or(0))),
    }
}

/// Returns when the group is empty, however long its processes take: to say "ended" before would be untrue. Meanwhile
/// there is no order left that could mean anything.
fn end_group(group: &Group) {
    loop {
        match group.kill_and_wait() {
            Err(error @ CgroupError::StillAlive { .. }) => log(&error.to_string()),
            Err(error) => return log(&format!("the member's other processes: {error}")),
            Ok(()) => return,
        }
    }
}

/// A start that failed, before it is put in words.
enum Failed {
    /// In the child, or in one of the supervisor's own steps that needs no name but the spec's.
    Step(Failure),
    /// In the supervisor, at something with a name.
    Named(Stage, io::Error, String),
}

impl Failed {
    fn process(error: io::Error) -> Self {
        Self::Named(Stage::Process, error, "start of the process".to_owned())
    }

    fn into_event(self, spec: &StartSpec) -> Event {
        let (stage, errno, what) = match self {
            Self::Step(Failure { stage, errno }) => (stage, errno, subject(stage, spec)),
            Self::Named(stage, error, what) => (stage, error.raw_os_error().unwrap_or(0), what),
        };
        let text = format!("{what}: {}", error_text(errno));
        Event::StartFailed { stage, errno, text }
    }
}

/// What a stage is about, in words.
fn subject(stage: Stage, spec: &StartSpec) -> String {
    let root = || spec.root.as_deref().unwrap_or(c"/").to_string_lossy();
    let program = || spec.argv.first().map(|program| program.to_string_lossy()).unwrap_or_default();
    match (stage, spec.user) {
        (Stage::Process, _) => "start of the process".to_owned(),
        (Stage::Cgroup, _) => "entry into the cgroups".to_owned(),
        (Stage::Output, _) => "standard input and output".to_owned(),
        (Stage::Root, _) => format!("root folder {}", root()),
        (Stage::Proc, _) => format!("/proc in root folder {}", root()),
        (Stage::Dev, _) => format!("/dev in root folder {}", root()),
        (Stage::WorkingDir, _) => format!("working folder {}", spec.working_dir.to_string_lossy()),
        (Stage::User, Some(user)) => format!("becoming user {} and group {}", user.uid, user.gid),
        (Stage::User, None) => "becoming the user".to_owned(),
        (Stage::Exec, _) => format!("exec {}", program()),
    }
}

/// The kernel's words for an error, without the number.
fn error_text(errno: i32) -> String {
    if errno == 0 {
        return "ended before it was done".to_owned();
    }
    let text = io::Error::from_raw_os_error(errno).to_string();
    match text.rsplit_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

fn start_program(spec: &StartSpec) -> Result<Member, Failed> {
    let doors = Doors::open(&spec.group)
        .map_err(|(error, folder)| Failed::Named(Stage::Cgroup, error, format!("cgroup {folder}")))?;
    let program = Program::prepare(spec)
        .map_err(|(error, path)| Failed::Named(Stage::Output, error, format!("output file {path}")))?;
    let holder = start_holder(spec, &doors)?;
    let holder = holder.as_ref().map(AsFd::as_fd);
    let (report, child) = io::pipe().map_err(Failed::process)?;
    if let Some(holder) = holder {
        // For the children to come: the supervisor itself stays where it is.
        sys::enter_namespaces(holder, libc::CLONE_NEWPID).map_err(Failed::process)?;
    }
    let pid = match sys::clone_process(0, doors.unified()).map_err(Failed::process)? {
        Cloned::Child => program.run(&doors, holder, &child),
        Cloned::Parent(pid) => pid,
    };
    drop(child);
    match report::read(&report).map_err(Failed::process)? {
        Some(Err(failure)) => {
            // The holder's PID namespace does not go while an unreaped process of it is left.
            sys::reap(pid).map_err(Failed::process)?;
            Err(Failed::Step(failure))
        }
        _ => running(pid, spec).map_err(Failed::process),
    }
}

fn running(pid: u32, spec: &StartSpec) -> io::Result<Member> {
    Ok(Member {
        pid,
        // Not reaped yet, so the number cannot mean another process.
        pidfd: sys::pidfd_open(pid)?,
        group: spec.group.clone(),
    })
}

/// Starts the holder of the root folder, if there is one, and returns when it stands.
fn start_holder(spec: &StartSpec, doors: &Doors) -> Result<Option<OwnedFd>, Failed> {
    let Some(root) = &spec.root else {
        return Ok(None);
    };
    let (report, child) = io::pipe().map_err(Failed::process)?;
    let cloned = sys::clone_process(sys::ROOT_NAMESPACES, doors.unified());
    let pid = match cloned.map_err(Failed::process)? {
        Cloned::Child => root::hold(root, doors, &child),
        Cloned::Parent(pid) => pid,
    };
    let pidfd = sys::pidfd_open(pid).map_err(Failed::process)?;
    drop(child);
    standing(&report)?;
    Ok(Some(pidfd))
}

fn standing(report: &PipeReader) -> Result<(), Failed> {
    match report::read(report).map_err(Failed::process)? {
        Some(Ok(())) => Ok(()),
        Some(Err(failure)) => Err(Failed::Step(failure)),
        None => Err(Failed::Step(Failure { stage: Stage::Root, errno: 0 })),
    }
}

/// For the loop: readable when a child has ended.
pub(super) struct Children(OwnedFd);

impl Children {
    /// From now on ends of children are told by the descriptor.
    pub(super) fn watch() -> io::Result<Self> {
        sys::child_signals().map(Self)
    }

    /// How the process `main` ended, if it has; every other ended child is reaped as well.
    pub(super) fn reap(&self, main: Option<u32>) -> io::Result<Option<ExitStatus>> {
        self.clear();
        let mut end = None;
        while let Some((pid, status)) = sys::reap_any()? {
            if Some(pid) == main {
                end = Some(status);
            }
        }
        Ok(end)
    }

    /// Several ends may be told as one signal, so that it is only a hint to look.
    fn clear(&self) {
        use std::io::Read;
        let mut info = [0; size_of::<libc::signalfd_siginfo>()];
        if let Ok(fd) = self.0.try_clone() {
            let _ = std::fs::File::from(fd).read(&mut info);
        }
    }
}

impl AsFd for Children {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

//! The member's own process, from clone to exec. Everything it needs is made before ([`Program::prepare`]); what runs in
//! the child ([`Program::run`]) is child-safe, as [`sys`] uses the word.

use std::convert::Infallible;
use std::ffi::{CStr, OsStr};
use std::fs::{File, OpenOptions};
use std::io::{self, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;

use super::groups::Doors;
use super::protocol::{Stage, StartSpec, User};
use super::report::{self, At, Failure};
use crate::start::sys;

/// A program ready to be started.
pub(super) struct Program<'spec> {
    exec: sys::Exec<'spec>,
    working_dir: &'spec CStr,
    user: Option<User>,
    stdin: File,
    stdout: File,
    stderr: File,
}

impl<'spec> Program<'spec> {
    /// Opens its files and lays out its arguments.
    pub(super) fn prepare(spec: &'spec StartSpec) -> Result<Self, (io::Error, String)> {
        Ok(Self {
            exec: sys::Exec::new(&spec.candidates, &spec.argv, &spec.env),
            working_dir: &spec.working_dir,
            user: spec.user,
            stdin: open(c"/dev/null", OpenOptions::new().read(true))?,
            stdout: open_output(&spec.stdout)?,
            stderr: open_output(&spec.stderr)?,
        })
    }

    /// Becomes the program, in the namespaces of `holder` if there is one. Never returns.
    pub(super) fn run(&self, doors: &Doors, holder: Option<BorrowedFd<'_>>, report: &PipeWriter) -> ! {
        report::run_to_the_end(report, || self.step_by_step(doors, holder))
    }

    fn step_by_step(&self, doors: &Doors, holder: Option<BorrowedFd<'_>>) -> Result<Infallible, Failure> {
        doors.join().at(Stage::Cgroup)?;
        sys::new_session().at(Stage::Process)?;
        if let Some(holder) = holder {
            sys::enter_namespaces(holder, sys::ENTERED_NAMESPACES).at(Stage::Root)?;
        }
        sys::change_dir(self.working_dir).at(Stage::WorkingDir)?;
        self.place_files().at(Stage::Output)?;
        if let Some(user) = self.user {
            become_user(user).at(Stage::User)?;
        }
        // After the change of user, which would undo it.
        sys::die_with_parent().at(Stage::Process)?;
        sys::reset_signals().at(Stage::Process)?;
        Err(self.exec.run()).at(Stage::Exec)
    }

    fn place_files(&self) -> io::Result<()> {
        for (file, fd) in [(&self.stdin, 0), (&self.stdout, 1), (&self.stderr, 2)] {
            sys::place_fd(file.as_fd(), fd)?;
        }
        // All our files are marked already; this is for what the supervisor inherited from whoever started the agent.
        sys::close_fds_on_exec()
    }
}

fn become_user(user: User) -> io::Result<()> {
    sys::clear_groups()?;
    sys::become_group(user.gid)?;
    sys::become_user(user.uid)
}

fn open_output(path: &CStr) -> Result<File, (io::Error, String)> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o640);
    // A pipe without a reader must not hold the supervisor; for ordinary files the flag means nothing.
    options.custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK);
    open(path, &options)
}

fn open(path: &CStr, options: &OpenOptions) -> Result<File, (io::Error, String)> {
    let path = OsStr::from_bytes(path.to_bytes());
    options.open(path).map_err(|error| (error, path.to_string_lossy().into_owned()))
}

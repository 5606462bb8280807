//! A process under test: what it writes as it writes it, how it ends, and signals by its own handle.

use std::fmt;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};

pub use rustix::process::Signal;

use super::deadline::Deadline;

/// The last so many bytes of an output are shown when something fails.
const SHOWN_BYTES: usize = 4_000;

/// A process that has been started. Dropped, it is ended by force.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    handle: OwnedFd,
    /// Closed, it tells daemons started with `--end-with-stdin` to end.
    stdin: Option<ChildStdin>,
    stdout: Pipe,
    stderr: Pipe,
    ended: bool,
}

/// How a process ended, and everything it wrote.
#[derive(Debug)]
pub struct Outcome {
    name: String,
    /// As the kernel says.
    pub status: ExitStatus,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr.
    pub stderr: Vec<u8>,
}

impl Process {
    /// Starts it, with its standard streams in our hands.
    #[must_use]
    pub fn start(name: &str, command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let handle = pidfd_open(Pid::from_child(&child), PidfdFlags::empty());
        let handle = handle.unwrap_or_else(|error| panic!("no handle of {name}: {error}"));
        let stdin = child.stdin.take();
        let (stdout, stderr) = (Pipe::of(child.stdout.take()), Pipe::of(child.stderr.take()));
        Self { name: name.to_owned(), child, handle, stdin, stdout, stderr, ended: false }
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to it alone.
    pub fn signal(&self, signal: Signal) {
        pidfd_send_signal(&self.handle, signal).unwrap_or_else(|error| panic!("{signal:?} to {}: {error}", self.name));
    }

    /// Asks it to end, if it has not ended by itself.
    pub fn ask_to_end(&self) {
        let _ = pidfd_send_signal(&self.handle, Signal::TERM);
    }

    /// Closes its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits until `find` finds something in what it has written to stdout so far.
    pub fn wait_stdout<T>(&mut self, what: &str, find: impl FnMut(&[u8]) -> Option<T>) -> T {
        let found = self.stdout.wait(Deadline::usual(), find);
        found.unwrap_or_else(|| panic!("{what} did not come on stdout\n{}", self.told()))
    }

    /// The same on stderr.
    pub fn wait_stderr<T>(&mut self, what: &str, find: impl FnMut(&[u8]) -> Option<T>) -> T {
        let found = self.stderr.wait(Deadline::usual(), find);
        found.unwrap_or_else(|| panic!("{what} did not come on stderr\n{}", self.told()))
    }

    /// Waits for its end.
    #[must_use]
    pub fn finish(mut self, patience: Duration) -> Outcome {
        let deadline = Deadline::after(patience);
        assert!(self.has_ended_by(deadline), "it still runs after {patience:?}\n{}", self.told());
        let status = self.reap();
        for pipe in [&mut self.stdout, &mut self.stderr] {
            pipe.read_all(deadline);
        }
        let (stdout, stderr) = (std::mem::take(&mut self.stdout.read), std::mem::take(&mut self.stderr.read));
        Outcome { name: self.name.clone(), status, stdout, stderr }
    }

    /// Whether it ends before the deadline.
    pub fn has_ended_by(&self, deadline: Deadline) -> bool {
        is_over(&self.handle, deadline)
    }

    /// What it has written so far, for people.
    #[must_use]
    pub fn told(&mut self) -> String {
        self.stdout.read_ready();
        self.stderr.read_ready();
        let (stdout, stderr) = (tail(&self.stdout.read), tail(&self.stderr.read));
        format!("--- {} ({})\n--- stdout:\n{stdout}\n--- stderr:\n{stderr}\n---", self.name, self.pid())
    }

    fn reap(&mut self) -> ExitStatus {
        self.ended = true;
        self.child.wait().unwrap_or_else(|error| panic!("the end of {}: {error}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.ended {
            // It may have ended by itself meanwhile; reaping is what counts.
            let _ = pidfd_send_signal(&self.handle, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Whether the process of a handle ends before the deadline.
pub(super) fn is_over(handle: &OwnedFd, deadline: Deadline) -> bool {
    loop {
        let left = deadline.left().unwrap_or_default().try_into().ok();
        match poll(&mut [PollFd::new(handle, PollFlags::IN)], left.as_ref()) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("waiting for a process: {error}"),
        }
    }
}

impl Outcome {
    /// Its exit code, or 128 and the signal that ended it.
    #[must_use]
    pub fn code(&self) -> i32 {
        let signalled = || self.status.signal().map_or(-1, |signal| 128 + signal);
        self.status.code().unwrap_or_else(signalled)
    }

    /// Itself, if it ended with this code.
    #[must_use]
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert!(self.code() == code, "{} where {code} was expected: {self}", self.code());
        self
    }

    /// What it wrote to stdout, as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// What it wrote to stderr, as text.
    #[must_use]
    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, status, stdout, stderr } = self;
        write!(f, "{name}: {status}\n--- stdout:\n{}\n--- stderr:\n{}\n---", tail(stdout), tail(stderr))
    }
}

fn tail(bytes: &[u8]) -> String {
    let from = bytes.len().saturating_sub(SHOWN_BYTES);
    String::from_utf8_lossy(&bytes[from..]).into_owned()
}

/// One of its outputs: a thread reads it, so that nobody waits for us.
#[derive(Debug)]
struct Pipe {
    chunks: Receiver<Vec<u8>>,
    read: Vec<u8>,
}

impl Pipe {
    fn of(source: Option<impl Read + Send + 'static>) -> Self {
        let (sender, chunks) = mpsc::channel();
        if let Some(mut source) = source {
            thread::spawn(move || {
                let mut buffer = vec![0; 64 << 10];
                while let Ok(count @ 1..) = source.read(&mut buffer) {
                    if sender.send(buffer[..count].to_vec()).is_err() {
                        return;
                    }
                }
            });
        }
        Self { chunks, read: Vec::new() }
    }

    /// `None`: the time or the output is over.
    fn wait<T>(&mut self, deadline: Deadline, mut find: impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
        loop {
            if let Some(found) = find(&self.read) {
                return Some(found);
            }
            self.read.extend(self.chunks.recv_timeout(deadline.left()?).ok()?);
        }
    }

    fn read_all(&mut self, deadline: Deadline) {
        let _ = self.wait(deadline, |_| None::<()>);
    }

    fn read_ready(&mut self) {
        self.read.extend(self.chunks.try_iter().flatten());
    }
}

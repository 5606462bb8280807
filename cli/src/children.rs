//! Daemons as child processes: started, heard, ended, each by its own handle.
//!
//! 1. A child's standard input is a pipe from us. Closing it asks the child to end, and the kernel closes it when we die,
//!    however that happens: no child outlives its parent, and nobody is ended by name.
//! 2. A child is in a process group of its own: Ctrl-C on the terminal reaches us alone, and we end children in order.
//! 3. One thread per child reads its standard output and tells lines, then the end; all wait on one channel.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use crate::exit::Failure;
use crate::ready::Announcement;

/// A line of a child longer than this is not one of ours.
const LINE_MAX_BYTES: u64 = 64 * 1024;

/// How long children may take when nobody said how long.
const DROP_PATIENCE: Duration = Duration::from_secs(30);

/// Which child, in the order of starting.
pub(crate) type ChildIndex = usize;

/// What happened.
#[derive(Debug)]
pub(crate) enum ChildEvent {
    /// It is ready.
    Ready(ChildIndex, Announcement),
    /// It closed its standard output: it has ended, or will at once.
    Ended(ChildIndex),
    /// Somebody wants us all to end.
    Stop,
}

/// All children, and what they say.
#[derive(Debug)]
pub(crate) struct Children {
    children: Vec<Running>,
    sender: Sender<ChildEvent>,
    events: Receiver<ChildEvent>,
}

#[derive(Debug)]
struct Running {
    name: String,
    child: Child,
    ended: bool,
}

impl Children {
    /// None yet. `stop` readable or closed becomes [`ChildEvent::Stop`].
    pub(crate) fn new(stop: UnixStream) -> Result<Self, Failure> {
        let (sender, events) = mpsc::channel();
        let teller = sender.clone();
        spawn_thread("stop", move || tell_stop(stop, &teller))?;
        Ok(Self { children: Vec::new(), sender, events })
    }

    /// Starts this program with other arguments.
    pub(crate) fn start(&mut self, name: &str, arguments: Vec<OsString>) -> Result<ChildIndex, Failure> {
        let failed = |error| Failure::failed(format!("cannot start {name}: {error}"));
        let program = std::env::current_exe().map_err(failed)?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let index = self.children.len();
        let stdout = child.stdout.take();
        self.children.push(Running { name: name.to_owned(), child, ended: false });
        let teller = self.sender.clone();
        if let Some(stdout) = stdout {
            spawn_thread(name, move || tell_lines(index, stdout, &teller))?;
        }
        Ok(index)
    }

    /// The next event; `None` when the time is over.
    pub(crate) fn next(&self, timeout: Option<Duration>) -> Option<ChildEvent> {
        match timeout {
            None => self.events.recv().ok(),
            Some(timeout) => self.events.recv_timeout(timeout).ok(),
        }
    }

    /// A child's name for people.
    pub(crate) fn describe(&self, index: ChildIndex) -> String {
        self.children
            .get(index)
            .map_or_else(String::new, |running| format!("{} ({})", running.name, running.child.id()))
    }

    /// After [`ChildEvent::Ended`]: how it ended, for people.
    pub(crate) fn reap(&mut self, index: ChildIndex) -> String {
        let what = self.describe(index);
        let Some(running) = self.children.get_mut(index) else { return what };
        running.ended = true;
        match running.child.wait() {
            Ok(status) => format!("{what} ended: {status}"),
            Err(error) => format!("{what} ended: {error}"),
        }
    }

    /// Asks children to end and waits for them; who has not ended in `patience` since the last one did is ended by force.
    pub(crate) fn end(&mut self, which: &[ChildIndex], patience: Duration) {
        for index in which {
            if let Some(running) = self.children.get_mut(*index) {
                running.child.stdin.take();
            }
        }
        while which.iter().any(|index| self.is_running(*index)) {
            match self.next(Some(patience)) {
                Some(ChildEvent::Ended(index)) => {
                    self.reap(index);
                }
                Some(ChildEvent::Ready(..) | ChildEvent::Stop) => {}
                None => self.force(which),
            }
        }
    }

    /// Asks all that still run to end.
    pub(crate) fn end_all(&mut self, patience: Duration) {
        let all: Vec<ChildIndex> = (0..self.children.len()).collect();
        self.end(&all, patience);
    }

    fn is_running(&self, index: ChildIndex) -> bool {
        self.children.get(index).is_some_and(|running| !running.ended)
    }

    fn force(&mut self, which: &[ChildIndex]) {
        for index in which {
            let Some(running) = self.children.get_mut(*index).filter(|running| !running.ended) else { continue };
            tracing::warn!(child = running.name, pid = running.child.id(), "did not end in time; ended by force");
            if let Err(error) = running.child.kill() {
                tracing::warn!(%error, child = running.name, "cannot be ended");
            }
            self.reap(*index);
        }
    }
}

/// Whoever leaves early leaves nobody behind.
impl Drop for Children {
    fn drop(&mut self) {
        self.end_all(DROP_PATIENCE);
    }
}

fn spawn_thread(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(body);
    started.map(drop).map_err(|error| Failure::failed(format!("cannot start a thread: {error}")))
}

fn tell_stop(mut stop: UnixStream, teller: &Sender<ChildEvent>) {
    let mut byte = [0];
    // Readable, closed or broken all mean the same: end. A second request while ending changes nothing.
    let _ = stop.read(&mut byte);
    let _ = teller.send(ChildEvent::Stop);
}

fn tell_lines(index: ChildIndex, stdout: ChildStdout, teller: &Sender<ChildEvent>) {
    let mut reader = BufReader::new(stdout);
    let mut line = String::new();
    while reader.by_ref().take(LINE_MAX_BYTES).read_line(&mut line).is_ok_and(|count| count > 0) {
        if let Ok(announcement) = serde_json::from_str(&line) {
            let _ = teller.send(ChildEvent::Ready(index, announcement));
        }
        line.clear();
    }
    let _ = teller.send(ChildEvent::Ended(index));
}

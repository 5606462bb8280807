//! What an agent and a supervisor say to each other, as plain values. The same code at both ends; no I/O here.
//!
//! 1. An agent connects. If the member runs already, the supervisor says [`Event::Started`] again.
//! 2. [`Order::Start`] comes once, on the first connection; it is answered by `Started` or by the final
//!    [`Event::StartFailed`].
//! 3. [`Order::Signal`] and [`Order::Kill`] may come at any time, and mean nothing when nothing runs.
//! 4. The final event is on record before it is said; the supervisor then ends, and with it the connection.
//! 5. Who sends what the other cannot read is cut off: the supervisor waits for another connection, the agent treats the
//!    supervisor as lost.

use std::ffi::CString;
use std::fmt;
use std::marker::PhantomData;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use super::frame::{Body, Frame, FrameWriter};
pub use super::frame::{MAX_FRAME_BYTES, ProtocolError, VERSION};
use crate::cgroup::{Group, Hierarchy};

/// From the agent to the supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Start the member.
    Start(Box<StartSpec>),
    /// Send this signal to the member's main process.
    Signal(i32),
    /// Kill all its processes.
    Kill,
}

/// From the supervisor to the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The program has been executed.
    Started {
        /// Its main process, as the machine numbers it.
        pid: u32,
    },
    /// Final: the program was never executed.
    StartFailed {
        /// Where it failed.
        stage: Stage,
        /// What the kernel said; 0 if it said nothing.
        errno: i32,
        /// One line that names the thing in question.
        text: String,
    },
    /// Final: the main process has ended, and every other process of the member after it.
    Exited {
        /// How the main process ended.
        end: End,
        /// The kernel killed at least one of the member's processes because its memory limit was reached.
        out_of_memory: bool,
    },
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Code(u8),
    /// By this signal.
    Signal(u8),
}

/// Steps of a start, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The process could not be made.
    Process,
    /// It could not go into its cgroups.
    Cgroup,
    /// Its output files could not be opened.
    Output,
    /// Its root folder could not become the root.
    Root,
    /// `/proc` could not be mounted in its root folder.
    Proc,
    /// `/dev` could not be made in its root folder.
    Dev,
    /// Its working folder could not be entered.
    WorkingDir,
    /// It could not become its user.
    User,
    /// The program could not be executed.
    Exec,
}

impl Stage {
    const ALL: [Self; 9] = [
        Self::Process,
        Self::Cgroup,
        Self::Output,
        Self::Root,
        Self::Proc,
        Self::Dev,
        Self::WorkingDir,
        Self::User,
        Self::Exec,
    ];

    pub(super) const fn number(self) -> u8 {
        self as u8
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// What a supervisor has to know to start a member. Paths are the machine's; texts are checked to hold no zero byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartSpec {
    /// Program first.
    pub argv: Vec<CString>,
    /// `NAME=value` each.
    pub env: Vec<CString>,
    /// The files to try as the program, in order.
    pub candidates: Vec<CString>,
    /// Inside the root.
    pub working_dir: CString,
    /// Absent: the machine's root.
    pub root: Option<CString>,
    /// Opened for append.
    pub stdout: CString,
    /// Opened for append.
    pub stderr: CString,
    /// Absent: the supervisor's own.
    pub user: Option<User>,
    /// Where it is born.
    pub group: Group,
}

/// Whom a process runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// User number.
    pub uid: u32,
    /// Group number; there are no others.
    pub gid: u32,
}

/// A message of one direction, as [`MessageReader`] reads it.
pub trait Message: Sized {
    #[doc(hidden)]
    fn decode(kind: u8, body: FrameBody<'_>) -> Result<Self, ProtocolError>;
}

/// The fields of a frame; opaque outside this module.
#[derive(Debug)]
pub struct FrameBody<'bytes>(Body<'bytes>);

/// Bytes of a stream, as they come, to messages.
pub struct MessageReader<M> {
    bytes: Vec<u8>,
    of: PhantomData<fn() -> M>,
}

/// Reads what a supervisor says.
pub type EventReader = MessageReader<Event>;

/// Reads what an agent says.
pub type OrderReader = MessageReader<Order>;

impl<M: Message> MessageReader<M> {
    /// Nothing read yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), of: PhantomData }
    }

    /// Takes the next bytes of the stream. Never holds more than one whole frame and one such push, if every push is
    /// followed by [`next`](Self::next) until it has none.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message, if it is there whole.
    ///
    /// # Errors
    /// What is wrong with the bytes. No later call says anything of use: close the stream.
    #[expect(clippy::should_implement_trait, reason = "an iterator would end; this has no more *yet*")]
    pub fn next(&mut self) -> Result<Option<M>, ProtocolError> {
        let Some((frame, length)) = Frame::split(&self.bytes)? else {
            return Ok(None);
        };
        let message = M::decode(frame.kind, FrameBody(frame.body))?;
        self.bytes.drain(..length);
        Ok(Some(message))
    }
}

impl<M: Message> Default for MessageReader<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> fmt::Debug for MessageReader<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageReader({} bytes)", self.bytes.len())
    }
}

mod kind {
    pub(super) const START: u8 = 1;
    pub(super) const SIGNAL: u8 = 2;
    pub(super) const KILL: u8 = 3;
    pub(super) const STARTED: u8 = 65;
    pub(super) const START_FAILED: u8 = 66;
    pub(super) const EXITED: u8 = 67;
}

impl Order {
    /// As a frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Start(spec) => {
                let mut frame = FrameWriter::new(kind::START);
                spec.write(&mut frame);
                frame.finish()
            }
            Self::Signal(signal) => {
                let mut frame = FrameWriter::new(kind::SIGNAL);
                frame.i32(*signal);
                frame.finish()
            }
            Self::Kill => FrameWriter::new(kind::KILL).finish(),
        }
    }
}

impl Message for Order {
    fn decode(kind: u8, FrameBody(mut body): FrameBody<'_>) -> Result<Self, ProtocolError> {
        let order = match kind {
            kind::START => Self::Start(Box::new(StartSpec::read(&mut body)?)),
            kind::SIGNAL => Self::Signal(body.i32("signal")?),
            kind::KILL => Self::Kill,
            _ => return Err(ProtocolError::Kind(kind)),
        };
        body.end()?;
        Ok(order)
    }
}

impl Event {
    /// As a frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Started { pid } => {
                let mut frame = FrameWriter::new(kind::STARTED);
                frame.u32(*pid);
                frame.finish()
            }
            Self::StartFailed { stage, errno, text } => {
                let mut frame = FrameWriter::new(kind::START_FAILED);
                frame.u8(stage.number());
                frame.i32(*errno);
                frame.bytes(text.as_bytes());
                frame.finish()
            }
            Self::Exited { end, out_of_memory } => {
                let mut frame = FrameWriter::new(kind::EXITED);
                let (signalled, value) = match end {
                    End::Code(code) => (false, *code),
                    End::Signal(signal) => (true, *signal),
                };
                frame.u8(u8::from(signalled));
                frame.u8(value);
                frame.u8(u8::from(*out_of_memory));
                frame.finish()
            }
        }
    }

    /// Whether nothing comes after it.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::Started { .. })
    }
}

impl Message for Event {
    fn decode(kind: u8, FrameBody(mut body): FrameBody<'_>) -> Result<Self, ProtocolError> {
        let event = match kind {
            kind::STARTED => Self::Started { pid: body.u32("pid")? },
            kind::START_FAILED => Self::StartFailed {
                stage: Stage::from_number(body.u8("stage")?).ok_or(ProtocolError::Value("stage"))?,
                errno: body.i32("errno")?,
                text: body.text("text")?,
            },
            kind::EXITED => {
                let signalled = body.bool("signalled")?;
                let value = body.u8("end")?;
                let end = if signalled { End::Signal(value) } else { End::Code(value) };
                let out_of_memory = body.bool("out_of_memory")?;
                Self::Exited { end, out_of_memory }
            }
            _ => return Err(ProtocolError::Kind(kind)),
        };
        body.end()?;
        Ok(event)
    }
}

impl StartSpec {
    fn write(&self, frame: &mut FrameWriter) {
        frame.list(&self.argv);
        frame.list(&self.env);
        frame.list(&self.candidates);
        frame.bytes(self.working_dir.as_bytes());
        frame.option(self.root.as_ref(), |frame, root| frame.bytes(root.as_bytes()));
        frame.bytes(self.stdout.as_bytes());
        frame.bytes(self.stderr.as_bytes());
        frame.option(self.user.as_ref(), |frame, user| {
            frame.u32(user.uid);
            frame.u32(user.gid);
        });
        for hierarchy in Hierarchy::ALL {
            let folder = self.group.folder(hierarchy);
            frame.option(folder.as_ref(), |frame, folder| {
                frame.bytes(folder.as_os_str().as_bytes());
            });
        }
    }

    fn read(body: &mut Body<'_>) -> Result<Self, ProtocolError> {
        Ok(Self {
            argv: body.list("argv")?,
            env: body.list("env")?,
            candidates: body.list("candidates")?,
            working_dir: body.c_string("working_dir")?,
            root: body.option("root", |body| body.c_string("root"))?,
            stdout: body.c_string("stdout")?,
            stderr: body.c_string("stderr")?,
            user: body.option("user", |body| {
                let (uid, gid) = (body.u32("uid")?, body.u32("gid")?);
                Ok(User { uid, gid })
            })?,
            group: read_group(body)?,
        })
    }
}

fn read_group(body: &mut Body<'_>) -> Result<Group, ProtocolError> {
    let mut folders = Vec::new();
    for hierarchy in Hierarchy::ALL {
        let folder = body.option("group", |body| body.c_string("group"))?;
        let path = |folder: CString| PathBuf::from(std::ffi::OsString::from_vec(folder.into_bytes()));
        folders.extend(folder.map(|folder| (hierarchy, path(folder))));
    }
    Ok(Group::new(folders))
}

#[cfg(test)]
#[path = "protocol_tests.rs"]
mod tests;

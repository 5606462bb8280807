//! Starting a member: the agent's side.
//!
//! ```text
//! launch:  check the fields ─▶ make and set the cgroups, read them back ─▶ listen in the pod's state folder
//!          ─▶ start the supervisor ─▶ move it to its group ─▶ connect ─▶ Order::Start
//! then:    Started | StartFailed ─▶ … Signal, Kill … ─▶ Exited ─▶ end of the connection ─▶ cleanup
//! ```
//!
//! Rules:
//! 1. A member's cpuset holds from its first instruction: cgroups are set before there is a process, the supervisor is moved
//!    onto the same PUs before it is given the order, and the process joins its own groups before it executes anything.
//!    Affinity masks and memory policies are not set as well: the kernel keeps both within the cpuset, and a second copy
//!    would have to follow every live change.
//! 2. Whatever [`launch`] returns an error for has left nothing behind.
//! 3. An end of the connection without a final event is asked of [`final_event`]; if there is none, the supervisor was
//!    killed, [`cleanup`] ends the rest, and the member is lost.
//! 4. Calls block, for milliseconds; [`cleanup`] until killed processes are gone. They belong on a thread of their own.
//!
//! The state folder of a pod holds, for each member, `<member>.socket`, `<member>.end` (the record) and
//! `<member>.supervisor.log`.

mod error;
mod launch;
mod member;
mod running;
mod socket;
pub(crate) mod sys;

pub use error::StartError;
pub use launch::launch;
pub use member::{MemberStart, Root};
pub use running::{Reconnected, Running, cleanup, cleanup_name, final_event, reconnect};

pub use crate::cgroup::MemberName;
pub use crate::supervisor::protocol::User;

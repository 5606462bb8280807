//! Groups of processes and what they may use: cgroups, below one root name per agent.
//!
//! Shape: `<mount>/<root>/<pod>.pod/<member>.member` in every hierarchy in use, and beside it
//! `<member>.supervisor` for the process that watches the member: on the same PUs, without the limits, and
//! not ended when the member's tree is killed or runs out of memory.
//!
//! Rules:
//! 1. Nothing runs in a group before its cpuset was written, read back and found equal.
//! 2. A member's processes are born in their group and stay in it or below, so that killing the group ends them all.
//!    (A member that is root *and* sees the cgroup mounts can leave; keeping such members in is the business of
//!    OCI runtimes.)
//! 3. A live change grows parents before children and shrinks children before parents.
//! 4. One thread at a time changes a tree: the members of a pod share its group.
//! 5. Nothing waits by sleeping: ends are told by `cgroup.events` or by pidfds.
//!
//! Reading order: `layout` (what this machine has), `tree` (an agent's groups), `group` (one of them), one file per
//! controller (`cpuset`, `memory`, `pids`), `kill`, `observed` (the proof).

mod cpuset;
mod error;
mod file;
mod group;
mod kill;
mod layout;
mod memory;
mod name;
pub mod observed;
mod pids;
mod tree;

pub use error::CgroupError;
pub use group::Group;
pub use layout::{Hierarchy, Layout};
pub use name::MemberName;
pub use tree::{CgroupWrite, Limits, PinningMode, Tree};

pub(crate) use tree::MemberGroups;

//! The real thing: clusters of real processes on this machine, driven as a user drives them.
//!
//! 1. Each cluster has a state folder and a cgroup root of its own and listens on port 0: as many as you like run side by side.
//! 2. What hands out this machine's own PUs takes [`machine::lock`] first, so that such clusters run one after another.
//! 3. Nobody sleeps and hopes: a wait is for an event (a line, a listing, the end of a process) and has a [`Deadline`].
//! 4. At a cluster's end everything it started is ended, and what is left then fails the test: processes, cgroups, mounts
//!    ([`leftovers`]). A test that fails cleans up just so.
//! 5. Daemons end with their standard input, whose other end this process holds: they do not outlive it.
//!
//! Reading order: [`cluster`] → [`process`] → [`listing`] (what `meros ps` says) → [`peer`] (who must not be let in).

#![expect(clippy::missing_panics_doc, reason = "a harness fails its test by panicking, and any of its calls may")]

pub mod binaries;
pub mod cluster;
pub mod deadline;
pub mod home;
pub mod leftovers;
pub mod listing;
pub mod machine;
pub mod peer;
pub mod process;
pub mod rootfs;

pub use cluster::Cluster;
pub use deadline::Deadline;
pub use home::Home;
pub use listing::{Listing, Pod};
pub use process::{Outcome, Process};
pub use rootfs::Rootfs;

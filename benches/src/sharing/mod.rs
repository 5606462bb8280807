//! The cluster on which the allocator is measured: that of the figures of Apache Mesos, so that they can stand beside them.
//!
//! Mesos' figures are of another run, on the same kind of machine (two shared cores): its hierarchical allocator, unmodified, built with
//! `-O2`, was driven through its public API, and each cycle timed in CPU time of the thread that ran it. Medians of at least three
//! processes. They are constants here ([`mesos`]), and every bench says so. Ratios to them are good for orders of magnitude.

mod cluster;
pub mod mesos;
mod run;
mod wire;

pub use cluster::{PORTS, Plan, Sharing, shape};
pub use run::{Rounds, decline_all, from_env};
pub use wire::Wire;

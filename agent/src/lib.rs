//! One machine of the cluster: registers its topology, starts and pins pods, reports and ends them.
//!
//! Two halves. The upper one decides and talks: [`event`] in, [`state`] moved by the [`reactor`] and pods, [`effect`]
//! out, with no socket, clock or thread; `driver` carries the effects out over a `pump`. The lower one acts on the machine:
//! [`cgroup`]s, the [`start`] of a member, its [`supervisor`].
//!
//! Reading order: [`effect`] (what an agent can do), `pod` (a pod's life), [`reactor`], [`state`], then `driver`, `pump`,
//! `disk`, and [`run`] (how it begins).
//!
//! *Invariant*: no placement decisions. An agent does what an order says, or refuses it by the name of a field. One file names
//! both the topology's words and the wire's: [`inventory`].

pub mod cgroup;
pub mod config;
mod disk;
mod driver;
pub mod effect;
pub mod error;
pub mod event;
pub mod inventory;
mod outbox;
pub mod pins;
mod pod;
mod pump;
pub mod reactor;
mod recover;
mod run;
mod signal;
pub mod start;
pub mod state;
pub mod supervisor;
mod validate;

pub use config::Config;
pub use error::AgentError;
pub use run::{Ready, run};

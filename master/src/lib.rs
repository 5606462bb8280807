//! The cluster: sessions, the allocation cycle, launches and status updates.
//!
//! I/O threads turn bytes into [`event::Event`]s; one state thread owns [`state::State`] and turns events into
//! [`effect::Effect`]s; I/O threads turn those into bytes again. Between them are bounded queues, and nothing else.
//!
//! Read in this order: `event`, `effect`, `state`, `reactor`, `convert`, then `io` and `run`.
//!
//! **Invariant**: the reactor has no socket, no clock and no randomness; `convert` is the only file that names both the
//! wire's vocabulary and the core's; nothing here is about one machine's cgroups or processes.

pub mod config;
pub mod effect;
pub mod error;
pub mod event;
pub mod peer_link;
pub mod state;

mod allocation;
mod clock;
mod convert;
mod files;
mod io;
mod reactor;
mod run;
mod validate;

pub use config::{Config, Policy};
pub use error::MasterError;
pub use run::{Ready, run};
pub use state::State;

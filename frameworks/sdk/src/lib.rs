//! The Rust client of the master: what `meros run` and every framework here is written with.
//!
//! Words: a *framework* is a scheduler; an *operator* is a person, or a person's script. Both talk to a *master* over one
//! connection, found by an *endpoint* and opened with *credentials*.
//!
//! ```no_run
//! use meros_sdk::{OperatorClient, Peer, Target};
//!
//! let target = Target::from_state_dir("/var/lib/meros".as_ref(), Peer::Operator, "count")?;
//! let mut operator = OperatorClient::connect(&target)?;
//! println!("{} pods", operator.listing(None)?.pods.len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Reading order: [`event`] (what can happen, what is done about it) → [`framework`] and [`operator`] (the two sessions:
//! rules without socket and clock) → [`client`] (a session driven over a socket, one blocking call at a time) →
//! [`endpoint`] and [`credentials`] (where a master is, and how to be let in). `examples/one_core_each.rs` is a whole scheduler.

pub mod client;
pub mod credentials;
pub mod endpoint;
pub mod event;
pub mod framework;
mod link;
pub mod operator;
mod seen;

pub use client::{Client, ClientError, FrameworkClient, Next, OperatorClient, Target, TargetError};
pub use endpoint::{Endpoint, MasterFile};
pub use event::StreamKey;
pub use link::{BACKOFF_MAX_MS, BACKOFF_MIN_MS};
pub use meros_wire::IdSource;
pub use meros_wire::event::Peer;
pub use meros_wire::message;
pub use seen::SEEN_MAX;

//! The messages between master, agents and frameworks, and the connections that carry them, without a socket.
//!
//! Reading order:
//! 1. [`message`]: what is said, as plain Rust; `schema/*.fbs`: the same as it travels, with the rules by which it may grow.
//! 2. [`frame`], [`encode`], [`decode`]: a message or one of the channel's own payloads to bytes and back; hostile bytes end in
//!    [`decode`].
//! 3. [`link`]: the face of a connection (bytes in, events out), with [`event`], [`error`], [`limits`].
//! 4. [`channel`]: frames, messages, streams, acknowledgements, heartbeats. [`version`]: who speaks with whom.
//! 5. [`offers`]: many offers at once, without plain Rust between. [`ids`]: where ids come from, by a seed.
//! 6. [`authority`], [`secure`], [`connection`]: certificates, mutual TLS, and the channel inside it.
//!
//! There is no socket, no clock, no file and no thread here: callers pump bytes and tell the time. `src/generated.rs` comes from the
//! schema by `cargo run -p meros-wire-codegen` and is the only file with unsafe code.

#![deny(unsafe_code)]

pub mod authority;
pub mod channel;
pub mod connection;
pub mod decode;
pub mod encode;
pub mod error;
pub mod event;
pub mod frame;
#[rustfmt::skip]
#[allow(
    warnings,
    clippy::all,
    clippy::pedantic,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    clippy::ptr_as_ptr,
    clippy::or_fun_call,
    clippy::missing_errors_doc,
    unsafe_op_in_unsafe_fn,
    unsafe_code,
    reason = "written by flatc; the only file of this crate that may hold unsafe code"
)]
mod generated;
pub mod ids;
pub mod limits;
pub mod link;
pub mod message;
pub mod offers;
pub mod secure;
pub mod version;

pub use channel::Channel;
pub use connection::Connection;
pub use error::{DecodeError, LinkError, SendError};
pub use event::{CloseCode, CloseReason, Event, Identity, Peer, PeerHello, StreamId};
pub use ids::IdSource;
pub use limits::Limits;
pub use link::Link;

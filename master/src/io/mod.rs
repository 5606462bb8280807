//! Bytes in and out: threads that own sockets, each with a poll of its own.
//!
//! 1. An I/O thread does TLS, framing, verification and decoding; the state thread sees typed events only.
//! 2. Both queues between them are bounded. The state thread may wait for room in an I/O thread's queue; an I/O thread that
//!    waits for room in the state thread's queue goes on taking commands meanwhile, so the two never wait for each other.
//! 3. A peer that does not read is closed when its output is full; one that stalls inside a frame, when its time is up. Neither
//!    holds anybody else up.

mod connection;
mod listen;
mod queue;
mod setup;
mod socket;
mod thread;

pub(crate) use listen::{Bound, Listeners};
pub(crate) use queue::{EVENTS_MAX, IoThreads};
pub(crate) use setup::ServerSetup;
pub(crate) use thread::spawn;

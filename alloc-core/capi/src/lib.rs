//! The C ABI of alloc-core. `include/meros_alloc.h` is made from this crate, and its doc comments are the header's: they speak C.
//!
//! Rule 1: every function goes through `boundary::call`: one place catches panics, turns what happened into a [`Status`](status::Status)
//! and writes the message into the caller's buffer. There is no static and no thread-local.
//! Rule 2: C's pointers come as [`In`](pointer::In) and [`Out`](pointer::Out), which look like pointers to C and are read and
//! written in `pointer` only, where all unsafe code is (beside the symbols' names, and the caller's function in `predicate`). Null,
//! misaligned and too long are answered with `MEROS_INVALID_ARGUMENT`; that a pointer leads to what its type says is the C caller's part.
//! Rule 3: out-pointers are checked before anything is done, so that nothing is claimed and then not told.
//! Rule 4: numbers that mean something (enums) come as `uint32_t` and are looked up; a Rust enum never comes from C.
//! Rule 5: structs grow at their end: those with `size` by it, those in arrays into `reserved`, which must be 0.
//! Rule 6: a function for a new verb of the core is a new small file: arguments → the core's types → the call → the answer.
//!
//! Reading order: `pointer`, `status`, `message`, `boundary`; `codes` (enums); `shape`, `table`, `role`, `agent`, `usage`; `request`,
//! `answer`, `caller` (a table, or a thread's handle on it); `claim`, `place`, `placement`, `pool`, `restore`, `explain`; `merge`,
//! `resize`, `gang`; `snapshot` and `agent_snapshot`, `claim_exact`; `siting_codes` (more enums), `attribute` and `value_room`, `group`,
//! `constraint`, `rule` and `predicate`, `selection`, `place_where`; `standing`. Huge pages, devices and the like are in `extras_spec`
//! (of a shape), `wishes` (of a request), `placed_extras` (of a placement) and `extras_usage`.

#[cfg(not(panic = "unwind"))]
compile_error!("a panic must not end the caller's process: build with panic = \"unwind\"");

pub mod agent;
pub mod agent_snapshot;
pub mod answer;
pub mod attribute;
pub mod boundary;
pub mod caller;
pub mod claim;
pub mod claim_exact;
pub mod codes;
pub mod constraint;
pub mod explain;
pub mod extras_spec;
pub mod extras_usage;
pub mod gang;
pub mod group;
pub mod merge;
pub mod message;
pub mod place;
pub mod place_where;
pub mod placed_extras;
pub mod placement;
pub mod pointer;
pub mod pool;
pub mod predicate;
pub mod request;
pub mod resize;
pub mod restore;
pub mod role;
pub mod rule;
pub mod selection;
pub mod shape;
pub mod siting_codes;
pub mod snapshot;
pub mod standing;
pub mod status;
pub mod table;
#[cfg(test)]
mod tests;
pub mod usage;
pub mod value_room;
pub mod wishes;

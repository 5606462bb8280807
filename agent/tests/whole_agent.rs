//! A whole agent against a master made of the wire's own connection: real sockets, processes and cgroups, both pumps.
//!
//! Needs root and busybox; says SKIPPED and passes without them. Everything made is removed, also by a test that fails.

#![cfg(test)]

#[path = "whole_agent/bench.rs"]
mod bench;
#[path = "whole_agent/child.rs"]
mod child;
#[path = "whole_agent/life.rs"]
mod life;
#[path = "whole_agent/link.rs"]
mod link;
#[path = "whole_agent/master.rs"]
mod master;
#[path = "whole_agent/pools.rs"]
mod pools;
#[path = "whole_agent/recovery.rs"]
mod recovery;

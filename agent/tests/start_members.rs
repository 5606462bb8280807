//! Members started for real: cgroups, namespaces and processes of this machine, under a root name of the test's own.
//!
//! Needs root and busybox; says SKIPPED and passes without them. Everything made is removed, also by a test that fails.

#![cfg(test)]

#[path = "start_members/limits.rs"]
mod limits;
#[path = "start_members/process.rs"]
mod process;
#[path = "start_members/recovery.rs"]
mod recovery;
#[path = "start_members/root.rs"]
mod root;
#[path = "start_members/support.rs"]
mod support;
#[path = "start_members/v1.rs"]
mod v1;

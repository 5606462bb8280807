//! Placement under affinity, anti-affinity and fault domains on two-NUMA-node servers (`huawei-numa-2025`).
//!
//! [`trace`] reads the files, [`place`] has first-fit, best-fit and worst-fit behind one small trait, [`core`] the core, [`check`] says
//! independently whether a list of placements honours every rule, [`shrink`] drops servers until the set discriminates.
//!
//! # The rules, as read here
//!
//! The set's own text names the classes (collocation, anti-collocation, fault domain) and a hierarchy of racks and servers; it
//! defines neither, and the file of the racks is not part of the traces. Therefore:
//!
//! - `numa = 1`: all PUs and memory of a request come from one NUMA node; `numa = 2`: half of both from each of the server's two
//!   (of an odd number the first gives one more).
//! - `affinity`: all placed requests of a group are in one rack.
//! - `anti-affinity`: no two placed requests of a group are on one server.
//! - `fault_domain`: a rack carries at most one fault domain of a group; requests of one domain may share racks and servers.
//!
//! A rack is so many servers in the order of the file. With racks of one server the rules speak of servers alone; then four fifths
//! of the affinity requests cannot be placed by anybody, since a group wants 187 PUs on average and the largest server has 170.
//! That is why affinity is read over racks; the bench shows both.
//!
//! Groups are numbered per rule: `affinity` 3 and `anti-affinity` 3 are two groups. A request that fits nowhere by its rule is
//! refused and binds nobody.
//!
//! 1 virtual CPU of the trace is 1 PU; memory in GiB. A [`check`] works on placements alone and shares no code with [`place`].

pub mod check;
pub mod core;
pub mod place;
pub mod shrink;
pub mod trace;

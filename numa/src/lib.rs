//! A machine's topology: this one's, an hwloc XML file's, or a synthetic one's.
//!
//! Loading copies hwloc's knowledge once into plain data in this project's words: packages, NUMA nodes, L3
//! domains, cores with their PUs and labels, memory, distances, devices. Everything above is free of
//! hwloc's objects and lifetimes.
//!
//! ```
//! use meros_numa::Topology;
//!
//! let machine = Topology::from_synthetic("package:2 l3:2 core:4 pu:2")?;
//! assert_eq!(machine.cores().len(), 16);
//! assert_eq!(machine.pus().to_string(), "0-31");
//!
//! let core = &machine.cores()[5];
//! assert_eq!((core.package, core.l3, core.pus.to_string()), (Some(0), Some(1), "10-11".into()));
//! # Ok::<(), meros_numa::TopologyError>(())
//! ```
//!
//! Reading order: `model` (the words and their rules), `set` ([`CpuSet`] and its text), `assemble` (how a
//! core gets its labels), `load` (the three sources), `extract` (the only reader of hwloc's objects), `xml`
//! and `synthetic` (what keeps hostile input from hwloc), `hash`.
//!
//! *Invariant*: no wire types, no policy, no unsafe code; only `load` and `extract` name hwloc's types.

#![forbid(unsafe_code)]

mod assemble;
mod error;
mod extract;
mod hash;
mod load;
mod model;
mod set;
mod synthetic;
mod xml;

pub use assemble::{MAX_PUS, MachineError};
pub use error::TopologyError;
pub use model::{
    Core, CoreKind, Device, DeviceKind, Distances, HugePages, L3Domain, NumaNode, OsDevice, OsDeviceKind, PciFunction,
    Topology,
};
pub use set::{
    CpuListError, CpuListProblem, CpuSet, IndexTooLarge, MAX_OS_INDEX, NodeSet, NumaNodeIndices, OsIndexSet, PuIndices,
};
pub use synthetic::SyntheticError;
pub use xml::{MAX_XML_BYTES, XmlError, XmlProblem};

//! Why a topology could not be loaded, and what to do about it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::assemble::MachineError;
use crate::set::IndexTooLarge;
use crate::synthetic::SyntheticError;
use crate::xml::XmlError;

/// Why a topology could not be loaded.
#[derive(Debug, Error)]
pub enum TopologyError {
    /// The XML file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The text is not one that hwloc exports.
    #[error("not an hwloc XML file: {0}; export one with `lstopo --of xml FILE`")]
    Xml(#[from] XmlError),
    /// The text is not a synthetic description.
    #[error("not a synthetic topology such as `package:2 numa:2 l3:1 core:4 pu:2`: {0}")]
    Synthetic(#[from] SyntheticError),
    /// hwloc could not make sense of a well-formed file; it does not say why to a library.
    #[error("hwloc refuses the XML file; `hwloc-info --input FILE` shows its reason")]
    RefusedXml,
    /// hwloc does not know a level or attribute of the description.
    #[error("hwloc refuses the synthetic topology; `hwloc-info --input 'DESCRIPTION'` shows its reason")]
    RefusedSynthetic,
    /// hwloc could not look at this machine.
    #[error("hwloc cannot read this machine's topology ({0}); is /sys mounted?")]
    ThisMachine(String),
    /// The source was read and describes no machine.
    #[error("the topology is inconsistent: {0}")]
    Machine(#[from] MachineError),
    /// A set of the source names an index that no machine has.
    #[error("the topology is inconsistent: {0}")]
    Index(#[from] IndexTooLarge),
    /// A set of the source has no end.
    #[error("the topology is inconsistent: {0} names infinitely many PUs or NUMA nodes")]
    Endless(&'static str),
}

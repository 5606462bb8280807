//! Where a topology comes from: this machine, an hwloc XML file, a synthetic description.
//!
//! All three load with hwloc's `INCLUDE_DISALLOWED`: otherwise PUs that another cgroup took as its
//! partition would seem not to exist, and the machine would change whenever a partition does. hwloc's own
//! environment variables still hold: with `HWLOC_XMLFILE` set, "this machine" is another one, and
//! [`Topology::is_this_machine`] says so.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use hwlocality::Topology as Hwloc;
use hwlocality::topology::builder::{BuildFlags, TopologyBuilder, TypeFilter};

use crate::assemble::assemble;
use crate::error::TopologyError;
use crate::extract::extract;
use crate::model::Topology;
use crate::xml::{MAX_XML_BYTES, XmlError, XmlProblem};
use crate::{synthetic, xml};

impl Topology {
    /// The topology of the machine the program runs on. Takes some milliseconds.
    ///
    /// # Errors
    /// If hwloc cannot read the machine, or what it read is inconsistent.
    pub fn this_machine() -> Result<Self, TopologyError> {
        let hwloc = load(Hwloc::builder());
        finish(&hwloc.map_err(|error| TopologyError::ThisMachine(error.to_string()))?)
    }

    /// The topology in an hwloc XML file, as `lstopo --of xml` writes it.
    ///
    /// # Errors
    /// If the file cannot be read, is not such a file, or describes no consistent machine.
    pub fn from_xml_file(path: impl AsRef<Path>) -> Result<Self, TopologyError> {
        let path = path.as_ref();
        let bytes = read_bounded(path).map_err(|source| TopologyError::Read { path: path.to_owned(), source })?;
        let not_text = XmlError { line: 1, problem: XmlProblem::NotText };
        let text = String::from_utf8(bytes).map_err(|_| not_text)?;
        Self::from_xml(&text)
    }

    /// The topology in the text of an hwloc XML file.
    ///
    /// # Errors
    /// If the text is not of such a file, or describes no consistent machine.
    pub fn from_xml(text: &str) -> Result<Self, TopologyError> {
        xml::vet(text)?;
        let builder = Hwloc::builder().from_xml(text).map_err(Into::into);
        let hwloc = builder.and_then(load);
        finish(&hwloc.map_err(|_| TopologyError::RefusedXml)?)
    }

    /// The topology of a made-up machine, such as `package:2 numa:2 l3:1 core:4 pu:2`.
    ///
    /// # Errors
    /// If the description is malformed or would be larger than [`MAX_PUS`](crate::MAX_PUS).
    pub fn from_synthetic(description: &str) -> Result<Self, TopologyError> {
        synthetic::vet(description)?;
        let builder = Hwloc::builder().from_synthetic(description);
        let hwloc = builder.map_err(Into::into).and_then(load);
        finish(&hwloc.map_err(|_| TopologyError::RefusedSynthetic)?)
    }
}

/// Keeps disallowed PUs, and devices worth being near to.
fn with_all(builder: TopologyBuilder) -> Result<TopologyBuilder, Box<dyn Error>> {
    let builder = builder.with_flags(BuildFlags::INCLUDE_DISALLOWED)?;
    Ok(builder.with_io_type_filter(TypeFilter::KeepImportant)?)
}

fn load(builder: TopologyBuilder) -> Result<Hwloc, Box<dyn Error>> {
    Ok(with_all(builder)?.build()?)
}

fn finish(hwloc: &Hwloc) -> Result<Topology, TopologyError> {
    Ok(assemble(extract(hwloc)?)?)
}

/// At most one byte more than what is accepted, so that a device file or a pipe cannot exhaust memory.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = MAX_XML_BYTES as u64 + 1;
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;

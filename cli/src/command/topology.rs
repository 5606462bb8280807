//! `meros topology`: a machine as hwloc knows it, drawn.

use std::path::PathBuf;

use clap::Args;
use meros_numa::Topology;

use crate::args::Global;
use crate::draw::{self, MachineMap, Style};
use crate::exit::Failure;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  meros topology
  meros topology --xml epyc.xml          as exported by `lstopo --of xml epyc.xml`
  meros topology --synthetic 'package:2 numa:1 l3:2 core:4 pu:2'";

/// What `meros topology` takes.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Flags {
    /// Machine of an hwloc XML file [default: this one]
    #[arg(long, value_name = "FILE", conflicts_with = "synthetic")]
    xml: Option<PathBuf>,

    /// Machine that hwloc makes up of such a description
    #[arg(long, value_name = "TEXT")]
    synthetic: Option<String>,
}

/// Carries the command out.
pub(crate) fn run(global: &Global, flags: &Flags) -> Result<u8, Failure> {
    let topology = match (&flags.xml, &flags.synthetic) {
        (Some(file), _) => Topology::from_xml_file(file)?,
        (None, Some(text)) => Topology::from_synthetic(text)?,
        (None, None) => Topology::this_machine()?,
    };
    let output = global.output();
    let style = Style { colour: output.colour, width: Output::width() };
    output.show(&topology, |topology| draw::draw_machine(&MachineMap::from_topology(topology), style))?;
    Ok(0)
}

//! `meros logs`: what a member wrote, from its file on the agent.

use std::time::Duration;

use clap::Args;
use meros_sdk::message::{LogsRequest, Output};
use meros_sdk::operator::Notice;
use meros_sdk::{Next, OperatorClient};

use crate::args::Global;
use crate::connect;
use crate::exit::Failure;
use crate::output;
use crate::pods;

/// A log that is not followed and of which nothing comes for so long is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What `meros logs` takes.
#[derive(Args, Debug)]
pub(crate) struct Flags {
    /// Go on until it ends
    #[arg(long, short)]
    follow: bool,

    /// What it wrote to stderr [default: to stdout]
    #[arg(long)]
    stderr: bool,

    /// Leave out so many bytes
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    offset: u64,

    /// Pod by name or beginning of its id, with a member where it has several
    #[arg(value_name = "POD[/MEMBER]")]
    pod: String,
}

/// Carries the command out.
pub(crate) fn run(global: &Global, flags: &Flags) -> Result<u8, Failure> {
    let mut operator = connect::operator(global)?;
    let listing = operator.listing(None)?;
    let (name, member) = flags.pod.split_once('/').unwrap_or((&flags.pod, ""));
    let pod = pods::find(&listing, name)?.spec.pod;
    operator.logs(LogsRequest {
        pod,
        member: member.to_owned(),
        output: if flags.stderr { Output::Stderr } else { Output::Stdout },
        offset_bytes: flags.offset,
        follow: flags.follow,
    })?;
    copy(&mut operator, flags)
}

fn copy(operator: &mut OperatorClient, flags: &Flags) -> Result<u8, Failure> {
    let patience = (!flags.follow).then_some(PATIENCE);
    loop {
        match operator.next(patience)? {
            Next::Notice(Notice::Log { bytes, .. }) => output::print(&bytes)?,
            Next::Notice(Notice::LogEnded { .. }) => return Ok(0),
            Next::Notice(Notice::LogFailed { reason, .. }) => {
                return Err(Failure::failed(format!("{}: {reason}", flags.pod)));
            }
            Next::TimedOut => return Err(Failure::failed(format!("{}: its agent sends nothing", flags.pod))),
            Next::Notice(_) | Next::Woken => {}
        }
    }
}

//! `meros agent`: this machine, or a pretended one, offered to a cluster, until it is told to end.

use std::path::PathBuf;

use clap::Args;
use meros_agent::config::{Endpoint, PumpChoice, TopologySource};
use meros_agent::{Config, Ready};

use crate::args::Global;
use crate::exit::Failure;
use crate::ready::{Announcement, announce};
use crate::signals::Stop;

/// The program that is started beside every member; it is installed beside this one.
const SUPERVISOR: &str = "meros-supervisor";

/// What `meros agent` takes.
#[derive(Args, Debug)]
pub(crate) struct Flags {
    /// Its master: tcp:NAME:PORT or unix:PATH, as `master.json` in the master's state folder says
    #[arg(long, value_name = "ENDPOINT")]
    master: Endpoint,

    /// Folder with its credentials: a copy of credentials/agent of the master's state folder
    #[arg(long, value_name = "DIR")]
    credentials: PathBuf,

    /// Name below which it makes its cgroups
    #[arg(long, value_name = "NAME", default_value = "meros")]
    cgroup_root: String,

    /// Its machine: host, or xml:FILE or synthetic:TEXT to pretend, so that pinning is recorded and not applied
    #[arg(long, value_name = "WHICH", default_value = "host")]
    topology: TopologySource,

    /// How it moves bytes: auto, io-uring or epoll
    #[arg(long, value_name = "PUMP", default_value = "auto")]
    pump: PumpChoice,

    /// The supervisor program [default: meros-supervisor beside this one]
    #[arg(long, value_name = "PATH")]
    supervisor: Option<PathBuf>,

    /// End when standard input ends, so as not to outlive whoever started it
    #[arg(long)]
    end_with_stdin: bool,
}

/// Carries the command out.
pub(crate) fn run(global: &Global, flags: Flags) -> Result<u8, Failure> {
    let stop = Stop::for_daemon(flags.end_with_stdin)?;
    let config = Config {
        state_dir: global.named_state_dir().unwrap_or_else(|| global.state_dir().join("agent")),
        master: flags.master,
        credentials: flags.credentials,
        cgroup_root: flags.cgroup_root,
        topology: flags.topology,
        pump: flags.pump,
        supervisor: flags.supervisor.map_or_else(supervisor_beside, Ok)?,
    };
    let output = global.output();
    meros_agent::run(config, move |ready| announce(output, &ready_line(ready)), stop)?;
    Ok(0)
}

fn supervisor_beside() -> Result<PathBuf, Failure> {
    let unknown = |error| Failure::failed(format!("cannot tell where this program is ({error}): give --supervisor"));
    Ok(std::env::current_exe().map_err(unknown)?.with_file_name(SUPERVISOR))
}

fn ready_line(ready: &Ready) -> Announcement {
    Announcement::Agent {
        agent: ready.agent.to_string(),
        pid: std::process::id(),
        pump: ready.pump.to_owned(),
        pump_reason: ready.refused.clone(),
    }
}

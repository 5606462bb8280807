//! `meros master`: a cluster's leader, until it is told to end.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use meros_master::{Config, Policy, Ready};

use crate::args::Global;
use crate::exit::Failure;
use crate::ready::{Announcement, announce};
use crate::signals::Stop;

/// What `meros master` takes.
#[derive(Args, Debug)]
pub(crate) struct Flags {
    /// Where agents and frameworks of other machines connect; port 0: any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen_tcp: SocketAddr,

    /// Where peers of this machine connect [default: master.sock in the state folder]
    #[arg(long, value_name = "PATH")]
    listen_unix: Option<PathBuf>,

    /// How often each side of a connection is heard, at least
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(100..), default_value_t = 5_000)]
    heartbeat_ms: u32,

    /// End when standard input ends, so as not to outlive whoever started it
    #[arg(long)]
    end_with_stdin: bool,
}

/// Carries the command out.
pub(crate) fn run(global: &Global, flags: &Flags) -> Result<u8, Failure> {
    let stop = Stop::for_daemon(flags.end_with_stdin)?;
    let config = Config {
        state_dir: global.state_dir(),
        listen_tcp: flags.listen_tcp,
        listen_unix: flags.listen_unix.clone(),
        policy: Policy { heartbeat_ms: flags.heartbeat_ms, ..Policy::default() },
    };
    let output = global.output();
    let ready = move |ready: &Ready| announce(output, &ready_line(ready));
    meros_master::run(&config, ready, stop)?;
    Ok(0)
}

fn ready_line(ready: &Ready) -> Announcement {
    Announcement::Master {
        cluster: ready.cluster.to_string(),
        term: ready.term,
        pid: std::process::id(),
        tcp: ready.tcp.to_string(),
        unix: ready.unix.clone(),
    }
}

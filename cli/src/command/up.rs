//! `meros up`: a whole cluster on this machine, until it is told to end.
//!
//! Master and agents are real daemons, started as children of this process: the first agent reaches its master over the Unix
//! socket, the others over TCP. With a topology the machines are pretended: pinning is recorded, not applied.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use meros_agent::config::{PumpChoice, TopologySource};
use serde::Serialize;

use crate::args::Global;
use crate::children::{ChildEvent, ChildIndex, Children};
use crate::exit::{FAILED, Failure};
use crate::output::{Format, print};
use crate::ready::Announcement;
use crate::signals::Stop;

/// A daemon that is not ready by then will not be.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// An agent ends its pods first, which may take their grace.
const AGENT_PATIENCE: Duration = Duration::from_secs(40);
/// A master has nothing to wait for.
const MASTER_PATIENCE: Duration = Duration::from_secs(10);

const EXAMPLES: &str = "\
Examples:
  meros up                              this machine, for real (as root)
  meros up --agents 2 --topology 'synthetic:package:2 numa:1 l3:2 core:4 pu:2'
  meros up --agents 100 --topology xml:epyc.xml
In another terminal, with the same --state-dir: `meros ps --map`, `meros run --cpus 1 -- CMD`.";

/// What `meros up` takes.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Flags {
    /// How many agents; more than one needs --topology
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000), default_value_t = 1)]
    agents: u32,

    /// Machine that every agent pretends to be: xml:FILE or synthetic:TEXT [default: this one, for real]
    #[arg(long, value_name = "WHICH", value_parser = valid::<TopologySource>)]
    topology: Option<String>,

    /// Where the master listens for other machines; port 0: any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen_tcp: SocketAddr,

    /// Name below which agents make their cgroups; with several agents, followed by a number each
    #[arg(long, value_name = "NAME", default_value = "meros")]
    cgroup_root: String,

    /// How agents move bytes: auto, io-uring or epoll
    #[arg(long, value_name = "PUMP", value_parser = valid::<PumpChoice>, default_value = "auto")]
    pump: String,

    /// The supervisor program [default: meros-supervisor beside this one]
    #[arg(long, value_name = "PATH")]
    supervisor: Option<PathBuf>,

    /// End when standard input ends, so as not to outlive whoever started it
    #[arg(long)]
    end_with_stdin: bool,
}

/// Checks what is passed on to agents as it was typed.
fn valid<T: FromStr>(text: &str) -> Result<String, T::Err> {
    text.parse::<T>().map(|_| text.to_owned())
}

/// A cluster that is up.
#[derive(Debug, Serialize)]
struct Up {
    state_dir: PathBuf,
    master: Announcement,
    agents: Vec<Announcement>,
}

/// Carries the command out.
pub(crate) fn run(global: &Global, flags: &Flags) -> Result<u8, Failure> {
    if flags.agents > 1 && flags.topology.is_none() {
        let what = "several agents on one machine would hand out its cores several times: say with --topology what they pretend to be";
        return Err(Failure::usage(what));
    }
    let stop = Stop::for_daemon(flags.end_with_stdin)?;
    let mut starter = Starter { global, flags, children: Children::new(stop)?, agents: Vec::new() };
    let ended = starter.start().and_then(|started| match started {
        Some((up, master)) => {
            show(global, &up)?;
            Ok(starter.watch(master))
        }
        None => Ok(0),
    });
    starter.children.end(&starter.agents, AGENT_PATIENCE);
    starter.children.end_all(MASTER_PATIENCE);
    ended
}

struct Starter<'a> {
    global: &'a Global,
    flags: &'a Flags,
    children: Children,
    agents: Vec<ChildIndex>,
}

impl Starter<'_> {
    /// Starts everything. `None`: told to end before all was up.
    fn start(&mut self) -> Result<Option<(Up, ChildIndex)>, Failure> {
        let master = self.children.start("master", self.master_arguments())?;
        let Some(mut ready) = self.wait_ready(1)? else { return Ok(None) };
        let Some(announcement) = ready.pop() else { return Ok(None) };
        let Announcement::Master { tcp, unix, .. } = &announcement else {
            return Err(Failure::failed("the master did not announce itself as one"));
        };
        let (near, far) = (format!("unix:{}", unix.display()), format!("tcp:{tcp}"));
        for number in 0..self.flags.agents {
            let endpoint = if number == 0 { &near } else { &far };
            let child = self.children.start(&format!("agent {number}"), self.agent_arguments(number, endpoint))?;
            self.agents.push(child);
        }
        let Some(agents) = self.wait_ready(self.agents.len())? else { return Ok(None) };
        let up = Up { state_dir: self.global.state_dir(), master: announcement, agents };
        Ok(Some((up, master)))
    }

    /// Waits until so many children are ready. `None`: told to end.
    fn wait_ready(&mut self, count: usize) -> Result<Option<Vec<Announcement>>, Failure> {
        let mut ready = Vec::new();
        while ready.len() < count {
            match self.children.next(Some(START_PATIENCE)) {
                Some(ChildEvent::Ready(index, announcement)) => ready.push((index, announcement)),
                Some(ChildEvent::Ended(index)) => return Err(Failure::failed(self.children.reap(index))),
                Some(ChildEvent::Stop) => return Ok(None),
                None => {
                    let what = format!("{} of {count} daemons ready in {START_PATIENCE:?}", ready.len());
                    return Err(Failure::failed(format!("{what}: --log info shows what they wait for")));
                }
            }
        }
        ready.sort_by_key(|(index, _)| *index);
        Ok(Some(ready.into_iter().map(|(_, announcement)| announcement).collect()))
    }

    /// Until somebody wants the end, or a daemon ends by itself.
    fn watch(&mut self, master: ChildIndex) -> u8 {
        loop {
            match self.children.next(None) {
                Some(ChildEvent::Ended(index)) => {
                    let rest = if index == master { "agents" } else { "others" };
                    eprintln!("meros: {}; ending the {rest}", self.children.reap(index));
                    return FAILED;
                }
                Some(ChildEvent::Ready(..)) => {}
                Some(ChildEvent::Stop) | None => return 0,
            }
        }
    }

    /// What both kinds of daemon are told.
    fn common(&self, state_dir: PathBuf) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = ["--output", "json", "--state-dir"].map(OsString::from).into();
        arguments.push(state_dir.into());
        arguments.extend(["--log".into(), self.global.log.clone().unwrap_or_else(|| "warn".to_owned()).into()]);
        if let Some(config) = &self.global.config {
            arguments.extend(["--config".into(), config.into()]);
        }
        arguments
    }

    fn master_arguments(&self) -> Vec<OsString> {
        let mut arguments = self.common(self.global.state_dir());
        arguments.extend(["master", "--end-with-stdin", "--listen-tcp"].map(OsString::from));
        arguments.push(self.flags.listen_tcp.to_string().into());
        arguments
    }

    fn agent_arguments(&self, number: u32, endpoint: &str) -> Vec<OsString> {
        let state_dir = self.global.state_dir();
        let mut arguments = self.common(state_dir.join("agents").join(number.to_string()));
        arguments.extend(["agent", "--end-with-stdin", "--master", endpoint, "--credentials"].map(OsString::from));
        arguments.push(state_dir.join("credentials").join("agent").into());
        let several = self.flags.agents > 1;
        let cgroup_root = &self.flags.cgroup_root;
        let cgroup_root = if several { format!("{cgroup_root}-{number}") } else { cgroup_root.clone() };
        arguments.extend(["--cgroup-root".into(), cgroup_root.into()]);
        arguments.extend(["--pump".into(), self.flags.pump.clone().into()]);
        if let Some(topology) = &self.flags.topology {
            arguments.extend(["--topology".into(), topology.into()]);
        }
        if let Some(supervisor) = &self.flags.supervisor {
            arguments.extend(["--supervisor".into(), supervisor.into()]);
        }
        arguments
    }
}

/// One line of JSON, so that whoever started this can wait for it; or a few lines for people.
fn show(global: &Global, up: &Up) -> Result<(), Failure> {
    if global.output().format == Format::Json {
        return print(format!("{}\n", serde_json::to_string(up)?).as_bytes());
    }
    let mut text = format!("{}\n", up.master.text());
    for agent in &up.agents {
        text += &format!("{}\n", agent.text());
    }
    let named = global.named_state_dir().map(|dir| format!(" --state-dir {}", dir.display())).unwrap_or_default();
    text += &format!("\nTry: meros{named} ps --map\n     meros{named} run --cpus 1 -- CMD\nCtrl-C ends it all.\n");
    print(text.as_bytes())
}

//! `meros ps`: pods, where they are, and why they wait.

use std::io::{self, IsTerminal};

use clap::Args;
use meros_sdk::Next;
use meros_sdk::message::{AgentView, Listing, PodView};
use meros_sdk::operator::Notice;

use crate::args::Global;
use crate::clock;
use crate::connect;
use crate::draw::{self, Align, MachineMap, Style, Table};
use crate::exit::Failure;
use crate::output::{Output, print};
use crate::pods;
use crate::view;

/// Moves to the top left corner and clears what is below.
const CLEAR: &[u8] = b"\x1b[H\x1b[J";

/// What `meros ps` takes.
#[derive(Args, Debug)]
pub(crate) struct Flags {
    /// Ended pods too
    #[arg(long, short)]
    all: bool,

    /// Draw each agent's machine with who owns what
    #[arg(long)]
    map: bool,

    /// Again after each change, until Ctrl-C
    #[arg(long, short)]
    watch: bool,
}

/// Carries the command out.
pub(crate) fn run(global: &Global, flags: &Flags) -> Result<u8, Failure> {
    let output = global.output();
    let mut operator = connect::operator(global)?;
    if !flags.watch {
        show(&operator.listing(None)?, flags, output)?;
        return Ok(0);
    }
    operator.query(None, true)?;
    loop {
        match operator.next(None)? {
            Next::Notice(Notice::Listing(listing)) => {
                if io::stdout().is_terminal() {
                    print(CLEAR)?;
                }
                show(&listing, flags, output)?;
            }
            Next::Notice(Notice::Refused(refusal)) => return Err(Failure::refused(&refusal)),
            Next::Notice(Notice::Disconnected { reason, .. }) => {
                eprintln!("meros: connection lost ({reason}); trying again")
            }
            Next::Notice(_) | Next::Woken | Next::TimedOut => {}
        }
    }
}

fn show(listing: &Listing, flags: &Flags, output: Output) -> Result<(), Failure> {
    let mut listing = listing.clone();
    listing.pods.retain(|pod| flags.all || !pod.status.state.is_terminal());
    let text = |_: &view::Cluster| {
        let style = Style { colour: output.colour, width: Output::width() };
        let maps = if flags.map { maps(&listing, style) } else { String::new() };
        maps + &table(&listing, style) + &reasons(&listing)
    };
    output.show(&view::Cluster::from(&listing), text)
}

fn maps(listing: &Listing, style: Style) -> String {
    let map = |agent| {
        let map = MachineMap::from_machine(agent, &listing.pods);
        let pretended = if agent.machine.pretended { ", pretended" } else { "" };
        let gone = if agent.connected { "" } else { ", not connected" };
        format!("agent {}{pretended}{gone}\n{}\n", agent.agent, draw::draw_machine(&map, style))
    };
    listing.agents.iter().map(map).collect()
}

fn table(listing: &Listing, style: Style) -> String {
    let columns = [
        ("POD", Align::Left),
        ("NAME", Align::Left),
        ("STATE", Align::Left),
        ("AGENT", Align::Left),
        ("CPUS", Align::Right),
        ("MEMORY", Align::Right),
        ("PUS", Align::Left),
        ("NUMA", Align::Left),
        ("SINCE", Align::Right),
    ];
    let mut table = Table::new(&columns);
    let now_unix_ms = clock::unix_ms();
    for pod in &listing.pods {
        table.row(row(pod, &listing.agents, now_unix_ms));
    }
    table.draw(style)
}

fn row(pod: &PodView, agents: &[AgentView], now_unix_ms: u64) -> Vec<String> {
    let (spec, status) = (&pod.spec, &pod.status);
    vec![
        spec.pod.0.short(),
        spec.name.clone(),
        pods::state(status),
        status.agent.map_or_else(|| "-".to_owned(), |agent| agent.to_string()),
        pods::cpus(spec),
        pods::memory(spec),
        pods::pus(status, agents),
        pods::numa_nodes(status),
        pods::age(now_unix_ms.saturating_sub(status.unix_ms)),
    ]
}

/// Why pods wait or have ended badly, in full: a column would cut it.
fn reasons(listing: &Listing) -> String {
    let told = |pod: &&PodView| pods::wants_reason(&pod.status);
    let reason =
        |pod: &PodView| format!("{}: {}: {}\n", pods::label(&pod.spec), pods::state(&pod.status), pod.status.message);
    listing.pods.iter().filter(told).map(reason).collect()
}

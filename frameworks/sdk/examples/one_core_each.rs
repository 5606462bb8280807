//! A whole scheduler: runs N tasks, each on a core of its own, prints what becomes of them, and ends with 0 when all did well.
//!
//! ```text
//! meros --state-dir /tmp/meros up &
//! cargo run --example one_core_each -- --state-dir /tmp/meros --tasks 3 -- sleep 1
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use meros_sdk::framework::{Notice, Options};
use meros_sdk::message::{
    Command, Cpus, Label, MemberResources, MemberSpec, Offer, PodId, PodSpec, Subscribe, TaskState,
};
use meros_sdk::{FrameworkClient, Next, Peer, Target};

const USAGE: &str = "usage: one_core_each --state-dir DIR [--tasks N] -- CMD [ARG…]";
/// Quantities given back may go to others for so long.
const REFUSE_MS: u64 = 1_000;

/// What is still to be run, and what became of the rest.
struct Scheduler {
    argv: Vec<String>,
    waiting: usize,
    states: BTreeMap<PodId, TaskState>,
}

impl Scheduler {
    /// Starts a task on each core of the offer and gives the rest back.
    fn on_offer(&mut self, client: &mut FrameworkClient, offer: &Offer) -> Result<(), Box<dyn Error>> {
        let count = self.waiting.min(usize::try_from(offer.exclusive_cores)?);
        if count == 0 {
            return Ok(client.decline(&[offer.offer], REFUSE_MS)?);
        }
        let pods: Vec<PodSpec> = (0..count).map(|_| self.pod(client.new_pod_id())).collect();
        println!("{count} of the {} free cores of {}", offer.exclusive_cores, offer.agent);
        self.waiting -= count;
        self.states.extend(pods.iter().map(|pod| (pod.pod, TaskState::Staging)));
        client.accept(&[offer.offer], pods, 0)?;
        if self.waiting == 0 {
            client.suppress()?;
        }
        Ok(())
    }

    /// One member with a core of its own.
    fn pod(&self, pod: PodId) -> PodSpec {
        let env = vec![Label { key: "PATH".to_owned(), value: "/usr/local/bin:/usr/bin:/bin".to_owned() }];
        let member = MemberSpec {
            name: "main".to_owned(),
            command: Command { argv: self.argv.clone(), env, ..Command::default() },
            resources: MemberResources { cpus: Cpus::Exclusive { pus: 1 }, mem_bytes: 0 },
            ..MemberSpec::default()
        };
        let (name, role) = ("one-core".to_owned(), "default".to_owned());
        let mut spec = PodSpec { pod, name, role, members: vec![member], ..PodSpec::default() };
        spec.mark_features();
        spec
    }

    fn all_ended(&self) -> bool {
        self.waiting == 0 && self.states.values().all(|state| state.is_terminal())
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let (flags, argv): (Vec<String>, Vec<String>) = {
        let mut arguments = std::env::args().skip(1);
        (arguments.by_ref().take_while(|argument| argument != "--").collect(), arguments.collect())
    };
    let flag = |name: &str| flags.chunks(2).find(|pair| pair[0] == name).and_then(|pair| pair.get(1));
    let state_dir = flag("--state-dir").filter(|_| !argv.is_empty()).ok_or(USAGE)?;
    let waiting = flag("--tasks").map_or(Ok(1), |tasks| tasks.parse())?;
    let mut scheduler = Scheduler { argv, waiting, states: BTreeMap::new() };

    let target = Target::from_state_dir(Path::new(state_dir), Peer::Framework, "one-core-each")?;
    let (name, roles) = ("one-core-each".to_owned(), vec!["default".to_owned()]);
    let subscribe = Subscribe { name, roles, ..Subscribe::default() };
    let mut client = FrameworkClient::connect(&target, Options { subscribe, ..Options::default() })?;
    while !scheduler.all_ended() {
        let Next::Notice(notice) = client.next(None)? else { continue };
        match notice {
            Notice::Offers(offers) => offers.iter().try_for_each(|offer| scheduler.on_offer(&mut client, offer))?,
            Notice::Status(status) => {
                println!("{} is {} {}", status.pod, status.state.name(), status.message);
                scheduler.states.insert(status.pod, status.state);
            }
            Notice::Refused(refusal) => return Err(format!("{}: {}", refusal.field, refusal.message).into()),
            other => println!("{other:?}"),
        }
    }
    client.close("every task has ended")?;
    let finished = scheduler.states.values().all(|state| *state == TaskState::Finished);
    Ok(if finished { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

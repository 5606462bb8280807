//! Scenarios of the agent's reactor, in the words of the domain.
//!
//! A [`Scene`] is an agent of two NUMA nodes with two cores of two PUs each (PUs 0-3 and 4-7). Each thing it wants done
//! becomes one line of text; a scene that ends with lines nobody has looked at panics.

mod chaos;
mod ending;
mod killing;
mod launching;
mod link;
mod logs;
mod pools;
mod statuses;

use meros_wire::StreamId;
use meros_wire::message::{
    AcknowledgeStatus, AgentId, Command, Cpus, Envelope, Exit, KillPod, Launch, LogsRequest, Machine, MachineCore,
    MachineNumaNode, MemberResources, MemberSpec, Message, Output, Pinning, Placement, PodId, PodSpec, PoolOrder,
    PoolShare, Registered, StatusUpdate, StreamPurpose, Uuid,
};

use crate::effect::Effect;
use crate::event::{Ended, Event, Now, ReaderId};
use crate::state::{Identity, Recovered, State};

const TERM: u64 = 3;
const INCARNATION: u64 = 1;
const TOPOLOGY: u64 = 0xabcd;
const GRACE_MS: u32 = 5_000;

fn pod(number: u8) -> PodId {
    PodId(Uuid([number; 16]))
}

fn machine() -> Machine {
    let core = |first: u32, numa_node| MachineCore {
        pus: vec![first, first + 1],
        numa_node: Some(numa_node),
        ..MachineCore::default()
    };
    let numa_node = |os_index| MachineNumaNode { os_index, mem_bytes: 1 << 30, ..MachineNumaNode::default() };
    Machine {
        topology_hash: TOPOLOGY,
        cores: vec![core(0, 0), core(2, 0), core(4, 1), core(6, 1)],
        numa_nodes: vec![numa_node(0), numa_node(1)],
        ..Machine::default()
    }
}

fn identity() -> Identity {
    Identity { cluster: Uuid([9; 16]), agent_uuid: Uuid([8; 16]), incarnation: INCARNATION, machine: machine() }
}

fn spec(number: u8, cpus: Cpus) -> PodSpec {
    let command = Command { argv: vec!["/bin/true".to_owned()], ..Command::default() };
    let resources = MemberResources { cpus, mem_bytes: 1 << 20 };
    let member = MemberSpec { name: "main".to_owned(), command, resources, ..MemberSpec::default() };
    PodSpec { pod: pod(number), members: vec![member], kill_grace_ms: GRACE_MS, ..PodSpec::default() }
}

fn exclusive(number: u8, pus: &[u32]) -> Launch {
    let wanted = Cpus::Exclusive { pus: u32::try_from(pus.len()).unwrap() };
    let placement = Placement { exclusive_pus: pus.to_vec(), ..Placement::default() };
    Launch { spec: spec(number, wanted), placement, framework: 4 }
}

fn shared(number: u8, pools: &[u32]) -> Launch {
    let pools = pools.iter().map(|pool| PoolShare { pool: *pool, cpu_milli: 500 }).collect();
    let placement = Placement { pools, ..Placement::default() };
    Launch { spec: spec(number, Cpus::Shared { cpu_milli: 500 }), placement, framework: 4 }
}

fn pool(pool: u32, pus: &[u32], epoch: u64) -> Message {
    Message::PoolOrder(PoolOrder { pool, pus: pus.to_vec(), epoch })
}

fn pinned(cpuset: &str, mems: &str) -> Option<Pinning> {
    Some(Pinning { cpuset: cpuset.to_owned(), mems: mems.to_owned() })
}

/// An agent, its clock, and what it wants done that nobody has looked at.
struct Scene {
    state: State,
    now: Now,
    lines: Vec<String>,
    /// The latest status told of each pod.
    told: std::collections::BTreeMap<PodId, StatusUpdate>,
    unchecked: bool,
}

impl Scene {
    /// Just begun, with what an earlier process left.
    fn new(recovered: Recovered) -> Self {
        let state = State::new(identity(), recovered, 42);
        let now = Now { mono_ms: 1_000, unix_ms: 1_700_000_000_000 };
        let mut scene =
            Self { state, now, lines: Vec::new(), told: std::collections::BTreeMap::new(), unchecked: false };
        let mut effects = Vec::new();
        scene.state.start(&mut effects);
        scene.take(effects);
        scene
    }

    /// Connected and admitted as agent 7 by the leader of [`TERM`].
    fn registered() -> Self {
        let mut scene = Self::new(Recovered::default());
        scene.event(Event::Opened);
        scene.admit();
        scene.expect(&["connect", "register pods [] pools []", "save term 3", "ready a7"]);
        scene
    }

    /// The same, with a pod on PUs 0 and 1 whose program runs.
    fn running(number: u8) -> Self {
        let mut scene = Self::registered();
        scene.order(Message::Launch(exclusive(number, &[0, 1])));
        scene.started(number, pinned("0-1", "0"));
        scene.expect(&[
            &format!("keep launch p{number}"),
            &format!("tell p{number} starting"),
            &format!("launch p{number} on 0-1 / 0"),
            &format!("tell p{number} running"),
        ]);
        scene
    }

    fn admit(&mut self) {
        self.order(Message::Registered(Registered { agent: AgentId(7), ..Registered::default() }));
    }

    fn event(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.state.handle(event, self.now, &mut effects);
        self.state.validate().unwrap();
        self.take(effects);
    }

    fn order(&mut self, message: Message) {
        self.order_as(|_| {}, message);
    }

    /// An order with something special about its envelope.
    fn order_as(&mut self, change: impl FnOnce(&mut Envelope), message: Message) {
        let mut envelope = Envelope {
            term: TERM,
            incarnation: INCARNATION,
            topology_hash: TOPOLOGY,
            idempotency_key: Uuid([1; 16]),
            ..Envelope::default()
        };
        change(&mut envelope);
        self.event(Event::Message { envelope: Box::new(envelope), message: Box::new(message) });
    }

    fn kill(&mut self, number: u8, grace_ms: Option<u32>) {
        self.order(Message::KillPod(KillPod { pod: pod(number), grace_ms }));
    }

    fn started(&mut self, number: u8, pinning: Option<Pinning>) {
        self.event(Event::Started { pod: pod(number), pid: 100, pinning });
    }

    fn exited(&mut self, number: u8, exit: Exit) {
        self.event(Event::Exited { pod: pod(number), ended: Ended { exit, out_of_memory: false } });
    }

    fn removed(&mut self, number: u8) {
        self.event(Event::Removed { pod: pod(number), result: Ok(()) });
    }

    fn disconnect(&mut self) {
        self.event(Event::Closed { reason: "the cable".to_owned() });
    }

    /// Acknowledges the latest status of a pod.
    fn acknowledge(&mut self, number: u8) {
        let update = self.told[&pod(number)].update;
        self.order(Message::AcknowledgeStatus(AcknowledgeStatus { pod: pod(number), update }));
    }

    fn open_logs(&mut self, stream: u64, number: u8, follow: bool) {
        let request = LogsRequest { pod: pod(number), output: Output::Stdout, follow, ..LogsRequest::default() };
        self.event(Event::StreamOpened { stream: StreamId(stream), purpose: StreamPurpose::Logs(request) });
    }

    fn log_read(&mut self, reader: u64, bytes: &[u8]) {
        self.event(Event::LogRead { reader: ReaderId(reader), result: Ok(bytes.to_vec()) });
    }

    /// Lets time pass, with a tick at every deadline on the way, as a driver does.
    fn after(&mut self, wait_ms: u64) {
        let until_ms = self.now.mono_ms + wait_ms;
        while let Some(due_ms) = self.state.next_deadline_ms().filter(|due_ms| *due_ms <= until_ms) {
            assert!(due_ms > self.now.mono_ms, "the deadline {due_ms} stays in the past");
            self.pass(due_ms - self.now.mono_ms);
            self.event(Event::Tick);
        }
        self.pass(until_ms - self.now.mono_ms);
    }

    fn pass(&mut self, wait_ms: u64) {
        self.now.mono_ms += wait_ms;
        self.now.unix_ms += wait_ms;
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if let Effect::Send { message, .. } = &effect
                && let Message::ReportStatus(report) = message.as_ref()
            {
                self.told.insert(report.status.pod, report.status.clone());
            }
            self.lines.push(line(&effect));
            self.unchecked = true;
        }
    }

    /// What it wanted done since the last look, and nothing else.
    #[track_caller]
    fn expect(&mut self, lines: &[&str]) {
        self.unchecked = false;
        assert_eq!(std::mem::take(&mut self.lines), lines);
    }

    /// The same, for a pod's way to its present state that another test looks at.
    fn skip(&mut self) {
        self.unchecked = false;
        self.lines.clear();
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if self.unchecked && !std::thread::panicking() {
            panic!("nobody looked at: {:?}", self.lines);
        }
    }
}

fn line(effect: &Effect) -> String {
    match effect {
        Effect::Connect => "connect".to_owned(),
        Effect::Send { envelope, message } => sent(envelope, message),
        Effect::StreamWrite { stream, bytes } => format!("{stream} write {}", bytes.len()),
        Effect::StreamConsumed { stream, count } => format!("{stream} consumed {count}"),
        Effect::StreamEnd { stream } => format!("{stream} end"),
        Effect::StreamReset { stream, .. } => format!("{stream} reset"),
        Effect::Close { .. } => "hang up".to_owned(),
        Effect::SaveTerm { term } => format!("save term {term}"),
        Effect::KeepLaunch { launch, .. } => format!("keep launch {}", short(launch.spec.pod)),
        Effect::KeepEnding { report } => {
            format!("keep ending {} {}", short(report.status.pod), report.status.state.name())
        }
        Effect::Forget { pod } => format!("forget {}", short(*pod)),
        Effect::DropLogs { pod } => format!("drop logs {}", short(*pod)),
        Effect::Launch { plan } => format!("launch {} on {} / {}", short(plan.pod), plan.pins.cpuset, plan.pins.mems),
        Effect::Signal { pod, signal } => format!("signal {} {signal}", short(*pod)),
        Effect::ForceEnd { pod } => format!("force {}", short(*pod)),
        Effect::Remove { pod } => format!("remove {}", short(*pod)),
        Effect::SetPool { pool, epoch, moves } => {
            let moves: Vec<String> = moves
                .iter()
                .map(|order| format!(" {} to {} / {}", short(order.pod), order.pins.cpuset, order.pins.mems))
                .collect();
            format!("set pool {pool} epoch {epoch}:{}", moves.concat())
        }
        Effect::ReadLog { reader, offset_bytes, .. } => format!("r{} read at {offset_bytes}", reader.0),
        Effect::CloseLog { reader } => format!("r{} close", reader.0),
        Effect::Ready { agent } => format!("ready {agent}"),
        Effect::Finished => "finished".to_owned(),
    }
}

fn sent(envelope: &Envelope, message: &Message) -> String {
    assert_eq!(envelope.incarnation, INCARNATION);
    assert_eq!(envelope.topology_hash, TOPOLOGY);
    match message {
        Message::Register(register) => {
            let pods: Vec<String> =
                register.pods.iter().map(|pod| format!("{} {}", short(pod.spec.pod), pod.state.name())).collect();
            let pools: Vec<String> =
                register.pools.iter().map(|pool| format!("{} at {}", pool.pool, pool.epoch)).collect();
            format!("register pods [{}] pools [{}]", pods.join(", "), pools.join(", "))
        }
        Message::ReportStatus(report) => {
            let status = &report.status;
            let reason = if status.state.is_terminal() { format!(" {:?}", status.reason) } else { String::new() };
            format!("tell {} {}{reason}", short(status.pod), status.state.name())
        }
        Message::Refusal(refusal) => {
            assert_eq!(envelope.idempotency_key, Uuid([1; 16]), "a refusal carries its order's key");
            format!("refuse {:?} {}", refusal.code, refusal.field)
        }
        Message::PoolConfirmed(confirmed) => format!("confirm pool {} epoch {}", confirmed.pool, confirmed.epoch),
        other => format!("send {}", other.name()),
    }
}

fn short(pod: PodId) -> String {
    format!("p{}", pod.0.0[0])
}

//! The timeline: what happens next, to whom.

use std::collections::BTreeMap;
use std::fmt;

use meros_agent::event::{Event as AgentEvent, Now as AgentNow};
use meros_agent::state::Identity as AgentIdentity;
use meros_master::Policy;
use meros_master::event::{Now as MasterNow, PeerId};
use meros_sdk::IdSource;
use meros_sdk::event::{Event as ClientEvent, Now as ClientNow, Reactor as _};
use meros_sdk::framework;
use meros_sdk::operator;
use meros_wire::Link as _;
use meros_wire::message::{Machine as WireMachine, MachineCore, MachineNumaNode, Offer, Uuid};

use super::check;
use super::machine::{Machine, Work};
use super::manners::{Manner, client};
use super::monitor::Monitor;
use super::network::{Arrival, End, Network, WireId, drain};
use super::parties::{AgentParty, ClientParty, MasterParty, Wishes};
use super::plan::Plan;
use super::wants::Wants;

/// What went wrong, by kind: the simulator's exit codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Something that must hold at every step did not.
    Correctness(String),
    /// Something that must come about did not.
    Liveness(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Correctness(what) => write!(f, "correctness: {what}"),
            Self::Liveness(what) => write!(f, "liveness: {what}"),
        }
    }
}

/// A run that held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Steps of the timeline.
    pub steps: u64,
    /// Programs started on machines.
    pub started: u64,
    /// Wires broken.
    pub breaks: u64,
    /// Agents killed.
    pub crashes: u64,
    /// The longest that a framework that wanted offers had none while others did.
    pub hungriest_ms: u64,
    /// Offers that were answered after they were rescinded, and in time.
    pub in_grace: u64,
}

/// Who is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// An agent, by position.
    Agent(usize),
    /// A framework, by position.
    Framework(usize),
    /// The operator.
    Operator,
}

/// One entry of the timeline.
#[derive(Debug)]
pub(super) enum Happening {
    Arrives(WireId, End, Arrival),
    Machine { agent: usize, life: u64, work: Work },
    BreakWire,
    KillAgent,
    StartAgent(usize),
    RestartFramework,
    Answer(usize, Box<Offer>),
    Revive(usize),
    PlaceMore(usize),
    Ask,
}

/// The world of one run.
#[derive(Debug)]
pub struct World {
    pub(super) plan: Plan,
    pub(super) now_ms: u64,
    pub(super) dice: IdSource,
    timeline: BTreeMap<(u64, u64), Happening>,
    next_entry: u64,
    network: Network,
    clients: BTreeMap<WireId, Party>,
    pub(super) master: MasterParty,
    pub(super) agents: Vec<AgentParty>,
    pub(super) frameworks: Vec<ClientParty<framework::Session>>,
    pub(super) operator: ClientParty<operator::Session>,
    pub(super) wants: Wants,
    pub(super) cluster: Uuid,
    outcome: Outcome,
}

/// Runs one seed.
///
/// # Errors
/// What did not hold, at which virtual time.
pub fn run(plan: Plan) -> Result<Outcome, Failure> {
    let mut world = World::new(plan);
    world.begin();
    let outcome = world.go();
    outcome.map_err(|failure| match failure {
        Failure::Correctness(what) => Failure::Correctness(format!("at {} ms: {what}", world.now_ms)),
        Failure::Liveness(what) => Failure::Liveness(format!("at {} ms: {what}", world.now_ms)),
    })
}

impl World {
    fn new(plan: Plan) -> Self {
        let mut dice = IdSource::new(plan.seed ^ 0x5eed);
        let cluster = dice.next_uuid();
        let policy = Policy { agents_max: 16, ..Policy::default() };
        let state = match meros_master::State::new(cluster, 1, policy, dice.next_u64()) {
            Ok(state) => state,
            Err(error) => panic!("the policy of the simulator is impossible: {error}"),
        };
        let agents = (0..plan.agents).map(|at| agent(&plan, at, cluster, &mut dice)).collect();
        let frameworks = (0..usize::try_from(plan.frameworks).unwrap_or(0)).map(|at| client(&plan, at, cluster, &mut dice)).collect();
        let operator = ClientParty::new(operator::Session::new(cluster, dice.next_u64()), cluster);
        Self {
            wants: Wants::new(&plan),
            plan,
            now_ms: 0,
            dice,
            timeline: BTreeMap::new(),
            next_entry: 0,
            network: Network::default(),
            clients: BTreeMap::new(),
            master: MasterParty { state, links: BTreeMap::new(), monitor: Monitor::new(&policy) },
            agents,
            frameworks,
            operator,
            cluster,
            outcome: Outcome::default(),
        }
    }

    fn begin(&mut self) {
        for at in 0..self.agents.len() {
            self.enter(self.now_ms + at as u64, Happening::StartAgent(at));
        }
        for at in 0..self.frameworks.len() {
            if self.frameworks[at].start() {
                self.connect(Party::Framework(at));
            }
        }
        if self.operator.start() {
            self.connect(Party::Operator);
        }
        self.enter(1, Happening::Ask);
        self.next_fault(self.plan.break_every_ms, || Happening::BreakWire);
        self.next_fault(self.plan.crash_every_ms, || Happening::KillAgent);
        if self.plan.restart_every_ms > 0 {
            self.next_fault(self.plan.restart_every_ms, || Happening::RestartFramework);
        }
        for at in (0..self.frameworks.len()).filter(|at| self.plan.manner(*at) == Manner::Placer).collect::<Vec<_>>() {
            self.enter(1, Happening::PlaceMore(at));
        }
    }

    fn go(&mut self) -> Result<Outcome, Failure> {
        while let Some(at_ms) = self.next_ms().filter(|at_ms| *at_ms <= self.plan.end_ms) {
            self.now_ms = self.now_ms.max(at_ms);
            self.outcome.steps += 1;
            if self.outcome.steps > 3_000_000 {
                return Err(Failure::Liveness("the cluster does not come to rest".to_owned()));
            }
            self.step();
            let wanting = self.wanting();
            self.master.monitor.passes(self.now_ms, &wanting);
            check::always(self).map_err(Failure::Correctness)?;
            if self.now_ms > self.plan.faults_until_ms && check::at_rest(self).is_ok() {
                break;
            }
        }
        check::at_rest(self).map_err(Failure::Liveness)?;
        let Monitor { hungriest_ms, in_grace, .. } = self.master.monitor;
        Ok(Outcome { hungriest_ms, in_grace, ..self.outcome })
    }

    /// The earliest of all deadlines and entries.
    fn next_ms(&self) -> Option<u64> {
        let links = self.master.links.values().filter_map(meros_master::peer_link::PeerLink::next_deadline_ms);
        let agents = self.agents.iter().flat_map(|agent| {
            let own = agent.state.as_ref().and_then(meros_agent::state::State::next_deadline_ms);
            [own, agent.end.as_ref().and_then(|end| end.link.next_deadline_ms())]
        });
        let frameworks = self.frameworks.iter().flat_map(|party| {
            [party.session.next_deadline_ms(), party.end.as_ref().and_then(|end| end.link.next_deadline_ms())]
        });
        let operator = [
            self.operator.session.next_deadline_ms(),
            self.operator.end.as_ref().and_then(|end| end.link.next_deadline_ms()),
        ];
        let entries = self.timeline.keys().next().map(|(at_ms, _)| *at_ms);
        let own = self.master.state.next_deadline_ms();
        links
            .chain(agents.flatten())
            .chain(frameworks.flatten())
            .chain(operator.into_iter().flatten())
            .chain(entries)
            .chain(own)
            .min()
    }

    /// One entry of the timeline if one is due, else everybody whose deadline is.
    fn step(&mut self) {
        match self.timeline.first_key_value().map(|(key, _)| *key).filter(|(at_ms, _)| *at_ms <= self.now_ms) {
            Some(key) => {
                if let Some(happening) = self.timeline.remove(&key) {
                    self.happen(happening);
                }
            }
            None => self.tick_all(),
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrives(wire, End::Server, arrival) => self.at_master(wire, &arrival),
            Happening::Arrives(wire, End::Client, arrival) => self.at_client(wire, &arrival),
            Happening::Machine { agent, life, work } => self.machine_works(agent, life, work),
            Happening::BreakWire => {
                if let Some(wire) = self.network.any(&mut self.dice) {
                    self.cut(wire);
                }
                self.next_fault(self.plan.break_every_ms, || Happening::BreakWire);
            }
            Happening::KillAgent => self.kill_agent(),
            Happening::StartAgent(at) => self.start_agent(at),
            Happening::RestartFramework => self.restart_framework(),
            Happening::Answer(at, offer) => {
                Wants::answer(self, at, &offer);
                self.flush(Party::Framework(at));
            }
            Happening::Revive(at) => {
                self.revive(at);
                self.flush(Party::Framework(at));
            }
            Happening::PlaceMore(at) => {
                self.place_more(at);
                self.flush(Party::Framework(at));
            }
            Happening::Ask => {
                if let Some(again_ms) = Wants::ask(self) {
                    self.enter(self.now_ms + again_ms, Happening::Ask);
                }
                self.flush(Party::Operator);
            }
        }
    }

    pub(super) fn enter(&mut self, at_ms: u64, happening: Happening) {
        self.next_entry += 1;
        self.timeline.insert((at_ms, self.next_entry), happening);
    }

    pub(super) fn next_fault(&mut self, every_ms: u64, fault: impl FnOnce() -> Happening) {
        let at_ms = self.now_ms + 1 + self.dice.up_to(2 * every_ms);
        if every_ms > 0 && at_ms < self.plan.faults_until_ms {
            self.enter(at_ms, fault());
        }
    }

    pub(super) fn connect(&mut self, party: Party) {
        let wire = self.network.connect();
        self.clients.insert(wire, party);
        self.master.accept(wire, self.cluster, self.now_ms);
        match party {
            Party::Agent(at) => self.agents[at].connect(wire, self.now_ms),
            Party::Framework(at) => self.frameworks[at].connect(wire, self.now_ms),
            Party::Operator => self.operator.connect(wire, self.now_ms),
        }
        self.flush(party);
        self.flush_master(PeerId(wire.0));
    }

    /// Both ends see the end of the wire, each after a while.
    pub(super) fn cut(&mut self, wire: WireId) {
        if !self.network.cut(wire) {
            return;
        }
        self.outcome.breaks += 1;
        self.timeline.retain(|_, happening| !matches!(happening, Happening::Arrives(on, ..) if *on == wire));
        for end in [End::Client, End::Server] {
            let at_ms = self.now_ms + self.dice.up_to(self.plan.delay_ms_max);
            self.enter(at_ms, Happening::Arrives(wire, end, Arrival::Gone));
        }
    }

    fn at_master(&mut self, wire: WireId, arrival: &Arrival) {
        let peer = PeerId(wire.0);
        let now_ms = self.now_ms;
        let Some(link) = self.master.links.get_mut(&peer) else { return };
        match arrival {
            // The result is told by the link's last event too.
            Arrival::Bytes(bytes) => drop(link.link().receive(bytes, now_ms)),
            Arrival::Gone => link.link().disconnected(),
        }
        self.master_turn(peer);
    }

    fn master_turn(&mut self, peer: PeerId) {
        let now = MasterNow { mono_ms: self.now_ms, unix_ms: self.now_ms };
        for touched in self.master.turn(peer, now) {
            self.flush_master(touched);
        }
    }

    /// What a link of the master's has to send goes on its way; a link that is over is dropped, and its wire ends.
    fn flush_master(&mut self, peer: PeerId) {
        let wire = WireId(peer.0);
        let Some(link) = self.master.links.get_mut(&peer) else { return };
        let bytes = drain(link.link());
        let over = link.link().is_closed();
        self.send(wire, End::Client, bytes);
        if over {
            let now = MasterNow { mono_ms: self.now_ms, unix_ms: self.now_ms };
            let touched = self.master.turn(peer, now);
            self.master.links.remove(&peer);
            self.hang_up(wire, End::Client);
            for other in touched.into_iter().filter(|other| *other != peer) {
                self.flush_master(other);
            }
        }
    }

    fn send(&mut self, wire: WireId, to: End, bytes: Vec<u8>) {
        let delay_ms = self.dice.up_to(self.plan.delay_ms_max);
        if bytes.is_empty() {
            return;
        }
        if let Some(at_ms) = self.network.arrival_ms(wire, to, self.now_ms, delay_ms) {
            self.enter(at_ms, Happening::Arrives(wire, to, Arrival::Bytes(bytes)));
        }
    }

    /// One side closed its transport: the other hears of it after what was sent before.
    fn hang_up(&mut self, wire: WireId, to: End) {
        if let Some(at_ms) = self.network.arrival_ms(wire, to, self.now_ms, 0) {
            self.enter(at_ms, Happening::Arrives(wire, to, Arrival::Gone));
        }
    }

    fn at_client(&mut self, wire: WireId, arrival: &Arrival) {
        let Some(party) = self.clients.get(&wire).copied() else { return };
        let now_ms = self.now_ms;
        let end = match party {
            Party::Agent(at) => self.agents[at].end.as_mut(),
            Party::Framework(at) => self.frameworks[at].end.as_mut(),
            Party::Operator => self.operator.end.as_mut(),
        };
        let Some(end) = end.filter(|end| end.wire == wire) else { return };
        match arrival {
            // The result is told by the link's last event too.
            Arrival::Bytes(bytes) => drop(end.link.receive(bytes, now_ms)),
            Arrival::Gone => end.link.disconnected(),
        }
        self.turn(party);
    }

    /// Lets a client-side party have every event of its link.
    pub(super) fn turn(&mut self, party: Party) {
        match party {
            Party::Agent(at) => {
                while let Some(event) = self.agents[at].next_event() {
                    self.agent_event(at, event);
                }
            }
            Party::Framework(at) => {
                while let Some(event) = self.frameworks[at].next_event() {
                    let now = self.client_now();
                    if self.frameworks[at].handle(event, now) {
                        self.connect(party);
                    }
                    Wants::framework_heard(self, at);
                }
            }
            Party::Operator => {
                while let Some(event) = self.operator.next_event() {
                    let now = self.client_now();
                    if self.operator.handle(event, now) {
                        self.connect(party);
                    }
                    self.wants.operator_heard(&mut self.operator);
                }
            }
        }
        self.flush(party);
    }

    fn agent_event(&mut self, at: usize, event: AgentEvent) {
        let now = AgentNow { mono_ms: self.now_ms, unix_ms: self.now_ms };
        let wishes = self.agents[at].handle(event, now, &mut self.dice);
        self.grant(at, wishes);
    }

    fn grant(&mut self, at: usize, wishes: Wishes) {
        let life = self.agents[at].life;
        for answer in wishes.answers {
            self.enter(answer.at_ms, Happening::Machine { agent: at, life, work: answer.event });
        }
        if wishes.connect {
            self.connect(Party::Agent(at));
        }
        self.flush(Party::Agent(at));
    }

    /// What a client-side link has to send goes on its way.
    fn flush(&mut self, party: Party) {
        let end = match party {
            Party::Agent(at) => self.agents[at].end.as_mut(),
            Party::Framework(at) => self.frameworks[at].end.as_mut(),
            Party::Operator => self.operator.end.as_mut(),
        };
        let Some(end) = end else { return };
        let (wire, bytes, over) = (end.wire, drain(&mut end.link), end.link.is_closed());
        self.send(wire, End::Server, bytes);
        if over {
            self.hang_up(wire, End::Server);
        }
    }

    fn machine_works(&mut self, at: usize, life: u64, work: Work) {
        if self.agents[at].life != life {
            return;
        }
        self.outcome.started += u64::from(matches!(work, Work::Start(_)));
        let (event, next) = self.agents[at].machine.done(work, self.now_ms);
        if let Some(next) = next {
            self.enter(next.at_ms, Happening::Machine { agent: at, life, work: next.event });
        }
        if let Some(event) = event {
            self.agent_event(at, event);
        }
    }

    fn kill_agent(&mut self) {
        let limit = self.agents.len() as u64 - 1;
        let at = usize::try_from(self.dice.up_to(limit)).unwrap_or(0);
        if self.agents[at].state.take().is_some() {
            self.outcome.crashes += 1;
            if let Some(end) = self.agents[at].end.take() {
                self.cut(end.wire);
            }
            let down_ms = 1 + self.dice.up_to(self.plan.down_ms_max);
            self.enter(self.now_ms + down_ms, Happening::StartAgent(at));
        }
        self.next_fault(self.plan.crash_every_ms, || Happening::KillAgent);
    }

    fn start_agent(&mut self, at: usize) {
        let recovered = self.agents[at].machine.recover(self.now_ms);
        let seed = self.dice.next_u64();
        let wishes = self.agents[at].start(recovered, seed);
        self.grant(at, wishes);
    }

    fn tick_all(&mut self) {
        let now_ms = self.now_ms;
        let due = |at_ms: Option<u64>| at_ms.is_some_and(|at_ms| at_ms <= now_ms);
        let peers: Vec<PeerId> = self.master.links.keys().copied().collect();
        for peer in peers {
            if let Some(link) = self.master.links.get_mut(&peer).filter(|link| due(link.next_deadline_ms())) {
                link.link().tick(now_ms);
                self.master_turn(peer);
            }
        }
        if due(self.master.state.next_deadline_ms()) {
            for peer in self.master.tick(MasterNow { mono_ms: now_ms, unix_ms: now_ms }) {
                self.flush_master(peer);
            }
        }
        for at in 0..self.agents.len() {
            self.tick_agent(at);
        }
        for at in 0..self.frameworks.len() {
            if let Some(end) = self.frameworks[at].end.as_mut().filter(|end| due(end.link.next_deadline_ms())) {
                end.link.tick(now_ms);
                self.turn(Party::Framework(at));
            }
            let now = self.client_now();
            if due(self.frameworks[at].session.next_deadline_ms()) && self.frameworks[at].handle(ClientEvent::Tick, now)
            {
                self.connect(Party::Framework(at));
            }
        }
        self.tick_operator();
    }

    fn tick_agent(&mut self, at: usize) {
        let now_ms = self.now_ms;
        let due = |at_ms: Option<u64>| at_ms.is_some_and(|at_ms| at_ms <= now_ms);
        if let Some(end) = self.agents[at].end.as_mut().filter(|end| due(end.link.next_deadline_ms())) {
            end.link.tick(now_ms);
            self.turn(Party::Agent(at));
        }
        if due(self.agents[at].state.as_ref().and_then(meros_agent::state::State::next_deadline_ms)) {
            self.agent_event(at, AgentEvent::Tick);
        }
    }

    fn tick_operator(&mut self) {
        let now_ms = self.now_ms;
        let due = |at_ms: Option<u64>| at_ms.is_some_and(|at_ms| at_ms <= now_ms);
        if let Some(end) = self.operator.end.as_mut().filter(|end| due(end.link.next_deadline_ms())) {
            end.link.tick(now_ms);
            self.turn(Party::Operator);
        }
        let now = self.client_now();
        if due(self.operator.session.next_deadline_ms()) && self.operator.handle(ClientEvent::Tick, now) {
            self.connect(Party::Operator);
        }
    }

    const fn client_now(&self) -> ClientNow {
        ClientNow { mono_ms: self.now_ms, unix_ms: self.now_ms }
    }
}

fn agent(plan: &Plan, at: u64, cluster: Uuid, dice: &mut IdSource) -> AgentParty {
    let cores = (0..plan.cores).map(|core| MachineCore {
        pus: vec![core],
        package: Some(0),
        numa_node: Some(core % 2),
        l3_domain: Some(0),
        kind: 0,
    });
    let numa_node = |os_index| MachineNumaNode { os_index, mem_bytes: 8 << 30, ..MachineNumaNode::default() };
    let machine = WireMachine {
        hostname: format!("machine-{at}"),
        topology_hash: u64::from(plan.cores),
        cores: cores.collect(),
        numa_nodes: vec![numa_node(0), numa_node(1)],
        ..WireMachine::default()
    };
    let identity = AgentIdentity { cluster, agent_uuid: dice.next_uuid(), incarnation: 1, machine };
    AgentParty { identity, state: None, machine: Machine::default(), end: None, life: 0, refused: None }
}

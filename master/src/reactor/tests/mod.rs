//! Scenarios of the reactor: what happens to a cluster when these things happen in this order.
//!
//! A [`Scenario`] panics when it is dropped with messages that nobody looked at, so no test passes by forgetting to check.

mod agents;
mod frameworks;
mod offers;
mod pods;
mod statuses;
mod streams;

use std::collections::VecDeque;

use meros_wire::message::{
    AcknowledgeStatus, AgentId, Command, Cpus, Envelope, Exit, FrameworkId, Launch, Listing, Machine, MachineCore,
    MachineNumaNode, MemberResources, MemberSpec, Message, Offer, OfferId, Place, Placement, PodId, PodSpec, PoolConfirmed,
    PoolOrder, Query, Register, ReportStatus, StatusSource, StatusUpdate, Subscribe, TaskState, Uuid,
};

use crate::config::Policy;
use crate::effect::Effect;
use crate::event::{Event, Now, PeerId, Role, StreamKey};
use crate::state::State;

/// One cluster, its peers, and what was sent to them.
pub(super) struct Scenario {
    pub(super) state: State,
    now_ms: u64,
    pub(super) sent: VecDeque<(PeerId, Envelope, Message)>,
    streams: VecDeque<Effect>,
    closed: Vec<(PeerId, String)>,
    next_peer: u64,
    next_pod: u8,
    next_update: u8,
}

impl Scenario {
    pub(super) fn new() -> Self {
        let cluster = Uuid::from_random([9; 16]);
        Self {
            state: State::new(cluster, 3, Policy { agents_max: 16, ..Policy::default() }, 1).unwrap(),
            now_ms: 1_000,
            sent: VecDeque::new(),
            streams: VecDeque::new(),
            closed: Vec::new(),
            next_peer: 1,
            next_pod: 1,
            next_update: 1,
        }
    }

    /// Lets one event happen, settles, and checks every invariant that can be recomputed.
    pub(super) fn event(&mut self, event: Event) {
        let now = Now { mono_ms: self.now_ms, unix_ms: 1_800_000_000_000 + self.now_ms };
        let mut effects = Vec::new();
        self.state.handle(event, now, &mut effects);
        self.state.settle(now, &mut effects);
        for effect in effects {
            match effect {
                Effect::Send { peer, envelope, message } => self.sent.push_back((peer, *envelope, *message)),
                Effect::Close { peer, reason } => self.closed.push((peer, reason)),
                other => self.streams.push_back(other),
            }
        }
        self.state.validate().unwrap();
    }

    pub(super) fn message(&mut self, peer: PeerId, message: Message) {
        self.event(Event::Message { peer, envelope: Box::default(), message: Box::new(message) });
    }

    pub(super) fn open(&mut self, role: Role) -> PeerId {
        let peer = PeerId(self.next_peer);
        self.next_peer += 1;
        self.event(Event::Opened { peer, role, principal: format!("{role:?}") });
        peer
    }

    pub(super) fn close(&mut self, peer: PeerId) {
        self.event(Event::Closed { peer, reason: "test".to_owned() });
    }

    /// Lets time pass, ticking at each deadline on the way.
    pub(super) fn wait_ms(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        for _ in 0..1_000 {
            match self.state.next_deadline_ms().filter(|at| *at <= end) {
                Some(at) => {
                    self.now_ms = at.max(self.now_ms);
                    self.event(Event::Tick);
                }
                None => break,
            }
        }
        self.now_ms = end;
    }

    /// An agent of `cores` single-PU cores on one NUMA node with 1 GiB a core, registered.
    pub(super) fn agent(&mut self, name: u8, cores: u32) -> (PeerId, AgentId) {
        let peer = self.open(Role::Agent);
        self.message(peer, Message::Register(register(name, machine(cores))));
        let agent = self.expect_registered(peer);
        (peer, agent)
    }

    pub(super) fn expect_registered(&mut self, peer: PeerId) -> AgentId {
        match self.expect(peer) {
            Message::Registered(answer) => answer.agent,
            other => panic!("expected Registered, got {other:?}"),
        }
    }

    pub(super) fn framework(&mut self, name: &str) -> (PeerId, FrameworkId) {
        let peer = self.open(Role::Framework);
        self.message(peer, Message::Subscribe(subscribe(name)));
        let framework = self.expect_subscribed(peer);
        (peer, framework)
    }

    pub(super) fn expect_subscribed(&mut self, peer: PeerId) -> FrameworkId {
        match self.expect(peer) {
            Message::Subscribed(answer) => answer.framework,
            other => panic!("expected Subscribed, got {other:?}"),
        }
    }

    /// A pod with a fresh id.
    pub(super) fn pod(&mut self, cpus: Cpus) -> PodSpec {
        let id = PodId(Uuid::from_random([self.next_pod; 16]));
        self.next_pod += 1;
        pod(id, cpus)
    }

    pub(super) fn place(&mut self, peer: PeerId, spec: &PodSpec) {
        self.message(peer, Message::Place(Place { pods: vec![spec.clone()] }));
    }

    /// The next message, which must be to `peer`.
    pub(super) fn expect(&mut self, peer: PeerId) -> Message {
        self.expect_with_envelope(peer).1
    }

    pub(super) fn expect_with_envelope(&mut self, peer: PeerId) -> (Envelope, Message) {
        match self.sent.pop_front() {
            Some((to, envelope, message)) if to == peer => (envelope, message),
            Some((to, _, message)) => panic!("expected a message to {peer:?}, got one to {to:?}: {message:?}"),
            None => panic!("expected a message to {peer:?}, got none"),
        }
    }

    pub(super) fn expect_launch(&mut self, peer: PeerId) -> (Envelope, Launch) {
        match self.expect_with_envelope(peer) {
            (envelope, Message::Launch(launch)) => (envelope, launch),
            (_, other) => panic!("expected Launch, got {other:?}"),
        }
    }

    pub(super) fn expect_pool(&mut self, peer: PeerId) -> PoolOrder {
        match self.expect(peer) {
            Message::PoolOrder(order) => order,
            other => panic!("expected PoolOrder, got {other:?}"),
        }
    }

    pub(super) fn expect_update(&mut self, peer: PeerId, state: TaskState) -> StatusUpdate {
        match self.expect(peer) {
            Message::Update(update) if update.status.state == state => update.status,
            other => panic!("expected Update({state:?}), got {other:?}"),
        }
    }

    pub(super) fn expect_offer(&mut self, peer: PeerId) -> Offer {
        match self.expect(peer) {
            Message::Offers(mut offers) if offers.len() == 1 => offers.remove(0),
            other => panic!("expected one offer, got {other:?}"),
        }
    }

    pub(super) fn expect_rescind(&mut self, peer: PeerId, offers: &[OfferId]) {
        match self.expect(peer) {
            Message::Rescind(rescind) => assert_eq!(rescind.offers, offers),
            other => panic!("expected Rescind, got {other:?}"),
        }
    }

    pub(super) fn expect_acknowledged(&mut self, peer: PeerId, update: Uuid) {
        match self.expect(peer) {
            Message::AcknowledgeStatus(acknowledged) => assert_eq!(acknowledged.update, update),
            other => panic!("expected AcknowledgeStatus, got {other:?}"),
        }
    }

    pub(super) fn expect_refusal(&mut self, peer: PeerId) -> meros_wire::message::Refusal {
        match self.expect(peer) {
            Message::Refusal(refusal) => refusal,
            other => panic!("expected Refusal, got {other:?}"),
        }
    }

    pub(super) fn expect_closed(&mut self, peer: PeerId) {
        let at = self.closed.iter().position(|(closed, _)| *closed == peer);
        self.closed.remove(at.unwrap_or_else(|| panic!("{peer:?} was not closed")));
    }

    pub(super) fn expect_stream_effect(&mut self) -> Effect {
        self.streams.pop_front().expect("a stream effect")
    }

    pub(super) fn expect_silence(&self) {
        assert!(self.sent.is_empty(), "unexpected: {:?}", self.sent);
        assert!(self.streams.is_empty(), "unexpected: {:?}", self.streams);
    }

    /// What an operator sees of one pod.
    pub(super) fn status_of(&mut self, pod: PodId) -> StatusUpdate {
        let peer = self.open(Role::Operator);
        self.message(peer, Message::Query(Query { request: 7, pod: Some(pod), watch: false }));
        let Message::Listing(Listing { mut pods, .. }) = self.expect(peer) else { panic!("expected a listing") };
        self.close(peer);
        pods.remove(0).status
    }

    /// The agent reports `state` of a launched pod. Returns the update's id.
    pub(super) fn report(&mut self, agent: PeerId, launch: &Launch, state: TaskState) -> Uuid {
        let update = Uuid::from_random([100 + self.next_update; 16]);
        self.next_update += 1;
        let exit = (state == TaskState::Finished).then_some(Exit::Code(0));
        let status = StatusUpdate {
            update,
            pod: launch.spec.pod,
            state,
            source: StatusSource::Agent,
            exit,
            ..StatusUpdate::default()
        };
        self.message(agent, Message::ReportStatus(ReportStatus { framework: launch.framework, status }));
        update
    }

    pub(super) fn confirm(&mut self, agent: PeerId, order: &PoolOrder) {
        let confirmed = PoolConfirmed { pool: order.pool, epoch: order.epoch };
        self.message(agent, Message::PoolConfirmed(confirmed));
    }

    pub(super) fn acknowledge(&mut self, framework: PeerId, status: &StatusUpdate) {
        let acknowledged = AcknowledgeStatus { pod: status.pod, update: status.update };
        self.message(framework, Message::AcknowledgeStatus(acknowledged));
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.expect_silence();
            assert!(self.closed.is_empty(), "closed, and nobody looked: {:?}", self.closed);
        }
    }
}

/// A field's path, and how to spoil that field.
pub(super) type Spoil<T> = (&'static str, fn(&mut T));

pub(super) const fn exclusive(pus: u32) -> Cpus {
    Cpus::Exclusive { pus }
}

pub(super) const fn shared(cpu_milli: u32) -> Cpus {
    Cpus::Shared { cpu_milli }
}

pub(super) fn pod(id: PodId, cpus: Cpus) -> PodSpec {
    PodSpec {
        pod: id,
        name: "pod".to_owned(),
        role: "default".to_owned(),
        kill_grace_ms: 5_000,
        members: vec![MemberSpec {
            name: "main".to_owned(),
            command: Command { argv: vec!["sleep".to_owned(), "1".to_owned()], ..Command::default() },
            resources: MemberResources { cpus, mem_bytes: 64 << 20 },
            ..MemberSpec::default()
        }],
        ..PodSpec::default()
    }
}

pub(super) fn subscribe(name: &str) -> Subscribe {
    Subscribe {
        name: name.to_owned(),
        roles: vec!["default".to_owned()],
        failover_timeout_ms: 60_000,
        ..Subscribe::default()
    }
}

pub(super) fn register(name: u8, machine: Machine) -> Register {
    Register { agent_uuid: Uuid::from_random([200 + name; 16]), incarnation: 1, machine, ..Register::default() }
}

/// OS numbers start at 10, so that a mix-up with dense positions shows.
pub(super) fn machine(cores: u32) -> Machine {
    Machine {
        hostname: "machine".to_owned(),
        topology_hash: u64::from(cores),
        cores: (0..cores)
            .map(|core| MachineCore {
                pus: vec![10 + core],
                package: Some(0),
                numa_node: Some(4),
                l3_domain: Some(0),
                kind: 0,
            })
            .collect(),
        numa_nodes: vec![MachineNumaNode { os_index: 4, mem_bytes: u64::from(cores) << 30, ..Default::default() }],
        ..Machine::default()
    }
}

pub(super) fn placed_pus(placement: &Placement) -> Vec<u32> {
    placement.exclusive_pus.clone()
}

pub(super) const THEIR_STREAM: StreamKey = StreamKey::Theirs(1);

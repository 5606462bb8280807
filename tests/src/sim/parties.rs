//! Each daemon at its end of a wire: link events become reactor events, effects become link calls.

use std::collections::BTreeMap;

use meros_agent::effect::Effect as AgentEffect;
use meros_agent::event::Event as AgentEvent;
use meros_agent::state::{Identity as AgentIdentity, Recovered, State as AgentState};
use meros_master::effect::Effect as MasterEffect;
use meros_master::event::{Event as MasterEvent, PeerId};
use meros_master::peer_link::PeerLink;
use meros_sdk::IdSource;
use meros_sdk::event::{Effect as ClientEffect, Event as ClientEvent, Reactor};
use meros_wire::message::{Envelope, Message, Refusal, Uuid};
use meros_wire::{Channel, CloseCode, Event as WireEvent, Identity, Limits, Link, Peer, SendError};

use super::machine::{Answer, Machine};
use super::monitor::Monitor;
use super::network::WireId;

/// The master and its ends of all wires.
#[derive(Debug)]
pub struct MasterParty {
    /// The real reactor.
    pub state: meros_master::State,
    /// By peer.
    pub links: BTreeMap<PeerId, PeerLink>,
    /// Watches what it promises.
    pub monitor: Monitor,
}

impl MasterParty {
    /// Takes a wire's server end.
    pub fn accept(&mut self, wire: WireId, cluster: Uuid, now_ms: u64) {
        let identity = Identity { cluster, role: Peer::Master, name: "master".to_owned() };
        let link = Channel::server(identity, Limits::default(), now_ms);
        self.links.insert(PeerId(wire.0), PeerLink::new(PeerId(wire.0), Box::new(link)));
    }

    /// Lets the reactor have every event of one link, settles, and hands its effects to the links. Returns the peers that were
    /// touched.
    pub fn turn(&mut self, peer: PeerId, now: meros_master::event::Now) -> Vec<PeerId> {
        let mut touched = vec![peer];
        let mut effects = Vec::new();
        while let Some(event) = self.links.get_mut(&peer).and_then(PeerLink::next_event) {
            let over = matches!(event, MasterEvent::Closed { .. });
            let promised = self.monitor.hears(&event, now.mono_ms);
            self.state.handle(event, now, &mut effects);
            self.monitor.judge(&promised, &effects);
            self.state.settle(now, &mut effects);
            self.monitor.says(&effects, now.mono_ms);
            touched.extend(self.apply(&mut effects));
            if over {
                break;
            }
        }
        touched
    }

    /// The reactor's time has come.
    pub fn tick(&mut self, now: meros_master::event::Now) -> Vec<PeerId> {
        let mut effects = Vec::new();
        self.state.handle(MasterEvent::Tick, now, &mut effects);
        self.state.settle(now, &mut effects);
        self.monitor.says(&effects, now.mono_ms);
        self.apply(&mut effects)
    }

    fn apply(&mut self, effects: &mut Vec<MasterEffect>) -> Vec<PeerId> {
        let mut touched = Vec::new();
        for effect in effects.drain(..) {
            touched.push(effect.peer());
            if let Some(link) = self.links.get_mut(&effect.peer()) {
                link.apply(effect);
            }
        }
        touched
    }
}

/// A client's end of its wire.
#[derive(Debug)]
pub struct ClientEnd {
    /// Which wire.
    pub wire: WireId,
    /// The real channel.
    pub link: Channel,
}

impl ClientEnd {
    fn new(wire: WireId, role: Peer, cluster: Uuid, now_ms: u64) -> Self {
        let identity = Identity { cluster, role, name: role.name().to_owned() };
        Self { wire, link: Channel::client(identity, Limits::default(), now_ms) }
    }

    /// Sends, or gives the connection up as a driver would.
    fn send(&mut self, envelope: &Envelope, message: &Message) {
        match self.link.send(envelope, message) {
            Ok(_) | Err(SendError::Closed | SendError::NotOpen) => {}
            Err(error) => self.link.close(CloseCode::Limits, &error.to_string()),
        }
    }
}

/// One agent: its process, which can be killed, on a machine, which goes on.
#[derive(Debug)]
pub struct AgentParty {
    /// Who it is across restarts.
    pub identity: AgentIdentity,
    /// The real reactor; absent while the process is down.
    pub state: Option<AgentState>,
    /// The machine below it.
    pub machine: Machine,
    /// Its connection.
    pub end: Option<ClientEnd>,
    /// Raised at each start: answers to an earlier process are nobody's.
    pub life: u64,
    /// The last order it refused.
    pub refused: Option<Refusal>,
}

/// What a turn of a client-side party asks of the world.
#[derive(Debug, Default)]
pub struct Wishes {
    /// Connect it.
    pub connect: bool,
    /// The machine will say so.
    pub answers: Vec<Answer>,
}

impl AgentParty {
    /// Starts the process.
    pub fn start(&mut self, recovered: Recovered, seed: u64) -> Wishes {
        self.life += 1;
        let mut state = AgentState::new(self.identity.clone(), recovered, seed);
        let mut effects = Vec::new();
        state.start(&mut effects);
        self.state = Some(state);
        self.apply(effects, 0, &mut IdSource::new(seed))
    }

    /// Gives it a connection.
    pub fn connect(&mut self, wire: WireId, now_ms: u64) {
        self.end = Some(ClientEnd::new(wire, Peer::Agent, self.identity.cluster, now_ms));
    }

    /// Lets one event happen.
    pub fn handle(&mut self, event: AgentEvent, now: meros_agent::event::Now, dice: &mut IdSource) -> Wishes {
        let mut effects = Vec::new();
        if let Some(state) = &mut self.state {
            state.handle(event, now, &mut effects);
        }
        self.apply(effects, now.mono_ms, dice)
    }

    fn apply(&mut self, effects: Vec<AgentEffect>, now_ms: u64, dice: &mut IdSource) -> Wishes {
        let mut wishes = Wishes::default();
        for effect in effects {
            match effect {
                AgentEffect::Connect => wishes.connect = true,
                AgentEffect::Send { envelope, message } => {
                    if let Message::Refusal(refusal) = &*message {
                        self.refused = Some(refusal.clone());
                    }
                    if let Some(end) = &mut self.end {
                        end.send(&envelope, &message);
                    }
                }
                AgentEffect::Close { reason } => {
                    if let Some(end) = &mut self.end {
                        end.link.close(CloseCode::Normal, &reason);
                    }
                }
                other => wishes.answers.extend(self.machine.apply(other, now_ms, dice)),
            }
        }
        wishes
    }

    /// The next event of its link.
    pub fn next_event(&mut self) -> Option<AgentEvent> {
        loop {
            match self.end.as_mut()?.link.next_event()? {
                WireEvent::Opened { .. } => return Some(AgentEvent::Opened),
                WireEvent::Message { envelope, message } => {
                    return Some(AgentEvent::Message { envelope: Box::new(envelope), message: Box::new(message) });
                }
                WireEvent::Closed { reason } => {
                    self.end = None;
                    return Some(AgentEvent::Closed { reason: reason.to_string() });
                }
                _ => {}
            }
        }
    }
}

/// A framework or an operator.
#[derive(Debug)]
pub struct ClientParty<R: Reactor> {
    /// The real session.
    pub session: R,
    /// Its connection.
    pub end: Option<ClientEnd>,
    /// What it was told, and nobody has looked at.
    pub notices: Vec<R::Notice>,
    cluster: Uuid,
}

impl<R: Reactor> ClientParty<R> {
    /// A session that has not connected.
    pub const fn new(session: R, cluster: Uuid) -> Self {
        Self { session, end: None, notices: Vec::new(), cluster }
    }

    /// Asks for the first connection. True: connect it.
    pub fn start(&mut self) -> bool {
        let mut effects = Vec::new();
        self.session.start(&mut effects);
        self.apply(effects)
    }

    /// Gives it a connection.
    pub fn connect(&mut self, wire: WireId, now_ms: u64) {
        self.end = Some(ClientEnd::new(wire, R::ROLE, self.cluster, now_ms));
    }

    /// Lets one event happen. True: connect it.
    pub fn handle(&mut self, event: ClientEvent, now: meros_sdk::event::Now) -> bool {
        let mut effects = Vec::new();
        self.session.handle(event, now, &mut effects);
        self.apply(effects)
    }

    /// Carries effects out. True: connect it.
    pub fn apply(&mut self, effects: Vec<ClientEffect<R::Notice>>) -> bool {
        let mut connect = false;
        for effect in effects {
            match effect {
                ClientEffect::Connect => connect = true,
                ClientEffect::Send { envelope, message } => {
                    if let Some(end) = &mut self.end {
                        end.send(&envelope, &message);
                    }
                }
                ClientEffect::Close { reason } => {
                    if let Some(end) = &mut self.end {
                        end.link.close(CloseCode::Normal, &reason);
                    }
                }
                ClientEffect::Notify(notice) => self.notices.push(notice),
                // Logs are not read here.
                ClientEffect::StreamOpen { .. }
                | ClientEffect::StreamConsumed { .. }
                | ClientEffect::StreamEnd { .. }
                | ClientEffect::StreamReset { .. } => {}
            }
        }
        connect
    }

    /// The next event of its link.
    pub fn next_event(&mut self) -> Option<ClientEvent> {
        loop {
            match self.end.as_mut()?.link.next_event()? {
                WireEvent::Opened { .. } => return Some(ClientEvent::Opened),
                WireEvent::Message { envelope, message } => {
                    return Some(ClientEvent::Message { envelope: Box::new(envelope), message: Box::new(message) });
                }
                WireEvent::Acknowledged { sequence } => return Some(ClientEvent::Acknowledged { sequence }),
                WireEvent::Closed { reason } => {
                    self.end = None;
                    return Some(ClientEvent::Closed { reason: reason.to_string() });
                }
                _ => {}
            }
        }
    }
}

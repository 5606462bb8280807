//! Any order of events: the rules hold at every step, and every agent told to end does.
//!
//! A master that orders at random, a kernel that answers late, in any order, and sometimes with an error; all from a seed.

use super::*;
use crate::state::Stopping;
use meros_wire::IdSource;
use meros_wire::message::StatusReason;
use std::collections::{BTreeMap, BTreeSet};

const SEEDS: u64 = 300;
const STEPS: usize = 150;

struct World {
    scene: Scene,
    dice: IdSource,
    /// What the machine and the master have yet to answer.
    answers: Vec<Event>,
    /// Members whose process has neither ended nor been ended.
    alive: BTreeSet<PodId>,
    /// PUs given to one pod alone, from its order until nothing of it is left.
    given: BTreeMap<u32, PodId>,
    calm: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let scene = Scene::registered();
        Self {
            scene,
            dice: IdSource::new(seed),
            answers: Vec::new(),
            alive: BTreeSet::new(),
            given: BTreeMap::new(),
            calm: false,
        }
    }

    fn one_in(&mut self, count: u64) -> bool {
        !self.calm && self.dice.up_to(count - 1) == 0
    }

    fn happen(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.scene.state.handle(event, self.scene.now, &mut effects);
        self.scene.state.validate().unwrap();
        for effect in &effects {
            self.answer(effect);
        }
        self.scene.take(effects);
        self.scene.skip();
    }

    fn answer(&mut self, effect: &Effect) {
        let event = match effect {
            Effect::Connect if self.one_in(3) => Event::Closed { reason: "nobody there".to_owned() },
            Effect::Connect => Event::Opened,
            Effect::Close { .. } => Event::Closed { reason: "goodbye".to_owned() },
            Effect::StreamWrite { stream, bytes } => Event::StreamWritten { stream: *stream, count: bytes.len() },
            Effect::KeepLaunch { launch, .. } => return self.give(launch),
            Effect::Launch { plan } => self.launch(plan.pod, &plan.pins),
            Effect::Signal { pod, .. } if self.one_in(2) => return self.alive.extend(Some(*pod)),
            Effect::Signal { pod, .. } => return self.end(*pod, Exit::Signal(15)),
            Effect::ForceEnd { .. } if self.one_in(4) => return,
            Effect::ForceEnd { pod } => return self.end(*pod, Exit::Signal(9)),
            Effect::Remove { pod } if self.one_in(4) => Event::Removed { pod: *pod, result: Err("busy".to_owned()) },
            Effect::Remove { pod } => {
                self.alive.remove(pod);
                self.given.retain(|_, owner| owner != pod);
                Event::Removed { pod: *pod, result: Ok(()) }
            }
            Effect::SetPool { pool, epoch, .. } => {
                let result = if self.one_in(4) { Err("busy".to_owned()) } else { Ok(()) };
                Event::PoolSet { pool: *pool, epoch: *epoch, result }
            }
            Effect::ReadLog { reader, .. } => {
                let bytes = vec![0; usize::from(self.one_in(2))];
                Event::LogRead { reader: *reader, result: Ok(bytes) }
            }
            _ => return,
        };
        self.answers.push(event);
    }

    fn give(&mut self, launch: &Launch) {
        for pu in &launch.placement.exclusive_pus {
            let other = self.given.insert(*pu, launch.spec.pod);
            assert_eq!(other, None, "PU {pu} is given while its last owner is not gone");
        }
    }

    fn launch(&mut self, pod: PodId, pins: &crate::pins::Pins) -> Event {
        if self.one_in(5) {
            let message = "no such file".to_owned();
            return Event::StartFailed { pod, reason: StatusReason::ExecFailed, message };
        }
        self.alive.insert(pod);
        let cpuset = if self.one_in(10) { "0-7" } else { &pins.cpuset };
        Event::Started { pod, pid: 1, pinning: pinned(cpuset, &pins.mems) }
    }

    fn end(&mut self, pod: PodId, exit: Exit) {
        if self.alive.remove(&pod) {
            self.answers.push(Event::Exited { pod, ended: Ended { exit, out_of_memory: false } });
        }
    }

    /// One of the answers that are out, in no order; but a pod's start comes before its end.
    fn some_answer(&mut self) -> bool {
        let last = match u64::try_from(self.answers.len()) {
            Ok(0) | Err(_) => return false,
            Ok(count) => count - 1,
        };
        let at = usize::try_from(self.dice.up_to(last)).unwrap();
        let of = |event: &Event| match event {
            Event::Started { pod, .. } | Event::StartFailed { pod, .. } | Event::Exited { pod, .. } => Some(*pod),
            Event::Removed { pod, .. } | Event::SupervisorLost { pod, .. } => Some(*pod),
            _ => None,
        };
        let pod = of(&self.answers[at]);
        let first = self.answers.iter().position(|event| pod.is_some() && of(event) == pod).unwrap_or(at);
        let event = self.answers.remove(first);
        self.happen(event);
        true
    }

    fn order(&mut self) {
        let number = u8::try_from(1 + self.dice.up_to(5)).unwrap();
        let pu = u32::try_from(self.dice.up_to(7)).unwrap();
        let message = match self.dice.up_to(6) {
            0 => Message::Launch(exclusive(number, &[pu])),
            1 => Message::Launch(shared(number, &[pu / 4])),
            2 => Message::KillPod(KillPod { pod: pod(number), grace_ms: Some(pu * 1_000) }),
            3 => pool(pu / 4, &[pu], self.dice.up_to(20)),
            4 => Message::Registered(Registered {
                agent: AgentId(7),
                unwanted: vec![pod(number)],
                ..Registered::default()
            }),
            _ => {
                let update = self.scene.told.get(&pod(number)).map(|told| told.update).unwrap_or_default();
                Message::AcknowledgeStatus(AcknowledgeStatus { pod: pod(number), update })
            }
        };
        let envelope = Envelope { term: TERM, incarnation: 1, topology_hash: TOPOLOGY, ..Envelope::default() };
        let envelope = Envelope { idempotency_key: Uuid([1; 16]), ..envelope };
        self.happen(Event::Message { envelope: Box::new(envelope), message: Box::new(message) });
    }

    fn step(&mut self) {
        match self.dice.up_to(9) {
            0..4 => drop(self.some_answer()),
            4..7 => self.order(),
            7 => self.pass(),
            8 if self.one_in(4) => self.happen(Event::Closed { reason: "the cable".to_owned() }),
            8 => {
                let request = LogsRequest { pod: pod(1), follow: true, ..LogsRequest::default() };
                let stream = StreamId(self.dice.up_to(3));
                self.happen(Event::StreamOpened { stream, purpose: StreamPurpose::Logs(request) });
            }
            _ => {
                let pod = self.alive.first().copied();
                pod.into_iter().for_each(|pod| self.end(pod, Exit::Code(0)));
            }
        }
    }

    fn pass(&mut self) {
        let due_ms = self.scene.state.next_deadline_ms().unwrap_or(self.scene.now.mono_ms);
        self.scene.pass(due_ms.saturating_sub(self.scene.now.mono_ms));
        self.happen(Event::Tick);
    }

    /// From now on everything answers, and well: the agent must come to its end.
    fn come_to_an_end(&mut self, seed: u64) {
        self.calm = true;
        self.happen(Event::Stop);
        for _ in 0..1_000 {
            if self.scene.state.stopping == Stopping::Done {
                assert_eq!(self.scene.state.live_pods().count(), 0, "seed {seed}");
                assert!(self.alive.is_empty(), "seed {seed}: {:?} still run", self.alive);
                return;
            }
            if !self.some_answer() {
                self.pass();
            }
        }
        panic!("seed {seed}: no end; {:?}", self.scene.state);
    }
}

#[test]
fn whatever_happens_the_rules_hold_and_the_end_comes() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.come_to_an_end(seed);
    }
}

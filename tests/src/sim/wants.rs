//! What the people and schedulers of the simulated cluster want.

use std::collections::{BTreeMap, BTreeSet};

use meros_sdk::IdSource;
use meros_sdk::framework::Notice;
use meros_sdk::operator;
use meros_wire::message::{Command, Cpus, MemberResources, MemberSpec, Offer, PodId, PodSpec, TaskState};

use super::manners::Manner;
use super::parties::ClientParty;
use super::plan::Plan;
use super::world::World;

/// The operator asks for a pod about every so often.
const ASK_EVERY_MS: u64 = 4_000;

/// Who asked for what, and what came of it.
#[derive(Debug)]
pub struct Wants {
    /// Pods each framework has still to start.
    to_start: Vec<u64>,
    /// Pods the operator has still to ask for.
    to_ask: u64,
    /// Of which framework each pod is.
    whose: BTreeMap<PodId, usize>,
    /// Pods of frameworks, with the last state that each framework was told.
    pub told: BTreeMap<PodId, Option<TaskState>>,
    /// Pods of the operator.
    pub asked: BTreeSet<PodId>,
}

impl Wants {
    /// Nothing asked for yet.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let frameworks = usize::try_from(plan.frameworks).unwrap_or(0);
        let pods = |at| if plan.manner(at) == Manner::Silent { 0 } else { plan.pods_each };
        Self {
            to_start: (0..frameworks).map(pods).collect(),
            whose: BTreeMap::new(),
            to_ask: plan.pods_each,
            told: BTreeMap::new(),
            asked: BTreeSet::new(),
        }
    }

    /// True when nobody will ask for more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.to_ask == 0 && self.to_start.iter().all(|left| *left == 0)
    }

    /// Whether a framework still wants to start a pod.
    #[must_use]
    pub fn has_to_start(&self, at: usize) -> bool {
        self.left_to_start(at) > 0
    }

    /// How many it still wants to start.
    #[must_use]
    pub fn left_to_start(&self, at: usize) -> u64 {
        self.to_start.get(at).copied().unwrap_or(0)
    }

    /// A framework asked for a pod to be started.
    pub fn starts(&mut self, at: usize, pod: PodId) {
        self.to_start[at] = self.to_start[at].saturating_sub(1);
        self.told.insert(pod, None);
        self.whose.insert(pod, at);
    }

    /// Nobody will be told of a framework's pods any more.
    pub fn forget(&mut self, at: usize) {
        let whose = &self.whose;
        self.told.retain(|pod, _| whose.get(pod) != Some(&at));
    }

    /// The operator asks for one more pod, or ends one. Returns when to come again.
    pub fn ask(world: &mut World) -> Option<u64> {
        let mut effects = Vec::new();
        if world.dice.up_to(3) == 0 && !world.wants.asked.is_empty() {
            let at = world.dice.up_to(world.wants.asked.len() as u64 - 1);
            let pod = world.wants.asked.iter().nth(usize::try_from(at).unwrap_or(0)).copied();
            if let Some(pod) = pod {
                world.operator.session.kill(pod, Some(500), &mut effects);
            }
        } else if world.wants.to_ask > 0 {
            world.wants.to_ask -= 1;
            let id = world.operator.session.new_pod_id();
            let spec = pod(id, "operators", world.plan.cores, world.plan.run_ms_max, &mut world.dice);
            world.wants.asked.insert(id);
            world.operator.session.place(vec![spec], &mut effects);
        }
        world.operator.apply(effects);
        let again_ms = 1 + world.dice.up_to(ASK_EVERY_MS);
        (world.wants.to_ask > 0).then_some(again_ms)
    }

    /// A framework answers what it was told.
    pub fn framework_heard(world: &mut World, at: usize) {
        for notice in core::mem::take(&mut world.frameworks[at].notices) {
            match notice {
                Notice::Offers(offers) => {
                    for offer in offers {
                        world.answer_oddly(at, &offer);
                    }
                }
                Notice::Status(status) => {
                    world.wants.told.insert(status.pod, Some(status.state));
                }
                Notice::Subscribed { .. } | Notice::Disconnected { .. } | Notice::Rescinded(_) | Notice::Refused(_) => {
                }
            }
        }
    }

    /// Takes a part of an offer, or declines it.
    pub(super) fn answer(world: &mut World, at: usize, offer: &Offer) {
        let mut effects = Vec::new();
        let session = &mut world.frameworks[at].session;
        let refuse_ms = world.dice.up_to(3_000);
        // An offer that was lost with its connection cannot be answered: that is what the error says.
        let outcome = if world.wants.to_start[at] > 0 && world.dice.up_to(4) > 0 {
            let id = session.new_pod_id();
            let spec = pod(id, &offer.role, offer.exclusive_pus.max(1), world.plan.run_ms_max, &mut world.dice);
            session.accept(&[offer.offer], vec![spec], refuse_ms, &mut effects).map(|()| {
                world.wants.starts(at, id);
            })
        } else {
            session.decline(&[offer.offer], 1 + refuse_ms, &mut effects)
        };
        let _ = outcome;
        world.frameworks[at].apply(effects);
    }

    /// The operator has no questions here.
    pub fn operator_heard(&self, operator: &mut ClientParty<operator::Session>) {
        operator.notices.clear();
    }
}

/// A pod that takes one core.
pub(super) fn exclusive_pod(id: PodId, role: &str, run_ms_max: u64, dice: &mut IdSource) -> PodSpec {
    let mut spec = pod(id, role, 1, run_ms_max, dice);
    for member in &mut spec.members {
        member.resources = MemberResources { cpus: Cpus::Exclusive { pus: 1 }, mem_bytes: 1 << 20 };
    }
    spec
}

/// A pod of any size, sometimes larger than it can be, sometimes deaf to signals.
pub(super) fn pod(id: PodId, role: &str, pus_max: u32, run_ms_max: u64, dice: &mut IdSource) -> PodSpec {
    let pus = 1 + u32::try_from(dice.up_to(u64::from(pus_max) - 1)).unwrap_or(0);
    let cpus = if dice.up_to(1) == 0 {
        Cpus::Exclusive { pus }
    } else {
        Cpus::Shared { cpu_milli: 1 + u32::try_from(dice.up_to(u64::from(pus) * 1_000 - 1)).unwrap_or(0) }
    };
    let run_ms = dice.up_to(run_ms_max).to_string();
    let code = dice.up_to(3).to_string();
    PodSpec {
        pod: id,
        name: "simulated".to_owned(),
        role: role.to_owned(),
        priority: i32::try_from(dice.up_to(2)).unwrap_or(0),
        kill_grace_ms: 500,
        members: vec![MemberSpec {
            name: "main".to_owned(),
            command: Command { argv: vec!["sim".to_owned(), run_ms, code], ..Command::default() },
            resources: MemberResources { cpus, mem_bytes: dice.up_to(1 << 30) },
            ..MemberSpec::default()
        }],
        ..PodSpec::default()
    }
}

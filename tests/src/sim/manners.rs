//! How frameworks deal with offers: some are a pleasure to serve, and some are not.

use meros_sdk::IdSource;
use meros_sdk::framework::{self, Options};
use meros_wire::message::{Offer, PodId, PodSpec, Subscribe, Uuid};

use super::parties::ClientParty;
use super::plan::Plan;
use super::wants::{Wants, exclusive_pod, pod};
use super::world::{Happening, Party, World};

/// A slow framework answers after up to so long: the time that an offer is its own, and its grace.
const SLOW_MS_MAX: u64 = 5_000;
/// A moody one is suppressed for up to so long.
const MOOD_MS_MAX: u64 = 5_000;
/// A picky one filters what it declines for up to so long.
const PICKY_MS_MAX: u64 = 20_000;
/// A placer asks about every so often.
const PLACE_EVERY_MS: u64 = 5_000;

/// How a framework deals with offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// Takes a part of an offer for one pod, or declines it for a moment.
    #[default]
    Plain,
    /// Takes all of an offer, for as many pods as there are cores.
    Greedy,
    /// Declines most offers, for a long time.
    Picky,
    /// Thinks about each.
    Slow,
    /// Suppresses itself, and revives.
    Moody,
    /// Never answers.
    Silent,
    /// Places its pods, and wants no offers.
    Placer,
}

impl Manner {
    /// All but the first.
    pub const ODD: [Self; 6] = [Self::Greedy, Self::Picky, Self::Slow, Self::Moody, Self::Silent, Self::Placer];

    /// Whether it answers what it is offered, and soon.
    const fn answers(self) -> bool {
        matches!(self, Self::Plain | Self::Greedy | Self::Picky | Self::Moody)
    }
}

/// A framework under its role; in a mixture, some share roles, and some are in two.
pub(super) fn client(plan: &Plan, at: usize, cluster: Uuid, dice: &mut IdSource) -> ClientParty<framework::Session> {
    let roles: &[&str] = match (plan.manners.get(at), at % 3) {
        (None, _) => &[],
        (Some(_), 0) => &["eng/backend"],
        (Some(_), 1) => &["ads", "eng"],
        (Some(_), _) => &["eng/backend", "ads"],
    };
    let mut roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
    if roles.is_empty() {
        roles.push(format!("role-{at}"));
    }
    let subscribe = Subscribe {
        name: format!("framework-{at}"),
        roles,
        failover_timeout_ms: if plan.manners.is_empty() { 3_600_000 } else { 120_000 },
        suppressed: plan.manner(at) == Manner::Placer,
        ..Subscribe::default()
    };
    let options = Options { subscribe, ..Options::default() };
    ClientParty::new(framework::Session::new(cluster, options, dice.next_u64()), cluster)
}

impl World {
    /// Frameworks that want offers, and answer them.
    pub(super) fn wanting(&self) -> Vec<meros_wire::message::FrameworkId> {
        let wants = (0..self.frameworks.len())
            .filter(|at| self.plan.manner(*at).answers() && self.wants.has_to_start(*at));
        wants.filter_map(|at| self.frameworks[at].session.framework()).collect()
    }

    /// An offer arrived at a framework that has manners of its own.
    pub(super) fn answer_oddly(&mut self, at: usize, offer: &Offer) {
        let mut effects = Vec::new();
        match self.plan.manner(at) {
            Manner::Silent | Manner::Placer => return,
            Manner::Slow => {
                let at_ms = self.now_ms + self.dice.up_to(SLOW_MS_MAX);
                return self.enter(at_ms, Happening::Answer(at, Box::new(offer.clone())));
            }
            Manner::Greedy => return self.take_all(at, offer),
            Manner::Picky if self.dice.up_to(3) > 0 => {
                let refuse_ms = 1 + self.dice.up_to(PICKY_MS_MAX);
                let _ = self.frameworks[at].session.decline(&[offer.offer], refuse_ms, &mut effects);
            }
            Manner::Moody if self.dice.up_to(2) == 0 => {
                self.frameworks[at].session.suppress(&mut effects);
                let at_ms = self.now_ms + 1 + self.dice.up_to(MOOD_MS_MAX);
                self.enter(at_ms, Happening::Revive(at));
            }
            Manner::Plain | Manner::Picky | Manner::Moody => {}
        }
        self.frameworks[at].apply(effects);
        // What was declined just now cannot be answered again, which is all that happens then.
        Wants::answer(self, at, offer);
    }

    /// As many pods as the offer has cores, and as are wanted.
    fn take_all(&mut self, at: usize, offer: &Offer) {
        let mut effects = Vec::new();
        let count = u64::from(offer.exclusive_pus).min(self.wants.left_to_start(at));
        let pods: Vec<PodSpec> = (0..count)
            .map(|_| {
                let id = self.frameworks[at].session.new_pod_id();
                exclusive_pod(id, &offer.role, self.plan.run_ms_max, &mut self.dice)
            })
            .collect();
        let ids: Vec<PodId> = pods.iter().map(|pod| pod.pod).collect();
        if self.frameworks[at].session.accept(&[offer.offer], pods, 0, &mut effects).is_ok() {
            ids.into_iter().for_each(|id| self.wants.starts(at, id));
        }
        self.frameworks[at].apply(effects);
    }

    /// A placer asks for one more pod.
    pub(super) fn place_more(&mut self, at: usize) {
        if !self.wants.has_to_start(at) {
            return;
        }
        let mut effects = Vec::new();
        let id = self.frameworks[at].session.new_pod_id();
        let role = if at % 3 == 1 { "ads" } else { "eng/backend" };
        let spec = pod(id, role, self.plan.cores, self.plan.run_ms_max, &mut self.dice);
        if self.frameworks[at].session.place(vec![spec], &mut effects).is_ok() {
            self.wants.starts(at, id);
        }
        self.frameworks[at].apply(effects);
        let at_ms = self.now_ms + 1 + self.dice.up_to(PLACE_EVERY_MS);
        self.enter(at_ms, Happening::PlaceMore(at));
    }

    pub(super) fn revive(&mut self, at: usize) {
        let mut effects = Vec::new();
        self.frameworks[at].session.revive(&mut effects);
        self.frameworks[at].apply(effects);
    }

    /// A framework's process ends, and another takes its place: not as the same framework, so the pods of the first are the
    /// master's to end.
    pub(super) fn restart_framework(&mut self) {
        if let Some(last) = self.frameworks.len().checked_sub(1) {
            let at = usize::try_from(self.dice.up_to(last as u64)).unwrap_or(0);
            if let Some(end) = self.frameworks[at].end.take() {
                self.cut(end.wire);
            }
            self.wants.forget(at);
            self.frameworks[at] = client(&self.plan, at, self.cluster, &mut self.dice);
            if self.frameworks[at].start() {
                self.connect(Party::Framework(at));
            }
        }
        self.next_fault(self.plan.restart_every_ms, || Happening::RestartFramework);
    }
}

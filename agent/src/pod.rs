//! One pod's life on its agent: an event comes in, the state moves, effects and reports come out.
//!
//! ```text
//!   Starting ──Started──▶ Running ──Kill──▶ Killing ──(grace over: force)──┐
//!      │ Kill: stays, and is asked to end once it runs                     │
//!      └── StartFailed ──┬──────── Exited · SupervisorLost ────────────────┘
//!                        ▼
//!                    Removing ──Removed──▶ Ended   (the last status goes out here)
//! ```
//!
//! 1. The last status is told only when nothing of the pod is left: whoever reads it may use its cores at once.
//! 2. A second kill shortens the grace and never lengthens it.
//! 3. `Running` is told only when the kernel's own word on the pinning is what was ordered; otherwise the launch failed.
//! 4. Force that is not answered within [`FORCE_PATIENCE_MS`] is taken over by the removal of the pod's cgroups.
//! 5. Why a pod ended: what went wrong here, then a lack of memory, then a kill that was asked for, then its own exit.

use meros_wire::message::{
    ClaimTag, Exit, MemberSpec, Pinning, Placement, PodId, PodSpec, StatusReason, StatusUpdate, TaskState,
};

use crate::effect::Effect;
use crate::event::{Ended, Now};
use crate::outbox::Outbox;
use crate::pins::Pins;
use crate::signal;

/// How long a supervisor has to answer force.
pub(crate) const FORCE_PATIENCE_MS: u64 = 5_000;
/// A removal that failed is tried again after so long.
pub(crate) const REMOVE_RETRY_MS: u64 = 1_000;

const SIGTERM: i32 = 15;

/// A pod that this agent must not forget.
#[derive(Debug)]
pub(crate) struct Pod {
    pub(crate) spec: PodSpec,
    pub(crate) placement: Placement,
    pub(crate) framework: u32,
    pub(crate) claim: ClaimTag,
    /// Where it is pinned, as of the last change carried out.
    pub(crate) pins: Pins,
    /// Changes of its pools that are under way, oldest first.
    pub(crate) moving: Vec<Moving>,
    pub(crate) pretended: bool,
    pub(crate) phase: Phase,
    pub(crate) kill: Option<KillWish>,
    /// What went wrong on this side while it ran: the reason for its end, whatever its exit says.
    failure: Option<(StatusReason, String)>,
    pub(crate) last: StatusUpdate,
    pub(crate) outbox: Outbox,
}

/// Where a pod stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Phase {
    /// Ordered; its program does not run yet.
    Starting,
    /// Its program runs.
    Running,
    /// Its program runs and was told to end.
    Killing,
    /// Its program ended, or never ran; its supervisor and cgroups are being removed.
    Removing {
        /// To be told when done.
        ending: Box<Report>,
        /// When to try again.
        retry_at_ms: Option<u64>,
    },
    /// Nothing is left but the last status, until it is acknowledged.
    Ended,
}

/// Where a change of a pool, ordered and not yet carried out, will pin a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moving {
    pub(crate) pool: u32,
    pub(crate) epoch: u64,
    pub(crate) pins: Pins,
}

/// Somebody asked for the end of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KillWish {
    why: String,
    /// When to go on: to force, and from there to removal.
    next_ms: u64,
    forced: bool,
}

/// What can happen to a pod.
#[derive(Clone, Debug)]
pub(crate) enum PodEvent {
    Started {
        pinning: Option<Pinning>,
    },
    StartFailed {
        reason: StatusReason,
        message: String,
    },
    Exited(Ended),
    SupervisorLost {
        message: String,
    },
    Removed(Result<(), String>),
    Kill {
        grace_ms: u32,
        why: String,
    },
    /// Its own deadline may have passed.
    Tick,
}

/// A status in the making.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Report {
    pub(crate) state: TaskState,
    pub(crate) reason: StatusReason,
    pub(crate) message: String,
    pub(crate) exit: Option<Exit>,
    pub(crate) pinning: Option<Pinning>,
}

/// What comes out of one event.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) effects: Vec<Effect>,
    pub(crate) reports: Vec<Report>,
}

impl Pod {
    /// A pod that is about to be started.
    pub(crate) fn new(spec: PodSpec, placement: Placement, framework: u32, claim: ClaimTag) -> Self {
        Self {
            spec,
            placement,
            framework,
            claim,
            pins: Pins::default(),
            moving: Vec::new(),
            pretended: false,
            phase: Phase::Starting,
            kill: None,
            failure: None,
            last: StatusUpdate::default(),
            outbox: Outbox::default(),
        }
    }

    pub(crate) const fn id(&self) -> PodId {
        self.spec.pod
    }

    /// Its member: this build runs pods of one.
    pub(crate) fn member(&self) -> Option<&MemberSpec> {
        self.spec.members.first()
    }

    /// False once nothing of it runs and nothing of it is left to remove.
    pub(crate) fn is_live(&self) -> bool {
        self.phase != Phase::Ended
    }

    /// When a `Tick` is due.
    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        match &self.phase {
            Phase::Removing { retry_at_ms, .. } => *retry_at_ms,
            Phase::Ended => None,
            Phase::Starting | Phase::Running | Phase::Killing => self.kill.as_ref().map(|kill| kill.next_ms),
        }
    }

    /// Whether it has, or is about to have, cgroups that a change of its pools must reach.
    pub(crate) const fn is_pinned(&self) -> bool {
        self.has_process()
    }

    /// A pool it runs on will change.
    pub(crate) fn move_to(&mut self, moving: Moving) {
        self.moving.retain(|old| (old.pool, old.epoch) != (moving.pool, moving.epoch));
        self.moving.push(moving);
    }

    /// A pool it runs on has changed: the changes ordered before that are over too.
    pub(crate) fn moved(&mut self, pool: u32, epoch: u64) {
        let Some(at) = self.moving.iter().position(|moving| (moving.pool, moving.epoch) == (pool, epoch)) else {
            return;
        };
        if let Some(done) = self.moving.drain(..=at).next_back() {
            self.pins = done.pins;
        }
    }

    /// Moves the pod on.
    pub(crate) fn on(&mut self, event: PodEvent, now: Now) -> Step {
        let mut step = Step::default();
        match event {
            PodEvent::Started { pinning } => self.on_started(pinning, now, &mut step),
            PodEvent::StartFailed { reason, message } => self.on_start_failed(reason, message, &mut step),
            PodEvent::Exited(ended) => self.on_exited(ended, &mut step),
            PodEvent::SupervisorLost { message } => self.on_supervisor_lost(message, &mut step),
            PodEvent::Removed(result) => self.on_removed(result, now, &mut step),
            PodEvent::Kill { grace_ms, why } => self.on_kill(grace_ms, why, now, &mut step),
            PodEvent::Tick => {}
        }
        self.on_tick(now, &mut step);
        step
    }

    fn on_started(&mut self, pinning: Option<Pinning>, now: Now, step: &mut Step) {
        if self.phase != Phase::Starting {
            return;
        }
        if let Some(kill) = &self.kill {
            self.phase = Phase::Killing;
            let (pod, forced) = (self.id(), kill.forced);
            step.effects.push(if forced { Effect::ForceEnd { pod } } else { Effect::Signal { pod, signal: SIGTERM } });
            return;
        }
        self.phase = Phase::Running;
        match self.wrong_pinning(pinning.as_ref()) {
            None => step.reports.push(Report { state: TaskState::Running, pinning, ..Report::default() }),
            Some(message) => self.fail(message, now, step),
        }
    }

    /// What is wrong with the pinning that the kernel reports.
    fn wrong_pinning(&self, pinning: Option<&Pinning>) -> Option<String> {
        if self.pretended {
            return None;
        }
        let Some(pinning) = pinning else { return Some("its pinning could not be read back".to_owned()) };
        let same = |pins: &Pins| pins.cpuset == pinning.cpuset && pins.mems == pinning.mems;
        // The pool may be changing at this moment: then the pinning before and the one after are both right.
        let right = same(&self.pins) || self.moving.iter().any(|moving| same(&moving.pins));
        (!right).then(|| {
            format!(
                "pinned wrongly: the kernel says PUs {} and NUMA nodes {}, ordered were {} and {}",
                pinning.cpuset, pinning.mems, self.pins.cpuset, self.pins.mems
            )
        })
    }

    fn fail(&mut self, message: String, now: Now, step: &mut Step) {
        self.kill = Some(KillWish {
            why: message.clone(),
            next_ms: now.mono_ms.saturating_add(FORCE_PATIENCE_MS),
            forced: true,
        });
        self.failure = Some((StatusReason::LaunchFailed, message));
        self.phase = Phase::Killing;
        step.effects.push(Effect::ForceEnd { pod: self.id() });
    }

    fn on_start_failed(&mut self, reason: StatusReason, message: String, step: &mut Step) {
        if self.phase == Phase::Starting {
            self.remove(Report { state: TaskState::Failed, reason, message, ..Report::default() }, step);
        }
    }

    fn on_exited(&mut self, ended: Ended, step: &mut Step) {
        if self.has_process() {
            self.remove(self.ending(ended), step);
        }
    }

    fn on_supervisor_lost(&mut self, message: String, step: &mut Step) {
        if self.has_process() {
            let reason = StatusReason::SupervisorLost;
            self.remove(Report { state: TaskState::Lost, reason, message, ..Report::default() }, step);
        }
    }

    const fn has_process(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Running | Phase::Killing)
    }

    fn on_removed(&mut self, result: Result<(), String>, now: Now, step: &mut Step) {
        let Phase::Removing { ending, retry_at_ms } = &mut self.phase else { return };
        match result {
            Ok(()) => {
                step.reports.push((**ending).clone());
                self.phase = Phase::Ended;
            }
            Err(message) => {
                tracing::error!(pod = %self.spec.pod, message, "cannot remove what is left of the pod; trying again");
                *retry_at_ms = Some(now.mono_ms.saturating_add(REMOVE_RETRY_MS));
            }
        }
    }

    fn on_kill(&mut self, grace_ms: u32, why: String, now: Now, step: &mut Step) {
        if !self.has_process() {
            return;
        }
        let next_ms = now.mono_ms.saturating_add(u64::from(grace_ms));
        if let Some(kill) = &mut self.kill {
            if !kill.forced {
                kill.next_ms = kill.next_ms.min(next_ms);
            }
            return;
        }
        let reason = StatusReason::KillRequested;
        step.reports.push(Report { state: TaskState::Killing, reason, message: why.clone(), ..Report::default() });
        self.kill = Some(KillWish { why, next_ms, forced: false });
        if self.phase == Phase::Running {
            self.phase = Phase::Killing;
            step.effects.push(Effect::Signal { pod: self.id(), signal: SIGTERM });
        }
    }

    fn on_tick(&mut self, now: Now, step: &mut Step) {
        if self.deadline_ms().is_none_or(|at| at > now.mono_ms) {
            return;
        }
        let pod = self.id();
        if let Phase::Removing { retry_at_ms, .. } = &mut self.phase {
            *retry_at_ms = None;
            step.effects.push(Effect::Remove { pod });
        } else if let Some(kill) = self.kill.as_mut().filter(|kill| !kill.forced) {
            kill.forced = true;
            kill.next_ms = now.mono_ms.saturating_add(FORCE_PATIENCE_MS);
            step.effects.push(Effect::ForceEnd { pod });
        } else {
            self.remove(self.unanswered(), step);
        }
    }

    fn remove(&mut self, ending: Report, step: &mut Step) {
        self.phase = Phase::Removing { ending: Box::new(ending), retry_at_ms: None };
        step.effects.push(Effect::Remove { pod: self.id() });
    }

    /// The last status of a pod whose supervisor was told to force its end and did not answer.
    fn unanswered(&self) -> Report {
        let (state, reason, why) = match (&self.failure, &self.kill) {
            (Some((reason, message)), _) => (TaskState::Failed, *reason, message.clone()),
            (None, Some(kill)) => (TaskState::Killed, StatusReason::KillRequested, kill.why.clone()),
            (None, None) => (TaskState::Lost, StatusReason::SupervisorLost, String::new()),
        };
        let message = format!("{why}; its supervisor did not answer, so its cgroups were emptied by force");
        Report { state, reason, message, ..Report::default() }
    }

    /// The last status of a pod whose program ran and ended so.
    pub(crate) fn ending(&self, ended: Ended) -> Report {
        let (state, reason, message) = self.verdict(ended);
        Report { state, reason, message, exit: Some(ended.exit), pinning: None }
    }

    fn verdict(&self, ended: Ended) -> (TaskState, StatusReason, String) {
        if let Some((reason, message)) = &self.failure {
            return (TaskState::Failed, *reason, message.clone());
        }
        if ended.out_of_memory {
            let limit_bytes = self.member().map_or(0, |member| member.resources.mem_bytes);
            let message = format!("used more memory than its limit of {limit_bytes} bytes");
            return (TaskState::Failed, StatusReason::MemoryLimit, message);
        }
        if let Some(kill) = &self.kill {
            let how = if kill.forced { "ended by force, its grace was over" } else { "ended within its grace" };
            return (TaskState::Killed, StatusReason::KillRequested, format!("{}: {how}", kill.why));
        }
        match ended.exit {
            Exit::Code(0) => (TaskState::Finished, StatusReason::Exited, "exited with code 0".to_owned()),
            Exit::Code(code) => (TaskState::Failed, StatusReason::Exited, format!("exited with code {code}")),
            Exit::Signal(number) => {
                let message = format!("ended by {}, which no order asked for", signal::describe(number));
                (TaskState::Failed, StatusReason::Signaled, message)
            }
        }
    }
}

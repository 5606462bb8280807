//! A machine's processes: what the kernel would hold, and what an agent's disk would keep.
//!
//! The command of a simulated pod says what it does: `sim RUN_MS CODE` runs so long and ends with that code; `sim deaf` ends
//! only by force.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use meros_agent::effect::{Effect, MemberPlan};
use meros_agent::event::{Ended, Event};
use meros_agent::pins::Pins;
use meros_agent::state::{LeftPod, Recovered};
use meros_sdk::IdSource;
use meros_wire::message::{Envelope, Exit, Launch, Pinning, PodId, ReportStatus};

/// A running member.
#[derive(Clone, Debug)]
pub struct Process {
    /// Alone on its PUs.
    pub exclusive: bool,
    /// Where it is pinned.
    pub pins: Pins,
    /// Ends only by force.
    deaf: bool,
}

/// What was kept about one pod.
#[derive(Clone, Debug)]
struct Kept {
    envelope: Envelope,
    launch: Launch,
    ending: Option<ReportStatus>,
}

/// One machine.
#[derive(Debug, Default)]
pub struct Machine {
    /// What runs.
    pub processes: BTreeMap<PodId, Process>,
    term: u64,
    kept: BTreeMap<PodId, Kept>,
    /// The machine's work is done one piece after the other.
    busy_until_ms: u64,
}

/// Something the machine will tell its agent.
#[derive(Debug)]
pub struct Answer {
    /// When.
    pub at_ms: u64,
    /// What.
    pub event: Work,
}

/// What happens at the machine when its time has come.
#[derive(Clone, Debug)]
pub enum Work {
    /// A program starts.
    Start(Box<MemberPlan>),
    /// Pods move.
    Move {
        /// Of which pool.
        pool: u32,
        /// Of which order.
        epoch: u64,
        /// Where to.
        moves: Vec<(PodId, Pins)>,
    },
    /// A program ends, if it still runs.
    End(PodId, Exit),
    /// What is left of a pod is removed.
    Remove(PodId),
    /// A reader of a log finds nothing.
    Read(meros_agent::event::ReaderId),
}

impl Machine {
    /// Carries out an effect on the machine. `None`: it was not one, or it is done already.
    pub fn apply(&mut self, effect: Effect, now_ms: u64, dice: &mut IdSource) -> Option<Answer> {
        let work = match effect {
            Effect::SaveTerm { term } => {
                self.term = term;
                return None;
            }
            Effect::KeepLaunch { envelope, launch } => {
                let kept = Kept { envelope: *envelope, launch: *launch, ending: None };
                self.kept.insert(kept.launch.spec.pod, kept);
                return None;
            }
            Effect::KeepEnding { report } => {
                if let Some(kept) = self.kept.get_mut(&report.status.pod) {
                    kept.ending = Some(*report);
                }
                return None;
            }
            Effect::Forget { pod } => {
                self.kept.remove(&pod);
                return None;
            }
            Effect::Launch { plan } => Work::Start(plan),
            Effect::SetPool { pool, epoch, moves } => {
                let moves = moves.into_iter().map(|step| (step.pod, step.pins)).collect();
                Work::Move { pool, epoch, moves }
            }
            Effect::Remove { pod } => Work::Remove(pod),
            Effect::Signal { pod, signal } => return self.signal(pod, signal, now_ms, dice),
            Effect::ForceEnd { pod } => {
                return Some(Answer { at_ms: now_ms + dice.up_to(50), event: Work::End(pod, Exit::Signal(9)) });
            }
            Effect::ReadLog { reader, .. } => return Some(Answer { at_ms: now_ms, event: Work::Read(reader) }),
            _ => return None,
        };
        self.busy_until_ms = self.busy_until_ms.max(now_ms) + dice.up_to(40);
        Some(Answer { at_ms: self.busy_until_ms, event: work })
    }

    fn signal(&self, pod: PodId, signal: i32, now_ms: u64, dice: &mut IdSource) -> Option<Answer> {
        let deaf = self.processes.get(&pod).is_none_or(|process| process.deaf);
        (!deaf).then(|| Answer { at_ms: now_ms + dice.up_to(200), event: Work::End(pod, Exit::Signal(signal)) })
    }

    /// A piece of work is done. Returns what the agent hears, and what will happen next by itself.
    pub fn done(&mut self, work: Work, now_ms: u64) -> (Option<Event>, Option<Answer>) {
        match work {
            Work::Start(plan) => self.start(&plan, now_ms),
            Work::Move { pool, epoch, moves } => {
                for (pod, pins) in moves {
                    if let Some(process) = self.processes.get_mut(&pod) {
                        process.pins = pins;
                    }
                }
                (Some(Event::PoolSet { pool, epoch, result: Ok(()) }), None)
            }
            Work::End(pod, exit) => {
                let ended = self.processes.remove(&pod).map(|_| Ended { exit, out_of_memory: false });
                (ended.map(|ended| Event::Exited { pod, ended }), None)
            }
            Work::Remove(pod) => {
                self.processes.remove(&pod);
                (Some(Event::Removed { pod, result: Ok(()) }), None)
            }
            Work::Read(reader) => (Some(Event::LogRead { reader, result: Ok(Vec::new()) }), None),
        }
    }

    fn start(&mut self, plan: &MemberPlan, now_ms: u64) -> (Option<Event>, Option<Answer>) {
        let pod = plan.pod;
        let exclusive = self.kept.get(&pod).is_some_and(|kept| !kept.launch.placement.exclusive_pus.is_empty());
        let run_ms: Option<u64> = plan.argv.get(1).and_then(|word| word.parse().ok());
        let code = plan.argv.get(2).and_then(|word| word.parse().ok()).unwrap_or(0);
        self.processes.insert(pod, Process { exclusive, pins: plan.pins.clone(), deaf: run_ms.is_none() });
        let pinning = Pinning { cpuset: plan.pins.cpuset.clone(), mems: plan.pins.mems.clone() };
        let end = run_ms.map(|run_ms| Answer { at_ms: now_ms + run_ms, event: Work::End(pod, Exit::Code(code)) });
        (Some(Event::Started { pod, pid: 1, pinning: Some(pinning) }), end)
    }

    /// The agent's process was killed and starts again: what it finds is ended and removed before it goes on.
    pub fn recover(&mut self, now_ms: u64) -> Recovered {
        self.processes.clear();
        self.busy_until_ms = now_ms;
        let pods = self.kept.values().map(|kept| LeftPod {
            launch: kept.launch.clone(),
            claim: kept.envelope.claim,
            ending: kept.ending.clone(),
            // Nobody watched while the agent was away.
            ended: None,
        });
        Recovered { highest_term: self.term, pods: pods.collect(), logs: Vec::new() }
    }

    /// Two members of which one should be alone, on one PU.
    ///
    /// # Errors
    /// Names them.
    pub fn check_alone(&self) -> Result<(), String> {
        let mut owners: BTreeMap<u32, (PodId, bool)> = BTreeMap::new();
        for (pod, process) in &self.processes {
            for pu in pus(&process.pins.cpuset) {
                match owners.insert(pu, (*pod, process.exclusive)) {
                    Some((other, exclusive)) if exclusive || process.exclusive => {
                        return Err(format!("PU {pu} is used by pod {other} and by pod {pod}, and one is to be alone"));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// The PUs of a list in the kernel's format.
fn pus(list: &str) -> BTreeSet<u32> {
    let mut all = BTreeSet::new();
    let mut parts: VecDeque<&str> = list.split(',').filter(|part| !part.is_empty()).collect();
    while let Some(part) = parts.pop_front() {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>()) {
            all.extend(first..=last);
        }
    }
    all
}

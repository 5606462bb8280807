//! The machine thread: everything that happens to cgroups, processes and the files of pods, one thing after the other.
//!
//! One thread of its own, because the lower half blocks for milliseconds, and a single queue, because order is a promise (see
//! `effect`): a launch finds the pools that were ordered before it, a removal follows the launch it undoes. What a thread
//! more would gain, a second launch at the same time, comes with supervisors that are made in advance.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Child;
use std::sync::mpsc::Receiver;

use meros_wire::message::{Envelope, Launch, Output, PodId, ReportStatus, StatusReason};
use tokio::sync::mpsc::UnboundedSender;

use crate::cgroup::Tree;
use crate::disk::{DiskError, PodFiles};
use crate::effect::{MemberPlan, Move};
use crate::pins::Pins;
use crate::start::{self, MemberName, MemberStart, Root};
use crate::supervisor::protocol;

/// Something for the machine thread to do.
#[derive(Debug)]
pub(super) enum Work {
    KeepLaunch(Box<Envelope>, Box<Launch>),
    KeepEnding(Box<ReportStatus>),
    Forget(PodId),
    DropLogs(PodId),
    Launch(Box<MemberPlan>),
    Remove(PodId),
    SetPool {
        pool: u32,
        epoch: u64,
        moves: Vec<Move>,
    },
    /// A supervisor went away without a final event: is there one on record?
    LastWords(PodId),
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Done {
    Launched { pod: PodId, pins: Pins, stream: UnixStream },
    StartFailed { pod: PodId, reason: StatusReason, message: String },
    Removed { pod: PodId, result: Result<(), String> },
    PoolSet { pool: u32, epoch: u64, moves: Vec<Move>, result: Result<(), String> },
    LastWords { pod: PodId, event: Result<Option<protocol::Event>, String> },
}

/// The machine as its thread has it.
#[derive(Debug)]
pub(crate) struct Machine {
    tree: Tree,
    files: PodFiles,
    supervisor: PathBuf,
    members: BTreeMap<PodId, Member>,
}

/// A member that has cgroups.
#[derive(Debug)]
struct Member {
    name: MemberName,
    supervisor: Option<Child>,
}

impl Machine {
    pub(crate) fn new(tree: Tree, files: PodFiles, supervisor: PathBuf) -> Self {
        Self { tree, files, supervisor, members: BTreeMap::new() }
    }

    /// Works until there is nobody left to ask for anything; then removes the agent's own cgroup.
    pub(super) fn work(mut self, queue: &Receiver<Work>, done: &UnboundedSender<Done>) {
        while let Ok(work) = queue.recv() {
            if let Some(outcome) = self.carry_out(work)
                && done.send(outcome).is_err()
            {
                break;
            }
        }
        if self.members.is_empty()
            && let Err(error) = self.tree.remove()
        {
            tracing::warn!("cannot remove the agent's cgroup: {error}");
        }
    }

    fn carry_out(&mut self, work: Work) -> Option<Done> {
        match work {
            Work::KeepLaunch(envelope, launch) => logged(self.files.keep_launch(&envelope, &launch)),
            Work::KeepEnding(report) => logged(self.files.keep_ending(&report)),
            Work::Forget(pod) => logged(self.files.forget(pod)),
            Work::DropLogs(pod) => logged(self.files.remove(pod)),
            Work::Launch(plan) => Some(self.launch(*plan)),
            Work::Remove(pod) => Some(Done::Removed { pod, result: self.remove(pod) }),
            Work::SetPool { pool, epoch, moves } => {
                let result = self.set_pool(&moves);
                Some(Done::PoolSet { pool, epoch, moves, result })
            }
            Work::LastWords(pod) => Some(Done::LastWords { pod, event: self.last_words(pod) }),
        }
    }

    fn launch(&mut self, plan: MemberPlan) -> Done {
        let (pod, pins) = (plan.pod, plan.pins.clone());
        let span = tracing::info_span!("pod", id = %pod);
        let _entered = span.enter();
        let started = self
            .describe(plan)
            .and_then(|member| start::launch(&self.tree, &self.supervisor, &member).map_err(|error| error.to_string()));
        match started {
            Ok(running) => {
                if !running.unwritten.is_empty() {
                    tracing::info!(writes = ?running.unwritten, "a pretended machine: not pinned");
                }
                let member = Member { name: running.name, supervisor: running.supervisor };
                self.members.insert(pod, member);
                Done::Launched { pod, pins, stream: running.stream }
            }
            Err(message) => Done::StartFailed { pod, reason: StatusReason::LaunchFailed, message },
        }
    }

    fn describe(&self, plan: MemberPlan) -> Result<MemberStart, String> {
        let name = MemberName::new(&plan.pod.to_string(), &plan.member).map_err(|error| error.to_string())?;
        Ok(MemberStart {
            name,
            pod_dir: self.files.folder(plan.pod),
            argv: plan.argv,
            env: plan.env,
            working_dir: (!plan.working_dir.is_empty()).then_some(plan.working_dir),
            root: plan.root.map_or(Root::Machine, |folder| Root::Folder(folder.into())),
            stdout: self.files.output(plan.pod, &plan.member, Output::Stdout),
            stderr: self.files.output(plan.pod, &plan.member, Output::Stderr),
            user: None,
            cpus: plan.pins.cpuset.parse().map_err(|error| format!("cpuset: {error}"))?,
            mems: plan.pins.mems.parse().map_err(|error| format!("mems: {error}"))?,
            mem_bytes: NonZeroU64::new(plan.mem_bytes),
            pids_max: None,
        })
    }

    fn remove(&mut self, pod: PodId) -> Result<(), String> {
        let Some(member) = self.members.get_mut(&pod) else { return Ok(()) };
        let folder = self.files.folder(pod);
        let removed = start::cleanup_name(&self.tree, &member.name, &folder, member.supervisor.take());
        removed.map_err(|error| error.to_string())?;
        self.members.remove(&pod);
        Ok(())
    }

    /// Pods that have no cgroups, because their start failed meanwhile, have nothing to move.
    fn set_pool(&self, moves: &[Move]) -> Result<(), String> {
        for order in moves.iter().filter(|order| self.members.contains_key(&order.pod)) {
            let cpus = order.pins.cpuset.parse().map_err(|error| format!("cpuset: {error}"))?;
            let mems = order.pins.mems.parse().map_err(|error| format!("mems: {error}"))?;
            self.tree.repin(&order.pod.to_string(), &cpus, &mems).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn last_words(&self, pod: PodId) -> Result<Option<protocol::Event>, String> {
        let Some(member) = self.members.get(&pod) else { return Ok(None) };
        start::final_event(&member.name, &self.files.folder(pod)).map_err(|error| error.to_string())
    }
}

/// A file that cannot be kept is a worse recovery later, not a reason to end what runs now.
fn logged(result: Result<(), DiskError>) -> Option<Done> {
    if let Err(error) = result {
        tracing::error!("{error}");
    }
    None
}

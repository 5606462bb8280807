//! One machine as its agent knows it: plain data, one owner, deterministic.
//!
//! Maps are ordered, so that two runs of one seed do the same things in the same order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use meros_wire::StreamId;
use meros_wire::message::{AgentId, ClaimTag, Launch, Machine, PodId, PoolOrder, ReportStatus, StatusUpdate, Uuid};

use crate::event::{Ended, ReaderId};
use crate::pod::Pod;
use crate::reactor::logs::Reader;
use meros_wire::IdSource;

/// The logs of so many ended pods are kept; the oldest go first.
pub const ENDED_PODS_MAX: usize = 256;

/// Who an agent is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The cluster it belongs to, from its certificate.
    pub cluster: Uuid,
    /// Its own lasting name.
    pub agent_uuid: Uuid,
    /// Raised at each start on a changed machine.
    pub incarnation: u64,
    /// The machine, real or pretended.
    pub machine: Machine,
}

/// What an earlier process of the same agent left on disk.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// The highest term it obeyed; 0: none.
    pub highest_term: u64,
    /// Pods whose last status was never acknowledged. Whatever ran of them is ended and removed by now.
    pub pods: Vec<LeftPod>,
    /// Ended pods whose logs are still here, oldest first.
    pub logs: Vec<LeftLogs>,
}

/// The logs of a pod that ended under an earlier process of this agent.
#[derive(Clone, Debug)]
pub struct LeftLogs {
    /// Whose.
    pub pod: PodId,
    /// Of which member.
    pub member: String,
}

/// A pod that an earlier process of this agent had begun.
#[derive(Clone, Debug)]
pub struct LeftPod {
    /// As it was ordered.
    pub launch: Launch,
    /// Under which claim.
    pub claim: ClaimTag,
    /// Its last status, when there was one.
    pub ending: Option<ReportStatus>,
    /// How it ended, when it ended by itself while no agent was there to see it.
    pub ended: Option<Ended>,
}

/// Everything.
#[derive(Debug)]
pub struct State {
    pub(crate) identity: Identity,
    pub(crate) ids: IdSource,
    pub(crate) highest_term: u64,
    /// The master's number for this agent, once admitted.
    pub(crate) agent: Option<AgentId>,
    pub(crate) session: Session,
    pub(crate) failures: u32,
    pub(crate) pods: BTreeMap<PodId, Pod>,
    /// Ended and acknowledged, oldest first: their logs are still here.
    pub(crate) ended: VecDeque<EndedPod>,
    pub(crate) pools: BTreeMap<u32, Pool>,
    pub(crate) readers: BTreeMap<ReaderId, Reader>,
    pub(crate) streams: BTreeMap<StreamId, ReaderId>,
    pub(crate) next_reader: u64,
    pub(crate) stopping: Stopping,
}

/// The connection to the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Session {
    /// None, until a moment on the monotonic clock.
    Waiting { until_ms: u64 },
    /// Asked for.
    Connecting,
    /// There, and `Register` is sent.
    Registering,
    /// Admitted.
    Registered,
    /// Being closed from this side.
    Closing,
}

/// A pod whose end is known to the master.
#[derive(Clone, Debug)]
pub(crate) struct EndedPod {
    pub(crate) pod: PodId,
    pub(crate) member: String,
    /// Absent when an earlier process of this agent ran it.
    pub(crate) record: Option<EndedRecord>,
}

/// What is still known of an ended pod.
#[derive(Clone, Debug)]
pub(crate) struct EndedRecord {
    pub(crate) framework: u32,
    pub(crate) claim: ClaimTag,
    pub(crate) last: StatusUpdate,
}

/// A shared pool.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    /// The newest order, carried out or under way.
    pub(crate) ordered: PoolOrder,
    /// The newest order that was carried out.
    pub(crate) applied: Option<PoolOrder>,
    /// When to try the newest order again.
    pub(crate) retry_at_ms: Option<u64>,
}

impl Pool {
    /// Every PU that its pods may be on, as a new leader has to count them: while an order is carried out, those before it and
    /// those after it. Pods accepted since the order may need the latter; pods not yet moved still run on the former. (PUs of
    /// an order in between that was overtaken are not among them: the newest is carried out before any later launch.)
    pub(crate) fn as_it_may_be(&self) -> PoolOrder {
        let before = self.applied.iter().flat_map(|applied| &applied.pus);
        let pus: BTreeSet<u32> = before.chain(&self.ordered.pus).copied().collect();
        PoolOrder { pus: pus.into_iter().collect(), ..self.ordered }
    }
}

/// The agent's own end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopping {
    /// Not asked for.
    No,
    /// Asked for; pods are ending.
    Pods,
    /// All pods ended; their last statuses may be acknowledged until then.
    Statuses { until_ms: u64 },
    /// Over.
    Done,
}

impl State {
    /// An agent that has not connected yet. The seed feeds ids and jitter only.
    #[must_use]
    pub fn new(identity: Identity, recovered: Recovered, seed: u64) -> Self {
        let ended =
            recovered.logs.into_iter().map(|left| EndedPod { pod: left.pod, member: left.member, record: None });
        let mut state = Self {
            identity,
            ids: IdSource::new(seed),
            highest_term: recovered.highest_term,
            agent: None,
            session: Session::Waiting { until_ms: 0 },
            failures: 0,
            pods: BTreeMap::new(),
            ended: ended.collect(),
            pools: BTreeMap::new(),
            readers: BTreeMap::new(),
            streams: BTreeMap::new(),
            next_reader: 0,
            stopping: Stopping::No,
        };
        for left in recovered.pods {
            let pod = Pod::left_behind(left, &mut state.ids);
            state.pods.insert(pod.id(), pod);
        }
        state
    }

    /// The master's number for this agent, once it was admitted.
    #[must_use]
    pub const fn agent(&self) -> Option<AgentId> {
        self.agent
    }

    /// Whether the master has admitted it on the present connection.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        self.session == Session::Registered
    }

    /// Pods that run, start, or are being removed.
    pub fn live_pods(&self) -> impl Iterator<Item = PodId> + '_ {
        self.pods.values().filter(|pod| pod.is_live()).map(Pod::id)
    }

    /// Recomputes what must always hold, from slow truth; for tests and the simulator.
    ///
    /// # Errors
    /// What does not hold.
    pub fn validate(&self) -> Result<(), String> {
        let mut taken = BTreeMap::new();
        for pod in self.pods.values().filter(|pod| pod.is_live()) {
            for pu in &pod.placement.exclusive_pus {
                if let Some(other) = taken.insert(*pu, pod.id()) {
                    return Err(format!("PU {pu} is given to pod {other} and to pod {}", pod.id()));
                }
            }
        }
        for pool in self.pools.values() {
            let shared = pool.ordered.pus.iter().find(|pu| taken.contains_key(pu));
            if let Some(pu) = shared {
                return Err(format!("PU {pu} is in pool {} and given to a pod alone", pool.ordered.pool));
            }
        }
        if self.streams.len() != self.readers.len() {
            return Err(format!("{} streams, {} readers", self.streams.len(), self.readers.len()));
        }
        let closed = !matches!(self.session, Session::Registering | Session::Registered);
        if closed && !self.streams.is_empty() {
            return Err("streams without a connection".to_owned());
        }
        Ok(())
    }
}

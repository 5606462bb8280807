//! The cluster as one master knows it: plain data, one owner, deterministic.
//!
//! Maps are ordered, so that two runs of one seed do the same things in the same order.

use std::collections::{BTreeMap, VecDeque};

use meros_wire::message::{AgentId, FrameworkId, Machine, Placement, PodId, PodSpec, StatusUpdate, Uuid};

use crate::allocation::{Allocation, ClaimId, WaitId};
use crate::config::Policy;
use crate::convert::AgentMap;
use crate::error::MasterError;
use crate::event::{PeerId, Role, StreamKey};
use meros_wire::IdSource;

/// The framework that pods placed by operators belong to.
pub(crate) const OPERATOR: FrameworkId = FrameworkId(0);

/// Everything.
#[derive(Debug)]
pub struct State {
    pub(crate) cluster: Uuid,
    pub(crate) term: u64,
    pub(crate) policy: Policy,
    pub(crate) ids: IdSource,
    pub(crate) allocation: Allocation,
    pub(crate) peers: BTreeMap<PeerId, Peer>,
    pub(crate) agents: BTreeMap<AgentId, Agent>,
    pub(crate) agent_by_uuid: BTreeMap<Uuid, AgentId>,
    pub(crate) frameworks: BTreeMap<FrameworkId, Framework>,
    /// Frameworks that were removed, oldest first: they do not come back under their number.
    pub(crate) removed: VecDeque<FrameworkId>,
    pub(crate) pods: BTreeMap<PodId, Pod>,
    /// Waiting pods, the older request first.
    pub(crate) waiting: BTreeMap<WaitId, PodId>,
    /// Ended pods, oldest end first.
    pub(crate) ended: VecDeque<PodId>,
    pub(crate) next_request: u64,
    pub(crate) next_stream: u64,
    /// Log streams under way, both ends.
    pub(crate) relays: BTreeMap<(PeerId, StreamKey), (PeerId, StreamKey)>,
    /// Something changed that waiting pods may have another reason to wait for.
    pub(crate) dirty: bool,
    /// Something changed that watchers should see.
    pub(crate) changed: bool,
}

/// One authenticated connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) role: Role,
    pub(crate) principal: String,
    pub(crate) session: Session,
}

/// What has been agreed on a connection.
#[derive(Debug)]
pub(crate) enum Session {
    /// Nothing yet.
    New,
    /// An agent that registered.
    Agent(AgentId),
    /// A framework that subscribed.
    Framework(FrameworkId),
    /// An operator, with the queries it watches by.
    Operator(BTreeMap<u64, Option<PodId>>),
}

/// One admitted agent.
#[derive(Debug)]
pub(crate) struct Agent {
    /// Where it hears; absent until `Registered` is sent there.
    pub(crate) peer: Option<PeerId>,
    pub(crate) machine: Machine,
    pub(crate) incarnation: u64,
    pub(crate) map: AgentMap,
    /// The epoch of each pool that was told to this connection.
    pub(crate) pools_told: BTreeMap<u32, u64>,
    /// When its pods become unreachable.
    pub(crate) unreachable_at_ms: Option<u64>,
}

/// One framework.
#[derive(Debug)]
pub(crate) struct Framework {
    pub(crate) name: String,
    pub(crate) principal: String,
    pub(crate) roles: Vec<String>,
    pub(crate) peer: Option<PeerId>,
    pub(crate) failover_timeout_ms: u64,
    /// When its pods are ended for want of it.
    pub(crate) remove_at_ms: Option<u64>,
}

/// One pod, from the ask until it is forgotten.
#[derive(Debug)]
pub(crate) struct Pod {
    pub(crate) spec: PodSpec,
    pub(crate) framework: FrameworkId,
    /// Order of asking.
    pub(crate) request: u64,
    /// One for the whole life of the request.
    pub(crate) launch_key: Uuid,
    pub(crate) status: StatusUpdate,
    /// Where it stands among the waiting.
    pub(crate) wait: Option<WaitId>,
    pub(crate) bound: Option<Bound>,
    pub(crate) kill: Option<KillWish>,
    /// Updates that the framework has not acknowledged, oldest first.
    pub(crate) updates: VecDeque<StatusUpdate>,
    /// Updates that were, newest last: an agent that missed the acknowledgement sends them again.
    pub(crate) acknowledged: VecDeque<Uuid>,
}

/// Where a placed pod is.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) agent: AgentId,
    pub(crate) claim: ClaimId,
    pub(crate) placement: Placement,
}

/// Somebody asked for a pod's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KillWish {
    pub(crate) grace_ms: Option<u32>,
}

impl State {
    /// An empty cluster led in `term`. The seed feeds ids only.
    ///
    /// # Errors
    /// When the policy asks for a table of words that cannot be.
    pub fn new(cluster: Uuid, term: u64, policy: Policy, seed: u64) -> Result<Self, MasterError> {
        let allocation = Allocation::new(&policy).map_err(MasterError::table)?;
        let operator = Framework {
            name: "operator".to_owned(),
            principal: String::new(),
            roles: Vec::new(),
            peer: None,
            failover_timeout_ms: u64::MAX,
            remove_at_ms: None,
        };
        Ok(Self {
            cluster,
            term,
            policy,
            ids: IdSource::new(seed),
            allocation,
            peers: BTreeMap::new(),
            agents: BTreeMap::new(),
            agent_by_uuid: BTreeMap::new(),
            frameworks: BTreeMap::from([(OPERATOR, operator)]),
            removed: VecDeque::new(),
            pods: BTreeMap::new(),
            waiting: BTreeMap::new(),
            ended: VecDeque::new(),
            next_request: 1,
            next_stream: 1,
            relays: BTreeMap::new(),
            dirty: false,
            changed: false,
        })
    }

    /// Recomputes every fast figure from slow truth: the allocator's, that each claim belongs to one pod, and that every live pod
    /// has a claim or waits for one.
    ///
    /// # Errors
    /// The first figure that differs, for people.
    pub fn validate(&self) -> Result<(), String> {
        self.allocation.validate()?;
        if let Some(pod) = self.pods.values().find(|pod| pod.is_live() != self.is_placed_or_waits(pod)) {
            return Err(format!(
                "pod {} is {}, and neither placed nor waiting, or both",
                pod.spec.pod,
                pod.status.state.name()
            ));
        }
        let bound = self.pods.values().filter_map(|pod| pod.bound.as_ref().map(|bound| bound.claim));
        let mut claims: Vec<ClaimId> = bound.collect();
        claims.sort_unstable();
        let known: Vec<ClaimId> = self.allocation.claims();
        if claims == known {
            return Ok(());
        }
        Err(format!("pods hold {claims:?}, and the allocator counts {known:?}"))
    }

    /// Whether a pod has a claim or stands among the waiting, as every live pod does.
    pub(crate) fn is_placed_or_waits(&self, pod: &Pod) -> bool {
        let waits = pod.wait.is_some_and(|wait| self.waiting.get(&wait) == Some(&pod.spec.pod));
        pod.bound.is_some() != waits
    }

    /// A pod's latest status; `None`: never asked for, or forgotten.
    #[must_use]
    pub fn status(&self, pod: PodId) -> Option<&StatusUpdate> {
        self.pods.get(&pod).map(|pod| &pod.status)
    }

    /// Pods that have not ended.
    pub fn live_pods(&self) -> impl Iterator<Item = PodId> + '_ {
        self.pods.iter().filter(|(_, pod)| pod.is_live()).map(|(id, _)| *id)
    }

    /// The cluster's id.
    #[must_use]
    pub const fn cluster(&self) -> Uuid {
        self.cluster
    }

    /// The term this master leads in.
    #[must_use]
    pub const fn term(&self) -> u64 {
        self.term
    }
}

impl Pod {
    /// True while it holds, or may come to hold, quantities.
    pub(crate) const fn is_live(&self) -> bool {
        !self.status.state.is_terminal()
    }

    /// True while it is only written down: an ACCEPT that names it is being dealt with.
    pub(crate) const fn is_new(&self) -> bool {
        self.is_live() && self.bound.is_none() && self.wait.is_none()
    }
}

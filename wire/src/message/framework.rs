//! Between a master and its frameworks.

use super::id::{FrameworkId, OfferId, PodId};
use super::pod::PodSpec;
use super::status::StatusUpdate;

/// A framework introduces itself: on every connection, first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscribe {
    /// Given at its first subscription; absent then.
    pub framework: Option<FrameworkId>,
    /// For people.
    pub name: String,
    /// The roles it works for; at least one.
    pub roles: Vec<String>,
    /// How long its pods outlive its connection.
    pub failover_timeout_ms: u64,
    /// No offers until it revives.
    pub suppressed: bool,
}

/// The master's answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subscribed {
    /// Its number in this cluster.
    pub framework: FrameworkId,
    /// How often each side is heard, at least.
    pub heartbeat_ms: u32,
}

/// Take offers of one agent, whole or in part, and start pods on them; the rest goes back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accept {
    /// Of one agent.
    pub offers: Vec<OfferId>,
    /// What to start.
    pub pods: Vec<PodSpec>,
    /// Do not offer the rest again for so long.
    pub refuse_ms: u64,
}

/// Do not take offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decline {
    /// Which.
    pub offers: Vec<OfferId>,
    /// Do not offer the same again for so long.
    pub refuse_ms: u64,
}

/// Offers that no longer hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rescind {
    /// Which.
    pub offers: Vec<OfferId>,
}

/// Place pods wherever they fit: now, or when there is room. Statuses tell how it goes, `Waiting` with the reason first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// What.
    pub pods: Vec<PodSpec>,
}

/// End a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kill {
    /// Which.
    pub pod: PodId,
    /// From the ask to the force; absent: the pod's own.
    pub grace_ms: Option<u32>,
}

/// Ask for the latest status of pods; of all of its own when empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconcile {
    /// Which.
    pub pods: Vec<PodId>,
}

/// A status on its way to a framework; sent again until acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// What it tells.
    pub status: StatusUpdate,
}

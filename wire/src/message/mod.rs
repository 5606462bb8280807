//! Plain Rust mirrors of the schema: what daemons pass around.
//!
//! Nothing here knows flatbuffers; [`encode`](crate::encode) and [`decode`](crate::decode) translate. Hot messages (offers,
//! declines, rescinds, acknowledgements) travel as vectors of structs and can be read in place through
//! [`decode`](crate::decode) without a mirror.

pub mod envelope;
pub mod framework;
pub mod id;
pub mod machine;
pub mod offer;
pub mod operator;
pub mod order;
pub mod pod;
pub mod resource;
pub mod status;
pub mod stream;

pub use envelope::{ClaimTag, Envelope, TraceContext};
pub use framework::{Accept, Decline, Kill, Place, Reconcile, Rescind, Subscribe, Subscribed, Update};
pub use id::{AgentId, FrameworkId, OfferId, ParseUuidError, PodId, Uuid};
pub use machine::{Label, Machine, MachineCore, MachineDevice, MachineNumaNode};
pub use offer::{
    Offer, OfferDevice, OfferHugePages, OfferNumaNode, OfferRanges, OfferScalar, OfferSet, OfferSpecialMemory,
};
pub use operator::{AgentView, FrameworkView, Listing, PodView, Query, Refusal, RefusalCode};
pub use order::{
    AcknowledgeStatus, KillPod, Launch, PoolConfirmed, PoolOrder, Register, Registered, ReportStatus, RunningPod,
};
pub use pod::{
    Command, Cpus, Locality, MemberKind, MemberResources, MemberSpec, NumaMemory, Placement, PlacementWish, PodSpec,
    PoolShare, Root, features,
};
pub use resource::{DeviceShare, InclusiveRange, Reservation, Resource, ResourceValue};
pub use status::{Exit, Pinning, StatusReason, StatusSource, StatusUpdate, TaskState};
pub use stream::{LogsRequest, Output, StreamPurpose};

/// Every message between daemons. Stream frames and the channel's own frames are not here: they belong to
/// [`channel`](crate::channel).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Agent → master: here I am.
    Register(Register),
    /// Master → agent: admitted.
    Registered(Registered),
    /// Master → agent: start a pod.
    Launch(Launch),
    /// Master → agent: end a pod.
    KillPod(KillPod),
    /// Master → agent: a pool's PUs from now on.
    PoolOrder(PoolOrder),
    /// Agent → master: done so.
    PoolConfirmed(PoolConfirmed),
    /// Agent → master: a task moved.
    ReportStatus(ReportStatus),
    /// Receiver → sender of a status: dealt with.
    AcknowledgeStatus(AcknowledgeStatus),
    /// Framework → master: here I am.
    Subscribe(Subscribe),
    /// Master → framework: admitted.
    Subscribed(Subscribed),
    /// Master → framework: yours if you want them.
    Offers(Vec<Offer>),
    /// Master → framework: no longer yours.
    Rescind(Rescind),
    /// Framework → master: taken.
    Accept(Accept),
    /// Framework → master: not taken.
    Decline(Decline),
    /// Framework → master: no offers for now.
    Suppress,
    /// Framework → master: offers again, filters forgotten.
    Revive,
    /// Framework or operator → master: place pods.
    Place(Place),
    /// Framework or operator → master: end a pod.
    Kill(Kill),
    /// Framework → master: what of these?
    Reconcile(Reconcile),
    /// Master → framework: a task moved.
    Update(Update),
    /// Operator → master: the cluster's state?
    Query(Query),
    /// Master → operator: this.
    Listing(Listing),
    /// Either: no, because.
    Refusal(Refusal),
}

impl Message {
    /// The variant's name, for logs and refusals.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Register(_) => "Register",
            Self::Registered(_) => "Registered",
            Self::Launch(_) => "Launch",
            Self::KillPod(_) => "KillPod",
            Self::PoolOrder(_) => "PoolOrder",
            Self::PoolConfirmed(_) => "PoolConfirmed",
            Self::ReportStatus(_) => "ReportStatus",
            Self::AcknowledgeStatus(_) => "AcknowledgeStatus",
            Self::Subscribe(_) => "Subscribe",
            Self::Subscribed(_) => "Subscribed",
            Self::Offers(_) => "Offers",
            Self::Rescind(_) => "Rescind",
            Self::Accept(_) => "Accept",
            Self::Decline(_) => "Decline",
            Self::Suppress => "Suppress",
            Self::Revive => "Revive",
            Self::Place(_) => "Place",
            Self::Kill(_) => "Kill",
            Self::Reconcile(_) => "Reconcile",
            Self::Update(_) => "Update",
            Self::Query(_) => "Query",
            Self::Listing(_) => "Listing",
            Self::Refusal(_) => "Refusal",
        }
    }
}

//! NUMA-aware allocation core: machine shapes, claims and the role ledger, without I/O, threads or clocks.
//!
//! # Words
//!
//! - **Agent**: a registered machine. Its [`Shape`] says what cores, PUs (hardware threads) and NUMA nodes it has.
//! - **Claim**: PUs, pool shares, memory and [extras](Extras) (devices, ports, disk, …) of one agent that an [`Owner`] holds
//!   and a role is charged for. It can be split, merged, resized, transferred, released, and
//!   restored after a restart.
//! - **Member**: a part of a claim with CPU of its own, exclusive or shared. Most claims have one.
//! - **Pool**: the cores of a NUMA node that shared claims run on. Cores join and leave it as shared claims come and go.
//! - **Refused** is a no, with figures; **contended** means that others were in flight: ask again.
//!
//! Quantities: 1 PU = 1000 `cpu_milli`; memory in bytes, in pages of [`PAGE_BYTES`].
//!
//! # Example
//!
//! ```
//! use meros_alloc_core::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A machine: four cores of two PUs and 8 GiB in one NUMA node.
//! let core = CoreSpec { pus: 2, l3: Some(0), numa_node: Some(NumaNodeId::new(0)), package: Some(0), kind: 0 };
//! let shape = Shape::new(&ShapeSpec {
//!     cores: vec![core; 4],
//!     numa_nodes: vec![NumaNodeSpec::ordinary(8 << 30)],
//!     ..ShapeSpec::default()
//! })?;
//! let table = Table::new(Capacity::for_agents(1, &shape))?;
//! let role = table.add_role(Limit::default())?;
//! let agent = table.add_agent(shape)?;
//!
//! // An offer holds all that is free.
//! let (offer, pod) = (Owner::new(1), Owner::new(2));
//! let hold = table.hold(agent, Holder { owner: offer, role }, HoldLimit::ALL);
//! let Outcome::Granted(held) = hold else { panic!("{hold:?}") };
//!
//! // A pod takes 2 PUs and 1 GiB of it, on one core and beside each other; the rest is given back.
//! let wanted = Request::exclusive(2, 1 << 30)
//!     .with_locality(Locality::Required(Level::Core))
//!     .with_memory(MemoryLocality::Required);
//! let split = table.split(held.claim, offer, &wanted);
//! let Outcome::Granted(taken) = split else { panic!("{split:?}") };
//! assert_eq!(table.transfer(taken.claim, offer, pod), Transferred::Transferred);
//! assert!(matches!(table.release(held.claim, offer), Released::Released { .. }));
//!
//! let placement = table.placement(taken.claim).ok_or("gone")?;
//! assert_eq!(placement.pus, [PuId::new(0), PuId::new(1)]);
//! assert_eq!(table.role_used(role), Some(Quantities { cpu_milli: 2000, mem_bytes: 1 << 30 }));
//!
//! // What does not fit is told why.
//! let Outcome::Refused(no) = table.claim(agent, Holder { owner: pod, role }, &Request::exclusive(7, 0)) else {
//!     panic!("it does not fit")
//! };
//! assert_eq!(no.to_string(), "wants 7 exclusive PUs; agent a0 has 6 free");
//! assert_eq!(table.release(taken.claim, offer), Released::NotOwner { owner: pod });
//! assert!(matches!(table.release(taken.claim, pod), Released::Released { .. }));
//! table.validate()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Reading order
//!
//! The words, each with its protocol in its module's first lines: `sync` (the door to atomics, with `retries`), `leaf` (cores),
//! `pool`, `memory`, `extras::word` (all else), `record` and `slots` (claims), `ledger` (roles), `desk` (who is in flight), `index`
//! and `agents` with `bitmaps` (where to look); a claim's words are told of by `part`, and `growing` holds what comes to be more.
//! Where they lie: `shape` and `layout` (a machine), `block`, `shard`; `machine` is one agent's words through its shape. Then what
//! is made of them: `request` and `member` (what is asked), `stock` and `plan` (what it gets: `wants`, `field`, `search` with
//! `bins` and `straight` for the region, `pack` and `shared` for what is in it, `memory_plan`; `plain` for what needs no search),
//! `site`, `taking` and `claim` (getting it), `quick` and `walk` (getting it straight on), `roam`, `narrow` and `wide` (finding the
//! rest), `toll`, `shortlist`, `worth` and `room` (which of several), `hold` and `exact` (all that is free, and what is said
//! exactly), `split` and `merge`, `resize` (with `reshape` and its stock, `spare`), `gang`, `pooling` (how cores join and leave a
//! pool), `restore`, `place`, `siting` (placement on chosen agents: `attributes`, `facts`, `constraint`, `selection`, `mask`; and
//! in company: `group`, `membership`, `company`), `standing`, `snapshot` with `agent_snapshot` and `claim_exact` (who searches on
//! his own), `topology` (agents come and go), `why` and `explain`, `validate`. Beside them `extras`: huge pages, devices, disk,
//! ports and the rest. `table`, `local` and `verbs` are the calls.
//!
//! Every rule is a pure function on a `Copy` value; every shared change is one read-modify-write that runs such a function.

// The oracle's files are built into the fuzzer too, and name this crate as anybody would.
#[cfg(test)]
extern crate self as meros_alloc_core;

mod agent_snapshot;
mod agents;
#[cfg(not(loom))]
mod allocator;
mod attributes;
mod bins;
mod bitmaps;
mod block;
mod claim;
mod claim_exact;
mod company;
mod constraint;
mod desk;
mod exact;
mod explain;
mod extras;
mod facts;
mod field;
mod gang;
mod group;
mod growing;
mod hold;
mod ids;
mod index;
mod invalid;
mod layout;
mod leaf;
mod ledger;
mod local;
mod machine;
mod mask;
mod member;
mod membership;
mod memory;
mod memory_plan;
mod merge;
mod narrow;
mod nodeset;
mod outcome;
mod pack;
mod part;
mod place;
mod placement;
mod plain;
mod plan;
mod pool;
mod pooling;
mod quantity;
mod quick;
mod reason;
mod record;
mod request;
mod reshape;
mod resize;
mod restore;
#[cfg(not(loom))]
mod retries;
mod roam;
mod room;
mod search;
mod selection;
mod shape;
mod shard;
mod shared;
mod shortlist;
mod site;
mod siting;
mod slots;
mod snapshot;
mod spare;
mod split;
mod standing;
mod stock;
mod straight;
pub mod sync;
mod table;
mod taking;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod toll;
mod topology;
mod usage;
mod validate;
mod verbs;
mod walk;
mod wants;
mod why;
mod wide;
mod worth;

pub use agent_snapshot::{AgentSnapshot, DomainFree, LeafFree, Unplanned};
#[cfg(not(loom))]
pub use allocator::{
    Accepted, Allocator, AllocatorError, Claimant, CpuKind, Event, InvalidOffers, OfferView, Operation, RoleSpec,
    Rules, Subscription, WaitId,
};
pub use attributes::{AttributeValue, Attributes, AttributesError, NumberSpan};
pub use claim::Holder;
pub use claim_exact::{ClaimedExact, Taken};
pub use constraint::{Condition, Constraint, ConstraintError, ConstraintFault, MAX_CONSTRAINTS, Test};
pub use explain::Explanation;
pub use extras::{
    DeviceAmount, DeviceLocality, DeviceShare, DeviceSpec, DeviceUsage, DeviceWish, Extras, ExtrasError, ExtrasUsage,
    HugePages, HugeSize, HugeUsage, NameUsage, NumaNodeHugePages, Pick, PickWish, Picked, PlacedExtras, RangesSpec,
    ScalarAmount, ScalarSpec, ScalarWish, SetSpec, Span, SpecialMemoryWish, Wishes,
};
pub use gang::{Ganged, NoGang};
pub use group::{GroupError, GroupId, GroupKey, GroupSpec, GroupValue, Rule};
pub use ids::{AgentId, ClaimId, DeviceId, FrameworkId, NameId, NumaNodeId, OfferId, Owner, PuId, RoleId};
pub use ledger::Limit;
pub use local::{DesksFull, Local};
pub use member::{CoreKind, Cpus, MAX_MEMBERS, Members, Smt};
pub use outcome::{Confirmed, Contended, Grant, Merged, Outcome, Released, Transferred};
pub use place::{Placed, Unplaced};
pub use placement::{MemberPlacement, MemoryHold, NumaNodeMemory, Placement, PoolOrder, PoolShare};
pub use quantity::{MILLI_PER_PU, PAGE_BYTES, Quantities};
pub use reason::{Excluded, Invalid, OverLimit, Reason, ReasonKind, Refusal, Resource, Shortage, Wanted};
pub use request::{HoldLimit, Level, Locality, MemoryLocality, Policy, Request};
pub use restore::RestoreError;
#[cfg(not(loom))]
pub use retries::retries_of_this_thread;
pub use selection::Selection;
pub use shape::{Core, CoreSpec, MAX_PUS, NumaNodeSpec, Shape, ShapeError, ShapeSpec};
pub use shard::AgentState;
pub use snapshot::{Refreshed, Snapshot};
pub use standing::{PriorityTooHigh, Standing, StandingSet};
pub use table::{Capacity, Table, TableError};
pub use usage::{MemoryMode, MemoryUsage, PoolUsage, Usage};
pub use validate::ValidateError;

// `cargo loom` sets REQUIRE_LOOM: with RUSTFLAGS in the environment its `--cfg loom` is dropped without a word, and the
// models would pass having modelled nothing.
const _: () = assert!(cfg!(loom) || option_env!("REQUIRE_LOOM").is_none(), "unset RUSTFLAGS: it hides --cfg loom");

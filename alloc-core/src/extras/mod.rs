//! Extras: what a claim may hold of one agent besides cores, pool shares and ordinary memory.
//!
//! | quantity | where | word |
//! |---|---|---|
//! | huge pages (2 MiB, 1 GiB) | NUMA node | [`counter`](crate::counter) |
//! | special memory (HBM, CXL, GPU memory) | NUMA node | pages of its [`memory`](crate::memory) word |
//! | devices, whole or in thousandths | agent, near a NUMA node | [`device_word`](crate::device_word), five devices each |
//! | disk, named scalars | agent | [`counter`](crate::counter) |
//! | named ranges (ports) and sets | agent | [`bits`](crate::bits), 48 numbers each |
//!
//! **Huge pages** come from NUMA nodes the claim sits on, beside its memory and by the same rule (see
//! [`memory_plan`](crate::memory_plan)): the kernel lets a claim use any memory of a NUMA node it may use.
//!
//! **Special memory** serves claims that name its kind. It is counted, and not fenced: no seats are taken on its NUMA node.
//!
//! Files: `spec` (what a machine has), `wishes` (what is asked), `placed` (what is held), `layout` (which word is what),
//! `plan`, `picks` and `beside` (choosing), `words` (taking), `exact` (parts and placements), `figures` (what is free, for refusals),
//! `usage`, `truth` (for validate).

pub(crate) mod beside;
pub(crate) mod exact;
pub(crate) mod figures;
pub(crate) mod hold;
pub(crate) mod layout;
pub(crate) mod picks;
pub(crate) mod placed;
pub(crate) mod plan;
pub(crate) mod spec;
pub(crate) mod truth;
pub(crate) mod usage;
pub(crate) mod wishes;
pub(crate) mod words;

pub use layout::ExtrasError;
pub use placed::{DeviceShare, NumaNodeHugePages, Picked, PlacedExtras, ScalarAmount};
pub use spec::{DeviceSpec, HugePages, HugeSize, RangesSpec, ScalarSpec, SetSpec, Span};
pub use usage::{DeviceUsage, ExtrasUsage, HugeUsage, NameUsage};
pub use wishes::{
    DeviceAmount, DeviceLocality, DeviceWish, Extras, Pick, PickWish, ScalarWish, SpecialMemoryWish, Wishes,
};

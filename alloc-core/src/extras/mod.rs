//! Extras: what a claim may hold of one agent besides cores, pool shares and ordinary memory.
//!
//! | quantity | where | word |
//! |---|---|---|
//! | huge pages (2 MiB, 1 GiB) | NUMA node | a [counter](word) for each size |
//! | special memory (HBM, CXL, GPU memory) | NUMA node | pages of its [`memory`](crate::memory) word |
//! | devices, whole or in thousandths | agent, near a NUMA node | [`millis`] of five devices each |
//! | disk, named scalars | agent | a counter each |
//! | named ranges (ports) and sets | agent | bits of 48 numbers each |
//!
//! **Huge pages** come from NUMA nodes the claim sits on, beside its memory and by the same rule (see
//! [`memory_plan`](crate::memory_plan)): the kernel lets a claim use any memory of a NUMA node it may use.
//!
//! **Special memory** serves claims that name its kind. It is counted, and not fenced: no seats are taken on its NUMA node.
//!
//! Files: `spec` (what a machine has), `wishes` (what is asked), `placed` (what is held), `layout` (which word is what), `word` and
//! `millis` (the words), `plan`, `picks` and `beside` (choosing), `exact` (parts and placements), `hold`, `figures` (what is free, for
//! refusals), `usage`, `truth` (for validate).

pub(crate) mod beside;
pub(crate) mod exact;
pub(crate) mod figures;
pub(crate) mod hold;
pub(crate) mod layout;
pub(crate) mod millis;
pub(crate) mod picks;
pub(crate) mod placed;
pub(crate) mod plan;
pub(crate) mod spec;
pub(crate) mod truth;
pub(crate) mod usage;
pub(crate) mod wishes;
pub(crate) mod word;

pub(crate) use millis::Millis;
pub(crate) use word::ExtraWord;

pub use layout::ExtrasError;
pub use placed::{DeviceShare, NumaNodeHugePages, Picked, PlacedExtras, ScalarAmount};
pub use spec::{DeviceSpec, HugePages, HugeSize, RangesSpec, ScalarSpec, SetSpec, Span};
pub use usage::{DeviceUsage, ExtrasUsage, HugeUsage, NameUsage};
pub use wishes::{
    DeviceAmount, DeviceLocality, DeviceWish, Extras, Pick, PickWish, ScalarWish, SpecialMemoryWish, Wishes,
};

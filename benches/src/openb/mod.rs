//! Placement quality on Alibaba's GPU cluster of 2023 (`openb-2023`), by the protocol of the paper that published it.
//!
//! [`trace`] reads the files, [`machine`] says what fits, [`replay`] is the protocol behind the small trait [`replay::Placer`],
//! [`scan`] runs a policy as a full scan and [`lazy`] through an index, [`published`] has the reference policies, [`room`] the
//! fragmentation-aware one.

pub mod lazy;
pub mod machine;
pub mod published;
pub mod replay;
pub mod room;
pub mod scan;
pub mod table;
#[cfg(test)]
mod testing;
pub mod trace;

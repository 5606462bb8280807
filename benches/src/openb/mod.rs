//! Placement quality on Alibaba's GPU cluster of 2023 (`openb-2023`), by the protocol of the paper that published it.
//!
//! [`trace`] reads the files, [`machine`] says what fits, [`replay`] is the protocol behind the small trait [`replay::Placer`],
//! [`core`] places by the core, [`scan`] runs a reference policy as a full scan and [`published`] has those.

pub mod core;
pub mod machine;
pub mod published;
pub mod replay;
pub mod scan;
pub mod table;
#[cfg(test)]
mod testing;
pub mod trace;

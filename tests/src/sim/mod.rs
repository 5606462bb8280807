//! The whole cluster under one seed: master, agents, frameworks and an operator on a virtual clock and a virtual network.
//!
//! Everything above the bytes is the real thing: the reactors of `meros-master`, `meros-agent` and `meros-sdk`, over the real
//! channel of `meros-wire`. Twins stand in for what is outside: the network ([`network`]), a machine's processes
//! ([`machine`]), and time. One seed gives one run; a run that fails is run again by its seed before it is mended.
//!
//! | file | is |
//! |---|---|
//! | `plan` | what one seed chooses: sizes, delays, how often what breaks |
//! | `network` | wires that delay, and break |
//! | `machine` | processes that start, end and are pinned |
//! | `parties` | each daemon at its end of a wire |
//! | `wants` | what frameworks and the operator want |
//! | `manners` | how frameworks deal with offers, in a mixture |
//! | `monitor` | what the master promises of offers |
//! | `world` | the timeline |
//! | `check` | what must hold at every step, and at the end |

pub mod check;
pub mod machine;
pub mod manners;
pub mod monitor;
pub mod network;
pub mod parties;
pub mod plan;
pub mod wants;
pub mod world;

pub use plan::Plan;
pub use world::{Failure, Outcome, run};

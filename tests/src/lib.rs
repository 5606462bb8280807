//! What holds the house together: rules about the sources that the compiler does not know, and the whole cluster under a seed.
//!
//! - [`e2e`]: clusters of real processes on this machine, driven as a user drives them; [`bare`] is its unsafe file.
//! - [`layering`]: which crate may name which, and which file stands at each border.
//! - [`locality`]: whether claims are as close together as they can be, on machines real and odd.
//! - [`sim`]: master, agents and frameworks on a virtual clock and network.
//! - [`tidy`]: words, lengths, unsafe code, memory orderings, documents.
//!
//! `layering` and `tidy` judge text and manifests, start nothing, and run in a second: `cargo test -p meros-tests --test house`.

pub mod bare;
pub mod e2e;
pub mod layering;
pub mod locality;
pub mod sim;
pub mod tidy;

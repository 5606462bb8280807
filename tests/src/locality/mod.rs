//! Whether claims are as close together as they can be: machines, real and odd, and what the best would be.
//!
//! - [`machines`]: descriptions of machines, as the allocator takes them.
//! - [`fewest`]: the fewest NUMA nodes and L3 domains that a request can have, found without the allocator.
//! - [`trial`]: one machine in a table, filled at will, and one request after the other put to it.

pub mod fewest;
pub mod machines;
pub mod trial;

//! Small made-up agents and pods.

use super::machine::{Agent, Models, Pod};

/// An agent with so many PUs, MiB and GPUs of model 1.
pub(crate) fn agent(pus: u32, mem_mib: u32, gpus: usize) -> Agent {
    Agent::new(pus * 1000, mem_mib, Models(1), gpus)
}

/// A pod that wants so many PUs, MiB, GPUs, and thousandths of each of them, of any model.
pub(crate) fn pod(pus: u32, mem_mib: u32, gpus: u8, gpu_milli: u16) -> Pod {
    Pod { cpu_milli: pus * 1000, mem_mib, gpus, gpu_milli, models: Models::ANY }
}

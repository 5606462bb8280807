//! Agents and pods of the trace as plain numbers, and the one rule of what fits.
//!
//! CPU in thousandths of a PU, memory in MiB, GPUs whole or in thousandths of one. A pod wants `gpus` GPUs with `gpu_milli` free
//! in each: 1000 unless it wants a part of one.

/// Thousandths of a GPU.
pub const GPU_MILLI: u16 = 1000;
/// GPUs of one agent at most.
pub const MAX_GPUS: usize = 8;

/// A set of GPU models: a bit for each that the trace names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Models(pub u32);

impl Models {
    /// Every model: what a pod wants that names none.
    pub const ANY: Self = Self(u32::MAX);

    /// Whether the sets meet.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A set of an agent's GPUs: a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Gpus(pub u8);

impl Gpus {
    /// The set of one.
    #[must_use]
    pub const fn one(gpu: usize) -> Self {
        Self(1 << gpu)
    }

    /// Whether `gpu` is in it.
    #[must_use]
    pub const fn has(self, gpu: usize) -> bool {
        self.0 >> gpu & 1 == 1
    }
}

/// What one pod wants. Pods that want the same are the same shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pod {
    /// Thousandths of a PU.
    pub cpu_milli: u32,
    /// Memory in MiB.
    pub mem_mib: u32,
    /// How many GPUs.
    pub gpus: u8,
    /// Thousandths wanted of each of them.
    pub gpu_milli: u16,
    /// The models it takes.
    pub models: Models,
}

impl Pod {
    /// Thousandths of a GPU, over all it wants.
    #[must_use]
    pub fn all_gpu_milli(&self) -> u64 {
        u64::from(self.gpus) * u64::from(self.gpu_milli)
    }

    /// Whether it wants a part of one GPU.
    #[must_use]
    pub const fn shares_gpu(&self) -> bool {
        self.gpus == 1 && self.gpu_milli < GPU_MILLI
    }
}

/// What is free on one agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Agent {
    /// Thousandths of a PU.
    pub cpu_milli: u32,
    /// Memory in MiB.
    pub mem_mib: u32,
    /// Its model, as a set of one; empty without GPUs.
    pub model: Models,
    /// Thousandths free of each GPU; 0 beyond the last.
    pub gpu_milli: [u16; MAX_GPUS],
}

impl Agent {
    /// An agent with all of it free.
    #[must_use]
    pub fn new(cpu_milli: u32, mem_mib: u32, model: Models, gpus: usize) -> Self {
        let gpu_milli = std::array::from_fn(|gpu| if gpu < gpus { GPU_MILLI } else { 0 });
        Self { cpu_milli, mem_mib, model, gpu_milli }
    }

    /// Thousandths of a GPU that are free, over all.
    #[must_use]
    pub fn free_gpu_milli(&self) -> u64 {
        self.gpu_milli.iter().map(|&free| u64::from(free)).sum()
    }

    /// How many GPUs have at least so much free.
    #[must_use]
    pub fn gpus_with(&self, gpu_milli: u16) -> usize {
        self.gpu_milli.iter().filter(|&&free| free >= gpu_milli).count()
    }

    /// Whether the pod fits.
    #[must_use]
    pub fn fits(&self, pod: &Pod) -> bool {
        self.cpu_milli >= pod.cpu_milli && self.mem_mib >= pod.mem_mib && self.gpus_fit(pod)
    }

    /// Whether its GPUs suit the pod, whatever its CPU and memory.
    #[must_use]
    pub fn gpus_fit(&self, pod: &Pod) -> bool {
        pod.gpus == 0 || pod.models.meets(self.model) && self.gpus_with(pod.gpu_milli) >= usize::from(pod.gpus)
    }

    /// The tightest GPUs for a pod that [fits](Self::fits): those with the least free that is enough, the first of equals.
    #[must_use]
    pub fn tightest(&self, pod: &Pod) -> Gpus {
        let mut chosen = Gpus::default();
        for _ in 0..pod.gpus {
            let suits = |&gpu: &usize| self.gpu_milli[gpu] >= pod.gpu_milli && !chosen.has(gpu);
            let Some(gpu) = (0..MAX_GPUS).filter(suits).min_by_key(|&gpu| self.gpu_milli[gpu]) else { break };
            chosen.0 |= Gpus::one(gpu).0;
        }
        chosen
    }

    /// What is left when the pod takes these GPUs. `None`: it does not fit there.
    #[must_use]
    pub fn without(&self, pod: &Pod, gpus: Gpus) -> Option<Self> {
        if gpus.0.count_ones() != u32::from(pod.gpus) || pod.gpus > 0 && !pod.models.meets(self.model) {
            return None;
        }
        let mut left = *self;
        left.cpu_milli = self.cpu_milli.checked_sub(pod.cpu_milli)?;
        left.mem_mib = self.mem_mib.checked_sub(pod.mem_mib)?;
        for (gpu, free) in left.gpu_milli.iter_mut().enumerate() {
            if gpus.has(gpu) {
                *free = free.checked_sub(pod.gpu_milli)?;
            }
        }
        Some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openb::testing::{agent, pod};

    #[test]
    fn what_fits() {
        let agent = agent(4, 8, 2);
        assert!(agent.fits(&pod(4, 8, 2, 1000)));
        assert!(!agent.fits(&pod(5, 8, 2, 1000)), "CPU");
        assert!(!agent.fits(&pod(4, 9, 2, 1000)), "memory");
        assert!(!agent.fits(&pod(4, 8, 3, 1000)), "GPUs");
        assert!(!agent.fits(&Pod { models: Models(2), ..pod(1, 1, 1, 1000) }), "model");
        assert!(agent.fits(&Pod { models: Models(2), ..pod(1, 1, 0, 0) }), "without GPUs the model does not count");
    }

    #[test]
    fn a_shared_gpu_goes_to_the_tightest_that_is_enough() {
        let mut agent = agent(8, 8, 3);
        agent.gpu_milli = [1000, 300, 400, 0, 0, 0, 0, 0];
        assert_eq!(agent.tightest(&pod(1, 1, 1, 250)), Gpus::one(1));
        assert_eq!(agent.tightest(&pod(1, 1, 1, 350)), Gpus::one(2));
        assert_eq!(agent.tightest(&pod(1, 1, 1, 500)), Gpus::one(0));
        assert_eq!(agent.tightest(&pod(1, 1, 2, 300)), Gpus(0b110));
    }

    #[test]
    fn what_is_left() {
        let before = agent(4, 8, 2);
        let left = before.without(&pod(1, 2, 1, 700), Gpus::one(1)).expect("it fits");
        assert_eq!((left.cpu_milli, left.mem_mib), (3000, 6));
        assert_eq!(left.gpu_milli[..2], [1000, 300]);
        assert_eq!(left.free_gpu_milli(), 1300);
        assert_eq!(left.without(&pod(1, 2, 1, 700), Gpus::one(1)), None, "too much");
        assert_eq!(left.without(&pod(1, 2, 1, 300), Gpus(0b11)), None, "two GPUs for one");
        assert_eq!(left.without(&pod(4, 2, 0, 0), Gpus::default()), None, "CPU");
    }
}

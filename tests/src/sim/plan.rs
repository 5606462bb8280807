//! What one seed chooses. Each run has its own mixture, so that rare things are common in some runs.

use meros_sdk::IdSource;

use super::manners::Manner;

/// The parameters of one run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed itself.
    pub seed: u64,
    /// Agents.
    pub agents: u64,
    /// Cores of each agent.
    pub cores: u32,
    /// Frameworks that take offers.
    pub frameworks: u64,
    /// Pods each framework, and the operator, asks for.
    pub pods_each: u64,
    /// Bytes are under way for up to so long.
    pub delay_ms_max: u64,
    /// A wire breaks about every so often; 0: never.
    pub break_every_ms: u64,
    /// An agent is killed about every so often; 0: never.
    pub crash_every_ms: u64,
    /// An agent that was killed comes back after up to so long.
    pub down_ms_max: u64,
    /// A pod runs up to so long.
    pub run_ms_max: u64,
    /// How each framework deals with offers; none: all as the first.
    pub manners: Vec<Manner>,
    /// A framework is replaced by another about every so often; 0: never.
    pub restart_every_ms: u64,
    /// Faults happen until then.
    pub faults_until_ms: u64,
    /// By then everything has come to rest.
    pub end_ms: u64,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut dice = IdSource::new(seed);
        let mut often = |one_in: u64, every_ms: u64| if dice.up_to(one_in) == 0 { 0 } else { every_ms };
        let break_every_ms = often(3, 3_000);
        let crash_every_ms = often(2, 9_000);
        Self {
            seed,
            agents: 1 + dice.up_to(3),
            cores: 1 + u32::try_from(dice.up_to(5)).unwrap_or(0),
            frameworks: dice.up_to(3),
            pods_each: 4 + dice.up_to(12),
            delay_ms_max: [1, 20, 400][usize::try_from(dice.up_to(2)).unwrap_or(0)],
            break_every_ms,
            crash_every_ms,
            down_ms_max: 1 + dice.up_to(30_000),
            run_ms_max: 1 + dice.up_to(20_000),
            manners: Vec::new(),
            restart_every_ms: 0,
            faults_until_ms: 90_000,
            end_ms: 600_000,
        }
    }

    /// The same with a mixture of frameworks: one that is a pleasure to serve, and some that are not.
    #[must_use]
    pub fn mixed(seed: u64) -> Self {
        let mut dice = IdSource::new(!seed);
        let mut manners = vec![Manner::Plain];
        for _ in 0..2 + dice.up_to(3) {
            manners.push(Manner::ODD[usize::try_from(dice.up_to(5)).unwrap_or(0)]);
        }
        let restart_every_ms = if dice.up_to(1) == 0 { 0 } else { 15_000 };
        Self { frameworks: manners.len() as u64, manners, restart_every_ms, ..Self::of(seed) }
    }

    /// How a framework deals with offers.
    #[must_use]
    pub fn manner(&self, at: usize) -> Manner {
        self.manners.get(at).copied().unwrap_or_default()
    }
}

//! What Mesos' hierarchical allocator needs for the same cluster: medians of another run. See the module above.

/// One size of one role.
#[derive(Clone, Copy, Debug)]
pub struct OneRole {
    /// Agents.
    pub agents: u32,
    /// Frameworks.
    pub frameworks: u32,
    /// Thousands of offers per second of the thread's CPU time.
    pub kilo_offers: f64,
}

const fn one_role(agents: u32, frameworks: u32, kilo_offers: f64) -> OneRole {
    OneRole { agents, frameworks, kilo_offers }
}

/// A full cycle, all frameworks in one role, short ids.
pub const ONE_ROLE: [OneRole; 21] = [
    one_role(1_000, 1, 24.8),
    one_role(1_000, 50, 28.7),
    one_role(1_000, 200, 20.9),
    one_role(1_000, 1_000, 16.1),
    one_role(2_000, 1, 25.9),
    one_role(2_000, 50, 27.4),
    one_role(2_000, 200, 24.5),
    one_role(2_000, 1_000, 16.6),
    one_role(5_000, 1, 22.2),
    one_role(5_000, 50, 22.9),
    one_role(5_000, 200, 22.4),
    one_role(5_000, 1_000, 15.4),
    one_role(10_000, 1, 23.4),
    one_role(10_000, 50, 22.1),
    one_role(10_000, 200, 20.3),
    one_role(10_000, 1_000, 16.6),
    one_role(20_000, 1, 23.3),
    one_role(20_000, 50, 22.7),
    one_role(20_000, 200, 20.3),
    one_role(20_000, 1_000, 14.8),
    one_role(20_000, 2_000, 9.9),
];

/// The same with ids of 38 characters.
pub const LONG_IDS: OneRole = one_role(10_000, 1_000, 8.1);

/// A role for each framework: agents, frameworks, milliseconds of CPU of a full cycle.
pub const ROLE_EACH: [(u32, u32, f64); 7] = [
    (1_000, 50, 32.0),
    (1_000, 200, 49.0),
    (1_000, 1_000, 95.0),
    (5_000, 200, 250.0),
    (5_000, 1_000, 724.0),
    (10_000, 200, 481.0),
    (10_000, 1_000, 1118.0),
];

/// One agent's event, wall time: agents, and milliseconds from and to.
pub const EVENT_MS: [(u32, f64, f64); 5] =
    [(1_000, 0.2, 0.7), (2_000, 0.4, 0.4), (5_000, 1.7, 2.3), (10_000, 3.7, 4.6), (20_000, 7.5, 11.0)];

/// All frameworks filter all agents: agents, frameworks, milliseconds of CPU of a cycle.
pub const FILTERED_MS: [(u32, u32, f64); 4] =
    [(1_000, 50, 245.0), (1_000, 200, 885.0), (2_000, 50, 451.0), (5_000, 50, 1331.0)];

/// 3,000 agents, 3,000 roles with quota: seconds of a cycle with 3,500 offers, and of the one after it that makes none.
pub const QUOTA_S: (f64, f64) = (19.3, 18.5);

/// Wall microseconds of a decline with a filter, from and to.
pub const DECLINE_US: (f64, f64) = (49.0, 85.0);

/// To be said where any of these figures is.
pub fn print_origin() {
    println!(
        "Mesos' figures are constants, recorded on another run on a machine of this kind; ratios are orders of magnitude."
    );
}

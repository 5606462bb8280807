//! The whole cluster under a few seeds; `make verify NAME=simulation` runs thousands.

#[cfg(test)]
mod simulation {
    use meros_tests::sim::{Plan, run};

    /// Seeds of every test run. A seed that once failed is added to [`REGRESSIONS`] with what it found.
    const SEEDS: u64 = 60;

    /// Seeds that once failed.
    const REGRESSIONS: [u64; 0] = [];

    #[test]
    fn seeds_hold() {
        let mut failed = Vec::new();
        for seed in (1..=SEEDS).chain(REGRESSIONS) {
            if let Err(failure) = run(Plan::of(seed)) {
                failed.push(format!("seed {seed}: {failure}"));
            }
        }
        assert!(
            failed.is_empty(),
            "run one again by `cargo run -p meros-tests --bin sim -- SEED`:\n{}",
            failed.join("\n")
        );
    }

    #[test]
    fn one_seed_gives_one_run() {
        assert_eq!(run(Plan::of(7)), run(Plan::of(7)));
    }

    /// A simulator that starts nothing, or breaks nothing, shows nothing.
    #[test]
    fn the_seeds_see_work_and_faults() {
        let outcomes: Vec<_> = (1..=20).filter_map(|seed| run(Plan::of(seed)).ok()).collect();
        assert!(outcomes.iter().map(|outcome| outcome.started).sum::<u64>() > 100);
        assert!(outcomes.iter().map(|outcome| outcome.breaks).sum::<u64>() > 50);
        assert!(outcomes.iter().map(|outcome| outcome.crashes).sum::<u64>() > 10);
    }
}

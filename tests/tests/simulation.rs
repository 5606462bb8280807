//! The whole cluster under a few seeds; `make verify NAME=simulation` runs thousands.

#[cfg(test)]
mod simulation {
    use meros_tests::sim::{Plan, run};

    /// Seeds of every test run. A seed that once failed is added to [`REGRESSIONS`] with what it found.
    const SEEDS: u64 = 60;

    /// Seeds that once failed, and what each found.
    const REGRESSIONS: [(u64, &str); 1] =
        [(3637, "an order about a pool went out before `Registered`, was refused, and was never told again")];

    #[test]
    fn seeds_hold() {
        let failed = (1..=SEEDS).filter_map(|seed| failure(seed, ""));
        none_of(failed);
    }

    #[test]
    fn seeds_that_once_failed_hold() {
        let failed = REGRESSIONS.iter().filter_map(|(seed, found)| failure(*seed, found));
        none_of(failed);
    }

    fn failure(seed: u64, once_found: &str) -> Option<String> {
        let failure = run(Plan::of(seed)).err()?;
        Some(match once_found {
            "" => format!("seed {seed}: {failure}"),
            found => format!("seed {seed}, which once found that {found}: {failure}"),
        })
    }

    fn none_of(failures: impl Iterator<Item = String>) {
        let failed: Vec<String> = failures.collect();
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

//! Any life of a cluster, step by step, against an exact model: conservation, fairness, filters, nothing withheld, deadlines.

mod model;
mod world;

use proptest::collection::vec;
use proptest::prelude::*;

use world::World;

/// What is done, and numbers for it to choose by.
type Step = (u8, u64, u64);

fn run(steps: &[Step]) {
    let mut world = World::new();
    for step in steps {
        world.step(*step);
    }
    // In the end everybody goes, and everything is there.
    world.leave_all();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_life_is_as_the_model_says(steps in vec((0..32_u8, any::<u64>(), any::<u64>()), 100..400)) {
        run(&steps);
    }
}

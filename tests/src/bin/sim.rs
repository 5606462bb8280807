//! `cargo run -p meros-tests --bin sim -- [mixed] [FIRST [COUNT]]`: runs seeds, and says which do not hold; `mixed`: of the plans
//! with a mixture of frameworks.
//!
//! Exit codes: 0 all held, 128 something did not come about (liveness), 129 something was wrong (correctness).

use std::process::ExitCode;

use meros_tests::sim::{Failure, Plan, run};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    let plan_of = if words.next_if_eq("mixed").is_some() { Plan::mixed } else { Plan::of };
    let mut numbers = words.map(|word| word.parse::<u64>());
    let (first, count) = match (numbers.next().unwrap_or(Ok(1)), numbers.next().unwrap_or(Ok(1))) {
        (Ok(first), Ok(count)) => (first, count),
        _ => {
            eprintln!("sim: [mixed] [FIRST SEED [COUNT]], both whole numbers");
            return ExitCode::from(2);
        }
    };
    let mut worst = 0;
    for seed in first..first.saturating_add(count) {
        let plan = plan_of(seed);
        if count == 1 {
            println!("{plan:#?}");
        }
        match run(plan) {
            Ok(outcome) => println!("seed {seed}: {outcome:?}"),
            Err(failure) => {
                println!("seed {seed}: {failure}");
                worst = worst.max(if matches!(failure, Failure::Liveness(_)) { 128 } else { 129 });
            }
        }
    }
    ExitCode::from(worst)
}

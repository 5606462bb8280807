//! Claims are as close together as they can be, on every machine that is known, empty and partly filled.
//!
//! `MEROS_LOCALITY_SEEDS` fills each machine in so many ways instead of two, and then spares no size.

#[cfg(test)]
mod locality {
    use std::collections::BTreeSet;

    use meros_alloc_core::{Cpus, Level, Locality, Request, ShapeSpec, Smt};
    use meros_tests::locality::machines::{Named, real, synthetic};
    use meros_tests::locality::trial::Trial;

    const LEVELS: [Level; 4] = [Level::Core, Level::L3, Level::NumaNode, Level::Package];

    const DEFAULT_SEEDS: u64 = 2;

    fn seeds() -> u64 {
        std::env::var("MEROS_LOCALITY_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(DEFAULT_SEEDS)
    }

    fn next(seed: &mut u64) -> u64 {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed
    }

    /// PUs that are held: none at all (seed 0), else a share of them that differs from core to core, so that some domains are
    /// full and others empty; every third time single PUs, else whole cores.
    fn held(spec: &ShapeSpec, seed: u64) -> BTreeSet<u16> {
        let mut held = BTreeSet::new();
        let (mut dice, mut first) = (seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1, 0_u16);
        let mut share = 0;
        for (at, core) in spec.cores.iter().enumerate() {
            if at % 4 == 0 {
                share = next(&mut dice) % 5;
            }
            let whole = next(&mut dice) % 4 < share;
            for pu in first..first + u16::from(core.pus) {
                let single = next(&mut dice) % 4 < share;
                if seed > 0 && if seed % 3 == 2 { single } else { whole } {
                    held.insert(pu);
                }
            }
            first += u16::from(core.pus);
        }
        held
    }

    fn localities() -> Vec<Locality> {
        let wishes = LEVELS.into_iter().flat_map(|level| [Locality::Preferred(level), Locality::Required(level)]);
        [Locality::Any].into_iter().chain(wishes).collect()
    }

    fn every_size(machines: &[Named]) {
        for Named { name, spec } in machines {
            for seed in 0..=seeds() {
                let trial = Trial::new(&format!("{name}, seed {seed}"), spec, &held(spec, seed));
                // Single PUs of large machines: every size with more seeds only.
                let step = if trial.free_pus() > 64 && seeds() == DEFAULT_SEEDS { 7 } else { 1 };
                for locality in localities() {
                    trial.every_size(Smt::Whole, locality, 1);
                    trial.every_size(Smt::Kept, locality, step);
                    trial.every_size(Smt::Split, locality, step);
                }
                trial.validate();
            }
        }
    }

    #[test]
    fn every_size_on_real_machines() {
        every_size(&real());
    }

    #[test]
    fn every_size_on_odd_machines() {
        every_size(&synthetic());
    }

    fn members(dice: &mut u64) -> Request {
        let mut cpus = || {
            let amount = u32::try_from(next(dice) % 6).unwrap() + 1;
            match next(dice) % 5 {
                0 => Cpus::exclusive(amount),
                1 => Cpus::exclusive(amount).with_smt(Smt::Kept),
                2 => Cpus::exclusive(amount).with_smt(Smt::Split),
                3 => Cpus::cores(amount),
                _ => Cpus::shared(amount * 700),
            }
        };
        Request::new((0..4).map(|_| cpus()).collect(), 0)
    }

    /// Of several members: required is kept or refused, preferred is granted whenever no wish is.
    #[test]
    fn members_keep_what_is_required_and_are_not_refused_what_is_preferred() {
        for Named { name, spec } in real().iter().chain(&synthetic()) {
            let trial = Trial::new(name, spec, &held(spec, 2));
            let mut dice = 7;
            for _ in 0..20 {
                let request = members(&mut dice);
                let mut fits = false;
                trial.put(&request, |answer| fits = answer.is_ok());
                for level in LEVELS {
                    trial.put(&request.clone().with_locality(Locality::Preferred(level)), |answer| {
                        assert_eq!(answer.is_ok(), fits, "{name}: {level} preferred, {request:?}");
                    });
                    trial.put(&request.clone().with_locality(Locality::Required(level)), |answer| {
                        let Ok(placement) = answer else { return };
                        let labels = trial.labels(placement, level);
                        assert!(fits && labels.len() <= 1 && !labels.contains(&None), "{name}: {level}, {request:?}");
                    });
                }
            }
            trial.validate();
        }
    }
}

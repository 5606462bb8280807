//! Claims are as close together as they can be, on every machine that is known, empty and partly filled.
//!
//! `MEROS_LOCALITY_SEEDS` fills each machine in so many ways instead of two, and then spares no size.

#[cfg(test)]
mod locality {
    use std::collections::BTreeSet;

    use meros_alloc_core::{Cpus, DeviceAmount, DeviceLocality, Level, Locality, PAGE_BYTES, Request, ShapeSpec, Smt};
    use meros_tests::locality::machines::{Named, real, synthetic};
    use meros_tests::locality::trial::Trial;

    const LEVELS: [Level; 4] = [Level::Core, Level::L3, Level::NumaNode, Level::Package];

    const DEFAULT_SEEDS: u64 = 2;

    fn seeds() -> u64 {
        std::env::var("MEROS_LOCALITY_SEEDS")
            .map_or(DEFAULT_SEEDS, |seeds| seeds.parse().expect("MEROS_LOCALITY_SEEDS: give a number"))
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

    /// Special memory is for who names its kind, to the last page, and for nobody else.
    #[test]
    fn special_memory_serves_only_who_names_it() {
        for Named { name, spec } in real().iter().chain(&synthetic()) {
            let trial = Trial::new(name, spec, &BTreeSet::new());
            let bytes = |kind| {
                let of_kind = spec.numa_nodes.iter().filter(|numa_node| numa_node.kind == kind);
                of_kind.map(|numa_node| numa_node.mem_bytes / PAGE_BYTES * PAGE_BYTES).sum::<u64>()
            };
            let kinds: BTreeSet<u32> = spec.numa_nodes.iter().map(|numa_node| numa_node.kind).collect();
            for kind in kinds.into_iter().filter(|kind| *kind != 0) {
                let wish = |bytes| Request::exclusive(1, PAGE_BYTES).with_special_memory(kind, bytes);
                trial.put(&wish(bytes(kind)), |answer| {
                    let placement = answer.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
                    let special = &placement.extras.special_memory;
                    assert_eq!(special.iter().map(|memory| memory.mem_bytes).sum::<u64>(), bytes(kind), "{name}");
                    assert!(
                        special.iter().all(|memory| spec.numa_nodes[memory.numa_node.index()].kind == kind),
                        "{name}"
                    );
                });
                trial.put(&wish(bytes(kind) + PAGE_BYTES), |answer| assert!(answer.is_err(), "{name}: kind {kind}"));
            }
            trial.put(&Request::exclusive(1, bytes(0) + PAGE_BYTES), |answer| assert!(answer.is_err(), "{name}"));
            trial.validate();
        }
    }

    /// A device that is required beside the PUs is on a NUMA node of theirs; where no core is beside one, the claim is refused.
    #[test]
    fn required_devices_are_beside_the_cores() {
        for Named { name, spec } in real().iter().chain(&synthetic()) {
            let trial = Trial::new(name, spec, &BTreeSet::new());
            let kinds: BTreeSet<u32> = spec.devices.iter().map(|device| device.kind).collect();
            for kind in kinds {
                let on = |at: usize| spec.devices[at].numa_node.map(|numa_node| u64::from(numa_node.get()));
                let has_cores = |label: u64| {
                    spec.cores.iter().any(|core| core.numa_node.is_some_and(|at| u64::from(at.get()) == label))
                };
                let of_kind = (0..spec.devices.len()).filter(|at| spec.devices[*at].kind == kind);
                let possible = of_kind.filter_map(on).any(has_cores);
                let one = Request::exclusive(1, 0).with_devices(kind, DeviceAmount::Whole(1), DeviceLocality::Required);
                trial.put(&one, |answer| {
                    assert_eq!(answer.is_ok(), possible, "{name}: kind {kind}");
                    let Ok(placement) = answer else { return };
                    let device = placement.extras.devices[0].device.index();
                    assert!(trial.labels(placement, Level::NumaNode).contains(&on(device)), "{name}: kind {kind}");
                });
            }
            trial.validate();
        }
    }
}

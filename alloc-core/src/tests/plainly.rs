//! What is planned without a search has no more domains than what the planner finds.

use super::{AGENT, ROLE, granted, holder, table};
use crate::part::Part;
use crate::record::OpenRecord;
use crate::stock::{View, WhatIf};
use crate::testing::Machine;
use crate::wants::Wants;
use crate::{Level, Limit, Locality, MemoryLocality, Owner, Request, Smt, Table, plain, plan};

/// Two packages of two NUMA nodes of two L3 domains of four cores of two PUs.
const MACHINE: Machine = Machine { cores: 32, pus_per_core: 2, l3: 8, numa_nodes: 4, packages: 2, mem_bytes: 8 << 30 };

fn next(dice: &mut u64) -> u64 {
    *dice ^= *dice << 13;
    *dice ^= *dice >> 7;
    *dice ^= *dice << 17;
    *dice
}

fn fill(table: &Table, dice: &mut u64) {
    for _ in 0..next(dice) % 12 {
        let pus = u32::try_from(next(dice) % 6).unwrap() + 1;
        let smt = if next(dice).is_multiple_of(4) { Smt::Split } else { Smt::Whole };
        let memory = if next(dice).is_multiple_of(4) { MemoryLocality::Required } else { MemoryLocality::Preferred };
        let request = Request::exclusive(pus, (next(dice) % 4) << 30).with_smt(smt).with_memory(memory);
        let _granted_or_not = table.claim(AGENT, holder(1), &request);
    }
    // From the middle too.
    let all = granted(table.claim(AGENT, holder(2), &Request::exclusive(1, 0)));
    let _released = table.release(all.claim, Owner::new(2));
}

/// NUMA nodes, leaves, and cores; NUMA nodes of the memory, and pages.
fn counts(table: &Table, record: &OpenRecord<'_>) -> (usize, usize, u32, u64) {
    let layout = &table.shape(AGENT).unwrap().layout;
    let (mut pools, mut leaves, mut pus, mut pages) = (std::collections::BTreeSet::new(), 0, 0, 0);
    for (_, part) in record.parts() {
        match part {
            Part::Cores { leaf, pus: some, .. } => {
                pools.insert(layout.leaves[usize::from(leaf)].pool);
                (leaves, pus) = (leaves + 1, pus + some.count_ones());
            }
            Part::Memory { pages: some, .. } => pages += some,
            Part::Empty | Part::Share { .. } | Part::Extra { .. } | Part::Member { .. } => {}
        }
    }
    (pools.len(), leaves, pus, pages)
}

/// Whether a plain answer was given; it is as good as the planner's.
fn compare(table: &Table, request: &Request) -> bool {
    let compared = table.with_guest(|guest| {
        guest.at(AGENT, |hands, at| {
            let site = hands.site(at).unwrap();
            let mut mine = site.begin(Owner::new(1), ROLE).unwrap();
            let Some(planned) = plain::plan(request, &Wants::new(request, false), site.machine, &mut mine) else {
                return false;
            };
            assert_eq!(planned, Ok(()), "{request:?}");
            let mut other = site.begin(Owner::new(1), ROLE).unwrap();
            let view = View { machine: site.machine, what_if: WhatIf::AsIs };
            assert_eq!(plan::plan(request, &view, &mut other), Ok(()), "{request:?}");
            assert_eq!(counts(table, &mine), counts(table, &other), "{request:?}");
            true
        })
    });
    compared.flatten().unwrap()
}

#[test]
fn a_plain_plan_has_as_few_domains_as_the_planners() {
    let localities = [Locality::Any, Locality::Required(Level::NumaNode), Locality::Required(Level::Package)];
    let (mut dice, mut plain, mut all) = (7, 0, 0);
    for _ in 0..40 {
        let table = table(128, Limit::default(), &[MACHINE]);
        fill(&table, &mut dice);
        for cores in 1..=32 {
            for memory in [MemoryLocality::Preferred, MemoryLocality::Required] {
                for locality in localities {
                    let request = Request::cores(cores, (next(&mut dice) % 12) << 30);
                    let request = request.with_memory(memory).with_locality(locality);
                    plain += u32::from(compare(&table, &request));
                    all += u32::from(table.claim(AGENT, holder(3), &request).granted().is_some_and(|grant| {
                        matches!(table.release(grant.claim, Owner::new(3)), crate::Released::Released { .. })
                    }));
                }
            }
        }
    }
    assert!(plain * 10 > all * 9, "{plain} of {all} that fit are planned so");
}

//! The verbs of [`property`](super::property) that change claims as a whole, checked against the oracle.

use std::collections::BTreeSet;

use super::machines::AGENT;
use super::oracle::Known;
use super::property::{CLAIMS, World};
use super::wish;
use meros_alloc_core::{
    ClaimId, CoreKind, Cpus, Ganged, Locality, MAX_MEMBERS, MemberPlacement, Members, MemoryHold, MemoryLocality,
    Merged, NoGang, NumaNodeMemory, Outcome, Owner, PAGE_BYTES, Placement, PoolShare, PuId, Reason, Request, Smt,
};

/// On what terms a claim has memory; `None` when it has none.
fn terms(placement: &Placement) -> Option<MemoryHold> {
    (!placement.memory.is_empty()).then_some(placement.memory_hold)
}

fn nodeset(placement: &Placement) -> BTreeSet<usize> {
    placement.memory.iter().map(|memory| memory.numa_node.index()).collect()
}

fn members(placement: &Placement) -> usize {
    let is_empty = placement.pus.is_empty() && placement.pools.is_empty() && placement.further.is_empty();
    if is_empty { 0 } else { 1 + placement.further.len() }
}

fn is_plain(placement: &Placement) -> bool {
    members(placement) <= 1 && terms(placement).is_none_or(|terms| terms == MemoryHold::Held)
}

/// The shares of two members as one's.
fn shares(one: &[PoolShare], other: &[PoolShare]) -> Vec<PoolShare> {
    let mut sum: Vec<PoolShare> = Vec::new();
    for share in one.iter().chain(other) {
        match sum.iter_mut().find(|there| there.numa_node == share.numa_node) {
            Some(there) => there.cpu_milli += share.cpu_milli,
            None => sum.push(*share),
        }
    }
    sum.sort_unstable_by_key(|share| share.numa_node);
    sum
}

/// What two claims come to as one.
fn together(into: &Placement, from: &Placement) -> Placement {
    let mut merged = into.clone();
    if is_plain(into) && is_plain(from) {
        merged.pus.extend(&from.pus);
        merged.pus.sort_unstable();
        merged.pools = shares(&into.pools, &from.pools);
    } else if members(into) == 0 {
        (merged.pus, merged.pools, merged.further) = (from.pus.clone(), from.pools.clone(), from.further.clone());
    } else if members(from) > 0 {
        merged.further.push(MemberPlacement { pus: from.pus.clone(), pools: from.pools.clone() });
        merged.further.extend(from.further.iter().cloned());
    }
    for NumaNodeMemory { numa_node, mem_bytes } in from.memory.iter().copied() {
        match merged.memory.iter_mut().find(|there| there.numa_node == numa_node) {
            Some(there) => there.mem_bytes += mem_bytes,
            None => merged.memory.push(NumaNodeMemory { numa_node, mem_bytes }),
        }
    }
    merged.memory.sort_unstable_by_key(|memory| memory.numa_node);
    let all = [terms(into), terms(from)];
    let strongest = [MemoryHold::Strict, MemoryHold::Loose, MemoryHold::Held];
    merged.extras = super::together::extras(&into.extras, &from.extras);
    merged.memory_hold = strongest.into_iter().find(|terms| all.contains(&Some(*terms))).unwrap_or_default();
    merged
}

impl World {
    /// Merges two claims, whoever owns them.
    pub(super) fn merge(&mut self, into: usize, from: usize) -> bool {
        let (Some((into, known)), Some((from, other))) = (self.nth(into), self.nth(from)) else { return false };
        let merged = self.table.merge(into, from, Owner::new(known.owner));
        if into == from {
            assert_eq!(merged, Merged::Same);
            return false;
        }
        if known.owner != other.owner {
            assert_eq!(merged, Merged::NotOwner { claim: from, owner: Owner::new(other.owner) });
            return false;
        }
        if known.role != other.role {
            assert_eq!(merged, Merged::OtherRole { into: known.role, from: other.role });
            return false;
        }
        let whole = together(&known.placement, &other.placement);
        let in_use = terms(&whole).is_some_and(|terms| terms != MemoryHold::Held);
        let strict = whole.memory_hold == MemoryHold::Strict;
        let both = [&known.placement, &other.placement];
        // What is promised already stays as it is.
        let promised = |one: &&Placement| terms(one) == Some(MemoryHold::Strict) && nodeset(one) == nodeset(&whole);
        self.oracle.claims.remove(&from.as_u64());
        self.oracle.claims.remove(&into.as_u64());
        let admits = |at: &usize| self.oracle.admits(*at, &nodeset(&whole), strict);
        let mut records_full = false;
        match merged {
            Merged::Merged { charged } => {
                assert!(!strict || both.iter().any(promised), "promised memory elsewhere: {both:?}");
                assert!(!in_use || nodeset(&whole).iter().all(admits));
                assert_eq!((self.table.placement(into), charged), (Some(whole.clone()), whole.quantities()));
                assert_eq!(self.table.placement(from), None);
                self.oracle.claims.insert(into.as_u64(), Known { placement: whole, ..known });
                self.stale.push((from, other.owner));
                return true;
            }
            Merged::MemoryTerms => assert!(strict && !both.iter().any(promised)),
            Merged::NotAdmitted { numa_node } => assert!(!admits(&numa_node.index())),
            Merged::TooManyMembers { members: sum } => {
                assert!(sum as usize == both.map(members).iter().sum() && sum as usize > MAX_MEMBERS);
            }
            Merged::RecordsFull { .. } => records_full = true,
            no => panic!("{no:?}"),
        }
        for (claim, known) in [(into, known), (from, other)] {
            assert_eq!(self.table.placement(claim).as_ref(), Some(&known.placement));
            self.oracle.claims.insert(claim.as_u64(), known);
        }
        assert!(!records_full || self.refused_for_records(Reason::RecordsFull { records: CLAIMS }));
        false
    }
}

impl World {
    /// A gang on the one agent. Without shares: the oracle does not follow cores that join a pool and leave it in one call.
    pub(super) fn gang(&mut self, requests: &[Request]) -> bool {
        let is_exclusive = |cpus: &Cpus| !matches!(cpus, Cpus::Shared { .. });
        let exclusive = requests.iter().filter(|request| request.members.as_slice().iter().all(is_exclusive));
        let wanted: Vec<_> = exclusive.map(|request| (AGENT, request.clone())).collect();
        let mut grants = Vec::new();
        match self.table.claim_gang(self.me(), &wanted, &mut grants) {
            Ganged::Granted { .. } => {
                assert_eq!(grants.len(), wanted.len());
                for (grant, (_, request)) in grants.into_iter().zip(&wanted) {
                    self.granted(Some(request), grant);
                }
                return !wanted.is_empty();
            }
            Ganged::Refused { why: NoGang::Agent(refusal), pools_changed: false } if wanted.len() == 1 => {
                self.refused(&wanted[0].1, refusal.reason);
            }
            Ganged::Refused { why: NoGang::Invalid(invalid), pools_changed: false } => {
                assert!(wanted.iter().any(|(_, request)| !wish::can_be_meant(request)), "{invalid}");
            }
            Ganged::Refused { why: NoGang::Role(reason), pools_changed: false } => {
                assert!(self.refused_by_limit(reason), "{reason:?}");
            }
            Ganged::Refused { why: NoGang::Agent(_), pools_changed: false } => {}
            other => panic!("{other:?}"),
        }
        false
    }
}

fn pus(pus: &[PuId]) -> BTreeSet<u16> {
    pus.iter().map(|pu| pu.get()).collect()
}

fn milli(pools: &[PoolShare]) -> u32 {
    pools.iter().map(|share| share.cpu_milli).sum()
}

impl World {
    /// Resizes a claim to something like what it is: as many members, of the same sort.
    pub(super) fn resize_alike(&mut self, at: usize, size: u32, pages: u64) -> bool {
        let Some((_, Known { placement, .. })) = self.nth(at) else { return false };
        let members: Members = (1..)
            .zip(placement.members())
            .map(|(more, (_, pools))| {
                if pools.is_empty() { Cpus::exclusive((size * more) % 9 + 1) } else { Cpus::shared(size * more * 300) }
            })
            .collect();
        let strict = terms(&placement) == Some(MemoryHold::Strict);
        let memory = if strict { MemoryLocality::Required } else { MemoryLocality::Preferred };
        self.resize(at, &Request::new(members, pages * PAGE_BYTES).with_memory(memory))
    }

    pub(super) fn resize(&mut self, at: usize, request: &Request) -> bool {
        let Some((claim, known)) = self.nth(at) else { return false };
        self.as_role(known.role, |world| world.resize_one(claim, known, request))
    }

    fn resize_one(&mut self, claim: ClaimId, known: Known, request: &Request) -> bool {
        let before = &known.placement;
        match self.table.resize(claim, Owner::new(known.owner), request) {
            Outcome::Granted(grant) => {
                let after = self.table.placement(claim).unwrap();
                assert_eq!((grant.claim, grant.charged), (claim, after.quantities()));
                let free = self.oracle.free();
                assert!(
                    pus(&after.all_pus()).iter().all(|pu| free.contains(pu) || pus(&before.all_pus()).contains(pu))
                );
                self.check_kept(before, &after);
                self.oracle.claims.remove(&claim.as_u64());
                if terms(&after).is_none_or(|terms| terms != MemoryHold::Held) {
                    self.oracle.check_grant(request, &after);
                }
                self.oracle.claims.insert(claim.as_u64(), Known { placement: after, ..known });
                self.follow(&BTreeSet::new());
                true
            }
            Outcome::Refused(refusal) => {
                assert_eq!(self.table.placement(claim).as_ref(), Some(before));
                self.check_refused_resize(before, request, refusal.reason);
                false
            }
            Outcome::Contended(_) => panic!("nobody else is there"),
        }
    }

    /// Nothing was exchanged: each member has all it had, or nothing else; memory stays on its NUMA nodes and terms.
    fn check_kept(&self, before: &Placement, after: &Placement) {
        for ((was, had), (is, has)) in before.members().zip(after.members()) {
            let (was, is) = (pus(was), pus(is));
            assert!(is.is_subset(&was) || was.is_subset(&is), "{before:?} {after:?}");
            let has_all = |few: &[PoolShare], many: &[PoolShare]| {
                few.iter().all(|share| milli(many_of(many, *share)) >= share.cpu_milli)
            };
            assert!(has_all(had, has) || has_all(has, had), "{before:?} {after:?}");
        }
        if !before.memory.is_empty() && !after.memory.is_empty() {
            assert_eq!((nodeset(before), terms(before)), (nodeset(after), terms(after)));
        }
    }

    /// One exclusive member that may be anywhere, with memory of which there is enough, grows wherever there are cores.
    fn check_refused_resize(&self, before: &Placement, request: &Request, reason: Reason) {
        if self.refused_for_other_reasons(reason) {
            return;
        }
        let [Cpus::Exclusive { pus: wanted, smt: Smt::Whole, kind: CoreKind::Any }] = *request.members.as_slice()
        else {
            return;
        };
        let anywhere = !matches!(request.locality, Locality::Required(_)) && request.memory != MemoryLocality::Required;
        let less = request.mem_bytes <= before.quantities().mem_bytes;
        if anywhere && less && !matches!(reason, Reason::Invalid(_)) {
            let there = self.oracle.whole(&self.oracle.free()).len() + before.pus.len();
            assert!(there < wanted as usize, "{reason:?} but there are {there} PUs");
        }
    }
}

/// A member's share of the same pool.
fn many_of(pools: &[PoolShare], share: PoolShare) -> &[PoolShare] {
    pools.iter().position(|other| other.numa_node == share.numa_node).map_or(&[], |at| &pools[at..=at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_one_pool_become_one() {
        let share = |numa_node, cpu_milli| PoolShare { numa_node, cpu_milli };
        assert_eq!(shares(&[share(None, 2)], &[share(None, 3)]), [share(None, 5)]);
        let whole = Placement { pus: vec![PuId::new(1)], ..Placement::default() };
        assert_eq!((members(&whole), members(&Placement::default())), (1, 0));
    }
}

//! Wants: what the members of a request come to, in the order in which the planner serves them.
//!
//! Whole cores first, then shares (they too may need whole cores), then single PUs, which can use what is left of a core:
//! split ones before kept ones, since those need a core each. Of alike members, those bound to a kind of core come first,
//! then the larger ones.

use core::cmp::Reverse;

use crate::member::{CoreKind, Cpus, MAX_MEMBERS, Members, Smt};
use crate::request::{Level, Locality, Request};

/// In what pieces PUs are taken, and in what unit they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grain {
    /// Whole cores, counted in cores.
    Cores,
    /// Whole cores, counted in PUs.
    CoresByPu,
    /// A PU each of different cores.
    Split,
    /// PUs, siblings together.
    Kept,
}

/// What an exclusive member takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Take {
    pub(crate) member: u8,
    pub(crate) grain: Grain,
    /// In the grain's unit.
    pub(crate) amount: u32,
    pub(crate) kind: Option<u32>,
}

/// What a shared member takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) member: u8,
    pub(crate) cpu_milli: u32,
}

const NO_TAKE: Take = Take { member: 0, grain: Grain::Kept, amount: 0, kind: None };
const NO_SHARE: Share = Share { member: 0, cpu_milli: 0 };

/// The members of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wants {
    takes: ([Take; MAX_MEMBERS], usize),
    shares: ([Share; MAX_MEMBERS], usize),
    /// Whether shares have to come from pools that lie in one package whole.
    pub(crate) in_package: bool,
}

impl Wants {
    /// `strict_kinds`: as if each preferred kind were required.
    pub(crate) fn new(request: &Request, strict_kinds: bool) -> Self {
        let in_package = request.locality == Locality::Required(Level::Package);
        let mut wants = Self { takes: ([NO_TAKE; MAX_MEMBERS], 0), shares: ([NO_SHARE; MAX_MEMBERS], 0), in_package };
        for (member, cpus) in (0..).zip(request.members.as_slice()) {
            match *cpus {
                Cpus::Exclusive { pus, smt, kind } => {
                    let grain = match smt {
                        Smt::Whole => Grain::CoresByPu,
                        Smt::Kept => Grain::Kept,
                        Smt::Split => Grain::Split,
                    };
                    wants.take(Take { member, grain, amount: pus, kind: bound(kind, strict_kinds) });
                }
                Cpus::Cores { cores, kind } => {
                    let kind = bound(kind, strict_kinds);
                    wants.take(Take { member, grain: Grain::Cores, amount: cores, kind });
                }
                Cpus::Shared { cpu_milli } => {
                    let (shares, len) = &mut wants.shares;
                    shares[*len] = Share { member, cpu_milli };
                    *len += 1;
                }
            }
        }
        let order = |take: &Take| (take.grain, take.kind.is_none(), Reverse(take.amount), take.member);
        wants.takes.0[..wants.takes.1].sort_unstable_by_key(order);
        wants
    }

    fn take(&mut self, take: Take) {
        let (takes, len) = &mut self.takes;
        takes[*len] = take;
        *len += 1;
    }

    /// What exclusive members take, in the order in which it is chosen.
    pub(crate) fn takes(&self) -> &[Take] {
        &self.takes.0[..self.takes.1]
    }

    /// What shared members take.
    pub(crate) fn shares(&self) -> &[Share] {
        &self.shares.0[..self.shares.1]
    }

    /// What shared members take together.
    pub(crate) fn share_milli(&self) -> u64 {
        self.shares().iter().map(|share| u64::from(share.cpu_milli)).sum()
    }

    /// The one member there is, if it is an exclusive one.
    pub(crate) fn only_take(&self) -> Option<Take> {
        match (self.takes(), self.shares()) {
            ([take], []) => Some(*take),
            _ => None,
        }
    }

    /// What the one member there is takes, in its unit.
    pub(crate) fn only_amount(&self) -> Option<u32> {
        match (self.takes(), self.shares()) {
            ([take], []) => Some(take.amount),
            ([], [share]) => Some(share.cpu_milli),
            _ => None,
        }
    }

    /// The same for an only member that takes another amount, of pools in any package.
    pub(crate) fn with_amount(&self, amount: u64) -> Self {
        let amount = u32::try_from(amount).unwrap_or(u32::MAX);
        let mut wants = Self { in_package: false, ..*self };
        wants.takes.0[0].amount = amount;
        wants.shares.0[0].cpu_milli = amount;
        wants
    }

    /// PUs that the exclusive members need at the very least.
    pub(crate) fn least_pus(&self) -> u64 {
        self.takes().iter().map(|take| u64::from(take.amount)).sum()
    }
}

fn bound(kind: CoreKind, strict_kinds: bool) -> Option<u32> {
    match kind {
        CoreKind::Required(kind) => Some(kind),
        CoreKind::Preferred(kind) if strict_kinds => Some(kind),
        CoreKind::Preferred(_) | CoreKind::Any => None,
    }
}

/// Whether some member prefers a kind of core.
pub(crate) fn prefers_kind(members: &Members) -> bool {
    members.as_slice().iter().any(|cpus| {
        matches!(
            cpus,
            Cpus::Exclusive { kind: CoreKind::Preferred(_), .. } | Cpus::Cores { kind: CoreKind::Preferred(_), .. }
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_cores_come_first_and_bound_ones_before_free_ones() {
        let kept = Cpus::exclusive(9).with_smt(Smt::Kept);
        let bound = Cpus::exclusive(1).with_kind(CoreKind::Preferred(3));
        let members: Members = [kept, Cpus::shared(7), Cpus::exclusive(2), bound].into_iter().collect();
        let request = Request::new(members, 0);
        let order = |strict| Wants::new(&request, strict).takes().iter().map(|take| take.member).collect::<Vec<_>>();
        assert_eq!((order(true), order(false)), (vec![3, 2, 0], vec![2, 3, 0]));
        let wants = Wants::new(&request, true);
        assert_eq!((wants.share_milli(), wants.least_pus(), wants.only_take()), (7, 12, None));
        assert!(prefers_kind(&members) && !prefers_kind(&Members::one(kept)));
    }
}

//! A thread of the stress test: [`Op`]s read from random bytes, run through a handle of its own or by plain calls, on claims of its own.
//!
//! It checks what one thread can know while others are at work: its claims stay its own, are released once, hold PUs that nobody
//! else holds (each PU has a word outside of the table, where its holder signs), and nobody else's can be touched.

use std::collections::BTreeMap;

use super::machines::holder;
use super::op::Op;
use super::script::Script;
use crate::sync::{Ordering, Word64};
use meros_alloc_core::{
    AgentId, ClaimId, ClaimedExact, Ganged, Grant, HoldLimit, Holder, Local, MemoryHold, Merged, Outcome, Owner,
    PAGE_BYTES, Placed, Placement, Policy, Reason, Released, Request, RoleId, Snapshot, Table, Transferred,
};

/// How a thread calls.
pub(super) enum Calls<'a> {
    Plain(&'a Table),
    Own(Local<&'a Table>),
}

impl Calls<'_> {
    fn claim(&self, agent: AgentId, holder: Holder, request: &Request) -> Outcome {
        match self {
            Self::Plain(table) => table.claim(agent, holder, request),
            Self::Own(local) => local.claim(agent, holder, request),
        }
    }

    fn hold(&self, agent: AgentId, holder: Holder, limit: HoldLimit) -> Outcome {
        match self {
            Self::Plain(table) => table.hold(agent, holder, limit),
            Self::Own(local) => local.hold(agent, holder, limit),
        }
    }

    fn place(&self, holder: Holder, request: &Request, policy: Policy, count: usize) -> Vec<Placed> {
        match self {
            Self::Plain(table) => (0..count).map(|_| table.place(holder, request, policy)).collect(),
            Self::Own(local) => {
                let mut placed = Vec::new();
                local.place_many(&vec![holder; count], request, policy, |_, outcome| placed.push(outcome));
                placed
            }
        }
    }

    fn gang(&self, holder: Holder, wanted: &[(AgentId, Request)], grants: &mut Vec<Grant>) -> Ganged {
        match self {
            Self::Plain(table) => table.claim_gang(holder, wanted, grants),
            Self::Own(local) => local.claim_gang(holder, wanted, grants),
        }
    }

    fn claim_exact(&self, holder: Holder, (agent, incarnation, placement): &Chosen) -> ClaimedExact {
        match self {
            Self::Plain(table) => table.claim_exact(*agent, *incarnation, holder, placement),
            Self::Own(local) => local.claim_exact(*agent, *incarnation, holder, placement),
        }
    }

    fn merge(&self, into: ClaimId, from: ClaimId, owner: Owner) -> Merged {
        match self {
            Self::Plain(table) => table.merge(into, from, owner),
            Self::Own(local) => local.merge(into, from, owner),
        }
    }

    fn resize(&self, claim: ClaimId, owner: Owner, request: &Request) -> Outcome {
        match self {
            Self::Plain(table) => table.resize(claim, owner, request),
            Self::Own(local) => local.resize(claim, owner, request),
        }
    }

    fn split(&self, claim: ClaimId, owner: Owner, request: &Request) -> Outcome {
        match self {
            Self::Plain(table) => table.split(claim, owner, request),
            Self::Own(local) => local.split(claim, owner, request),
        }
    }

    fn split_exact(&self, claim: ClaimId, owner: Owner, piece: &Placement) -> Outcome {
        match self {
            Self::Plain(table) => table.split_exact(claim, owner, piece),
            Self::Own(local) => local.split_exact(claim, owner, piece),
        }
    }

    fn transfer(&self, claim: ClaimId, from: Owner, to: Owner) -> Transferred {
        match self {
            Self::Plain(table) => table.transfer(claim, from, to),
            Self::Own(local) => local.transfer(claim, from, to),
        }
    }

    fn release(&self, claims: &[(ClaimId, Owner)]) -> Vec<Released> {
        match self {
            Self::Plain(table) => claims.iter().map(|(claim, owner)| table.release(*claim, *owner)).collect(),
            Self::Own(local) => {
                let mut released = Vec::new();
                local.release_many(claims, |_, outcome| released.push(outcome));
                released
            }
        }
    }
}

/// What was planned on a snapshot: of which agent, which incarnation of it.
pub(super) type Chosen = (AgentId, u32, Placement);

/// A PU's word for each PU of each agent that stays.
pub(super) type Signed = Vec<Vec<Word64>>;

/// One thread at work.
pub(super) struct Hand<'a> {
    pub(super) table: &'a Table,
    pub(super) calls: Calls<'a>,
    pub(super) me: u64,
    /// The agents it claims on by name; those from `signed.len()` on come and go.
    pub(super) agents: u32,
    pub(super) signed: &'a Signed,
    pub(super) live: BTreeMap<ClaimId, u64>,
    pub(super) dead: Option<(ClaimId, Owner)>,
    /// What was planned last.
    pub(super) chosen: Option<Chosen>,
}

/// How many roles there are, each under the one before.
pub(super) const ROLES: u16 = 3;

impl Hand<'_> {
    /// Runs ops for so many bytes, drawn from a seed.
    pub(super) fn work(&mut self, bytes: usize) {
        let mut seed = self.me.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1;
        let drawn: Vec<u8> = (0..bytes).map(|_| u8::try_from(xorshift(&mut seed) >> 56).unwrap_or(0)).collect();
        let mut script = Script(&drawn);
        while let Some(op) = Op::read(&mut script) {
            self.run(&op, xorshift(&mut seed));
            if self.live.len() > 12 {
                let first = self.live.keys().next().copied();
                self.release(first);
            }
        }
    }

    /// Charged to the first role, or to one below it.
    fn holder(&self) -> Holder {
        Holder { role: RoleId::new(u16::try_from(self.me % u64::from(ROLES)).unwrap_or(0)), ..holder(self.me) }
    }

    fn run(&mut self, op: &Op, dice: u64) {
        let agent = AgentId::new(u32::try_from(dice % u64::from(self.agents)).unwrap_or(0));
        let holder = self.holder();
        match op {
            Op::Claim(request) => self.took(self.calls.claim(agent, holder, request)),
            Op::Hold(limit) => self.took(self.calls.hold(agent, holder, *limit)),
            Op::Place(request, policy) => self.place(request, *policy, 1),
            Op::PlaceMany(count, request, policy) => self.place(request, *policy, (*count).into()),
            Op::Gang(requests) => self.gang(requests, dice),
            Op::ClaimPlanned(request) => self.plan(agent, request),
            Op::ClaimChosen(_) | Op::ClaimStale => self.claim_chosen(),
            Op::Merge(at, _) => self.merge(*at),
            Op::Resize(at, request) => self.resize(*at, request),
            Op::ResizeAlike(at, size, pages) => self.resize(*at, &Request::exclusive(*size, pages * PAGE_BYTES)),
            Op::Split(at, request) => {
                let Some((claim, owner)) = self.nth(*at) else { return };
                self.resign(claim, |hand| hand.calls.split(claim, owner, request));
            }
            Op::SplitHalf(at) => self.split_half(*at),
            Op::Transfer(at, to) => self.transfer(*at, *to),
            Op::Release(at) => self.release(self.nth(*at).map(|(claim, _)| claim)),
            Op::ReleaseMany(at, count) => {
                let claims: Vec<ClaimId> = self.live.keys().copied().skip(at % 4).take((*count).into()).collect();
                self.release(claims);
            }
            Op::ReleaseOfAnother(at) => self.release_of_another(*at),
            Op::UseStale(_) | Op::UseUnknown(_) => self.use_stale(),
            Op::Confirm(_) | Op::ConfirmOld(_) => self.confirm(agent),
            Op::Restore(_)
            | Op::SetState(_)
            | Op::SetLimit(_)
            | Op::SetRole(_)
            | Op::SetLimitOf(..)
            | Op::Return
            | Op::Restart => std::thread::yield_now(),
        }
    }

    /// Whether an agent stays: what is on one that goes may end at any time.
    fn stays(&self, claim: ClaimId) -> bool {
        claim.agent().index() < self.signed.len()
    }

    fn nth(&self, at: usize) -> Option<(ClaimId, Owner)> {
        let (claim, owner) = self.live.iter().nth(at.checked_rem(self.live.len())?)?;
        Some((*claim, Owner::new(*owner)))
    }

    fn place(&mut self, request: &Request, policy: Policy, count: usize) {
        for placed in self.calls.place(self.holder(), request, policy, count) {
            if let Placed::Granted(grant) = placed {
                self.granted(grant, self.me);
            }
        }
    }

    fn took(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Granted(grant) => self.granted(grant, self.me),
            Outcome::Refused(no) => {
                let gone = no.reason == Reason::Gone && no.agent.index() < self.signed.len();
                assert!(!gone, "an agent that stays is gone");
            }
            Outcome::Contended(_) => {}
        }
    }

    fn granted(&mut self, grant: Grant, owner: u64) {
        assert_eq!(self.live.insert(grant.claim, owner), None, "an id is given twice");
        self.sign(grant.claim, 0, self.me + 1);
    }

    /// Changes who signs for a claim's PUs.
    fn sign(&self, claim: ClaimId, from: u64, to: u64) {
        let Some(words) = self.signed.get(claim.agent().index()) else { return };
        for pu in self.placement(claim).all_pus() {
            // AcqRel: each pairs with that of whoever signed before. Relaxed on failure: it cannot fail.
            let before = words[pu.index()].update(Ordering::AcqRel, Ordering::Relaxed, |_| Some(to));
            assert_eq!(before, Ok(from), "{pu} of {claim:?} has two holders");
        }
    }

    /// What a claim of its own on an agent that stays holds. While an agent goes, its claims are looked for in all records, and any
    /// may be in hand for a moment.
    fn placement(&self, claim: ClaimId) -> Placement {
        let tries = if self.others_go() { 1_000_000 } else { 1 };
        (0..tries).find_map(|_| self.table.placement(claim)).expect("only its owner changes it")
    }

    fn others_go(&self) -> bool {
        self.agents as usize > self.signed.len()
    }

    /// Splits a claim. Its PUs may join a pool by it, so nobody signs meanwhile.
    fn resign(&mut self, claim: ClaimId, split: impl FnOnce(&Self) -> Outcome) {
        self.sign(claim, self.me + 1, 0);
        let outcome = split(self);
        self.sign(claim, 0, self.me + 1);
        if let Outcome::Granted(grant) = outcome {
            let owner = self.live[&claim];
            self.granted(grant, owner);
        }
    }

    /// A gang on agents one after the other, which begin again where there are fewer.
    fn gang(&mut self, requests: &[Request], dice: u64) {
        let agent = |at: u64| AgentId::new(u32::try_from((dice + at) % u64::from(self.agents)).unwrap_or(0));
        let wanted: Vec<_> = (0..).map(agent).zip(requests.iter().cloned()).collect();
        let mut grants = Vec::new();
        match self.calls.gang(self.holder(), &wanted, &mut grants) {
            Ganged::Granted { .. } => {
                assert_eq!(grants.len(), wanted.len());
                grants.into_iter().for_each(|grant| self.granted(grant, self.me));
            }
            Ganged::Refused { .. } | Ganged::Contended { .. } => {}
        }
    }

    /// Plans on a snapshot, and claims exactly that.
    fn plan(&mut self, agent: AgentId, request: &Request) {
        let mut snapshot = Snapshot::new(self.table);
        let _whole_or_torn = snapshot.refresh();
        let Some(incarnation) = snapshot.agent(agent).map(|agent| agent.incarnation()) else { return };
        let Ok(placement) = snapshot.plan(agent, request) else { return };
        self.chosen = Some((agent, incarnation, placement));
        self.claim_chosen();
    }

    fn claim_chosen(&mut self) {
        let Some(chosen) = &self.chosen else { return };
        if let ClaimedExact::Granted(grant) = self.calls.claim_exact(self.holder(), chosen) {
            self.granted(grant, self.me);
        }
    }

    /// Merges a claim with another one of the same owner and agent, if there is one.
    fn merge(&mut self, at: usize) {
        let Some((into, owner)) = self.nth(at) else { return };
        let is_like = |claim: &ClaimId| *claim != into && claim.agent() == into.agent();
        let alike = self.live.iter().find(|(claim, of)| is_like(claim) && **of == owner.get());
        let Some(from) = alike.map(|(claim, _)| *claim) else { return };
        self.sign(from, self.me + 1, 0);
        self.sign(into, self.me + 1, 0);
        let merged = self.calls.merge(into, from, owner);
        match merged {
            Merged::Merged { .. } => {
                self.live.remove(&from);
                self.dead = Some((from, owner));
            }
            Merged::Gone { claim } => self.ended(claim),
            // Somebody in flight may have taken a seat there, and give it back.
            Merged::Contended
            | Merged::MemoryTerms
            | Merged::NotAdmitted { .. }
            | Merged::TooManyMembers { .. }
            | Merged::RecordsFull { .. } => {}
            Merged::OtherAgent => assert!(!self.stays(into)),
            Merged::Same | Merged::OtherRole { .. } | Merged::NotOwner { .. } => panic!("{merged:?}"),
        }
        for claim in [from, into].into_iter().filter(|claim| self.live.contains_key(claim)) {
            self.sign(claim, 0, self.me + 1);
        }
    }

    /// Resizes a claim. What it gives up may be another's at once, so nobody signs meanwhile.
    fn resize(&mut self, at: usize, request: &Request) {
        let Some((claim, owner)) = self.nth(at) else { return };
        self.sign(claim, self.me + 1, 0);
        if let Outcome::Granted(grant) = self.calls.resize(claim, owner, request) {
            assert_eq!(grant.claim, claim);
        }
        self.sign(claim, 0, self.me + 1);
    }

    fn split_half(&mut self, at: usize) {
        let Some((claim, owner)) = self.nth(at) else { return };
        let Some(before) = self.table.placement(claim).filter(|placement| !placement.pus.is_empty()) else { return };
        let pus = before.pus[..before.pus.len().div_ceil(2)].to_vec();
        let piece = Placement { pus, memory_hold: MemoryHold::Held, ..Placement::default() };
        self.resign(claim, |hand| hand.calls.split_exact(claim, owner, &piece));
    }

    fn transfer(&mut self, at: usize, to: u64) {
        let Some((claim, owner)) = self.nth(at) else { return };
        // Owners of threads do not meet.
        let to = self.me + 100 * to;
        match self.calls.transfer(claim, owner, Owner::new(to)) {
            Transferred::Transferred => drop(self.live.insert(claim, to)),
            Transferred::Contended => assert!(self.others_go()),
            Transferred::Gone => self.ended(claim),
            ended @ Transferred::NotOwner { .. } => panic!("{ended:?}"),
        }
    }

    fn release(&mut self, claims: impl IntoIterator<Item = ClaimId>) {
        let claims: Vec<_> = claims.into_iter().map(|claim| (claim, Owner::new(self.live[&claim]))).collect();
        for (claim, _) in &claims {
            self.sign(*claim, self.me + 1, 0);
        }
        for ((claim, owner), released) in claims.iter().zip(self.calls.release(&claims)) {
            match released {
                Released::Released { .. } => drop(self.live.remove(claim)),
                Released::Contended if self.others_go() => {
                    self.sign(*claim, 0, self.me + 1);
                    continue;
                }
                Released::Gone => self.ended(*claim),
                Released::Contended | Released::NotOwner { .. } => panic!("{claim:?}: {released:?}"),
            }
            self.dead = Some((*claim, *owner));
        }
    }

    /// A claim ended by another hand than its owner's: its agent must have gone.
    fn ended(&mut self, claim: ClaimId) {
        assert!(!self.stays(claim), "{claim:?} was not this thread's any more");
        self.live.remove(&claim);
    }

    fn release_of_another(&self, at: usize) {
        let Some((claim, owner)) = self.nth(at) else { return };
        let released = self.calls.release(&[(claim, Owner::new(9_999_999))]);
        let kept = released == [Released::NotOwner { owner }];
        let raced = self.others_go() && released == [Released::Contended];
        assert!(kept || raced || !self.stays(claim), "{released:?}");
    }

    fn use_stale(&self) {
        let Some((claim, owner)) = self.dead else { return };
        assert_eq!(self.calls.release(&[(claim, owner)]), [Released::Gone]);
        assert_eq!(self.calls.transfer(claim, owner, owner), Transferred::Gone);
    }

    /// As the agent would: what is newest at this moment.
    fn confirm(&self, agent: AgentId) {
        for order in self.table.pool_orders(agent) {
            let _raced = self.table.confirm_pool(agent, order.numa_node, order.epoch);
        }
    }
}

pub(super) fn xorshift(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

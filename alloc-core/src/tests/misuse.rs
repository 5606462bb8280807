//! Misuse: calls that the table must refuse, each with a typed answer, and be as it was.

use std::collections::BTreeSet;

use super::machines::{AGENT, holder};
use super::oracle::Pool;
use super::property::{CLAIMS, COUNT, World};
use meros_alloc_core::{
    AgentId, AgentState, ClaimedExact, Confirmed, Ganged, HoldLimit, Limit, Merged, Outcome, Owner, PlacedExtras,
    Placement, Quantities, Reason, Released, Request, RestoreError, RoleId, TableError, Transferred, Usage,
};

/// What a table shows of itself.
type Seen = (Option<Usage>, Option<Quantities>, usize);

impl World {
    fn seen(&self) -> Seen {
        (self.table.usage(AGENT), self.table.role_used(holder(1).role), self.table.claims().count())
    }

    /// What can be tried with a claim that is gone.
    pub(super) fn use_stale(&self, at: usize) -> bool {
        let Some(len) = at.checked_rem(self.stale.len()) else { return false };
        let ((claim, owner), before) = (self.stale[len], self.seen());
        let owner = Owner::new(owner);
        assert_eq!(self.table.release(claim, owner), Released::Gone);
        assert_eq!(self.table.transfer(claim, owner, Owner::new(7)), Transferred::Gone);
        let piece = Placement::default();
        let core = Request::exclusive(1, 0);
        let changes = [
            self.table.split(claim, owner, &core),
            self.table.split_exact(claim, owner, &piece),
            self.table.resize(claim, owner, &core),
        ];
        assert!(changes.iter().all(|change| is_refused(*change, Reason::Gone)), "{changes:?}");
        if let Some((other, _)) = self.nth(at) {
            let merged = self.table.merge(other, claim, owner);
            assert!(matches!(merged, Merged::Gone { .. } | Merged::OtherAgent | Merged::NotOwner { .. }), "{merged:?}");
        }
        assert_eq!((self.table.placement(claim), self.table.holder(claim)), (None, None));
        assert_eq!(self.seen(), before);
        true
    }

    /// What can be tried with an agent, a role and a pool that never were.
    pub(super) fn use_unknown(&self, which: u8) -> bool {
        let (before, table) = (self.seen(), &self.table);
        let agent = AgentId::new(1 + u32::from(which) * 0x00FF_0001);
        let role = RoleId::new(COUNT + u16::from(which) % 9);
        assert!(is_refused(table.claim(agent, holder(1), &Request::exclusive(1, 0)), Reason::Gone));
        assert!(is_refused(table.hold(agent, holder(1), HoldLimit::ALL), Reason::Gone));
        assert_eq!(table.restore(agent, holder(1), &Placement::default()), Err(RestoreError::NoSuchAgent(agent)));
        assert_eq!(table.confirm_pool(agent, None, 0), Confirmed::NoSuchPool);
        assert_eq!(table.set_state(agent, AgentState::Active), Err(TableError::NoSuchAgent(agent)));
        assert_eq!(table.remove_agent(agent), Err(TableError::NoSuchAgent(agent)));
        assert_eq!(table.set_limit(role, Limit::default()), Err(TableError::NoSuchRole(role)));
        let nobody = meros_alloc_core::Holder { role, ..holder(1) };
        assert!(matches!(table.claim(AGENT, nobody, &Request::exclusive(1, 0)), Outcome::Refused(_)));
        let nowhere = table.claim_exact(agent, 1, holder(1), &Placement::default());
        assert_eq!(nowhere, ClaimedExact::Stale { incarnation: None });
        let (gang, mut grants) = ([(agent, Request::exclusive(1, 0))], Vec::new());
        assert!(matches!(table.claim_gang(holder(1), &gang, &mut grants), Ganged::Refused { .. }));
        assert_eq!((self.seen(), grants.len()), (before, 0));
        true
    }

    /// Tells the table of a claim that may be any nonsense. What it takes must be free; what it refuses, it says truly.
    pub(super) fn restore(&mut self, placement: &Placement) -> bool {
        let before = self.seen();
        let error = match self.table.restore(AGENT, self.me(), placement) {
            Ok(grant) => {
                let restored = self.table.placement(grant.claim).unwrap();
                assert_eq!((&restored.pus, &restored.extras.devices), (&placement.pus, &placement.extras.devices));
                assert!(self.oracle.admits_placement(&restored), "{restored:?}");
                self.adopted(grant, restored);
                return true;
            }
            Err(error) => error,
        };
        // A share that was taken and given back lets cores leave that its pool had too many.
        self.follow(&BTreeSet::new());
        let (usage, seen) =
            (|seen: &Seen| seen.0.as_ref().map(|usage| (usage.memory.clone(), usage.extras.clone())), self.seen());
        assert_eq!((usage(&seen), seen.1, seen.2), (usage(&before), before.1, before.2), "{error}");
        match error {
            RestoreError::Invalid(_) => {}
            RestoreError::PuTaken(pu) => assert!(!self.oracle.free().contains(&pu.get())),
            RestoreError::PoolTooSmall { numa_node, asked_milli, room_milli } => {
                assert_eq!(u64::from(room_milli), self.room_milli(numa_node));
                assert!(asked_milli > room_milli);
            }
            RestoreError::MemoryTaken { numa_node, free_bytes, .. } => {
                assert_eq!(free_bytes, self.oracle.bytes_free(numa_node.index()));
            }
            RestoreError::ExtraTaken(_) => assert_ne!(placement.extras, PlacedExtras::default()),
            RestoreError::RecordsFull => assert!(self.refused_for_records(Reason::RecordsFull { records: CLAIMS })),
            other => panic!("{other}"),
        }
        false
    }

    fn room_milli(&self, pool: Pool) -> u64 {
        self.oracle.capacity(pool) - self.oracle.committed(pool)
    }
}

fn is_refused(outcome: Outcome, reason: Reason) -> bool {
    matches!(outcome, Outcome::Refused(refusal) if refusal.reason == reason)
}

//! Priority and revocability of claims, from request to release.

use super::{AGENT, granted, holder, table};
use crate::testing::Machine;
use crate::{HoldLimit, Limit, Owner, Policy, Request, Standing, StandingSet, Transferred};

const MACHINE: Machine = Machine { cores: 8, pus_per_core: 1, l3: 4, numa_nodes: 2, packages: 1, mem_bytes: 1 << 20 };

#[test]
fn a_claim_stands_as_its_request_says_and_pieces_as_their_claim() {
    let table = table(16, Limit::default(), &[MACHINE]);
    let low = Standing::new(3).unwrap().revocable();
    let high = Standing::new(Standing::MAX_PRIORITY).unwrap();
    let me = Owner::new(1);
    let one = Request::exclusive(1, 0);
    // Along the index, agent by agent, at a leaf, and planned.
    for request in [one.clone(), Request::shared(100, 0)] {
        let plain = table.place(holder(1), &request, Policy::Pack).granted().unwrap();
        assert_eq!(table.standing(plain.claim), Some(Standing::default()));
        let placed = table.place(holder(1), &request.clone().with_standing(low), Policy::Pack).granted().unwrap();
        let claimed = granted(table.claim(AGENT, holder(1), &request.clone().with_standing(low)));
        assert_eq!([placed, claimed].map(|grant| table.standing(grant.claim)), [Some(low); 2]);
    }
    let hold = granted(table.hold(AGENT, holder(1), HoldLimit::ALL));
    assert_eq!(table.standing(hold.claim), Some(Standing::default()));
    assert_eq!(table.set_standing(hold.claim, Owner::new(2), low), StandingSet::NotOwner { owner: me });
    assert_eq!(table.set_standing(hold.claim, me, low), StandingSet::Set);
    let child = granted(table.split(hold.claim, me, &one));
    let other = granted(table.split(hold.claim, me, &one.with_standing(high)));
    let standings = [hold, child, other].map(|grant| table.standing(grant.claim));
    assert_eq!(standings, [Some(low), Some(low), Some(high)]);
    assert_eq!(table.transfer(child.claim, me, Owner::new(2)), Transferred::Transferred);
    assert_eq!(table.standing(child.claim), Some(low));
    assert!(matches!(table.release(other.claim, me), crate::Released::Released { .. }));
    assert_eq!((table.standing(other.claim), table.set_standing(other.claim, me, low)), (None, StandingSet::Gone));
    table.validate().unwrap();
}

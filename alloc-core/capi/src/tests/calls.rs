//! What the functions do, in the order a scheduler would call them.

use super::{
    CORE, Fixture, HOLDER, SHARE, TWO_PUS, bytes_of, empty_placement, first, first_mut, input, none, ok, output,
    request, told, zeroed,
};
use crate::agent::{AgentInfo, meros_agent_read, meros_agent_remove, meros_agent_return, meros_agents};
use crate::answer::Answer;
use crate::caller::{Local, meros_local_free, meros_local_new};
use crate::claim::{
    Claimed, meros_claim, meros_claim_holder, meros_claims, meros_hold, meros_release, meros_release_many, meros_split,
    meros_split_exact, meros_transfer,
};
use crate::codes::{NO_CLAIM, NONE, Reason, Resource};
use crate::explain::{Explanation, meros_explain};
use crate::message::Message;
use crate::place::meros_place_many;
use crate::placement::{NumaNodeMemory, PlacedPu, Placement, PoolShare, meros_placement_read};
use crate::pointer::Out;
use crate::pool::{PoolOrder, meros_pool_confirm, meros_pool_orders, meros_pool_trim};
use crate::request::{Holder, Member};
use crate::restore::{meros_restore, meros_restore_pool};
use crate::role::{Quantities, meros_role_set_limit, meros_role_used};
use crate::status::Status;
use crate::table::meros_validate;
use crate::usage::{MemoryUsage, PoolUsage, Usage, meros_usage_read};

fn validate(fixture: &Fixture) {
    ok(|message| meros_validate(fixture.table(), message));
}

#[test]
fn an_offer_is_held_split_transferred_and_released() {
    let (fixture, table) = (Fixture::new(), Fixture::table);
    let (mut held, mut taken, members) = (Answer::default(), Answer::default(), [TWO_PUS]);
    ok(|message| meros_hold(table(&fixture), none(), 0, input(&HOLDER), none(), output(&mut held), message));
    assert_eq!((held.cpu_milli, held.mem_bytes, held.status), (8000, 8 << 30, 0));
    let wanted = request(&members);
    ok(|message| meros_split(table(&fixture), none(), held.claim, 7, input(&wanted), output(&mut taken), message));
    ok(|message| meros_transfer(table(&fixture), none(), taken.claim, 7, 8, Out::null(), message));
    let mut answer = Answer::default();
    let (status, text) =
        told(|message| meros_release(table(&fixture), none(), taken.claim, 7, output(&mut answer), message));
    assert_eq!((status, answer.owner, text.as_str()), (Status::NotOwner, 8, "the claim belongs to @8"));
    let mut holder = Holder { owner: 0, role: 9, reserved: 9 };
    ok(|message| meros_claim_holder(table(&fixture), taken.claim, output(&mut holder), message));
    assert_eq!((holder.owner, holder.role), (8, 0));
    let (mut claims, mut len) = ([0; 2], 0);
    ok(|message| meros_claims(table(&fixture), NONE, first_mut(&mut claims), 2, output(&mut len), message));
    assert_eq!(len, 2);
    let both = [Claimed { claim: held.claim, owner: 7 }, Claimed { claim: taken.claim, owner: 8 }];
    let mut answers = [Answer::default(); 2];
    ok(|message| meros_release_many(table(&fixture), none(), first(&both), 2, first_mut(&mut answers), message));
    assert_eq!(answers.map(|answer| answer.cpu_milli), [6000, 2000]);
    let (status, text) =
        told(|message| meros_release_many(table(&fixture), none(), first(&both), 2, Out::null(), message));
    assert_eq!((status, text.as_str()), (Status::Refused, "0 of 2 were done: each answer has its own status"));
    validate(&fixture);
}

#[test]
fn a_refusal_has_its_figures() {
    let fixture = Fixture::new();
    let (members, mut answer) = ([Member { pus: 9, ..TWO_PUS }], Answer::default());
    let wanted = request(&members);
    let (status, text) = told(|message| {
        let holder = input(&HOLDER);
        meros_claim(fixture.table(), none(), 0, holder, input(&wanted), output(&mut answer), message)
    });
    assert_eq!((status, text.as_str()), (Status::Refused, "wants 9 exclusive PUs; agent a0 has 8 when it is empty"));
    assert_eq!((answer.status, answer.reason), (Status::Refused as u32, Reason::LargerThanMachine as u32));
    assert_eq!((answer.what, answer.asked, answer.machine), (Resource::ExclusivePus as u32, 9, 8));
    assert_eq!((answer.permanent, answer.claim, answer.agent), (1, NO_CLAIM, 0));

    let (mut figures, mut line) = (Explanation { size: 16, agents: 0, feasible: 9, never_fits: 0 }, [0; 8]);
    let mut text = Message { text: first_mut(&mut line), capacity: 8, length: 0 };
    ok(|message| {
        let (figures, text) = (output(&mut figures), output(&mut text));
        meros_explain(fixture.table(), 0, input(&wanted), figures, text, message)
    });
    assert_eq!((figures.agents, figures.feasible, figures.never_fits, line[7]), (1, 0, 1, 0));
    assert_eq!(text.length, "wants 9 exclusive PUs; agent a0 has 8 when it is empty".len());
}

#[test]
fn a_role_has_a_limit() {
    let fixture = Fixture::new();
    let size = bytes_of::<Quantities>();
    let limit = Quantities { size, reserved: 0, cpu_milli: 3000, mem_bytes: u64::MAX };
    ok(|message| meros_role_set_limit(fixture.table(), 0, input(&limit), message));
    fixture.place(TWO_PUS);
    let (members, mut answer) = ([TWO_PUS], Answer::default());
    let wanted = request(&members);
    let (status, text) = told(|message| {
        let holder = input(&HOLDER);
        meros_claim(fixture.table(), none(), 0, holder, input(&wanted), output(&mut answer), message)
    });
    assert_eq!((status, answer.reason), (Status::Refused, Reason::RoleLimit as u32), "{text}");
    assert_eq!((answer.asked, answer.free, answer.machine), (2000, 1000, 3000));
    let mut used = limit;
    ok(|message| meros_role_used(fixture.table(), 0, output(&mut used), message));
    assert_eq!((used.cpu_milli, used.mem_bytes), (2000, 1 << 30));
}

#[test]
fn a_handle_places_many() {
    let fixture = Fixture::new();
    let mut local: Out<Local> = Out::null();
    ok(|message| meros_local_new(fixture.table(), 0, output(&mut local), message));
    let (holders, members, mut answers) = ([HOLDER; 70], [TWO_PUS], [Answer::default(); 70]);
    let wanted = request(&members);
    let (status, text) = told(|message| {
        let (holders, answers) = (first(&holders), first_mut(&mut answers));
        meros_place_many(fixture.table(), local.read(), holders, 70, input(&wanted), 0, answers, message)
    });
    assert_eq!((status, text.as_str()), (Status::Refused, "4 of 70 were done: each answer has its own status"));
    assert!(answers[..4].iter().all(|answer| answer.status == 0 && answer.cpu_milli == 2000));
    assert!(answers[4..].iter().all(|answer| answer.reason == Reason::NoAgent as u32 && answer.claim == NO_CLAIM));
    let stranger = Fixture::new();
    let refused = told(|message| meros_release(stranger.table(), local.read(), 0, 0, Out::null(), message));
    assert_eq!(refused.1, "local is a handle on another table: make one for this table");
    meros_local_free(local);
    validate(&fixture);
}

#[test]
fn a_handle_outlives_its_table() {
    let fixture = Fixture::new();
    let mut local: Out<Local> = Out::null();
    ok(|message| meros_local_new(fixture.table(), 0, output(&mut local), message));
    drop(fixture);
    meros_local_free(local);
}

#[test]
fn pools_are_ordered_and_confirmed() {
    let fixture = Fixture::new();
    let claim = fixture.place(SHARE);
    assert_eq!((claim.pools_changed, claim.cpu_milli), (1, 500));
    let (order, pus) = orders(&fixture);
    assert_eq!((order.numa_node, order.pus_len, pus), (0, 2, vec![0, 1]));
    let mut freed = 9;
    ok(|message| meros_pool_confirm(fixture.table(), 0, 0, order.epoch, output(&mut freed), message));
    ok(|message| meros_release(fixture.table(), none(), claim.claim, 7, Out::null(), message));
    let (status, text) =
        told(|message| meros_pool_confirm(fixture.table(), 0, 0, order.epoch, output(&mut freed), message));
    let (newest, _) = orders(&fixture);
    assert_eq!(status, Status::Stale);
    assert_eq!(text, format!("a newer order of the pool exists: epoch {}", newest.epoch));
    ok(|message| meros_pool_confirm(fixture.table(), 0, 0, newest.epoch, output(&mut freed), message));
    assert_eq!(freed, 2);
    assert_eq!(usage(&fixture).pus_free, 8);
    validate(&fixture);
}

fn orders(fixture: &Fixture) -> (PoolOrder, Vec<u32>) {
    let mut orders = [PoolOrder { numa_node: 9, epoch: 0, pus_first: 9, pus_len: 9, reserved: [9; 4] }];
    let (mut pus, mut orders_len, mut pus_len) = ([0; 8], 0, 0);
    ok(|message| {
        let (orders, orders_len) = (first_mut(&mut orders), output(&mut orders_len));
        let (pus, pus_len) = (first_mut(&mut pus), output(&mut pus_len));
        meros_pool_orders(fixture.table(), 0, orders, 1, orders_len, pus, 8, pus_len, message)
    });
    assert_eq!((orders_len, orders[0].pus_first), (1, 0));
    (orders[0], pus[..pus_len].to_vec())
}

fn usage(fixture: &Fixture) -> Usage {
    let mut pools = [PoolUsage { numa_node: 9, capacity_milli: 9, committed_milli: 9, epoch: 9, reserved: [9; 4] }];
    let mut memory = [MemoryUsage { numa_node: 9, mode: 9, total_bytes: 0, free_bytes: 0, reserved: 0 }];
    let mut usage = Usage {
        size: bytes_of::<Usage>(),
        pools: first_mut(&mut pools),
        pools_capacity: 1,
        memory: first_mut(&mut memory),
        memory_capacity: 1,
        ..zeroed()
    };
    ok(|message| meros_usage_read(fixture.table(), 0, output(&mut usage), message));
    assert_eq!((usage.pools_len, usage.memory_len, memory[0].total_bytes), (1, 1, 8 << 30));
    usage
}

#[test]
fn a_fresh_table_is_told_what_runs() {
    let fixture = Fixture::new();
    ok(|message| meros_restore_pool(fixture.table(), 0, 0, first(&[2, 3, 4, 5]), 4, message));
    let mut pus = [PlacedPu { pu: 0, member: 1 }, PlacedPu { pu: 1, member: 1 }];
    let mut shares = [PoolShare { numa_node: 0, member: 0, cpu_milli: 1500, reserved: 0 }];
    let mut memory = [NumaNodeMemory { mem_bytes: 4096, numa_node: 0, reserved: 0 }];
    let mut placement = Placement {
        pus: first_mut(&mut pus),
        pus_len: 2,
        shares: first_mut(&mut shares),
        shares_len: 1,
        memory: first_mut(&mut memory),
        memory_len: 1,
        ..empty_placement()
    };
    let (mut answer, mut changed) = (Answer::default(), 0);
    ok(|message| {
        let (holder, placement) = (input(&HOLDER), input(&placement));
        meros_restore(fixture.table(), 0, holder, placement, output(&mut answer), message)
    });
    assert_eq!((answer.cpu_milli, answer.mem_bytes), (3500, 4096));
    let twice = told(|message| {
        let (holder, placement) = (input(&HOLDER), input(&placement));
        meros_restore(fixture.table(), 0, holder, placement, output(&mut answer), message)
    });
    assert_eq!((twice.0, answer.status), (Status::Refused, Status::Refused as u32), "{}", twice.1);
    ok(|message| meros_pool_trim(fixture.table(), 0, output(&mut changed), message));
    assert_eq!(changed, 1, "1500 cpu_milli need one of the two cores");
    (placement.pus_capacity, placement.shares_capacity, placement.memory_capacity) = (2, 1, 1);
    let claims = listed(&fixture);
    ok(|message| meros_placement_read(fixture.table(), claims[0], output(&mut placement), message));
    assert_eq!((pus.map(|pu| (pu.pu, pu.member)), shares[0].cpu_milli), ([(0, 1), (1, 1)], 1500));
    validate(&fixture);
}

fn listed(fixture: &Fixture) -> Vec<u64> {
    let (mut claims, mut len) = ([0; 4], 0);
    ok(|message| meros_claims(fixture.table(), 0, first_mut(&mut claims), 4, output(&mut len), message));
    claims[..len].to_vec()
}

#[test]
fn a_piece_is_split_exactly() {
    let fixture = Fixture::new();
    let (mut held, mut taken) = (Answer::default(), Answer::default());
    ok(|message| meros_hold(fixture.table(), none(), 0, input(&HOLDER), none(), output(&mut held), message));
    let mut pus = [PlacedPu { pu: 6, member: 0 }, PlacedPu { pu: 7, member: 0 }];
    let piece = Placement { pus: first_mut(&mut pus), pus_len: 2, ..empty_placement() };
    ok(|message| meros_split_exact(fixture.table(), none(), held.claim, 7, input(&piece), output(&mut taken), message));
    assert_eq!(taken.cpu_milli, 2000);
    validate(&fixture);
}

#[test]
fn an_agent_goes_and_returns() {
    let fixture = Fixture::new();
    let claim = fixture.place(TWO_PUS).claim;
    let (mut ended, mut len) = (0, 9);
    ok(|message| meros_agent_remove(fixture.table(), 0, output(&mut ended), message));
    ok(|message| meros_agents(fixture.table(), Out::null(), 0, output(&mut len), message));
    assert_eq!((ended, len), (1, 0));
    let gone = told(|message| meros_release(fixture.table(), none(), claim, 7, Out::null(), message));
    assert_eq!(gone.0, Status::Gone);
    ok(|message| meros_agent_return(fixture.table(), 0, fixture.shape.read(), message));
    let size = bytes_of::<AgentInfo>();
    let mut info = AgentInfo { size, state: 9, incarnation: 0, pus: 0, numa_nodes: 0, reserved: 0 };
    ok(|message| meros_agent_read(fixture.table(), 0, output(&mut info), message));
    assert_eq!((info.state, info.incarnation, info.pus, info.numa_nodes), (0, 2, 4 * CORE.pus, 1));
    validate(&fixture);
}

//! Groups: counted, and not lost by a placement that is read and restored.

use super::siting::{NO_ROOM, RACK, group_by, members_of, racks, tell_rack, told_of, validate};
use super::{Fixture, HOLDER, TWO_PUS, bytes_of, empty_placement, first_mut, input, none, ok, output, request, told};
use crate::answer::Answer;
use crate::attribute::AttributeValue;
use crate::claim::{meros_release, meros_split, meros_split_exact};
use crate::claim_exact::meros_claim_exact;
use crate::codes::{NO_CLAIM, Reason};
use crate::group::{
    GroupMembers, GroupSpec, GroupValue, meros_group_add, meros_group_members_read, meros_group_remove,
};
use crate::placement::{NumaNodeMemory, PlacedPu, Placement, meros_placement_read};
use crate::pointer::{Growing, Out};
use crate::restore::meros_restore;
use crate::siting_codes::GroupKey;
use crate::status::Status;

fn release(fixture: &Fixture, claim: u64) {
    ok(|message| meros_release(fixture.table(), none(), claim, HOLDER.owner, Out::null(), message));
}

fn removed(fixture: &Fixture, group: u32) -> (Status, String) {
    told(|message| meros_group_remove(fixture.table(), group, message))
}

/// A placement with room for two PUs, memory and a group.
struct Room {
    pus: [PlacedPu; 2],
    memory: [NumaNodeMemory; 1],
    groups: [u32; 2],
}

impl Room {
    fn new() -> Self {
        let memory = [NumaNodeMemory { mem_bytes: 0, numa_node: 0, reserved: 0 }];
        Self { pus: [PlacedPu { pu: 0, member: 0 }; 2], memory, groups: [99; 2] }
    }

    fn placement(&mut self) -> Placement {
        Placement {
            pus: first_mut(&mut self.pus),
            pus_capacity: 2,
            memory: first_mut(&mut self.memory),
            memory_capacity: 1,
            groups: first_mut(&mut self.groups),
            groups_capacity: 2,
            ..empty_placement()
        }
    }
}

fn read(fixture: &Fixture, claim: u64, placement: &mut Placement) -> (Status, String) {
    told(|message| meros_placement_read(fixture.table(), claim, output(placement), message))
}

fn restored(fixture: &Fixture, agent: u32, placement: &Placement) -> (Status, String, Answer) {
    let mut answer = Answer::default();
    let (status, text) = told(|message| {
        let (holder, answer) = (input(&HOLDER), output(&mut answer));
        meros_restore(fixture.table(), agent, holder, input(placement), answer, message)
    });
    (status, text, answer)
}

/// A claim on an agent that is a member of these groups.
pub(super) fn member(fixture: &Fixture, agent: u32, groups: &[u32]) -> u64 {
    let (mut room, mut groups) = (Room::new(), groups.to_vec());
    room.pus[1].pu = 1;
    let groups_len = groups.len();
    let placement = Placement { pus_len: 2, groups: first_mut(&mut groups), groups_len, ..room.placement() };
    let (status, text, answer) = restored(fixture, agent, &placement);
    assert_eq!(status, Status::Ok, "{text}");
    answer.claim
}

#[test]
fn members_are_counted_per_agent_and_per_rack() {
    let fixture = racks();
    assert_eq!(told_of(&fixture, 2, &[]).0, Status::Ok);
    let (by_agent, by_rack) = (group_by(&fixture, GroupKey::Agent), group_by(&fixture, GroupKey::Attribute));
    let claims = [0, 1, 2].map(|agent| member(&fixture, agent, &[by_agent, by_rack]));
    let per =
        |values: &[(&str, u64)]| values.iter().map(|(value, count)| ((*value).to_owned(), *count)).collect::<Vec<_>>();
    assert_eq!(members_of(&fixture, by_agent), per(&[("a0", 1), ("a1", 1), ("a2", 1)]));
    assert_eq!(members_of(&fixture, by_rack), per(&[("absent", 1), ("a", 2)]));
    // Of agents there is room for one value of three, of racks for the values, but not for their texts.
    for (by, values_capacity, lengths) in [(by_agent, 1, (3, 0)), (by_rack, 2, (2, 1))] {
        let mut values = [GroupValue { members: 0, kind: 9, agent: 9, value: AttributeValue::ZERO }; 2];
        let (size, values, room) = (bytes_of::<GroupMembers>(), first_mut(&mut values), NO_ROOM);
        let mut short = GroupMembers { size, reserved: 0, values, values_capacity, values_len: 9, room };
        let (status, _) = told(|message| meros_group_members_read(fixture.table(), by, output(&mut short), message));
        assert_eq!((status, (short.values_len, short.room.texts_len)), (Status::TooSmall, lengths));
    }
    let (status, text) = removed(&fixture, by_rack);
    assert_eq!(status, Status::Refused);
    assert!(text.contains("has 3 members: release them first"), "{text}");
    claims.into_iter().for_each(|claim| release(&fixture, claim));
    assert_eq!(removed(&fixture, by_rack).0, Status::Ok);
    assert_eq!(removed(&fixture, by_agent).0, Status::Ok);
    validate(&fixture);
}

#[test]
fn a_claim_that_is_read_and_restored_is_a_member_still() {
    let (fixture, mut room) = (racks(), Room::new());
    let groups = [GroupKey::Agent, GroupKey::Attribute].map(|key| group_by(&fixture, key));
    let claim = member(&fixture, 0, &groups);
    let mut placement = room.placement();
    assert_eq!(read(&fixture, claim, &mut placement), (Status::Ok, String::new()));
    assert_eq!((placement.groups_len, room.groups), (2, groups));
    release(&fixture, claim);
    assert_eq!(members_of(&fixture, groups[1]), []);

    tell_rack(&fixture, 0, "c");
    let (status, text, again) = restored(&fixture, 0, &placement);
    assert_eq!(status, Status::Ok, "{text}");
    assert_eq!(members_of(&fixture, groups[0]), [("a0".to_owned(), 1)]);
    assert_eq!(members_of(&fixture, groups[1]), [("c".to_owned(), 1)], "of the value that the agent has then");
    release(&fixture, again.claim);
    validate(&fixture);
}

#[test]
fn groups_of_a_placement_want_room() {
    let (fixture, mut room) = (racks(), Room::new());
    let claim = member(&fixture, 0, &[group_by(&fixture, GroupKey::Agent)]);
    let mut placement = Placement { groups: Out::null(), groups_capacity: 0, ..room.placement() };
    assert_eq!(read(&fixture, claim, &mut placement).0, Status::TooSmall);
    assert_eq!((placement.groups_len, placement.pus_len), (1, 2));
    let mut placement = Placement { groups: Out::null(), ..room.placement() };
    assert_eq!(read(&fixture, claim, &mut placement).1, "placement.groups is null");
}

#[test]
fn an_older_caller_reads_and_restores_what_it_knows() {
    let (fixture, mut room) = (racks(), Room::new());
    let group = group_by(&fixture, GroupKey::Agent);
    let claim = member(&fixture, 0, &[group]);
    let size = u32::try_from(Placement::FIRST_BYTES).unwrap();
    let mut placement =
        Placement { size, groups: Out::null(), groups_capacity: 77, groups_len: 77, ..room.placement() };
    assert_eq!(read(&fixture, claim, &mut placement), (Status::Ok, String::new()));
    assert_eq!((placement.pus_len, placement.groups_len), (2, 77), "what it does not know is not written");
    release(&fixture, claim);
    let (status, text, _) = restored(&fixture, 0, &placement);
    assert_eq!(status, Status::Ok, "{text}");
    assert_eq!(members_of(&fixture, group), []);
}

#[test]
fn a_restore_with_groups_that_cannot_be_changes_nothing() {
    let (fixture, mut room) = (racks(), Room::new());
    let group = group_by(&fixture, GroupKey::Agent);
    let claim = member(&fixture, 0, &[group]);
    let mut placement = room.placement();
    assert_eq!(read(&fixture, claim, &mut placement).0, Status::Ok);
    release(&fixture, claim);
    let mut with = |groups: &mut [u32]| {
        (placement.groups, placement.groups_len) = (first_mut(groups), groups.len());
        let (status, text, answer) = restored(&fixture, 0, &placement);
        assert_eq!((status, answer.status, answer.claim), (Status::InvalidArgument, status as u32, NO_CLAIM), "{text}");
        assert_eq!(answer.permanent, 1);
        (text, answer.reason, answer.which)
    };
    let unknown = with(&mut [group, 77]);
    assert_eq!(unknown, ("group g77.0 is unknown: add it first".to_owned(), Reason::NoSuchGroup as u32, 77));
    let twice = with(&mut [group, group]);
    assert_eq!(twice.0, "groups is not sorted, or names something twice: sort it");
    assert_eq!(twice.1, Reason::Invalid as u32);
    (placement.groups, placement.groups_len) = (Out::null(), 1);
    assert_eq!(restored(&fixture, 0, &placement).1, "placement.groups is null");
    placement.groups_len = usize::MAX;
    (placement.groups, placement.groups_capacity) = (first_mut(&mut room.groups), 0);
    assert_eq!(restored(&fixture, 0, &placement).1, "placement.groups is longer than memory: is its length meant?");
    assert_eq!(members_of(&fixture, group), []);
    assert_eq!(removed(&fixture, group).0, Status::Ok);
    validate(&fixture);
}

#[test]
fn a_piece_and_an_exact_claim_join_no_group() {
    let (fixture, mut room, mut answer) = (racks(), Room::new(), Answer::default());
    let group = group_by(&fixture, GroupKey::Agent);
    let claim = member(&fixture, 0, &[group]);
    let mut placement = room.placement();
    assert_eq!(read(&fixture, claim, &mut placement).0, Status::Ok);
    let (status, _) = told(|message| {
        let (piece, answer) = (input(&placement), output(&mut answer));
        meros_split_exact(fixture.table(), none(), claim, HOLDER.owner, piece, answer, message)
    });
    assert_eq!(status, Status::InvalidArgument);
    let share = [super::Member { pus: 1, smt: 1, ..TWO_PUS }];
    let one = crate::request::Request { mem_bytes: 0, ..request(&share) };
    ok(|message| {
        let answer = output(&mut answer);
        meros_split(fixture.table(), none(), claim, HOLDER.owner, input(&one), answer, message)
    });
    assert_eq!(members_of(&fixture, group), [("a0".to_owned(), 1)], "the piece is none");
    release(&fixture, answer.claim);
    release(&fixture, claim);
    let (status, text) = told(|message| {
        let (holder, placement, answer) = (input(&HOLDER), input(&placement), output(&mut answer));
        meros_claim_exact(fixture.table(), none(), 0, 1, holder, placement, answer, message)
    });
    assert_eq!((status, answer.claim), (Status::InvalidArgument, NO_CLAIM));
    assert!(text.starts_with("groups: an exact claim joins none"), "{text}");
    assert_eq!(members_of(&fixture, group), []);
    validate(&fixture);
}

#[test]
fn groups_that_cannot_be_meant() {
    let (fixture, mut group) = (racks(), 0);
    let spec = GroupSpec { size: bytes_of::<GroupSpec>(), key: 0, attribute: 0, reserved: 0 };
    for (expected, spec) in [
        ("spec.size is 4", GroupSpec { size: 4, ..spec }),
        ("spec.key is 2: give at most 1", GroupSpec { key: 2, ..spec }),
        ("spec.attribute has no meaning beside this kind", GroupSpec { attribute: RACK, ..spec }),
        ("spec.reserved is not used yet", GroupSpec { reserved: 1, ..spec }),
    ] {
        let (status, text) =
            told(|message| meros_group_add(fixture.table(), input(&spec), output(&mut group), message));
        assert_eq!(status, Status::InvalidArgument, "{text}");
        assert!(text.starts_with(expected), "`{text}` does not say `{expected}`");
    }
    let null = told(|message| meros_group_add(fixture.table(), none(), output(&mut group), message));
    assert_eq!(null.1, "spec is null");
    let null = told(|message| meros_group_add(fixture.table(), input(&spec), Out::null(), message));
    assert_eq!(null.1, "group is null");
    let unknown = removed(&fixture, 0);
    assert_eq!(unknown, (Status::InvalidArgument, "group g0.0 is unknown".to_owned()), "none was added");
    let size = bytes_of::<GroupMembers>();
    let nowhere =
        GroupMembers { size, reserved: 0, values: Out::null(), values_capacity: 0, values_len: 9, room: NO_ROOM };
    for (expected, group, change) in [
        ("group g5.0 is unknown", 5, (|_| {}) as fn(&mut GroupMembers)),
        ("members.size is 0", 0, |members| members.size = 0),
        ("members.reserved is not used yet", 0, |members| members.reserved = 1),
        ("members.values is null", 0, |members| members.values_capacity = 1),
        ("room.bytes is null", 0, |members| members.room.bytes_capacity = 1),
    ] {
        let mut members = nowhere;
        change(&mut members);
        let (status, text) =
            told(|message| meros_group_members_read(fixture.table(), group, output(&mut members), message));
        assert_eq!(status, Status::InvalidArgument, "{text}");
        assert!(text.starts_with(expected), "`{text}` does not say `{expected}`");
    }
}

#[test]
fn keys_are_no_more_than_there_can_be() {
    let fixture = racks();
    let spec = GroupSpec { size: bytes_of::<GroupSpec>(), key: GroupKey::Attribute as u32, attribute: 0, reserved: 0 };
    let mut last = (Status::Ok, String::new());
    for attribute in 0..65 {
        let (spec, mut group) = (GroupSpec { attribute, ..spec }, 0);
        last = told(|message| meros_group_add(fixture.table(), input(&spec), output(&mut group), message));
        assert_eq!(last.0, if attribute < 63 { Status::Ok } else { Status::Full }, "{attribute}: {}", last.1);
    }
    assert!(last.1.starts_with("groups are kept by 63 attributes already"), "{}", last.1);
    assert_eq!(told_of(&fixture, 0, &[]).0, Status::Ok);
}

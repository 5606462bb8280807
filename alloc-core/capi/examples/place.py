"""Embedding meros_alloc in Python: ctypes alone, no package.

    python3 alloc-core/capi/examples/place.py target/release/libmeros_alloc.so

Builds a machine's shape, places pods, prints where they are, and checks it.
"""

import ctypes
import sys
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

OK, REFUSED, TOO_SMALL = 0, 1, 8
REASON_TAKEN = 14
NONE = 0xFFFFFFFF
WISH_REQUIRED, LEVEL_L3, MEMORY_REQUIRED, DEVICES_REQUIRED, POLICY_PACK = 2, 1, 2, 2, 0
GIB = 1 << 30
ATTRIBUTE_TEXT, TEST_TEXT_IN, GROUP_BY_AGENT, RULE_AT_MOST = 0, 2, 0, 0
# Kinds and names are numbers of the caller's choice.
GPU, PORTS, RACK = 1, 0, 0


class Message(Structure):
    _fields_ = [("text", c_void_p), ("capacity", c_size_t), ("length", c_size_t)]


class Core(Structure):
    _fields_ = [(name, c_uint32) for name in ("pus", "l3", "numa_node", "package", "kind")] + [("reserved", c_uint32 * 3)]


class HugePages(Structure):
    _fields_ = [("mib2", c_uint64), ("gib1", c_uint64)]


class NumaNode(Structure):
    _fields_ = [("mem_bytes", c_uint64), ("huge_pages", HugePages), ("kind", c_uint32), ("reserved", c_uint32 * 9)]


class Device(Structure):
    _fields_ = [("kind", c_uint32), ("numa_node", c_uint32), ("reserved", c_uint32 * 2)]


class Span(Structure):
    _fields_ = [("first", c_uint64), ("last", c_uint64)]


class Ranges(Structure):
    _fields_ = [("name", c_uint32), ("reserved", c_uint32), ("spans", POINTER(Span)), ("spans_len", c_size_t)]


def lists(**kinds):
    """Fields of lists that the caller hands over: a pointer and a length each."""
    return [field for name, kind in kinds.items() for field in ((name, POINTER(kind)), (f"{name}_len", c_size_t))]


def buffers(**kinds):
    """Fields of lists that the library writes: a pointer, a capacity and a length each."""
    return [
        field
        for name, kind in kinds.items()
        for field in ((name, POINTER(kind)), (f"{name}_capacity", c_size_t), (f"{name}_len", c_size_t))
    ]


class Scalar(Structure):
    _fields_ = [("milli", c_uint64), ("name", c_uint32), ("reserved", c_uint32)]


class Set(Structure):
    _fields_ = [("name", c_uint32), ("items", c_uint32), ("reserved", c_uint32 * 2)]


class ExtrasSpec(Structure):
    _fields_ = [("disk_bytes", c_uint64)] + lists(devices=Device, scalars=Scalar, ranges=Ranges, sets=Set)


class ShapeSpec(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("cores", POINTER(Core)),
        ("cores_len", c_size_t),
        ("numa_nodes", POINTER(NumaNode)),
        ("numa_nodes_len", c_size_t),
        ("distances", POINTER(c_uint32)),
        ("distances_len", c_size_t),
        ("extras", ExtrasSpec),
    ]


class Capacity(Structure):
    _fields_ = [(name, c_uint32) for name in ("size", "shards", "agents", "lines", "claims", "roles", "threads", "shapes")]


class Quantities(Structure):
    _fields_ = [("size", c_uint32), ("reserved", c_uint32), ("cpu_milli", c_uint64), ("mem_bytes", c_uint64)]


class Member(Structure):
    _fields_ = [(name, c_uint32) for name in ("pus", "cores", "cpu_milli", "smt", "kind_wish", "kind")] + [
        ("reserved", c_uint32 * 2)
    ]


class SpecialMemoryWish(Structure):
    _fields_ = [("mem_bytes", c_uint64), ("kind", c_uint32), ("reserved", c_uint32)]


class DeviceWish(Structure):
    _fields_ = [(name, c_uint32) for name in ("kind", "whole", "milli", "locality")]


class PickWish(Structure):
    _fields_ = [("name", c_uint32), ("count", c_uint32), ("spans", POINTER(Span)), ("spans_len", c_size_t)]


class Wishes(Structure):
    _fields_ = [("huge_pages", HugePages), ("disk_bytes", c_uint64)] + lists(
        special_memory=SpecialMemoryWish, devices=DeviceWish, scalars=Scalar, ranges=PickWish, sets=PickWish
    )


class Standing(Structure):
    _fields_ = [("priority", c_uint32), ("revocable", c_uint32), ("reserved", c_uint32 * 2)]


class Request(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("level_wish", c_uint32),
        ("level", c_uint32),
        ("memory", c_uint32),
        ("mem_bytes", c_uint64),
        ("members", POINTER(Member)),
        ("members_len", c_size_t),
        ("extras", Wishes),
        ("standing", POINTER(Standing)),
    ]


class Holder(Structure):
    _fields_ = [("owner", c_uint64), ("role", c_uint32), ("reserved", c_uint32)]


class Answer(Structure):
    _fields_ = (
        [(name, c_uint64) for name in ("claim", "cpu_milli", "mem_bytes", "owner", "asked", "free", "best", "machine")]
        + [(name, c_uint32) for name in ("status", "agent", "pools_changed", "reason", "what", "permanent")]
        + [("pool_pus", c_uint32), ("leaving_pus", c_uint32), ("which", c_uint32), ("reserved", c_uint32 * 7)]
    )


class PlacedPu(Structure):
    _fields_ = [("pu", c_uint32), ("member", c_uint32)]


class PoolShare(Structure):
    _fields_ = [(name, c_uint32) for name in ("numa_node", "member", "cpu_milli", "reserved")]


class Memory(Structure):
    _fields_ = [("mem_bytes", c_uint64), ("numa_node", c_uint32), ("reserved", c_uint32)]


class NumaNodeHugePages(Structure):
    _fields_ = [("pages", HugePages), ("numa_node", c_uint32), ("reserved", c_uint32)]


class DeviceShare(Structure):
    _fields_ = [("device", c_uint32), ("milli", c_uint32)]


class Picked(Structure):
    _fields_ = [("first", c_uint64), ("last", c_uint64), ("name", c_uint32), ("reserved", c_uint32)]


class PlacedExtras(Structure):
    _fields_ = [("disk_bytes", c_uint64)] + buffers(
        huge_pages=NumaNodeHugePages,
        special_memory=Memory,
        devices=DeviceShare,
        scalars=Scalar,
        ranges=Picked,
        sets=Picked,
    )


class Placement(Structure):
    _fields_ = (
        [("size", c_uint32), ("memory_hold", c_uint32)]
        + buffers(pus=PlacedPu, shares=PoolShare, memory=Memory)
        + [("extras", PlacedExtras)]
        + buffers(groups=c_uint32)
    )


class Text(Structure):
    _fields_ = [("bytes", POINTER(c_char)), ("len", c_size_t)]


class AttributeValue(Structure):
    _fields_ = [("kind", c_uint32), ("reserved", c_uint32), ("scalar_milli", c_int64)] + lists(texts=Text, spans=Span)


class Attribute(Structure):
    _fields_ = [("name", c_uint32), ("reserved", c_uint32), ("value", AttributeValue)]


class Condition(Structure):
    _fields_ = [("name", c_uint32), ("test", c_uint32), ("scalar_milli", c_int64), ("span", Span)] + lists(texts=Text)


class Alternative(Structure):
    _fields_ = lists(conditions=Condition)


class Constraint(Structure):
    _fields_ = [("kind", c_uint32), ("reserved", c_uint32), ("condition", POINTER(Condition))] + lists(
        alternatives=Alternative, agents=c_uint32
    )


class GroupSpec(Structure):
    _fields_ = [(name, c_uint32) for name in ("size", "key", "attribute", "reserved")]


class Rule(Structure):
    _fields_ = [(name, c_uint32) for name in ("kind", "group", "members", "or_first", "max_skew")] + [
        ("reserved", c_uint32 * 3)
    ]


Predicate = CFUNCTYPE(c_uint32, c_void_p, c_uint32, POINTER(Attribute), c_size_t)


class SelectionSpec(Structure):
    _fields_ = (
        [("size", c_uint32), ("reserved", c_uint32)]
        + lists(constraints=Constraint, groups=c_uint32, rules=Rule)
        + [("predicate", Predicate), ("context", c_void_p)]
    )


class SnapshotAgent(Structure):
    _fields_ = [(name, c_uint32) for name in ("size", "state", "incarnation", "pus", "pus_free", "torn")]


def sized(kind, **fields):
    """A struct whose size says which version of it this program knows."""
    return kind(size=ctypes.sizeof(kind), **fields)


class Library:
    """Calls a function, and raises its message unless the status is one that is expected."""

    def __init__(self, path):
        self.library = ctypes.CDLL(path)

    def call(self, name, *arguments, expect=(OK,)):
        buffer = ctypes.create_string_buffer(256)
        message = Message(ctypes.cast(buffer, c_void_p), len(buffer), 0)
        status = getattr(self.library, name)(*arguments, byref(message))
        if status not in expect:
            raise RuntimeError(f"{name}: status {status}: {buffer.value.decode()}")
        return status, buffer.value.decode()


def make_shape(meros):
    """Eight cores of two PUs, an L3 cache for four of them, two NUMA nodes of 16 GiB, a GPU at the second, ports."""
    cores = (Core * 8)(*(Core(pus=2, l3=core // 4, numa_node=core // 4, package=NONE) for core in range(8)))
    numa_nodes = (NumaNode * 2)(NumaNode(mem_bytes=16 * GIB), NumaNode(mem_bytes=16 * GIB))
    spec = sized(ShapeSpec, cores=cores, cores_len=8, numa_nodes=numa_nodes, numa_nodes_len=2)
    spec.extras.devices, spec.extras.devices_len = (Device * 1)(Device(kind=GPU, numa_node=1)), 1
    spans = (Span * 1)(Span(first=31000, last=31999))
    spec.extras.ranges, spec.extras.ranges_len = (Ranges * 1)(Ranges(name=PORTS, spans=spans, spans_len=1)), 1
    shape = c_void_p()
    meros.call("meros_shape_new", byref(spec), byref(shape))
    return shape


def make_table(meros, shape, agents):
    capacity = sized(Capacity)
    meros.call("meros_capacity_for_agents", c_uint32(agents), shape, byref(capacity))
    table = c_void_p()
    meros.call("meros_table_new", byref(capacity), byref(table))
    role, agent = c_uint32(), c_uint32()
    meros.call("meros_role_add", table, None, byref(role))
    for _ in range(agents):
        meros.call("meros_agent_add", table, shape, byref(agent))
    return table


def give_room(struct):
    """Gives each list of a placement the room that its length asks for."""
    for name, kind, *_ in struct._fields_:
        if kind is PlacedExtras:
            give_room(struct.extras)
        elif name.endswith("_capacity"):
            buffer = name.removesuffix("_capacity")
            length = getattr(struct, f"{buffer}_len")
            setattr(struct, buffer, (dict(struct._fields_)[buffer]._type_ * length)())
            setattr(struct, name, length)


def read_placement(meros, name, *arguments):
    """The two-call pattern: ask how long the lists are, then read them."""
    placement = sized(Placement)
    meros.call(name, *arguments, byref(placement), expect=(OK, TOO_SMALL))
    give_room(placement)
    meros.call(name, *arguments, byref(placement))
    return placement


def placement_of(meros, table, claim):
    placement = read_placement(meros, "meros_placement_read", table, c_uint64(claim))
    pus = [pu.pu for pu in placement.pus[: placement.pus_len]]
    return pus, [(part.numa_node, part.mem_bytes) for part in placement.memory[: placement.memory_len]]


def place_with_extras(meros, table):
    """Two PUs beside 300 thousandths of a GPU, and two ports."""
    request = sized(Request, members=(Member * 1)(Member(pus=2)), members_len=1)
    wishes = request.extras
    wishes.devices, wishes.devices_len = (DeviceWish * 1)(DeviceWish(kind=GPU, milli=300, locality=DEVICES_REQUIRED)), 1
    wishes.ranges, wishes.ranges_len = (PickWish * 1)(PickWish(name=PORTS, count=2)), 1
    holder, answer = Holder(owner=10), Answer()
    meros.call("meros_place", table, None, byref(holder), byref(request), c_uint32(POLICY_PACK), byref(answer))
    placement = read_placement(meros, "meros_placement_read", table, c_uint64(answer.claim))
    device, ports = placement.extras.devices[0], placement.extras.ranges[0]
    print(f"with {device.milli}/1000 of device d{device.device}, ports {ports.first} to {ports.last}")
    assert placement.pus[0].pu >= 8, "beside the GPU"
    meros.call("meros_release", table, None, c_uint64(answer.claim), c_uint64(10), None)


def choose_and_claim(meros, table):
    """Chooses from a snapshot, and claims exactly that; a second time it is taken."""
    snapshot = c_void_p()
    meros.call("meros_snapshot_new", table, c_uint32(NONE), byref(snapshot))
    meros.call("meros_snapshot_refresh", snapshot, None)
    request = sized(Request, mem_bytes=GIB, members=(Member * 1)(Member(pus=4)), members_len=1)
    agent, info = c_uint32(1), sized(SnapshotAgent)
    meros.call("meros_snapshot_agent_read", snapshot, agent, byref(info))
    placement = read_placement(meros, "meros_snapshot_plan", snapshot, agent, byref(request))
    holder, answer, again = Holder(owner=11), Answer(), Answer()
    exact = (table, None, agent, c_uint32(info.incarnation), byref(holder), byref(placement))
    meros.call("meros_claim_exact", *exact, byref(answer))
    _, told = meros.call("meros_claim_exact", *exact, byref(again), expect=(REFUSED,))
    assert again.reason == REASON_TAKEN
    print(f"chosen from a snapshot with {info.pus_free} free PUs; once more: {told}")
    meros.call("meros_release", table, None, c_uint64(answer.claim), c_uint64(11), None)
    meros.library.meros_snapshot_free(snapshot)


def text(words):
    return (Text * 1)(Text(ctypes.create_string_buffer(words, len(words)), len(words)))


def place_by(meros, table, selection, owner):
    """Places two PUs by a selection; the claim may be ended for the sake of others."""
    standing = Standing(priority=1, revocable=1)
    members = (Member * 1)(Member(pus=2))
    request = sized(Request, members=members, members_len=1, standing=ctypes.pointer(standing))
    holder, answer = Holder(owner=owner), Answer()
    wanted = (table, None, byref(holder), byref(request), c_uint32(POLICY_PACK), selection)
    meros.call("meros_place_where", *wanted, byref(answer))
    return answer


def place_replicas(meros, table):
    """Two replicas that a rule keeps on different agents; the first is told anew in between, and is a member still."""
    group, selection = c_uint32(), c_void_p()
    meros.call("meros_group_add", table, byref(sized(GroupSpec, key=GROUP_BY_AGENT)), byref(group))
    rules = (Rule * 1)(Rule(kind=RULE_AT_MOST, group=group, members=1))
    groups = (c_uint32 * 1)(group.value)
    spec = sized(SelectionSpec, groups=groups, groups_len=1, rules=rules, rules_len=1)
    meros.call("meros_selection_new", table, byref(spec), byref(selection))
    one = place_by(meros, table, selection, owner=12)
    placement = read_placement(meros, "meros_placement_read", table, c_uint64(one.claim))
    assert placement.groups[: placement.groups_len] == [group.value], "a member"
    meros.call("meros_release", table, None, c_uint64(one.claim), c_uint64(12), None)
    told = (table, c_uint32(one.agent), byref(Holder(owner=12)), byref(placement))
    meros.call("meros_restore", *told, byref(one))
    other, standing = place_by(meros, table, selection, owner=12), Standing()
    assert one.agent != other.agent, "two of them on one agent"
    meros.call("meros_claim_standing", table, c_uint64(other.claim), byref(standing))
    assert (standing.priority, standing.revocable) == (1, 1)
    print(f"two replicas on agents a{one.agent} and a{other.agent}")
    for claim in (one.claim, other.claim):
        meros.call("meros_release", table, None, c_uint64(claim), c_uint64(12), None)
    meros.call("meros_group_remove", table, group)
    meros.library.meros_selection_free(selection)


def place_by_rack(meros, table):
    """A pod by rack, on an agent that a function of ours means."""
    for agent, rack in enumerate((b"west", b"east")):
        value = AttributeValue(kind=ATTRIBUTE_TEXT, texts=text(rack), texts_len=1)
        attributes = (Attribute * 1)(Attribute(name=RACK, value=value))
        meros.call("meros_agent_set_attributes", table, c_uint32(agent), attributes, c_size_t(1))
    asked = []

    @Predicate
    def means(_context, agent, attributes, _len):
        rack = attributes[0].value.texts[0]
        asked.append((agent, ctypes.string_at(rack.bytes, rack.len)))
        return 1

    condition = Condition(name=RACK, test=TEST_TEXT_IN, texts=text(b"east"), texts_len=1)
    constraints = (Constraint * 1)(Constraint(condition=ctypes.pointer(condition)))
    spec = sized(SelectionSpec, constraints=constraints, constraints_len=1, predicate=means)
    selection = c_void_p()
    meros.call("meros_selection_new", table, byref(spec), byref(selection))
    answer = place_by(meros, table, selection, owner=13)
    assert (answer.agent, asked) == (1, [(1, b"east")])
    print(f"a pod by rack on agent a{answer.agent}")
    meros.call("meros_release", table, None, c_uint64(answer.claim), c_uint64(13), None)
    meros.library.meros_selection_free(selection)


def main(path):
    meros = Library(path)
    assert meros.library.meros_abi_version() == 1
    shape = make_shape(meros)
    table = make_table(meros, shape, agents=2)

    members = (Member * 1)(Member(pus=4))
    request = sized(
        Request,
        level_wish=WISH_REQUIRED,
        level=LEVEL_L3,
        memory=MEMORY_REQUIRED,
        mem_bytes=4 * GIB,
        members=members,
        members_len=1,
    )
    taken, claims = set(), []
    for owner in range(1, 9):
        holder, answer = Holder(owner=owner), Answer()
        meros.call("meros_place", table, None, byref(holder), byref(request), c_uint32(POLICY_PACK), byref(answer))
        pus, memory = placement_of(meros, table, answer.claim)
        print(f"pod of {owner}: agent a{answer.agent}, PUs {pus}, memory {memory}")
        assert len(pus) == 4 and len({pu // 8 for pu in pus}) == 1, "four PUs under one L3 cache"
        assert memory == [(pus[0] // 8, 4 * GIB)], "memory beside them"
        here = {(answer.agent, pu) for pu in pus}
        assert not here & taken, "a PU in two hands"
        taken |= here
        claims.append((answer.claim, owner))

    holder, answer = Holder(owner=9), Answer()
    place = (table, None, byref(holder), byref(request), c_uint32(POLICY_PACK), byref(answer))
    _, told = meros.call("meros_place", *place, expect=(REFUSED,))
    line = ctypes.create_string_buffer(256)
    text = Message(ctypes.cast(line, c_void_p), len(line), 0)
    meros.call("meros_explain", table, c_uint32(0), byref(request), None, byref(text))
    print(f"the ninth: {told}; {line.value.decode()}")

    for claim, owner in claims:
        meros.call("meros_release", table, None, c_uint64(claim), c_uint64(owner), None)
    place_with_extras(meros, table)
    choose_and_claim(meros, table)
    place_replicas(meros, table)
    place_by_rack(meros, table)
    meros.call("meros_validate", table)
    used, claims_left = sized(Quantities), c_size_t(1)
    meros.call("meros_role_used", table, c_uint32(0), byref(used))
    assert (used.cpu_milli, used.mem_bytes) == (0, 0), "the role is charged for something"
    meros.call("meros_claims", table, c_uint32(NONE), None, c_size_t(0), byref(claims_left), expect=(OK, TOO_SMALL))
    assert claims_left.value == 0, "a claim is left"
    meros.library.meros_shape_free(shape)
    meros.library.meros_table_free(table)
    print("valid, and nothing is left")


if __name__ == "__main__":
    main(sys.argv[1])

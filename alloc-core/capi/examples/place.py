"""Embedding meros_alloc in Python: ctypes alone, no package.

    python3 alloc-core/capi/examples/place.py target/release/libmeros_alloc.so

Builds a machine's shape, places pods, prints where they are, and checks it.
"""

import ctypes
import sys
from ctypes import POINTER, Structure, byref, c_size_t, c_uint32, c_uint64, c_void_p

OK, REFUSED, TOO_SMALL = 0, 1, 8
NONE = 0xFFFFFFFF
WISH_REQUIRED, LEVEL_L3, MEMORY_REQUIRED, POLICY_PACK = 2, 1, 2, 0
GIB = 1 << 30


class Message(Structure):
    _fields_ = [("text", c_void_p), ("capacity", c_size_t), ("length", c_size_t)]


class Core(Structure):
    _fields_ = [(name, c_uint32) for name in ("pus", "l3", "numa_node", "package", "kind")] + [("reserved", c_uint32 * 3)]


class NumaNode(Structure):
    _fields_ = [("mem_bytes", c_uint64), ("reserved", c_uint64 * 7)]


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
    ]


class Capacity(Structure):
    _fields_ = [(name, c_uint32) for name in ("size", "shards", "agents", "lines", "claims", "roles", "threads", "shapes")]


class Member(Structure):
    _fields_ = [(name, c_uint32) for name in ("pus", "cores", "cpu_milli", "smt", "kind_wish", "kind")] + [
        ("reserved", c_uint32 * 2)
    ]


class Request(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("level_wish", c_uint32),
        ("level", c_uint32),
        ("memory", c_uint32),
        ("mem_bytes", c_uint64),
        ("members", POINTER(Member)),
        ("members_len", c_size_t),
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


class Placement(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("memory_hold", c_uint32),
        ("pus", POINTER(PlacedPu)),
        ("pus_capacity", c_size_t),
        ("pus_len", c_size_t),
        ("shares", POINTER(PoolShare)),
        ("shares_capacity", c_size_t),
        ("shares_len", c_size_t),
        ("memory", POINTER(Memory)),
        ("memory_capacity", c_size_t),
        ("memory_len", c_size_t),
    ]


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
    """Eight cores of two PUs, an L3 cache for four of them, two NUMA nodes of 16 GiB."""
    cores = (Core * 8)(*(Core(pus=2, l3=core // 4, numa_node=core // 4, package=NONE) for core in range(8)))
    numa_nodes = (NumaNode * 2)(NumaNode(mem_bytes=16 * GIB), NumaNode(mem_bytes=16 * GIB))
    spec = sized(ShapeSpec, cores=cores, cores_len=8, numa_nodes=numa_nodes, numa_nodes_len=2)
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


def placement_of(meros, table, claim):
    """The two-call pattern: ask how long the lists are, then read them."""
    placement = sized(Placement)
    meros.call("meros_placement_read", table, c_uint64(claim), byref(placement), expect=(OK, TOO_SMALL))
    pus, memory = (PlacedPu * placement.pus_len)(), (Memory * placement.memory_len)()
    placement.pus, placement.pus_capacity = pus, len(pus)
    placement.memory, placement.memory_capacity = memory, len(memory)
    meros.call("meros_placement_read", table, c_uint64(claim), byref(placement))
    return [pu.pu for pu in pus], [(part.numa_node, part.mem_bytes) for part in memory]


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
    meros.call("meros_validate", table)
    meros.library.meros_shape_free(shape)
    meros.library.meros_table_free(table)
    print("valid, and nothing is left")


if __name__ == "__main__":
    main(sys.argv[1])

/* Generated from alloc-core/capi/src by `cargo run -p meros-alloc-capi-codegen`. Do not edit: change the sources and run it again. */

/*
 * meros_alloc: NUMA-aware allocation core. No I/O, no threads, no clock of its own.
 *
 * Status. Every function that can fail returns a meros_status; MEROS_OK is 0. `message`, which may be NULL, is a buffer of the
 * caller's for a sentence; nothing is kept between calls. A function that answers MEROS_INVALID_ARGUMENT has changed nothing.
 *
 * Pointers. Null, misaligned and too long are answered with MEROS_INVALID_ARGUMENT. Beyond that the caller sees to it: a pointer leads
 * to as many elements as the length beside it says (1 where there is none); what a function reads is not written meanwhile, what
 * it writes is not used by others meanwhile; a handle came from this library and was not freed.
 *
 * Versions. Zero a struct, then set `size` to its sizeof where it has one: an older or newer library reads and writes what both
 * know. Fields called `reserved` must be 0.
 *
 * Numbers. Ids are plain integers. NUMA nodes and PUs are positions in a shape, never the operating system's numbers. Fields that
 * hold one of the enums below are uint32_t. 1 PU is 1000 cpu_milli; memory is counted in pages of 4096 bytes.
 *
 * Threads. "Any thread" means: any number at once. No function keeps a lock that a claim waits for.
 *
 * Lists. A function that fills arrays tells how many elements there are; ask with capacity 0 first, or with a guess.
 */

#ifndef MEROS_ALLOC_H
#define MEROS_ALLOC_H

#include <stddef.h>
#include <stdint.h>

/**
 * The version of this interface: functions and fields are added under the same version, nothing is taken away.
 */
#define MEROS_ABI_VERSION 1

/**
 * "None", of an id or label that may be absent.
 */
#define MEROS_NONE 4294967295

/**
 * "No claim": never the id of one. 0 may be one.
 */
#define MEROS_NO_CLAIM 18446744073709551615ull

/**
 * "No limit", of a role.
 */
#define MEROS_NO_LIMIT 18446744073709551615ull

/**
 * What came of a call. 0 is the only success; for the others, `message` has a sentence.
 */
enum meros_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Done: granted, released, transferred, written.
     */
    MEROS_OK = 0,
    /**
     * No, and nobody in flight can have caused it. The answer, where there is one, has the reason and its figures. Of a call on many:
     * some were not done, each answer has its own status.
     */
    MEROS_REFUSED = 1,
    /**
     * Others were in the way: it is not done, nor a part of it. Ask again.
     */
    MEROS_CONTENDED = 2,
    /**
     * The agent or the claim is not there (any more).
     */
    MEROS_GONE = 3,
    /**
     * The claim is somebody else's; the answer says whose.
     */
    MEROS_NOT_OWNER = 4,
    /**
     * A newer pool order exists: send that one, nothing was freed. Or the agent is another incarnation than an exact claim says.
     */
    MEROS_STALE = 5,
    /**
     * The table has no room for more of these: its capacity says how many.
     */
    MEROS_FULL = 6,
    /**
     * An argument cannot be meant; the message names it. Nothing was changed.
     */
    MEROS_INVALID_ARGUMENT = 7,
    /**
     * An array is too short; the lengths say what is needed. What has room is written.
     */
    MEROS_TOO_SMALL = 8,
    /**
     * meros_validate found a contradiction: a call was in flight, or a bug.
     */
    MEROS_INCONSISTENT = 9,
    /**
     * A bug in the library was caught on its way out; the message is the panic's. The table stays usable.
     */
    MEROS_PANIC = 10,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum meros_status meros_status;
#else
typedef uint32_t meros_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What becomes of the SMT siblings of exclusive PUs.
 */
enum meros_smt
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Whole cores: what is asked is rounded up to cores, nobody runs on a sibling.
     */
    MEROS_SMT_WHOLE = 0,
    /**
     * Exactly the PUs asked for, siblings kept together.
     */
    MEROS_SMT_KEPT = 1,
    /**
     * Exactly the PUs asked for, each on a core of its own.
     */
    MEROS_SMT_SPLIT = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum meros_smt meros_smt;
#else
typedef uint32_t meros_smt;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How much a wish counts.
 */
enum meros_wish
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * There is none.
     */
    MEROS_WISH_ANY = 0,
    /**
     * If it can be had.
     */
    MEROS_WISH_PREFERRED = 1,
    /**
     * That, or not at all.
     */
    MEROS_WISH_REQUIRED = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum meros_wish meros_wish;
#else
typedef uint32_t meros_wish;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How close together PUs are to be, closest first.
 */
enum meros_level
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * In one core.
     */
    MEROS_LEVEL_CORE = 0,
    /**
     * Under one L3 cache.
     */
    MEROS_LEVEL_L3 = 1,
    /**
     * In one NUMA node.
     */
    MEROS_LEVEL_NUMA_NODE = 2,
    /**
     * In one package.
     */
    MEROS_LEVEL_PACKAGE = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum meros_level meros_level;
#else
typedef uint32_t meros_level;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Where memory is to be, relative to the PUs.
 */
enum meros_memory_locality
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * PUs and memory from one NUMA node, or one group of them, if possible.
     */
    MEROS_MEMORY_LOCALITY_PREFERRED = 0,
    /**
     * Near the PUs where it fits, but PUs are chosen without regard to memory.
     */
    MEROS_MEMORY_LOCALITY_ANY = 1,
    /**
     * PUs and memory from one NUMA node or group, held so that nobody else can spill into it.
     */
    MEROS_MEMORY_LOCALITY_REQUIRED = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum meros_memory_locality meros_memory_locality;
#else
typedef uint32_t meros_memory_locality;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What place looks for among agents that fit.
 */
enum meros_policy
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The agent with the least left: keeps large gaps whole.
     */
    MEROS_POLICY_PACK = 0,
    /**
     * The agent with the most left: spreads load and risk.
     */
    MEROS_POLICY_SPREAD = 1,
    /**
     * Where what stays free keeps the most of its use for what is asked for most.
     */
    MEROS_POLICY_FRAGMENTATION_AWARE = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum meros_policy meros_policy;
#else
typedef uint32_t meros_policy;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Whether an agent takes new claims. What it holds stays as it is in every state.
 */
enum meros_agent_state
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * It takes new claims.
     */
    MEROS_AGENT_STATE_ACTIVE = 0,
    /**
     * It takes none for now: it is not connected.
     */
    MEROS_AGENT_STATE_INACTIVE = 1,
    /**
     * It takes none, and those it has are to end.
     */
    MEROS_AGENT_STATE_DRAINING = 2,
    /**
     * What is free there is offered to somebody.
     */
    MEROS_AGENT_STATE_OFFERED = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum meros_agent_state meros_agent_state;
#else
typedef uint32_t meros_agent_state;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * On what terms memory is held.
 */
enum meros_memory_hold
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * In use, and others may spill into the same NUMA nodes.
     */
    MEROS_MEMORY_HOLD_LOOSE = 0,
    /**
     * In use, and nobody can spill into these NUMA nodes.
     */
    MEROS_MEMORY_HOLD_STRICT = 1,
    /**
     * For later: an offer or a reservation; nothing runs in it.
     */
    MEROS_MEMORY_HOLD_HELD = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum meros_memory_hold meros_memory_hold;
#else
typedef uint32_t meros_memory_hold;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Where devices are to be, relative to the PUs.
 */
enum meros_device_locality
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * On NUMA nodes of the claim's cores or shares if possible, else as near as can be.
     */
    MEROS_DEVICE_LOCALITY_PREFERRED = 0,
    /**
     * Anywhere on the agent.
     */
    MEROS_DEVICE_LOCALITY_ANY = 1,
    /**
     * On NUMA nodes of the claim's cores or shares, or not at all.
     */
    MEROS_DEVICE_LOCALITY_REQUIRED = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum meros_device_locality meros_device_locality;
#else
typedef uint32_t meros_device_locality;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Whom a NUMA node's memory serves.
 */
enum meros_memory_mode
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Anybody: nobody was promised anything.
     */
    MEROS_MEMORY_MODE_OPEN = 0,
    /**
     * Claims of this NUMA node alone.
     */
    MEROS_MEMORY_MODE_SINGLE = 1,
    /**
     * Claims of one group of NUMA nodes.
     */
    MEROS_MEMORY_MODE_GROUP = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum meros_memory_mode meros_memory_mode;
#else
typedef uint32_t meros_memory_mode;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What the figures of a refusal count.
 */
enum meros_resource
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * There are no figures.
     */
    MEROS_RESOURCE_NOTHING = 0,
    /**
     * Exclusive PUs.
     */
    MEROS_RESOURCE_EXCLUSIVE_PUS = 1,
    /**
     * Thousandths of a PU: in a pool, or of a role's limit.
     */
    MEROS_RESOURCE_CPU_MILLI = 2,
    /**
     * Bytes of memory.
     */
    MEROS_RESOURCE_MEM_BYTES = 3,
    /**
     * Huge pages of 2 MiB.
     */
    MEROS_RESOURCE_HUGE2_MIB = 4,
    /**
     * Huge pages of 1 GiB.
     */
    MEROS_RESOURCE_HUGE1_GIB = 5,
    /**
     * Bytes of special memory; `which` is its kind.
     */
    MEROS_RESOURCE_SPECIAL_BYTES = 6,
    /**
     * Whole devices; `which` is their kind.
     */
    MEROS_RESOURCE_DEVICES = 7,
    /**
     * Thousandths of one device; `which` is its kind.
     */
    MEROS_RESOURCE_DEVICE_MILLI = 8,
    /**
     * Bytes of disk.
     */
    MEROS_RESOURCE_DISK_BYTES = 9,
    /**
     * Thousandths of a scalar; `which` is its name.
     */
    MEROS_RESOURCE_SCALAR_MILLI = 10,
    /**
     * Numbers of a range; `which` is its name.
     */
    MEROS_RESOURCE_NUMBERS = 11,
    /**
     * Items of a set; `which` is its name.
     */
    MEROS_RESOURCE_ITEMS = 12,
    /**
     * Of a role: bytes of huge pages of 2 MiB.
     */
    MEROS_RESOURCE_HUGE2_MIB_BYTES = 13,
    /**
     * Of a role: bytes of huge pages of 1 GiB.
     */
    MEROS_RESOURCE_HUGE1_GIB_BYTES = 14,
    /**
     * Of a role: thousandths of all devices together; `which` is their kind.
     */
    MEROS_RESOURCE_DEVICES_MILLI = 15,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum meros_resource meros_resource;
#else
typedef uint32_t meros_resource;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Why a call did not do what was asked; of a call that did, `MEROS_REASON_GRANTED`.
 */
enum meros_reason
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * It did: `MEROS_OK`.
     */
    MEROS_REASON_GRANTED = 0,
    /**
     * The agent is unknown, or the claim is not live.
     */
    MEROS_REASON_GONE = 1,
    /**
     * The claim is somebody else's.
     */
    MEROS_REASON_NOT_OWNER = 2,
    /**
     * The request cannot be meant; the message says why.
     */
    MEROS_REASON_INVALID = 3,
    /**
     * The role is unknown.
     */
    MEROS_REASON_NO_SUCH_ROLE = 4,
    /**
     * The agent takes no new claims for now.
     */
    MEROS_REASON_INACTIVE = 5,
    /**
     * The agent takes no new claims, and those it has are to end.
     */
    MEROS_REASON_DRAINING = 6,
    /**
     * It would not fit the empty machine either.
     */
    MEROS_REASON_LARGER_THAN_MACHINE = 7,
    /**
     * It would fit the empty machine.
     */
    MEROS_REASON_BUSY = 8,
    /**
     * It fits once the agent has confirmed that its pools are smaller.
     */
    MEROS_REASON_CORES_LEAVING = 9,
    /**
     * There is enough memory, but beside claims it may not be mixed with.
     */
    MEROS_REASON_STRICT_MEMORY = 10,
    /**
     * The role's limit.
     */
    MEROS_REASON_ROLE_LIMIT = 11,
    /**
     * The claim records are used up.
     */
    MEROS_REASON_RECORDS_FULL = 12,
    /**
     * No agent can take it now; meros_explain and meros_explain_where tell why.
     */
    MEROS_REASON_NO_AGENT = 13,
    /**
     * Something of an exact claim, or of what is to be restored, is not free.
     */
    MEROS_REASON_TAKEN = 14,
    /**
     * Two claims cannot be one; the message says why.
     */
    MEROS_REASON_UNMERGEABLE = 15,
    /**
     * A constraint, a predicate or a rule leaves the agent out.
     */
    MEROS_REASON_EXCLUDED = 16,
    /**
     * Others were in the way: ask again.
     */
    MEROS_REASON_CONTENDED = 17,
    /**
     * The agent is another incarnation than an exact claim says.
     */
    MEROS_REASON_STALE = 18,
    /**
     * A group is unknown; `which` is its id.
     */
    MEROS_REASON_NO_SUCH_GROUP = 19,
    /**
     * What is free on the agent is offered to somebody.
     */
    MEROS_REASON_OFFERED = 20,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum meros_reason meros_reason;
#else
typedef uint32_t meros_reason;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What the value of an attribute is.
 */
enum meros_attribute_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * A text.
     */
    MEROS_ATTRIBUTE_KIND_TEXT = 0,
    /**
     * A number, in thousandths.
     */
    MEROS_ATTRIBUTE_KIND_SCALAR = 1,
    /**
     * Ranges of numbers.
     */
    MEROS_ATTRIBUTE_KIND_RANGES = 2,
    /**
     * A set of texts.
     */
    MEROS_ATTRIBUTE_KIND_SET = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum meros_attribute_kind meros_attribute_kind;
#else
typedef uint32_t meros_attribute_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What is asked of an attribute. A value of another kind fails the test.
 */
enum meros_test
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The agent has it, whatever its value.
     */
    MEROS_TEST_EXISTS = 0,
    /**
     * The agent does not have it.
     */
    MEROS_TEST_ABSENT = 1,
    /**
     * It is one of `texts`.
     */
    MEROS_TEST_TEXT_IN = 2,
    /**
     * It is none of `texts`: another one, a value of another kind, or absent.
     */
    MEROS_TEST_TEXT_NOT_IN = 3,
    /**
     * It is a scalar of at least `scalar_milli`.
     */
    MEROS_TEST_SCALAR_AT_LEAST = 4,
    /**
     * It is a scalar of at most `scalar_milli`.
     */
    MEROS_TEST_SCALAR_AT_MOST = 5,
    /**
     * It is a scalar of just `scalar_milli`.
     */
    MEROS_TEST_SCALAR_IS = 6,
    /**
     * It is ranges that contain all of `span`.
     */
    MEROS_TEST_RANGES_CONTAIN = 7,
    /**
     * It is a set with all of `texts`.
     */
    MEROS_TEST_SET_HAS_ALL = 8,
    /**
     * It is a set with at least one of `texts`.
     */
    MEROS_TEST_SET_HAS_ANY = 9,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum meros_test meros_test;
#else
typedef uint32_t meros_test;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a constraint asks of an agent.
 */
enum meros_constraint_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * `condition` holds.
     */
    MEROS_CONSTRAINT_KIND_MEETS = 0,
    /**
     * In one of `alternatives`, all conditions hold.
     */
    MEROS_CONSTRAINT_KIND_ANY_OF = 1,
    /**
     * It is one of `agents`.
     */
    MEROS_CONSTRAINT_KIND_AGENT_IN = 2,
    /**
     * It is none of `agents`.
     */
    MEROS_CONSTRAINT_KIND_AGENT_NOT_IN = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum meros_constraint_kind meros_constraint_kind;
#else
typedef uint32_t meros_constraint_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * By what a group tells its members apart.
 */
enum meros_group_key
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The agent they are on.
     */
    MEROS_GROUP_KEY_AGENT = 0,
    /**
     * Their agent's value of an attribute.
     */
    MEROS_GROUP_KEY_ATTRIBUTE = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum meros_group_key meros_group_key;
#else
typedef uint32_t meros_group_key;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a value of a group's key is.
 */
enum meros_group_value_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Their agents do not have the attribute.
     */
    MEROS_GROUP_VALUE_KIND_ABSENT = 0,
    /**
     * An agent.
     */
    MEROS_GROUP_VALUE_KIND_AGENT = 1,
    /**
     * A value of the attribute.
     */
    MEROS_GROUP_VALUE_KIND_ATTRIBUTE = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum meros_group_value_kind meros_group_value_kind;
#else
typedef uint32_t meros_group_value_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a placement minds of a group. On an agent that does not have the group's attribute only `MEROS_RULE_KIND_APART` holds.
 */
enum meros_rule_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * At most `members` per value, the new one included. Exact for who joins the group: of two that come at once none goes beyond.
     */
    MEROS_RULE_KIND_AT_MOST = 0,
    /**
     * Only on a value that has a member; with `or_first` also while the group has none anywhere. Who joins the group as well is then its
     * first member, or is not placed.
     */
    MEROS_RULE_KIND_NEAR = 1,
    /**
     * Only on a value that has no member. Of two that come at once and avoid each other's groups, one at least gives way.
     */
    MEROS_RULE_KIND_APART = 2,
    /**
     * The value with fewest members is preferred; of several such rules by the first. No value comes to exceed the one with fewest, of
     * the values of all agents selected, by more than `max_skew`. Exact for who joins the group.
     */
    MEROS_RULE_KIND_SPREAD = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum meros_rule_kind meros_rule_kind;
#else
typedef uint32_t meros_rule_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A thread's handle on a table: it makes its calls quick. One thread at a time; it may be handed to another between calls.
 */
typedef struct meros_local meros_local;

/**
 * Which agents requests of one shape may go to, worked out once and used by many calls. It follows what changes in its table. One
 * thread at a time; it may be handed to another between calls.
 */
typedef struct meros_selection meros_selection;

/**
 * A machine's shape, checked. It never changes; any number of threads may use it. Free it with meros_shape_free, also while
 * agents have it.
 */
typedef struct meros_shape meros_shape;

/**
 * A copy of all agents, or of a shard's, of the moment of its last refresh. Any number of threads may read it, or one refresh it.
 */
typedef struct meros_snapshot meros_snapshot;

/**
 * All agents, roles and claims. Any number of threads may use it at once. Free it with meros_table_free; handles of threads on it may
 * be freed before or after.
 */
typedef struct meros_table meros_table;

/**
 * A buffer for text. A function that takes one sets `length` and, where `capacity` is not 0, writes UTF-8 that ends with a 0.
 * It is cut between characters when it does not fit: `length` tells what there would be, without the 0.
 */
typedef struct meros_message {
    /**
     * The buffer; may be NULL when `capacity` is 0.
     */
    char *text;
    /**
     * Bytes of the buffer.
     */
    size_t capacity;
    /**
     * Bytes of the whole text. Set by the library.
     */
    size_t length;
} meros_message;

/**
 * An agent at this moment.
 */
typedef struct meros_agent_info {
    /**
     * sizeof(meros_agent_info).
     */
    uint32_t size;
    /**
     * A meros_agent_state.
     */
    uint32_t state;
    /**
     * Counts the machines that had this id, this one included.
     */
    uint32_t incarnation;
    /**
     * PUs of its shape.
     */
    uint32_t pus;
    /**
     * NUMA nodes of its shape.
     */
    uint32_t numa_nodes;
    /**
     * 0.
     */
    uint32_t reserved;
} meros_agent_info;

/**
 * An agent as it was copied.
 */
typedef struct meros_snapshot_agent {
    /**
     * sizeof(meros_snapshot_agent).
     */
    uint32_t size;
    /**
     * A meros_agent_state.
     */
    uint32_t state;
    /**
     * Counts the machines that had this id, this one included: for meros_claim_exact.
     */
    uint32_t incarnation;
    /**
     * PUs of its shape.
     */
    uint32_t pus;
    /**
     * PUs nobody has.
     */
    uint32_t pus_free;
    /**
     * 1 when its words are not known to be of one moment.
     */
    uint32_t torn;
} meros_snapshot_agent;

/**
 * What cores with equal labels, at most 32 PUs, have free.
 */
typedef struct meros_leaf_free {
    /**
     * The NUMA node of its cores, or `MEROS_NONE`.
     */
    uint32_t numa_node;
    /**
     * Their L3 cache, or `MEROS_NONE`.
     */
    uint32_t l3;
    /**
     * Their package, or `MEROS_NONE`.
     */
    uint32_t package;
    /**
     * Their kind.
     */
    uint32_t kind;
    /**
     * Free PUs.
     */
    uint32_t pus;
    /**
     * Cores that are free with all their PUs.
     */
    uint32_t cores;
    /**
     * 0.
     */
    uint32_t reserved[2];
} meros_leaf_free;

/**
 * What an L3 domain, a NUMA node or a package has free.
 */
typedef struct meros_domain_free {
    /**
     * Its number, as in the shape.
     */
    uint32_t label;
    /**
     * Free PUs.
     */
    uint32_t pus;
    /**
     * Cores that are free with all their PUs.
     */
    uint32_t cores;
    /**
     * 0.
     */
    uint32_t reserved;
} meros_domain_free;

/**
 * What a NUMA node's memory has.
 */
typedef struct meros_memory_usage {
    /**
     * The NUMA node.
     */
    uint32_t numa_node;
    /**
     * A meros_memory_mode: whom it serves.
     */
    uint32_t mode;
    /**
     * All of it, in bytes.
     */
    uint64_t total_bytes;
    /**
     * What is free.
     */
    uint64_t free_bytes;
    /**
     * 0.
     */
    uint64_t reserved;
} meros_memory_usage;

/**
 * What a pool has: the cores of a NUMA node that shared claims run on.
 */
typedef struct meros_pool_usage {
    /**
     * Its NUMA node; `MEROS_NONE` for the pool of the cores that are in no NUMA node.
     */
    uint32_t numa_node;
    /**
     * What its cores come to, in thousandths of a PU.
     */
    uint32_t capacity_milli;
    /**
     * What is promised.
     */
    uint32_t committed_milli;
    /**
     * The epoch of its newest order.
     */
    uint32_t epoch;
    /**
     * 0.
     */
    uint32_t reserved[4];
} meros_pool_usage;

/**
 * CPU wanted by one member of a pod. Exactly one of `pus`, `cores` and `cpu_milli` is set.
 */
typedef struct meros_member {
    /**
     * PUs nobody else runs on.
     */
    uint32_t pus;
    /**
     * Or whole cores, however many PUs each has.
     */
    uint32_t cores;
    /**
     * Or a share of a pool, in thousandths of a PU.
     */
    uint32_t cpu_milli;
    /**
     * A meros_smt: what becomes of the siblings of `pus`.
     */
    uint32_t smt;
    /**
     * A meros_wish: how much `kind` counts.
     */
    uint32_t kind_wish;
    /**
     * Which kind of core, on machines that have several.
     */
    uint32_t kind;
    /**
     * 0.
     */
    uint32_t reserved[2];
} meros_member;

/**
 * Numbers of huge pages.
 */
typedef struct meros_huge_pages {
    /**
     * Pages of 2 MiB.
     */
    uint64_t mib2;
    /**
     * Pages of 1 GiB.
     */
    uint64_t gib1;
} meros_huge_pages;

/**
 * Memory of a special kind, from the NUMA nodes of this kind that are nearest to the PUs.
 */
typedef struct meros_special_memory_wish {
    /**
     * In bytes, at least 1; rounded up to pages.
     */
    uint64_t mem_bytes;
    /**
     * The kind, as in meros_numa_node_spec; not 0.
     */
    uint32_t kind;
    /**
     * 0.
     */
    uint32_t reserved;
} meros_special_memory_wish;

/**
 * Devices of one kind. One of `whole` and `milli` is set.
 */
typedef struct meros_device_wish {
    /**
     * The kind, as in meros_device_spec.
     */
    uint32_t kind;
    /**
     * So many whole devices.
     */
    uint32_t whole;
    /**
     * Or thousandths of one device, at most 1000. Shared devices are filled up before another is begun.
     */
    uint32_t milli;
    /**
     * A meros_device_locality: where they are to be.
     */
    uint32_t locality;
} meros_device_wish;

/**
 * An amount of a named scalar: there is, wanted, or held.
 */
typedef struct meros_scalar {
    /**
     * In thousandths; less than 2^50.
     */
    uint64_t milli;
    /**
     * Its name: a number that the caller gives each name once.
     */
    uint32_t name;
    /**
     * 0.
     */
    uint32_t reserved;
} meros_scalar;

/**
 * Numbers from `first` to `last`, both included.
 */
typedef struct meros_span {
    /**
     * The first.
     */
    uint64_t first;
    /**
     * The last; not below the first.
     */
    uint64_t last;
} meros_span;

/**
 * Numbers of a named range, or items of a named set by their positions. One of `count` and `spans_len` is set.
 */
typedef struct meros_pick_wish {
    /**
     * The range or set.
     */
    uint32_t name;
    /**
     * Any so many.
     */
    uint32_t count;
    /**
     * Or these, sorted, none twice.
     */
    const struct meros_span *spans;
    /**
     * How many spans.
     */
    size_t spans_len;
} meros_pick_wish;

/**
 * What is asked for besides PUs and memory. Each list is sorted by kind or name and names nothing twice.
 */
typedef struct meros_wishes {
    /**
     * Huge pages, beside the memory.
     */
    struct meros_huge_pages huge_pages;
    /**
     * Disk, in bytes; rounded up to blocks of 4096.
     */
    uint64_t disk_bytes;
    /**
     * Memory of special NUMA nodes.
     */
    const struct meros_special_memory_wish *special_memory;
    /**
     * How many kinds of it.
     */
    size_t special_memory_len;
    /**
     * Devices.
     */
    const struct meros_device_wish *devices;
    /**
     * How many kinds of them.
     */
    size_t devices_len;
    /**
     * Named scalars.
     */
    const struct meros_scalar *scalars;
    /**
     * How many scalars.
     */
    size_t scalars_len;
    /**
     * Numbers of named ranges.
     */
    const struct meros_pick_wish *ranges;
    /**
     * How many ranges.
     */
    size_t ranges_len;
    /**
     * Items of named sets.
     */
    const struct meros_pick_wish *sets;
    /**
     * How many sets.
     */
    size_t sets_len;
} meros_wishes;

/**
 * How a claim stands against others. Nothing in placing or charging a claim depends on it.
 */
typedef struct meros_standing {
    /**
     * 0 to 127; more is more important.
     */
    uint32_t priority;
    /**
     * 1 when it may be ended for the sake of others; else 0.
     */
    uint32_t revocable;
    /**
     * 0.
     */
    uint32_t reserved[2];
} meros_standing;

/**
 * What somebody wants of one agent.
 */
typedef struct meros_request {
    /**
     * sizeof(meros_request).
     */
    uint32_t size;
    /**
     * A meros_wish: how much `level` counts.
     */
    uint32_t level_wish;
    /**
     * A meros_level: how close together the PUs are to be.
     */
    uint32_t level;
    /**
     * A meros_memory_locality.
     */
    uint32_t memory;
    /**
     * Memory in bytes, rounded up to pages of 4096; 0 for none.
     */
    uint64_t mem_bytes;
    /**
     * The members; most pods have one.
     */
    const struct meros_member *members;
    /**
     * How many members, at most 8.
     */
    size_t members_len;
    /**
     * What else is wanted.
     */
    struct meros_wishes extras;
    /**
     * How the claim is to stand. NULL for priority 0, not revocable; in a split for as its claim does. A resize leaves it as it is.
     */
    const struct meros_standing *standing;
} meros_request;

/**
 * A PU that a member holds exclusively.
 */
typedef struct meros_placed_pu {
    /**
     * The PU: its position in the shape.
     */
    uint32_t pu;
    /**
     * Which member of the request, from 0.
     */
    uint32_t member;
} meros_placed_pu;

/**
 * A member's share of one pool.
 */
typedef struct meros_pool_share {
    /**
     * The pool's NUMA node; `MEROS_NONE` for the pool of the cores that are in no NUMA node.
     */
    uint32_t numa_node;
    /**
     * Which member of the request, from 0.
     */
    uint32_t member;
    /**
     * Thousandths of a PU.
     */
    uint32_t cpu_milli;
    /**
     * 0.
     */
    uint32_t reserved;
} meros_pool_share;

/**
 * Memory of one NUMA node.
 */
typedef struct meros_numa_node_memory {
    /**
     * Bytes, a whole number of pages.
     */
    uint64_t mem_bytes;
    /**
     * The NUMA node.
     */
    uint32_t numa_node;
    /**
     * 0.
     */
    uint32_t reserved;
} meros_numa_node_memory;

/**
 * Huge pages of one NUMA node.
 */
typedef struct meros_numa_node_huge_pages {
    /**
     * How many.
     */
    struct meros_huge_pages pages;
    /**
     * The NUMA node.
     */
    uint32_t numa_node;
    /**
     * 0.
     */
    uint32_t reserved;
} meros_numa_node_huge_pages;

/**
 * A device, or a part of one.
 */
typedef struct meros_device_share {
    /**
     * The device: its position in the shape.
     */
    uint32_t device;
    /**
     * In thousandths; 1000 is all of it.
     */
    uint32_t milli;
} meros_device_share;

/**
 * Numbers of a named range, or items of a named set by their positions: from `first` to `last`, both included.
 */
typedef struct meros_picked {
    /**
     * The first.
     */
    uint64_t first;
    /**
     * The last.
     */
    uint64_t last;
    /**
     * The range or set.
     */
    uint32_t name;
    /**
     * 0.
     */
    uint32_t reserved;
} meros_picked;

/**
 * What a claim holds besides PUs, pool shares and ordinary memory. Each list is sorted and names nothing twice; of one range or set there
 * may be several entries. A list may be NULL when its capacity is 0.
 */
typedef struct meros_placed_extras {
    /**
     * Disk in bytes, a whole number of blocks of 4096.
     */
    uint64_t disk_bytes;
    /**
     * Huge pages.
     */
    struct meros_numa_node_huge_pages *huge_pages;
    /**
     * The room of `huge_pages`.
     */
    size_t huge_pages_capacity;
    /**
     * How many NUMA nodes with huge pages there are.
     */
    size_t huge_pages_len;
    /**
     * Memory of special NUMA nodes.
     */
    struct meros_numa_node_memory *special_memory;
    /**
     * The room of `special_memory`.
     */
    size_t special_memory_capacity;
    /**
     * How many special NUMA nodes there are.
     */
    size_t special_memory_len;
    /**
     * Devices.
     */
    struct meros_device_share *devices;
    /**
     * The room of `devices`.
     */
    size_t devices_capacity;
    /**
     * How many devices there are.
     */
    size_t devices_len;
    /**
     * Named scalars.
     */
    struct meros_scalar *scalars;
    /**
     * The room of `scalars`.
     */
    size_t scalars_capacity;
    /**
     * How many scalars there are.
     */
    size_t scalars_len;
    /**
     * Numbers of named ranges.
     */
    struct meros_picked *ranges;
    /**
     * The room of `ranges`.
     */
    size_t ranges_capacity;
    /**
     * How many spans of ranges there are.
     */
    size_t ranges_len;
    /**
     * Items of named sets.
     */
    struct meros_picked *sets;
    /**
     * The room of `sets`.
     */
    size_t sets_capacity;
    /**
     * How many spans of sets there are.
     */
    size_t sets_len;
} meros_placed_extras;

/**
 * What a claim holds. Each list is sorted by member and id and names nothing twice. The library writes it in meros_placement, and reads it
 * in meros_split_exact, meros_claim_exact and meros_restore, where the lengths count and the capacities do not.
 */
typedef struct meros_placement {
    /**
     * sizeof(meros_placement).
     */
    uint32_t size;
    /**
     * A meros_memory_hold: on what terms the memory is held.
     */
    uint32_t memory_hold;
    /**
     * PUs; may be NULL when `pus_capacity` is 0.
     */
    struct meros_placed_pu *pus;
    /**
     * The room of `pus`.
     */
    size_t pus_capacity;
    /**
     * How many PUs there are.
     */
    size_t pus_len;
    /**
     * Shares of pools; may be NULL when `shares_capacity` is 0.
     */
    struct meros_pool_share *shares;
    /**
     * The room of `shares`.
     */
    size_t shares_capacity;
    /**
     * How many shares there are.
     */
    size_t shares_len;
    /**
     * Memory, also of NUMA nodes with 0 bytes that the claim may use; may be NULL when `memory_capacity` is 0.
     */
    struct meros_numa_node_memory *memory;
    /**
     * The room of `memory`.
     */
    size_t memory_capacity;
    /**
     * How many NUMA nodes there are.
     */
    size_t memory_len;
    /**
     * What else is held.
     */
    struct meros_placed_extras extras;
    /**
     * Groups that the claim is a member of, in any order; may be NULL when `groups_capacity` is 0. Restored, it counts for the value that
     * its agent has then. On a fresh table, add the groups first, and put their new ids here. A piece that is split off and an exact
     * claim join none.
     */
    uint32_t *groups;
    /**
     * The room of `groups`.
     */
    size_t groups_capacity;
    /**
     * How many groups there are.
     */
    size_t groups_len;
} meros_placement;

/**
 * A text in UTF-8. No 0 need follow it.
 */
typedef struct meros_text {
    /**
     * The text; may be NULL when `len` is 0.
     */
    const char *bytes;
    /**
     * Its length in bytes, without any 0 after it.
     */
    size_t len;
} meros_text;

/**
 * The value of an attribute. What has no meaning beside its kind is 0.
 */
typedef struct meros_attribute_value {
    /**
     * A meros_attribute_kind.
     */
    uint32_t kind;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * Of a scalar: the number, in thousandths.
     */
    int64_t scalar_milli;
    /**
     * Of a text: one. Of a set: its texts, in any order; the library sorts them.
     */
    const struct meros_text *texts;
    /**
     * How many texts.
     */
    size_t texts_len;
    /**
     * Of ranges: the numbers, in any order; the library sorts them and makes one of those that touch.
     */
    const struct meros_span *spans;
    /**
     * How many spans.
     */
    size_t spans_len;
} meros_attribute_value;

/**
 * An attribute of an agent.
 */
typedef struct meros_attribute {
    /**
     * Its name: a number that the caller gives each name once.
     */
    uint32_t name;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * Its value.
     */
    struct meros_attribute_value value;
} meros_attribute;

/**
 * Arrays of the caller's that values which are read point into; each may be NULL when its capacity is 0. What has no room there is NULL
 * where it would be pointed at.
 */
typedef struct meros_value_room {
    /**
     * Texts.
     */
    struct meros_text *texts;
    /**
     * The room of `texts`.
     */
    size_t texts_capacity;
    /**
     * How many texts there are. Set by the library.
     */
    size_t texts_len;
    /**
     * Spans of ranges.
     */
    struct meros_span *spans;
    /**
     * The room of `spans`.
     */
    size_t spans_capacity;
    /**
     * How many spans there are. Set by the library.
     */
    size_t spans_len;
    /**
     * The texts' bytes; no 0 follows a text.
     */
    char *bytes;
    /**
     * The room of `bytes`.
     */
    size_t bytes_capacity;
    /**
     * How many bytes there are. Set by the library.
     */
    size_t bytes_len;
} meros_value_room;

/**
 * All attributes of an agent, in the caller's arrays.
 */
typedef struct meros_attributes {
    /**
     * sizeof(meros_attributes).
     */
    uint32_t size;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * The caller's array for the attributes, sorted by name; may be NULL when `values_capacity` is 0.
     */
    struct meros_attribute *values;
    /**
     * Its room.
     */
    size_t values_capacity;
    /**
     * How many attributes there are. Set by the library.
     */
    size_t values_len;
    /**
     * Where what the values point at goes.
     */
    struct meros_value_room room;
} meros_attributes;

/**
 * Who holds a claim, and which role is charged for it.
 */
typedef struct meros_holder {
    /**
     * Who may change the claim: a number of the caller's choice (an offer, a pod, a reservation).
     */
    uint64_t owner;
    /**
     * Which role is charged. It stays with the claim, also through transfer and split.
     */
    uint32_t role;
    /**
     * 0.
     */
    uint32_t reserved;
} meros_holder;

/**
 * What came of a call on claims. Written whole, whatever came of it; not written when an argument could not be read
 * (`MEROS_INVALID_ARGUMENT`) and after `MEROS_PANIC`.
 */
typedef struct meros_answer {
    /**
     * The new claim's id; `MEROS_NO_CLAIM` when there is none. Every number is safe to hand to any function.
     */
    uint64_t claim;
    /**
     * CPU that the role was charged or refunded, in thousandths of a PU.
     */
    uint64_t cpu_milli;
    /**
     * Ordinary memory that the role was charged or refunded, in bytes.
     */
    uint64_t mem_bytes;
    /**
     * With `MEROS_NOT_OWNER`: whose the claim is.
     */
    uint64_t owner;
    /**
     * Of a refusal, in the unit of `what`: how much was asked.
     */
    uint64_t asked;
    /**
     * How much is free on the agent (in the parent, for a split; in the role's limit).
     */
    uint64_t free;
    /**
     * The most that is free and of use to the request in one place.
     */
    uint64_t best;
    /**
     * The same on the empty machine (the role's limit).
     */
    uint64_t machine;
    /**
     * A meros_status, as the call returns it.
     */
    uint32_t status;
    /**
     * The agent; `MEROS_NONE` when it is about none.
     */
    uint32_t agent;
    /**
     * 1 when pools of `agent` gained or lost cores, also when nothing was granted: read meros_pool_orders. Of a gang undone: may have.
     */
    uint32_t pools_changed;
    /**
     * A meros_reason; `MEROS_REASON_GRANTED` with `MEROS_OK`, and only then.
     */
    uint32_t reason;
    /**
     * A meros_resource: what the figures count.
     */
    uint32_t what;
    /**
     * 1 when waiting cannot help.
     */
    uint32_t permanent;
    /**
     * PUs in the agent's pools.
     */
    uint32_t pool_pus;
    /**
     * PUs that left pools and wait for the agent's confirmation.
     */
    uint32_t leaving_pus;
    /**
     * Which of `what`: its kind or name, `MEROS_NONE` where it has none; with `MEROS_REASON_TAKEN` the PU, or the NUMA node of the
     * pool or the memory; with `MEROS_REASON_NO_SUCH_GROUP` the group.
     */
    uint32_t which;
    /**
     * 0.
     */
    uint32_t reserved[7];
} meros_answer;

/**
 * How much a hold takes at most, of what is free.
 */
typedef struct meros_hold_limit {
    /**
     * sizeof(meros_hold_limit).
     */
    uint32_t size;
    /**
     * PUs, in cores that are wholly free; rounded down to cores. `UINT32_MAX` for all.
     */
    uint32_t exclusive_pus;
    /**
     * Thousandths of a PU, of the room pools have left. `UINT32_MAX` for all.
     */
    uint32_t pool_milli;
    /**
     * 1 when all that is free of the rest is held too: huge pages, special memory, devices, disk, scalars, ranges, sets; else 0.
     */
    uint32_t extras;
    /**
     * Memory in bytes, rounded down to pages. `UINT64_MAX` for all.
     */
    uint64_t mem_bytes;
} meros_hold_limit;

/**
 * A claim and its owner, to be released.
 */
typedef struct meros_claimed {
    /**
     * The claim.
     */
    uint64_t claim;
    /**
     * Its owner.
     */
    uint64_t owner;
} meros_claimed;

/**
 * Why a request is pending, in figures.
 */
typedef struct meros_explanation {
    /**
     * sizeof(meros_explanation).
     */
    uint32_t size;
    /**
     * Agents asked.
     */
    uint32_t agents;
    /**
     * Agents that could grant it at this moment.
     */
    uint32_t feasible;
    /**
     * 1 when no agent could grant it even if it were empty.
     */
    uint32_t never_fits;
} meros_explanation;

/**
 * What a gang wants of one agent.
 */
typedef struct meros_gang_part {
    /**
     * The agent.
     */
    uint32_t agent;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * What is wanted of it; parts may share one.
     */
    const struct meros_request *request;
} meros_gang_part;

/**
 * What a group is to be.
 */
typedef struct meros_group_spec {
    /**
     * sizeof(meros_group_spec).
     */
    uint32_t size;
    /**
     * A meros_group_key: by what its members are told apart.
     */
    uint32_t key;
    /**
     * The attribute's name, with `MEROS_GROUP_KEY_ATTRIBUTE`. Each value that any agent ever had of it keeps a counter in the group: for
     * racks, zones and kinds, not for values that are new each time.
     */
    uint32_t attribute;
    /**
     * 0.
     */
    uint32_t reserved;
} meros_group_spec;

/**
 * A value of a group's key, and how many members are on it.
 */
typedef struct meros_group_value {
    /**
     * How many, at least 1.
     */
    uint64_t members;
    /**
     * A meros_group_value_kind.
     */
    uint32_t kind;
    /**
     * The agent, where the value is one; else `MEROS_NONE`.
     */
    uint32_t agent;
    /**
     * The value of the attribute, where it is one; else zeroed.
     */
    struct meros_attribute_value value;
} meros_group_value;

/**
 * The members of a group, counted per value, in the caller's arrays.
 */
typedef struct meros_group_members {
    /**
     * sizeof(meros_group_members).
     */
    uint32_t size;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * The caller's array for the values, sorted; may be NULL when `values_capacity` is 0.
     */
    struct meros_group_value *values;
    /**
     * Its room.
     */
    size_t values_capacity;
    /**
     * How many values have members. Set by the library.
     */
    size_t values_len;
    /**
     * Where what the values point at goes.
     */
    struct meros_value_room room;
} meros_group_members;

/**
 * The cores that shared claims of one NUMA node run on, as the agent is to set them. Orders of one pool replace each other. Send it
 * when `epoch` differs from the one sent last, and answer with meros_pool_confirm once the agent runs it.
 */
typedef struct meros_pool_order {
    /**
     * The pool's NUMA node; `MEROS_NONE` for the pool of the cores that are in no NUMA node.
     */
    uint32_t numa_node;
    /**
     * Which order this is; 0 for a pool that never had a core.
     */
    uint32_t epoch;
    /**
     * Where its PUs begin in the array of all pools' PUs.
     */
    uint32_t pus_first;
    /**
     * How many they are; sorted, whole cores.
     */
    uint32_t pus_len;
    /**
     * 0.
     */
    uint32_t reserved[4];
} meros_pool_order;

/**
 * CPU and memory: of a role's limit, or what it is charged.
 */
typedef struct meros_quantities {
    /**
     * sizeof(meros_quantities).
     */
    uint32_t size;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * CPU, in thousandths of a PU; of a limit perhaps `MEROS_NO_LIMIT`.
     */
    uint64_t cpu_milli;
    /**
     * Ordinary memory, in bytes; of a limit perhaps `MEROS_NO_LIMIT`.
     */
    uint64_t mem_bytes;
} meros_quantities;

/**
 * An attribute and what is asked of it. What has no meaning beside its test is 0.
 */
typedef struct meros_condition {
    /**
     * The attribute's name.
     */
    uint32_t name;
    /**
     * A meros_test.
     */
    uint32_t test;
    /**
     * The number that a scalar is compared with, in thousandths.
     */
    int64_t scalar_milli;
    /**
     * The numbers that ranges are to contain.
     */
    struct meros_span span;
    /**
     * The texts to compare with; at least one, where the test is of texts.
     */
    const struct meros_text *texts;
    /**
     * How many texts.
     */
    size_t texts_len;
} meros_condition;

/**
 * Conditions that hold together.
 */
typedef struct meros_alternative {
    /**
     * The conditions.
     */
    const struct meros_condition *conditions;
    /**
     * How many; of none, all hold.
     */
    size_t conditions_len;
} meros_alternative;

/**
 * What an agent must meet. What has no meaning beside its kind is 0.
 */
typedef struct meros_constraint {
    /**
     * A meros_constraint_kind.
     */
    uint32_t kind;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * With `MEROS_CONSTRAINT_KIND_MEETS`: the one condition.
     */
    const struct meros_condition *condition;
    /**
     * With `MEROS_CONSTRAINT_KIND_ANY_OF`: at least one.
     */
    const struct meros_alternative *alternatives;
    /**
     * How many alternatives.
     */
    size_t alternatives_len;
    /**
     * With `MEROS_CONSTRAINT_KIND_AGENT_IN` and `MEROS_CONSTRAINT_KIND_AGENT_NOT_IN`: the agents, in any order.
     */
    const uint32_t *agents;
    /**
     * How many agents.
     */
    size_t agents_len;
} meros_constraint;

/**
 * What a placement minds of a group. What has no meaning beside its kind is 0.
 */
typedef struct meros_rule {
    /**
     * A meros_rule_kind.
     */
    uint32_t kind;
    /**
     * The group.
     */
    uint32_t group;
    /**
     * With `MEROS_RULE_KIND_AT_MOST`: how many members a value may have, 1 to 65534.
     */
    uint32_t members;
    /**
     * With `MEROS_RULE_KIND_NEAR`: 1 when the first member may be anywhere; else 0.
     */
    uint32_t or_first;
    /**
     * With `MEROS_RULE_KIND_SPREAD`: by how much a value may come to exceed the one with fewest, 1 to 65535; `MEROS_NONE` for no limit.
     */
    uint32_t max_skew;
    /**
     * 0.
     */
    uint32_t reserved[3];
} meros_rule;

/**
 * What a selection is to be. All constraints and the predicate must hold of an agent.
 */
typedef struct meros_selection_spec {
    /**
     * sizeof(meros_selection_spec).
     */
    uint32_t size;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * The constraints; without any, all agents.
     */
    const struct meros_constraint *constraints;
    /**
     * How many constraints, at most 256.
     */
    size_t constraints_len;
    /**
     * Groups that the claims join.
     */
    const uint32_t *groups;
    /**
     * How many groups.
     */
    size_t groups_len;
    /**
     * Rules that the claims mind.
     */
    const struct meros_rule *rules;
    /**
     * How many rules.
     */
    size_t rules_len;
    /**
     * A function that answers 0 for an agent that is not meant, or NULL. It is asked once for each agent that meets the constraints, and
     * again when the agent has changed, on the thread that uses the selection, with no lock held. What it gets is there for the call only.
     * It may use the table, but not this selection, nor the meros_local of the call that asks. It must not longjmp, nor unwind: an
     * exception of C++ that leaves it ends the process.
     */
    uint32_t (*predicate)(void *context, uint32_t agent, const struct meros_attribute *attributes, size_t len);
    /**
     * Passed to `predicate`; it must stay until meros_selection_free.
     */
    void *context;
} meros_selection_spec;

/**
 * One core. Equal labels mean the same L3 cache, NUMA node, package, kind; they need not nest.
 */
typedef struct meros_core_spec {
    /**
     * PUs of the core, 1 to 32.
     */
    uint32_t pus;
    /**
     * Which L3 cache, or `MEROS_NONE`.
     */
    uint32_t l3;
    /**
     * Which NUMA node, as a position in `numa_nodes`, or `MEROS_NONE`.
     */
    uint32_t numa_node;
    /**
     * Which package, or `MEROS_NONE`.
     */
    uint32_t package;
    /**
     * Which kind of core; 0 where all are alike.
     */
    uint32_t kind;
    /**
     * 0.
     */
    uint32_t reserved[3];
} meros_core_spec;

/**
 * One NUMA node.
 */
typedef struct meros_numa_node_spec {
    /**
     * Memory to be given out, in bytes, huge pages not included; rounded down to whole pages of 4096.
     */
    uint64_t mem_bytes;
    /**
     * Huge pages to be given out.
     */
    struct meros_huge_pages huge_pages;
    /**
     * 0 for ordinary memory; else the kind of special memory, a number of the caller's choice.
     */
    uint32_t kind;
    /**
     * 0.
     */
    uint32_t reserved[9];
} meros_numa_node_spec;

/**
 * One device: 1000 thousandths, to be claimed whole or in part.
 */
typedef struct meros_device_spec {
    /**
     * Which kind: a number of the caller's choice, for a model of GPU, of network card, ….
     */
    uint32_t kind;
    /**
     * The NUMA node it is attached to, or `MEROS_NONE`.
     */
    uint32_t numa_node;
    /**
     * 0.
     */
    uint32_t reserved[2];
} meros_device_spec;

/**
 * A named resource of numbered things, such as ports.
 */
typedef struct meros_ranges_spec {
    /**
     * Its name.
     */
    uint32_t name;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * The numbers, sorted, none twice. All ranges of an agent together have at most 65536 numbers.
     */
    const struct meros_span *spans;
    /**
     * How many spans.
     */
    size_t spans_len;
} meros_ranges_spec;

/**
 * A named set. Its items are known by their positions, 0 to `items` - 1.
 */
typedef struct meros_set_spec {
    /**
     * Its name.
     */
    uint32_t name;
    /**
     * How many items. All sets of an agent together have at most 16384.
     */
    uint32_t items;
    /**
     * 0.
     */
    uint32_t reserved[2];
} meros_set_spec;

/**
 * What an agent has besides cores and the memory of its NUMA nodes.
 */
typedef struct meros_extras_spec {
    /**
     * Disk to be given out, in bytes; rounded down to blocks of 4096.
     */
    uint64_t disk_bytes;
    /**
     * The devices. Their order numbers them.
     */
    const struct meros_device_spec *devices;
    /**
     * How many devices.
     */
    size_t devices_len;
    /**
     * The named scalars.
     */
    const struct meros_scalar *scalars;
    /**
     * How many scalars.
     */
    size_t scalars_len;
    /**
     * The named ranges.
     */
    const struct meros_ranges_spec *ranges;
    /**
     * How many ranges.
     */
    size_t ranges_len;
    /**
     * The named sets.
     */
    const struct meros_set_spec *sets;
    /**
     * How many sets.
     */
    size_t sets_len;
} meros_extras_spec;

/**
 * A machine.
 */
typedef struct meros_shape_spec {
    /**
     * sizeof(meros_shape_spec).
     */
    uint32_t size;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * The cores. Their order numbers the PUs: those of core 0 first, then those of core 1, …
     */
    const struct meros_core_spec *cores;
    /**
     * How many cores.
     */
    size_t cores_len;
    /**
     * The NUMA nodes. Their order numbers them.
     */
    const struct meros_numa_node_spec *numa_nodes;
    /**
     * How many NUMA nodes.
     */
    size_t numa_nodes_len;
    /**
     * Distances row by row (from, to), as in the machine's own table; or NULL.
     */
    const uint32_t *distances;
    /**
     * How many distances: 0, or `numa_nodes_len` squared.
     */
    size_t distances_len;
    /**
     * What else there is.
     */
    struct meros_extras_spec extras;
} meros_shape_spec;

/**
 * What a shape comes to.
 */
typedef struct meros_shape_info {
    /**
     * sizeof(meros_shape_info).
     */
    uint32_t size;
    /**
     * PUs of the machine.
     */
    uint32_t pus;
    /**
     * NUMA nodes, with or without cores.
     */
    uint32_t numa_nodes;
    /**
     * Cache lines that such an agent takes: for `lines` of meros_capacity.
     */
    uint32_t lines;
    /**
     * All PUs, in thousandths.
     */
    uint64_t cpu_milli;
    /**
     * All memory, in bytes.
     */
    uint64_t mem_bytes;
} meros_shape_info;

/**
 * How much a table has room for. Said once; memory that is not used yet costs addresses only.
 */
typedef struct meros_capacity {
    /**
     * sizeof(meros_capacity).
     */
    uint32_t size;
    /**
     * Shards, 1 to 64: parts with memory and index of their own. One per NUMA node of the machine the table is on.
     */
    uint32_t shards;
    /**
     * Agents of all shards together.
     */
    uint32_t agents;
    /**
     * Cache lines for the agents' words, all together: `lines` of meros_shape_info for each.
     */
    uint32_t lines;
    /**
     * Claim records of all shards together. A claim takes one per four parts.
     */
    uint32_t claims;
    /**
     * Roles, at most 65535.
     */
    uint32_t roles;
    /**
     * Threads that may work at once, with a handle of their own or not; at most 65535.
     */
    uint32_t threads;
    /**
     * Different shapes, at most 4096.
     */
    uint32_t shapes;
} meros_capacity;

/**
 * Huge pages of a NUMA node.
 */
typedef struct meros_huge_usage {
    /**
     * All of them.
     */
    struct meros_huge_pages total;
    /**
     * Those that are free.
     */
    struct meros_huge_pages free;
    /**
     * The NUMA node.
     */
    uint32_t numa_node;
    /**
     * 0.
     */
    uint32_t reserved;
} meros_huge_usage;

/**
 * A device.
 */
typedef struct meros_device_usage {
    /**
     * The device: its position in the shape.
     */
    uint32_t device;
    /**
     * Thousandths that are free, of 1000.
     */
    uint32_t free_milli;
} meros_device_usage;

/**
 * A named quantity.
 */
typedef struct meros_name_usage {
    /**
     * All of it: thousandths of a scalar, numbers of a range, items of a set.
     */
    uint64_t total;
    /**
     * What is free.
     */
    uint64_t free;
    /**
     * Its name.
     */
    uint32_t name;
    /**
     * 0.
     */
    uint32_t reserved;
} meros_name_usage;

/**
 * What an agent has besides PUs and memory. A list may be NULL when its capacity is 0.
 */
typedef struct meros_extras_usage {
    /**
     * Disk, in bytes.
     */
    uint64_t disk_total_bytes;
    /**
     * Disk that is free.
     */
    uint64_t disk_free_bytes;
    /**
     * Huge pages of the NUMA nodes that have any.
     */
    struct meros_huge_usage *huge_pages;
    /**
     * The room of `huge_pages`.
     */
    size_t huge_pages_capacity;
    /**
     * How many such NUMA nodes there are. Set by the library, as all lengths here.
     */
    size_t huge_pages_len;
    /**
     * Every device.
     */
    struct meros_device_usage *devices;
    /**
     * The room of `devices`.
     */
    size_t devices_capacity;
    /**
     * How many devices there are.
     */
    size_t devices_len;
    /**
     * Named scalars.
     */
    struct meros_name_usage *scalars;
    /**
     * The room of `scalars`.
     */
    size_t scalars_capacity;
    /**
     * How many scalars there are.
     */
    size_t scalars_len;
    /**
     * Named ranges.
     */
    struct meros_name_usage *ranges;
    /**
     * The room of `ranges`.
     */
    size_t ranges_capacity;
    /**
     * How many ranges there are.
     */
    size_t ranges_len;
    /**
     * Named sets.
     */
    struct meros_name_usage *sets;
    /**
     * The room of `sets`.
     */
    size_t sets_capacity;
    /**
     * How many sets there are.
     */
    size_t sets_len;
} meros_extras_usage;

/**
 * What an agent has.
 */
typedef struct meros_usage {
    /**
     * sizeof(meros_usage).
     */
    uint32_t size;
    /**
     * PUs nobody has.
     */
    uint32_t pus_free;
    /**
     * PUs that claims hold.
     */
    uint32_t pus_exclusive;
    /**
     * PUs in pools.
     */
    uint32_t pus_pool;
    /**
     * PUs that left pools and wait for the agent's confirmation.
     */
    uint32_t pus_leaving;
    /**
     * 0.
     */
    uint32_t reserved;
    /**
     * The caller's array for the pools, also those without cores; may be NULL when `pools_capacity` is 0.
     */
    struct meros_pool_usage *pools;
    /**
     * Its room.
     */
    size_t pools_capacity;
    /**
     * How many pools there are. Set by the library.
     */
    size_t pools_len;
    /**
     * The caller's array for the NUMA nodes; may be NULL when `memory_capacity` is 0.
     */
    struct meros_memory_usage *memory;
    /**
     * Its room.
     */
    size_t memory_capacity;
    /**
     * How many NUMA nodes there are. Set by the library.
     */
    size_t memory_len;
    /**
     * Everything else.
     */
    struct meros_extras_usage extras;
} meros_usage;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Adds an agent, active, with everything free, to the shard that has fewest. The id of a removed agent may come back, with the next
 * incarnation. Any thread; waits for others that add or remove, nobody's claim waits for it.
 */
meros_status meros_agent_add(const struct meros_table *table,
                             const struct meros_shape *shape,
                             uint32_t *agent,
                             struct meros_message *message);

/**
 * As meros_agent_add, to a certain shard.
 */
meros_status meros_agent_add_in(const struct meros_table *table,
                                uint32_t shard,
                                const struct meros_shape *shape,
                                uint32_t *agent,
                                struct meros_message *message);

/**
 * Brings a removed agent back under its id, as a new incarnation: a machine that rebooted or changed. Any thread.
 */
meros_status meros_agent_return(const struct meros_table *table,
                                uint32_t agent,
                                const struct meros_shape *shape,
                                struct meros_message *message);

/**
 * Removes an agent and all claims on it, whose roles are refunded. `claims`, if not NULL, tells how many there were. Any thread.
 */
meros_status meros_agent_remove(const struct meros_table *table,
                                uint32_t agent,
                                uint32_t *claims,
                                struct meros_message *message);

/**
 * Whether an agent takes new claims: `state` is a meros_agent_state. Any thread.
 */
meros_status meros_agent_set_state(const struct meros_table *table,
                                   uint32_t agent,
                                   uint32_t state,
                                   struct meros_message *message);

/**
 * An agent's state, incarnation and size. Any thread.
 */
meros_status meros_agent_read(const struct meros_table *table,
                              uint32_t agent,
                              struct meros_agent_info *info,
                              struct meros_message *message);

/**
 * The ids of all agents. `agents` has room for `capacity` of them; `len` becomes how many there are. Any thread.
 */
meros_status meros_agents(const struct meros_table *table,
                          uint32_t *agents,
                          size_t capacity,
                          size_t *len,
                          struct meros_message *message);

/**
 * An agent's state, incarnation and free PUs, in the copy. `MEROS_GONE` when it is not there. Any thread.
 */
meros_status meros_snapshot_agent_read(const struct meros_snapshot *snapshot,
                                       uint32_t agent,
                                       struct meros_snapshot_agent *info,
                                       struct meros_message *message);

/**
 * The PUs nobody has. `pus` has room for `capacity` of them; `len` becomes how many there are. Any thread.
 */
meros_status meros_snapshot_free_pus(const struct meros_snapshot *snapshot,
                                     uint32_t agent,
                                     uint32_t *pus,
                                     size_t capacity,
                                     size_t *len,
                                     struct meros_message *message);

/**
 * What each group of cores with equal labels has free; arguments as of meros_snapshot_free_pus. Any thread.
 */
meros_status meros_snapshot_leaves(const struct meros_snapshot *snapshot,
                                   uint32_t agent,
                                   struct meros_leaf_free *leaves,
                                   size_t capacity,
                                   size_t *len,
                                   struct meros_message *message);

/**
 * What each L3 domain, NUMA node or package has free; `level` is a meros_level, and of cores nothing is told. Arguments as of
 * meros_snapshot_free_pus. Any thread.
 */
meros_status meros_snapshot_domains(const struct meros_snapshot *snapshot,
                                    uint32_t agent,
                                    uint32_t level,
                                    struct meros_domain_free *domains,
                                    size_t capacity,
                                    size_t *len,
                                    struct meros_message *message);

/**
 * The memory of each NUMA node; arguments as of meros_snapshot_free_pus. Any thread.
 */
meros_status meros_snapshot_memory(const struct meros_snapshot *snapshot,
                                   uint32_t agent,
                                   struct meros_memory_usage *memory,
                                   size_t capacity,
                                   size_t *len,
                                   struct meros_message *message);

/**
 * What each pool has; arguments as of meros_snapshot_free_pus. Any thread.
 */
meros_status meros_snapshot_pools(const struct meros_snapshot *snapshot,
                                  uint32_t agent,
                                  struct meros_pool_usage *pools,
                                  size_t capacity,
                                  size_t *len,
                                  struct meros_message *message);

/**
 * Whether a request would fit an agent, were it as the copy: `fits` becomes 1 or 0. 0 also for an agent that is not in it. Any thread.
 */
meros_status meros_snapshot_fits(const struct meros_snapshot *snapshot,
                                 uint32_t agent,
                                 const struct meros_request *request,
                                 uint32_t *fits,
                                 struct meros_message *message);

/**
 * What a request would get of an agent, for meros_claim_exact. `placement` as of meros_placement_read; `MEROS_REFUSED`, with the message,
 * when it would get nothing. Any thread.
 */
meros_status meros_snapshot_plan(const struct meros_snapshot *snapshot,
                                 uint32_t agent,
                                 const struct meros_request *request,
                                 struct meros_placement *placement,
                                 struct meros_message *message);

/**
 * As meros_agent_add, an agent of which these attributes are told before it takes its first claim. Any thread.
 */
meros_status meros_agent_add_with(const struct meros_table *table,
                                  const struct meros_shape *shape,
                                  const struct meros_attribute *attributes,
                                  size_t len,
                                  uint32_t *agent,
                                  struct meros_message *message);

/**
 * Tells an agent's attributes, in place of those told before; none for `len` 0. They go when the agent goes. Selections see it at their
 * next use; claims stay where they are. Any thread.
 */
meros_status meros_agent_set_attributes(const struct meros_table *table,
                                        uint32_t agent,
                                        const struct meros_attribute *attributes,
                                        size_t len,
                                        struct meros_message *message);

/**
 * An agent's attributes. `attributes` brings its arrays along, and comes back with their lengths; `MEROS_TOO_SMALL` when one was too
 * short. What was read may be told again as it is. Any thread.
 */
meros_status meros_attributes_read(const struct meros_table *table,
                                   uint32_t agent,
                                   struct meros_attributes *attributes,
                                   struct meros_message *message);

/**
 * A handle for a thread, which looks in shard `home` first (modulo how many there are). Any thread. It takes one of the table's
 * `threads` until it is freed; `MEROS_FULL` when all are taken.
 */
meros_status meros_local_new(const struct meros_table *table,
                             uint32_t home,
                             struct meros_local **local,
                             struct meros_message *message);

/**
 * Frees a thread's handle; NULL is fine. Any thread, also after meros_table_free; nobody may be in a call with it.
 */
void meros_local_free(struct meros_local *local);

/**
 * Claims what is asked on one agent, all or nothing. `local` is this thread's handle, or NULL. Any thread.
 */
meros_status meros_claim(const struct meros_table *table,
                         const struct meros_local *local,
                         uint32_t agent,
                         const struct meros_holder *holder,
                         const struct meros_request *request,
                         struct meros_answer *answer,
                         struct meros_message *message);

/**
 * Claims what is free on one agent, up to a limit (NULL: all): whole cores, room in pools, memory usable together. Nothing runs in
 * it; to be split, transferred and released. `local` is this thread's handle, or NULL. Any thread.
 */
meros_status meros_hold(const struct meros_table *table,
                        const struct meros_local *local,
                        uint32_t agent,
                        const struct meros_holder *holder,
                        const struct meros_hold_limit *limit,
                        struct meros_answer *answer,
                        struct meros_message *message);

/**
 * Makes a part of a claim a claim of its own, of the same owner and role. `local` is this thread's handle, or NULL. Any thread.
 */
meros_status meros_split(const struct meros_table *table,
                         const struct meros_local *local,
                         uint64_t claim,
                         uint64_t owner,
                         const struct meros_request *request,
                         struct meros_answer *answer,
                         struct meros_message *message);

/**
 * As meros_split, with the piece said exactly. `local` is this thread's handle, or NULL. Any thread.
 */
meros_status meros_split_exact(const struct meros_table *table,
                               const struct meros_local *local,
                               uint64_t claim,
                               uint64_t owner,
                               const struct meros_placement *piece,
                               struct meros_answer *answer,
                               struct meros_message *message);

/**
 * Gives a claim to another owner. Its role stays. `answer` may be NULL. `local` is this thread's handle, or NULL. Any thread.
 */
meros_status meros_transfer(const struct meros_table *table,
                            const struct meros_local *local,
                            uint64_t claim,
                            uint64_t from,
                            uint64_t to,
                            struct meros_answer *answer,
                            struct meros_message *message);

/**
 * Ends a claim: exactly what it holds is free again. `answer` may be NULL. `local` is this thread's handle, or NULL. Any thread.
 */
meros_status meros_release(const struct meros_table *table,
                           const struct meros_local *local,
                           uint64_t claim,
                           uint64_t owner,
                           struct meros_answer *answer,
                           struct meros_message *message);

/**
 * Releases many claims, quicker than one by one where `local` is given. `answers` has room for `len` of them, or is NULL. `MEROS_OK` when
 * all are released, else `MEROS_REFUSED`: each answer has its own status. Any thread.
 */
meros_status meros_release_many(const struct meros_table *table,
                                const struct meros_local *local,
                                const struct meros_claimed *claims,
                                size_t len,
                                struct meros_answer *answers,
                                struct meros_message *message);

/**
 * Who holds a claim. `MEROS_GONE` also while another call is changing it. Any thread.
 */
meros_status meros_claim_holder(const struct meros_table *table,
                                uint64_t claim,
                                struct meros_holder *holder,
                                struct meros_message *message);

/**
 * The live claims on an agent, or of the whole table for `MEROS_NONE`; complete when nothing is in flight. `claims` has room for
 * `capacity` of them; `len` becomes how many there are. Any thread; it goes through all records.
 */
meros_status meros_claims(const struct meros_table *table,
                          uint32_t agent,
                          uint64_t *claims,
                          size_t capacity,
                          size_t *len,
                          struct meros_message *message);

/**
 * Claims exactly this on one agent, all or nothing, as meros_snapshot_plan found it or as the caller did. `incarnation` is the agent's
 * when it was found: `MEROS_STALE` when it is another by now. What is not free is refused with `MEROS_REASON_TAKEN`: look again, and
 * choose another. `local` is this thread's handle, or NULL. Any thread.
 */
meros_status meros_claim_exact(const struct meros_table *table,
                               const struct meros_local *local,
                               uint32_t agent,
                               uint32_t incarnation,
                               const struct meros_holder *holder,
                               const struct meros_placement *placement,
                               struct meros_answer *answer,
                               struct meros_message *message);

/**
 * Why a request of a role is pending, over all agents: one line as `text` (counts per reason, and the nearest miss), and figures, if
 * `explanation` is not NULL. Any thread; it asks every agent.
 */
meros_status meros_explain(const struct meros_table *table,
                           uint32_t role,
                           const struct meros_request *request,
                           struct meros_explanation *explanation,
                           struct meros_message *text,
                           struct meros_message *message);

/**
 * As meros_explain, of a placement by a selection of the table: agents that it leaves out are counted by what leaves them out: a
 * constraint, the predicate, or a rule as it holds at this moment, each by its position. One thread with this selection.
 */
meros_status meros_explain_where(const struct meros_table *table,
                                 uint32_t role,
                                 const struct meros_request *request,
                                 const struct meros_selection *selection,
                                 struct meros_explanation *explanation,
                                 struct meros_message *text,
                                 struct meros_message *message);

/**
 * Claims on several agents, all or nothing. `answers` has room for `len` of them, one for each part; `answer` is of the whole: what was
 * charged together, or why not. After a no `answers` name no claims, but the agents where claims were made and undone. When `answer` then
 * has `pools_changed`, so have these, and pools of any of them may have changed; after `MEROS_CONTENDED` also those of a part that names
 * no agent: read the orders of all parts. `local` is this thread's handle, or NULL. Any thread.
 */
meros_status meros_claim_gang(const struct meros_table *table,
                              const struct meros_local *local,
                              const struct meros_holder *holder,
                              const struct meros_gang_part *parts,
                              size_t len,
                              struct meros_answer *answers,
                              struct meros_answer *answer,
                              struct meros_message *message);

/**
 * Finds agents for `count` claims of one kind, at most `most_per_agent` on each, and claims there, all or nothing. `answers` has room for
 * `count` of them, in agent order; the rest as with meros_claim_gang, but after `MEROS_CONTENDED` with `pools_changed` read the orders of
 * all agents. `policy` is a meros_policy: pack puts as many on each as it can, spread as many on each as on the others. `local` is this
 * thread's handle, or NULL. Any thread.
 */
meros_status meros_place_gang(const struct meros_table *table,
                              const struct meros_local *local,
                              const struct meros_holder *holder,
                              const struct meros_request *request,
                              uint32_t count,
                              uint32_t policy,
                              uint32_t most_per_agent,
                              struct meros_answer *answers,
                              struct meros_answer *answer,
                              struct meros_message *message);

/**
 * Adds a group without members. Claims become members when they are placed by a selection that joins it, and when they are restored;
 * they count where they were placed until they are released. Any number may be the id of a group. Any thread.
 */
meros_status meros_group_add(const struct meros_table *table,
                             const struct meros_group_spec *spec,
                             uint32_t *group,
                             struct meros_message *message);

/**
 * Removes a group; `MEROS_REFUSED` while it has members. An unknown group is `MEROS_INVALID_ARGUMENT`, here as everywhere. Any thread.
 */
meros_status meros_group_remove(const struct meros_table *table,
                                uint32_t group,
                                struct meros_message *message);

/**
 * How many members a group has, per value that has any. `members` brings its arrays along, and comes back with their lengths;
 * `MEROS_TOO_SMALL` when one was too short. Any thread.
 */
meros_status meros_group_members_read(const struct meros_table *table,
                                      uint32_t group,
                                      struct meros_group_members *members,
                                      struct meros_message *message);

/**
 * Makes one claim of two of the same agent, owner and role: `into` has all of it, `from` is gone. Members of `from` come after those of
 * `into`. A refusal leaves both as they are; its reason is `MEROS_REASON_UNMERGEABLE`, the message says more. `answer` may be NULL.
 * `local` is this thread's handle, or NULL. Any thread.
 */
meros_status meros_merge(const struct meros_table *table,
                         const struct meros_local *local,
                         uint64_t into,
                         uint64_t from,
                         uint64_t owner,
                         struct meros_answer *answer,
                         struct meros_message *message);

/**
 * Finds an agent for a request and claims there. `policy` is a meros_policy. `local` is this thread's handle, or NULL. Any thread.
 */
meros_status meros_place(const struct meros_table *table,
                         const struct meros_local *local,
                         const struct meros_holder *holder,
                         const struct meros_request *request,
                         uint32_t policy,
                         struct meros_answer *answer,
                         struct meros_message *message);

/**
 * Places one request for each of `len` holders, quicker than one by one where `local` is given. `answers` has room for `len` of them.
 * `MEROS_OK` when all are placed, else `MEROS_REFUSED`: each answer has its own status. Any thread.
 */
meros_status meros_place_many(const struct meros_table *table,
                              const struct meros_local *local,
                              const struct meros_holder *holders,
                              size_t len,
                              const struct meros_request *request,
                              uint32_t policy,
                              struct meros_answer *answers,
                              struct meros_message *message);

/**
 * As meros_place, on an agent that a selection of the table means; the claim joins its groups and minds its rules. `MEROS_CONTENDED` also
 * when the agent came to be meant no more in between. `local` is this thread's handle, or NULL. One thread with this selection.
 */
meros_status meros_place_where(const struct meros_table *table,
                               const struct meros_local *local,
                               const struct meros_holder *holder,
                               const struct meros_request *request,
                               uint32_t policy,
                               const struct meros_selection *selection,
                               struct meros_answer *answer,
                               struct meros_message *message);

/**
 * As meros_place_many, on agents that a selection of the table means; each claim counts for the rules of the next. `local` is this
 * thread's handle, or NULL. One thread with this selection.
 */
meros_status meros_place_many_where(const struct meros_table *table,
                                    const struct meros_local *local,
                                    const struct meros_holder *holders,
                                    size_t len,
                                    const struct meros_request *request,
                                    uint32_t policy,
                                    const struct meros_selection *selection,
                                    struct meros_answer *answers,
                                    struct meros_message *message);

/**
 * What a claim holds. `placement` brings its arrays along, and comes back with their lengths; `MEROS_TOO_SMALL` when one was too
 * short: ask again with that much room. `MEROS_GONE` also while another call is changing the claim. Any thread.
 */
meros_status meros_placement_read(const struct meros_table *table,
                                  uint64_t claim,
                                  struct meros_placement *placement,
                                  struct meros_message *message);

/**
 * The newest order of each of an agent's pools, and the PUs of all of them in one array. The lengths become how many there are;
 * `MEROS_TOO_SMALL` when an array was too short: ask again with that much room. Any thread.
 */
meros_status meros_pool_orders(const struct meros_table *table,
                               uint32_t agent,
                               struct meros_pool_order *orders,
                               size_t orders_capacity,
                               size_t *orders_len,
                               uint32_t *pus,
                               size_t pus_capacity,
                               size_t *pus_len,
                               struct meros_message *message);

/**
 * The agent runs the order of this epoch: cores that had left the pool by then become free; `pus`, if not NULL, tells how many PUs.
 * `MEROS_STALE` when a newer order exists. Any thread.
 */
meros_status meros_pool_confirm(const struct meros_table *table,
                                uint32_t agent,
                                uint32_t numa_node,
                                uint32_t epoch,
                                uint32_t *pus,
                                struct meros_message *message);

/**
 * Lets cores that an agent's pools do not need begin to leave, as a release does; `changed`, if not NULL, becomes 1 when any did. Any
 * thread.
 */
meros_status meros_pool_trim(const struct meros_table *table,
                             uint32_t agent,
                             uint32_t *changed,
                             struct meros_message *message);

/**
 * Makes a claim hold what the request says, keeping what it can; `answer` has the same claim, and what its role is charged for it
 * now. The request names each of the claim's members, and no extras: they stay. It grows beside what it has, and shrinks by what was added
 * last. A refusal leaves it as it was. `local` is this thread's handle, or NULL. Any thread.
 */
meros_status meros_resize(const struct meros_table *table,
                          const struct meros_local *local,
                          uint64_t claim,
                          uint64_t owner,
                          const struct meros_request *request,
                          struct meros_answer *answer,
                          struct meros_message *message);

/**
 * Restores a pool as the agent runs it: `pus` are its PUs, sorted, whole cores. Pools come first, then exclusive claims, then shared
 * ones, then meros_pool_trim. `MEROS_REFUSED` when a claim or a pool has one of the PUs: others of the list may be in the pool by then,
 * and meros_pool_trim lets them go. Any thread.
 */
meros_status meros_restore_pool(const struct meros_table *table,
                                uint32_t agent,
                                uint32_t numa_node,
                                const uint32_t *pus,
                                size_t pus_len,
                                struct meros_message *message);

/**
 * Restores a claim that exists already, exactly; past the role's limit, and whatever rules say of its groups. `MEROS_REFUSED` when
 * somebody else has some of it; `MEROS_REASON_NO_SUCH_GROUP` when the table does not have one of its groups. Any thread.
 */
meros_status meros_restore(const struct meros_table *table,
                           uint32_t agent,
                           const struct meros_holder *holder,
                           const struct meros_placement *placement,
                           struct meros_answer *answer,
                           struct meros_message *message);

/**
 * Adds a role with a limit, or with none for NULL. Any thread.
 */
meros_status meros_role_add(const struct meros_table *table,
                            const struct meros_quantities *limit,
                            uint32_t *role,
                            struct meros_message *message);

/**
 * Adds a role under another one, with a limit, or with none for NULL. Its claims are charged to that one and to all above it too, and
 * a limit at any level holds. Any thread.
 */
meros_status meros_role_add_under(const struct meros_table *table,
                                  uint32_t parent,
                                  const struct meros_quantities *limit,
                                  uint32_t *role,
                                  struct meros_message *message);

/**
 * The role that a role is under; `MEROS_NONE` for one at the top. Any thread.
 */
meros_status meros_role_parent(const struct meros_table *table,
                               uint32_t role,
                               uint32_t *parent,
                               struct meros_message *message);

/**
 * Changes a role's limit of CPU and memory; NULL for none. Its limits of other resources stay. What it has already stays, even
 * beyond it. Any thread.
 */
meros_status meros_role_set_limit(const struct meros_table *table,
                                  uint32_t role,
                                  const struct meros_quantities *limit,
                                  struct meros_message *message);

/**
 * What a role is charged at this moment, with all roles below it. Any thread.
 */
meros_status meros_role_used(const struct meros_table *table,
                             uint32_t role,
                             struct meros_quantities *used,
                             struct meros_message *message);

/**
 * Changes a role's limit of one resource, in that one's unit; `MEROS_NO_LIMIT` for none. `what` is a code of `meros_resource`
 * that roles are charged for: thousandths of a PU, bytes of memory, of special memory, of disk, of huge pages, thousandths of a scalar
 * or of all devices of a kind, numbers, items. `which` is the kind or name where there are several. What the role has already stays,
 * even beyond it. Any thread.
 */
meros_status meros_role_set_limit_of(const struct meros_table *table,
                                     uint32_t role,
                                     uint32_t what,
                                     uint32_t which,
                                     uint64_t limit,
                                     struct meros_message *message);

/**
 * What a role is charged of one resource at this moment, with all roles below it. Any thread.
 */
meros_status meros_role_used_of(const struct meros_table *table,
                                uint32_t role,
                                uint32_t what,
                                uint32_t which,
                                uint64_t *used,
                                struct meros_message *message);

/**
 * A selection of agents of a table. Groups are looked up when it is used. Any thread. Free it with meros_selection_free, before or after
 * the table.
 */
meros_status meros_selection_new(const struct meros_table *table,
                                 const struct meros_selection_spec *spec,
                                 struct meros_selection **selection,
                                 struct meros_message *message);

/**
 * Frees a selection; NULL is fine. Any thread; nobody may be in a call with it.
 */
void meros_selection_free(struct meros_selection *selection);

/**
 * How many agents a selection means at this moment, by constraints and predicate. One thread.
 */
meros_status meros_selection_agents(const struct meros_selection *selection,
                                    uint32_t *agents,
                                    struct meros_message *message);

/**
 * Whether a selection means an agent at this moment, by constraints and predicate: `contains` becomes 1 or 0. One thread.
 */
meros_status meros_selection_contains(const struct meros_selection *selection,
                                      uint32_t agent,
                                      uint32_t *contains,
                                      struct meros_message *message);

/**
 * Checks a machine's description and makes a shape of it. Any thread. The arrays are copied.
 */
meros_status meros_shape_new(const struct meros_shape_spec *spec,
                             struct meros_shape **shape,
                             struct meros_message *message);

/**
 * Frees a shape; NULL is fine. Nobody may be in a call with it.
 */
void meros_shape_free(struct meros_shape *shape);

/**
 * What a shape comes to. Any thread.
 */
meros_status meros_shape_read(const struct meros_shape *shape,
                              struct meros_shape_info *info,
                              struct meros_message *message);

/**
 * Room for a copy of the agents of a shard, or of all for `MEROS_NONE`; none is in it before meros_snapshot_refresh. Any thread. Free it
 * with meros_snapshot_free, before or after the table.
 */
meros_status meros_snapshot_new(const struct meros_table *table,
                                uint32_t shard,
                                struct meros_snapshot **snapshot,
                                struct meros_message *message);

/**
 * Frees a snapshot; NULL is fine. Nobody may be in a call with it.
 */
void meros_snapshot_free(struct meros_snapshot *snapshot);

/**
 * Copies all agents anew; no claim waits for it. `torn`, if not NULL, tells how many agents changed too often to be copied as of one
 * moment. One thread, and nobody may read meanwhile.
 */
meros_status meros_snapshot_refresh(const struct meros_snapshot *snapshot,
                                    uint32_t *torn,
                                    struct meros_message *message);

/**
 * The ids of the agents in the copy. `agents` has room for `capacity` of them; `len` becomes how many there are. Any thread.
 */
meros_status meros_snapshot_agents(const struct meros_snapshot *snapshot,
                                   uint32_t *agents,
                                   size_t capacity,
                                   size_t *len,
                                   struct meros_message *message);

/**
 * Changes how a claim stands. `answer` may be NULL. `local` is this thread's handle, or NULL. Any thread.
 */
meros_status meros_claim_set_standing(const struct meros_table *table,
                                      const struct meros_local *local,
                                      uint64_t claim,
                                      uint64_t owner,
                                      const struct meros_standing *standing,
                                      struct meros_answer *answer,
                                      struct meros_message *message);

/**
 * How a claim stands. `MEROS_GONE` also while another call is changing it. Any thread.
 */
meros_status meros_claim_standing(const struct meros_table *table,
                                  uint64_t claim,
                                  struct meros_standing *standing,
                                  struct meros_message *message);

/**
 * The version of the interface that the library has: compare with `MEROS_ABI_VERSION` of the header. Any thread.
 */
uint32_t meros_abi_version(void);

/**
 * A capacity for so many agents of a shape, or of others as large: one shard, 64 claims an agent, 64 roles, 16 threads, 64 shapes.
 * Change what you like of it. Any thread.
 */
meros_status meros_capacity_for_agents(uint32_t agents,
                                       const struct meros_shape *shape,
                                       struct meros_capacity *capacity,
                                       struct meros_message *message);

/**
 * An empty table. Any thread.
 */
meros_status meros_table_new(const struct meros_capacity *capacity,
                             struct meros_table **table,
                             struct meros_message *message);

/**
 * Frees a table; NULL is fine. Nobody may be in a call with it. Its memory goes with the last of its handles.
 */
void meros_table_free(struct meros_table *table);

/**
 * What a table has room for. Any thread.
 */
meros_status meros_table_capacity(const struct meros_table *table,
                                  struct meros_capacity *capacity,
                                  struct meros_message *message);

/**
 * Bytes that a table takes beside claim records, when it is full of agents. Any thread.
 */
meros_status meros_table_bytes(const struct meros_table *table, uint64_t *bytes, struct meros_message *message);

/**
 * Touches every page of a shard's memory, so that it comes to be on the NUMA node of the calling thread. Any thread; to be called
 * before the shard is used, harmless later.
 */
meros_status meros_table_touch(const struct meros_table *table,
                               uint32_t shard,
                               struct meros_message *message);

/**
 * Recomputes every fast figure from the records: `MEROS_OK`, or `MEROS_INCONSISTENT` with the first contradiction as the message.
 * Any thread, but for the quiet state only: a call in flight looks like a contradiction.
 */
meros_status meros_validate(const struct meros_table *table,
                            struct meros_message *message);

/**
 * What an agent has, at this moment; exact when nothing is in flight. `usage` brings its arrays along, and comes back with their lengths;
 * `MEROS_TOO_SMALL` when one was too short. Any thread.
 */
meros_status meros_usage_read(const struct meros_table *table,
                              uint32_t agent,
                              struct meros_usage *usage,
                              struct meros_message *message);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MEROS_ALLOC_H */

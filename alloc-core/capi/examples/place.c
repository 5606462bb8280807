/*
 * Embedding meros_alloc in C: threads place pods and release them, all at once, and then everything must add up.
 *
 *     cc -I alloc-core/capi/include alloc-core/capi/examples/place.c -L target/release -lmeros_alloc -lpthread
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "meros_alloc.h"

enum { AGENTS = 16, CORES = 16, THREADS = 4, ROUNDS = 2000, BATCH = 8 };

/* Kinds and names are numbers of the caller's choice. */
enum { GPU = 1, PORTS = 0, RACK = 0 };

static const uint64_t GIB = 1024 * 1024 * 1024;

/* Ends the program when something is not as it must be. */
static void must(int holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "place: %s\n", what);
        exit(1);
    }
}

/* A message of this call; a new one for each call. */
#define SAY(name) \
    char name##_text[200]; \
    meros_message name = { name##_text, sizeof name##_text, 0 }

/* A machine: 16 cores of 2 PUs, an L3 cache for four of them, two NUMA nodes of 64 GiB, a GPU at the second, ports. */
static meros_shape *make_shape(void) {
    meros_core_spec cores[CORES];
    meros_numa_node_spec numa_nodes[2];
    uint32_t distances[4] = {10, 21, 21, 10};
    memset(cores, 0, sizeof cores);
    memset(numa_nodes, 0, sizeof numa_nodes);
    for (uint32_t core = 0; core < CORES; core++) {
        cores[core].pus = 2;
        cores[core].l3 = core / 4;
        cores[core].numa_node = core / 8;
        cores[core].package = MEROS_NONE;
    }
    numa_nodes[0].mem_bytes = numa_nodes[1].mem_bytes = 64 * GIB;

    meros_shape_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.size = sizeof spec;
    spec.cores = cores;
    spec.cores_len = CORES;
    spec.numa_nodes = numa_nodes;
    spec.numa_nodes_len = 2;
    spec.distances = distances;
    spec.distances_len = 4;
    meros_device_spec gpu = {GPU, 1, {0, 0}};
    meros_span span = {31000, 31999};
    meros_ranges_spec ports = {PORTS, 0, &span, 1};
    spec.extras.devices = &gpu;
    spec.extras.devices_len = 1;
    spec.extras.ranges = &ports;
    spec.extras.ranges_len = 1;

    meros_shape *shape = NULL;
    SAY(message);
    must(meros_shape_new(&spec, &shape, &message) == MEROS_OK, message_text);
    return shape;
}

static meros_table *make_table(const meros_shape *shape) {
    meros_capacity capacity;
    memset(&capacity, 0, sizeof capacity);
    capacity.size = sizeof capacity;
    SAY(message);
    must(meros_capacity_for_agents(AGENTS, shape, &capacity, &message) == MEROS_OK, message_text);

    meros_table *table = NULL;
    must(meros_table_new(&capacity, &table, &message) == MEROS_OK, message_text);
    uint32_t role, agent;
    must(meros_role_add(table, NULL, &role, &message) == MEROS_OK && role == 0, message_text);
    for (int added = 0; added < AGENTS; added++) {
        must(meros_agent_add(table, shape, &agent, &message) == MEROS_OK, message_text);
    }
    return table;
}

/* 4 PUs under one L3 cache and 8 GiB of the same NUMA node. */
static meros_request make_request(const meros_member *member) {
    meros_request request;
    memset(&request, 0, sizeof request);
    request.size = sizeof request;
    request.level_wish = MEROS_WISH_REQUIRED;
    request.level = MEROS_LEVEL_L3;
    request.memory = MEROS_MEMORY_LOCALITY_REQUIRED;
    request.mem_bytes = 8 * GIB;
    request.members = member;
    request.members_len = 1;
    return request;
}

struct worker {
    pthread_t thread;
    const meros_table *table;
    uint64_t owner;
    uint64_t placed;
};

static void *work(void *argument) {
    struct worker *worker = argument;
    meros_local *local = NULL;
    SAY(message);
    must(meros_local_new(worker->table, 0, &local, &message) == MEROS_OK, message_text);

    meros_member member;
    memset(&member, 0, sizeof member);
    member.pus = 4;
    meros_request request = make_request(&member);
    meros_holder holders[BATCH];
    meros_answer answers[BATCH];
    meros_claimed claims[BATCH];
    for (int at = 0; at < BATCH; at++) {
        holders[at] = (meros_holder){worker->owner, 0, 0};
    }
    for (int round = 0; round < ROUNDS; round++) {
        /* There is room for 16 × 8 pods, and 4 × 8 are placed at once: nobody is refused, but somebody may be in the way. */
        meros_status status =
            meros_place_many(worker->table, local, holders, BATCH, &request, MEROS_POLICY_PACK, answers, &message);
        must(status == MEROS_OK || status == MEROS_REFUSED, message_text);
        size_t granted = 0;
        for (int at = 0; at < BATCH; at++) {
            must(answers[at].status == MEROS_OK || answers[at].status == MEROS_CONTENDED, message_text);
            if (answers[at].status == MEROS_OK) {
                claims[granted++] = (meros_claimed){answers[at].claim, worker->owner};
            }
        }
        must((status == MEROS_OK) == (granted == BATCH), "the status is of all of them");
        worker->placed += granted;
        status = meros_release_many(worker->table, local, claims, granted, NULL, &message);
        must(status == MEROS_OK, message_text);
    }
    meros_local_free(local);
    return NULL;
}

static void place_in_parallel(const meros_table *table) {
    struct worker workers[THREADS];
    for (uint64_t at = 0; at < THREADS; at++) {
        workers[at] = (struct worker){.table = table, .owner = at + 1};
        must(pthread_create(&workers[at].thread, NULL, work, &workers[at]) == 0, "no thread");
    }
    uint64_t placed = 0;
    for (int at = 0; at < THREADS; at++) {
        pthread_join(workers[at].thread, NULL);
        placed += workers[at].placed;
    }
    must(placed > 0, "nothing was placed");
    printf("%d threads placed and released %" PRIu64 " pods\n", THREADS, placed);
}

/* One pod, shown: the two-call pattern asks how long the lists are, then reads them. */
static void place_and_show(const meros_table *table) {
    meros_member member;
    memset(&member, 0, sizeof member);
    member.pus = 4;
    meros_request request = make_request(&member);
    meros_holder holder = {42, 0, 0};
    meros_answer answer;
    SAY(message);
    must(meros_place(table, NULL, &holder, &request, MEROS_POLICY_SPREAD, &answer, &message) == MEROS_OK, message_text);

    meros_placement placement;
    memset(&placement, 0, sizeof placement);
    placement.size = sizeof placement;
    must(meros_placement_read(table, answer.claim, &placement, &message) == MEROS_TOO_SMALL, "lists are not empty");
    must(placement.pus_len == 4 && placement.memory_len == 1 && placement.shares_len == 0, "4 PUs, one NUMA node");
    placement.pus = calloc(placement.pus_len, sizeof *placement.pus);
    placement.memory = calloc(placement.memory_len, sizeof *placement.memory);
    must(placement.pus != NULL && placement.memory != NULL, "no memory");
    placement.pus_capacity = placement.pus_len;
    placement.memory_capacity = placement.memory_len;
    must(meros_placement_read(table, answer.claim, &placement, &message) == MEROS_OK, message_text);

    printf("a pod on agent a%" PRIu32 ", NUMA node n%" PRIu32 ", PUs", answer.agent, placement.memory[0].numa_node);
    for (size_t at = 0; at < placement.pus_len; at++) {
        printf(" u%" PRIu32, placement.pus[at].pu);
    }
    printf("\n");
    free(placement.pus);
    free(placement.memory);

    meros_answer no;
    must(meros_release(table, NULL, answer.claim, 41, &no, &message) == MEROS_NOT_OWNER && no.owner == 42, "not 41's");
    must(meros_release(table, NULL, answer.claim, 42, NULL, NULL) == MEROS_OK, "it is 42's");
    must(meros_release(table, NULL, answer.claim, 42, NULL, NULL) == MEROS_GONE, "and gone");
}

/* A pod with 300 thousandths of a GPU on the same NUMA node, and two ports. */
static void place_with_extras(const meros_table *table) {
    meros_member member;
    memset(&member, 0, sizeof member);
    member.pus = 4;
    meros_request request = make_request(&member);
    meros_device_wish gpu = {GPU, 0, 300, MEROS_DEVICE_LOCALITY_REQUIRED};
    meros_pick_wish ports = {PORTS, 2, NULL, 0};
    request.extras.devices = &gpu;
    request.extras.devices_len = 1;
    request.extras.ranges = &ports;
    request.extras.ranges_len = 1;
    meros_holder holder = {43, 0, 0};
    meros_answer answer;
    SAY(message);
    must(meros_place(table, NULL, &holder, &request, MEROS_POLICY_PACK, &answer, &message) == MEROS_OK, message_text);

    meros_placed_pu pus[4];
    meros_numa_node_memory memory[1];
    meros_device_share device[1];
    meros_picked picked[2];
    meros_placement placement;
    memset(&placement, 0, sizeof placement);
    placement.size = sizeof placement;
    placement.pus = pus;
    placement.pus_capacity = 4;
    placement.memory = memory;
    placement.memory_capacity = 1;
    placement.extras.devices = device;
    placement.extras.devices_capacity = 1;
    placement.extras.ranges = picked;
    placement.extras.ranges_capacity = 2;
    must(meros_placement_read(table, answer.claim, &placement, &message) == MEROS_OK, message_text);
    must(memory[0].numa_node == 1 && pus[0].pu >= CORES, "beside the GPU");
    printf("a pod with %" PRIu32 "/1000 of device d%" PRIu32 " and ports %" PRIu64 " to %" PRIu64 "\n", device[0].milli,
           device[0].device, picked[0].first, picked[0].last);
    must(meros_release(table, NULL, answer.claim, 43, NULL, NULL) == MEROS_OK, "it is 43's");
}

/* A scheduler of its own: it looks for the fullest agent that has room in a snapshot, and claims exactly what it found there. */
static void choose_and_claim(const meros_table *table) {
    meros_snapshot *snapshot = NULL;
    SAY(message);
    must(meros_snapshot_new(table, MEROS_NONE, &snapshot, &message) == MEROS_OK, message_text);
    must(meros_snapshot_refresh(snapshot, NULL, &message) == MEROS_OK, message_text);

    meros_member member;
    memset(&member, 0, sizeof member);
    member.pus = 4;
    meros_request request = make_request(&member);
    uint32_t agents[AGENTS];
    size_t len;
    must(meros_snapshot_agents(snapshot, agents, AGENTS, &len, &message) == MEROS_OK && len == AGENTS, message_text);
    meros_snapshot_agent info, best;
    uint32_t chosen = MEROS_NONE, fits;
    memset(&best, 0, sizeof best);
    for (size_t at = 0; at < len; at++) {
        memset(&info, 0, sizeof info);
        info.size = sizeof info;
        must(meros_snapshot_agent_read(snapshot, agents[at], &info, &message) == MEROS_OK, message_text);
        must(meros_snapshot_fits(snapshot, agents[at], &request, &fits, &message) == MEROS_OK, message_text);
        if (fits && (chosen == MEROS_NONE || info.pus_free < best.pus_free)) {
            chosen = agents[at];
            best = info;
        }
    }
    must(chosen != MEROS_NONE, "nothing fits");

    meros_placed_pu pus[4];
    meros_numa_node_memory memory[1];
    meros_placement placement;
    memset(&placement, 0, sizeof placement);
    placement.size = sizeof placement;
    placement.pus = pus;
    placement.pus_capacity = 4;
    placement.memory = memory;
    placement.memory_capacity = 1;
    must(meros_snapshot_plan(snapshot, chosen, &request, &placement, &message) == MEROS_OK, message_text);
    meros_holder holder = {44, 0, 0};
    meros_answer answer, again;
    meros_status status = meros_claim_exact(table, NULL, chosen, best.incarnation, &holder, &placement, &answer, &message);
    must(status == MEROS_OK, message_text);
    status = meros_claim_exact(table, NULL, chosen, best.incarnation, &holder, &placement, &again, &message);
    must(status == MEROS_REFUSED && again.reason == MEROS_REASON_TAKEN && again.which == pus[0].pu, "it is taken now");
    printf("chosen from a snapshot: agent a%" PRIu32 "; once more: %s\n", chosen, message_text);
    must(meros_release(table, NULL, answer.claim, 44, NULL, NULL) == MEROS_OK, "it is 44's");
    meros_snapshot_free(snapshot);
}

/* Tells that every fourth agent is in rack "east", the others in "west". */
static void tell_racks(const meros_table *table) {
    SAY(message);
    for (uint32_t agent = 0; agent < AGENTS; agent++) {
        meros_text text = {agent % 4 == 3 ? "east" : "west", 4};
        meros_attribute rack;
        memset(&rack, 0, sizeof rack);
        rack.name = RACK;
        rack.value.kind = MEROS_ATTRIBUTE_KIND_TEXT;
        rack.value.texts = &text;
        rack.value.texts_len = 1;
        must(meros_agent_set_attributes(table, agent, &rack, 1, &message) == MEROS_OK, message_text);
    }
}

/* Places one pod by a selection; its claim is of priority 3. */
static meros_answer place_by(const meros_table *table, const meros_selection *selection) {
    meros_member member;
    memset(&member, 0, sizeof member);
    member.pus = 2;
    meros_standing standing = {3, 0, {0, 0}};
    meros_request request;
    memset(&request, 0, sizeof request);
    request.size = sizeof request;
    request.members = &member;
    request.members_len = 1;
    request.standing = &standing;
    meros_holder holder = {45, 0, 0};
    meros_answer answer;
    SAY(message);
    meros_status status =
        meros_place_where(table, NULL, &holder, &request, MEROS_POLICY_PACK, selection, &answer, &message);
    must(status == MEROS_OK, message_text);
    return answer;
}

/* Two replicas of a service, which a rule keeps on different agents. The first is told anew in between: it is a member still. */
static void place_replicas(const meros_table *table) {
    meros_group_spec by_agent = {sizeof by_agent, MEROS_GROUP_KEY_AGENT, 0, 0};
    uint32_t group, groups[1];
    SAY(message);
    must(meros_group_add(table, &by_agent, &group, &message) == MEROS_OK, message_text);
    meros_rule at_most = {MEROS_RULE_KIND_AT_MOST, group, 1, 0, 0, {0, 0, 0}};
    meros_selection_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.size = sizeof spec;
    spec.groups = &group;
    spec.groups_len = 1;
    spec.rules = &at_most;
    spec.rules_len = 1;
    meros_selection *selection = NULL;
    must(meros_selection_new(table, &spec, &selection, &message) == MEROS_OK, message_text);
    meros_answer first = place_by(table, selection);

    meros_placed_pu pus[2];
    meros_placement placement;
    memset(&placement, 0, sizeof placement);
    placement.size = sizeof placement;
    placement.pus = pus;
    placement.pus_capacity = 2;
    placement.groups = groups;
    placement.groups_capacity = 1;
    must(meros_placement_read(table, first.claim, &placement, &message) == MEROS_OK, message_text);
    must(placement.groups_len == 1 && groups[0] == group, "it is a member");
    must(meros_release(table, NULL, first.claim, 45, NULL, NULL) == MEROS_OK, "it is 45's");
    meros_holder holder = {45, 0, 0};
    meros_answer again;
    must(meros_restore(table, first.agent, &holder, &placement, &again, &message) == MEROS_OK, message_text);

    meros_answer second = place_by(table, selection);
    must(second.agent != again.agent, "the rule keeps them apart");
    meros_standing standing;
    must(meros_claim_standing(table, second.claim, &standing, &message) == MEROS_OK, message_text);
    must(standing.priority == 3 && standing.revocable == 0, "as the request says");
    must(meros_group_remove(table, group, &message) == MEROS_REFUSED, "it has members");
    printf("two replicas on agents a%" PRIu32 " and a%" PRIu32 "; not to be removed yet: %s\n", again.agent,
           second.agent, message_text);
    must(meros_release(table, NULL, again.claim, 45, NULL, NULL) == MEROS_OK, "it is 45's");
    must(meros_release(table, NULL, second.claim, 45, NULL, NULL) == MEROS_OK, "it is 45's");
    must(meros_group_remove(table, group, &message) == MEROS_OK, message_text);
    meros_selection_free(selection);
}

/* Says of an agent whether it is meant, and counts how often it was asked. */
static uint32_t beyond_seven(void *context, uint32_t agent, const meros_attribute *attributes, size_t len) {
    must(len == 1 && attributes[0].value.texts[0].len == 4, "each has a rack");
    ++*(unsigned *)context;
    return agent > 7;
}

/* A pod in rack "east", on an agent that a function of ours means. */
static void place_by_rack(const meros_table *table) {
    meros_text east = {"east", 4};
    meros_condition in_east;
    memset(&in_east, 0, sizeof in_east);
    in_east.name = RACK;
    in_east.test = MEROS_TEST_TEXT_IN;
    in_east.texts = &east;
    in_east.texts_len = 1;
    meros_constraint constraint;
    memset(&constraint, 0, sizeof constraint);
    constraint.kind = MEROS_CONSTRAINT_KIND_MEETS;
    constraint.condition = &in_east;
    unsigned asked = 0;
    meros_selection_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.size = sizeof spec;
    spec.constraints = &constraint;
    spec.constraints_len = 1;
    spec.predicate = beyond_seven;
    spec.context = &asked;
    meros_selection *selection = NULL;
    uint32_t agents;
    SAY(message);
    must(meros_selection_new(table, &spec, &selection, &message) == MEROS_OK, message_text);
    must(meros_selection_agents(selection, &agents, &message) == MEROS_OK && agents == 2, "a11 and a15");
    meros_answer answer = place_by(table, selection);
    must(answer.agent == 11 || answer.agent == 15, "in the rack, and beyond seven");
    must(asked == 4, "only those in the rack were asked about");
    printf("a pod by rack on agent a%" PRIu32 "\n", answer.agent);
    must(meros_release(table, NULL, answer.claim, 45, NULL, NULL) == MEROS_OK, "it is 45's");
    meros_selection_free(selection);
}

static void misuse(const meros_table *table) {
    SAY(message);
    must(meros_release(NULL, NULL, 0, 0, NULL, &message) == MEROS_INVALID_ARGUMENT, "a null table");
    printf("misuse is told: %s\n", message_text);
    must(meros_agent_set_state(table, 0, 99, NULL) == MEROS_INVALID_ARGUMENT, "an unknown state");
    meros_table_free(NULL);
}

int main(void) {
    must(meros_abi_version() == MEROS_ABI_VERSION, "header and library differ");
    meros_shape *shape = make_shape();
    meros_table *table = make_table(shape);
    meros_shape_free(shape);
    place_and_show(table);
    place_with_extras(table);
    choose_and_claim(table);
    tell_racks(table);
    place_replicas(table);
    place_by_rack(table);
    place_in_parallel(table);
    misuse(table);
    SAY(message);
    must(meros_validate(table, &message) == MEROS_OK, message_text);
    meros_quantities used;
    memset(&used, 0, sizeof used);
    used.size = sizeof used;
    must(meros_role_used(table, 0, &used, &message) == MEROS_OK, message_text);
    must(used.cpu_milli == 0 && used.mem_bytes == 0, "everything was given back");
    meros_table_free(table);
    printf("valid, and nothing is left\n");
    return 0;
}

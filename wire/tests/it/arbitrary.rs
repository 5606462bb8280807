//! Any message: one strategy for each mirror.

use meros_wire::message::*;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..6).prop_map(String::from_iter)
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..3)
}

pub(crate) fn uuid() -> impl Strategy<Value = Uuid> {
    any::<[u8; 16]>().prop_map(Uuid)
}

fn pod_id() -> impl Strategy<Value = PodId> {
    uuid().prop_map(PodId)
}

fn pod_ids() -> impl Strategy<Value = Vec<PodId>> {
    vec(pod_id(), 0..3)
}

fn ascending() -> impl Strategy<Value = Vec<u32>> {
    btree_set(any::<u32>(), 0..6).prop_map(Vec::from_iter)
}

fn labels() -> impl Strategy<Value = Vec<Label>> {
    vec((text(), text()).prop_map(|(key, value)| Label { key, value }), 0..3)
}

pub(crate) fn envelope() -> impl Strategy<Value = Envelope> {
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    let trace = (uuid(), any::<u64>(), any::<u8>()).prop_map(|(trace, parent_span, flags)| TraceContext {
        trace,
        parent_span,
        flags,
    });
    (uuid(), numbers, uuid(), any::<u128>(), text(), trace).prop_map(
        |(cluster, numbers, idempotency_key, claim, principal, trace)| Envelope {
            cluster,
            term: numbers.0,
            incarnation: numbers.1,
            topology_hash: numbers.2,
            sequence: numbers.3,
            acknowledgement: numbers.4,
            idempotency_key,
            claim: ClaimTag(claim),
            principal,
            trace,
            must_understand: 0,
        },
    )
}

/// Pairs of ascending numbers, so that they do not overlap.
fn ranges() -> impl Strategy<Value = Vec<InclusiveRange>> {
    btree_set(any::<u64>(), 0..6).prop_map(|bounds| {
        let bounds = Vec::from_iter(bounds);
        bounds.chunks_exact(2).map(|pair| InclusiveRange { begin: pair[0], end: pair[1] }).collect()
    })
}

fn resource_value() -> impl Strategy<Value = ResourceValue> {
    let share = (text(), 1..=1_000_u32).prop_map(|(device, share_milli)| DeviceShare { device, share_milli });
    prop_oneof![
        any::<u64>().prop_map(ResourceValue::ScalarMilli),
        ranges().prop_map(ResourceValue::Ranges),
        btree_set(text(), 0..4).prop_map(|set| ResourceValue::Set(Vec::from_iter(set))),
        vec(share, 0..3).prop_map(ResourceValue::Devices),
    ]
}

fn resource() -> impl Strategy<Value = Resource> {
    let reservation =
        (text(), text(), labels()).prop_map(|(role, principal, labels)| Reservation { role, principal, labels });
    (text(), resource_value(), vec(reservation, 0..3), any::<bool>(), any::<bool>()).prop_map(
        |(name, value, reservations, revocable, shared)| Resource { name, value, reservations, revocable, shared },
    )
}

fn machine_core() -> impl Strategy<Value = MachineCore> {
    let domains = (any::<Option<u32>>(), any::<Option<u32>>(), any::<Option<u32>>());
    (vec(any::<u32>(), 0..4), domains, any::<u32>()).prop_map(|(pus, domains, kind)| MachineCore {
        pus,
        package: domains.0,
        numa_node: domains.1,
        l3_domain: domains.2,
        kind,
    })
}

fn machine_numa_node() -> impl Strategy<Value = MachineNumaNode> {
    (any::<u32>(), any::<u64>(), any::<u64>(), any::<u64>()).prop_map(
        |(os_index, mem_bytes, huge_2mib_pages, huge_1gib_pages)| MachineNumaNode {
            os_index,
            mem_bytes,
            huge_2mib_pages,
            huge_1gib_pages,
        },
    )
}

fn machine() -> impl Strategy<Value = Machine> {
    let device = (text(), text(), any::<Option<u32>>()).prop_map(|(class, name, numa_node)| MachineDevice {
        class,
        name,
        numa_node,
    });
    let names = (text(), any::<u64>(), any::<bool>());
    let topology = (vec(machine_core(), 0..4), vec(machine_numa_node(), 0..3), vec(any::<u32>(), 0..9));
    (names, topology, vec(device, 0..3), vec(resource(), 0..3), labels()).prop_map(
        |(names, topology, devices, resources, attributes)| Machine {
            hostname: names.0,
            topology_hash: names.1,
            pretended: names.2,
            cores: topology.0,
            numa_nodes: topology.1,
            numa_distances: topology.2,
            devices,
            resources,
            attributes,
        },
    )
}

fn must_understand() -> impl Strategy<Value = u64> {
    any::<u64>().prop_map(|bits| bits & features::known())
}

fn command() -> impl Strategy<Value = Command> {
    (texts(), labels(), text(), text()).prop_map(|(argv, env, working_dir, user)| Command {
        argv,
        env,
        working_dir,
        user,
    })
}

fn cpus() -> impl Strategy<Value = Cpus> {
    prop_oneof![
        any::<u32>().prop_map(|pus| Cpus::Exclusive { pus }),
        any::<u32>().prop_map(|cpu_milli| Cpus::Shared { cpu_milli }),
    ]
}

fn member() -> impl Strategy<Value = MemberSpec> {
    let kind = select(vec![MemberKind::Init, MemberKind::Sidecar, MemberKind::App, MemberKind::Nested]);
    let root = prop_oneof![Just(Root::Agent), text().prop_map(Root::Folder)];
    let resources = (cpus(), any::<u64>()).prop_map(|(cpus, mem_bytes)| MemberResources { cpus, mem_bytes });
    (must_understand(), text(), kind, command(), root, resources, vec(any::<u8>(), 0..9)).prop_map(
        |(must_understand, name, kind, command, root, resources, data)| MemberSpec {
            must_understand,
            name,
            kind,
            command,
            root,
            resources,
            data,
        },
    )
}

fn wish() -> impl Strategy<Value = PlacementWish> {
    let locality =
        select(vec![Locality::Any, Locality::Package, Locality::NumaNode, Locality::L3Domain, Locality::Core]);
    (locality, any::<bool>(), any::<bool>(), labels()).prop_map(
        |(locality, locality_required, memory_local_required, constraints)| PlacementWish {
            locality,
            locality_required,
            memory_local_required,
            constraints,
        },
    )
}

fn pod_spec() -> impl Strategy<Value = PodSpec> {
    let names = (pod_id(), text(), text());
    let numbers = (must_understand(), any::<i32>(), any::<u32>());
    (names, numbers, vec(member(), 0..3), wish(), labels(), labels()).prop_map(
        |(names, numbers, members, wish, labels, annotations)| PodSpec {
            must_understand: numbers.0,
            pod: names.0,
            name: names.1,
            role: names.2,
            priority: numbers.1,
            members,
            wish,
            kill_grace_ms: numbers.2,
            labels,
            annotations,
        },
    )
}

fn pod_specs() -> impl Strategy<Value = Vec<PodSpec>> {
    vec(pod_spec(), 0..3)
}

fn placement() -> impl Strategy<Value = Placement> {
    let pool = any::<(u32, u32)>().prop_map(|(pool, cpu_milli)| PoolShare { pool, cpu_milli });
    let memory = any::<(u32, u64)>().prop_map(|(numa_node, mem_bytes)| NumaMemory { numa_node, mem_bytes });
    (ascending(), vec(pool, 0..3), vec(memory, 0..3)).prop_map(|(exclusive_pus, pools, memory)| Placement {
        exclusive_pus,
        pools,
        memory,
    })
}

fn state() -> impl Strategy<Value = TaskState> {
    use TaskState::*;
    select(vec![
        Waiting,
        Staging,
        Starting,
        Running,
        Killing,
        Finished,
        Failed,
        Killed,
        Error,
        Lost,
        Dropped,
        Unreachable,
        Gone,
        GoneByOperator,
        Unknown,
    ])
}

fn reason() -> impl Strategy<Value = StatusReason> {
    use StatusReason::*;
    select(vec![
        None,
        InsufficientResources,
        NeverFits,
        InvalidRequest,
        InvalidOffers,
        Refused,
        RootUnusable,
        ExecFailed,
        LaunchFailed,
        Exited,
        Signaled,
        MemoryLimit,
        KillRequested,
        SupervisorLost,
        AgentDisconnected,
        AgentRestarted,
        AgentRemoved,
        FrameworkRemoved,
        Reconciliation,
    ])
}

fn status() -> impl Strategy<Value = StatusUpdate> {
    let source = select(vec![StatusSource::Master, StatusSource::Agent, StatusSource::Executor]);
    let exit = prop_oneof![any::<i32>().prop_map(Exit::Code), any::<i32>().prop_map(Exit::Signal)];
    let pinning = (text(), text()).prop_map(|(cpuset, mems)| Pinning { cpuset, mems });
    let ids = (uuid(), pod_id(), text(), option::of(any::<u32>().prop_map(AgentId)));
    let what = (state(), source, reason(), text(), any::<u64>());
    (ids, what, option::of(exit), placement(), option::of(pinning)).prop_map(|(ids, what, exit, placement, pinning)| {
        StatusUpdate {
            update: ids.0,
            pod: ids.1,
            member: ids.2,
            agent: ids.3,
            state: what.0,
            source: what.1,
            reason: what.2,
            message: what.3,
            unix_ms: what.4,
            exit,
            placement,
            pinning,
        }
    })
}

fn pool_order() -> impl Strategy<Value = PoolOrder> {
    (any::<u32>(), ascending(), any::<u64>()).prop_map(|(pool, pus, epoch)| PoolOrder { pool, pus, epoch })
}

fn pools() -> impl Strategy<Value = Vec<PoolOrder>> {
    vec(pool_order(), 0..3)
}

fn running_pod() -> impl Strategy<Value = RunningPod> {
    (pod_spec(), placement(), any::<u128>(), any::<u32>(), state()).prop_map(
        |(spec, placement, claim, framework, state)| RunningPod {
            spec,
            placement,
            claim: ClaimTag(claim),
            framework,
            state,
        },
    )
}

fn register() -> impl Strategy<Value = Register> {
    (uuid(), any::<u64>(), any::<u64>(), machine(), vec(running_pod(), 0..2), pools()).prop_map(
        |(agent_uuid, incarnation, highest_term, machine, pods, pools)| Register {
            agent_uuid,
            incarnation,
            highest_term,
            machine,
            pods,
            pools,
        },
    )
}

fn agent_message() -> impl Strategy<Value = Message> {
    let registered = (any::<u32>(), any::<u32>(), pod_ids()).prop_map(|(agent, heartbeat_ms, unwanted)| {
        Message::Registered(Registered { agent: AgentId(agent), heartbeat_ms, unwanted })
    });
    let launch = (pod_spec(), placement(), any::<u32>())
        .prop_map(|(spec, placement, framework)| Message::Launch(Launch { spec, placement, framework }));
    let kill = (pod_id(), any::<Option<u32>>()).prop_map(|(pod, grace_ms)| Message::KillPod(KillPod { pod, grace_ms }));
    let confirmed = any::<(u32, u64)>().prop_map(|(pool, epoch)| Message::PoolConfirmed(PoolConfirmed { pool, epoch }));
    let report = (any::<u32>(), status())
        .prop_map(|(framework, status)| Message::ReportStatus(ReportStatus { framework, status }));
    let acknowledge =
        (pod_id(), uuid()).prop_map(|(pod, update)| Message::AcknowledgeStatus(AcknowledgeStatus { pod, update }));
    prop_oneof![
        register().prop_map(Message::Register),
        registered,
        launch,
        kill,
        pool_order().prop_map(Message::PoolOrder),
        confirmed,
        report,
        acknowledge,
    ]
}

fn offer_numa_node() -> impl Strategy<Value = OfferNumaNode> {
    any::<(u32, u32, u32, u32, u64)>().prop_map(|(numa_node, exclusive_cores, exclusive_pus, pool_milli, mem_bytes)| {
        OfferNumaNode { numa_node, exclusive_cores, exclusive_pus, pool_milli, mem_bytes }
    })
}

fn offer_device() -> impl Strategy<Value = OfferDevice> {
    (text(), text(), option::of(0..u32::MAX), 1..=1_000_u32)
        .prop_map(|(class, name, numa_node, free_milli)| OfferDevice { class, name, numa_node, free_milli })
}

/// What offers of an older writer do not have.
fn offer_extras() -> impl Strategy<Value = Offer> {
    let huge = (any::<u32>(), 0..64_u32, any::<u64>()).prop_map(|(numa_node, page, pages)| OfferHugePages {
        numa_node,
        page_bytes: 1 << page,
        pages,
    });
    let special = (any::<u32>(), text(), any::<u64>()).prop_map(|(numa_node, kind, mem_bytes)| OfferSpecialMemory {
        numa_node,
        kind,
        mem_bytes,
    });
    let some_ranges = ranges().prop_filter("at least one", |spans| !spans.is_empty());
    let scalars = btree_map(text(), any::<u64>(), 0..3)
        .prop_map(|all| all.into_iter().map(|(name, milli)| OfferScalar { name, milli }).collect());
    let ranges = btree_map(text(), some_ranges, 0..3)
        .prop_map(|all| all.into_iter().map(|(name, spans)| OfferRanges { name, spans }).collect());
    let sets = btree_map(text(), btree_set(text(), 1..4), 0..3)
        .prop_map(|all| all.into_iter().map(|(name, items)| OfferSet { name, items: Vec::from_iter(items) }).collect());
    let parts = (vec(huge, 0..3), vec(special, 0..3), vec(offer_device(), 0..3), scalars, ranges, sets);
    (any::<u64>(), parts, option::of(text()), any::<bool>()).prop_map(|(disk_bytes, parts, reserved_for, revocable)| {
        Offer {
            disk_bytes,
            huge_pages: parts.0,
            special_memory: parts.1,
            devices: parts.2,
            scalars: parts.3,
            ranges: parts.4,
            sets: parts.5,
            reserved_for,
            revocable,
            ..Offer::default()
        }
    })
}

fn offer() -> impl Strategy<Value = Offer> {
    let parts = (vec(offer_numa_node(), 0..3), labels());
    let extras = option::of(offer_extras()).prop_map(Option::unwrap_or_default);
    (any::<(u64, u32)>(), text(), text(), any::<(u32, u32, u64)>(), parts, extras).prop_map(
        |(ids, hostname, role, amounts, (numa_nodes, attributes), extras)| Offer {
            offer: OfferId(ids.0),
            agent: AgentId(ids.1),
            hostname,
            role,
            exclusive_cores: amounts.1,
            exclusive_pus: amounts.0,
            pool_milli: amounts.1,
            mem_bytes: amounts.2,
            numa_nodes,
            attributes,
            ..extras
        },
    )
}

pub(crate) fn offers() -> impl Strategy<Value = Vec<Offer>> {
    vec(offer(), 0..4)
}

fn offer_ids() -> impl Strategy<Value = Vec<OfferId>> {
    vec(any::<u64>().prop_map(OfferId), 0..4)
}

fn subscribe() -> impl Strategy<Value = Subscribe> {
    (any::<Option<u32>>(), text(), texts(), any::<u64>(), any::<bool>()).prop_map(
        |(framework, name, roles, failover_timeout_ms, suppressed)| Subscribe {
            framework: framework.map(FrameworkId),
            name,
            roles,
            failover_timeout_ms,
            suppressed,
        },
    )
}

fn framework_message() -> impl Strategy<Value = Message> {
    let subscribed = any::<(u32, u32)>().prop_map(|(framework, heartbeat_ms)| {
        Message::Subscribed(Subscribed { framework: FrameworkId(framework), heartbeat_ms })
    });
    let accept = (offer_ids(), pod_specs(), any::<u64>())
        .prop_map(|(offers, pods, refuse_ms)| Message::Accept(Accept { offers, pods, refuse_ms }));
    let decline =
        (offer_ids(), any::<u64>()).prop_map(|(offers, refuse_ms)| Message::Decline(Decline { offers, refuse_ms }));
    let kill = (pod_id(), any::<Option<u32>>()).prop_map(|(pod, grace_ms)| Message::Kill(Kill { pod, grace_ms }));
    prop_oneof![
        subscribe().prop_map(Message::Subscribe),
        subscribed,
        offers().prop_map(Message::Offers),
        offer_ids().prop_map(|offers| Message::Rescind(Rescind { offers })),
        accept,
        decline,
        Just(Message::Suppress),
        Just(Message::Revive),
        pod_specs().prop_map(|pods| Message::Place(Place { pods })),
        kill,
        pod_ids().prop_map(|pods| Message::Reconcile(Reconcile { pods })),
        status().prop_map(|status| Message::Update(Update { status })),
    ]
}

fn listing() -> impl Strategy<Value = Listing> {
    let agent = (any::<u32>(), any::<bool>(), machine(), pools())
        .prop_map(|(agent, connected, machine, pools)| AgentView { agent: AgentId(agent), connected, machine, pools });
    let framework = (any::<u32>(), text(), texts(), any::<bool>(), any::<u32>()).prop_map(
        |(framework, name, roles, connected, offers)| FrameworkView {
            framework: FrameworkId(framework),
            name,
            roles,
            connected,
            offers,
        },
    );
    let pod = (pod_spec(), any::<u32>(), status()).prop_map(|(spec, framework, status)| PodView {
        spec,
        framework: FrameworkId(framework),
        status,
    });
    (any::<u64>(), vec(agent, 0..2), vec(framework, 0..3), vec(pod, 0..3))
        .prop_map(|(request, agents, frameworks, pods)| Listing { request, agents, frameworks, pods })
}

fn refusal() -> impl Strategy<Value = Refusal> {
    use RefusalCode::*;
    let code = select(vec![Invalid, NotSupported, NotUnderstood, NotAllowed, OutOfTurn, NotFound, StaleTerm, Busy]);
    (any::<u64>(), code, text(), text()).prop_map(|(request, code, field, message)| Refusal {
        request,
        code,
        field,
        message,
    })
}

fn operator_message() -> impl Strategy<Value = Message> {
    let query = (any::<u64>(), option::of(pod_id()), any::<bool>())
        .prop_map(|(request, pod, watch)| Message::Query(Query { request, pod, watch }));
    prop_oneof![query, listing().prop_map(Message::Listing), refusal().prop_map(Message::Refusal)]
}

/// Any message, each kind about as often as the next.
pub(crate) fn message() -> impl Strategy<Value = Message> {
    prop_oneof![8 => agent_message(), 12 => framework_message(), 3 => operator_message()]
}

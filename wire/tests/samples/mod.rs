//! One frame of each kind with every field set: what the golden files of wire version 1 hold.
//!
//! Shared by the golden test and by the example that writes the files. A released sample never changes; a new field gets a new
//! sample, in the folder of its own version.

use std::borrow::Cow;

use meros_wire::frame::{Control, Frame, Goaway, Hello, Payload};
use meros_wire::message::*;
use meros_wire::{CloseCode, StreamId};

/// Every frame, with the name of its file.
pub(crate) fn frames() -> Vec<(String, Frame<'static>)> {
    let controls = controls().into_iter().map(|control| (file(control.name()), Payload::Control(control)));
    let messages = messages().into_iter().map(|message| (file(message.name()), Payload::Message(message)));
    let mut frames: Vec<_> = controls
        .map(|(name, payload)| (name, Frame { envelope: control_envelope(), payload }))
        .chain(messages.map(|(name, payload)| (name, Frame { envelope: envelope(), payload })))
        .collect();
    let empty = Payload::Message(Message::Offers(Vec::new()));
    frames.push(("offers-empty".to_owned(), Frame { envelope: Envelope::default(), payload: empty }));
    let extras = Payload::Message(Message::Offers(vec![offer(9), offer_with_extras(10)]));
    frames.push(("offers-extras".to_owned(), Frame { envelope: envelope(), payload: extras }));
    frames
}

/// `KillPod` → `kill-pod`.
fn file(name: &str) -> String {
    let mut file = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            file.push('-');
        }
        file.push(letter.to_ascii_lowercase());
    }
    file
}

fn uuid(first: u8) -> Uuid {
    let mut bytes = [first; 16];
    bytes[15] = 0xff;
    Uuid::from_random(bytes)
}

fn pod_id(first: u8) -> PodId {
    PodId(uuid(first))
}

fn label(key: &str, value: &str) -> Label {
    Label { key: key.to_owned(), value: value.to_owned() }
}

fn envelope() -> Envelope {
    Envelope {
        cluster: uuid(1),
        term: 7,
        incarnation: 3,
        topology_hash: 0x0123_4567_89ab_cdef,
        sequence: 42,
        acknowledgement: 41,
        idempotency_key: uuid(2),
        claim: ClaimTag(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff),
        principal: "spark".to_owned(),
        trace: TraceContext { trace: uuid(3), parent_span: 0xfeed, flags: 1 },
        must_understand: 0,
    }
}

fn control_envelope() -> Envelope {
    Envelope { cluster: uuid(1), acknowledgement: 41, ..Envelope::default() }
}

fn controls() -> Vec<Control<'static>> {
    let stream = StreamId(5);
    vec![
        Control::Hello(Hello {
            min_version: 1,
            max_version: 1,
            role: 2,
            name: "rack-3".to_owned(),
            max_frame_bytes: 4 << 20,
            max_streams: 1_000,
            stream_window_bytes: 256 << 10,
            heartbeat_ms: 2_000,
        }),
        Control::Goaway(Goaway {
            code: CloseCode::Replaced,
            message: "a newer connection of the same agent".to_owned(),
            min_version: 1,
            max_version: 1,
        }),
        Control::Ping,
        Control::Acknowledge,
        Control::StreamOpen {
            stream,
            purpose: StreamPurpose::Logs(LogsRequest {
                pod: pod_id(10),
                member: "app".to_owned(),
                output: Output::Stderr,
                offset_bytes: 4_096,
                follow: true,
            }),
        },
        Control::StreamData { stream, bytes: Cow::Borrowed(b"hello\n") },
        Control::StreamWindow { stream, bytes: 131_072 },
        Control::StreamEnd { stream },
        Control::StreamReset { stream, reason: "no such member".to_owned() },
        Control::StreamResize { stream, rows: 24, columns: 80 },
    ]
}

fn messages() -> Vec<Message> {
    let mut messages = agent_messages();
    messages.extend(framework_messages());
    messages.extend(operator_messages());
    messages
}

fn agent_messages() -> Vec<Message> {
    vec![
        Message::Register(Register {
            agent_uuid: uuid(4),
            incarnation: 3,
            highest_term: 6,
            machine: machine(),
            pods: vec![RunningPod {
                spec: pod_spec(),
                placement: placement(),
                claim: ClaimTag(9),
                framework: 5,
                state: TaskState::Running,
            }],
            pools: vec![pool_order()],
        }),
        Message::Registered(Registered { agent: AgentId(12), heartbeat_ms: 2_000, unwanted: vec![pod_id(11)] }),
        Message::Launch(Launch { spec: pod_spec(), placement: placement(), framework: 5 }),
        Message::KillPod(KillPod { pod: pod_id(10), grace_ms: Some(0) }),
        Message::PoolOrder(pool_order()),
        Message::PoolConfirmed(PoolConfirmed { pool: PoolOrder::NO_NUMA_NODE, epoch: 8 }),
        Message::ReportStatus(ReportStatus { framework: 5, status: status() }),
        Message::AcknowledgeStatus(AcknowledgeStatus { pod: pod_id(10), update: uuid(20) }),
    ]
}

fn framework_messages() -> Vec<Message> {
    let offers = vec![OfferId(9), OfferId(1 << 40)];
    vec![
        Message::Subscribe(Subscribe {
            framework: Some(FrameworkId(5)),
            name: "batch".to_owned(),
            roles: vec!["research".to_owned(), "research/night".to_owned()],
            failover_timeout_ms: 60_000,
            suppressed: true,
        }),
        Message::Subscribed(Subscribed { framework: FrameworkId(5), heartbeat_ms: 2_000 }),
        Message::Offers(vec![offer(9), offer(10)]),
        Message::Rescind(Rescind { offers: offers.clone() }),
        Message::Accept(Accept { offers: offers.clone(), pods: vec![pod_spec(), shared_pod()], refuse_ms: 5_000 }),
        Message::Decline(Decline { offers, refuse_ms: 5_000 }),
        Message::Suppress,
        Message::Revive,
        Message::Place(Place { pods: vec![shared_pod()] }),
        Message::Kill(Kill { pod: pod_id(10), grace_ms: None }),
        Message::Reconcile(Reconcile { pods: vec![pod_id(10), pod_id(11)] }),
        Message::Update(Update {
            status: StatusUpdate { exit: Some(Exit::Signal(9)), agent: None, pinning: None, ..status() },
        }),
    ]
}

fn operator_messages() -> Vec<Message> {
    vec![
        Message::Query(Query { request: 77, pod: Some(pod_id(10)), watch: true }),
        Message::Listing(Listing {
            request: 77,
            agents: vec![AgentView {
                agent: AgentId(12),
                connected: true,
                machine: machine(),
                pools: vec![pool_order()],
            }],
            frameworks: vec![FrameworkView {
                framework: FrameworkId(5),
                name: "batch".to_owned(),
                roles: vec!["research".to_owned()],
                connected: true,
                offers: 2,
            }],
            pods: vec![PodView { spec: pod_spec(), framework: FrameworkId(5), status: status() }],
        }),
        Message::Refusal(Refusal {
            request: 77,
            code: RefusalCode::NotSupported,
            field: "pods[0].members[0].command.user".to_owned(),
            message: "this build starts members as the agent only: leave the user empty".to_owned(),
        }),
    ]
}

fn machine() -> Machine {
    let ranges = vec![InclusiveRange { begin: 31_000, end: 32_000 }, InclusiveRange { begin: 40_000, end: 40_000 }];
    let devices = vec![DeviceShare { device: "0000:41:00.0".to_owned(), share_milli: 1_000 }];
    Machine {
        hostname: "rack-3.example".to_owned(),
        topology_hash: 0x0123_4567_89ab_cdef,
        pretended: true,
        cores: vec![
            MachineCore { pus: vec![0, 64], package: Some(0), numa_node: Some(0), l3_domain: Some(0), kind: 1 },
            MachineCore { pus: vec![1], ..MachineCore::default() },
        ],
        numa_nodes: vec![MachineNumaNode {
            os_index: 0,
            mem_bytes: 64 << 30,
            huge_2mib_pages: 512,
            huge_1gib_pages: 4,
        }],
        numa_distances: vec![10],
        devices: vec![MachineDevice { class: "gpu".to_owned(), name: "0000:41:00.0".to_owned(), numa_node: Some(0) }],
        resources: vec![
            resource("disk", ResourceValue::ScalarMilli(1_500_000)),
            resource("ports", ResourceValue::Ranges(ranges)),
            resource("racks", ResourceValue::Set(vec!["a".to_owned(), "b".to_owned()])),
            resource("gpus", ResourceValue::Devices(devices)),
        ],
        attributes: vec![label("zone", "west"), label("ssd", "")],
    }
}

fn resource(name: &str, value: ResourceValue) -> Resource {
    Resource {
        name: name.to_owned(),
        value,
        reservations: vec![Reservation {
            role: "research".to_owned(),
            principal: "ops".to_owned(),
            labels: vec![label("why", "deadline")],
        }],
        revocable: true,
        shared: true,
    }
}

fn pod_spec() -> PodSpec {
    let mut spec = PodSpec {
        must_understand: 0,
        pod: pod_id(10),
        name: "pinned".to_owned(),
        role: "research".to_owned(),
        priority: -5,
        members: vec![MemberSpec {
            must_understand: 0,
            name: "app".to_owned(),
            kind: MemberKind::Sidecar,
            command: Command {
                argv: vec!["/bin/sh".to_owned(), "-c".to_owned(), "exit 3".to_owned()],
                env: vec![label("PATH", "/bin")],
                working_dir: "/srv".to_owned(),
                user: "nobody".to_owned(),
            },
            root: Root::Folder("/srv/root".to_owned()),
            resources: MemberResources { cpus: Cpus::Exclusive { pus: 2 }, mem_bytes: 1 << 30 },
            data: vec![0, 1, 254, 255],
        }],
        wish: PlacementWish {
            locality: Locality::L3Domain,
            locality_required: true,
            memory_local_required: true,
            constraints: vec![label("zone", "west")],
        },
        kill_grace_ms: 10_000,
        labels: vec![label("team", "a")],
        annotations: vec![label("note", "ä ∀ 🦀")],
    };
    spec.mark_features();
    spec
}

fn shared_pod() -> PodSpec {
    let member = MemberSpec {
        resources: MemberResources { cpus: Cpus::Shared { cpu_milli: 250 }, mem_bytes: 0 },
        ..MemberSpec::default()
    };
    PodSpec { pod: pod_id(11), members: vec![member], ..PodSpec::default() }
}

fn placement() -> Placement {
    Placement {
        exclusive_pus: vec![0, 64],
        pools: vec![PoolShare { pool: 0, cpu_milli: 250 }],
        memory: vec![NumaMemory { numa_node: 0, mem_bytes: 1 << 30 }],
    }
}

fn pool_order() -> PoolOrder {
    PoolOrder { pool: 0, pus: vec![1, 65], epoch: 8 }
}

fn status() -> StatusUpdate {
    StatusUpdate {
        update: uuid(20),
        pod: pod_id(10),
        member: "app".to_owned(),
        agent: Some(AgentId(12)),
        state: TaskState::Failed,
        source: StatusSource::Agent,
        reason: StatusReason::Exited,
        message: "exit code 3".to_owned(),
        unix_ms: 1_700_000_000_123,
        exit: Some(Exit::Code(3)),
        placement: placement(),
        pinning: Some(Pinning { cpuset: "0,64".to_owned(), mems: "0".to_owned() }),
    }
}

fn offer(number: u64) -> Offer {
    let part =
        OfferNumaNode { numa_node: 0, exclusive_cores: 1, exclusive_pus: 2, pool_milli: 250, mem_bytes: 8 << 30 };
    Offer {
        offer: OfferId(number),
        agent: AgentId(12),
        hostname: "rack-3.example".to_owned(),
        role: "research".to_owned(),
        exclusive_cores: 2,
        exclusive_pus: 2,
        pool_milli: 250,
        mem_bytes: 8 << 30,
        numa_nodes: vec![part, OfferNumaNode { numa_node: 1, ..OfferNumaNode::default() }],
        attributes: vec![label("zone", "west")],
        ..Offer::default()
    }
}

fn offer_with_extras(number: u64) -> Offer {
    let huge = |page_bytes, pages| OfferHugePages { numa_node: 0, page_bytes, pages };
    let device = |name: &str, numa_node, free_milli| OfferDevice {
        class: "gpu".to_owned(),
        name: name.to_owned(),
        numa_node,
        free_milli,
    };
    let spans = vec![InclusiveRange { begin: 31_000, end: 31_999 }, InclusiveRange { begin: 40_000, end: 40_000 }];
    Offer {
        disk_bytes: 1 << 40,
        huge_pages: vec![huge(2 << 20, 512), huge(1 << 30, 4)],
        special_memory: vec![OfferSpecialMemory { numa_node: 8, kind: "hbm".to_owned(), mem_bytes: 16 << 30 }],
        devices: vec![device("0000:41:00.0", Some(0), 1_000), device("0000:61:00.0", None, 250)],
        scalars: vec![OfferScalar { name: "bandwidth".to_owned(), milli: 2_500 }],
        ranges: vec![OfferRanges { name: "ports".to_owned(), spans }],
        sets: vec![OfferSet { name: "racks".to_owned(), items: vec!["a".to_owned(), "b".to_owned()] }],
        reserved_for: Some("research".to_owned()),
        revocable: true,
        ..offer(number)
    }
}

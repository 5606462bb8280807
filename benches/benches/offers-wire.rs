//! What an offer costs on its way to the wire: appended from prepared parts, and put into a frame.
//!
//! Each has one NUMA node, one scalar and 17 spans of ports, and a hostname of its own. Beside it, in the same run: the same bytes
//! copied into one vector, which is the limit, and the way over plain Rust. The frames of both ways are equal before they are timed.

use std::hint::black_box;

use meros_benches::clock::{pin, thread_cpu_ns};
use meros_benches::{Reach, print_reach, print_where};
use meros_wire::decode;
use meros_wire::encode::Encoder;
use meros_wire::frame::Payload;
use meros_wire::message::{
    AgentId, Envelope, InclusiveRange, Message, Offer, OfferId, OfferNumaNode, OfferRanges, OfferScalar,
};
use meros_wire::offers::{OfferHead, OfferNumaNodeV1, OfferParts, OfferRangeV1, OfferScalarV1, OffersWriter};
use meros_wire::offers::{numa_node, range, scalar};

/// Offers of one message.
const OFFERS: u32 = 1_000;
const SPANS: u64 = 17;
const ROUNDS: u32 = 300;
/// An offer's bytes in the vectors of structs: head, extras, NUMA node, scalar, spans.
const OFFER_BYTES: usize = 48 + 40 + 24 + 16 + 17 * 24;

/// What a master keeps of an agent.
struct Agent {
    hostname: String,
    numa_nodes: [OfferNumaNodeV1; 1],
    scalars: [OfferScalarV1; 1],
    ranges: Vec<OfferRangeV1>,
}

fn part() -> OfferNumaNode {
    OfferNumaNode { numa_node: 0, exclusive_cores: 8, exclusive_pus: 16, pool_milli: 0, mem_bytes: 64 << 30 }
}

fn spans() -> impl Iterator<Item = (u64, u64)> {
    (0..SPANS).map(|at| (31_000 + at * 50, 31_040 + at * 50))
}

fn hostname(agent: u32) -> String {
    format!("rack-{}-machine-{agent}", agent % 40)
}

fn plain(agent: u32) -> Offer {
    let spans = spans().map(|(begin, end)| InclusiveRange { begin, end }).collect();
    Offer {
        offer: OfferId(u64::from(agent)),
        agent: AgentId(agent),
        hostname: hostname(agent),
        role: "research".to_owned(),
        exclusive_cores: 8,
        exclusive_pus: 16,
        mem_bytes: 64 << 30,
        numa_nodes: vec![part()],
        disk_bytes: 1 << 40,
        scalars: vec![OfferScalar { name: "bandwidth".to_owned(), milli: 10_000_000 }],
        ranges: vec![OfferRanges { name: "ports".to_owned(), spans }],
        ..Offer::default()
    }
}

fn append(writer: &mut OffersWriter, agents: &[Agent], role: u32) {
    for (at, agent) in (0_u32..).zip(agents) {
        let head = OfferHead {
            offer: OfferId(u64::from(at)),
            agent: AgentId(at),
            hostname: writer.new_text(&agent.hostname),
            role,
            exclusive_cores: 8,
            exclusive_pus: 16,
            mem_bytes: 64 << 30,
            disk_bytes: 1 << 40,
            ..OfferHead::default()
        };
        let (numa_nodes, scalars) = (&agent.numa_nodes, &agent.scalars);
        writer.push(&head, &OfferParts { numa_nodes, scalars, ranges: &agent.ranges, ..OfferParts::default() });
    }
}

/// Nanoseconds of CPU for each offer of a round: the least of all rounds, and the median.
fn timed(mut round: impl FnMut()) -> (f64, f64) {
    let mut all: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start_ns = thread_cpu_ns();
            round();
            (thread_cpu_ns() - start_ns) as f64 / f64::from(OFFERS)
        })
        .collect();
    all.sort_unstable_by(f64::total_cmp);
    (all[0], all[all.len() / 2])
}

fn read(frame: &[u8]) -> Option<Vec<Offer>> {
    match decode::frame(frame).ok()?.payload {
        Payload::Message(Message::Offers(offers)) => Some(offers),
        _ => None,
    }
}

fn main() {
    print_where();
    pin(0);
    let mut writer = OffersWriter::default();
    let (role, bandwidth, ports) = (writer.text("research"), writer.text("bandwidth"), writer.text("ports"));
    writer.keep_texts();
    let agents: Vec<Agent> = (0..OFFERS)
        .map(|agent| Agent {
            hostname: hostname(agent),
            numa_nodes: [numa_node(&part())],
            scalars: [scalar(bandwidth, 10_000_000)],
            ranges: spans().map(|(begin, end)| range(ports, begin, end)).collect(),
        })
        .collect();
    let (envelope, mut encoder) = (Envelope::default(), Encoder::default());
    let message = Message::Offers((0..OFFERS).map(plain).collect());
    append(&mut writer, &agents, role);
    let ok = read(encoder.offers(&envelope, &writer)).map(Message::Offers).as_ref() == Some(&message);
    let appending = timed(|| {
        writer.clear();
        append(&mut writer, black_box(&agents), role);
    });
    let framing = timed(|| {
        black_box(encoder.offers(&envelope, &writer));
    });
    let by_plain = timed(|| {
        black_box(encoder.message(&envelope, &message));
    });
    let (source, mut copy) = (vec![1_u8; OFFER_BYTES], Vec::new());
    let copying = timed(|| {
        copy.clear();
        (0..OFFERS).for_each(|_| copy.extend_from_slice(black_box(&source)));
    });
    println!("ns of an offer of {OFFER_BYTES} bytes, best and median of {ROUNDS} messages of {OFFERS}:");
    for (what, (best, median)) in [
        ("append prepared parts", appending),
        ("put into a frame", framing),
        ("both, from plain Rust", by_plain),
        ("copy as many bytes", copying),
    ] {
        println!("{what:24} {best:8.1} {median:8.1}");
    }
    print_reach("offers-wire", ok, &[Reach::at_most("ns to append an offer", appending.1, 100.0)]);
}

//! The writer of offers makes what plain Rust makes.

use meros_wire::decode;
use meros_wire::encode::Encoder;
use meros_wire::frame::Payload;
use meros_wire::message::{Envelope, Message, Offer, OfferId};
use meros_wire::offers::{
    OfferAttributeV1, OfferDeviceV1, OfferHead, OfferHugePagesV1, OfferItemV1, OfferNumaNodeV1, OfferParts,
    OfferRangeV1, OfferScalarV1, OfferSpecialMemoryV1, OffersWriter, attribute, device, huge_pages, item, numa_node,
    range, scalar, special_memory,
};
use meros_wire::{Event, Limits, Link, SendError};
use proptest::prelude::*;

use crate::arbitrary;
use crate::pair::{Pair, events};

/// An offer as a master keeps it between messages.
#[derive(Clone)]
struct Prepared {
    head: OfferHead,
    numa_nodes: Vec<OfferNumaNodeV1>,
    attributes: Vec<OfferAttributeV1>,
    huge_pages: Vec<OfferHugePagesV1>,
    special_memory: Vec<OfferSpecialMemoryV1>,
    devices: Vec<OfferDeviceV1>,
    scalars: Vec<OfferScalarV1>,
    ranges: Vec<OfferRangeV1>,
    items: Vec<OfferItemV1>,
}

impl Prepared {
    /// Takes the texts in, in the order in which the mirror's encoding does.
    fn of(offer: &Offer, writer: &mut OffersWriter) -> Self {
        let head = OfferHead {
            offer: offer.offer,
            agent: offer.agent,
            hostname: writer.text(&offer.hostname),
            role: writer.text(&offer.role),
            exclusive_cores: offer.exclusive_cores,
            exclusive_pus: offer.exclusive_pus,
            pool_milli: offer.pool_milli,
            mem_bytes: offer.mem_bytes,
            disk_bytes: offer.disk_bytes,
            reserved_for: offer.reserved_for.as_deref().map(|role| writer.text(role)),
            revocable: offer.revocable,
        };
        let mut text = |text: &String| writer.text(text);
        let attributes = offer.attributes.iter().map(|label| attribute(text(&label.key), text(&label.value))).collect();
        let special = offer.special_memory.iter();
        let special_memory =
            special.map(|part| special_memory(part.numa_node, text(&part.kind), part.mem_bytes)).collect();
        let devices = offer.devices.iter();
        let devices =
            devices.map(|part| device(text(&part.class), text(&part.name), part.numa_node, part.free_milli)).collect();
        let scalars = offer.scalars.iter().map(|part| scalar(text(&part.name), part.milli)).collect();
        let mut ranges = Vec::new();
        for named in &offer.ranges {
            let name = text(&named.name);
            ranges.extend(named.spans.iter().map(|span| range(name, span.begin, span.end)));
        }
        let mut items = Vec::new();
        for named in &offer.sets {
            let set = text(&named.name);
            items.extend(named.items.iter().map(|name| item(set, text(name))));
        }
        let numa_nodes = offer.numa_nodes.iter().map(numa_node).collect();
        let huge = offer.huge_pages.iter();
        let huge_pages = huge.map(|part| huge_pages(part.numa_node, part.page_bytes, part.pages)).collect();
        Self { head, numa_nodes, attributes, huge_pages, special_memory, devices, scalars, ranges, items }
    }

    fn push(&self, writer: &mut OffersWriter) {
        let parts = OfferParts {
            numa_nodes: &self.numa_nodes,
            attributes: &self.attributes,
            huge_pages: &self.huge_pages,
            special_memory: &self.special_memory,
            devices: &self.devices,
            scalars: &self.scalars,
            ranges: &self.ranges,
            items: &self.items,
        };
        writer.push(&self.head, &parts);
    }
}

fn read(frame: &[u8]) -> Vec<Offer> {
    match decode::frame(frame).map(|frame| frame.payload) {
        Ok(Payload::Message(Message::Offers(offers))) => offers,
        other => panic!("no offers: {other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn prepared_offers_and_plain_ones_are_the_same_bytes(
        (envelope, offers) in (arbitrary::envelope(), arbitrary::offers()),
    ) {
        let mut writer = OffersWriter::default();
        for offer in &offers {
            let prepared = Prepared::of(offer, &mut writer);
            prepared.push(&mut writer);
        }
        prop_assert_eq!(writer.len(), offers.len());
        let frame = Encoder::default().offers(&envelope, &writer).to_vec();
        let mut encoder = Encoder::default();
        prop_assert_eq!(encoder.message(&envelope, &Message::Offers(offers)), frame.as_slice());
        let empty = encoder.offers(&envelope, &OffersWriter::default()).len();
        prop_assert!(frame.len() - empty <= writer.size_bytes(), "{} - {empty}", frame.len());
    }

    #[test]
    fn what_is_prepared_once_serves_many_messages(
        (first, second) in (arbitrary::offers(), arbitrary::offers()),
        (hostname, other) in (arbitrary::text(), arbitrary::text()),
    ) {
        let mut writer = OffersWriter::default();
        let prepared: Vec<_> = first.iter().map(|offer| Prepared::of(offer, &mut writer)).collect();
        writer.keep_texts();
        for name in [&hostname, &other] {
            let renamed = first.iter().map(|offer| Offer { hostname: name.clone(), ..offer.clone() });
            let expected: Vec<_> = renamed.chain(second.iter().cloned()).collect();
            for prepared in &prepared {
                let hostname = writer.new_text(name);
                let mut prepared = prepared.clone();
                prepared.head.hostname = hostname;
                prepared.push(&mut writer);
            }
            for offer in &second {
                writer.add(offer);
            }
            prop_assert_eq!(read(Encoder::default().offers(&Envelope::default(), &writer)), expected);
            writer.clear();
            prop_assert!(writer.is_empty());
        }
    }
}

#[test]
fn a_link_sends_the_offers_of_a_writer_as_it_does_messages() {
    let offers: Vec<_> = (0..100).map(|offer| Offer { offer: OfferId(offer), ..Offer::default() }).collect();
    let mut writer = OffersWriter::default();
    offers.iter().for_each(|offer| writer.add(offer));
    let small = Limits { max_frame_bytes: 6_000, ..Limits::default() };
    let mut pair = Pair::open(Limits::default(), small);
    let envelope = Envelope::default();
    assert_eq!(pair.client.send_offers(&envelope, &writer), Ok(1));
    offers.iter().for_each(|offer| writer.add(offer));
    let refused = pair.client.send_offers(&envelope, &writer).unwrap_err();
    assert!(matches!(refused, SendError::TooLarge { bytes, limit: 6_000 } if bytes > 9_600), "{refused:?}");
    assert_eq!(pair.send(7), 2, "the refused one was not counted");
    pair.settle();
    let heard: Vec<_> = events(&mut pair.server);
    let Some(Event::Message { message: Message::Offers(first), .. }) = heard.first() else { panic!("{heard:?}") };
    assert_eq!((first, heard.len()), (&offers, 2));
}

//! Offers whose counts, texts, order or amounts are wrong.

use flatbuffers::{ForwardsUOffset, Vector};

use super::*;
use crate::message::{Offer, OfferRanges};
use crate::offers::{
    NONE, OfferDeviceV1, OfferHugePagesV1, OfferItemV1, OfferRangeV1, OfferScalarV1, device, huge_pages, item, range,
    scalar,
};

/// A message of offers, in its own vectors.
#[derive(Default)]
struct Raw<'a> {
    offers: &'a [fb::OfferV1],
    texts: &'a [&'a str],
    numa_nodes: usize,
    extras: &'a [fb::OfferExtrasV1],
    huge_pages: &'a [OfferHugePagesV1],
    devices: &'a [OfferDeviceV1],
    scalars: &'a [OfferScalarV1],
    ranges: &'a [OfferRangeV1],
    items: &'a [OfferItemV1],
}

impl Raw<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut b = Builder::new();
        let texts: Vec<_> = self.texts.iter().map(|text| b.create_string(text)).collect();
        let texts: WIPOffset<Vector<'_, ForwardsUOffset<&str>>> = b.create_vector(&texts);
        let args = fb::OffersArgs {
            offers: Some(b.create_vector(self.offers)),
            numa_nodes: Some(b.create_vector(&vec![fb::OfferNumaNodeV1::default(); self.numa_nodes])),
            texts: Some(texts),
            // As an older writer leaves them out.
            extras: (!self.extras.is_empty()).then(|| b.create_vector(self.extras)),
            huge_pages: (!self.huge_pages.is_empty()).then(|| b.create_vector(self.huge_pages)),
            devices: (!self.devices.is_empty()).then(|| b.create_vector(self.devices)),
            scalars: (!self.scalars.is_empty()).then(|| b.create_vector(self.scalars)),
            ranges: (!self.ranges.is_empty()).then(|| b.create_vector(self.ranges)),
            items: (!self.items.is_empty()).then(|| b.create_vector(self.items)),
            ..fb::OffersArgs::default()
        };
        let offers = fb::Offers::create(&mut b, &args);
        finish(b, fb::Payload::Offers, offers.as_union_value())
    }

    #[track_caller]
    fn is_refused(&self, field: &str, problem: &str) {
        assert_eq!(unreadable(&self.bytes()), DecodeError::invalid(field, problem));
    }

    fn read(&self) -> Vec<Offer> {
        match frame(&self.bytes()).map(|frame| frame.payload) {
            Ok(Payload::Message(Message::Offers(offers))) => offers,
            other => panic!("not read: {other:?}"),
        }
    }
}

fn offer(hostname: u32, numa_nodes: u32) -> fb::OfferV1 {
    fb::OfferV1::new(1, 2, 3, hostname, 0, 4, 5, numa_nodes, 0, 0)
}

/// Counts of huge pages, special memory, devices, scalars, ranges and items.
fn extras(counts: [u32; 6]) -> fb::OfferExtrasV1 {
    let [huge_pages, special_memory, devices, scalars, ranges, items] = counts;
    fb::OfferExtrasV1::new(0, huge_pages, special_memory, devices, scalars, ranges, items, NONE, 0)
}

const TEXTS: &[&str] = &["b", "a", "b"];

#[test]
fn offers_take_what_is_theirs_and_no_more() {
    let unknown = Raw { offers: &[offer(1, 0)], texts: &["a"], ..Raw::default() };
    unknown.is_refused("offers[0].hostname", "no text 1 among 1");
    let two = Raw { offers: &[offer(0, 2), offer(0, 2)], numa_nodes: 3, texts: &["a"], ..Raw::default() };
    two.is_refused("offers[1].numa_nodes", "2 where 1 are left");
    let one = Raw { offers: &[offer(0, 1)], numa_nodes: 3, texts: &["a"], ..Raw::default() };
    one.is_refused("numa_nodes", "2 that belong to no offer");
}

#[test]
fn offers_of_an_older_writer_have_no_extras() {
    let old = Raw { offers: &[offer(0, 1), offer(0, 0)], numa_nodes: 1, texts: &["a"], ..Raw::default() }.read();
    assert_eq!(old.len(), 2);
    for offer in old {
        let bare = Offer {
            offer: offer.offer,
            agent: offer.agent,
            hostname: "a".to_owned(),
            role: "a".to_owned(),
            exclusive_pus: 4,
            pool_milli: 5,
            mem_bytes: 2,
            numa_nodes: offer.numa_nodes.clone(),
            ..Offer::default()
        };
        assert_eq!(offer, bare);
    }
}

#[test]
fn extras_stand_for_each_offer_or_for_none() {
    let offers = &[offer(0, 0), offer(0, 0)];
    let one = Raw { offers, texts: TEXTS, extras: &[extras([0; 6])], ..Raw::default() };
    one.is_refused("extras", "1 for 2 offers");
    let three = Raw { offers, texts: TEXTS, extras: &[extras([0; 6]); 3], ..Raw::default() };
    three.is_refused("extras", "3 for 2 offers");
    let without = Raw { offers, texts: TEXTS, scalars: &[scalar(0, 1)], ..Raw::default() };
    without.is_refused("scalars", "1 that belong to no offer");
    assert_eq!(Raw { offers, texts: TEXTS, extras: &[extras([0; 6]); 2], ..Raw::default() }.read().len(), 2);
}

#[test]
fn every_count_is_held_against_its_own_vector() {
    for (at, field) in ["huge_pages", "special_memory", "devices", "scalars", "ranges", "items"].into_iter().enumerate()
    {
        for count in [1, u32::MAX] {
            let mut counts = [0; 6];
            counts[at] = count;
            let raw = Raw { offers: &[offer(0, 0)], texts: TEXTS, extras: &[extras(counts)], ..Raw::default() };
            raw.is_refused(&format!("offers[0].{field}"), &format!("{count} where 0 are left"));
        }
    }
    let ranges = &[range(0, 1, 2), range(0, 4, 4), range(0, 6, 9)];
    let left =
        Raw { offers: &[offer(0, 0)], texts: TEXTS, ranges, extras: &[extras([0, 0, 0, 0, 2, 0])], ..Raw::default() };
    left.is_refused("ranges", "1 that belong to no offer");
}

#[test]
fn numbers_of_ranges_ascend() {
    let refused = |ranges: &[OfferRangeV1], field: &str, problem: &str| {
        let extras = [extras([0, 0, 0, 0, u32::try_from(ranges.len()).unwrap(), 0])];
        let raw = Raw { offers: &[offer(0, 0)], texts: TEXTS, ranges, extras: &extras, ..Raw::default() };
        raw.is_refused(&format!("offers[0].{field}"), problem);
    };
    refused(&[range(0, 5, 4)], "ranges", "one ends before it begins");
    refused(&[range(0, 1, 5), range(0, 5, 9)], "ranges", "must ascend without overlapping");
    refused(&[range(0, 1, 2), range(1, 1, 2)], "ranges.name", "must ascend, each once");
    refused(&[range(0, 1, 2), range(2, 4, 5)], "ranges.name", "must ascend, each once");
    refused(&[range(9, 1, 2)], "ranges.name", "no text 9 among 3");
    let ranges = &[range(1, 1, 2), range(0, 1, 2), range(0, 4, 4)];
    let extras = &[extras([0, 0, 0, 0, 3, 0])];
    let good = Raw { offers: &[offer(0, 0)], texts: TEXTS, ranges, extras, ..Raw::default() }.read();
    let of = |name: &str, spans: &[(u64, u64)]| OfferRanges {
        name: name.to_owned(),
        spans: spans.iter().map(|&(begin, end)| crate::message::InclusiveRange { begin, end }).collect(),
    };
    assert_eq!(good[0].ranges, [of("a", &[(1, 2)]), of("b", &[(1, 2), (4, 4)])]);
}

#[test]
fn names_of_scalars_and_sets_ascend() {
    let offers = &[offer(0, 0)];
    let scalars = &[scalar(0, 1), scalar(1, 1)];
    let raw = Raw { offers, texts: TEXTS, scalars, extras: &[extras([0, 0, 0, 2, 0, 0])], ..Raw::default() };
    raw.is_refused("offers[0].scalars.name", "must ascend, each once");
    let two_items = [extras([0, 0, 0, 0, 0, 2])];
    let raw = Raw { offers, texts: TEXTS, items: &[item(0, 0), item(1, 0)], extras: &two_items, ..Raw::default() };
    raw.is_refused("offers[0].items.set", "must ascend, each once");
    let raw = Raw { offers, texts: TEXTS, items: &[item(0, 0), item(0, 0)], extras: &two_items, ..Raw::default() };
    raw.is_refused("offers[0].items.item", "must ascend, each once");
}

#[test]
fn amounts_out_of_range_and_unknown_flags_are_refused() {
    let offers = &[offer(0, 0)];
    for free_milli in [0, 1_001] {
        let devices = &[device(0, 1, None, free_milli)];
        let raw = Raw { offers, texts: TEXTS, devices, extras: &[extras([0, 0, 1, 0, 0, 0])], ..Raw::default() };
        raw.is_refused("offers[0].devices.free_milli", &format!("{free_milli} is not from 1 to 1000"));
    }
    let odd = &[huge_pages(0, 3, 1)];
    let raw = Raw { offers, texts: TEXTS, huge_pages: odd, extras: &[extras([1, 0, 0, 0, 0, 0])], ..Raw::default() };
    raw.is_refused("offers[0].huge_pages.page_bytes", "3 is not a power of two");
    let reserved = |role, flags| [fb::OfferExtrasV1::new(0, 0, 0, 0, 0, 0, 0, role, flags)];
    let raw = Raw { offers, texts: TEXTS, extras: &reserved(3, 0), ..Raw::default() };
    raw.is_refused("offers[0].reserved_for", "no text 3 among 3");
    let bytes = Raw { offers, texts: TEXTS, extras: &reserved(NONE, 0b101), ..Raw::default() }.bytes();
    assert_eq!(unreadable(&bytes), not_understood("offers[0].flags", "bit 2"));
}

#[test]
fn a_small_frame_cannot_come_to_much_text() {
    let text = "x".repeat(100_000);
    let bytes = Raw { offers: &[offer(0, 0); 1_000], texts: &[&text], ..Raw::default() }.bytes();
    assert!(bytes.len() < 200_000);
    assert!(
        matches!(unreadable(&bytes), DecodeError::Invalid { problem, .. } if problem.contains("send fewer offers"))
    );
}

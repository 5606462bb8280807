//! Offers: vectors of structs that the offers share.

use flatbuffers::WIPOffset;

use super::Builder;
use super::common::{items, tables};
use crate::generated::meros::wire as fb;
use crate::offers::OffersWriter;

pub(super) fn offers(b: &mut Builder, writer: &OffersWriter) -> WIPOffset<fb::Offers<'static>> {
    let texts: Vec<&str> = writer.texts.iter().collect();
    let args = fb::OffersArgs {
        offers: items(b, &writer.offers),
        numa_nodes: items(b, &writer.numa_nodes),
        attributes: items(b, &writer.attributes),
        texts: tables(b, &texts, |b, text| b.create_string(text)),
        // Where no offer has any, they are left out, and the other vectors are empty.
        extras: items(b, if writer.has_extras { &writer.extras } else { &[] }),
        huge_pages: items(b, &writer.huge_pages),
        special_memory: items(b, &writer.special_memory),
        devices: items(b, &writer.devices),
        scalars: items(b, &writer.scalars),
        ranges: items(b, &writer.ranges),
        items: items(b, &writer.items),
    };
    fb::Offers::create(b, &args)
}

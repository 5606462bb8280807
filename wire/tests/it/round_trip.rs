//! What one side encodes, the other decodes to the same.

use meros_wire::decode::{self, View};
use meros_wire::encode::Encoder;
use meros_wire::frame::{Frame, Payload};
use meros_wire::message::Message;
use proptest::prelude::*;

use crate::arbitrary;

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_message_comes_back((envelope, message) in (arbitrary::envelope(), arbitrary::message())) {
        let mut encoder = Encoder::default();
        let bytes = encoder.message(&envelope, &message).to_vec();
        prop_assert_eq!(
            decode::frame(&bytes),
            Ok(Frame { envelope: envelope.clone(), payload: Payload::Message(message.clone()) })
        );
        prop_assert_eq!(encoder.message(&envelope, &message), bytes.as_slice(), "a used encoder writes the same");
    }

    #[test]
    fn hot_messages_are_read_in_place((envelope, message) in (arbitrary::envelope(), arbitrary::message())) {
        let mut encoder = Encoder::default();
        let view = View::verify(encoder.message(&envelope, &message)).unwrap();
        let offers = view.offer_ids().map(Vec::from_iter);
        let expected = match &message {
            Message::Rescind(rescind) => Some(rescind.offers.clone()),
            Message::Decline(decline) => Some(decline.offers.clone()),
            Message::Accept(accept) => Some(accept.offers.clone()),
            _ => None,
        };
        prop_assert_eq!(offers, expected);
        let acknowledged = match &message {
            Message::AcknowledgeStatus(acknowledged) => Some(*acknowledged),
            _ => None,
        };
        prop_assert_eq!(view.acknowledgement(), acknowledged);
    }

    #[test]
    fn damaged_frames_are_refused_or_read_but_never_panic(
        (envelope, message) in (arbitrary::envelope(), arbitrary::message()),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Encoder::default().message(&envelope, &message).to_vec();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = decode::frame(&bytes);
        let _ = decode::frame(&bytes[..cut.index(bytes.len())]);
    }
}

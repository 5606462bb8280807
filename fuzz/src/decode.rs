//! Any bytes as a frame: refused, or read to something that encodes and reads back to the same.

use meros_wire::decode::{View, frame};
use meros_wire::encode::Encoder;
use meros_wire::frame::Payload;

/// One frame, its length prefix included.
///
/// # Panics
/// When what was read is not what is read again: that is the finding.
pub fn decode(bytes: &[u8]) {
    let Ok(first) = frame(bytes) else {
        return;
    };
    let view = View::verify(bytes).unwrap_or_else(|error| panic!("sound a moment ago: {error}"));
    let named = view.offer_ids().map_or(0, |offers| offers.count());
    assert!(named <= bytes.len(), "more offers than bytes");
    let mut encoder = Encoder::default();
    let again = match &first.payload {
        Payload::Message(message) => encoder.message(&first.envelope, message),
        Payload::Control(control) => encoder.control(&first.envelope, control),
        Payload::Unreadable(error) | Payload::UnreadablePurpose { error, .. } => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert_eq!(frame(again).as_ref(), Ok(&first), "read, written and read again");
}

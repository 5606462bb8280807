//! Frames of each released wire version, as they were written then, still mean the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use meros_wire::decode;
use meros_wire::encode::Encoder;
use meros_wire::frame::{Frame, Payload};

use crate::samples;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/golden/v1"))
}

fn encode(frame: &Frame<'_>) -> Vec<u8> {
    let mut encoder = Encoder::default();
    match &frame.payload {
        Payload::Message(message) => encoder.message(&frame.envelope, message).to_vec(),
        Payload::Control(control) => encoder.control(&frame.envelope, control).to_vec(),
        Payload::Unreadable(error) | Payload::UnreadablePurpose { error, .. } => panic!("not a sample: {error}"),
    }
}

#[test]
fn golden_frames_of_version_1_read_as_they_were_written() {
    for (name, frame) in samples::frames() {
        let path = folder().join(format!("{name}.bin"));
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(decode::frame(&bytes).as_ref(), Ok(&frame), "{name}");
    }
}

#[test]
fn the_encoder_writes_the_golden_frames_byte_for_byte() {
    for (name, frame) in samples::frames() {
        let golden = fs::read(folder().join(format!("{name}.bin"))).unwrap();
        assert!(encode(&frame) == golden, "{name}: the encoder's output changed; old peers must read it too");
    }
}

#[test]
fn every_golden_file_has_its_sample() {
    let files: BTreeSet<String> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let samples: BTreeSet<String> = samples::frames().iter().map(|(name, _)| format!("{name}.bin")).collect();
    assert_eq!(files, samples);
}

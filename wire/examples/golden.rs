//! Writes the golden frames of the current wire version: `cargo run -p meros-wire --example golden`.
//!
//! Files that exist stay as they are: released frames are never written anew. Delete one by hand if its version is not released yet.

use std::path::{Path, PathBuf};
use std::{fs, io};

use meros_wire::encode::Encoder;
use meros_wire::frame::Payload;
use meros_wire::version::WIRE_VERSION;

#[path = "../tests/samples/mod.rs"]
mod samples;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("golden/v{WIRE_VERSION}"));
    fs::create_dir_all(&folder)?;
    let mut encoder = Encoder::default();
    for (name, frame) in samples::frames() {
        let bytes = match &frame.payload {
            Payload::Message(message) => encoder.message(&frame.envelope, message),
            Payload::Control(control) => encoder.control(&frame.envelope, control),
            Payload::Unreadable(_) | Payload::UnreadablePurpose { .. } => continue,
        };
        write_once(&folder.join(format!("{name}.bin")), bytes)?;
    }
    Ok(())
}

fn write_once(path: &PathBuf, bytes: &[u8]) -> io::Result<()> {
    if path.exists() {
        println!("kept {}", path.display());
        return Ok(());
    }
    println!("wrote {}", path.display());
    fs::write(path, bytes)
}

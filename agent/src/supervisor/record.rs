//! The record of a member's end: its final event in a file, so that the end is known even if no agent was there.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::frame::MAX_FRAME_BYTES;
use super::protocol::{Event, EventReader};

/// The file of a member's record in its pod's state folder.
pub(crate) fn path(pod_dir: &Path, member: &str) -> PathBuf {
    pod_dir.join(format!("{member}.end"))
}

/// Writes the record so that it is there whole or not at all, and stays after a power loss.
pub(super) fn write(path: &Path, event: &Event) -> io::Result<()> {
    let unfinished = path.with_extension("end.unfinished");
    let mut file = File::create(&unfinished)?;
    file.write_all(&event.encode())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Reads a record; `None` if there is none.
pub(crate) fn read(path: &Path) -> io::Result<Option<Event>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_FRAME_BYTES as u64).read_to_end(&mut bytes)?;
    let mut reader = EventReader::new();
    reader.push(&bytes);
    match reader.next().map_err(io::Error::other)? {
        Some(event) if event.is_final() => Ok(Some(event)),
        _ => Err(io::Error::other("not the record of an end")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::protocol::End;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path(), "main");
        assert_eq!(read(&path).unwrap(), None);
        let event = Event::Exited { end: End::Code(3), out_of_memory: false };
        write(&path, &event).unwrap();
        assert_eq!(read(&path).unwrap(), Some(event));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_record_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(folder.path(), "main");
        for bytes in [&b""[..], b"rubbish of some length", &Event::Started { pid: 1 }.encode()] {
            fs::write(&path, bytes).unwrap();
            assert!(read(&path).is_err());
        }
    }
}

//! Reading a file that may be anything, and replacing one whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::DiskError;

/// Reads at most `limit_bytes`; a larger file is an error.
pub(crate) fn read_bounded(path: &Path, limit_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit_bytes {
        return Err(io::Error::other(format!("larger than {limit_bytes} bytes")));
    }
    Ok(bytes)
}

/// The same as text; `None`: there is no such file.
pub(super) fn read_text(path: &Path, limit_bytes: u64) -> Result<Option<String>, DiskError> {
    match read_bounded(path, limit_bytes) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DiskError::io("read", path)(error)),
    }
}

/// Replaces a file whole. `durable`: it is on the disk when this returns, its name in the folder included.
pub(super) fn replace(path: &Path, bytes: &[u8], durable: bool) -> Result<(), DiskError> {
    let beside = path.with_extension("new");
    let written = write(&beside, bytes, durable)
        .and_then(|()| fs::rename(&beside, path))
        .and_then(|()| if durable { flush_folder(path) } else { Ok(()) });
    written.map_err(DiskError::io("write", path))
}

fn write(path: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    if durable { file.sync_all() } else { Ok(()) }
}

fn flush_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Removes a file; none there is fine.
pub(super) fn remove(path: &Path) -> Result<(), DiskError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DiskError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

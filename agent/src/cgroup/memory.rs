//! The memory controller (v1): a limit on a group, and whether the kernel killed for it.

use std::num::NonZeroU64;
use std::path::Path;

use super::{CgroupError, file};

const LIMIT: &str = "memory.limit_in_bytes";
const LIMIT_WITH_SWAP: &str = "memory.memsw.limit_in_bytes";
const EVENTS: &str = "memory.oom_control";

/// The kernel counts in pages and rounds a limit down; this is the largest page any Linux machine counts in.
const LARGEST_PAGE_BYTES: u64 = 64 << 10;

/// Limits memory, and memory with swap to the same, so that swap is no way around the limit.
pub(super) fn limit(folder: &Path, mem_bytes: NonZeroU64) -> Result<(), CgroupError> {
    let path = folder.join(LIMIT);
    let wanted = mem_bytes.get();
    file::write(&path, &wanted.to_string())?;
    let text = file::read(&path)?;
    let taken = text.parse::<u64>().is_ok_and(|found| found <= wanted && wanted - found < LARGEST_PAGE_BYTES);
    if !taken {
        return Err(CgroupError::NotTaken { path, wanted: wanted.to_string(), found: text });
    }
    match file::write(&folder.join(LIMIT_WITH_SWAP), &wanted.to_string()) {
        // Kernels without swap accounting have no such file.
        Err(error) if error.is_missing() => Ok(()),
        result => result,
    }
}

/// What [`limit`] would write, with its file's name.
pub(super) fn text(mem_bytes: NonZeroU64) -> (&'static str, String) {
    (LIMIT, mem_bytes.to_string())
}

/// How many of the group's processes the kernel has killed because its memory was used up.
pub(super) fn kills(folder: &Path) -> Result<u64, CgroupError> {
    file::read_keyed(&folder.join(EVENTS), "oom_kill ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn kills_are_read_from_their_own_line() {
        let folder = tempfile::tempdir().unwrap();
        let text = "oom_kill_disable 0\nunder_oom 1\noom_kill 3\n";
        fs::write(folder.path().join(EVENTS), text).unwrap();
        assert_eq!(kills(folder.path()).unwrap(), 3);
        fs::write(folder.path().join(EVENTS), "under_oom 1\n").unwrap();
        assert!(kills(folder.path()).unwrap_err().to_string().contains("no line `oom_kill"));
    }
}

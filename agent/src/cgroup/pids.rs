//! The pids controller (v1): how many processes and threads a group may have.

use std::num::NonZeroU32;
use std::path::Path;

use super::{CgroupError, file};

const LIMIT: &str = "pids.max";

/// Limits processes and threads, together.
pub(super) fn limit(folder: &Path, pids_max: NonZeroU32) -> Result<(), CgroupError> {
    let path = folder.join(LIMIT);
    let wanted = pids_max.to_string();
    file::write(&path, &wanted)?;
    let found = file::read(&path)?;
    if found == wanted {
        return Ok(());
    }
    Err(CgroupError::NotTaken { path, wanted, found })
}

/// What [`limit`] would write, with its file's name.
pub(super) fn text(pids_max: NonZeroU32) -> (&'static str, String) {
    (LIMIT, pids_max.to_string())
}

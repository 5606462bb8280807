//! Reading and writing the small files of cgroup folders. Plain blocking calls: measured, io_uring costs more
//! here than it saves.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::CgroupError;

/// Longer content than any file we read has; what is beyond is not looked at.
const MAX_CONTENT_BYTES: u64 = 1 << 20;

/// The content, without white space around it.
pub(super) fn read(path: &Path) -> Result<String, CgroupError> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_CONTENT_BYTES).read_to_string(&mut text))
        .map_err(|error| CgroupError::io("read", path, error))?;
    Ok(text.trim().to_owned())
}

/// Writes a value in one call, as the kernel wants it.
pub(super) fn write(path: &Path, value: &str) -> Result<(), CgroupError> {
    OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(path)
        .and_then(|mut file| file.write_all(value.as_bytes()))
        .map_err(|error| CgroupError::io("write", path, error))
}

/// The number behind `key` in a file of `key value` lines.
pub(super) fn read_keyed(path: &Path, key: &str) -> Result<u64, CgroupError> {
    let text = read(path)?;
    text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok()).ok_or_else(|| CgroupError::Content {
        path: path.to_path_buf(),
        problem: format!("no line `{key} <number>`"),
        text,
    })
}

/// Makes a folder; true if it was not there before.
pub(super) fn make_dir(path: &Path) -> Result<bool, CgroupError> {
    match fs::create_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(CgroupError::io("make", path, error)),
    }
}

/// Removes a folder without children; none there is fine.
///
/// One that was told empty in one hierarchy may still be busy in another: the kernel tells one after the other, under a
/// lock that listing the processes takes too. So who finds a folder busy lists them, and if there are none asks again.
pub(super) fn remove_dir(path: &Path) -> Result<(), CgroupError> {
    let removed = match fs::remove_dir(path) {
        Err(error)
            if error.kind() == io::ErrorKind::ResourceBusy && processes(path).is_ok_and(|left| left.is_empty()) =>
        {
            fs::remove_dir(path)
        }
        result => result,
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(CgroupError::io("remove", path, error)),
        _ => Ok(()),
    }
}

/// The folders directly in `path`; none if it is not there.
pub(super) fn children(path: &Path) -> Result<Vec<PathBuf>, CgroupError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(CgroupError::io("list", path, error)),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| CgroupError::io("list", path, error))?;
        // An entry that went meanwhile is no child any more.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

/// The processes of one folder, without those below it.
pub(super) fn processes(folder: &Path) -> Result<Vec<u32>, CgroupError> {
    let path = folder.join("cgroup.procs");
    read(&path)?
        .lines()
        .map(|line| {
            line.parse().map_err(|_| CgroupError::Content {
                path: path.clone(),
                text: line.to_owned(),
                problem: "not a process id".to_owned(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::cgroup::{Hierarchy, Layout};

    #[test]
    fn a_group_in_use_is_not_removed_and_one_that_was_is() {
        let layout = Layout::detect().unwrap();
        let group = layout.mount(Hierarchy::Pids).map(|mount| mount.join(format!("meros-file-{}", std::process::id())));
        let Some(group) = group.filter(|group| fs::create_dir(group).is_ok()) else {
            return println!("SKIPPED a_group_in_use: no pids controller of cgroup v1, or no right to make groups");
        };
        let mut process = Command::new("sleep").arg("1000").spawn().unwrap();
        let moved = write(&group.join("cgroup.procs"), &process.id().to_string());
        let in_use = remove_dir(&group);
        process.kill().unwrap();
        process.wait().unwrap();
        let after = remove_dir(&group);
        moved.unwrap();
        assert!(in_use.unwrap_err().to_string().contains("busy"));
        after.unwrap();
        assert!(!group.exists());
    }
}

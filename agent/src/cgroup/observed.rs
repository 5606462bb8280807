//! What the kernel says of a running process: the last word on where it is pinned.

use std::path::PathBuf;

use meros_numa::{CpuSet, NodeSet, OsIndexSet};

use super::{CgroupError, file};

/// Where a process may run, and whose memory it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// PUs: `Cpus_allowed_list`.
    pub cpus: CpuSet,
    /// NUMA nodes: `Mems_allowed_list`.
    pub mems: NodeSet,
}

/// Reads `/proc/<pid>/status`.
///
/// # Errors
/// [`CgroupError::Io`] if there is no such process, [`CgroupError::Content`] if its status lacks the lists.
pub fn of_process(pid: u32) -> Result<Observed, CgroupError> {
    let path = PathBuf::from(format!("/proc/{pid}/status"));
    parse(&file::read(&path)?).map_err(|problem| CgroupError::Content { path, text: "…".to_owned(), problem })
}

fn parse(status: &str) -> Result<Observed, String> {
    Ok(Observed { cpus: list(status, "Cpus_allowed_list:")?, mems: list(status, "Mems_allowed_list:")? })
}

fn list<Of>(status: &str, key: &str) -> Result<OsIndexSet<Of>, String> {
    let text = status.lines().find_map(|line| line.strip_prefix(key)).ok_or_else(|| format!("no line `{key}`"))?;
    text.parse().map_err(|problem| format!("{key} {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_read_and_not_the_masks() {
        let status = "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t0-2,5\nMems_allowed_list:\t1\n";
        let seen = parse(status).unwrap();
        assert_eq!((seen.cpus.to_string(), seen.mems.to_string()), ("0-2,5".into(), "1".into()));
        assert_eq!(parse("Name:\tx\n").unwrap_err(), "no line `Cpus_allowed_list:`");
    }

    #[test]
    fn this_process_is_observed() {
        assert!(!of_process(std::process::id()).unwrap().cpus.is_empty());
    }
}

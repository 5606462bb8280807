//! The cpuset controller (v1): which PUs and which NUMA nodes' memory a group's processes may use.
//!
//! Rules:
//! 1. A child's sets are within its parent's, always: growing goes from the parent down, shrinking from the children up.
//! 2. What was written is read back and compared; a set that the kernel altered is an error, never a silent wrong pin.
//! 3. A new v1 group is empty and takes no process before both of its sets are written.

use std::path::Path;

use meros_numa::{CpuSet, NodeSet, OsIndexSet};

use super::{CgroupError, file};

const CPUS: &str = "cpuset.cpus";
const MEMS: &str = "cpuset.mems";

/// Sets both sets of one group, which has no children whose sets would be in the way.
pub(super) fn set(folder: &Path, cpus: &CpuSet, mems: &NodeSet) -> Result<(), CgroupError> {
    set_one(folder, CPUS, cpus)?;
    set_one(folder, MEMS, mems)
}

/// Makes both sets of a group as large as its parent's where they are empty, as they are in a new group.
pub(super) fn fill_from_parent(folder: &Path) -> Result<(), CgroupError> {
    for name in [CPUS, MEMS] {
        let own = folder.join(name);
        if file::read(&own)?.is_empty() {
            let parent = folder.parent().unwrap_or(folder).join(name);
            file::write(&own, &file::read(&parent)?)?;
        }
    }
    Ok(())
}

/// Adds to the sets of one group.
pub(super) fn grow(folder: &Path, cpus: &CpuSet, mems: &NodeSet) -> Result<(), CgroupError> {
    let has: CpuSet = read_set(&folder.join(CPUS))?;
    set_one(folder, CPUS, &has.union(cpus))?;
    let has: NodeSet = read_set(&folder.join(MEMS))?;
    set_one(folder, MEMS, &has.union(mems))
}

/// Changes the sets of a group and of all below it, while processes run in them.
pub(super) fn change_tree(folder: &Path, cpus: &CpuSet, mems: &NodeSet) -> Result<(), CgroupError> {
    grow(folder, cpus, mems)?;
    for child in file::children(folder)? {
        change_tree(&child, cpus, mems)?;
    }
    set(folder, cpus, mems)
}

/// The texts that [`set`] would write, with their files' names.
pub(super) fn texts(cpus: &CpuSet, mems: &NodeSet) -> [(&'static str, String); 2] {
    [(CPUS, cpus.to_string()), (MEMS, mems.to_string())]
}

fn set_one<Of>(folder: &Path, name: &str, wanted: &OsIndexSet<Of>) -> Result<(), CgroupError>
where
    OsIndexSet<Of>: PartialEq,
{
    let path = folder.join(name);
    if read_set::<Of>(&path)? == *wanted {
        return Ok(());
    }
    within_parent(folder, name, wanted)?;
    file::write(&path, &wanted.to_string())?;
    let found = read_set(&path)?;
    if found == *wanted {
        return Ok(());
    }
    Err(CgroupError::NotTaken { path, wanted: wanted.to_string(), found: found.to_string() })
}

/// The kernel says "permission denied" to a set that the parent does not have; we say which.
fn within_parent<Of>(folder: &Path, name: &str, wanted: &OsIndexSet<Of>) -> Result<(), CgroupError> {
    let Some(parent) = folder.parent() else {
        return Ok(());
    };
    let available = read_set::<Of>(&parent.join(name))?;
    if wanted.is_subset(&available) {
        return Ok(());
    }
    Err(CgroupError::NotInParent {
        path: folder.join(name),
        wanted: wanted.to_string(),
        available: available.to_string(),
    })
}

fn read_set<Of>(path: &Path) -> Result<OsIndexSet<Of>, CgroupError> {
    let text = file::read(path)?;
    text.parse().map_err(|problem| CgroupError::Content {
        path: path.to_path_buf(),
        problem: format!("{problem}"),
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn group(folder: &Path, cpus: &str) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join(CPUS), format!("{cpus}\n")).unwrap();
        fs::write(folder.join(MEMS), "0\n").unwrap();
    }

    fn cpus(text: &str) -> CpuSet {
        text.parse().unwrap()
    }

    #[test]
    fn a_set_beyond_the_parents_is_refused_with_both_sets() {
        let folder = tempfile::tempdir().unwrap();
        group(folder.path(), "0-3");
        let child = folder.path().join("child");
        group(&child, "0");
        let error = set(&child, &cpus("2-5"), &"0".parse().unwrap()).unwrap_err();
        let text = error.to_string();
        assert!(text.ends_with("child/cpuset.cpus cannot be `2-5`: its parent has only `0-3`"), "{text}");
    }

    #[test]
    fn a_change_reaches_every_group_of_the_tree() {
        let folder = tempfile::tempdir().unwrap();
        group(folder.path(), "0-7");
        let pod = folder.path().join("pod");
        let leaves = [pod.join("a"), pod.join("b"), pod.join("b/c")];
        group(&pod, "0-1");
        for leaf in &leaves {
            group(leaf, "0-1");
        }
        change_tree(&pod, &cpus("1,4-5"), &"0".parse().unwrap()).unwrap();
        for group in leaves.iter().chain([&pod]) {
            assert_eq!(file::read(&group.join(CPUS)).unwrap().trim(), "1,4-5");
        }
    }

    #[test]
    fn a_file_that_is_no_cpulist_is_told() {
        let folder = tempfile::tempdir().unwrap();
        group(folder.path(), "zero");
        let error = set(folder.path(), &cpus("0"), &"0".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("cpuset.cpus holds `zero`: not a cpulist"), "{error}");
    }
}

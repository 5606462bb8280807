//! All groups of one agent: everything below its root name, in every hierarchy it uses.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};

use meros_numa::{CpuSet, NodeSet};
use tracing::debug;

use super::layout::{Hierarchy, Layout};
use super::name::{MemberName, pod_folder, root_folders};
use super::{CgroupError, Group, cpuset, file, memory, pids};

/// Whether pinning is done or only told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinningMode {
    /// The machine is this one: cpusets are written, read back and compared.
    Applied,
    /// The machine is pretended: no cpuset is made, and what would have been written is told. Limits are set where this
    /// machine has the controller for them, for they are real.
    Recorded,
}

/// What a member is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// PUs, by OS index.
    pub cpus: CpuSet,
    /// NUMA nodes whose memory it may use, by OS index.
    pub mems: NodeSet,
    /// Memory limit.
    pub mem_bytes: Option<NonZeroU64>,
    /// Limit on processes and threads together.
    pub pids_max: Option<NonZeroU32>,
}

/// A value that was not written, because the machine is pretended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupWrite {
    /// The file, by name.
    pub file: &'static str,
    /// The value.
    pub value: String,
}

/// A member's groups, made and set.
#[derive(Debug)]
pub(crate) struct MemberGroups {
    /// For the member.
    pub(crate) member: Group,
    /// For its supervisor: same PUs, no limits, not killed with the member.
    pub(crate) supervisor: Group,
    /// What a pretended machine left out.
    pub(crate) unwritten: Vec<CgroupWrite>,
}

/// The agent's groups. Holds names only, so it is cheap to clone and says nothing of what exists.
#[derive(Clone, Debug)]
pub struct Tree {
    root: Group,
    mode: PinningMode,
}

impl Tree {
    /// Makes the root group in every hierarchy and tries that groups can be made in it.
    ///
    /// # Errors
    /// One that says what is missing: a name, a controller, a permission.
    pub fn open(layout: &Layout, root: &str, mode: PinningMode) -> Result<Self, CgroupError> {
        must_have(layout, mode)?;
        let used =
            |(hierarchy, _): &(Hierarchy, &Path)| mode == PinningMode::Applied || *hierarchy != Hierarchy::Cpuset;
        let mounts = layout.mounted().filter(used);
        let mounts = Group::new(mounts.map(|(own, path)| (own, path.to_path_buf())).collect());
        let mut group = mounts.clone();
        for folders in root_folders(root)? {
            group = mounts.child(&folders);
            group.make()?;
            if let Some(folder) = group.folder(Hierarchy::Cpuset) {
                cpuset::fill_from_parent(folder)?;
            }
        }
        let tree = Self { root: group, mode };
        tree.probe()?;
        debug!(root, ?mode, hierarchies = tree.root.folders().len(), "cgroup root is ready");
        Ok(tree)
    }

    /// A root made earlier, by somebody else, may be closed to us: better told now than at the first launch.
    fn probe(&self) -> Result<(), CgroupError> {
        let probe = self.root.child(Path::new(&format!("{}.probe", std::process::id())));
        let made = probe.make();
        probe.remove()?;
        made
    }

    /// Makes and sets the groups of a member. Nothing runs in them yet, and nothing is to run if this fails.
    pub(crate) fn prepare(&self, name: &MemberName, limits: &Limits) -> Result<MemberGroups, CgroupError> {
        let (pod, member, supervisor) = self.groups(name)?;
        let result = self.make_and_set(&pod, &member, &supervisor, limits);
        if result.is_err() {
            // Only what is empty goes: a folder in which a member of that name still runs resists.
            for group in [&member, &supervisor, &pod] {
                group.discard();
            }
        }
        let unwritten = result?;
        Ok(MemberGroups { member, supervisor, unwritten })
    }

    fn make_and_set(
        &self,
        pod: &Group,
        member: &Group,
        supervisor: &Group,
        limits: &Limits,
    ) -> Result<Vec<CgroupWrite>, CgroupError> {
        for group in [pod, member, supervisor] {
            group.make()?;
        }
        member.must_be_empty()?;
        supervisor.must_be_empty()?;
        if let Some(folder) = pod.folder(Hierarchy::Cpuset) {
            cpuset::grow(folder, &limits.cpus, &limits.mems)?;
        }
        for group in [member, supervisor] {
            if let Some(folder) = group.folder(Hierarchy::Cpuset) {
                cpuset::set(folder, &limits.cpus, &limits.mems)?;
            }
        }
        self.limit(member, limits)
    }

    fn limit(&self, member: &Group, limits: &Limits) -> Result<Vec<CgroupWrite>, CgroupError> {
        let mut unwritten = Vec::new();
        if self.mode == PinningMode::Recorded {
            unwritten.extend(cpuset::texts(&limits.cpus, &limits.mems));
        }
        if let Some(mem_bytes) = limits.mem_bytes {
            match self.controller(member, Hierarchy::Memory)? {
                Some(folder) => memory::limit(folder, mem_bytes)?,
                None => unwritten.push(memory::text(mem_bytes)),
            }
        }
        if let Some(pids_max) = limits.pids_max {
            match self.controller(member, Hierarchy::Pids)? {
                Some(folder) => pids::limit(folder, pids_max)?,
                None => unwritten.push(pids::text(pids_max)),
            }
        }
        let told = |(file, value)| CgroupWrite { file, value };
        Ok(unwritten.into_iter().map(told).collect())
    }

    /// The folder to write a limit in; `None` where a pretended machine may go without.
    fn controller<'group>(
        &self,
        group: &'group Group,
        hierarchy: Hierarchy,
    ) -> Result<Option<&'group Path>, CgroupError> {
        let folder = group.folder(hierarchy);
        if folder.is_none() && self.mode == PinningMode::Applied {
            let controller = hierarchy.name();
            return Err(CgroupError::NoController { controller });
        }
        Ok(folder)
    }

    /// Gives a running pod, with all its members, other PUs and NUMA nodes: a shared pod whose pools have changed. Pools
    /// have no group of their own, because a pod may hold parts of several. Does nothing on a pretended machine.
    ///
    /// # Errors
    /// The first refusal of the kernel's; groups changed until then stay changed.
    pub fn repin(&self, pod: &str, cpus: &CpuSet, mems: &NodeSet) -> Result<(), CgroupError> {
        let pod = self.pod(pod)?;
        match pod.folder(Hierarchy::Cpuset) {
            Some(folder) => cpuset::change_tree(folder, cpus, mems),
            None => Ok(()),
        }
    }

    /// Ends whatever is left of a member and its supervisor and removes their groups; also that of their pod, when no
    /// other member is in it.
    pub(crate) fn remove_member(&self, name: &MemberName) -> Result<(), CgroupError> {
        let (pod, member, supervisor) = self.groups(name)?;
        for group in [&supervisor, &member] {
            group.kill_and_wait()?;
            group.remove()?;
        }
        for (_, folder) in pod.folders() {
            if file::children(folder)?.is_empty() {
                file::remove_dir(folder)?;
            }
        }
        Ok(())
    }

    /// Ends every process below the root, members and supervisors, waits for their ends and removes their groups:
    /// for what a killed predecessor has left.
    ///
    /// # Errors
    /// [`CgroupError::StillAlive`] when one of them does not end; any refusal of the kernel's.
    pub fn purge(&self) -> Result<(), CgroupError> {
        self.root.kill_and_wait()?;
        self.root.remove_children()
    }

    /// Removes the root group itself, at the agent's end; one with pods in it stays, as do folders above it.
    ///
    /// # Errors
    /// Any refusal of the kernel's but "not empty".
    pub fn remove(&self) -> Result<(), CgroupError> {
        for (_, folder) in self.root.folders() {
            if file::children(folder)?.is_empty() {
                file::remove_dir(folder)?;
            }
        }
        Ok(())
    }

    fn pod(&self, pod: &str) -> Result<Group, CgroupError> {
        Ok(self.root.child(Path::new(&pod_folder(pod)?)))
    }

    fn groups(&self, name: &MemberName) -> Result<(Group, Group, Group), CgroupError> {
        let pod = self.pod(name.pod())?;
        let leaf = |ending: &str| pod.child(&PathBuf::from(format!("{}.{ending}", name.member())));
        let (member, supervisor) = (leaf("member"), leaf("supervisor"));
        Ok((pod, member, supervisor))
    }
}

fn must_have(layout: &Layout, mode: PinningMode) -> Result<(), CgroupError> {
    if mode == PinningMode::Applied && layout.mount(Hierarchy::Cpuset).is_none() {
        let controller = Hierarchy::Cpuset.name();
        return Err(CgroupError::NoController { controller });
    }
    let grouping = [Hierarchy::Unified, Hierarchy::Freezer];
    if grouping.iter().all(|way| layout.mount(*way).is_none()) {
        return Err(CgroupError::NoGrouping);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A machine whose hierarchies are ordinary folders: for path logic only, since ordinary folders have no kernel files.
    fn machine(folder: &Path) -> Layout {
        let mut table = String::new();
        for (kind, name) in [("cgroup", "memory"), ("cgroup", "pids"), ("cgroup2", "unified")] {
            let path = folder.join(name);
            fs::create_dir(&path).unwrap();
            table += &format!("1 1 0:1 / {} rw - {kind} none rw,{name}\n", path.display());
        }
        Layout::parse(&table).unwrap()
    }

    #[test]
    fn a_pretended_machine_needs_no_cpuset_and_a_real_one_does() {
        let folder = tempfile::tempdir().unwrap();
        let layout = machine(folder.path());
        Tree::open(&layout, "t", PinningMode::Recorded).unwrap();
        let error = Tree::open(&layout, "t", PinningMode::Applied).unwrap_err();
        assert!(error.to_string().starts_with("the cpuset controller is not mounted as cgroup v1"));
    }

    #[test]
    fn every_hierarchy_has_the_root_and_loses_it() {
        let folder = tempfile::tempdir().unwrap();
        let tree = Tree::open(&machine(folder.path()), "a/b", PinningMode::Recorded).unwrap();
        for name in ["memory", "pids", "unified"] {
            assert!(folder.path().join(name).join("a/b").is_dir());
        }
        tree.remove().unwrap();
        assert!(!folder.path().join("memory/a/b").exists());
    }

    #[test]
    fn members_and_supervisors_have_groups_side_by_side() {
        let folder = tempfile::tempdir().unwrap();
        let tree = Tree::open(&machine(folder.path()), "t", PinningMode::Recorded).unwrap();
        let name = MemberName::new("p1", "main").unwrap();
        let (_, member, supervisor) = tree.groups(&name).unwrap();
        let unified = folder.path().join("unified/t/p1.pod");
        assert_eq!(member.folder(Hierarchy::Unified), Some(unified.join("main.member").as_path()));
        let expected = unified.join("main.supervisor");
        assert_eq!(supervisor.folder(Hierarchy::Unified), Some(expected.as_path()));
        assert_eq!(member.folder(Hierarchy::Cpuset), None);
    }

    #[test]
    fn a_mount_that_is_not_there_is_told_with_its_path() {
        let table = "1 1 0:1 / /nonexistent/unified rw - cgroup2 none rw\n";
        let layout = Layout::parse(table).unwrap();
        let error = Tree::open(&layout, "t", PinningMode::Recorded).unwrap_err();
        assert!(error.to_string().starts_with("cannot make cgroup /nonexistent/unified/t: "), "{error}");
    }

    #[test]
    fn a_missing_permission_is_one_line_with_path_and_cure() {
        // Nobody may make folders in sysfs, root neither.
        let layout = Layout::parse("1 1 0:1 / /sys rw - cgroup2 none rw\n").unwrap();
        let error = Tree::open(&layout, "t", PinningMode::Recorded).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no permission to make cgroup /sys/t: run the agent as root, or give its user this folder and choose it with \
             --cgroup-root"
        );
    }
}

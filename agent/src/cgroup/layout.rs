//! Which cgroup hierarchies this machine has, from its mount table.
//!
//! | layout | resource control | ending a member's processes together |
//! |---|---|---|
//! | v1 | v1 | the v1 freezer: freeze, kill each, thaw |
//! | hybrid | v1 | `cgroup.kill` in the v2 hierarchy |
//! | v2 | refused by pinning agents; pretended machines need none | `cgroup.kill` |
//!
//! Where v2 resource control goes: [`Layout::parse`] then reports the v2 mount for the controllers that its
//! `cgroup.controllers` lists, `tree` switches them on in `cgroup.subtree_control` on the way down, and each
//! controller's file picks its file names by version. Nothing else names a version.

use std::fs;
use std::path::{Path, PathBuf};

use super::CgroupError;

/// A tree of cgroups that this agent uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hierarchy {
    /// v1 `cpuset`.
    Cpuset,
    /// v1 `memory`.
    Memory,
    /// v1 `pids`.
    Pids,
    /// v1 `freezer`; used only where there is no v2.
    Freezer,
    /// v2, whatever controllers it has: for `cgroup.kill`.
    Unified,
}

impl Hierarchy {
    /// All of them, in the order in which groups are made.
    pub const ALL: [Self; 5] = [Self::Cpuset, Self::Memory, Self::Pids, Self::Freezer, Self::Unified];

    /// The kernel's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpuset => "cpuset",
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Freezer => "freezer",
            Self::Unified => "cgroup2",
        }
    }

    const fn index(self) -> usize {
        self as usize
    }
}

/// Where each hierarchy is mounted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    mounts: [Option<PathBuf>; Hierarchy::ALL.len()],
}

impl Layout {
    /// This machine's.
    ///
    /// # Errors
    /// [`CgroupError::MountInfo`] if the mount table cannot be read.
    pub fn detect() -> Result<Self, CgroupError> {
        let table =
            fs::read_to_string("/proc/self/mountinfo").map_err(|error| CgroupError::MountInfo(error.to_string()))?;
        Self::parse(&table)
    }

    /// The layout that a mount table (the text of `/proc/self/mountinfo`) describes. Of several mounts of one
    /// hierarchy the first counts.
    ///
    /// # Errors
    /// [`CgroupError::MountInfo`] for a line that is not of a mount table.
    pub fn parse(table: &str) -> Result<Self, CgroupError> {
        let mut layout = Self::default();
        for line in table.lines() {
            let mount =
                Mount::parse(line).ok_or_else(|| CgroupError::MountInfo(format!("cannot read the line `{line}`")))?;
            for hierarchy in Hierarchy::ALL {
                let place = &mut layout.mounts[hierarchy.index()];
                if place.is_none() && mount.carries(hierarchy) {
                    *place = Some(mount.path.clone());
                }
            }
        }
        if layout.mount(Hierarchy::Unified).is_some() {
            // Each hierarchy costs every member a move at its start; one way of killing is enough.
            layout.mounts[Hierarchy::Freezer.index()] = None;
        }
        Ok(layout)
    }

    /// Where a hierarchy is mounted, if it is.
    #[must_use]
    pub fn mount(&self, hierarchy: Hierarchy) -> Option<&Path> {
        self.mounts[hierarchy.index()].as_deref()
    }

    /// The hierarchies that are mounted.
    pub(super) fn mounted(&self) -> impl Iterator<Item = (Hierarchy, &Path)> {
        Hierarchy::ALL.into_iter().filter_map(|hierarchy| Some((hierarchy, self.mount(hierarchy)?)))
    }
}

/// One line of the mount table, as far as it matters here.
struct Mount<'line> {
    path: PathBuf,
    kind: &'line str,
    options: &'line str,
}

impl<'line> Mount<'line> {
    /// `36 31 0:33 / /sys/fs/cgroup/cpuset rw,relatime shared:4 - cgroup cgroup rw,cpuset`: the optional fields end at
    /// the hyphen.
    fn parse(line: &'line str) -> Option<Self> {
        let (place, super_block) = line.split_once(" - ")?;
        let path = unescape(place.split(' ').nth(4)?);
        let mut fields = super_block.split(' ');
        let kind = fields.next()?;
        let options = fields.nth(1).unwrap_or("");
        Some(Self { path, kind, options })
    }

    fn carries(&self, hierarchy: Hierarchy) -> bool {
        match hierarchy {
            Hierarchy::Unified => self.kind == "cgroup2",
            _ => self.kind == "cgroup" && self.options.split(',').any(|option| option == hierarchy.name()),
        }
    }
}

/// The kernel writes white space and backslashes of paths as three octal digits.
fn unescape(path: &str) -> PathBuf {
    let mut text = path.to_owned();
    for (code, character) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        text = text.replace(code, character);
    }
    PathBuf::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
23 27 0:22 / /sys rw,relatime - sysfs sysfs rw
34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
35 31 0:32 / /sys/fs/cgroup/cpu,memory rw,relatime shared:9 - cgroup cgroup rw,cpu,memory
37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
41 31 0:38 / /sys/fs/cgroup/my\\040unified rw,relatime - cgroup2 cgroup2 rw
";

    #[test]
    fn a_hybrid_machine_is_controlled_by_v1_and_killed_by_v2() {
        let layout = Layout::parse(HYBRID).unwrap();
        let mount = |hierarchy| layout.mount(hierarchy).map(|path| path.to_str().unwrap());
        assert_eq!(mount(Hierarchy::Cpuset), Some("/sys/fs/cgroup/cpuset"));
        assert_eq!(mount(Hierarchy::Memory), Some("/sys/fs/cgroup/cpu,memory"));
        assert_eq!(mount(Hierarchy::Pids), None);
        assert_eq!(mount(Hierarchy::Freezer), None);
        assert_eq!(mount(Hierarchy::Unified), Some("/sys/fs/cgroup/my unified"));
    }

    #[test]
    fn without_v2_the_freezer_is_used() {
        let v1: String = HYBRID.lines().take(4).flat_map(|line| [line, "\n"]).collect();
        let layout = Layout::parse(&v1).unwrap();
        assert!(layout.mount(Hierarchy::Unified).is_none());
        assert!(layout.mount(Hierarchy::Freezer).is_some());
    }

    #[test]
    fn pure_v2_has_no_v1_controllers() {
        let table = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";
        let layout = Layout::parse(table).unwrap();
        let mounted: Vec<_> = layout.mounted().collect();
        assert_eq!(mounted, [(Hierarchy::Unified, Path::new("/sys/fs/cgroup"))]);
    }

    #[test]
    fn a_line_that_is_no_mount_is_told() {
        let error = Layout::parse("rubbish").unwrap_err();
        assert_eq!(error.to_string(), "/proc/self/mountinfo: cannot read the line `rubbish`");
    }
}

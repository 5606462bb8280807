//! One group of processes: a folder of the same name in every hierarchy the agent uses.

use std::path::{Path, PathBuf};

use super::layout::Hierarchy;
use super::{CgroupError, file, memory};

/// The folders of one group. Only names: whether they exist is the kernel's knowledge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    folders: Vec<(Hierarchy, PathBuf)>,
}

impl Group {
    /// A group of these folders.
    #[must_use]
    pub fn new(folders: Vec<(Hierarchy, PathBuf)>) -> Self {
        Self { folders }
    }

    /// Its folder in one hierarchy, if that is used.
    #[must_use]
    pub fn folder(&self, hierarchy: Hierarchy) -> Option<&Path> {
        let (_, folder) = self.folders.iter().find(|(own, _)| *own == hierarchy)?;
        Some(folder)
    }

    /// All its folders.
    #[must_use]
    pub fn folders(&self) -> &[(Hierarchy, PathBuf)] {
        &self.folders
    }

    /// The group of that name inside this one.
    pub(super) fn child(&self, name: &Path) -> Self {
        let below = |(hierarchy, folder): &(Hierarchy, PathBuf)| (*hierarchy, folder.join(name));
        Self::new(self.folders.iter().map(below).collect())
    }

    /// Makes its folders, whose parents exist.
    pub(super) fn make(&self) -> Result<(), CgroupError> {
        for (_, folder) in &self.folders {
            file::make_dir(folder)?;
        }
        Ok(())
    }

    /// Refuses a group in which something runs.
    pub(super) fn must_be_empty(&self) -> Result<(), CgroupError> {
        for (_, folder) in &self.folders {
            if !file::processes(folder)?.is_empty() {
                let path = folder.clone();
                return Err(CgroupError::Occupied { path });
            }
        }
        Ok(())
    }

    /// Moves a process into it. Some ten milliseconds when nothing was moved a moment ago: the kernel waits for forks
    /// and exits in flight on the whole machine.
    pub(crate) fn adopt(&self, pid: u32) -> Result<(), CgroupError> {
        for (_, folder) in &self.folders {
            file::write(&folder.join("cgroup.procs"), &pid.to_string())?;
        }
        Ok(())
    }

    /// Whether the kernel killed one of its processes because the group's memory was used up.
    pub(crate) fn ran_out_of_memory(&self) -> Result<bool, CgroupError> {
        match self.folder(Hierarchy::Memory) {
            Some(folder) => memory::kills(folder).map(|kills| kills > 0),
            None => Ok(false),
        }
    }

    /// Removes those of its folders that hold nothing.
    pub(super) fn discard(&self) {
        for (_, folder) in &self.folders {
            // The kernel refuses to remove what is in use, which is meant.
            let _ = file::remove_dir(folder);
        }
    }

    /// Removes its folders and all below, in which nothing runs any more.
    pub(super) fn remove(&self) -> Result<(), CgroupError> {
        self.remove_children()?;
        self.folders.iter().try_for_each(|(_, folder)| file::remove_dir(folder))
    }

    /// Removes all below its folders.
    pub(super) fn remove_children(&self) -> Result<(), CgroupError> {
        self.folders.iter().try_for_each(|(_, folder)| remove_below(folder))
    }
}

fn remove_below(folder: &Path) -> Result<(), CgroupError> {
    for child in file::children(folder)? {
        remove_below(&child)?;
        file::remove_dir(&child)?;
    }
    Ok(())
}

//! The agent's lasting name, and its incarnation.

use meros_wire::message::Uuid;

use super::file::{read_text, replace};
use super::{DiskError, StateDir};

const BYTES_MAX: u64 = 4_096;

/// Who an agent is across its restarts: three lines of `<state-dir>/agent`, each a key and a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AgentName {
    /// Made at its first start.
    pub(crate) uuid: Uuid,
    /// 1 at first, one more at each start on a machine of another topology.
    pub(crate) incarnation: u64,
    /// The topology of that incarnation.
    pub(crate) topology_hash: u64,
}

impl AgentName {
    /// The name on disk, or one made of `fresh`; with a new incarnation when the machine is another than last time.
    pub(crate) fn load_or_make(folder: &StateDir, fresh: Uuid, topology_hash: u64) -> Result<Self, DiskError> {
        let path = folder.path().join("agent");
        let before = match read_text(&path, BYTES_MAX)? {
            None => None,
            Some(text) => Some(Self::parse(&text).ok_or_else(|| DiskError::Content {
                path: path.clone(),
                problem: "it should hold uuid, incarnation and topology".to_owned(),
                fix: "restore it, or remove it to join the cluster as a new agent",
            })?),
        };
        let name = match before {
            None => Self { uuid: fresh, incarnation: 1, topology_hash },
            Some(before) if before.topology_hash == topology_hash => return Ok(before),
            Some(before) => Self { incarnation: before.incarnation.saturating_add(1), topology_hash, ..before },
        };
        replace(&path, name.text().as_bytes(), true)?;
        Ok(name)
    }

    fn text(&self) -> String {
        format!("uuid {}\nincarnation {}\ntopology {:016x}\n", self.uuid, self.incarnation, self.topology_hash)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut value = |key| lines.next()?.strip_prefix(key)?.strip_prefix(' ');
        Some(Self {
            uuid: value("uuid")?.parse().ok()?,
            incarnation: value("incarnation")?.parse().ok()?,
            topology_hash: u64::from_str_radix(value("topology")?, 16).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_lasts_and_a_changed_machine_is_a_new_incarnation() {
        let folder = tempfile::tempdir().unwrap();
        let folder = StateDir::open(folder.path()).unwrap();
        let first = AgentName::load_or_make(&folder, Uuid([1; 16]), 0xabc).unwrap();
        assert_eq!((first.uuid, first.incarnation), (Uuid([1; 16]), 1));
        assert_eq!(AgentName::load_or_make(&folder, Uuid([2; 16]), 0xabc).unwrap(), first);
        let changed = AgentName::load_or_make(&folder, Uuid([3; 16]), 0xdef).unwrap();
        assert_eq!((changed.uuid, changed.incarnation), (Uuid([1; 16]), 2));
        assert_eq!(AgentName::load_or_make(&folder, Uuid([3; 16]), 0xdef).unwrap(), changed);
    }

    #[test]
    fn a_name_that_cannot_be_read_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let folder = StateDir::open(folder.path()).unwrap();
        std::fs::write(folder.path().join("agent"), "uuid 1\n").unwrap();
        let error = AgentName::load_or_make(&folder, Uuid([1; 16]), 1).unwrap_err().to_string();
        assert!(error.contains("join the cluster as a new agent"), "{error}");
    }
}

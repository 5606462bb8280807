//! Names of groups: chosen by others, so checked before they become folders.

use std::path::PathBuf;

use super::CgroupError;

const MAX_NAME_BYTES: usize = 64;
const MAX_ROOT_FOLDERS: usize = 8;

/// Which member of which pod.
///
/// Its groups are `<pod>.pod/<member>.member` and, for its supervisor, `<pod>.pod/<member>.supervisor`: the endings keep
/// them apart from the kernel's files in the same folders (`tasks`, `cgroup.procs`, …).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberName {
    pod: String,
    member: String,
}

impl MemberName {
    /// Both 1 to 64 of `A-Z a-z 0-9 _ -`.
    ///
    /// # Errors
    /// [`CgroupError::Name`] with the field that is not.
    pub fn new(pod: &str, member: &str) -> Result<Self, CgroupError> {
        Ok(Self { pod: checked("pod", pod)?, member: checked("member", member)? })
    }

    /// The pod's name.
    #[must_use]
    pub fn pod(&self) -> &str {
        &self.pod
    }

    /// The member's name in its pod.
    #[must_use]
    pub fn member(&self) -> &str {
        &self.member
    }
}

/// The folder of a pod's groups.
pub(super) fn pod_folder(pod: &str) -> Result<String, CgroupError> {
    checked("pod", pod).map(|pod| format!("{pod}.pod"))
}

/// The folder below every mount under which an agent makes its groups.
pub(super) fn root_folders(root: &str) -> Result<Vec<PathBuf>, CgroupError> {
    let folders: Vec<&str> = root.split('/').collect();
    let is_good = |name: &&str| is_name(name, |byte| byte == b'.') && !name.starts_with('.');
    if folders.len() > MAX_ROOT_FOLDERS || !folders.iter().all(is_good) {
        return Err(CgroupError::Root(root.to_owned()));
    }
    let mut path = PathBuf::new();
    Ok(folders
        .iter()
        .map(|folder| {
            path.push(folder);
            path.clone()
        })
        .collect())
}

fn checked(field: &'static str, name: &str) -> Result<String, CgroupError> {
    if is_name(name, |_| false) {
        Ok(name.to_owned())
    } else {
        Err(CgroupError::Name { field, name: name.chars().take(MAX_NAME_BYTES).collect() })
    }
}

fn is_name(name: &str, also: impl Fn(u8) -> bool) -> bool {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(|byte| is_good(byte) || also(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_leave_the_tree_are_refused() {
        for bad in ["", ".", "..", "a/b", "a.b", "a b", "ä", &"x".repeat(65)] {
            let error = MemberName::new(bad, "main").unwrap_err();
            assert!(error.to_string().starts_with("pod `"), "{error}");
            assert!(MemberName::new("p", bad).is_err(), "{bad}");
        }
        assert!(MemberName::new("0b-9_Z", &"x".repeat(64)).is_ok());
    }

    #[test]
    fn a_root_may_be_several_folders() {
        let folders = root_folders("a/b.slice").unwrap();
        assert_eq!(folders, [PathBuf::from("a"), PathBuf::from("a/b.slice")]);
        for bad in ["", "/a", "a/", "a//b", "..", "a/../b", "a/.b", "1/2/3/4/5/6/7/8/9"] {
            assert!(root_folders(bad).is_err(), "{bad}");
        }
    }
}

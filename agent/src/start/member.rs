//! A member to be started, as the agent describes it, and its translation for the supervisor.

use std::ffi::CString;
use std::num::{NonZeroU32, NonZeroU64};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use meros_numa::{CpuSet, NodeSet};

use super::StartError;
use crate::cgroup::{Group, Limits, MemberName};
use crate::supervisor::protocol::{MAX_FRAME_BYTES, Order, StartSpec, User};

/// Where a program without a slash is looked for when the environment has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Folders of `PATH` that are looked at; further ones are a mistake, not a wish.
const MAX_PATH_FOLDERS: usize = 64;

/// What a member sees as `/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Root {
    /// The machine's own root. The member sees the machine.
    #[default]
    Machine,
    /// This folder of the machine, with namespaces of its own.
    Folder(PathBuf),
}

/// All that is needed to start a member.
#[derive(Clone, Debug)]
pub struct MemberStart {
    /// Which.
    pub name: MemberName,
    /// The pod's state folder, absolute. Made if it is not there, open to the agent's user only.
    pub pod_dir: PathBuf,
    /// Program first; one without a slash is looked for in the `PATH` of `env`, inside the root.
    pub argv: Vec<String>,
    /// Names and values: the whole environment.
    pub env: Vec<(String, String)>,
    /// Absolute, inside the root. Absent: `/`.
    pub working_dir: Option<String>,
    /// What it sees as `/`.
    pub root: Root,
    /// File of the machine, absolute; made if it is not there, and appended to.
    pub stdout: PathBuf,
    /// Like `stdout`; may be the same file.
    pub stderr: PathBuf,
    /// Absent: the agent's own.
    pub user: Option<User>,
    /// PUs, by OS index. At least one.
    pub cpus: CpuSet,
    /// NUMA nodes whose memory it may use, by OS index. At least one.
    pub mems: NodeSet,
    /// Memory limit; absent: none.
    pub mem_bytes: Option<NonZeroU64>,
    /// Limit on processes and threads together; absent: none.
    pub pids_max: Option<NonZeroU32>,
}

impl MemberStart {
    /// The cgroups' part of it.
    pub(super) fn limits(&self) -> Limits {
        Limits { cpus: self.cpus.clone(), mems: self.mems.clone(), mem_bytes: self.mem_bytes, pids_max: self.pids_max }
    }

    /// Checks everything that can be checked without the kernel.
    ///
    /// # Errors
    /// [`StartError::Field`] with the first field that cannot be acted on.
    pub fn validate(&self) -> Result<(), StartError> {
        self.start_order(&Group::default()).map(drop)
    }

    /// The order that starts it in `group`, encoded.
    pub(super) fn start_order(&self, group: &Group) -> Result<Vec<u8>, StartError> {
        let order = Order::Start(Box::new(self.spec(group)?)).encode();
        // Room is left for the group's folders when validating without one.
        if order.len() > MAX_FRAME_BYTES / 4 * 3 {
            return Err(StartError::field("argv, env", "together larger than 768 KiB"));
        }
        Ok(order)
    }

    fn spec(&self, group: &Group) -> Result<StartSpec, StartError> {
        absolute("pod_dir", &self.pod_dir)?;
        if self.cpus.is_empty() {
            return Err(StartError::field("cpus", "empty: a member needs at least one PU"));
        }
        if self.mems.is_empty() {
            return Err(StartError::field("mems", "empty: a member needs at least one NUMA node"));
        }
        Ok(StartSpec {
            argv: self.arguments()?,
            env: self.environment()?,
            candidates: self.candidates()?,
            working_dir: self.working_folder()?,
            root: self.root_folder()?,
            stdout: absolute("stdout", &self.stdout)?,
            stderr: absolute("stderr", &self.stderr)?,
            user: self.user,
            group: group.clone(),
        })
    }

    fn arguments(&self) -> Result<Vec<CString>, StartError> {
        match self.argv.first() {
            None => Err(StartError::field("argv", "empty: give at least the program")),
            Some(program) if program.is_empty() => Err(StartError::field("argv", "the program's name is empty")),
            Some(_) => self.argv.iter().map(|text| c_string("argv", text)).collect(),
        }
    }

    fn environment(&self) -> Result<Vec<CString>, StartError> {
        let entry = |(name, value): &(String, String)| {
            if name.is_empty() || name.contains('=') {
                let problem = format!("`{name}` cannot be a name: it is empty or has a `=`");
                return Err(StartError::field("env", problem));
            }
            c_string("env", format!("{name}={value}"))
        };
        self.env.iter().map(entry).collect()
    }

    /// The files to try as the program.
    fn candidates(&self) -> Result<Vec<CString>, StartError> {
        let program = self.argv.first().map_or("", String::as_str);
        if program.contains('/') {
            return Ok(vec![c_string("argv", program)?]);
        }
        let path = self.env.iter().rfind(|(name, _)| name == "PATH");
        let path = path.map_or(DEFAULT_PATH, |(_, value)| value);
        path.split(':')
            .take(MAX_PATH_FOLDERS)
            // An empty entry means the working folder, by an old custom.
            .map(|folder| if folder.is_empty() { "." } else { folder })
            .map(|folder| c_string("env", format!("{folder}/{program}")))
            .collect()
    }

    fn working_folder(&self) -> Result<CString, StartError> {
        let folder = self.working_dir.as_deref().unwrap_or("/");
        absolute("working_dir", Path::new(folder))
    }

    fn root_folder(&self) -> Result<Option<CString>, StartError> {
        match &self.root {
            Root::Machine => Ok(None),
            Root::Folder(folder) if folder.parent().is_none() => {
                Err(StartError::field("root", "`/` cannot be a root folder: leave it out to use the machine's root"))
            }
            Root::Folder(folder) => absolute("root", folder).map(Some),
        }
    }
}

fn absolute(field: &'static str, path: &Path) -> Result<CString, StartError> {
    if path.is_absolute() {
        c_string(field, path.as_os_str())
    } else {
        let problem = format!("`{}` is not an absolute path", path.display());
        Err(StartError::field(field, problem))
    }
}

fn c_string(field: &'static str, text: impl AsRef<std::ffi::OsStr>) -> Result<CString, StartError> {
    CString::new(text.as_ref().as_bytes()).map_err(|_| StartError::field(field, "holds a zero byte"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member() -> MemberStart {
        MemberStart {
            name: MemberName::new("pod", "main").unwrap(),
            pod_dir: "/state/pod".into(),
            argv: vec!["/bin/true".into()],
            env: Vec::new(),
            working_dir: None,
            root: Root::Machine,
            stdout: "/out".into(),
            stderr: "/err".into(),
            user: None,
            cpus: "0".parse().unwrap(),
            mems: "0".parse().unwrap(),
            mem_bytes: None,
            pids_max: None,
        }
    }

    fn refusal(change: impl FnOnce(&mut MemberStart)) -> String {
        let mut member = member();
        change(&mut member);
        member.validate().unwrap_err().to_string()
    }

    #[test]
    fn an_ordinary_member_is_fine() {
        member().validate().unwrap();
    }

    #[test]
    fn refusals_name_the_field() {
        let says = |text: String, start: &str| assert!(text.starts_with(start), "{text}");
        says(refusal(|member| member.argv.clear()), "argv: empty");
        says(refusal(|member| member.argv = vec![String::new()]), "argv: the program's name");
        says(refusal(|member| member.argv.push("a\0b".into())), "argv: holds a zero byte");
        says(refusal(|member| member.env = vec![("A=B".into(), String::new())]), "env: `A=B`");
        says(refusal(|member| member.working_dir = Some("tmp".into())), "working_dir: `tmp`");
        says(refusal(|member| member.root = Root::Folder("/".into())), "root: `/`");
        says(refusal(|member| member.root = Root::Folder("x".into())), "root: `x`");
        says(refusal(|member| member.stdout = "out".into()), "stdout: `out`");
        says(refusal(|member| member.pod_dir = "state".into()), "pod_dir: `state`");
        says(refusal(|member| member.cpus = CpuSet::new()), "cpus: empty");
        says(refusal(|member| member.mems = NodeSet::new()), "mems: empty");
        says(refusal(|member| member.argv.push("x".repeat(1 << 20))), "argv, env: together");
    }

    #[test]
    fn a_program_without_a_slash_is_looked_for_in_its_own_path() {
        let mut member = member();
        member.argv = vec!["sh".into()];
        member.env = vec![("PATH".into(), "/opt/bin::/bin".into())];
        let candidates = member.candidates().unwrap();
        assert_eq!(candidates, [c"/opt/bin/sh".into(), c"./sh".into(), CString::from(c"/bin/sh")]);
        member.env.clear();
        assert_eq!(member.candidates().unwrap()[5], CString::from(c"/bin/sh"));
    }
}

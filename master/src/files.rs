//! What a master keeps in its state folder, and how it is written: atomically, and synced before it counts.
//!
//! | file | what |
//! |---|---|
//! | `lock` | held while a master runs here |
//! | `cluster` | the cluster's id, made once |
//! | `term` | the highest term led in; raised and synced at each start |
//! | `authority/` | the cluster's own certificate authority; its key never leaves the folder |
//! | `credentials/<who>/` | certificate, key and authority for the master, operators, agents and frameworks |
//! | `master.json` | where this master listens, while it does |

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use meros_wire::Peer;
use meros_wire::authority::{Authority, Credentials};
use meros_wire::message::Uuid;

use crate::error::MasterError;

/// Who gets a credentials folder at the first start.
const PRINCIPALS: [(Peer, &str); 4] =
    [(Peer::Master, "master"), (Peer::Operator, "operator"), (Peer::Agent, "agent"), (Peer::Framework, "framework")];

/// An opened state folder; the lock is held as long as it lives.
#[derive(Debug)]
pub(crate) struct StateDir {
    path: PathBuf,
    _lock: File,
}

impl StateDir {
    /// Opens a folder, making it when there is none.
    pub(crate) fn open(path: &Path) -> Result<Self, MasterError> {
        fs::create_dir_all(path).map_err(MasterError::state_dir("create", path))?;
        fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(MasterError::state_dir("write", path))?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(MasterError::state_dir("write", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(MasterError::InUse { path: lock_path }),
            Err(fs::TryLockError::Error(source)) => {
                Err(MasterError::StateDir { action: "lock", path: lock_path, source })
            }
        }
    }

    /// The cluster's id: read, or made from `fresh` and written.
    pub(crate) fn cluster(&self, fresh: Uuid) -> Result<Uuid, MasterError> {
        let path = self.path.join("cluster");
        match read(&path)? {
            Some(text) => {
                text.trim().parse().map_err(|error| MasterError::StateFile { path, what: format!("{error}") })
            }
            None => write(&path, &format!("{fresh}\n"), 0o644).map(|()| fresh),
        }
    }

    /// Raises the term and syncs it: no two starts on this folder lead in the same one.
    pub(crate) fn raise_term(&self) -> Result<u64, MasterError> {
        let path = self.path.join("term");
        let last: u64 = match read(&path)? {
            Some(text) => text.trim().parse().map_err(|_| MasterError::StateFile {
                path: path.clone(),
                what: format!("{:?} is not a term", text.trim()),
            })?,
            None => 0,
        };
        write(&path, &format!("{}\n", last + 1), 0o644)?;
        Ok(last + 1)
    }

    /// The credentials of the master itself. At the first start the authority and everybody's credentials are made.
    pub(crate) fn credentials(&self, cluster: Uuid, now_unix_s: u64) -> Result<Credentials, MasterError> {
        let folder = self.path.join("credentials");
        if !folder.join("master").join("key.pem").exists() {
            self.make_credentials(&folder, cluster, now_unix_s)?;
        }
        let file = |name: &str| {
            let path = folder.join("master").join(name);
            read(&path)?.ok_or_else(|| MasterError::StateFile { path, what: "is missing".to_owned() })
        };
        Ok(Credentials {
            certificate_pem: file("certificate.pem")?,
            key_pem: file("key.pem")?,
            authority_pem: file("authority.pem")?,
        })
    }

    fn make_credentials(&self, folder: &Path, cluster: Uuid, now_unix_s: u64) -> Result<(), MasterError> {
        let authority = Authority::generate(cluster, now_unix_s).map_err(MasterError::tls)?;
        let own = self.path.join("authority");
        write(&own.join("authority.key"), &authority.key_pem(), 0o600)?;
        write(&own.join("authority.pem"), authority.certificate_pem(), 0o644)?;
        // The master's own come last: they are the sign that all are there.
        for (role, name) in PRINCIPALS.into_iter().rev() {
            let issued = authority.issue(role, name, now_unix_s).map_err(MasterError::tls)?;
            let folder = folder.join(name);
            write(&folder.join("certificate.pem"), &issued.certificate_pem, 0o644)?;
            write(&folder.join("authority.pem"), &issued.authority_pem, 0o644)?;
            write(&folder.join("key.pem"), &issued.key_pem, 0o600)?;
        }
        Ok(())
    }

    /// Says where this master listens.
    pub(crate) fn announce(&self, json: &str) -> Result<(), MasterError> {
        write(&self.path.join("master.json"), json, 0o644)
    }

    /// Takes the announcement back.
    pub(crate) fn retract(&self) {
        let path = self.path.join("master.json");
        if let Err(error) = fs::remove_file(&path) {
            tracing::debug!(%error, path = %path.display(), "retracting the announcement");
        }
    }

    /// A file's path in the folder.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// A text file of moderate size. `None`: there is none.
fn read(path: &Path) -> Result<Option<String>, MasterError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(MasterError::state_dir("read", path)(error)),
    }
}

/// Writes beside, syncs, renames, syncs the folder: after a crash there is the old text or the new one.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), MasterError> {
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    fs::create_dir_all(folder).map_err(MasterError::state_dir("create", folder))?;
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&beside)
        .map_err(MasterError::state_dir("write", &beside))?;
    file.write_all(text.as_bytes()).map_err(MasterError::state_dir("write", &beside))?;
    file.sync_all().map_err(MasterError::state_dir("sync", &beside))?;
    fs::rename(&beside, path).map_err(MasterError::state_dir("write", path))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(MasterError::state_dir("sync", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_term_is_never_led_in_twice() {
        let folder = folder();
        let terms: Vec<u64> = (0..3).map(|_| StateDir::open(folder.path()).unwrap().raise_term().unwrap()).collect();
        assert_eq!(terms, [1, 2, 3]);
    }

    #[test]
    fn a_broken_term_is_said_and_not_guessed() {
        let folder = folder();
        fs::write(folder.path().join("term"), "seven").unwrap();
        let error = StateDir::open(folder.path()).unwrap().raise_term().unwrap_err();
        assert!(error.to_string().contains("\"seven\" is not a term"), "{error}");
    }

    #[test]
    fn the_cluster_keeps_its_id() {
        let folder = folder();
        let dir = StateDir::open(folder.path()).unwrap();
        let first = dir.cluster(Uuid::from_random([1; 16])).unwrap();
        assert_eq!(dir.cluster(Uuid::from_random([2; 16])).unwrap(), first);
    }

    #[test]
    fn two_masters_do_not_share_a_folder() {
        let folder = folder();
        let _first = StateDir::open(folder.path()).unwrap();
        let error = StateDir::open(folder.path()).unwrap_err();
        assert!(matches!(error, MasterError::InUse { .. }), "{error}");
    }

    #[test]
    fn keys_are_for_their_owner_alone_and_kept() {
        let folder = folder();
        let dir = StateDir::open(folder.path()).unwrap();
        let made = dir.credentials(Uuid::from_random([3; 16]), 1_800_000_000).unwrap();
        let kept = dir.credentials(Uuid::from_random([3; 16]), 1_800_000_000).unwrap();
        assert_eq!(made.key_pem, kept.key_pem);
        for (_, name) in PRINCIPALS {
            let key = folder.path().join("credentials").join(name).join("key.pem");
            assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}

//! How a client is let in: a folder with a certificate, its key, and the authority that the master's certificate is checked
//! against. A master makes one for each kind of peer at its first start: `<state folder>/credentials/<kind>/`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use meros_wire::authority::{Credentials, CredentialsError as WireError};
use meros_wire::event::Peer;
use meros_wire::secure::{ClientTls, UnixClock};
use thiserror::Error;

/// PEM files of ours have a kilobyte or two.
const FILE_MAX_BYTES: u64 = 64 * 1024;

/// The folder of a kind of peer inside a master's state folder.
#[must_use]
pub fn folder(state_dir: &Path, role: Peer) -> PathBuf {
    state_dir.join("credentials").join(role.name())
}

/// Reads a credentials folder.
///
/// # Errors
/// When a file is missing or unreadable, or is not what it should be; the text names it and says what to do.
pub fn read(folder: &Path, clock: UnixClock) -> Result<ClientTls, CredentialsError> {
    let credentials = Credentials {
        certificate_pem: read_file(folder, "certificate.pem")?,
        key_pem: read_file(folder, "key.pem")?,
        authority_pem: read_file(folder, "authority.pem")?,
    };
    let unusable = |source| CredentialsError::Unusable { folder: folder.to_owned(), source };
    ClientTls::new(&credentials, clock).map_err(unusable)
}

fn read_file(folder: &Path, name: &str) -> Result<String, CredentialsError> {
    let path = folder.join(name);
    let mut text = String::new();
    let read = File::open(&path).and_then(|file| file.take(FILE_MAX_BYTES).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text),
        Err(source) => Err(CredentialsError::Read { path, source }),
    }
}

/// Why credentials cannot be used.
#[derive(Debug, Error)]
pub enum CredentialsError {
    /// A file cannot be read.
    #[error(
        "cannot read {path}: {source}; copy the folder from the master's `credentials/`, and run as a user that may read it"
    )]
    Read {
        /// Which.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("the credentials in {folder} cannot be used: {source}; copy them anew from the master's `credentials/`")]
    Unusable {
        /// Where.
        folder: PathBuf,
        /// What is wrong.
        source: WireError,
    },
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_missing_file_is_named_with_the_cure() {
        let state_dir = tempfile::tempdir().expect("a temporary folder");
        let folder = folder(state_dir.path(), Peer::Framework);
        let error = read(&folder, Arc::new(|| 0)).expect_err("nothing there").to_string();
        assert!(error.contains("credentials/framework/certificate.pem") && error.contains("copy"), "{error}");
    }

    #[test]
    fn broken_pem_is_named_with_its_folder() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["certificate.pem", "key.pem", "authority.pem"] {
            std::fs::write(folder.path().join(name), "not PEM").expect("written");
        }
        let error = read(folder.path(), Arc::new(|| 0)).expect_err("not PEM").to_string();
        assert!(error.contains(&folder.path().display().to_string()), "{error}");
    }
}

//! The highest term obeyed.

use std::path::PathBuf;

use super::file::{read_text, replace};
use super::{DiskError, StateDir};

const BYTES_MAX: u64 = 32;

/// `<state-dir>/term`: a decimal number and a newline.
#[derive(Debug)]
pub(crate) struct TermFile(PathBuf);

impl TermFile {
    pub(crate) fn new(folder: &StateDir) -> Self {
        Self(folder.path().join("term"))
    }

    /// The highest term; 0 when none was obeyed yet.
    pub(crate) fn load(&self) -> Result<u64, DiskError> {
        let Some(text) = read_text(&self.0, BYTES_MAX)? else { return Ok(0) };
        text.trim().parse().map_err(|_| DiskError::Content {
            path: self.0.clone(),
            problem: "it should hold one number".to_owned(),
            fix: "write the cluster's present term into it, or remove it if no master of an older term can still be running",
        })
    }

    /// On the disk when this returns.
    pub(crate) fn save(&self, term: u64) -> Result<(), DiskError> {
        replace(&self.0, format!("{term}\n").as_bytes(), true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_found_again_and_garbage_is_not_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = TermFile::new(&StateDir::open(folder.path()).unwrap());
        assert_eq!(file.load().unwrap(), 0);
        file.save(u64::MAX).unwrap();
        assert_eq!(file.load().unwrap(), u64::MAX);
        for garbage in ["", "x", "-1", "99999999999999999999", &"1".repeat(1000)] {
            std::fs::write(&file.0, garbage).unwrap();
            assert!(file.load().unwrap_err().to_string().contains("term"), "{garbage}");
        }
    }
}

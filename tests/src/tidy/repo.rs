//! The files that the rules look at: what git tracks, or would track after `git add`.
//!
//! Files that nobody writes by hand are left out: generated code, fixtures, corpora, the lock file and the licence. Files that
//! are not UTF-8 have no lines to judge and are left out too.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::rust::RustText;

/// Parts of a path that mark files nobody writes by hand.
const NOT_BY_HAND: [&str; 8] = [
    "wire/src/generated.rs",
    "capi/include/meros_alloc.h",
    "/fixtures/",
    "/golden/",
    "/corpus/",
    "/proptest-regressions/",
    "Cargo.lock",
    "LICENSE",
];

/// Why the files could not be listed or read.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// `git ls-files` did not work.
    #[error("`git ls-files` in {root} failed ({why}): run the house tests in a git checkout, with git installed")]
    List {
        /// The folder that was listed.
        root: PathBuf,
        /// What git or the system said.
        why: String,
    },
    /// A listed file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Path from the root.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

/// One file.
#[derive(Debug)]
pub struct File {
    /// Path from the root of the repository, with `/`.
    pub path: String,
    /// The whole text.
    pub text: String,
    /// Its Rust view; `None` for other languages.
    pub rust: Option<RustText>,
}

impl File {
    /// A file as the rules see it.
    #[must_use]
    pub fn new(path: &str, text: &str) -> Self {
        let rust = path.ends_with(".rs").then(|| RustText::parse(text, is_test_path(path)));
        Self { path: path.to_owned(), text: text.to_owned(), rust }
    }

    /// The lines with their numbers, from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// True for Markdown.
    #[must_use]
    pub fn is_markdown(&self) -> bool {
        self.path.ends_with(".md")
    }
}

/// The files of one repository.
#[derive(Debug)]
pub struct Repo {
    /// In the order of their paths.
    pub files: Vec<File>,
    /// Every path that git lists, also of files that are not judged: what a link may point at.
    pub paths: Vec<String>,
}

impl Repo {
    /// Reads the repository at `root`.
    ///
    /// # Errors
    /// When git cannot list the files or one of them cannot be read.
    pub fn open(root: &Path) -> Result<Self, RepoError> {
        let mut paths = list(root)?;
        paths.retain(|path| root.join(path).is_file());
        let mut files = Vec::new();
        for path in paths.iter().filter(|path| !NOT_BY_HAND.iter().any(|part| path.contains(part))) {
            let bytes =
                std::fs::read(root.join(path)).map_err(|source| RepoError::Read { path: path.clone(), source })?;
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(File::new(path, &text));
            }
        }
        Ok(Self { files, paths })
    }

    /// A repository made of samples: pairs of path and text.
    #[must_use]
    pub fn sample(files: &[(&str, &str)]) -> Self {
        Self {
            files: files.iter().map(|(path, text)| File::new(path, text)).collect(),
            paths: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
        }
    }

    /// The Rust files, each with its Rust view.
    pub fn rust_files(&self) -> impl Iterator<Item = (&File, &RustText)> {
        self.files.iter().filter_map(|file| file.rust.as_ref().map(|rust| (file, rust)))
    }

    /// The file at `path`.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// Tracked files and new ones that are not ignored.
fn list(root: &Path) -> Result<Vec<String>, RepoError> {
    let failed = |why: String| RepoError::List { root: root.to_owned(), why };
    let output = Command::new("git")
        // A checkout made by another user (containers of CI systems) is refused by git otherwise; we only list it.
        .args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let listed = String::from_utf8_lossy(&output.stdout);
    let mut paths: Vec<String> = listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// True for files that hold nothing but tests.
fn is_test_path(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_listed_without_generated_code() {
        let repo = Repo::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
        assert!(repo.file("tests/src/tidy/repo.rs").is_some());
        assert!(repo.file("wire/src/generated.rs").is_none());
        assert!(repo.file("Cargo.lock").is_none());
        assert!(repo.paths.iter().any(|path| path == "Cargo.lock"));
    }

    #[test]
    fn a_folder_outside_git_is_told() {
        let error = Repo::open(Path::new("/proc")).unwrap_err().to_string();
        assert!(error.contains("run the house tests in a git checkout"), "{error}");
    }

    #[test]
    fn test_files_are_known_by_their_place() {
        assert!(is_test_path("agent/tests/start_pin.rs"));
        assert!(is_test_path("numa/src/xml/tests.rs"));
        assert!(is_test_path("tests/src/lib.rs"));
        assert!(!is_test_path("numa/src/xml/mod.rs"));
    }
}

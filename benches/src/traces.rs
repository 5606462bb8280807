//! Where the traces are, and how their files are read: CSV, plain or compressed with xz.
//!
//! They are read from `$MEROS_SHARED/traces`, by default `../shared/traces` beside the repository, and never copied into it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use lzma_rust2::XzReader;
use serde::de::DeserializeOwned;

/// Why a trace could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file or folder is not there, or cannot be read.
    #[error("{path}: {source}; set MEROS_SHARED to the folder that has traces/")]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A row is not what the column names promise.
    #[error("{path}: {source}")]
    Row {
        /// The file.
        path: PathBuf,
        /// Which row, and what is wrong.
        source: csv::Error,
    },
    /// A row reads well and means nothing.
    #[error("{path}: row {row}: {what}")]
    Meaning {
        /// The file.
        path: PathBuf,
        /// Row, from 1, without the header.
        row: usize,
        /// What is wrong with which column.
        what: String,
    },
    /// The folder has no file of the set.
    #[error("{path} has no {what}")]
    Empty {
        /// The folder.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
}

/// The folder of one set of traces.
#[must_use]
pub fn folder(set: &str) -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("MEROS_SHARED").map_or_else(beside, PathBuf::from);
    shared.join("traces").join(set)
}

/// The files of `folder` whose name is `prefix`, something, and one of `.csv` and `.csv.xz`, with that something, sorted by it.
///
/// # Errors
/// [`TraceError::Read`] when the folder cannot be listed, [`TraceError::Empty`] when it has no such file.
pub fn files(folder: &Path, prefix: &'static str) -> Result<Vec<(String, PathBuf)>, TraceError> {
    let failed = |source| TraceError::Read { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let stem = name.strip_suffix(".xz").unwrap_or(name).strip_suffix(".csv");
        if let Some(middle) = stem.and_then(|stem| stem.strip_prefix(prefix)) {
            found.push((middle.to_owned(), path));
        }
    }
    if found.is_empty() {
        return Err(TraceError::Empty { path: folder.to_owned(), what: prefix });
    }
    found.sort();
    // One that is there both plain and compressed is one file.
    found.dedup_by(|a, b| a.0 == b.0);
    Ok(found)
}

/// All rows of a CSV file with a header.
///
/// # Errors
/// [`TraceError::Read`] or [`TraceError::Row`].
pub fn rows<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, TraceError> {
    let failed = |source| TraceError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "xz") {
        XzReader::new(file, true).read_to_string(&mut text).map_err(failed)?;
    } else {
        let mut file = file;
        file.read_to_string(&mut text).map_err(failed)?;
    }
    parse(&text).map_err(|source| TraceError::Row { path: path.to_owned(), source })
}

/// All rows of CSV text with a header.
///
/// # Errors
/// The first row that does not fit.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, csv::Error> {
    csv::Reader::from_reader(text.as_bytes()).into_deserialize().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Pair {
        a: u32,
        b: String,
    }

    #[test]
    fn rows_are_read_by_column_name() {
        assert_eq!(parse::<Pair>("b,a\nx,1\n").expect("good"), [Pair { a: 1, b: "x".to_owned() }]);
        let message = parse::<Pair>("b,a\nx,no\n").expect_err("not a number").to_string();
        assert!(message.contains("field 1"), "{message}");
    }

    #[test]
    fn plain_and_compressed_files_are_found_and_read() {
        let folder = std::env::temp_dir().join(format!("meros-traces-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder");
        fs::write(folder.join("list_one.csv"), "a,b\n1,x\n").expect("written");
        // `printf 'a,b\n2,y\n' | xz`
        fs::write(folder.join("list_two.csv.xz"), SMALL_XZ).expect("written");
        fs::write(folder.join("other.csv"), "").expect("written");
        let found = files(&folder, "list_").expect("two files");
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        let read: Vec<Pair> = found.iter().flat_map(|(_, path)| rows::<Pair>(path).expect("good rows")).collect();
        let none = files(&folder, "nothing_");
        fs::remove_dir_all(&folder).expect("removed");
        assert_eq!(names, ["one", "two"]);
        assert_eq!(read, [Pair { a: 1, b: "x".to_owned() }, Pair { a: 2, b: "y".to_owned() }]);
        assert!(matches!(none, Err(TraceError::Empty { .. })));
    }

    #[test]
    fn a_missing_folder_says_what_to_do() {
        let message = files(Path::new("/nonexistent-folder"), "x").expect_err("missing").to_string();
        assert!(message.contains("MEROS_SHARED"), "{message}");
    }

    const SMALL_XZ: &[u8] = &[
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21, 0x01, 0x16, 0x00,
        0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0x01, 0x00, 0x07, 0x61, 0x2c, 0x62, 0x0a, 0x32, 0x2c, 0x79, 0x0a, 0x00,
        0x12, 0x99, 0x81, 0x61, 0x7f, 0xd4, 0x11, 0xb4, 0x00, 0x01, 0x20, 0x08, 0xbb, 0x19, 0xd9, 0xbb, 0x1f, 0xb6,
        0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a,
    ];
}

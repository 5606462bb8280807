//! Writes `wire/src/generated.rs` from `wire/schema/*.fbs`, or checks that it is what would be written.
//!
//! - no argument: write it.
//! - `--check`: change nothing; exit 1 and show the first difference when it is not up to date.
//!
//! flatc comes compiled from source by the `flatc-fork` crate, in the version that the `flatbuffers` crate wants; the flatc of a
//! distribution is usually too old for it. That takes minutes, so the generated code is committed and this crate is not among
//! the workspace's default members.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs, io};

/// The schema's root: it includes the others.
const ROOT: &str = "frame.fbs";

/// What stands above flatc's own text.
const HEADER: &str = "\
// Generated from wire/schema by `cargo run -p meros-wire-codegen`. Do not edit: change the schema and run it again.

";

#[derive(Debug, thiserror::Error)]
enum CodegenError {
    #[error("cannot {what} {}: {source}", path.display())]
    File { what: &'static str, path: PathBuf, source: io::Error },
    #[error("flatc refuses the schema:\n{0}")]
    Schema(String),
    #[error("unknown argument {0:?}: give none, or --check")]
    Argument(String),
    #[error(
        "wire/src/generated.rs is not what the schema gives. First difference, line {line}:\n- {committed}\n+ {fresh}\n\
         Run `cargo run -p meros-wire-codegen` and commit the result."
    )]
    Drift { line: usize, committed: String, fresh: String },
}

fn main() -> ExitCode {
    match run() {
        Ok(done) => {
            println!("{done}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<&'static str, CodegenError> {
    let wire = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let target = wire.join("src/generated.rs");
    let fresh = generate(&wire.join("schema"))?;
    match env::args().nth(1).as_deref() {
        None => {
            write(&target, &fresh)?;
            Ok("wire/src/generated.rs is written")
        }
        Some("--check") => {
            compare(&read(&target)?, &fresh)?;
            Ok("wire/src/generated.rs is up to date")
        }
        Some(other) => Err(CodegenError::Argument(other.to_owned())),
    }
}

/// The generated text, with its header.
fn generate(schema: &Path) -> Result<String, CodegenError> {
    let scratch = tempfile::tempdir().map_err(|source| CodegenError::File {
        what: "make a folder in",
        path: env::temp_dir(),
        source,
    })?;
    let flatc = flatc_fork::flatc();
    let output = Command::new(flatc)
        .args(["--rust", "--gen-all", "-o"])
        .arg(scratch.path())
        .arg(ROOT)
        .current_dir(schema)
        .output()
        .map_err(|source| CodegenError::File { what: "run", path: flatc.to_owned(), source })?;
    if !output.status.success() {
        let mut said = output.stdout;
        said.extend_from_slice(&output.stderr);
        return Err(CodegenError::Schema(String::from_utf8_lossy(&said).into_owned()));
    }
    Ok(format!("{HEADER}{}", read(&scratch.path().join("frame_generated.rs"))?))
}

fn read(path: &Path) -> Result<String, CodegenError> {
    fs::read_to_string(path).map_err(|source| CodegenError::File { what: "read", path: path.to_owned(), source })
}

fn write(path: &Path, text: &str) -> Result<(), CodegenError> {
    fs::write(path, text).map_err(|source| CodegenError::File { what: "write", path: path.to_owned(), source })
}

fn compare(committed: &str, fresh: &str) -> Result<(), CodegenError> {
    if committed == fresh {
        return Ok(());
    }
    let same = committed.lines().zip(fresh.lines()).take_while(|(old, new)| old == new).count();
    let line_of = |text: &str| text.lines().nth(same).unwrap_or("(end of file)").to_owned();
    Err(CodegenError::Drift { line: same + 1, committed: line_of(committed), fresh: line_of(fresh) })
}

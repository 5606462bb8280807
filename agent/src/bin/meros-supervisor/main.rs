//! `meros-supervisor`: see `meros_agent::supervisor`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match meros_agent::supervisor::run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("meros-supervisor: {error}");
            ExitCode::FAILURE
        }
    }
}

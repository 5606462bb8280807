//! The `meros` binary: every daemon and every operator command as a subcommand, without logic of its own.
//!
//! Reading order: [`args`] (the command line) → [`command`] (one file each) → [`exit`] (how commands end) → [`view`] (the JSON
//! they print). [`config`] takes a file into the flags' defaults; [`quantity`] reads sizes, durations and cpus; [`pods`] is how
//! people name and read pods; [`children`], [`ready`] and [`signals`] are what daemons need; [`draw`] makes pictures.

mod args;
mod children;
mod clock;
mod command;
mod config;
mod connect;
mod draw;
mod exit;
mod output;
mod pods;
mod quantity;
mod ready;
mod signals;
mod view;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use args::{ArgsError, Cli, Command, Global};
use exit::Failure;

fn main() -> ExitCode {
    let argv: Vec<OsString> = std::env::args_os().collect();
    match args::parse(&argv) {
        Ok(cli) => exit::report(run(cli)),
        Err(ArgsError::Config(error)) => exit::report(Err(Failure::usage(error))),
        Err(ArgsError::Clap(error)) => {
            // Help for who asked, or the reason for who did not; a closed pipe leaves nobody to tell.
            let _ = error.print();
            u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
    }
}

fn run(cli: Cli) -> Result<u8, Failure> {
    let global = &cli.global;
    log_to_stderr(global, cli.command.is_daemon())?;
    match cli.command {
        Command::Up(flags) => command::up::run(global, &flags),
        Command::Run(flags) => command::run::run(global, &flags),
        Command::Ps(flags) => command::ps::run(global, &flags),
        Command::Logs(flags) => command::logs::run(global, &flags),
        Command::Kill(flags) => command::kill::run(global, &flags),
        Command::Topology(flags) => command::topology::run(global, &flags),
        Command::Master(flags) => command::master::run(global, &flags),
        Command::Agent(flags) => command::agent::run(global, flags),
    }
}

fn log_to_stderr(global: &Global, daemon: bool) -> Result<(), Failure> {
    let default = if daemon { "info" } else { "warn" };
    let filter = global.log.as_deref().unwrap_or(default);
    let filter = EnvFilter::try_new(filter).map_err(|error| Failure::usage(format!("--log {filter}: {error}")))?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    subscriber.with_ansi(global.colour.on(&io::stderr())).init();
    Ok(())
}

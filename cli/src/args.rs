//! The command line: what every command takes, and the list of commands. Each command's own flags stand in its file.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::command::{agent, kill, logs, master, ps, run, topology, up};
use crate::config::{self, ConfigError};
use crate::exit;
use crate::output::{Colour, Format, Output};

/// Commands by purpose; clap itself knows one flat list only. A test keeps it complete.
const OVERVIEW: &str = "\
{about}

{usage-heading} meros [OPTIONS] COMMAND [ARGS]

Try it on this machine:
  up          Start a master and its agents; end them all together

Run things:
  run         Run a command as a pod, on cores of its own or on shared ones
  ps          List pods, where they are, and why they wait
  logs        Show what a pod wrote
  kill        End pods

Look at machines:
  topology    Draw a machine: packages, NUMA nodes, L3 domains, cores, PUs

Daemons:
  master      Lead a cluster
  agent       Offer this machine to a cluster

Options of every command:
{options}{after-help}";

const EXAMPLES: &str = "\
Examples:
  meros up                                     a cluster on this machine, until Ctrl-C
  meros run --cpus 1 -- sha256sum /etc/passwd  one core, to itself
  meros run --detach --shared-cpus 0.5 --memory 64MiB --name web -- httpd -f
  meros ps --map                               who owns which core
  meros logs -f web
  meros kill web

`meros help COMMAND` tells more.";

/// One pool of cores out of many machines: every pod on exactly the cores and memory it was given.
#[derive(Debug, Parser)]
#[command(
    name = "meros",
    version,
    help_template = OVERVIEW,
    after_help = format!("{EXAMPLES}\n\n{}", exit::HELP),
    args_override_self = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// State folder: of the master that commands talk to, or of the daemon that is started
    /// [default: /var/lib/meros as root, else ~/.local/state/meros]
    #[arg(long, global = true, value_name = "DIR", env = "MEROS_STATE_DIR", hide_env = true)]
    state_dir: Option<PathBuf>,

    /// TOML file with values for flags, by their names; a table for each command
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Form of the answer: text, or json for programs
    #[arg(long, global = true, value_name = "FORM", default_value = "text", hide_possible_values = true)]
    output: Format,

    /// Colours in text: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub(crate) colour: Colour,

    /// What to log to stderr, such as `info` or `meros_agent=debug` [default: info for daemons, else warn]
    #[arg(long, global = true, value_name = "FILTER", env = "MEROS_LOG", hide_env = true)]
    pub(crate) log: Option<String>,
}

impl Global {
    /// How to answer.
    pub(crate) fn output(&self) -> Output {
        Output::new(self.output, self.colour)
    }

    /// The state folder that was named.
    pub(crate) fn named_state_dir(&self) -> Option<PathBuf> {
        self.state_dir.clone()
    }

    /// The state folder: as named, or this user's own.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.named_state_dir().unwrap_or_else(default_state_dir)
    }
}

/// Root keeps state for the machine, anybody else for himself.
fn default_state_dir() -> PathBuf {
    const SYSTEM: &str = "/var/lib/meros";
    let set = |name| std::env::var_os(name).filter(|value: &OsString| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").map(|home| home.join(".local/state"));
    let own = || set("XDG_STATE_HOME").or_else(home).map(|state| state.join("meros"));
    if is_root() { PathBuf::from(SYSTEM) } else { own().unwrap_or_else(|| PathBuf::from(SYSTEM)) }
}

/// The owner of a process' folder is its effective user.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// The commands, in the order of the overview.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a master and its agents; end them all together
    Up(up::Flags),
    /// Run a command as a pod, on cores of its own or on shared ones
    Run(run::Flags),
    /// List pods, where they are, and why they wait
    Ps(ps::Flags),
    /// Show what a pod wrote
    Logs(logs::Flags),
    /// End pods
    Kill(kill::Flags),
    /// Draw a machine: packages, NUMA nodes, L3 domains, cores, PUs
    Topology(topology::Flags),
    /// Lead a cluster
    Master(master::Flags),
    /// Offer this machine to a cluster
    Agent(agent::Flags),
}

impl Command {
    /// Daemons log more by default.
    pub(crate) const fn is_daemon(&self) -> bool {
        matches!(self, Self::Up(_) | Self::Master(_) | Self::Agent(_))
    }
}

/// Why there is no command to carry out.
#[derive(Debug)]
pub(crate) enum ArgsError {
    /// Help, version, or a wrong command line; clap prints it.
    Clap(clap::Error),
    /// A wrong config file.
    Config(ConfigError),
}

/// Reads the command line and the config file it names.
pub(crate) fn parse(argv: &[OsString]) -> Result<Cli, ArgsError> {
    let command = config::apply(Cli::command(), argv).map_err(ArgsError::Config)?;
    let matches = command.try_get_matches_from(argv).map_err(ArgsError::Clap)?;
    Cli::from_arg_matches(&matches).map_err(ArgsError::Clap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_overview_names_every_command_with_its_own_words() {
        let command = Cli::command();
        for known in command.get_subcommands() {
            let about = known.get_about().map(ToString::to_string).unwrap_or_default();
            let line = format!("  {:<12}{about}\n", known.get_name());
            assert!(OVERVIEW.contains(&line), "the overview lacks `{line}`");
        }
    }

    #[test]
    fn help_is_short() {
        let mut command = Cli::command();
        command.build();
        for known in command.get_subcommands_mut() {
            let lines = known.render_help().to_string().lines().count();
            assert!(lines <= 60, "`meros help {}` has {lines} lines", known.get_name());
        }
    }
}

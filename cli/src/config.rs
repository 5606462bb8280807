//! The config file: TOML with the names of the flags.
//!
//! ```toml
//! state-dir = "/srv/meros"      # flags of every command stand at the top
//!
//! [master]                      # flags of one command stand in its table
//! listen-tcp = "10.0.0.1:5050"
//!
//! [run]
//! shared-cpus = 0.5
//! env = ["LANG=C", "TZ=UTC"]
//! ```
//!
//! A value of the file takes the place of the flag's default: the environment and the command line win over it, and so
//! does a flag that excludes it. A key that is no flag's name is an error.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use thiserror::Error;
use toml::Value;

/// What is wrong with a config file.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    /// Missing or unreadable.
    #[error("cannot read config file {file}: {source}")]
    Read {
        /// The file.
        file: PathBuf,
        /// What the kernel says.
        source: std::io::Error,
    },
    /// Not TOML.
    #[error("config file {file} is not TOML: {message}")]
    Syntax {
        /// The file.
        file: PathBuf,
        /// Where and what.
        message: String,
    },
    /// No flag of that name.
    #[error("config file {file}: `{key}` is not known; known here: {known}")]
    UnknownKey {
        /// The file.
        file: PathBuf,
        /// With its table.
        key: String,
        /// What could stand there.
        known: String,
    },
    /// A flag takes no such value.
    #[error("config file {file}: `{key}` is {expected}")]
    Value {
        /// The file.
        file: PathBuf,
        /// With its table.
        key: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Two settings that exclude each other.
    #[error("config file {file}: `{key}` and `{other}` exclude each other; keep one")]
    Conflict {
        /// The file.
        file: PathBuf,
        /// The one.
        key: String,
        /// The other.
        other: String,
    },
}

/// Takes the config file that `argv` names, if any, into the defaults of `command`.
pub(crate) fn apply(command: Command, argv: &[OsString]) -> Result<Command, ConfigError> {
    let given = command.clone().ignore_errors(true).try_get_matches_from(argv);
    let Some((given, file)) = given.ok().and_then(|given| named_file(&given).map(|file| (given, file))) else {
        return Ok(command);
    };
    let source = fs::read_to_string(&file);
    let text = source.map_err(|source| ConfigError::Read { file: file.clone(), source })?;
    apply_text(command, &given, &file, &text)
}

fn named_file(given: &ArgMatches) -> Option<PathBuf> {
    let inner = given.subcommand().map(|(_, inner)| inner);
    [Some(given), inner].into_iter().flatten().find_map(|level| level.get_one::<PathBuf>("config").cloned())
}

fn apply_text(mut command: Command, given: &ArgMatches, file: &Path, text: &str) -> Result<Command, ConfigError> {
    let table: toml::Table = toml::from_str(text).map_err(|error| ConfigError::Syntax {
        file: file.to_owned(),
        message: error.to_string().trim().replace('\n', " "),
    })?;
    let (tables, flags): (toml::Table, toml::Table) = table.into_iter().partition(|(_, value)| value.is_table());
    let place = Place { file, table: None };
    command = place.set_all(command, given, &flags)?;
    for (name, settings) in tables {
        let Some(inner) = command.find_subcommand(&name).cloned() else {
            return Err(place.unknown(&name, commands(&command)));
        };
        let place = Place { file, table: Some(&name) };
        let (Value::Table(settings), Some(given)) = (settings, given.subcommand_matches(&name).or(Some(given))) else {
            continue;
        };
        let inner = place.set_all(inner, given, &settings)?;
        command = command.mut_subcommand(&name, |_| inner);
    }
    Ok(command)
}

fn commands(command: &Command) -> String {
    let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    names.join(", ")
}

/// Where in the file: at its top, or in a command's table.
#[derive(Clone, Copy)]
struct Place<'a> {
    file: &'a Path,
    table: Option<&'a str>,
}

impl Place<'_> {
    fn set_all(self, mut command: Command, given: &ArgMatches, flags: &toml::Table) -> Result<Command, ConfigError> {
        for (key, value) in flags {
            let flag = self.flag(&command, key)?;
            self.check_conflicts(&command, &flag, flags)?;
            let values = self.values(&flag, key, value)?;
            if !excluded(&command, &flag, given) {
                command = command.mut_arg(flag.get_id().clone(), |flag| flag.required(false).default_values(values));
            }
        }
        Ok(command)
    }

    fn flag(self, command: &Command, key: &str) -> Result<Arg, ConfigError> {
        let may_be_set =
            |flag: &&Arg| flag.get_long().is_some_and(|long| !matches!(long, "config" | "help" | "version"));
        let found = command.get_arguments().filter(may_be_set).find(|flag| flag.get_long() == Some(key));
        found.cloned().ok_or_else(|| {
            let known: Vec<&str> = command.get_arguments().filter(may_be_set).filter_map(Arg::get_long).collect();
            let tables =
                if self.table.is_none() { format!(", and the tables {}", commands(command)) } else { String::new() };
            self.unknown(key, known.join(", ") + &tables)
        })
    }

    fn check_conflicts(self, command: &Command, flag: &Arg, flags: &toml::Table) -> Result<(), ConfigError> {
        let other = conflicts(command, flag).into_iter().filter_map(|other| other.get_long().map(str::to_owned));
        let set = |other: &String| !matches!(flags.get(other), None | Some(Value::Boolean(false)));
        let (Some(key), Some(other)) = (flag.get_long(), other.into_iter().find(set)) else { return Ok(()) };
        Err(ConfigError::Conflict { file: self.file.to_owned(), key: self.key(key), other: self.key(&other) })
    }

    fn values(self, flag: &Arg, key: &str, value: &Value) -> Result<Vec<String>, ConfigError> {
        let wrong = |expected| ConfigError::Value { file: self.file.to_owned(), key: self.key(key), expected };
        match (flag.get_action(), value) {
            (ArgAction::SetTrue, Value::Boolean(value)) => Ok(vec![value.to_string()]),
            (ArgAction::SetTrue, _) => Err(wrong("true or false")),
            (ArgAction::Append, Value::Array(values)) => {
                values.iter().map(|value| scalar(value).ok_or_else(|| wrong("a list of texts or numbers"))).collect()
            }
            (_, value) => Ok(vec![scalar(value).ok_or_else(|| wrong("one text or number"))?]),
        }
    }

    fn unknown(self, key: &str, known: String) -> ConfigError {
        ConfigError::UnknownKey { file: self.file.to_owned(), key: self.key(key), known }
    }

    fn key(self, key: &str) -> String {
        self.table.map_or_else(|| key.to_owned(), |table| format!("{table}.{key}"))
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Flags that exclude `flag` or are excluded by it.
fn conflicts(command: &Command, flag: &Arg) -> Vec<Arg> {
    let excludes = |one: &Arg, other: &Arg| {
        command.get_arg_conflicts_with(one).iter().any(|conflict| conflict.get_id() == other.get_id())
    };
    command.get_arguments().filter(|other| excludes(flag, other) || excludes(other, flag)).cloned().collect()
}

/// True when the command line or the environment has a flag that excludes this one.
fn excluded(command: &Command, flag: &Arg, given: &ArgMatches) -> bool {
    conflicts(command, flag).iter().any(|other| {
        let id = other.get_id().as_str();
        let known = given.try_contains_id(id).unwrap_or(false);
        known && matches!(given.value_source(id), Some(ValueSource::CommandLine | ValueSource::EnvVariable))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    #[command(args_override_self = true)]
    struct Cli {
        #[arg(long, global = true)]
        config: Option<PathBuf>,
        #[arg(long, global = true, default_value = "text")]
        output: String,
        #[command(subcommand)]
        command: Sub,
    }

    #[derive(Debug, clap::Subcommand)]
    enum Sub {
        Run(Run),
    }

    #[derive(Debug, clap::Args)]
    struct Run {
        #[arg(long)]
        name: String,
        #[arg(long)]
        cpus: Option<u32>,
        #[arg(long, conflicts_with = "cpus")]
        shared_cpus: Option<f64>,
        #[arg(long)]
        env: Vec<String>,
        #[arg(long)]
        detach: bool,
    }

    fn parse(text: &str, argv: &[&str]) -> Result<Cli, String> {
        use clap::{CommandFactory, FromArgMatches};
        let given = Cli::command().ignore_errors(true).try_get_matches_from(argv).map_err(|error| error.to_string())?;
        let command =
            apply_text(Cli::command(), &given, Path::new("c.toml"), text).map_err(|error| error.to_string())?;
        let matches = command.try_get_matches_from(argv).map_err(|error| error.to_string())?;
        Cli::from_arg_matches(&matches).map_err(|error| error.to_string())
    }

    fn run(text: &str, argv: &[&str]) -> Run {
        let Sub::Run(run) = parse(text, argv).expect("valid").command;
        run
    }

    const FILE: &str = "output = 'json'\n[run]\nname = 'web'\ncpus = 2\nenv = ['A=1', 'B=2']\ndetach = true\n";

    #[test]
    fn the_file_fills_in_what_the_command_line_leaves_out() {
        let run = run(FILE, &["meros", "run"]);
        assert_eq!((run.name.as_str(), run.cpus, run.env.len(), run.detach), ("web", Some(2), 2, true));
        assert_eq!(parse(FILE, &["meros", "run"]).expect("valid").output, "json");
    }

    #[test]
    fn the_command_line_wins_and_so_does_a_flag_that_excludes_the_file() {
        let run_named = run(FILE, &["meros", "run", "--name", "db", "--env", "C=3"]);
        assert_eq!((run_named.name.as_str(), run_named.env), ("db", vec!["C=3".to_owned()]));
        let run_shared = run(FILE, &["meros", "run", "--shared-cpus", "0.5"]);
        assert_eq!((run_shared.cpus, run_shared.shared_cpus), (None, Some(0.5)));
        assert_eq!(parse(FILE, &["meros", "--output", "text", "run"]).expect("valid").output, "text");
    }

    #[test]
    fn what_is_no_flag_is_named() {
        for (text, named) in [
            ("[run]\nname = 'x'\ncpu = 1", "`run.cpu`"),
            ("[runs]\nname = 'x'", "`runs`"),
            ("colour = 'x'", "`colour`"),
            ("config = 'x'", "`config`"),
            ("[run]\nname = ['x']", "`run.name`"),
            ("[run]\nname = 'x'\ndetach = 1", "`run.detach`"),
            ("[run]\nname = 'x'\ncpus = 1\nshared-cpus = 0.5", "exclude each other"),
            ("[run", "not TOML"),
        ] {
            let error = parse(text, &["meros", "run"]).expect_err(text);
            assert!(error.contains(named), "{text}: {error}");
        }
    }

    #[test]
    fn the_same_flag_twice_means_the_last() {
        assert_eq!(run("", &["meros", "run", "--name", "a", "--name", "b"]).name, "b");
    }
}

//! `meros run`: a command as a pod of one member.

mod attached;

use std::path::Path;

use clap::{Args, ValueEnum};
use meros_sdk::message::{
    Command, Cpus, Label, Locality, MemberKind, MemberResources, MemberSpec, PlacementWish, PodId, PodSpec, Root,
};
use serde::Serialize;

use crate::args::Global;
use crate::connect;
use crate::exit::{Failure, RUN_FAILED};
use crate::quantity;

/// For programs named without a slash; a pod inherits nothing from whoever asks for it.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const EXAMPLES: &str = "\
Examples:
  meros run --cpus 2 --locality core -- ./solver input.dat   two PUs of one core, to itself
  meros run --shared-cpus 0.5 --memory 256MiB -- make -j1    half a PU of the shared cores
  meros run --detach --name web --rootfs /srv/web -- /bin/httpd -f
Ctrl-C ends the pod: first asked, then, pressed again, by force.";

/// What `meros run` takes.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Flags {
    /// Name, for people [default: the program's, with the beginning of the pod's id]
    #[arg(long)]
    name: Option<String>,

    /// PUs of cores that nobody else runs on; rounded up to whole cores
    #[arg(long, value_name = "N", value_parser = quantity::exclusive_pus, help_heading = "What it is given")]
    cpus: Option<u32>,

    /// Part of the shared cores, in PUs [default: 1]
    #[arg(long, value_name = "X", value_parser = quantity::shared_cpu_milli, conflicts_with = "cpus",
        help_heading = "What it is given")]
    shared_cpus: Option<u32>,

    /// Memory limit, such as 512MiB [default: none]
    #[arg(long, value_name = "SIZE", value_parser = quantity::size_bytes, help_heading = "What it is given")]
    memory: Option<u64>,

    /// How close together its PUs are: any, package, numa-node, l3 or core
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "any",
        hide_possible_values = true,
        help_heading = "Where it runs"
    )]
    locality: Level,

    /// Rather wait than run further apart
    #[arg(long, help_heading = "Where it runs")]
    required: bool,

    /// Rather wait than use memory of a NUMA node without its PUs
    #[arg(long, help_heading = "Where it runs")]
    memory_local: bool,

    /// Role whose share is charged
    #[arg(long, value_name = "ROLE", default_value = "default", help_heading = "Where it runs")]
    role: String,

    /// A variable of its environment; may be repeated. Nothing is inherited; PATH is set when left out
    #[arg(long, value_name = "NAME=VALUE", value_parser = quantity::environment, help_heading = "What it sees")]
    env: Vec<(String, String)>,

    /// Folder of the agent's machine that it sees as / [default: the machine's own]
    #[arg(long, value_name = "DIR", help_heading = "What it sees")]
    rootfs: Option<String>,

    /// Folder it starts in [default: /]
    #[arg(long, value_name = "DIR", help_heading = "What it sees")]
    workdir: Option<String>,

    /// Print the pod's id and return at once
    #[arg(long, short, conflicts_with = "wait", help_heading = "How it is watched")]
    detach: bool,

    /// Wait for its end without showing its output
    #[arg(long, help_heading = "How it is watched")]
    wait: bool,

    /// From the request to end it to the force
    #[arg(long, value_name = "TIME", value_parser = quantity::short_duration_ms, default_value = "10s",
        help_heading = "How it is watched")]
    kill_grace: u32,

    /// Program and arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    command: Vec<String>,
}

/// [`Locality`] as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    /// Anywhere on one agent.
    Any,
    /// In one package.
    Package,
    /// In one NUMA node.
    NumaNode,
    /// Under one L3 cache.
    L3,
    /// On one core.
    Core,
}

impl From<Level> for Locality {
    fn from(level: Level) -> Self {
        match level {
            Level::Any => Self::Any,
            Level::Package => Self::Package,
            Level::NumaNode => Self::NumaNode,
            Level::L3 => Self::L3Domain,
            Level::Core => Self::Core,
        }
    }
}

/// The answer of a detached run.
#[derive(Serialize)]
struct Detached {
    pod: String,
    name: String,
}

/// Carries the command out.
pub(crate) fn run(global: &Global, flags: &Flags) -> Result<u8, Failure> {
    if flags.detach {
        return detached(global, flags);
    }
    attached::run(global, flags).map_err(|failure| failure.with_code(RUN_FAILED))
}

fn detached(global: &Global, flags: &Flags) -> Result<u8, Failure> {
    let mut operator = connect::operator(global)?;
    let pod = operator.new_pod_id();
    let spec = flags.spec(pod);
    let placed = Detached { pod: spec.pod.to_string(), name: spec.name.clone() };
    operator.place(vec![spec])?;
    // Answered after the place: it tells that the master has taken it, or why not.
    operator.listing(Some(pod))?;
    global.output().show(&placed, |placed| format!("{}\n", placed.pod))?;
    Ok(0)
}

impl Flags {
    fn spec(&self, pod: PodId) -> PodSpec {
        let member = MemberSpec {
            name: "main".to_owned(),
            kind: MemberKind::App,
            command: self.command(),
            root: self.rootfs.clone().map_or(Root::Agent, Root::Folder),
            resources: MemberResources { cpus: self.cpus(), mem_bytes: self.memory.unwrap_or(0) },
            ..MemberSpec::default()
        };
        let mut spec = PodSpec {
            pod,
            name: self.name.clone().unwrap_or_else(|| default_name(&self.command, pod)),
            role: self.role.clone(),
            members: vec![member],
            wish: PlacementWish {
                locality: self.locality.into(),
                locality_required: self.required,
                memory_local_required: self.memory_local,
                constraints: Vec::new(),
            },
            kill_grace_ms: self.kill_grace,
            ..PodSpec::default()
        };
        spec.mark_features();
        spec
    }

    fn cpus(&self) -> Cpus {
        const ONE_PU_MILLI: u32 = 1_000;
        match self.cpus {
            Some(pus) => Cpus::Exclusive { pus },
            None => Cpus::Shared { cpu_milli: self.shared_cpus.unwrap_or(ONE_PU_MILLI) },
        }
    }

    fn command(&self) -> Command {
        let mut env: Vec<Label> =
            self.env.iter().map(|(key, value)| Label { key: key.clone(), value: value.clone() }).collect();
        if !env.iter().any(|variable| variable.key == "PATH") {
            env.push(Label { key: "PATH".to_owned(), value: DEFAULT_PATH.to_owned() });
        }
        Command {
            argv: self.command.clone(),
            env,
            working_dir: self.workdir.clone().unwrap_or_default(),
            user: String::new(),
        }
    }
}

fn default_name(argv: &[String], pod: PodId) -> String {
    let program = argv.first().and_then(|program| Path::new(program).file_name()).and_then(|name| name.to_str());
    format!("{}-{}", program.unwrap_or("pod"), pod.0.short())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use meros_sdk::message::Uuid;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        flags: Flags,
    }

    fn spec(argv: &[&str]) -> PodSpec {
        let argv = std::iter::once("run").chain(argv.iter().copied());
        Cli::try_parse_from(argv).unwrap_or_else(|error| panic!("{error}")).flags.spec(PodId(Uuid([0xab; 16])))
    }

    #[test]
    fn exclusive_or_shared_and_one_shared_pu_when_nothing_is_said() {
        let cpus = |argv: &[&str]| spec(argv).members[0].resources.cpus;
        assert_eq!(cpus(&["--cpus", "2", "true"]), Cpus::Exclusive { pus: 2 });
        assert_eq!(cpus(&["--shared-cpus", "0.5", "true"]), Cpus::Shared { cpu_milli: 500 });
        assert_eq!(cpus(&["true"]), Cpus::Shared { cpu_milli: 1_000 });
        assert!(Cli::try_parse_from(["run", "--cpus", "1", "--shared-cpus", "1", "true"]).is_err());
    }

    #[test]
    fn the_command_keeps_its_own_flags_and_is_named_after_its_program() {
        let spec = spec(&["--env", "A=b=c", "--", "/bin/ls", "-l", "--cpus"]);
        let command = &spec.members[0].command;
        assert_eq!(command.argv, ["/bin/ls", "-l", "--cpus"]);
        assert_eq!((command.env[0].key.as_str(), command.env[0].value.as_str()), ("A", "b=c"));
        assert_eq!((command.env[1].key.as_str(), command.env[1].value.as_str()), ("PATH", DEFAULT_PATH));
        assert_eq!(spec.name, "ls-abababab");
    }

    #[test]
    fn a_wrong_quantity_names_its_flag() {
        for (argv, flag) in [
            (["run", "--memory", "512", "true"], "--memory"),
            (["run", "--cpus", "0.5", "true"], "--cpus"),
            (["run", "--kill-grace", "10", "true"], "--kill-grace"),
            (["run", "--env", "A", "true"], "--env"),
        ] {
            let error = Cli::try_parse_from(argv).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(flag), "{error}");
        }
    }
}

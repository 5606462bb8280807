//! What cannot start says why in one line that says what to do, and ends with the documented code.

#[cfg(test)]
mod starting {
    use std::fs;
    use std::net::TcpListener;
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::process::CommandExt;
    use std::path::Path;
    use std::process::Command;

    use meros_tests::e2e::deadline::PATIENCE;
    use meros_tests::e2e::machine::{is_root, skipped, usable};
    use meros_tests::e2e::{Cluster, Outcome, Process, binaries};

    /// The user `nobody` of every distribution.
    const NOBODY: u32 = 65_534;

    /// It ended with `code` and one line on stderr that contains all of `words`, and printed nothing else.
    #[track_caller]
    fn says(outcome: &Outcome, code: i32, words: &[&str]) {
        let errors = outcome.errors();
        assert!(outcome.code() == code && outcome.stdout.is_empty(), "code {code} was expected: {outcome}");
        assert!(errors.starts_with("meros: ") && errors.lines().count() == 1, "one line was expected: {outcome}");
        for word in words {
            assert!(errors.contains(word), "`{word}` was expected: {outcome}");
        }
    }

    fn run(command: &mut Command) -> Outcome {
        Process::start("meros", command.env("MEROS_LOG", "error")).finish(PATIENCE)
    }

    #[test]
    fn a_port_in_use_is_named() {
        let cluster = Cluster::empty();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let outcome = run(&mut cluster.command(&["master", "--listen-tcp", &address]));
        says(&outcome, 1, &[&address, "in use", "port 0"]);
    }

    #[test]
    fn a_cluster_whose_master_cannot_start_does_not_start() {
        let cluster = Cluster::empty();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let outcome =
            run(&mut cluster.command(&["up", "--listen-tcp", &address, "--cgroup-root", cluster.home().cgroup_root()]));
        assert_eq!(outcome.code(), 1, "{outcome}");
        assert!(outcome.stdout.is_empty() && outcome.errors().contains("in use"), "{outcome}");
    }

    #[test]
    fn a_state_folder_that_cannot_be_written_is_named() {
        let cluster = Cluster::empty();
        // Nobody may make folders in /proc, root neither.
        let outcome = run(&mut cluster.command(&["--state-dir", "/proc/meros", "master"]));
        says(&outcome, 1, &["/proc/meros", "--state-dir"]);
    }

    #[test]
    fn a_second_master_on_a_state_folder_is_refused() {
        let mut cluster = Cluster::empty();
        cluster.start_master(&[]);
        says(&run(&mut cluster.command(&["master"])), 1, &["another master", "--state-dir"]);
        assert!(cluster.listing().agents.is_empty(), "the first one goes on");
    }

    #[test]
    fn a_second_agent_on_a_state_folder_is_refused() {
        let Some(mut cluster) = Cluster::apart() else { return };
        cluster.start_master(&[]);
        cluster.start_agent(&[]);
        says(&run(&mut cluster.agent_command(&[])), 1, &["agent", "--state-dir"]);
        assert!(cluster.listing().agents.iter().all(|agent| agent.connected), "the first one goes on");
    }

    #[test]
    fn an_agent_that_may_not_make_cgroups_says_so() {
        if !usable() {
            return;
        }
        let mut cluster = Cluster::empty();
        cluster.start_master(&[]);
        let theirs = cluster.home().path("nobodys");
        let program = nobodys_copies(&cluster, &theirs);
        let mut command = Command::new(program);
        command.args(["--state-dir"]).arg(theirs.join("agent")).args(["agent", "--master"]);
        command
            .arg(format!("unix:{}", cluster.socket().display()))
            .arg("--credentials")
            .arg(theirs.join("credentials"));
        command.args(["--cgroup-root", cluster.home().cgroup_root()]).uid(NOBODY).gid(NOBODY);
        says(&run(&mut command), 1, &["no permission to make cgroup", "as root", "--cgroup-root"]);
    }

    /// Programs and credentials that another user can use. Returns the program.
    fn nobodys_copies(cluster: &Cluster, folder: &Path) -> std::path::PathBuf {
        fs::create_dir_all(folder.join("credentials")).unwrap();
        let program = folder.join("meros");
        fs::copy(binaries::meros(), &program).unwrap();
        fs::copy(binaries::supervisor(), folder.join("meros-supervisor")).unwrap();
        for file in ["certificate.pem", "key.pem", "authority.pem"] {
            let copy = folder.join("credentials").join(file);
            fs::copy(cluster.credentials("agent").join(file), &copy).unwrap();
            chown(&copy, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        for path in [folder, &folder.join("credentials")] {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        fs::set_permissions(cluster.home().folder(), fs::Permissions::from_mode(0o755)).unwrap();
        program
    }

    #[test]
    fn an_operator_without_the_right_to_credentials_is_told() {
        if !is_root() {
            return skipped("not root");
        }
        let mut cluster = Cluster::empty();
        cluster.start_master(&[]);
        let theirs = cluster.home().path("nobodys");
        let program = nobodys_copies(&cluster, &theirs);
        let mut command = Command::new(program);
        command.arg("--state-dir").arg(cluster.state_dir()).arg("ps").uid(NOBODY).gid(NOBODY);
        says(&run(&mut command), 1, &[&cluster.state_dir().display().to_string()]);
    }

    #[test]
    fn an_unknown_key_of_a_config_file_is_named_with_those_known() {
        let cluster = Cluster::empty();
        let file = cluster.home().path("meros.toml");
        fs::write(&file, "[master]\nlisten-tpc = '127.0.0.1:0'\n").unwrap();
        let file = file.display().to_string();
        let outcome = run(&mut cluster.command(&["--config", &file, "master"]));
        says(&outcome, 2, &[&file, "`master.listen-tpc`", "listen-tcp"]);
    }

    #[test]
    fn a_config_file_stands_in_for_flags() {
        let mut cluster = Cluster::empty();
        let (file, socket) = (cluster.home().path("meros.toml"), cluster.home().path("here.sock"));
        fs::write(&file, format!("[master]\nlisten-unix = '{}'\n", socket.display())).unwrap();
        let master = cluster.start_master(&["--config", &file.display().to_string()]);
        assert_eq!(master.unix, socket);
        assert!(cluster.listing().agents.is_empty(), "commands find it there");
    }

    #[test]
    fn a_topology_that_is_not_there_is_named() {
        let mut cluster = Cluster::empty();
        says(&run(&mut cluster.command(&["topology", "--xml", "/no/such.xml"])), 1, &["/no/such.xml"]);
        cluster.start_master(&[]);
        says(&run(&mut cluster.agent_command(&["--topology", "xml:/no/such.xml"])), 1, &["/no/such.xml"]);
        let outcome = run(&mut cluster.agent_command(&["--topology", "nonsense"]));
        assert!(outcome.code() == 2 && outcome.errors().contains("`nonsense` is no topology"), "{outcome}");
    }

    #[test]
    fn a_supervisor_that_is_not_there_is_named() {
        let mut cluster = Cluster::empty();
        cluster.start_master(&[]);
        let outcome = run(&mut cluster.agent_command(&["--supervisor", "/no/such/program"]));
        says(&outcome, 1, &["/no/such/program", "--supervisor"]);
    }

    #[test]
    fn without_a_master_commands_say_so() {
        let mut cluster = Cluster::empty();
        let folder = cluster.state_dir().display().to_string();
        says(&run(&mut cluster.command(&["ps"])), 1, &[&folder]);
        cluster.start_master(&[]);
        cluster.crash("master");
        says(&run(&mut cluster.command(&["ps"])), 1, &[]);
        says(&run(&mut cluster.command(&["run", "true"])), 125, &[]);
    }

    #[test]
    fn several_real_agents_on_one_machine_are_refused() {
        let cluster = Cluster::empty();
        says(&run(&mut cluster.command(&["up", "--agents", "2"])), 2, &["--topology"]);
    }
}

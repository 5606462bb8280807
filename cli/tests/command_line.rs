//! The binary as a shell sees it: answers, exit codes, and what is said on stderr. Nothing here needs a cluster.
#![expect(clippy::tests_outside_test_module, reason = "an integration test is a test module as a whole")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn meros(arguments: &[&str]) -> Output {
    let empty = tempfile::tempdir().expect("a temporary folder");
    meros_in(empty.path(), arguments)
}

fn meros_in(state_dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_meros"))
        .args(arguments)
        .env("MEROS_STATE_DIR", state_dir)
        .env_remove("MEROS_LOG")
        .stdin(Stdio::null())
        .output()
        .expect("the program runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn help_goes_to_stdout_and_is_no_failure() {
    let help = meros(&["help"]);
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(help.status.success() && text.contains("Exit codes:") && text.contains("Examples:"), "{text}");
    assert!(meros(&["help", "run"]).status.success());
    assert!(meros(&["--version"]).status.success());
}

#[test]
fn a_wrong_command_line_ends_with_2_and_names_the_flag() {
    for (arguments, named) in [
        (&["run", "--memory", "512", "true"][..], "--memory"),
        (&["run", "--cpus", "1", "--shared-cpus", "1", "true"], "--shared-cpus"),
        (&["run"], "CMD"),
        (&["agent", "--master", "nowhere", "--credentials", "/x"], "tcp:"),
        (&["agent", "--master", "unix:/x", "--credentials", "/x", "--pump", "hand"], "io-uring"),
        (&["up", "--agents", "2"], "--topology"),
        (&["up", "--topology", "flat"], "xml:FILE"),
        (&["--log", "a=b=c", "ps"], "--log"),
        (&["conquer"], "conquer"),
    ] {
        let output = meros(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(named), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn a_wrong_config_file_ends_with_2_and_names_the_key() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("meros.toml");
    std::fs::write(&file, "[run]\ncpu = 1\n").expect("written");
    let file = file.to_str().expect("a path in UTF-8");
    for arguments in [&["--config", file, "ps"][..], &["ps", "--config", file]] {
        let output = meros(arguments);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("`run.cpu`"), "{}", stderr(&output));
    }
    assert_eq!(meros(&["--config", "/nowhere.toml", "ps"]).status.code(), Some(2));
}

#[test]
fn without_a_master_commands_say_in_one_line_what_to_do() {
    for (arguments, code) in [
        (&["ps"][..], 1),
        (&["kill", "x"], 1),
        (&["logs", "x"], 1),
        (&["run", "--detach", "true"], 1),
        (&["run", "true"], 125),
    ] {
        let output = meros(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let said = stderr(&output);
        assert!(said.contains("meros up") && said.lines().count() == 1, "{arguments:?}: {said}");
    }
}

#[test]
fn a_daemon_that_cannot_start_says_why_in_one_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    for (arguments, named) in [
        (&["master", "--listen-tcp", &address][..], address.as_str()),
        (&["--state-dir", "/proc/no", "master"], "/proc/no"),
        (&["agent", "--master", "unix:/x", "--credentials", "/x", "--supervisor", "/no"], "/no"),
    ] {
        let output = meros(&[&["--log", "error"], arguments].concat());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains(named) && said.lines().count() == 1, "{arguments:?}: {said}");
    }
}

#[test]
fn a_master_ends_well_when_its_standard_input_does() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = meros_in(folder.path(), &["--output", "json", "--log", "error", "master", "--end-with-stdin"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
    assert_eq!(line["ready"], "master");
    assert!(!folder.path().join("master.json").exists(), "its announcement was left behind");
}

#[test]
fn a_topology_is_drawn_or_told_in_json() {
    let drawn = meros(&["topology", "--synthetic", "package:1 l3:2 core:2 pu:2"]);
    let text = String::from_utf8_lossy(&drawn.stdout).into_owned();
    assert!(drawn.status.success() && text.contains("4 cores") && text.contains("8 PUs"), "{text}");
    let told = meros(&["--output", "json", "topology", "--synthetic", "package:1 l3:2 core:2 pu:2"]);
    let json: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(json["pus"], "0-7");
    assert_eq!(meros(&["topology", "--synthetic", "nonsense"]).status.code(), Some(1));
    assert_eq!(meros(&["topology", "--xml", "/nowhere.xml"]).status.code(), Some(1));
}

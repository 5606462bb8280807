//! What a pod writes arrives byte by byte: while it runs, to its end, and after it.

#[cfg(test)]
mod output {
    use std::fs;
    use std::io::Read;
    use std::process::Stdio;

    use meros_tests::e2e::Cluster;
    use meros_tests::e2e::deadline::PATIENCE;

    /// Bytes of all values without a pattern a buffer could hide behind, the same each time.
    fn noise(count: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            state.to_be_bytes()[0]
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn an_attached_run_shows_both_outputs_apart_and_nothing_else() {
        let Some(cluster) = Cluster::real() else { return };
        let outcome = cluster.run(&["--", "sh", "-c", "printf out; printf err >&2; printf ' more'"]).expect(0);
        assert_eq!((outcome.text(), outcome.errors()), ("out more".to_owned(), "err".to_owned()));
    }

    #[test]
    fn a_mebibyte_of_any_bytes_arrives_exactly() {
        let Some(cluster) = Cluster::real() else { return };
        let (file, bytes) = (cluster.home().path("noise"), noise(1 << 20));
        fs::write(&file, &bytes).unwrap();
        let script = format!("cat {0}; cat {0} >&2", file.display());
        let outcome = cluster.run(&["--name", "it", "--", "sh", "-c", &script]);
        assert_eq!(outcome.code(), 0);
        assert!(outcome.stdout == bytes, "{} bytes came on stdout", outcome.stdout.len());
        assert!(outcome.stderr == bytes, "{} bytes came on stderr", outcome.stderr.len());
        let logs = cluster.meros(&["logs", "--stderr", "it"]);
        assert!(logs.stdout == bytes, "{} bytes were kept", logs.stdout.len());
    }

    #[test]
    fn logs_are_followed_to_the_end_and_kept_after_it() {
        let Some(cluster) = Cluster::real() else { return };
        let gate = cluster.home().path("gate");
        let script = format!("mkfifo {0}; echo one; read line <{0}; echo two; echo error >&2", gate.display());
        let pod = cluster.detach_running(&["--name", "it", "--", "sh", "-c", &script]);
        let mut follower = cluster.begin(&["logs", "-f", "it"]);
        follower.wait_stdout("the first line", |written| (written == b"one\n").then_some(()));
        let now = cluster.meros(&["logs", "it"]).expect(0);
        assert_eq!(now.text(), "one\n", "without -f it ends at the present end");
        fs::write(&gate, "go on\n").unwrap();
        assert_eq!(follower.finish(PATIENCE).expect(0).text(), "one\ntwo\n");
        cluster.wait_state(&pod.pod, "finished");
        let logs = |arguments: &[&str]| cluster.meros(&[&["logs"], arguments].concat()).expect(0).text();
        assert_eq!(logs(&["it"]), "one\ntwo\n");
        assert_eq!(logs(&["-f", "it/main"]), "one\ntwo\n");
        assert_eq!(logs(&["--offset", "4", "it"]), "two\n");
        assert_eq!(logs(&["--stderr", &pod.pod]), "error\n");
    }

    #[test]
    fn a_reader_that_stalls_keeps_nobody_waiting() {
        let Some(cluster) = Cluster::real() else { return };
        let (file, bytes) = (cluster.home().path("noise"), noise(8 << 20));
        fs::write(&file, &bytes).unwrap();
        let _ = cluster.run(&["--wait", "--name", "it", "--", "cat", &file.display().to_string()]).expect(0);
        // Nobody reads its standard output: it takes what fits into the pipe and no more.
        let mut stalled = cluster.command(&["logs", "it"]).stdout(Stdio::piped()).spawn().unwrap();
        for _ in 0..3 {
            assert!(cluster.meros(&["logs", "it"]).stdout == bytes, "others read all of it");
        }
        let mut late = Vec::new();
        stalled.stdout.take().unwrap().read_to_end(&mut late).unwrap();
        assert!(stalled.wait().unwrap().success() && late == bytes, "and so does who stalled: {} bytes", late.len());
    }

    #[test]
    fn logs_of_nobody_are_refused_in_one_line() {
        let Some(cluster) = Cluster::real() else { return };
        let outcome = cluster.meros(&["logs", "nobody"]).expect(1);
        assert!(outcome.errors().starts_with("meros: no pod `nobody`"), "{outcome}");
        let pod = cluster.detach_running(&["--", "sleep", "1000"]);
        let outcome = cluster.meros(&["logs", &format!("{}/other", pod.pod)]).expect(1);
        assert_eq!(outcome.errors().lines().count(), 1, "{outcome}");
    }
}

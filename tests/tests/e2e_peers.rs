//! Whoever is at the master's port: what is wrong is refused, with a reason where the peer can read one, and others are served.

#[cfg(test)]
mod peers {
    use std::time::Duration;

    use meros_tests::e2e::Cluster;
    use meros_tests::e2e::cluster::MasterReady;
    use meros_tests::e2e::deadline::{Deadline, Stopwatch, unix_s};
    use meros_tests::e2e::peer::{End, Raw, Talker, Tls, anonymous, credentials, tls};
    use meros_wire::authority::Authority;
    use meros_wire::encode::Encoder;
    use meros_wire::frame::{Control, Hello, MAGIC};
    use meros_wire::message::{Envelope, Kill, MemberSpec, Message, Place, PodSpec, Refusal, RefusalCode, Register};
    use meros_wire::secure::ClientTls;
    use meros_wire::{CloseCode, CloseReason, Event, Limits, Link, Peer};

    /// A master alone, and what an operator needs to talk to it.
    struct Served {
        cluster: Cluster,
        master: MasterReady,
        operator: ClientTls,
    }

    impl Served {
        fn start() -> Self {
            let mut cluster = Cluster::empty();
            let master = cluster.start_master(&[]);
            let operator = tls(&credentials(&cluster.credentials("operator")));
            Self { cluster, master, operator }
        }

        /// The master still answers, at once.
        #[track_caller]
        fn goes_on(&self) {
            assert!(self.cluster.listing().agents.is_empty());
        }

        fn tls(&self) -> Tls {
            Tls::connect(&self.master.tcp, &self.operator)
        }

        /// What a peer is told that sends these bytes inside TLS.
        fn answer_to(&self, bytes: &[u8]) -> String {
            let mut peer = self.tls();
            peer.send(bytes);
            peer.end(Deadline::usual()).expect("it closes").unwrap_or_default()
        }

        fn operator(&self) -> Talker {
            let mut talker = Talker::connect(&self.master.tcp, &self.operator, Peer::Operator);
            talker.wait(|event| matches!(event, Event::Opened { .. }).then_some(())).expect("it is let in");
            talker
        }
    }

    fn hello(min_version: u16, max_version: u16) -> Vec<u8> {
        let hello = Hello {
            min_version,
            max_version,
            role: 4,
            max_frame_bytes: 1 << 20,
            max_streams: 1,
            stream_window_bytes: 1 << 16,
            heartbeat_ms: 5_000,
            ..Hello::default()
        };
        Encoder::default().control(&Envelope::default(), &Control::Hello(hello)).to_vec()
    }

    fn sends(talker: &mut Talker, message: &Message) -> Result<Refusal, CloseReason> {
        talker.channel().send(&Envelope::default(), message).expect("it is open");
        talker.wait(|event| match event {
            Event::Message { message: Message::Refusal(refusal), .. } => Some(refusal),
            _ => None,
        })
    }

    fn refused_as(reason: &CloseReason) -> Option<CloseCode> {
        match reason {
            CloseReason::Peer { code, .. } => Some(*code),
            _ => None,
        }
    }

    #[test]
    fn garbage_on_the_port_is_refused() {
        let served = Served::start();
        for garbage in [&b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n"[..], &[0; 4_096], &[0xff; 4_096]] {
            let mut peer = Raw::connect(&served.master.tcp);
            peer.send(garbage);
            assert_eq!(peer.end(Deadline::usual()), End::Closed);
        }
        served.goes_on();
    }

    #[test]
    fn garbage_inside_tls_is_refused_and_named() {
        let served = Served::start();
        let told = served.answer_to(b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n");
        assert!(told.contains("not a Meros frame"), "{told}");
        served.goes_on();
    }

    #[test]
    fn a_malformed_frame_is_refused_and_named() {
        let served = Served::start();
        let mut frame = hello(1, 1);
        let from = frame.len() / 2;
        frame[from..].fill(0xff);
        let told = served.answer_to(&frame);
        assert!(told.contains("malformed"), "{told}");
        served.goes_on();
    }

    #[test]
    fn a_truncated_frame_is_refused() {
        let served = Served::start();
        let mut peer = served.tls();
        let frame = hello(1, 1);
        peer.send(&frame[..frame.len() - 1]);
        peer.shut();
        assert!(peer.end(Deadline::usual()).is_ok());
        served.goes_on();
    }

    #[test]
    fn an_oversize_frame_is_refused_before_it_is_read() {
        let served = Served::start();
        let mut prefix = (1_u32 << 30).to_le_bytes().to_vec();
        prefix.extend([8, 0, 0, 0]);
        prefix.extend(MAGIC);
        let told = served.answer_to(&prefix);
        assert!(told.contains("1073741824 bytes") && told.contains("limit"), "{told}");
        served.goes_on();
    }

    #[test]
    fn a_peer_of_an_unknown_version_is_refused_and_told_both() {
        let served = Served::start();
        let told = served.answer_to(&hello(900, 901));
        assert!(told.contains("version") && told.contains("900 to 901"), "{told}");
        served.goes_on();
    }

    #[test]
    fn a_peer_without_a_certificate_is_not_let_in() {
        let served = Served::start();
        let credentials = credentials(&served.cluster.credentials("operator"));
        let told = anonymous(&served.master.tcp, &served.master.cluster, &credentials.authority_pem, &hello(1, 1));
        assert!(told.contains("CertificateRequired"), "{told}");
        served.goes_on();
    }

    #[test]
    fn a_certificate_of_another_authority_is_not_let_in() {
        let served = Served::start();
        let own = credentials(&served.cluster.credentials("operator"));
        let cluster = served.master.cluster.parse().unwrap();
        let foreign = Authority::generate(cluster, unix_s()).unwrap();
        let mut foreign = foreign.issue(Peer::Operator, "operator", unix_s()).unwrap();
        foreign.authority_pem = own.authority_pem;
        let mut peer = Tls::connect(&served.master.tcp, &tls(&foreign));
        peer.send(&hello(1, 1));
        assert_eq!(peer.end(Deadline::usual()), Ok(None), "it is closed before anything is said");
        served.goes_on();
    }

    #[test]
    fn nobody_is_what_his_certificate_does_not_say() {
        let served = Served::start();
        for claimed in [Peer::Agent, Peer::Framework, Peer::Master] {
            let mut talker = Talker::connect(&served.master.tcp, &served.operator, claimed);
            let reason = talker.wait(|_| None::<()>).unwrap_err();
            assert_eq!(refused_as(&reason), Some(CloseCode::NotAllowed), "{claimed}: {reason}");
        }
        served.goes_on();
    }

    #[test]
    fn an_operator_cannot_speak_as_an_agent() {
        let served = Served::start();
        let mut talker = served.operator();
        let refusal = sends(&mut talker, &Message::Register(Register::default())).unwrap();
        assert_eq!(refusal.code, RefusalCode::OutOfTurn, "{refusal:?}");
        served.goes_on();
    }

    #[test]
    fn what_this_build_does_not_act_on_is_refused_by_name() {
        let served = Served::start();
        let mut talker = served.operator();
        let member = |name: &str| {
            let mut member = MemberSpec { name: name.to_owned(), ..MemberSpec::default() };
            member.command.argv = vec!["true".to_owned()];
            member
        };
        let pod = PodSpec { name: "it".to_owned(), role: "default".to_owned(), ..PodSpec::default() };
        let two = PodSpec { members: vec![member("a"), member("b")], ..pod.clone() };
        let refusal = sends(&mut talker, &Message::Place(Place { pods: vec![two] })).unwrap();
        assert!(refusal.field.starts_with("pods[0]."), "{refusal:?}");
        let newer = PodSpec { members: vec![member("a")], must_understand: 1 << 63, ..pod };
        let refusal = sends(&mut talker, &Message::Place(Place { pods: vec![newer] })).unwrap();
        assert!(refusal.field.contains("must_understand"), "{refusal:?}");
        let refusal = sends(&mut talker, &Message::Kill(Kill::default())).unwrap();
        assert_eq!(refusal.field, "pod", "{refusal:?}");
        served.goes_on();
    }

    /// The master closes when its timeout is over: not before, and not much later.
    fn is_dropped_in_time(end: impl FnOnce(Deadline) -> End, timeout_ms: u64) {
        let watch = Stopwatch::start();
        let much_later = Deadline::after(Duration::from_millis(timeout_ms) + Duration::from_secs(5));
        assert_eq!(end(much_later), End::Closed);
        assert!(watch.elapsed_ms() + 1_000 >= timeout_ms, "dropped after {:?}, before its time", watch.elapsed());
    }

    #[test]
    fn a_peer_that_stalls_in_its_handshake_is_dropped() {
        let served = Served::start();
        let mut silent = Raw::connect(&served.master.tcp);
        let mut stalling = Raw::connect(&served.master.tcp);
        // The beginning of a TLS record that never goes on.
        stalling.send(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]);
        is_dropped_in_time(|deadline| stalling.end(deadline), Limits::default().handshake_timeout_ms);
        assert_eq!(silent.end(Deadline::usual()), End::Closed);
        served.goes_on();
    }

    #[test]
    fn a_peer_that_stalls_inside_a_frame_is_dropped() {
        let served = Served::start();
        let mut peer = served.tls();
        let frame = hello(1, 1);
        peer.send(&frame);
        peer.send(&frame[..frame.len() / 2]);
        is_dropped_in_time(
            |deadline| peer.end(deadline).err().unwrap_or(End::Closed),
            Limits::default().frame_timeout_ms,
        );
        served.goes_on();
    }

    #[test]
    fn idle_connections_keep_nobody_waiting() {
        let served = Served::start();
        let idle: Vec<Raw> = (0..200).map(|_| Raw::connect(&served.master.tcp)).collect();
        let watch = Stopwatch::start();
        served.goes_on();
        assert!(watch.elapsed() < Duration::from_secs(5), "the answer took {:?}", watch.elapsed());
        assert_eq!(idle.len(), 200);
    }

    #[test]
    fn a_masters_key_is_for_its_user_alone() {
        use std::os::unix::fs::PermissionsExt;
        let served = Served::start();
        for key in ["authority/authority.key", "credentials/operator/key.pem", "credentials/agent/key.pem"] {
            let mode = std::fs::metadata(served.cluster.state_dir().join(key)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{key} has mode {mode:o}");
        }
    }
}

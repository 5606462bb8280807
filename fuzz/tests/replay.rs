//! Every input that a fuzzer found once, and every golden frame, again.

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Runs the target on each file of a folder beside this crate's manifest. Returns how many there were.
    fn replay(folder: &str, target: fn(&[u8])) -> usize {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut replayed = 0;
        for entry in entries {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            target(&fs::read(path).unwrap());
            replayed += 1;
        }
        replayed
    }

    #[test]
    fn decode() {
        assert!(replay("corpus/decode", meros_fuzz::decode) > 0);
        assert!(replay("../wire/golden/v1", meros_fuzz::decode) > 0);
    }

    #[test]
    fn claims() {
        assert!(replay("corpus/claims", meros_fuzz::claims) > 0);
    }

    #[test]
    fn channel() {
        assert!(replay("corpus/channel", meros_fuzz::channel) > 0);
    }
}

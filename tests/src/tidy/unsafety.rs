//! Unsafe code: only in the few files made for it, each use with a SAFETY that names the invariant and who upholds it.
//!
//! Blocks, `unsafe impl` and unsafe attributes want a `// SAFETY:` comment above them; an `unsafe fn` or trait that others call
//! wants a `# Safety` section in its doc instead. "Safe because …" is a claim, not an invariant, and does not count.

use super::{File, Repo, RustText, Violation, rust};

/// Where unsafe code may stand, and for what: the beginnings of the paths.
const ALLOWED: [(&str, &str); 13] = [
    ("alloc-core/src/sync.rs", "the door to atomics"),
    ("alloc-core/src/table.rs", "the table of words"),
    ("alloc-core/src/table/", "the table of words"),
    ("alloc-core/capi/src/", "the C ABI"),
    ("numa/src/sys.rs", "the calls into hwloc"),
    ("agent/src/ring/", "the rings shared with the kernel"),
    ("agent/src/ring.rs", "the rings shared with the kernel"),
    ("agent/src/start/sys.rs", "the start of a process"),
    ("agent/src/supervisor/sys.rs", "the start of a process"),
    ("agent/src/bin/meros-supervisor/sys.rs", "the start of a process"),
    ("benches/src/bare.rs", "the counting allocator, the bare clone3"),
    ("tests/src/bare.rs", "the counting allocator, the bare clone3"),
    ("frameworks/libmesos/src/jni.rs", "the JNI edge"),
];

/// How far above a SAFETY may begin, in lines.
const NEAR_LINES: usize = 8;

/// Fewest words of a SAFETY that can name an invariant and its keeper.
const MIN_WORDS: usize = 5;

pub(super) fn check(repo: &Repo) -> Vec<Violation> {
    repo.rust_files().flat_map(|(file, rust)| check_file(file, rust)).collect()
}

fn check_file(file: &File, rust: &RustText) -> Vec<Violation> {
    let allowed = ALLOWED.iter().any(|(path, _)| file.path.starts_with(path));
    let mut found = Vec::new();
    let mut tell = |line: usize, what: &str, instead: &str| {
        let (file, what, instead) = (file.path.clone(), what.to_owned(), instead.to_owned());
        found.push(Violation { file, line, rule: "unsafety", what, instead });
    };
    for (index, pair) in rust.tokens.windows(2).enumerate() {
        if pair[0].text != "unsafe" || is_type(&rust.tokens[index + 1..]) {
            continue;
        }
        let line = pair[0].line;
        if !allowed {
            tell(line, "unsafe code in a file not made for it", "move it to one of the files that unsafety.rs lists");
        }
        match (declares(&pair[1]), safety(rust, line)) {
            (true, _) if !has_safety_section(rust, line) => {
                tell(line, "an unsafe item without `# Safety` in its doc", "say there what its caller must uphold");
            }
            (true, _) | (false, Safety::Told) => {}
            (false, Safety::Missing) => {
                tell(line, "unsafe without SAFETY", "say above it which invariant holds and who upholds it");
            }
            (false, Safety::Empty) => tell(line, "a SAFETY that says nothing", "name the invariant and who upholds it"),
        }
    }
    found
}

/// True for `unsafe fn`, `unsafe extern "C" fn` and `unsafe trait`: items whose caller carries the duty.
fn declares(next: &rust::Token) -> bool {
    matches!(next.text.as_str(), "fn" | "trait" | "extern")
}

/// True for the type of a function pointer, `unsafe extern "C" fn(…)`: nothing is done there.
fn is_type(after: &[rust::Token]) -> bool {
    let mut words = after.iter().skip_while(|token| matches!(token.text.as_str(), "extern" | "\""));
    words.next().is_some_and(|token| token.text == "fn") && words.next().is_some_and(|token| token.text == "(")
}

enum Safety {
    Told,
    Empty,
    Missing,
}

fn safety(rust: &RustText, line: usize) -> Safety {
    let comments = rust.comments_near(line, NEAR_LINES);
    let Some((_, told)) = comments.rsplit_once("SAFETY:") else {
        return Safety::Missing;
    };
    let words = told.split_whitespace().filter(|word| *word != "//").count();
    if words < MIN_WORDS || told.trim_start().to_lowercase().starts_with("safe because") {
        Safety::Empty
    } else {
        Safety::Told
    }
}

/// Looks for `# Safety` in the doc and attributes directly above.
fn has_safety_section(rust: &RustText, line: usize) -> bool {
    let above = rust.lines[..line.saturating_sub(1)].iter().rev();
    above
        .take_while(|line| !line.comment.trim().is_empty() || line.code.trim_start().starts_with('#'))
        .any(|line| line.comment.contains("# Safety") || line.comment.contains("SAFETY:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whats(path: &str, text: &str) -> Vec<String> {
        check(&Repo::sample(&[(path, text)])).into_iter().map(|v| v.what).collect()
    }

    #[test]
    fn unsafe_elsewhere_is_found() {
        let text = "fn f() {\n    // SAFETY: the slot is ours until `done`; `take` saw to it.\n    unsafe { g() }\n}\n";
        assert!(whats("numa/src/sys.rs", text).is_empty());
        assert_eq!(whats("master/src/a.rs", text), ["unsafe code in a file not made for it"]);
    }

    #[test]
    fn missing_and_empty_reasons_are_found() {
        let missing = "// an unsafe word here\nfn f() { unsafe { g() } }\nunsafe impl Send for T {}\n";
        assert_eq!(whats("numa/src/sys.rs", missing), ["unsafe without SAFETY", "unsafe without SAFETY"]);
        let empty = "// SAFETY: it is fine\nfn f() { unsafe { g() } }\n";
        assert_eq!(whats("numa/src/sys.rs", empty), ["a SAFETY that says nothing"]);
        let claim = "// SAFETY: Safe because all the values are valid here.\nfn f() { unsafe { g() } }\n";
        assert_eq!(whats("numa/src/sys.rs", claim), ["a SAFETY that says nothing"]);
    }

    #[test]
    fn unsafe_items_tell_their_callers() {
        assert_eq!(
            whats("numa/src/sys.rs", "/// Frees it.\npub unsafe fn f() {}\n"),
            ["an unsafe item without `# Safety` in its doc"]
        );
        let good = "/// Frees it.\n///\n/// # Safety\n/// `p` comes from `make`.\n#[inline]\npub unsafe fn f() {}\n";
        assert!(whats("numa/src/sys.rs", good).is_empty());
    }

    #[test]
    fn the_word_in_names_comments_and_strings_is_not_code() {
        assert!(whats("a.rs", "#![deny(unsafe_op_in_unsafe_fn)]\n// unsafe\nconst A: &str = \"unsafe\";\n").is_empty());
        assert!(whats("a.rs", "type Hook = unsafe extern \"C\" fn(u8) -> u8;\n").is_empty());
    }
}

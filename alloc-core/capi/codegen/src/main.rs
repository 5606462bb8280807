//! Writes `alloc-core/capi/include/meros_alloc.h` from the sources of the C ABI, or checks that it is what would be written.
//!
//! - no argument: write it.
//! - `--check`: change nothing; exit 1 and show the first difference when it is not up to date.
//!
//! cbindgen reads copies of the sources in which `In<T>` and `Out<T>` are the pointers that C sees. It is a tool of the build under
//! the MPL-2.0: nothing that we ship is linked with it, and this crate is not among the workspace's default members.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use cbindgen::{Config, EnumConfig, ItemType, Language, RenameRule, SortKey, Style};

/// The header, from the root of the repository.
const HEADER: &str = "alloc-core/capi/include/meros_alloc.h";

/// What stands above cbindgen's own text.
const TOP: &str = "\
/* Generated from alloc-core/capi/src by `cargo run -p meros-alloc-capi-codegen`. Do not edit: change the sources and run it again. */

/*
 * meros_alloc: NUMA-aware allocation core. No I/O, no threads, no clock of its own.
 *
 * Status. Every function that can fail returns a meros_status; MEROS_OK is 0. `message`, which may be NULL, is a buffer of the
 * caller's for a sentence; nothing is kept between calls. A function that answers MEROS_INVALID_ARGUMENT has changed nothing.
 *
 * Pointers. Null, misaligned and too long are answered with MEROS_INVALID_ARGUMENT. Beyond that the caller sees to it: a pointer leads
 * to as many elements as the length beside it says (1 where there is none); what a function reads is not written meanwhile, what
 * it writes is not used by others meanwhile; a handle came from this library and was not freed.
 *
 * Versions. Zero a struct, then set `size` to its sizeof where it has one: an older or newer library reads and writes what both
 * know. Fields called `reserved` must be 0.
 *
 * Numbers. Ids are plain integers. NUMA nodes and PUs are positions in a shape, never the operating system's numbers. Fields that
 * hold one of the enums below are uint32_t. 1 PU is 1000 cpu_milli; memory is counted in pages of 4096 bytes.
 *
 * Threads. \"Any thread\" means: any number at once. No function keeps a lock that a claim waits for.
 *
 * Lists. A function that fills arrays tells how many elements there are; ask with capacity 0 first, or with a guess.
 */";

#[derive(Debug, thiserror::Error)]
enum CodegenError {
    #[error("cannot {what} {}: {source}", path.display())]
    File { what: &'static str, path: PathBuf, source: io::Error },
    #[error("cbindgen refuses the sources: {0}")]
    Sources(#[from] cbindgen::Error),
    #[error("unknown argument {0:?}: give none, or --check")]
    Argument(String),
    #[error(
        "{HEADER} is not what the sources give. First difference, line {line}:\n- {committed}\n+ {fresh}\n\
         Run `cargo run -p meros-alloc-capi-codegen` and commit the result."
    )]
    Drift { line: usize, committed: String, fresh: String },
}

fn main() -> ExitCode {
    match run() {
        Ok(done) => {
            println!("{HEADER} {done}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<&'static str, CodegenError> {
    let capi = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let target = capi.join("include/meros_alloc.h");
    let fresh = generate(&capi.join("src"))?;
    match env::args().nth(1).as_deref() {
        None => {
            fs::write(&target, &fresh).map_err(failed("write", &target))?;
            Ok("is written")
        }
        Some("--check") => {
            compare(&read(&target)?, &fresh)?;
            Ok("is up to date")
        }
        Some(other) => Err(CodegenError::Argument(other.to_owned())),
    }
}

/// The generated text.
fn generate(sources: &Path) -> Result<String, CodegenError> {
    let scratch = tempfile::tempdir().map_err(failed("make a folder in", &env::temp_dir()))?;
    let mut builder = cbindgen::Builder::new();
    let mut types = Vec::new();
    for path in files(sources)? {
        let source = with_pointers(&read(&path)?);
        types.extend(types_in(&source));
        let copy = scratch.path().join(path.file_name().unwrap_or_default());
        fs::write(&copy, source).map_err(failed("write", &copy))?;
        builder = builder.with_src(copy);
    }
    let mut header = Vec::new();
    builder.with_config(config(&types)).generate()?.write(&mut header);
    let header = String::from_utf8_lossy(&header).into_owned();
    // The statuses are what callers compare with all the time: MEROS_OK, not MEROS_STATUS_OK.
    Ok(header.replace("MEROS_STATUS_", "MEROS_"))
}

/// The sources, sorted; `pointer.rs` has nothing for C, and by `lib.rs` cbindgen would read all of them once more.
fn files(folder: &Path) -> Result<Vec<PathBuf>, CodegenError> {
    let entries = fs::read_dir(folder).map_err(failed("list", folder))?;
    let paths: Result<Vec<PathBuf>, io::Error> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(failed("list", folder))?;
    let without = |path: &PathBuf| path.ends_with("pointer.rs") || path.ends_with("lib.rs");
    paths.retain(|path| path.extension().is_some_and(|end| end == "rs") && !without(path));
    paths.sort();
    Ok(paths)
}

/// The source with `In<T>` as `*const T` and `Out<T>` as `*mut T`.
fn with_pointers(source: &str) -> String {
    let mut text = source.to_owned();
    for (name, pointer) in [("In<", "*const "), ("Out<", "*mut ")] {
        while let Some(at) = position(&text, name) {
            let inside = at + name.len();
            let Some(end) = closing(&text[inside..]) else { break };
            text.replace_range(inside + end..=inside + end, "");
            text.replace_range(at..inside, pointer);
        }
    }
    text
}

/// Where a name stands that is not the end of a longer one.
fn position(text: &str, name: &str) -> Option<usize> {
    let longer = |at: usize| text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
    text.match_indices(name).map(|(at, _)| at).find(|at| !longer(*at))
}

/// Where the `>` is that belongs to the `<` just before.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1_u32;
    text.char_indices().find_map(|(at, next)| {
        match next {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

/// The names of the public types.
fn types_in(source: &str) -> Vec<String> {
    let declared = source.lines().filter_map(|line| {
        let rest = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "))?;
        rest.split(|next: char| !next.is_alphanumeric()).next()
    });
    declared.map(str::to_owned).collect()
}

/// `meros_core_spec` for `CoreSpec`.
fn c_name(name: &str) -> String {
    let mut made = "meros".to_owned();
    for next in name.chars() {
        if next.is_uppercase() {
            made.push('_');
        }
        made.extend(next.to_lowercase());
    }
    made
}

fn config(types: &[String]) -> Config {
    let mut config = Config {
        language: Language::C,
        cpp_compat: true,
        style: Style::Both,
        header: Some(TOP.to_owned()),
        include_guard: Some("MEROS_ALLOC_H".to_owned()),
        no_includes: true,
        sys_includes: vec!["stddef.h".to_owned(), "stdint.h".to_owned()],
        usize_is_size_t: true,
        line_length: 120,
        tab_width: 4,
        sort_by: SortKey::None,
        enumeration: EnumConfig { rename_variants: RenameRule::QualifiedScreamingSnakeCase, ..EnumConfig::default() },
        ..Config::default()
    };
    config.export.item_types =
        vec![ItemType::Constants, ItemType::Enums, ItemType::Structs, ItemType::OpaqueItems, ItemType::Functions];
    // Enums whose values come as uint32_t are named by no function.
    config.export.include = types.to_vec();
    config.export.rename = types.iter().map(|name| (name.clone(), c_name(name))).collect();
    for name in ["ABI_VERSION", "NONE", "NO_CLAIM", "NO_LIMIT"] {
        config.export.rename.insert(name.to_owned(), format!("MEROS_{name}"));
    }
    config
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CodegenError {
    let path = path.to_owned();
    move |source| CodegenError::File { what, path, source }
}

fn read(path: &Path) -> Result<String, CodegenError> {
    fs::read_to_string(path).map_err(failed("read", path))
}

fn compare(committed: &str, fresh: &str) -> Result<(), CodegenError> {
    if committed == fresh {
        return Ok(());
    }
    let same = committed.lines().zip(fresh.lines()).take_while(|(old, new)| old == new).count();
    let line_of = |text: &str| text.lines().nth(same).unwrap_or("(end of file)").to_owned();
    Err(CodegenError::Drift { line: same + 1, committed: line_of(committed), fresh: line_of(fresh) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_what_c_sees() {
        assert_eq!(
            with_pointers("a: In<Table>, b: Out<Out<Local>>, c: Min<T>"),
            "a: *const Table, b: *mut *mut Local, c: Min<T>"
        );
    }

    #[test]
    fn every_function_is_declared_once() {
        let header = generate(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../src"))).unwrap();
        let declared = header.lines().filter(|line| line.starts_with("meros_status ") || line.starts_with("void "));
        let mut names: Vec<_> = declared.filter_map(|line| line.split_once('(')).map(|(name, _)| name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert!(all > 0 && all == names.len(), "{all} declarations of {} functions", names.len());
    }

    #[test]
    fn types_have_names_of_c() {
        assert_eq!(
            types_in("pub struct Local {\npub enum AgentState {\n    pub struct No;\n"),
            ["Local", "AgentState"]
        );
        assert_eq!(c_name("NumaNodeSpec"), "meros_numa_node_spec");
    }
}

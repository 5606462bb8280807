//! What a pod may ask for. Every refusal names the field and says what to do.

use std::collections::BTreeSet;

use meros_wire::message::{
    Cpus, Label, Locality, MemberKind, MemberSpec, PodSpec, Refusal, RefusalCode, Root, features,
};

/// Bytes in a name, a role, a label.
const NAME_BYTES_MAX: usize = 256;
/// Bytes in all arguments and the environment together: what `execve` takes on Linux, less what it needs itself.
const COMMAND_BYTES_MAX: usize = 1 << 20;
/// Labels and annotations each.
const LABELS_MAX: usize = 256;
/// An hour: longer than anybody waits for a pod to end.
const KILL_GRACE_MS_MAX: u32 = 3_600_000;

/// Checks a pod as far as it can be checked without looking at the cluster.
///
/// # Errors
/// The first thing that is wrong, with its field relative to the pod.
pub(crate) fn pod(spec: &PodSpec) -> Result<(), Refusal> {
    understood("must_understand", spec.must_understand)?;
    if spec.pod.0.is_nil() {
        return Err(invalid("pod", "has no id: make a random one".to_owned()));
    }
    text("name", &spec.name)?;
    role(&spec.role).map_err(|message| invalid("role", message))?;
    labels("labels", &spec.labels)?;
    labels("annotations", &spec.annotations)?;
    if spec.kill_grace_ms > KILL_GRACE_MS_MAX {
        return Err(invalid("kill_grace_ms", format!("is over {KILL_GRACE_MS_MAX}")));
    }
    if !spec.wish.constraints.is_empty() {
        return Err(not_supported("wish.constraints", "agent constraints are not acted on yet: leave them out"));
    }
    match spec.members.as_slice() {
        [only] => member("members[0]", only, spec.wish.locality),
        [] => Err(invalid("members", "has none: a pod needs something to run".to_owned())),
        _ => Err(not_supported("members", "more than one member is not acted on yet: ask for a pod each")),
    }
}

fn member(field: &str, spec: &MemberSpec, locality: Locality) -> Result<(), Refusal> {
    let at = |name: &str| format!("{field}.{name}");
    understood(&at("must_understand"), spec.must_understand)?;
    text(&at("name"), &spec.name)?;
    if spec.kind != MemberKind::App {
        return Err(not_supported(&at("kind"), "only app members are acted on yet"));
    }
    command(field, spec)?;
    if let Root::Folder(path) = &spec.root
        && (!path.starts_with('/') || path.contains('\0'))
    {
        return Err(invalid(&at("root"), format!("{path:?} is not an absolute path")));
    }
    cpus(&at("resources.cpus"), spec.resources.cpus, locality)
}

fn command(field: &str, spec: &MemberSpec) -> Result<(), Refusal> {
    let at = |name: &str| format!("{field}.command.{name}");
    let command = &spec.command;
    if command.argv.first().is_none_or(String::is_empty) {
        return Err(invalid(&at("argv"), "names no program".to_owned()));
    }
    let env_bytes = command.env.iter().map(|variable| variable.key.len() + variable.value.len() + 2);
    let bytes = command.argv.iter().map(|argument| argument.len() + 1).chain(env_bytes).sum::<usize>();
    if bytes > COMMAND_BYTES_MAX {
        return Err(invalid(&at("argv"), format!("with the environment is {bytes} bytes; {COMMAND_BYTES_MAX} fit")));
    }
    if command.argv.iter().any(|argument| argument.contains('\0')) {
        return Err(invalid(&at("argv"), "has a zero byte in it".to_owned()));
    }
    for (nth, variable) in command.env.iter().enumerate() {
        if variable.key.is_empty() || variable.key.contains(['=', '\0']) || variable.value.contains('\0') {
            return Err(invalid(
                &format!("{}[{nth}]", at("env")),
                format!("{:?} is no name of a variable", variable.key),
            ));
        }
    }
    if !command.working_dir.is_empty() && (!command.working_dir.starts_with('/') || command.working_dir.contains('\0'))
    {
        return Err(invalid(&at("working_dir"), format!("{:?} is not an absolute path", command.working_dir)));
    }
    if !command.user.is_empty() {
        return Err(not_supported(&at("user"), "users are not acted on yet: leave it empty"));
    }
    Ok(())
}

fn cpus(field: &str, cpus: Cpus, locality: Locality) -> Result<(), Refusal> {
    match cpus {
        Cpus::Exclusive { pus: 0 } => Err(invalid(field, "asks for no PU: ask for one, or for a share".to_owned())),
        Cpus::Shared { cpu_milli: 0 } => {
            Err(invalid(field, "asks for no share: ask for at least one thousandth of a cpu".to_owned()))
        }
        Cpus::Shared { .. } if matches!(locality, Locality::L3Domain | Locality::Core) => Err(invalid(
            "wish.locality",
            "a shared pool is as wide as its NUMA node: ask for numa-node, package or any".to_owned(),
        )),
        Cpus::Exclusive { .. } | Cpus::Shared { .. } => Ok(()),
    }
}

/// A role's name: `/`-separated words, as Mesos has them.
///
/// # Errors
/// What is wrong, for people.
pub(crate) fn role(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("is empty: name a role, such as `default`".to_owned());
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(format!("is longer than {NAME_BYTES_MAX} bytes"));
    }
    let is_word = |word: &str| {
        !matches!(word, "" | "." | ".." | "*")
            && !word.starts_with('-')
            && !word.contains(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '\\')
    };
    if name.split('/').all(is_word) {
        Ok(())
    } else {
        Err(format!("{name:?} is no role: words without blanks, joined by `/`"))
    }
}

fn text(field: &str, given: &str) -> Result<(), Refusal> {
    if given.len() > NAME_BYTES_MAX {
        return Err(invalid(field, format!("is longer than {NAME_BYTES_MAX} bytes")));
    }
    if given.contains(char::is_control) {
        return Err(invalid(field, "has a control character in it".to_owned()));
    }
    Ok(())
}

fn labels(field: &str, given: &[Label]) -> Result<(), Refusal> {
    if given.len() > LABELS_MAX {
        return Err(invalid(field, format!("has {} entries; {LABELS_MAX} are possible", given.len())));
    }
    let mut keys = BTreeSet::new();
    for (at, label) in given.iter().enumerate() {
        let field = format!("{field}[{at}]");
        text(&field, &label.key)?;
        if !keys.insert(&label.key) {
            return Err(invalid(&field, format!("repeats the key {:?}", label.key)));
        }
    }
    Ok(())
}

fn understood(field: &str, bits: u64) -> Result<(), Refusal> {
    features::first_unknown(bits).map_or(Ok(()), |bit| {
        let message = format!("this master does not know feature bit {bit}: it is older than whoever asks");
        Err(Refusal { code: RefusalCode::NotUnderstood, ..invalid(field, message) })
    })
}

fn not_supported(field: &str, message: &str) -> Refusal {
    Refusal { code: RefusalCode::NotSupported, ..invalid(field, message.to_owned()) }
}

fn invalid(field: &str, message: String) -> Refusal {
    Refusal { code: RefusalCode::Invalid, field: field.to_owned(), message, ..Refusal::default() }
}

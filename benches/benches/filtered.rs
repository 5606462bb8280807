//! What a cycle costs when there is much to offer and every framework filters every agent, and what the filters take.
//!
//! Frameworks are offered all agents and decline each for an hour, until nobody is offered anything. Bytes are what is resident more than
//! before the first decline with a filter; each size is in a process of its own, as in the bench `memory`.
//!
//! Times are a thread's own CPU time, medians of rounds. `ROW=n` narrows it.

use std::process::{Command, Stdio};
use std::{env, fs};

use meros_alloc_core::{FrameworkId, OfferId};
use meros_benches::clock::{pin, thread_cpu_ns};
use meros_benches::sharing::{Plan, Rounds, Sharing, decline_all, from_env, mesos};
use meros_benches::{Reach, print_reach, print_where, read_reach};

const SIZES: [(u32, u32); 5] = [(1_000, 50), (1_000, 200), (2_000, 50), (5_000, 50), (10_000, 1_000)];
const HOUR_MS: u64 = 3_600_000;
const ROUNDS: usize = 21;

/// Bytes of this process that are in memory, exactly.
fn resident() -> Result<u64, String> {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").map_err(|error| error.to_string())?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).ok_or("smaps_rollup has no Rss")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse().map_err(|_| "smaps_rollup's Rss is no number")?;
    Ok(kib * 1024)
}

/// All that is offered in a cycle, declined; how many offers there were.
fn decline_cycle(
    sharing: &mut Sharing,
    ids: &mut Vec<(FrameworkId, OfferId)>,
    refuse_ms: u64,
    now_ms: u64,
) -> Result<usize, String> {
    ids.clear();
    sharing.allocator.offer(now_ms, |view| ids.push((view.framework, view.id)));
    let unknown = decline_all(&mut sharing.allocator, ids, Some(refuse_ms), now_ms);
    if unknown == 0 { Ok(ids.len()) } else { Err(format!("{unknown} offers were not out")) }
}

struct Took {
    filters: usize,
    bytes: f64,
    /// Nanoseconds of a decline with a filter.
    decline: f64,
    cold: f64,
    cycle: f64,
}

fn measure(agents: u32, frameworks: u32) -> Result<Took, String> {
    let mut sharing = Sharing::new(Plan { agents, frameworks, roles: 1 })?;
    let mut ids = Vec::new();
    let mut now_ms = 0;
    // What offers take for themselves is there before.
    for _ in 0..8 {
        now_ms += 10;
        decline_cycle(&mut sharing, &mut ids, 0, now_ms)?;
    }
    let (before, mut filters) = (resident()?, 0);
    let start = thread_cpu_ns();
    while let declined @ 1.. = {
        now_ms += 10;
        decline_cycle(&mut sharing, &mut ids, HOUR_MS, now_ms)?
    } {
        filters += declined;
    }
    let decline = (thread_cpu_ns() - start) as f64 / filters as f64;
    let bytes = resident()?.saturating_sub(before) as f64 / filters as f64;
    let mut cycles = Rounds::default();
    for _ in 0..=ROUNDS {
        now_ms += 100;
        let start = thread_cpu_ns();
        let made = sharing.allocator.offer(now_ms, |_| ());
        cycles.add((thread_cpu_ns() - start) as f64);
        if made != 0 {
            return Err(format!("{made} offers past filters"));
        }
    }
    sharing.allocator.validate()?;
    Ok(Took { filters, bytes, decline, cold: cycles.cold(), cycle: cycles.median() })
}

/// Prints a row; whether it is right, and what was reached.
fn answer(agents: u32, frameworks: u32) -> (bool, Vec<Reach>) {
    let took = match measure(agents, frameworks) {
        Ok(took) => took,
        Err(error) => {
            println!("{agents} x {frameworks}: {error}");
            return (false, Vec::new());
        }
    };
    let pairs = f64::from(agents) * f64::from(frameworks);
    let peer = mesos::FILTERED_MS.iter().find(|row| (row.0, row.1) == (agents, frameworks));
    println!(
        "{:>19} │ {:>9.1} {:>9.1} │ {:>8.3} │ {:>9} │ {:>6.2} │ {:>7.0}",
        format!("{agents} x {frameworks}"),
        took.cold / 1000.0,
        took.cycle / 1000.0,
        took.cycle / pairs,
        peer.map_or_else(|| "not run".to_owned(), |row| format!("{:.0}", row.2 * 1e6 / pairs)),
        took.bytes,
        took.decline,
    );
    let name = |what| format!("{what}, {agents} x {frameworks}");
    let reached = vec![
        Reach::at_most(name("ns of a cycle for each agent and framework"), took.cycle / pairs, 1.0),
        Reach::at_most(name("bytes of a filter"), took.bytes, 16.0),
    ];
    (took.filters as f64 == pairs, reached)
}

/// Asks in a process of its own, on small pages, which are the exacter measure.
fn ask(at: usize, reached: &mut Vec<Reach>) -> Option<bool> {
    let mut command = Command::new(env::current_exe().ok()?);
    let output =
        command.arg(format!("row={at}")).env_remove("GLIBC_TUNABLES").stderr(Stdio::inherit()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (found, last) = text.trim_end().rsplit_once('\n')?;
    println!("{found}");
    let (right, figures) = read_reach(last)?;
    reached.extend(figures);
    Some(right && output.status.success())
}

fn main() {
    if let Some(at) = env::args().find_map(|arg| arg.strip_prefix("row=")?.parse::<usize>().ok()) {
        pin(0);
        let (right, reached) = SIZES.get(at).map_or((false, Vec::new()), |&(agents, of)| answer(agents, of));
        print_reach("filtered", right, &reached);
        return;
    }
    print_where();
    mesos::print_origin();
    println!("                    │ a cycle, µs         │ ns for   │ Mesos,    │ bytes a │ ns an offer");
    println!("agents x frameworks │      cold      warm │ each pair│ ns a pair │ filter │ and decline");
    let (only, mut reached) = (from_env("ROW"), Vec::new());
    let rows = (0..SIZES.len()).filter(|at| only.is_none_or(|only| only == *at));
    let right = rows.fold(true, |right, at| right & (ask(at, &mut reached) == Some(true)));
    print_reach("filtered", right, &reached);
}

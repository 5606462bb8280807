//! What a snapshot of all agents costs, and what it costs those who write meanwhile, in turns of slices.
//!
//! One thread places and releases as fast as it can, on the cluster of the other benches, 50 % full; another, on a core of its own,
//! refreshes a snapshot of it:
//! - **back to back**: one refresh after the other, which is more than any scheduler does;
//! - **while searching**: after each refresh it plans on every agent, as a scheduler with a snapshot does.
//!
//! Every round has a slice of each writer without a reader, and one with each reader. Times are a thread's own CPU time; figures are
//! medians over rounds, what writers lose the median of the rounds' ratios. `ROUNDS=n` narrows it. Two shared cores show one writer
//! beside one reader, and no sockets.

use std::sync::Barrier;

use meros_alloc_core::sync::{Ordering, Word64};
use meros_alloc_core::{Refreshed, Snapshot};
use meros_benches::churn::Churn;
use meros_benches::clock::{median, pin, thread_cpu_ns};
use meros_benches::cluster::{Cluster, Plan, pod};
use meros_benches::{Reach, print_reach, print_where};

const AGENTS: u32 = 12_500;
/// Pairs in a slice.
const SLICE: usize = 120_000;

/// A slice of a writer's work.
type Work = fn(&mut Churn<'_>);

/// How the writer works.
const WRITERS: [(&str, Work); 2] =
    [("one at a time", |churn| churn.one(SLICE)), ("in batches of 64", |churn| churn.batch(SLICE))];

/// What the other thread does during a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    None,
    BackToBack,
    Searching,
}

const READERS: [Reader; 3] = [Reader::None, Reader::BackToBack, Reader::Searching];

/// What a reader saw in all its slices.
#[derive(Clone, Copy, Debug, Default)]
struct Read {
    refreshes: u64,
    bytes: u64,
    torn: u64,
    /// Agents on which the plan was made and fitted.
    fitting: u64,
    refresh_ns: u64,
}

/// Both threads wait here for each other; the word says that the writer's slice is over.
struct Course {
    barrier: Barrier,
    over: Word64,
}

impl Read {
    /// Refreshes until the slice is over.
    fn slice(&mut self, snapshot: &mut Snapshot<&meros_alloc_core::Table>, reader: Reader, course: &Course) {
        // Relaxed: says only when to stop.
        while reader != Reader::None && course.over.load(Ordering::Relaxed) == 0 {
            let start = thread_cpu_ns();
            let refreshed = snapshot.refresh();
            self.refresh_ns += thread_cpu_ns() - start;
            self.refreshes += 1;
            self.bytes += snapshot.bytes() as u64;
            self.torn += if let Refreshed::Torn { agents } = refreshed { u64::from(agents) } else { 0 };
            if reader == Reader::Searching {
                self.fitting += snapshot.agents().filter(|agent| agent.fits(&pod(4))).count() as u64;
            }
        }
    }

    fn per_refresh(&self, amount: u64) -> f64 {
        amount as f64 / self.refreshes.max(1) as f64
    }
}

/// The reader's thread: so many slices of each kind.
fn read(cluster: &Cluster, course: &Course, rounds: usize) -> [Read; 3] {
    pin(1);
    let mut snapshot = Snapshot::new(&cluster.table);
    let mut reads = [Read::default(); 3];
    for _ in 0..rounds * WRITERS.len() {
        for (reader, read) in READERS.into_iter().zip(&mut reads) {
            course.barrier.wait();
            read.slice(&mut snapshot, reader, course);
            course.barrier.wait();
        }
    }
    reads
}

/// Nanoseconds a pair takes: by round, for each writer beside each reader.
type Times = Vec<[[f64; READERS.len()]; WRITERS.len()]>;

/// The writer's thread.
fn write(churn: &mut Churn<'_>, course: &Course, rounds: usize) -> Times {
    let mut slice = |work: Work| {
        // Relaxed: the barrier makes it known.
        course.over.store(0, Ordering::Relaxed);
        course.barrier.wait();
        let start = thread_cpu_ns();
        work(churn);
        let ns = (thread_cpu_ns() - start) as f64 / SLICE as f64;
        // Relaxed: says only when to stop.
        course.over.store(1, Ordering::Relaxed);
        course.barrier.wait();
        ns
    };
    (0..rounds).map(|_| WRITERS.map(|(_, work)| READERS.map(|_| slice(work)))).collect()
}

/// A snapshot at rest is whole and says what the table says.
fn is_right(cluster: &Cluster) -> bool {
    let mut snapshot = Snapshot::new(&cluster.table);
    let whole = snapshot.refresh() == Refreshed::Whole;
    let alike = |agent: &meros_alloc_core::AgentSnapshot<'_>| {
        cluster.table.usage(agent.id()).is_some_and(|usage| usage.pus_free == agent.pus_free())
    };
    whole && snapshot.agents().filter(alike).count() == AGENTS as usize && cluster.table.validate().is_ok()
}

fn print_read(reader: Reader, read: &Read) {
    let refresh_ns = read.per_refresh(read.refresh_ns);
    println!(
        "{reader:?}: {} snapshots of {:.2} MB, {:.2} ms and {:.2} GB/s each; torn: {:.4} agents a snapshot ({:.2e} of them){}",
        read.refreshes,
        read.per_refresh(read.bytes) / 1e6,
        refresh_ns / 1e6,
        read.per_refresh(read.bytes) / refresh_ns,
        read.per_refresh(read.torn),
        read.per_refresh(read.torn) / f64::from(AGENTS),
        if reader == Reader::Searching {
            format!("; {:.0} agents fit a pod", read.per_refresh(read.fitting))
        } else {
            String::new()
        },
    );
}

/// What each writer takes beside each reader, in times of what it takes alone.
fn reaches(times: &Times) -> Vec<Reach> {
    let mut reached = Vec::new();
    for (at, (writer, _)) in WRITERS.into_iter().enumerate() {
        let alone = median(&mut times.iter().map(|round| round[at][0]).collect::<Vec<f64>>());
        for (with, reader) in READERS.into_iter().enumerate().skip(1) {
            let ratios = times.iter().map(|round| round[at][with] / round[at][0]);
            let value = median(&mut ratios.collect::<Vec<f64>>());
            println!("a writer {writer}: {alone:.0} ns a pair alone, {value:.3} times that beside {reader:?}");
            let name = format!("a writer's time {writer} beside a snapshot {reader:?}, in times of its time alone");
            reached.push(Reach::at_most(name, value, 1.1));
        }
    }
    reached
}

fn main() {
    print_where();
    let rounds = std::env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(21);
    let plan = Plan { agents: AGENTS, fill: 50, shards: 1, uneven: false };
    let course = Course { barrier: Barrier::new(2), over: Word64::new(0) };
    let Ok(cluster) = Cluster::new(plan) else { return print_reach("snapshot", false, &[]) };
    if !pin(0) {
        println!("the threads cannot be pinned: figures will be noisier");
    }
    let Some(mut churn) = Churn::new(&cluster, cluster.claims.clone(), 0) else {
        return print_reach("snapshot", false, &[]);
    };
    let right = is_right(&cluster);
    churn.one(SLICE);
    churn.batch(SLICE);
    let (times, reads) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| read(&cluster, &course, rounds));
        let times = write(&mut churn, &course, rounds);
        (times, reader.join().ok())
    });
    let Some(reads) = reads else { return print_reach("snapshot", false, &[]) };
    READERS.into_iter().zip(&reads).skip(1).for_each(|(reader, read)| print_read(reader, read));
    let reached = reaches(&times);
    print_reach("snapshot", right && is_right(&cluster), &reached);
}

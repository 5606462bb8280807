//! The files of the trace: agents, the variants of its pods, and what was published about them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::machine::{Agent, GPU_MILLI, MAX_GPUS, Models, Pod};
use crate::traces::{self, TraceError};

/// The folder of the set.
pub const SET: &str = "openb-2023";
const AGENTS: &str = "openb_node_list_gpu_node.csv";
const PODS: &str = "openb_pod_list_";
const PUBLISHED: &str = "fgd_published_alloc_summary.csv";

/// The cluster, its variants of pods, and the published figures.
#[derive(Debug)]
pub struct Trace {
    /// Agents by name, all free.
    pub agents: Vec<Agent>,
    /// Each variant with its name, as in `openb_pod_list_NAME.csv`.
    pub variants: Vec<(String, Vec<Pod>)>,
    /// What was published.
    pub published: Vec<Published>,
}

/// One published line: allocated GPU in hundredths of the whole, the mean of ten seeds.
#[derive(Clone, Debug)]
pub struct Published {
    /// The variant's name.
    pub variant: String,
    /// The policy's name, without its number.
    pub policy: String,
    /// After arrivals of 100 and 130 % of the cluster's GPUs.
    pub at: [f64; 2],
}

#[derive(Deserialize)]
struct AgentRow {
    sn: String,
    cpu_milli: u32,
    memory_mib: u32,
    gpu: usize,
    model: String,
}

#[derive(Deserialize)]
struct PodRow {
    name: String,
    cpu_milli: u32,
    memory_mib: u32,
    num_gpu: u8,
    gpu_milli: u16,
    /// Some variants leave the column out: nobody names a model.
    #[serde(default)]
    gpu_spec: String,
}

#[derive(Deserialize)]
struct PublishedRow {
    #[serde(rename = "workload")]
    variant: String,
    policy: String,
    mean_100: f64,
    mean_130: f64,
}

/// GPU models by name, each with its bit.
#[derive(Default)]
struct ModelNames(BTreeMap<String, u32>);

impl ModelNames {
    /// The set of a list such as `V100M16|V100M32`; any for an empty one. `None`: more than 32 models.
    fn models(&mut self, list: &str) -> Option<Models> {
        let mut set = 0;
        for name in list.split('|').filter(|name| !name.is_empty()) {
            let next = u32::try_from(self.0.len()).ok()?;
            let bit = *self.0.entry(name.to_owned()).or_insert(next);
            set |= 1_u32.checked_shl(bit)?;
        }
        Some(if set == 0 { Models::ANY } else { Models(set) })
    }

    fn agent(&mut self, row: &AgentRow) -> Result<Agent, String> {
        if row.gpu > MAX_GPUS {
            return Err(format!("gpu is {}, at most {MAX_GPUS} are read", row.gpu));
        }
        let model =
            if row.gpu == 0 { Models(0) } else { self.models(&row.model).ok_or("model: more than 32 of them")? };
        Ok(Agent::new(row.cpu_milli, row.memory_mib, model, row.gpu))
    }

    fn pod(&mut self, row: &PodRow) -> Result<Pod, String> {
        if usize::from(row.num_gpu) > MAX_GPUS || row.gpu_milli > GPU_MILLI {
            return Err(format!(
                "num_gpu is {} and gpu_milli {}, at most {MAX_GPUS} and 1000",
                row.num_gpu, row.gpu_milli
            ));
        }
        if (row.num_gpu == 0) != (row.gpu_milli == 0) {
            return Err(format!("num_gpu is {} and gpu_milli {}: both or none are 0", row.num_gpu, row.gpu_milli));
        }
        let models = self.models(&row.gpu_spec).ok_or("gpu_spec: more than 32 models")?;
        let (gpus, gpu_milli) = (row.num_gpu, row.gpu_milli);
        Ok(Pod { cpu_milli: row.cpu_milli, mem_mib: row.memory_mib, gpus, gpu_milli, models })
    }
}

impl Trace {
    /// Reads everything in the set's folder.
    ///
    /// # Errors
    /// The first file or row that cannot be used.
    pub fn load(folder: &Path) -> Result<Self, TraceError> {
        let mut names = ModelNames::default();
        let path = folder.join(AGENTS);
        let mut rows: Vec<AgentRow> = traces::rows(&path)?;
        rows.sort_by(|a, b| a.sn.cmp(&b.sn));
        let agents = meant(&path, &rows, |row| names.agent(row))?;
        let mut variants = Vec::new();
        for (name, path) in traces::files(folder, PODS)? {
            let mut rows: Vec<PodRow> = traces::rows(&path)?;
            rows.sort_by(|a, b| a.name.cmp(&b.name));
            variants.push((name, meant(&path, &rows, |row| names.pod(row))?));
        }
        let published = traces::rows::<PublishedRow>(&folder.join(PUBLISHED))?;
        Ok(Self { agents, variants, published: published.iter().map(Published::new).collect() })
    }

    /// Thousandths of a GPU in the cluster.
    #[must_use]
    pub fn gpu_milli(&self) -> u64 {
        self.agents.iter().map(Agent::free_gpu_milli).sum()
    }

    /// What was published for a variant and a policy, after arrivals of 100 and 130 %.
    #[must_use]
    pub fn published(&self, variant: &str, policy: &str) -> Option<[f64; 2]> {
        let line = self.published.iter().find(|line| line.variant == variant && line.policy == policy)?;
        Some(line.at)
    }
}

impl Published {
    fn new(row: &PublishedRow) -> Self {
        let variant = row.variant.strip_prefix(PODS).unwrap_or(&row.variant).to_owned();
        let policy = row.policy.split_once('-').map_or(row.policy.as_str(), |(_, name)| name).to_owned();
        Self { variant, policy, at: [row.mean_100, row.mean_130] }
    }
}

/// What the rows mean, or which of them means nothing.
fn meant<R, T>(path: &Path, rows: &[R], mut read: impl FnMut(&R) -> Result<T, String>) -> Result<Vec<T>, TraceError> {
    let at =
        |(index, row)| read(row).map_err(|what| TraceError::Meaning { path: path.to_owned(), row: index + 1, what });
    rows.iter().enumerate().map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods(text: &str) -> Result<Vec<Pod>, TraceError> {
        let rows: Vec<PodRow> = traces::parse(text).expect("rows");
        let mut names = ModelNames::default();
        meant(Path::new("pods.csv"), &rows, |row| names.pod(row))
    }

    const HEADER: &str = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos\n";

    #[test]
    fn pods_are_read() {
        let read = pods(&format!("{HEADER}p0,12000,16384,1,460,,LS\np1,1000,2,0,0,,BE\np2,1,2,2,1000,T4|P100,LS\n"));
        let read = read.expect("good rows");
        let first = Pod { cpu_milli: 12_000, mem_mib: 16_384, gpus: 1, gpu_milli: 460, models: Models::ANY };
        assert_eq!(read[0], first);
        assert_eq!(read[1].all_gpu_milli(), 0);
        assert_eq!((read[2].models, read[2].all_gpu_milli()), (Models(3), 2000));
    }

    #[test]
    fn nonsense_is_refused_with_its_row() {
        for row in ["p,1,1,9,1000,,LS", "p,1,1,1,1001,,LS", "p,1,1,1,0,,LS", "p,1,1,0,5,,LS"] {
            let error = pods(&format!("{HEADER}p,1,1,0,0,,LS\n{row}\n")).expect_err(row).to_string();
            assert!(error.starts_with("pods.csv: row 2: num_gpu"), "{error}");
        }
    }

    #[test]
    fn agents_are_read() {
        let text = "sn,cpu_milli,memory_mib,gpu,model\na,64000,262144,2,P100\nb,1,2,0,\n";
        let rows: Vec<AgentRow> = traces::parse(text).expect("rows");
        let mut names = ModelNames::default();
        let read = meant(Path::new("a.csv"), &rows, |row| names.agent(row)).expect("good rows");
        assert_eq!((read[0].free_gpu_milli(), read[0].model), (2000, Models(1)));
        assert_eq!((read[1].free_gpu_milli(), read[1].model), (0, Models(0)));
    }

    #[test]
    fn models_are_bits_and_a_list_is_a_set() {
        let mut names = ModelNames::default();
        assert_eq!(names.models(""), Some(Models::ANY));
        assert_eq!(names.models("P100"), Some(Models(1)));
        assert_eq!(names.models("T4|P100"), Some(Models(3)));
        for more in 0..30 {
            assert!(names.models(&more.to_string()).is_some());
        }
        assert_eq!(names.models("one too many"), None);
    }

    #[test]
    fn published_names_lose_their_numbers() {
        let text = "workload,policy,mean_100,mean_130\nopenb_pod_list_default,06-FGD,95.2,95.4\n";
        let rows: Vec<PublishedRow> = traces::parse(text).expect("rows");
        let line = Published::new(&rows[0]);
        assert_eq!((line.variant.as_str(), line.policy.as_str(), line.at), ("default", "FGD", [95.2, 95.4]));
    }
}

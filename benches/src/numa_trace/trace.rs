//! The files of the trace: servers, and one list of requests per variant.

use std::path::Path;

use serde::Deserialize;

use crate::traces::{self, TraceError};

/// The folder of the set.
pub const SET: &str = "huawei-numa-2025";
const SERVERS: &str = "pm_res.csv";
const REQUESTS: &str = "vm_requests_";

/// NUMA nodes of a server.
pub const NUMA_NODES: usize = 2;

/// PUs and memory of one NUMA node, or wanted of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// PUs.
    pub pus: u32,
    /// Memory in GiB.
    pub mem_gib: u32,
}

/// An amount for each NUMA node of a server.
pub type Amounts = [Amount; NUMA_NODES];

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    /// The rack it stands in.
    pub rack: usize,
    /// What each of its NUMA nodes has free.
    pub free: Amounts,
}

/// What a request may share a server or a rack with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// Any request: it is in no group.
    Free,
    /// In one rack with all of the group.
    Affinity(u32),
    /// On no server with any of the group.
    AntiAffinity(u32),
    /// In no rack with those of the group in another domain.
    FaultDomain {
        /// The group.
        group: u32,
        /// The domain in the group.
        domain: u32,
    },
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it wants in all.
    pub wants: Amount,
    /// Over how many NUMA nodes: 1 or 2.
    pub numa_nodes: usize,
    /// Its rule.
    pub rule: Rule,
}

/// Servers, and the variants of requests by name, in arrival order.
#[derive(Debug)]
pub struct Trace {
    /// What each server has, empty; who makes [`Server`]s of them says which rack they stand in.
    pub servers: Vec<Amounts>,
    /// Each variant with its name, as in `vm_requests_NAME.csv`.
    pub variants: Vec<(String, Vec<Request>)>,
}

#[derive(Deserialize)]
struct ServerRow {
    #[serde(rename = "CPU1")]
    pus_0: u32,
    #[serde(rename = "RAM1")]
    mem_gib_0: u32,
    #[serde(rename = "CPU2")]
    pus_1: u32,
    #[serde(rename = "RAM2")]
    mem_gib_1: u32,
}

#[derive(Deserialize)]
struct RequestRow {
    #[serde(rename = "flavor_vcpus")]
    pus: u32,
    #[serde(rename = "flavor_ram")]
    mem_gib: u32,
    numa: usize,
    strategy: String,
    group: Option<u32>,
    domain: Option<u32>,
}

impl From<&ServerRow> for Amounts {
    fn from(row: &ServerRow) -> Self {
        let amount = |pus, mem_gib| Amount { pus, mem_gib };
        [amount(row.pus_0, row.mem_gib_0), amount(row.pus_1, row.mem_gib_1)]
    }
}

impl RequestRow {
    fn rule(&self) -> Result<Rule, String> {
        let group = || self.group.ok_or_else(|| format!("strategy {} has no group", self.strategy));
        match self.strategy.as_str() {
            "" => Ok(Rule::Free),
            "affinity" => Ok(Rule::Affinity(group()?)),
            "anti-affinity" => Ok(Rule::AntiAffinity(group()?)),
            "fault_domain" => {
                let domain = self.domain.ok_or("strategy fault_domain has no domain")?;
                Ok(Rule::FaultDomain { group: group()?, domain })
            }
            other => Err(format!("strategy `{other}` is not known")),
        }
    }

    fn request(&self) -> Result<Request, String> {
        if !(1..=NUMA_NODES).contains(&self.numa) {
            return Err(format!("numa is {}, 1 or 2 are known", self.numa));
        }
        let wants = Amount { pus: self.pus, mem_gib: self.mem_gib };
        Ok(Request { wants, numa_nodes: self.numa, rule: self.rule()? })
    }
}

/// Servers in racks of so many, in the order given; 0 counts as 1.
#[must_use]
pub fn in_racks(servers: &[Amounts], of: usize) -> Vec<Server> {
    servers.iter().enumerate().map(|(index, &free)| Server { rack: index / of.max(1), free }).collect()
}

impl Trace {
    /// Reads everything in the set's folder.
    ///
    /// # Errors
    /// The first file or row that cannot be used.
    pub fn load(folder: &Path) -> Result<Self, TraceError> {
        let servers: Vec<ServerRow> = traces::rows(&folder.join(SERVERS))?;
        let mut variants = Vec::new();
        for (name, path) in traces::files(folder, REQUESTS)? {
            let rows: Vec<RequestRow> = traces::rows(&path)?;
            variants.push((name, requests(&path, &rows)?));
        }
        Ok(Self { servers: servers.iter().map(Amounts::from).collect(), variants })
    }
}

fn requests(path: &Path, rows: &[RequestRow]) -> Result<Vec<Request>, TraceError> {
    let meaning = |row, what| TraceError::Meaning { path: path.to_owned(), row, what };
    rows.iter().enumerate().map(|(index, row)| row.request().map_err(|what| meaning(index + 1, what))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "flavor_vcpus,flavor_ram,numa,strategy,group,domain\n";

    fn read(row: &str) -> Result<Request, TraceError> {
        let rows: Vec<RequestRow> = traces::parse(&format!("{HEADER}{row}\n")).expect("rows");
        requests(Path::new("r.csv"), &rows).map(|list| list[0])
    }

    #[test]
    fn requests_are_read() {
        let rule = |row| read(row).expect("a good row").rule;
        assert_eq!(rule("8,16,1,,,"), Rule::Free);
        assert_eq!(rule("8,16,1,affinity,3,"), Rule::Affinity(3));
        assert_eq!(rule("8,16,1,anti-affinity,3,"), Rule::AntiAffinity(3));
        assert_eq!(rule("8,16,2,fault_domain,3,1"), Rule::FaultDomain { group: 3, domain: 1 });
        let request = read("32,64,2,,,").expect("a good row");
        assert_eq!((request.wants, request.numa_nodes), (Amount { pus: 32, mem_gib: 64 }, 2));
    }

    #[test]
    fn nonsense_is_refused_with_its_row() {
        for row in ["8,16,3,,,", "8,16,1,affinity,,", "8,16,1,fault_domain,1,", "8,16,1,near,1,"] {
            let error = read(row).expect_err(row).to_string();
            assert!(error.starts_with("r.csv: row 1: "), "{error}");
        }
    }

    #[test]
    fn servers_are_read() {
        let rows: Vec<ServerRow> = traces::parse("CPU1,RAM1,CPU2,RAM2\n16,32,34,64\n").expect("rows");
        let amounts = Amounts::from(&rows[0]);
        assert_eq!(amounts, [Amount { pus: 16, mem_gib: 32 }, Amount { pus: 34, mem_gib: 64 }]);
        let racks: Vec<usize> = in_racks(&[amounts; 5], 2).iter().map(|server| server.rack).collect();
        assert_eq!(racks, [0, 0, 1, 1, 2]);
    }
}

//! One machine of the cluster: registers its topology, starts and pins pods, reports and ends them

//! NUMA-aware allocation core: machine shapes, claims and the role ledger, without I/O, threads or clocks

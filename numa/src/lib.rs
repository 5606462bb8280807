//! A machine's topology from hwloc: this host, an XML file, or a synthetic string

//! The cluster: sessions, the allocation cycle, launches and status updates

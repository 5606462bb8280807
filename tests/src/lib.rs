//! Layering, tidiness, the simulator and the end-to-end suites

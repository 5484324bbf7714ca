//! The server alone, driven by a small host in memory.

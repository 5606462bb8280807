//! Fuzz targets as plain functions; their corpora are replayed by cargo test

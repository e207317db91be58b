//! See ../README.md.

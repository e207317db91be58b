#!/bin/sh
# For RUSTC_WORKSPACE_WRAPPER: our own crates count what they run, which libFuzzer follows. The cryptography's inner loops
# would cost ninety percent of the time and have nothing to tell. These are cargo-fuzz's flags, less what only a nightly
# compiler has.
exec "$@" \
  -Cpasses=sancov-module \
  -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares

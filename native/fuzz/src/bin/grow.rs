//! libFuzzer around one target, which `CULVERT_FUZZ_TARGET` names. `npm run fuzz` builds and starts it.
#![no_main]

use std::sync::LazyLock;

use culvert_fuzz::Target;
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("CULVERT_FUZZ_TARGET").unwrap_or_default();
    culvert_fuzz::target(&name).unwrap_or_else(|| {
        eprintln!("CULVERT_FUZZ_TARGET is {name:?}, which is no target: see native/fuzz/README.md");
        std::process::exit(2)
    })
});

fuzz_target!(|data: &[u8]| TARGET(data));

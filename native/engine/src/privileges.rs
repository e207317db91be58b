//! Rights that are not needed any more are given up, for all threads that start afterwards.

use std::io;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

/// Of the capabilities that the process has, only those in `kept` stay; it can get no others, and a crash writes no
/// keys to a disk. The user stays who it is: another one could not mark sockets.
pub(crate) fn reduce(kept: CapabilitySet) -> io::Result<()> {
    set_no_new_privs(true)?;
    let _ = clear_ambient_capability_set();
    for capability in CapabilitySet::all().iter() {
        if !kept.contains(capability) {
            // Only who may change rights can narrow this; all others have nothing to narrow.
            let _ = remove_capability_from_bounding_set(capability);
        }
    }
    let now = capabilities(None)?.permitted & kept;
    let inheritable = CapabilitySet::empty();
    set_capabilities(
        None,
        CapabilitySets {
            effective: now,
            permitted: now,
            inheritable,
        },
    )?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?;
    Ok(())
}

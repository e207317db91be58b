//! A device that is interrupted while data flow: by its interface, and as a process.

use std::thread::{scope, sleep};
use std::time::Duration;

use super::flow::Flow;
use crate::device::Device;

pub const SUSPENSION: Duration = Duration::from_secs(2);
/// For handshakes that are lost, too: each begins anew after five seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// The first of [`crate::device::two`]. Whoever takes an interface down takes its IPv6 address from it.
pub fn goes_down_and_up(device: &Device<'_>) {
    let (host, name) = (device.host, &device.name);
    host.ip(&format!("link set {name} down"));
    assert!(!host.reaches("10.5.0.2"), "{name} is still up");
    host.ip(&format!("link set {name} up"));
    host.has(name, &["fd55::1/64"]);
}

/// Its process, as all do when a machine sleeps; what it is told meanwhile, it hears afterwards.
pub fn is_suspended(device: &Device<'_>, flows: &[Flow]) {
    device.running.signal(libc::SIGSTOP);
    scope(|meanwhile| {
        let told = meanwhile.spawn(|| device.wg("fwmark 8"));
        sleep(SUSPENSION / 2);
        let arrived = flows.iter().map(Flow::bytes).collect::<Vec<_>>();
        sleep(SUSPENSION / 2);
        let still = flows.iter().map(Flow::bytes).collect::<Vec<_>>();
        let is_heard = told.is_finished();
        device.running.signal(libc::SIGCONT);
        assert!(!is_heard && still == arrived, "it was not suspended");
    });
    all_go_on(flows);
}

/// From now on.
pub fn all_go_on(flows: &[Flow]) {
    for flow in flows {
        assert!(flow.goes_on_within(PATIENCE), "nothing comes any more");
    }
}

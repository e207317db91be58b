//! Two more hosts, one behind the other.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::run;

/// A second namespace, 10.7.0.2 towards us and 10.7.1.1 towards a third one, 10.7.1.2. They end with their processes.
pub struct Router(Vec<Child>);

impl Router {
    pub fn new() -> Self {
        let hosts: Vec<Child> = (0..2).map(|_| namespace()).collect();
        let (router, target) = (hosts[0].id(), hosts[1].id());
        run(&format!(
            "ip link add near type veth peer name near netns {router}"
        ));
        run("ip addr add 10.7.0.1/24 dev near");
        run("ip link set near up");
        run("ip route add 10.7.1.0/24 via 10.7.0.2");
        inside(
            router,
            &format!("ip link add far type veth peer name far netns {target}"),
        );
        inside(router, "ip addr add 10.7.0.2/24 dev near");
        inside(router, "ip addr add 10.7.1.1/24 dev far");
        inside(router, "ip link set near up");
        inside(router, "ip link set far up");
        inside(router, "sysctl -qw net.ipv4.ip_forward=1");
        inside(target, "ip addr add 10.7.1.2/24 dev far");
        inside(target, "ip link set far up");
        inside(target, "ip route add default via 10.7.1.1");
        Self(hosts)
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        for host in &mut self.0 {
            host.kill().ok();
            host.wait().ok();
        }
    }
}

fn namespace() -> Child {
    // `cat` ends with our end of its input, however this process ends.
    let child = Command::new("unshare")
        .args(["--net", "cat"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let ours = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
    while std::fs::read_link(format!("/proc/{}/ns/net", child.id())).ok() == Some(ours.clone()) {
        thread::sleep(Duration::from_millis(2));
    }
    child
}

fn inside(pid: u32, command: &str) {
    run(&format!("nsenter -t {pid} -n {command}"));
}

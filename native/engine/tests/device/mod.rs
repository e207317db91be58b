//! A device of ours on a host, with keys and inner addresses by its number: 10.5.0.N and fd55::N, UDP port N111.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing
)] // for tests only

use std::process::{Command, Stdio};

use crate::lab::folder::{Folder, Keys};
use crate::lab::running::Running;
use crate::lab::sockets::uapi_socket;
use crate::lab::{ENGINE, Host, unique};

pub struct Device<'h> {
    pub host: &'h Host,
    pub name: String,
    pub keys: Keys,
    pub number: u8,
    pub running: Running,
}

impl<'h> Device<'h> {
    pub fn start(host: &'h Host, folder: &Folder, number: u8) -> Device<'h> {
        Device::start_with(host, folder, number, "")
    }

    pub fn start_with(host: &'h Host, folder: &Folder, number: u8, options: &str) -> Device<'h> {
        Device::begin(host, folder, number, options, |_| ())
    }

    /// With something done to the command before.
    pub fn start_prepared(
        host: &'h Host,
        folder: &Folder,
        number: u8,
        prepare: impl FnOnce(&mut Command),
    ) -> Device<'h> {
        Device::begin(host, folder, number, "", prepare)
    }

    fn begin(
        host: &'h Host,
        folder: &Folder,
        number: u8,
        options: &str,
        prepare: impl FnOnce(&mut Command),
    ) -> Device<'h> {
        let (name, keys) = (unique("a"), Keys::new(folder));
        let mut engine = host.command(ENGINE, &format!("device {name} {options}"));
        prepare(&mut engine);
        let mut running = Running::start(engine.stdout(Stdio::null()));
        running.wait_for(&uapi_socket(&name));
        let device = Device {
            host,
            name,
            keys,
            number,
            running,
        };
        device.wg(&format!(
            "private-key {} listen-port {number}111",
            device.keys.file.display()
        ));
        device.address_on(host);
        device
    }

    /// Inner addresses, on the host whose interface it is now.
    pub fn address_on(&self, host: &Host) {
        let number = self.number;
        let [v4, v6] = [format!("10.5.0.{number}/24"), format!("fd55::{number}/64")];
        host.has(&self.name, &[&v4, &v6]);
        host.ip(&format!("link set {} up", self.name));
    }

    /// `wg set` on this interface.
    pub fn wg(&self, arguments: &str) -> String {
        self.host
            .must("wg", &format!("set {} {arguments}", self.name))
    }

    /// `wg set` for this peer.
    pub fn peer(&self, other: &Device<'_>, arguments: &str) {
        self.wg(&format!("peer {} {arguments}", other.keys.public));
    }

    /// Takes the other as its peer, at this outer address.
    pub fn knows(&self, other: &Device<'_>, outer: &str) {
        let number = other.number;
        let own = format!("allowed-ips 10.5.0.{number}/32,fd55::{number}/128");
        self.peer(other, &format!("endpoint {outer}:{number}111 {own}"));
    }

    /// Takes it as its peer and waits to be spoken to.
    pub fn expects(&self, other: &Device<'_>) {
        let number = other.number;
        self.peer(
            other,
            &format!("allowed-ips 10.5.0.{number}/32,fd55::{number}/128"),
        );
    }

    pub fn show(&self, what: &str) -> String {
        self.host
            .must("wg", &format!("show {} {what}", self.name))
            .trim()
            .to_owned()
    }

    /// Where its one peer, or this one of many, is now.
    pub fn endpoint_of(&self, other: &Device<'_>) -> String {
        self.column("endpoints", other)[0].clone()
    }

    /// Bytes received and sent.
    pub fn transfer_with(&self, other: &Device<'_>) -> [u64; 2] {
        let column = self.column("transfer", other);
        [column[0].parse().unwrap(), column[1].parse().unwrap()]
    }

    fn column(&self, what: &str, other: &Device<'_>) -> Vec<String> {
        let shown = self.show(what);
        let of_other = |line: &&str| line.starts_with(&other.keys.public);
        let line = shown.lines().find(of_other).unwrap();
        line.split_whitespace().skip(1).map(str::to_owned).collect()
    }

    /// Counters of the engine's own that `wg` does not show.
    pub fn resident_kilobytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.running.pid()));
        let line = status.unwrap();
        let line = line.lines().find(|line| line.starts_with("VmRSS:"));
        let number = line.unwrap().split_whitespace().nth(1);
        number.unwrap().parse().unwrap()
    }
}

/// Two devices on the wire of [`Host::pair`], each other's peers over IPv4.
pub fn two<'h>(one: &'h Host, other: &'h Host, folder: &Folder) -> [Device<'h>; 2] {
    let near = Device::start(one, folder, 1);
    let far = Device::start(other, folder, 2);
    near.knows(&far, "192.0.2.2");
    far.knows(&near, "192.0.2.1");
    [near, far]
}

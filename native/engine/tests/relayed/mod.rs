//! The full path on four hosts: a device, a gateway, and a connector, whose user space translates or whose kernel forwards.
//!
//! ```text
//!   device 10.5.0.1 ══ 192.0.2.0/24 ══ gateway ══ 198.51.100.0/24 ══ connector 10.9.0.1 ── lan ── target 10.9.0.10
//!          fd55::1     fd00:2::/64                                             fd09::1                   fd09::10
//! ```
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing
)] // for tests only

use std::process::Command;

use culvert_core::{PrivateKey, PublicKey};
use serde_json::{Value, json};

use crate::conversation::{PRIVATE, base64, connector_key};
use crate::device::Device;
use crate::gateway_lab::Gateway;
use crate::lab::folder::Folder;
use crate::lab::{ENGINE, Host, unique};
use crate::process::Engine;

pub const TARGET: &str = "10.9.0.10";
pub const TARGET_V6: &str = "fd09::10";
/// Of the device.
const DEVICE: &str = "10.5.0.1";
const DEVICE_V6: &str = "fd55::1";
const CONNECTOR: [&str; 2] = ["10.5.0.2", "fd55::2"];
const GATEWAY_KEY: [u8; 32] = [9; 32];
const GATEWAY_PORT: u16 = 51820;
const NOBODY: u32 = 65534;
const ROOT: u32 = 0;
const MTU: u16 = 1420;

pub struct Hosts {
    pub device: Host,
    pub gateway: Host,
    pub connector: Host,
    pub target: Host,
}

impl Hosts {
    pub fn new() -> Hosts {
        let ((device, gateway), connector, target) = (Host::pair(), Host::new(), Host::new());
        gateway.connect("uplink", &connector, "uplink");
        connector.connect("lan", &target, "lan");
        gateway.has("uplink", &["198.51.100.1/24"]);
        connector.has("uplink", &["198.51.100.2/24"]);
        connector.has("lan", &["10.9.0.1/24", "fd09::1/64"]);
        target.has("lan", &["10.9.0.10/24", "fd09::10/64"]);
        let sysctl = || {
            std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").unwrap();
        };
        connector.within(sysctl).join().unwrap();
        Hosts {
            device,
            gateway,
            connector,
            target,
        }
    }
}

/// Something done to the command that starts each engine.
#[derive(Clone, Copy)]
pub struct Prepared<F> {
    pub device: F,
    pub gateway: F,
    pub connector: F,
}

/// The three engines.
pub struct Site<'h> {
    pub device: Device<'h>,
    pub gateway: Gateway,
    pub connector: Engine,
    tun: Option<String>,
}

impl<'h> Site<'h> {
    pub fn start(hosts: &'h Hosts, folder: &Folder, with_tun: bool) -> Site<'h> {
        let nothing = |_: &mut Command| ();
        let prepared = Prepared {
            device: nothing,
            gateway: nothing,
            connector: nothing,
        };
        Site::start_prepared(hosts, folder, with_tun, prepared)
    }

    pub fn start_prepared(
        hosts: &'h Hosts,
        folder: &Folder,
        with_tun: bool,
        prepared: Prepared<impl Fn(&mut Command) + Send + 'static>,
    ) -> Site<'h> {
        let device = Device::start_prepared(&hosts.device, folder, 1, prepared.device);
        let mut command = hosts.gateway.command(ENGINE, "");
        (prepared.gateway)(&mut command);
        let gateway = Gateway::start_watched(command, "", |_| ());
        let tun = with_tun.then(|| unique("t"));
        let connector = start_connector(&hosts.connector, tun.clone(), prepared.connector);
        let mut site = Site {
            device,
            gateway,
            connector,
            tun,
        };
        site.configure(MTU);
        let key = base64(gateway_key().as_bytes());
        let route = "allowed-ips 10.9.0.0/24,fd09::/64";
        site.device.wg(&format!(
            "peer {key} endpoint 192.0.2.2:{GATEWAY_PORT} {route}"
        ));
        for range in ["10.9.0.0/24", "fd09::/64"] {
            let name = &site.device.name;
            hosts.device.ip(&format!("route add {range} dev {name}"));
        }
        assert!(
            (0..10).any(|_| hosts.device.reaches(TARGET)),
            "the target is never reached"
        );
        site
    }

    /// What the gateway and the connector are told, with this MTU.
    pub fn configure(&mut self, mtu: u16) {
        self.gateway.configure(&gateway_config(&self.device, mtu));
        let answer = self.connector.ask("configure", connector_config(mtu));
        assert!(answer["result"]["hash"].is_string(), "{answer}");
    }

    /// Of all three, of the interfaces that they have, and of the wire behind the connector.
    pub fn set_mtu(&mut self, hosts: &Hosts, mtu: u16) {
        self.configure(mtu);
        let set = |host: &Host, name: &str| host.ip(&format!("link set {name} mtu {mtu}"));
        set(&hosts.device, &self.device.name);
        for host in [&hosts.connector, &hosts.target] {
            set(host, "lan");
        }
        if let Some(tun) = &self.tun {
            set(&hosts.connector, tun);
        }
    }
}

fn start_connector(
    host: &Host,
    tun: Option<String>,
    prepare: impl FnOnce(&mut Command) + Send + 'static,
) -> Engine {
    let (name, with) = (unique("c"), tun.clone());
    let start = move || {
        let options: Vec<&str> = with.iter().flat_map(|tun| ["--tun", tun]).collect();
        let user = if with.is_some() { ROOT } else { NOBODY };
        Engine::prepared_as(user, &name, &options, prepare, |_| ())
    };
    let engine = host.within(start).join().unwrap();
    if let Some(tun) = tun {
        forward(host, &tun);
    }
    engine
}

/// The least that a kernel needs for it; the real rules are the connector's, in TypeScript.
fn forward(host: &Host, tun: &str) {
    let [v4, v6] = CONNECTOR;
    host.has(tun, &[&format!("{v4}/32"), &format!("{v6}/128")]);
    host.ip(&format!("link set {tun} up"));
    host.ip(&format!("route add 10.5.0.0/24 dev {tun}"));
    host.ip(&format!("route add fd55::/64 dev {tun}"));
    host.forwards();
    host.nft("table inet nat { chain out { type nat hook postrouting priority 100; oifname lan masquerade; }; }");
}

fn gateway_key() -> PublicKey {
    PrivateKey::from_bytes(GATEWAY_KEY).public_key()
}

pub fn gateway_config(device: &Device<'_>, mtu: u16) -> Value {
    json!({
        "privateKey": base64(&GATEWAY_KEY), "listenPort": GATEWAY_PORT, "mtu": mtu,
        "peers": [
            { "kind": "device", "id": "laptop", "publicKey": device.keys.public,
              "addresses": [DEVICE, DEVICE_V6], "subjects": ["everyone"], "expiresAt": null },
            { "kind": "connector", "id": "office-a", "publicKey": base64(connector_key().as_bytes()),
              "addresses": CONNECTOR, "networkId": "office", "healthy": true },
        ],
        "networks": [{ "id": "office", "ranges": ["10.9.0.0/24", "fd09::/64"] }],
        "rules": [{ "id": "all", "name": "all", "action": "allow", "subjects": ["everyone"],
            "networkIds": [], "ranges": [], "protocol": "any", "ports": [] }],
    })
}

pub fn connector_config(mtu: u16) -> Value {
    json!({
        "privateKey": base64(PRIVATE.as_slice()), "mtu": mtu, "addresses": CONNECTOR,
        "ranges": ["10.9.0.0/24", "fd09::/64"], "overlay": ["10.5.0.0/24", "fd55::/64"],
        "peers": [{
            "id": "gw", "publicKey": base64(gateway_key().as_bytes()),
            "endpoints": [format!("198.51.100.1:{GATEWAY_PORT}")], "keepaliveSeconds": 25,
        }],
    })
}

#![allow(unsafe_code, reason = "the name of a scope is asked by if_indextoname")]

use std::fmt::Write;
use std::net::SocketAddr;

use super::configuration::{Configuration, Peer};

/// The answer to `get=1`, without its error number. What is zero is left out, as wireguard-go does.
pub(super) fn print(configuration: &Configuration, out: &mut String) {
    if let Some(key) = &configuration.private_key {
        print_key("private_key", key.as_bytes(), out);
    }
    if configuration.listen_port != 0 {
        let _ = writeln!(out, "listen_port={}", configuration.listen_port);
    }
    if configuration.fwmark != 0 {
        let _ = writeln!(out, "fwmark={}", configuration.fwmark);
    }
    for peer in &configuration.peers {
        print_peer(peer, out);
    }
}

// Writing to a string can not fail.
fn print_peer(peer: &Peer, out: &mut String) {
    print_key("public_key", peer.public_key.as_bytes(), out);
    print_key("preshared_key", peer.preshared_key.as_bytes(), out);
    let _ = writeln!(out, "protocol_version=1");
    if let Some(endpoint) = peer.endpoint {
        let _ = writeln!(out, "endpoint={}", print_endpoint(endpoint));
    }
    let handshake = peer.last_handshake;
    let _ = writeln!(out, "last_handshake_time_sec={}", handshake.as_secs());
    let _ = writeln!(out, "last_handshake_time_nsec={}", handshake.subsec_nanos());
    let _ = writeln!(out, "tx_bytes={}", peer.tx_bytes);
    let _ = writeln!(out, "rx_bytes={}", peer.rx_bytes);
    let _ = writeln!(
        out,
        "persistent_keepalive_interval={}",
        peer.keepalive_seconds
    );
    for range in &peer.allowed_ips {
        let _ = writeln!(out, "allowed_ip={range}");
    }
}

fn print_key(name: &str, key: &[u8; 32], out: &mut String) {
    let _ = write!(out, "{name}=");
    for byte in key {
        let _ = write!(out, "{byte:02x}");
    }
    out.push('\n');
}

/// A link-local endpoint is shown with its interface's name; without one (it is gone) with its number.
fn print_endpoint(endpoint: SocketAddr) -> String {
    match endpoint {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => match interface_name(v6.scope_id()) {
            Some(name) => format!("[{}%{name}]:{}", v6.ip(), v6.port()),
            None => endpoint.to_string(),
        },
        _ => endpoint.to_string(),
    }
}

fn interface_name(index: u32) -> Option<String> {
    let mut buffer = [0u8; libc::IF_NAMESIZE];
    // SAFETY: if_indextoname writes at most IF_NAMESIZE bytes, which the buffer has.
    let name = unsafe { libc::if_indextoname(index, buffer.as_mut_ptr().cast()) };
    if name.is_null() {
        return None;
    }
    let name = std::ffi::CStr::from_bytes_until_nul(&buffer).ok()?;
    name.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use culvert_core::{PresharedKey, PrivateKey, PublicKey};

    use super::*;

    #[test]
    fn a_configuration_is_printed_as_wireguard_go_prints_it() {
        let peer = Peer {
            public_key: PublicKey([0x11; 32]),
            preshared_key: PresharedKey::default(),
            endpoint: Some("[fe80::1%1]:51820".parse().unwrap()),
            last_handshake: Duration::new(1_700_000_000, 5),
            rx_bytes: 1372,
            tx_bytes: 1428,
            keepalive_seconds: 25,
            allowed_ips: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
        };
        let configuration = Configuration {
            private_key: Some(PrivateKey::from_bytes([0xab; 32])),
            listen_port: 51820,
            fwmark: 16,
            peers: vec![peer],
        };

        let mut text = String::new();
        print(&configuration, &mut text);

        let expected = format!(
            "private_key=a8{}6b\nlisten_port=51820\nfwmark=16\npublic_key={}\npreshared_key={}
protocol_version=1
endpoint=[fe80::1%lo]:51820
last_handshake_time_sec=1700000000
last_handshake_time_nsec=5
tx_bytes=1428
rx_bytes=1372
persistent_keepalive_interval=25
allowed_ip=10.0.0.0/8
allowed_ip=fd00::/8
",
            "ab".repeat(30),
            "11".repeat(32),
            "00".repeat(32),
        );
        assert_eq!(text, expected);
    }
}

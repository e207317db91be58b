#![allow(
    unsafe_code,
    reason = "the number of a scope is asked by if_nametoindex"
)]

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use culvert_core::{PresharedKey, PrivateKey, PublicKey};
use ipnet::IpNet;
use zeroize::Zeroizing;

use super::configuration::{AllowedIpChange, Change, Errno, PeerChange};

/// Reads the lines of one `set=1`, until the blank one.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    changes: Vec<Change>,
}

impl Parser {
    pub(super) fn take_line(&mut self, line: &str) -> Result<(), Errno> {
        let (key, value) = line.split_once('=').ok_or(Errno::PROTOCOL)?;
        if key == "public_key" {
            let public_key = PublicKey(*parse_key(value)?);
            self.changes.push(Change::Peer(PeerChange::new(public_key)));
            return Ok(());
        }
        match self.changes.last_mut() {
            Some(Change::Peer(peer)) => take_peer_line(peer, key, value),
            _ => self.take_device_line(key, value),
        }
    }

    pub(super) fn finish(self) -> Vec<Change> {
        self.changes
    }

    fn take_device_line(&mut self, key: &str, value: &str) -> Result<(), Errno> {
        self.changes.push(match key {
            "private_key" => Change::PrivateKey(parse_private_key(value)?),
            "listen_port" => Change::ListenPort(parse_number(value)?),
            "fwmark" => Change::Fwmark(parse_number(value)?),
            "replace_peers" => {
                require(value == "true")?;
                Change::ReplacePeers
            }
            _ => return Err(Errno::INVALID),
        });
        Ok(())
    }
}

fn take_peer_line(peer: &mut PeerChange, key: &str, value: &str) -> Result<(), Errno> {
    match key {
        "update_only" => {
            require(value == "true")?;
            peer.update_only = true;
        }
        "remove" => {
            require(value == "true")?;
            peer.remove = true;
        }
        "preshared_key" => {
            peer.preshared_key = Some(PresharedKey::from_bytes(*parse_key(value)?));
        }
        "endpoint" => peer.endpoint = Some(parse_endpoint(value)?),
        "persistent_keepalive_interval" => peer.keepalive_seconds = Some(parse_number(value)?),
        "replace_allowed_ips" => {
            require(value == "true")?;
            peer.replace_allowed_ips = true;
            peer.allowed_ips.clear();
        }
        "allowed_ip" => peer.allowed_ips.push(parse_allowed_ip(value)?),
        "protocol_version" => require(value == "1")?,
        _ => return Err(Errno::INVALID),
    }
    Ok(())
}

fn require(claim: bool) -> Result<(), Errno> {
    if claim { Ok(()) } else { Err(Errno::INVALID) }
}

fn parse_private_key(value: &str) -> Result<Option<PrivateKey>, Errno> {
    let bytes = parse_key(value)?;
    if PrivateKey::is_zero(&bytes) {
        return Ok(None);
    }
    Ok(Some(PrivateKey::from_bytes(*bytes)))
}

fn parse_key(value: &str) -> Result<Zeroizing<[u8; 32]>, Errno> {
    let mut key = Zeroizing::new([0; 32]);
    require(value.len() == 2 * key.len())?;
    for (byte, pair) in key.iter_mut().zip(value.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else {
            return Err(Errno::INVALID);
        };
        *byte = parse_digit(*high)? << 4 | parse_digit(*low)?;
    }
    Ok(key)
}

fn parse_digit(letter: u8) -> Result<u8, Errno> {
    let value = char::from(letter).to_digit(16).ok_or(Errno::INVALID)?;
    u8::try_from(value).map_err(|_| Errno::INVALID)
}

/// Digits only: Rust's own parser would take a sign too.
fn parse_number<T: std::str::FromStr>(value: &str) -> Result<T, Errno> {
    require(value.bytes().all(|letter| letter.is_ascii_digit()))?;
    value.parse().map_err(|_| Errno::INVALID)
}

/// Host bits are allowed and cut off.
fn parse_allowed_ip(value: &str) -> Result<AllowedIpChange, Errno> {
    let (text, remove) = match value.split_at_checked(1) {
        Some(("-", rest)) => (rest, true),
        Some(("+", rest)) => (rest, false),
        _ => (value, false),
    };
    let (address, length) = text.split_once('/').ok_or(Errno::INVALID)?;
    require(length == "0" || !length.starts_with('0'))?;
    let address: IpAddr = address.parse().map_err(|_| Errno::INVALID)?;
    let range = IpNet::new(address, parse_number(length)?)
        .map_err(|_| Errno::INVALID)?
        .trunc();
    Ok(if remove {
        AllowedIpChange::Remove(range)
    } else {
        AllowedIpChange::Add(range)
    })
}

/// Rust's own parser takes a numeric zone; `wg` sends the interface's name.
fn parse_endpoint(value: &str) -> Result<SocketAddr, Errno> {
    if let Ok(endpoint) = value.parse() {
        return Ok(endpoint);
    }
    let (host, port) = value.rsplit_once(':').ok_or(Errno::INVALID)?;
    let host = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .ok_or(Errno::INVALID)?;
    let (address, zone) = host.split_once('%').ok_or(Errno::INVALID)?;
    let address = address.parse().map_err(|_| Errno::INVALID)?;
    let zone = interface_index(zone).ok_or(Errno::INVALID)?;
    Ok(SocketAddr::V6(SocketAddrV6::new(
        address,
        parse_number(port)?,
        0,
        zone,
    )))
}

fn interface_index(name: &str) -> Option<u32> {
    let name = std::ffi::CString::new(name).ok()?;
    // SAFETY: name is a C string that outlives the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "1111111111111111111111111111111111111111111111111111111111111111";

    #[test]
    fn what_wireguard_go_refuses_is_refused_with_the_same_number() {
        for (line, errno) in [
            ("foo", Errno::PROTOCOL),
            ("foo=bar", Errno::INVALID),
            ("=", Errno::INVALID),
            ("listen_port=70000", Errno::INVALID),
            ("listen_port=", Errno::INVALID),
            ("listen_port=+5", Errno::INVALID),
            ("listen_port= 5", Errno::INVALID),
            ("listen_port=-1", Errno::INVALID),
            ("fwmark=0x10", Errno::INVALID),
            ("fwmark=4294967296", Errno::INVALID),
            ("replace_peers=false", Errno::INVALID),
            ("private_key=11", Errno::INVALID),
            ("public_key=zz", Errno::INVALID),
            ("allowed_ip=10.0.0.0/8", Errno::INVALID),
        ] {
            assert_eq!(Parser::default().take_line(line), Err(errno), "{line}");
        }
    }

    #[test]
    fn what_a_peer_can_not_have_is_refused() {
        for line in [
            "allowed_ip=10.0.0.1",
            "allowed_ip=10.0.0.1/33",
            "allowed_ip=10.0.0.1/08",
            "allowed_ip=::/129",
            "allowed_ip=300.0.0.1/8",
            "allowed_ip=fe80::1%1/64",
            "endpoint=vpn.example.com:1",
            "endpoint=192.0.2.1",
            "endpoint=[::1%no-such-card]:1",
            "persistent_keepalive_interval=65536",
            "persistent_keepalive_interval=off",
            "protocol_version=2",
            "update_only=1",
            "listen_port=1",
        ] {
            let mut parser = Parser::default();
            parser.take_line(&format!("public_key={KEY}")).unwrap();

            assert_eq!(parser.take_line(line), Err(Errno::INVALID), "{line}");
        }
    }

    #[test]
    fn a_peer_has_what_its_lines_say() {
        let peer = parse_peer(
            "preshared_key=2222222222222222222222222222222222222222222222222222222222222222
endpoint=[fe80::1%lo]:51820
persistent_keepalive_interval=025
allowed_ip=10.9.8.7/8
replace_allowed_ips=true
allowed_ip=10.1.2.3/8
allowed_ip=-fd00::1/8
protocol_version=1",
        );

        assert_eq!(peer.public_key, PublicKey([0x11; 32]));
        assert_eq!(peer.preshared_key.unwrap().as_bytes(), &[0x22; 32]);
        assert_eq!(peer.endpoint.unwrap().to_string(), "[fe80::1%1]:51820");
        assert_eq!(peer.keepalive_seconds, Some(25));
        assert!(peer.replace_allowed_ips);
        assert_eq!(
            peer.allowed_ips,
            [
                AllowedIpChange::Add("10.0.0.0/8".parse().unwrap()),
                AllowedIpChange::Remove("fd00::/8".parse().unwrap()),
            ]
        );
    }

    #[test]
    fn a_private_key_of_zeroes_is_none() {
        let mut parser = Parser::default();

        parser
            .take_line(&format!("private_key={}", "0".repeat(64)))
            .unwrap();

        assert!(matches!(
            parser.finish().as_slice(),
            [Change::PrivateKey(None)]
        ));
    }

    proptest::proptest! {
        #[test]
        fn no_line_whatever_it_holds_brings_the_parser_down(lines: Vec<String>) {
            let mut parser = Parser::default();
            for line in &lines {
                let _ = parser.take_line(line);
                let _ = parser.take_line(&format!("allowed_ip={line}"));
                let _ = parser.take_line(&format!("endpoint={line}"));
                let _ = parser.take_line(&format!("private_key={line}"));
                let _ = parser.take_line(&format!("public_key={KEY}"));
            }
        }
    }

    fn parse_peer(lines: &str) -> PeerChange {
        let mut parser = Parser::default();
        parser.take_line(&format!("public_key={KEY}")).unwrap();
        lines
            .lines()
            .for_each(|line| parser.take_line(line).unwrap());
        match parser.finish().pop() {
            Some(Change::Peer(peer)) => peer,
            other => panic!("{other:?}"),
        }
    }
}

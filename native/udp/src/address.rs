use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Room for either family's address, as the kernel reads and writes it.
pub(crate) type RawAddress = libc::sockaddr_storage;

pub(crate) fn empty() -> RawAddress {
    // SAFETY: sockaddr_storage is plain data for which all zeroes is a value.
    unsafe { zeroed() }
}

/// Fills `raw` and returns how many of its bytes count.
pub(crate) fn encode(address: SocketAddr, raw: &mut RawAddress) -> libc::socklen_t {
    let place: *mut RawAddress = raw;
    match address {
        SocketAddr::V4(address) => {
            let encoded = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: address.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from_ne_bytes(address.ip().octets()),
                },
                sin_zero: [0; 8],
            };
            // SAFETY: sockaddr_storage is larger than sockaddr_in and aligned for it.
            unsafe { place.cast::<libc::sockaddr_in>().write(encoded) };
            size_of::<libc::sockaddr_in>() as libc::socklen_t
        }
        SocketAddr::V6(address) => {
            let encoded = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: address.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr {
                    s6_addr: address.ip().octets(),
                },
                sin6_scope_id: address.scope_id(),
            };
            // SAFETY: sockaddr_storage is larger than sockaddr_in6 and aligned for it.
            unsafe { place.cast::<libc::sockaddr_in6>().write(encoded) };
            size_of::<libc::sockaddr_in6>() as libc::socklen_t
        }
    }
}

pub(crate) fn decode(raw: &RawAddress) -> Option<SocketAddr> {
    let place: *const RawAddress = raw;
    match libc::c_int::from(raw.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says sockaddr_in, and sockaddr_storage is larger than it and aligned for it.
            let raw = unsafe { place.cast::<libc::sockaddr_in>().read() };
            let ip = Ipv4Addr::from(raw.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::V4(SocketAddrV4::new(
                ip,
                u16::from_be(raw.sin_port),
            )))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says sockaddr_in6, and sockaddr_storage is larger than it and aligned for it.
            let raw = unsafe { place.cast::<libc::sockaddr_in6>().read() };
            let ip = Ipv6Addr::from(raw.sin6_addr.s6_addr);
            let port = u16::from_be(raw.sin6_port);
            Some(SocketAddr::V6(SocketAddrV6::new(
                ip,
                port,
                0,
                raw.sin6_scope_id,
            )))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_the_way_to_the_kernel_and_back() {
        for text in [
            "192.0.2.7:51820",
            "[2001:db8::7]:1",
            "[fe80::1%3]:65535",
            "0.0.0.0:0",
        ] {
            let address: SocketAddr = text.parse().unwrap();
            let mut raw = empty();

            encode(address, &mut raw);

            assert_eq!(decode(&raw), Some(address));
        }
    }
}

use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{Mode, OFlags, open};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use thiserror::Error;

use crate::queue::{Offloads, Queue};
use crate::queues::Queues;

const DEVICE_FILE: &str = "/dev/net/tun";

const IFF_TUN: i32 = 0x0001;
const IFF_NO_PI: i32 = 0x1000;
const IFF_VNET_HDR: i32 = 0x4000;
const IFF_MULTI_QUEUE: i32 = 0x0100;
const IFF_TUN_EXCL: i32 = 0x8000;
const TUNSETIFF: libc::c_ulong = 0x4004_54ca;
const TUNSETOFFLOAD: libc::c_ulong = 0x4004_54d0;

/// Packets that may wait to be read. The kernel's own 500 are five milliseconds of small ones at a gigabit, no longer than a
/// reader may have to wait for a processor. The kernel's WireGuard has as many as this.
const QUEUE_PACKETS: i32 = 1000;

const CHECKSUM: libc::c_ulong = 0x01;
/// TSO4, TSO6, and both with CWR set.
const TCP: libc::c_ulong = 0x02 | 0x04 | 0x08;
/// USO4 and USO6: kernels from 6.2 on.
const UDP: libc::c_ulong = 0x20 | 0x40;

#[derive(Clone, Debug)]
pub struct TunOptions {
    pub name: String,
    pub mtu: u16,
    /// Flows that send little get a queue of their own.
    pub sparse_first: bool,
}

#[derive(Debug, Error)]
pub enum TunFault {
    #[error(
        "this host has no /dev/net/tun: load it with `modprobe tun`, or give it to the container (--device /dev/net/tun)"
    )]
    NoTun,
    #[error("making a network interface needs CAP_NET_ADMIN: run as root")]
    NotPermitted,
    #[error(
        "an interface {0} exists already: choose another name, or remove it with `ip link del {0}`"
    )]
    NameTaken(String),
    #[error("the MTU {mtu} was refused by the kernel: {cause}")]
    MtuRefused { mtu: u16, cause: io::Error },
    #[error("the interface {name} can not be made: {cause}")]
    Failed { name: String, cause: io::Error },
}

/// A TUN interface. It goes when the last of its queues is closed.
#[derive(Debug)]
pub struct Tun {
    name: String,
    /// Any socket will do for asking about interfaces.
    control: OwnedFd,
}

/// What the kernel calls `struct ifreq`: a name and, here, one number.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; libc::IFNAMSIZ],
    value: i32,
    rest: [u8; 20],
}

impl Tun {
    pub fn create(options: &TunOptions) -> Result<(Tun, Queues), TunFault> {
        let failed = |cause| TunFault::Failed {
            name: options.name.clone(),
            cause,
        };
        let flags = SocketFlags::CLOEXEC;
        let control = socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)
            .map_err(|errno| failed(errno.into()))?;
        let bulk = open_queue(options, true)?;
        let more = options.sparse_first.then(|| open_queue(options, false));
        let queues = Queues::new(bulk, more.transpose()?);
        let tun = Tun {
            name: options.name.clone(),
            control,
        };
        tun.set_mtu(options.mtu)
            .map_err(|cause| TunFault::MtuRefused {
                mtu: options.mtu,
                cause,
            })?;
        // Whoever refuses this has a reason, and we can do without.
        let _ = tun.ask(libc::SIOCSIFTXQLEN, QUEUE_PACKETS);
        Ok((tun, queues))
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn mtu(&self) -> io::Result<u16> {
        let mtu = self.ask(libc::SIOCGIFMTU, 0)?;
        Ok(u16::try_from(mtu).unwrap_or(u16::MAX))
    }

    pub fn set_mtu(&self, mtu: u16) -> io::Result<()> {
        self.ask(libc::SIOCSIFMTU, i32::from(mtu)).map(|_| ())
    }

    pub fn index(&self) -> io::Result<u32> {
        self.ask(libc::SIOCGIFINDEX, 0).map(i32::cast_unsigned)
    }

    fn ask(&self, request: libc::Ioctl, value: i32) -> io::Result<i32> {
        let mut interface = interface_request(&self.name, value);
        // SAFETY: interface is a whole ifreq that outlives the call.
        let done = unsafe { libc::ioctl(self.control.as_raw_fd(), request, &raw mut interface) };
        if done < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(interface.value)
        }
    }
}

fn open_queue(options: &TunOptions, is_first: bool) -> Result<Queue, TunFault> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let descriptor = open(DEVICE_FILE, flags, Mode::empty())
        .map_err(|errno| name_fault(&options.name, errno.into()))?;
    attach(&descriptor, options, is_first).map_err(|cause| name_fault(&options.name, cause))?;
    let offloads = probe_offloads(&descriptor);
    Ok(Queue::new(descriptor, offloads))
}

fn attach(descriptor: &OwnedFd, options: &TunOptions, is_first: bool) -> io::Result<()> {
    let mut flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
    if options.sparse_first {
        flags |= IFF_MULTI_QUEUE;
    }
    if is_first {
        // Never take over an interface that somebody else has made.
        flags |= IFF_TUN_EXCL;
    }
    let mut interface = interface_request(&options.name, flags);
    // SAFETY: interface is a whole ifreq that outlives the call.
    let done = unsafe { libc::ioctl(descriptor.as_raw_fd(), TUNSETIFF as _, &raw mut interface) };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// The kernel says no to what it does not know, and takes the old settings then.
fn probe_offloads(descriptor: &OwnedFd) -> Offloads {
    let offer = |flags: libc::c_ulong| {
        // SAFETY: TUNSETOFFLOAD takes a number, no pointer.
        unsafe { libc::ioctl(descriptor.as_raw_fd(), TUNSETOFFLOAD as _, flags) == 0 }
    };
    if offer(CHECKSUM | TCP | UDP) {
        Offloads {
            tcp: true,
            udp: true,
        }
    } else {
        Offloads {
            tcp: offer(CHECKSUM | TCP),
            udp: false,
        }
    }
}

fn interface_request(name: &str, value: i32) -> InterfaceRequest {
    let mut request = InterfaceRequest {
        name: [0; libc::IFNAMSIZ],
        value,
        rest: [0; 20],
    };
    let room = libc::IFNAMSIZ - 1;
    request
        .name
        .iter_mut()
        .take(room)
        .zip(name.bytes())
        .for_each(|(to, from)| *to = from);
    request
}

fn name_fault(name: &str, cause: io::Error) -> TunFault {
    match (cause.kind(), cause.raw_os_error()) {
        (ErrorKind::NotFound, _) | (_, Some(libc::ENODEV | libc::ENXIO)) => TunFault::NoTun,
        (ErrorKind::PermissionDenied, _) => TunFault::NotPermitted,
        (_, Some(libc::EBUSY | libc::EEXIST)) => TunFault::NameTaken(name.to_owned()),
        // The name belongs to an interface of another kind.
        (_, Some(libc::EINVAL)) if exists(name) => TunFault::NameTaken(name.to_owned()),
        _ => TunFault::Failed {
            name: name.to_owned(),
            cause,
        },
    }
}

fn exists(name: &str) -> bool {
    std::ffi::CString::new(name).is_ok_and(|name| {
        // SAFETY: name is a C string that outlives the call.
        unsafe { libc::if_nametoindex(name.as_ptr()) != 0 }
    })
}

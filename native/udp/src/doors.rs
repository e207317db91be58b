use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::door::{BindFault, Binding, Door};

/// A port that is free for IPv4 may be taken for IPv6: how often "any port" is tried anew.
const ANY_PORT_TRIES: usize = 100;

/// The doors of one WireGuard endpoint: both families on one port. Hosts without IPv6 have the first alone.
#[derive(Debug)]
pub struct Doors {
    pub v4: Option<Door>,
    pub v6: Option<Door>,
    port: u16,
}

impl Doors {
    /// `template.address` names the port only; 0 takes any that both families have free.
    pub fn bind(template: &Binding) -> Result<Doors, BindFault> {
        let wanted = template.address.port();
        let tries = if wanted == 0 { ANY_PORT_TRIES } else { 1 };
        let mut outcome = bind_both(template, wanted);
        for _ in 1..tries {
            match outcome {
                Err(BindFault::PortTaken(_)) => outcome = bind_both(template, wanted),
                _ => break,
            }
        }
        outcome
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The door that reaches this destination.
    pub fn towards(&self, destination: SocketAddr) -> Option<&Door> {
        if destination.is_ipv4() {
            self.v4.as_ref()
        } else {
            self.v6.as_ref()
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Door> {
        self.v4.iter().chain(self.v6.iter())
    }

    pub fn set_mark(&self, mark: u32) -> std::io::Result<()> {
        self.iter().try_for_each(|door| door.set_mark(mark))
    }
}

pub(crate) fn bind_both(template: &Binding, port: u16) -> Result<Doors, BindFault> {
    let v4 = unless_absent(bind_one(template, Ipv4Addr::UNSPECIFIED.into(), port))?;
    let shared_port = v4.as_ref().map_or(port, |door| door.local_address().port());
    let v6 = unless_absent(bind_one(
        template,
        Ipv6Addr::UNSPECIFIED.into(),
        shared_port,
    ))?;
    let Some(door) = v4.as_ref().or(v6.as_ref()) else {
        return Err(BindFault::NoFamily("IPv4 and no IPv6"));
    };
    let port = door.local_address().port();
    Ok(Doors { v4, v6, port })
}

fn bind_one(template: &Binding, ip: IpAddr, port: u16) -> Result<Door, BindFault> {
    Door::bind(&Binding {
        address: SocketAddr::new(ip, port),
        ..*template
    })
}

fn unless_absent(door: Result<Door, BindFault>) -> Result<Option<Door>, BindFault> {
    match door {
        Ok(door) => Ok(Some(door)),
        Err(BindFault::NoFamily(_)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

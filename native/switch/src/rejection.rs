//! Why a packet goes no further, and what its sender hears of it.
use crate::drops::DropReason;
use crate::packet::{Inner, Kind};
use crate::policy::Policy;
use crate::ranges::is_no_host;
use crate::refusal::Because;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Rejection {
    pub(crate) reason: DropReason,
    /// What the sender is told; `None`: nothing.
    pub(crate) because: Option<Because>,
    pub(crate) rule: Option<usize>,
}

impl Rejection {
    pub(crate) fn silent(reason: DropReason) -> Self {
        Self {
            reason,
            because: None,
            rule: None,
        }
    }

    pub(crate) fn told(reason: DropReason, because: Because) -> Self {
        Self {
            reason,
            because: Some(because),
            rule: None,
        }
    }
}

pub(crate) fn refuse_too_big(policy: &Policy, len: usize) -> Result<(), Rejection> {
    if len > policy.mtu {
        return Err(Rejection::told(
            DropReason::TooBig,
            Because::TooBig { mtu: policy.mtu },
        ));
    }
    Ok(())
}

pub(crate) fn reject_unrouted(policy: &Policy, inner: &Inner) -> Rejection {
    let destination = inner.tuple.destination;
    if policy.owner_of(destination).is_some() {
        return Rejection::told(DropReason::DeviceToDevice, Because::Prohibited);
    }
    match is_no_host(destination) {
        true => Rejection::silent(DropReason::NoRoute),
        false => Rejection::told(DropReason::NoRoute, Because::Prohibited),
    }
}

/// A connection from before a restart waits for its connector to come back; everything else is told.
pub(crate) fn reject_uncarried(inner: &Inner) -> Rejection {
    match inner.kind {
        Kind::Tcp(segment) if !segment.flags.is_opening() => {
            Rejection::silent(DropReason::NoConnector)
        }
        _ => Rejection::told(DropReason::NoConnector, Because::Unreachable),
    }
}

/// A connection cannot move to another connector, whose NAT knows nothing of it. All else can.
pub(crate) fn refuse_lost(inner: &Inner) -> Result<(), Rejection> {
    match inner.kind {
        Kind::Tcp(segment) if !segment.flags.is_opening() => Err(Rejection::told(
            DropReason::ConnectorLost,
            Because::Unreachable,
        )),
        _ => Ok(()),
    }
}

//! What the shards of one connector may do together: how many flows there are, in all and of one device, and how much is
//! complained about. Asked for when a flow begins or a packet is refused, never for a packet that goes its way.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::complaints::Complaints;
use crate::config::NatLimits;
use crate::drops::NatDrop;

#[derive(Debug)]
pub(crate) struct Allowance {
    limits: NatLimits,
    taken: Mutex<Taken>,
    complaints: Mutex<Complaints>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_device: HashMap<IpAddr, usize>,
}

/// Of one flow, as long as it lives.
#[derive(Debug)]
pub(crate) struct Place {
    allowance: Arc<Allowance>,
    device: IpAddr,
}

impl Allowance {
    pub(crate) fn new(limits: NatLimits, now: Instant) -> Self {
        Self {
            limits,
            taken: Mutex::default(),
            complaints: Mutex::new(Complaints::new(now)),
        }
    }

    /// Why there is none, otherwise.
    pub(crate) fn take_place(self: &Arc<Self>, device: IpAddr) -> Result<Place, NatDrop> {
        let mut taken = lock(&self.taken);
        if taken.all >= self.limits.flows {
            return Err(NatDrop::FlowTableFull);
        }
        let of_device = taken.by_device.entry(device).or_default();
        // Whoever has none has room, so no entry without a flow is left behind.
        if *of_device >= self.limits.flows_per_device.max(1) {
            return Err(NatDrop::DeviceFull);
        }
        *of_device += 1;
        taken.all += 1;
        Ok(Place {
            allowance: Arc::clone(self),
            device,
        })
    }

    pub(crate) fn may_complain(&self, now: Instant) -> bool {
        lock(&self.complaints).allow(now)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.allowance.taken);
        taken.all -= 1;
        if let Some(of_device) = taken.by_device.get_mut(&self.device) {
            *of_device -= 1;
            if *of_device == 0 {
                taken.by_device.remove(&self.device);
            }
        }
    }
}

/// Nothing panics while it holds one of these.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_flow_is_gone_and_nothing_is_kept_of_a_device_without_flows() {
        let allowance = allowance(3, 2);
        let [one, other] = [7, 8].map(|last| IpAddr::from([100, 96, 0, last]));
        let first = allowance.take_place(one).unwrap();
        let second = allowance.take_place(one).unwrap();
        assert_eq!(allowance.take_place(one).unwrap_err(), NatDrop::DeviceFull);
        let third = allowance.take_place(other).unwrap();
        assert_eq!(
            allowance.take_place(other).unwrap_err(),
            NatDrop::FlowTableFull
        );

        drop((first, third));

        assert!(allowance.take_place(one).is_ok());
        drop(second);
        let taken = lock(&allowance.taken);
        assert_eq!((taken.all, taken.by_device.len()), (0, 0));
    }

    #[test]
    fn threads_that_ask_at_once_get_no_more_than_there_is() {
        let allowance = allowance(100, 60);
        let places: Vec<Place> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|number| {
                    let allowance = &allowance;
                    let device = IpAddr::from([100, 96, 0, number % 2]);
                    let take =
                        move || (0..100).filter_map(move |_| allowance.take_place(device).ok());
                    scope.spawn(move || take().collect::<Vec<Place>>())
                })
                .collect();
            let places = threads.into_iter().map(|thread| thread.join().unwrap());
            places.flatten().collect()
        });

        let of_one = |last: u8| {
            let device = IpAddr::from([100, 96, 0, last]);
            places.iter().filter(|place| place.device == device).count()
        };
        assert_eq!(places.len(), 100);
        assert!(of_one(0) <= 60 && of_one(1) <= 60);
    }

    fn allowance(flows: usize, flows_per_device: usize) -> Arc<Allowance> {
        let limits = NatLimits {
            flows,
            flows_per_device,
        };
        Arc::new(Allowance::new(limits, Instant::now()))
    }
}

//! A whole gateway without its sockets: the switch with its reference model, and between it and its peers real tunnels whose
//! ends move about. Peers and policy come and go, connectors lose their sessions, the gateway restarts, a stranger replays what
//! it has recorded; and each packet arrives where, and only where, model and book say.

use std::cell::RefCell;
use std::rc::Rc;

use culvert_switch::config::{Config, PeerHandle};

use crate::decoder::Decoder;
use crate::model::run::run as take;
use crate::model::steps::{CONNECTORS, DEVICES, FIRST_CONNECTOR};
use crate::site::Site;
use crate::site::way::Way;
use crate::switch_model::{begin, step};
use crate::world::World;

/// Handshakes cost more than flows.
const MOST_STEPS: usize = 150;

pub(crate) fn run(data: &[u8]) {
    let mut decoder = Decoder::new(data);
    let site = Rc::new(RefCell::new(Site::new(everybody())));
    let mut world = World::new(Config::default());
    world.carrier = Some(Box::new(Way(Rc::clone(&site))));
    let mut model = begin(&mut decoder, &mut world);
    for _ in 0..MOST_STEPS {
        if decoder.is_empty() {
            break;
        }
        match decoder.choice(8) {
            0 | 1 => {
                let handle = usize::from(decoder.byte()) % everybody().count();
                let handle = everybody().nth(handle).unwrap();
                site.borrow_mut().roam(handle, u16::from(decoder.byte()));
            }
            2 => {
                let nth = usize::from(decoder.number());
                site.borrow_mut().replay(nth, u16::from(decoder.byte()));
            }
            _ => {
                let step = step(&mut decoder);
                take(&mut model, &mut world, &step);
            }
        }
    }
    site.borrow().assert_endpoints();
}

fn everybody() -> impl Iterator<Item = PeerHandle> {
    let connectors = (0..CONNECTORS).map(|number| FIRST_CONNECTOR + number);
    (0..DEVICES).chain(connectors).map(PeerHandle)
}

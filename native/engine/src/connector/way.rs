//! The way to one gateway: a UDP socket that is connected to one of its endpoints. The kernel drops what strangers send, and
//! nothing of the connector waits for anybody.
//!
//! A connected socket keeps the source address that it got. So whenever the network may have changed the kernel is asked
//! which one it would choose now, and if that is another one (or the endpoint is), the socket is made anew.

use std::net::SocketAddr;
use std::sync::Arc;

use culvert_udp::{Door, source_towards};

use crate::log_debug;

#[derive(Debug)]
pub(super) struct Way {
    /// Never empty.
    endpoints: Vec<SocketAddr>,
    /// Which of them is in use.
    chosen: usize,
    /// None while this host knows no way there.
    door: Option<Arc<Door>>,
    /// Handshakes begun here since the gateway last answered one.
    unanswered: usize,
}

impl Way {
    pub(super) fn new(endpoints: Vec<SocketAddr>) -> Self {
        let mut way = Self {
            endpoints,
            chosen: 0,
            door: None,
            unanswered: 0,
        };
        way.renew();
        way
    }

    pub(super) fn door(&self) -> Option<&Arc<Door>> {
        self.door.as_ref()
    }

    pub(super) fn remote(&self) -> Option<SocketAddr> {
        self.endpoints.get(self.chosen).copied()
    }

    /// Takes a new list of endpoints, and stays with the one in use if that is in it. True when the socket is another one.
    pub(super) fn follow(&mut self, endpoints: &[SocketAddr]) -> bool {
        let before = self.remote();
        self.endpoints = endpoints.to_vec();
        let kept = endpoints.iter().position(|each| Some(*each) == before);
        self.chosen = kept.unwrap_or(0);
        if kept.is_none() {
            self.door = None;
            self.unanswered = 0;
        }
        self.renew()
    }

    /// Connects anew if the kernel would now choose another source, or if there was no way before. True when it did.
    pub(super) fn renew(&mut self) -> bool {
        let Some(remote) = self.remote() else {
            return false;
        };
        // No way at all for the moment: the socket that is there may be right again later.
        let Ok(source) = source_towards(remote) else {
            return false;
        };
        let own = self.door.as_ref().map(|door| door.local_address().ip());
        if own == Some(source) {
            return false;
        }
        match Door::connect(remote) {
            Ok(door) => {
                log_debug!("to {remote} from {} now", door.local_address());
                self.door = Some(Arc::new(door));
                true
            }
            Err(cause) => {
                log_debug!("no socket to {remote}: {cause}");
                false
            }
        }
    }

    /// A handshake is about to begin: if the last one had no answer, at the next endpoint that this host knows a way to.
    pub(super) fn prepare_handshake(&mut self) {
        if self.unanswered > 0 {
            self.try_next();
        }
        self.unanswered += 1;
        self.renew();
    }

    pub(super) fn note_answer(&mut self) {
        self.unanswered = 0;
    }

    fn try_next(&mut self) {
        let all = self.endpoints.len();
        let others = (1..all).map(|step| (self.chosen + step) % all);
        let reachable = others.into_iter().find(|index| {
            let endpoint = self.endpoints.get(*index);
            endpoint.is_some_and(|endpoint| source_towards(*endpoint).is_ok())
        });
        if let Some(next) = reachable {
            self.chosen = next;
            self.door = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn each_handshake_without_an_answer_goes_to_the_next_endpoint_and_an_answer_stays() {
        let (one, other) = (endpoint(), endpoint());
        let mut way = Way::new(vec![one, other]);
        let mut tried = || {
            way.prepare_handshake();
            (way.remote().unwrap(), connected_to(&way))
        };

        assert_eq!(tried(), (one, one));
        assert_eq!(tried(), (other, other));
        assert_eq!(tried(), (one, one));
        way.note_answer();
        way.prepare_handshake();
        assert_eq!(connected_to(&way), one);
    }

    #[test]
    fn an_endpoint_to_which_there_is_no_way_is_passed_over() {
        // Nothing is routed to a broadcast address.
        let (one, none, other) = (endpoint(), "255.255.255.255:9".parse().unwrap(), endpoint());
        let mut way = Way::new(vec![one, none, other]);

        way.prepare_handshake();
        way.prepare_handshake();

        assert_eq!(connected_to(&way), other);
    }

    #[test]
    fn a_new_list_that_still_has_the_endpoint_in_use_keeps_the_socket() {
        let (one, other) = (endpoint(), endpoint());
        let mut way = Way::new(vec![one, other]);
        let before = way.door().unwrap().local_address();

        assert!(!way.follow(&[other, one]));
        assert_eq!(way.door().unwrap().local_address(), before);
        assert!(way.follow(&[other]));
        assert_eq!(connected_to(&way), other);
    }

    #[test]
    fn as_long_as_the_kernel_would_choose_the_same_source_the_socket_stays() {
        let mut way = Way::new(vec![endpoint()]);
        let before = way.door().unwrap().local_address();

        assert!(!way.renew());
        assert_eq!(way.door().unwrap().local_address(), before);
    }

    /// A free address of this host. Nobody answers there, which a connected socket does not mind.
    fn endpoint() -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap()
    }

    fn connected_to(way: &Way) -> SocketAddr {
        let peer = rustix::net::getpeername(&**way.door().unwrap()).unwrap();
        peer.unwrap().try_into().unwrap()
    }
}

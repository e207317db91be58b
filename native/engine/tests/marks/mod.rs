//! Datagrams of each congestion mark, and what became of them on the way.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing
)] // for tests only

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use culvert_udp::{Binding, Door, Ecn, Inbox, Outbox, Route};

use crate::lab::Host;

pub const MARKS: [Ecn; 4] = [
    Ecn::NotCapable,
    Ecn::Capable0,
    Ecn::Capable1,
    Ecn::CongestionExperienced,
];

/// What RFC 6040 (figure 4) says becomes of each of [`MARKS`] where the outside has this one.
pub fn brought_in(outside: Ecn) -> [Option<Ecn>; 4] {
    use Ecn::{Capable1, CongestionExperienced, NotCapable};
    match outside {
        NotCapable | Ecn::Capable0 => MARKS.map(Some),
        Capable1 => [NotCapable, Capable1, Capable1, CongestionExperienced].map(Some),
        CongestionExperienced => [
            None,
            Some(CongestionExperienced),
            Some(CongestionExperienced),
            Some(CongestionExperienced),
        ],
    }
}

/// A socket that belongs to the host, whoever uses it. The address `0.0.0.0:0` or `[::]:0` is for who speaks first.
pub fn door(host: &Host, address: &str) -> Door {
    let address: SocketAddr = address.parse().unwrap();
    let bound = host.within(move || Door::bind(&Binding::to(address)).unwrap());
    bound.join().unwrap()
}

/// One of each mark, of which the payload is made.
pub fn send_marks(door: &Door, to: SocketAddr) {
    let mut outbox = Outbox::new();
    for ecn in MARKS {
        let mut batch = outbox.batch(door);
        let payload = [ecn as u8; 100];
        batch.push(
            Route {
                ecn,
                ..Route::to(to)
            },
            &payload,
        );
        assert_eq!(batch.send().sent, 1);
    }
}

/// With which mark each came, by the mark that was sent. They come in their order: once the last is there, what has not come
/// does not.
pub fn receive_marks(door: &Door) -> [Option<Ecn>; 4] {
    let (mut came, mut inbox) = ([None; 4], Inbox::new(8, 0));
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline && came.last() == Some(&None) {
        inbox.receive(door).unwrap();
        for message in inbox.messages() {
            let ecn = message.ecn;
            // Neighbours that came to have the same mark may come as one.
            for datagram in message.into_segments() {
                let place = MARKS.iter().position(|mark| *mark as u8 == datagram[0]);
                came[place.unwrap()] = Some(ecn);
            }
        }
        sleep(Duration::from_millis(5));
    }
    came
}

/// Sets this mark on the outside of datagrams that come in and match.
pub fn put_outside(host: &Host, matching: &str, mark: Ecn) {
    host.nft(&format!(
        "table inet path; delete table inet path; table inet path {{ chain in {{ type filter hook prerouting priority -150; \
         {matching} ip ecn set {}; }}; }}",
        name(mark)
    ));
}

/// Counts what comes in and matches, by its mark, and what has a DSCP.
pub fn count_incoming(host: &Host, matching: &str) {
    let counters: String = MARKS
        .iter()
        .map(|mark| {
            let (name, counter) = (name(*mark), counter(*mark));
            format!("{matching} ip ecn {name} counter name {counter}\n")
        })
        .collect();
    let names: String = MARKS
        .iter()
        .map(|mark| format!("counter {} {{ }}; ", counter(*mark)))
        .collect();
    host.nft(&format!(
        "table inet seen {{ {names} counter dscp {{ }}; chain in {{ type filter hook prerouting priority -160;\n {counters} \
         {matching} ip dscp != 0 counter name dscp\n }}; }}"
    ));
}

/// How many packets such a counter has seen, one for each of [`MARKS`] and the DSCP's.
pub fn counted(host: &Host) -> ([u64; 4], u64) {
    (
        MARKS.map(|mark| count(host, counter(mark))),
        count(host, "dscp"),
    )
}

fn count(host: &Host, name: &str) -> u64 {
    let shown = host.must("nft", &format!("list counter inet seen {name}"));
    let mut words = shown
        .split_whitespace()
        .skip_while(|word| *word != "packets");
    words.nth(1).unwrap().parse().unwrap()
}

/// As nft calls it.
fn name(mark: Ecn) -> &'static str {
    match mark {
        Ecn::NotCapable => "not-ect",
        Ecn::Capable0 => "ect0",
        Ecn::Capable1 => "ect1",
        Ecn::CongestionExperienced => "ce",
    }
}

/// Names with a hyphen are none for a counter.
fn counter(mark: Ecn) -> &'static str {
    match mark {
        Ecn::NotCapable => "none",
        Ecn::Capable0 => "ect0",
        Ecn::Capable1 => "ect1",
        Ecn::CongestionExperienced => "ce",
    }
}

//! Explicit congestion notification end to end (RFC 6040), line 36. Needs root, `wg` and `nft`.
//!
//! ```text
//!   near 10.5.0.1 ══ 192.0.2.0/24 ══ far 10.5.0.2     the mark on the outside is set where it reaches far
//! ```
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod device;
mod lab;

use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::thread::sleep;
use std::time::{Duration, Instant};

use culvert_udp::{Binding, Door, Ecn, Inbox, Outbox, Route};
use device::two;
use lab::{Folder, Host};

const MARKS: [Ecn; 4] = [
    Ecn::NotCapable,
    Ecn::Capable0,
    Ecn::Capable1,
    Ecn::CongestionExperienced,
];

#[test]
fn line_36_sixteen_combinations_of_marks_come_in_as_rfc_6040_says() {
    use Ecn::{Capable0, Capable1, CongestionExperienced, NotCapable};
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let _devices = two(&one, &other, &folder);
    one.must_reach("10.5.0.2");
    for address in ["10.5.0.2", "fd55::2"] {
        for outside in MARKS {
            other.nft(&format!(
                "table inet path; delete table inet path; table inet path {{ chain in {{ type filter hook prerouting priority -150; \
                 udp dport 2111 ip ecn set {}; }}; }}",
                name(outside)
            ));
            let came = carried(&one, &other, address);

            let expected = match outside {
                NotCapable | Capable0 => MARKS.map(Some),
                Capable1 => [NotCapable, Capable1, Capable1, CongestionExperienced].map(Some),
                CongestionExperienced => [
                    None,
                    Some(CongestionExperienced),
                    Some(CongestionExperienced),
                    Some(CongestionExperienced),
                ],
            };
            assert_eq!(came, expected, "{outside:?} on the outside, to {address}");
        }
    }
}

#[test]
fn line_36_the_mark_goes_out_as_it_is_inside_and_the_dscp_stays_inside() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let _devices = two(&one, &other, &folder);
    one.must_reach("10.5.0.2");
    let counters: String = MARKS
        .iter()
        .map(|mark| {
            format!(
                "udp dport 2111 ip ecn {} counter name {}\n",
                name(*mark),
                counter(*mark)
            )
        })
        .collect();
    let names: String = MARKS
        .iter()
        .map(|mark| format!("counter {} {{ }}; ", counter(*mark)))
        .collect();
    one.nft(&format!(
        "table inet seen {{ {names} counter dscp {{ }}; chain out {{ type filter hook output priority 0;\n {counters} \
         udp dport 2111 ip dscp != 0 counter name dscp\n }}; }}"
    ));

    for mark in MARKS {
        let class = 0xb8 | mark as u8;
        one.must("ping", &format!("-c 10 -i 0.01 -Q {class} -W 3 10.5.0.2"));
    }

    for mark in MARKS {
        assert_eq!(count(&one, counter(mark)), 10, "{mark:?}");
    }
    assert_eq!(count(&one, "dscp"), 0);
}

/// What became of a datagram of each mark.
fn carried(from: &Host, to: &Host, address: &str) -> [Option<Ecn>; 4] {
    let (tell, told) = channel();
    let listen = SocketAddr::new(address.parse().unwrap(), 0);
    let receiver = to.within(move || {
        let door = Door::bind(&Binding::to(listen)).unwrap();
        tell.send(door.local_address()).unwrap();
        receive_marks(&door)
    });
    let to = told.recv().unwrap();
    let sender = from.within(move || {
        let any: SocketAddr = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }
            .parse()
            .unwrap();
        let door = Door::bind(&Binding::to(any)).unwrap();
        let mut outbox = Outbox::new();
        for ecn in MARKS {
            let mut batch = outbox.batch(&door);
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
    });
    sender.join().unwrap();
    receiver.join().unwrap()
}

/// By the mark that was sent, which is what the payload is made of.
fn receive_marks(door: &Door) -> [Option<Ecn>; 4] {
    let (mut came, mut inbox) = ([None; 4], Inbox::new(8, 0));
    let deadline = Instant::now() + Duration::from_millis(500);
    while Instant::now() < deadline && came.contains(&None) {
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

fn count(host: &Host, name: &str) -> u64 {
    let shown = host.must("nft", &format!("list counter inet seen {name}"));
    let mut words = shown
        .split_whitespace()
        .skip_while(|word| *word != "packets");
    words.nth(1).unwrap().parse().unwrap()
}

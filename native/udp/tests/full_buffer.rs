//! A wire that takes next to nothing, and doors that have more to send than their buffers hold. Needs root and `tc`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

use std::process::Command;
use std::thread::spawn;
use std::time::{Duration, Instant};

use culvert_udp::{Binding, Door, Outbox, Route, SendReport};

const NOBODY: &str = "192.0.2.2:9";
/// Twice what a send buffer holds.
const DATAGRAMS: usize = 4000;

#[test]
fn a_door_that_others_share_drops_what_its_buffer_has_no_room_for_at_once() {
    on_a_slow_wire(|| {
        let binding = Binding {
            waits_for_room: false,
            ..Binding::to("0.0.0.0:0".parse().unwrap())
        };
        let bound = || Door::bind(&binding).unwrap();
        let connected = || Door::connect(NOBODY.parse().unwrap()).unwrap();
        for door in [&bound as &dyn Fn() -> Door, &connected] {
            // What the machine does meanwhile is in the other two.
            let quickest = (0..3).map(|_| {
                let (report, taken) = send(&door());
                assert!(report.sent > 100 && report.dropped > 100, "{report:?}");
                assert_eq!(report.sent + report.dropped, DATAGRAMS);
                taken
            });
            let taken = quickest.min().unwrap();
            assert!(taken < Duration::from_millis(300), "it took {taken:?}");
        }
    });
}

#[test]
fn a_door_of_one_sender_holds_it_up_a_little_instead() {
    on_a_slow_wire(|| {
        let door = Door::bind(&Binding::to("0.0.0.0:0".parse().unwrap())).unwrap();

        let (report, taken) = send(&door);

        assert!(report.sent > 100, "{report:?}");
        assert!(taken > Duration::from_millis(300), "it took {taken:?}");
    });
}

fn send(door: &Door) -> (SendReport, Duration) {
    let (payload, mut outbox) = ([7; 1400], Outbox::new());
    let began = Instant::now();
    let mut batch = outbox.batch(door);
    for _ in 0..DATAGRAMS {
        batch.push(Route::to(NOBODY.parse().unwrap()), &payload);
    }
    (batch.send(), began.elapsed())
}

fn on_a_slow_wire(test: impl FnOnce() + Send + 'static) {
    let outcome = spawn(move || {
        // SAFETY: changes only the network namespace of this very thread.
        let unshared = unsafe { libc::unshare(libc::CLONE_NEWNET) };
        assert_eq!(
            unshared, 0,
            "this test makes a network namespace and needs root"
        );
        for command in [
            "ip link add near type veth peer name far",
            "ip addr add 192.0.2.1/24 dev near",
            "ip link set far up",
            "ip link set near up",
            "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev near",
            "tc qdisc add dev near root tbf rate 8kbit burst 2000 limit 100000000",
        ] {
            let mut words = command.split(' ');
            let status = Command::new(words.next().unwrap()).args(words).status();
            assert!(status.unwrap().success(), "{command}");
        }
        test();
    });
    if let Err(panic) = outcome.join() {
        std::panic::resume_unwind(panic);
    }
}

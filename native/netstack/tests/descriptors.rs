//! A process that may open no more files. A file of its own, because the limit is everybody's in a process.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is wrong should say so at once"
)]

mod lab;

use std::io::Read;
use std::net::TcpListener;
use std::thread;

use culvert_netstack::NatDrop;
use lab::device::Device;
use lab::packets::{error_of, tcp as segment};
use lab::{SERVER, at, in_a_private_network};

const SYN: u8 = 2;

#[test]
fn out_of_file_descriptors_is_an_answer_and_not_an_end() {
    in_a_private_network(|| {
        let listener = TcpListener::bind(at(SERVER, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || drop(listener.accept().unwrap().0.read(&mut [0; 1])));
        let mut device = Device::new(&["10.9.0.0/16"]);
        let hoard: Vec<std::fs::File> =
            std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();

        device.send(&segment(SERVER, 4000, port, SYN, 1, 0));
        drop(hoard);

        assert_eq!(device.nat.drops().of(NatDrop::NoDescriptors), 1);
        assert_eq!(error_of(&device.seen[0]).1, 3);
        let handle = device.dial(at(SERVER, port));
        device.until("established", |device| device.tcp(handle).may_send());
    });
}

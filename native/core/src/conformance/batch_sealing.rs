//! Packets that are sealed together are like those sealed one by one.

use super::pair::{LEFT, Pair, RIGHT};
use crate::constants::REJECT_AFTER_MESSAGES;
use crate::locks::read;
use crate::{DropReason, HEADROOM, Outbox, Outgoing, TAILROOM};

#[test]
fn a_batch_arrives_whole_in_order_and_padded_with_zeros() {
    for count in [0, 1, 2, 15, 16, 17, 33, 100] {
        let mut pair = Pair::connected();
        let expected: Vec<_> = (0..count)
            .map(|number| pair.packet(LEFT, &vec![number as u8; number * 13]))
            .collect();

        let sealed = seal_batch(&pair, &expected, TAILROOM);

        let datagrams: Vec<_> = sealed.into_iter().map(Result::unwrap).collect();
        for (datagram, packet) in datagrams.iter().zip(&expected) {
            let padded = packet.len().next_multiple_of(16).min(1420);
            assert_eq!(datagram.len(), 16 + padded + 16);
        }
        pair.carry(LEFT, datagrams);
        assert_eq!(pair.hosts[RIGHT].delivered, expected);
    }
}

#[test]
fn a_buffer_without_room_drops_its_own_packet_only() {
    let mut pair = Pair::connected();
    let good = pair.packet(LEFT, &[1; 50]);
    let mut sealed = seal_batch(&pair, std::slice::from_ref(&good), 15);
    assert_eq!(sealed, vec![Err(DropReason::NoRoom)]);

    let peer = pair.peer(LEFT);
    let mut outbox = Outbox::new();
    let mut sealer = pair.hosts[LEFT]
        .tunnel
        .sealer(pair.now, &peer, &mut outbox)
        .unwrap();
    let mut buffers: Vec<_> = (0..20).map(|_| buffer(&good, TAILROOM)).collect();
    buffers[7].truncate(HEADROOM + good.len() + 3);
    let inner = HEADROOM..HEADROOM + good.len();
    let mut batch: Vec<_> = buffers
        .iter_mut()
        .map(|buffer| Outgoing::new(buffer, inner.clone()))
        .collect();
    sealer.seal_batch(&mut batch);
    drop(sealer);
    sealed = batch.iter().map(datagram).collect();

    let refused: Vec<_> = (0..20).filter(|nth| sealed[*nth].is_err()).collect();
    assert_eq!(refused, vec![7]);
    assert_eq!(buffers[7][inner], good, "nothing of it was encrypted");
    pair.carry(LEFT, sealed.into_iter().flatten().collect());
    assert_eq!(pair.hosts[RIGHT].delivered, vec![good; 19]);
}

#[test]
fn each_packet_is_handed_on_in_order_with_what_came_beside_it() {
    for count in [0, 1, 15, 16, 17, 32, 50] {
        let mut pair = Pair::connected();
        let packet = pair.packet(LEFT, b"one of many");
        let mut buffers: Vec<_> = (0..count).map(|_| buffer(&packet, TAILROOM)).collect();
        if let Some(short) = buffers.get_mut(7) {
            short.truncate(HEADROOM + packet.len());
        }
        let inner = HEADROOM..HEADROOM + packet.len();
        let peer = pair.peer(LEFT);
        let mut outbox = Outbox::new();
        let mut sealer = pair.hosts[LEFT]
            .tunnel
            .sealer(pair.now, &peer, &mut outbox)
            .unwrap();
        let (mut numbers, mut datagrams) = (Vec::new(), Vec::new());

        let packets = buffers.iter_mut().enumerate();
        sealer.seal_each(
            packets.map(|(number, buffer)| (Outgoing::new(buffer, inner.clone()), number)),
            |number, datagram| {
                numbers.push(number);
                datagrams.push(datagram.to_vec());
            },
        );

        drop(sealer);
        let expected: Vec<_> = (0..count).filter(|number| *number != 7).collect();
        assert_eq!(numbers, expected);
        pair.carry(LEFT, datagrams);
        assert_eq!(pair.hosts[RIGHT].delivered, vec![packet; expected.len()]);
    }
}

#[test]
fn line_17_a_batch_over_the_last_counter_is_refused_from_there_on() {
    let mut pair = Pair::connected();
    let packet = pair.packet(LEFT, b"the last ones");
    let session = read(&pair.peer(LEFT).path).session.clone().unwrap();
    session.set_sent(REJECT_AFTER_MESSAGES - 5);

    let sealed = seal_batch(&pair, &vec![packet.clone(); 40], TAILROOM);

    assert_eq!(sealed.iter().filter(|sealed| sealed.is_ok()).count(), 5);
    assert!(
        sealed[5..]
            .iter()
            .all(|sealed| *sealed == Err(DropReason::CounterExhausted))
    );
    pair.carry(LEFT, sealed.into_iter().flatten().collect());
    assert_eq!(pair.hosts[RIGHT].delivered, vec![packet; 5]);
}

fn seal_batch(
    pair: &Pair,
    packets: &[Vec<u8>],
    tailroom: usize,
) -> Vec<Result<Vec<u8>, DropReason>> {
    let peer = pair.peer(LEFT);
    let mut outbox = Outbox::new();
    let mut sealer = pair.hosts[LEFT]
        .tunnel
        .sealer(pair.now, &peer, &mut outbox)
        .unwrap();
    let mut buffers: Vec<_> = packets
        .iter()
        .map(|packet| buffer(packet, tailroom))
        .collect();
    let mut batch: Vec<_> = buffers
        .iter_mut()
        .zip(packets)
        .map(|(buffer, packet)| Outgoing::new(buffer, HEADROOM..HEADROOM + packet.len()))
        .collect();
    sealer.seal_batch(&mut batch);
    batch.iter().map(datagram).collect()
}

fn datagram(outgoing: &Outgoing<'_>) -> Result<Vec<u8>, DropReason> {
    let range = outgoing.sealed.clone()?;
    Ok(outgoing.buffer[range].to_vec())
}

fn buffer(packet: &[u8], tailroom: usize) -> Vec<u8> {
    let mut buffer = vec![0xee; HEADROOM];
    buffer.extend_from_slice(packet);
    buffer.extend(vec![0xee; tailroom]);
    buffer
}

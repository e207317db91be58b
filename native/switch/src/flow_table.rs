//! Every flow, found by its key, bounded for each device and as a whole.
//!
//! Flows of one phase have the same patience, so a list per phase, longest unseen first, tells what has run out without
//! ever walking the table. A second list per device tells what to forget when that device has too many. Finding and
//! touching a flow allocates nothing.
mod list;

use std::collections::HashMap;

use self::list::{Links, List};
use crate::config::{PeerHandle, PeerMap};
use crate::flow::{Flow, FlowKey, Phase};
use crate::seeded_hash::SeededState;

/// Moving a flow in its lists at every packet would cost more than it tells.
const TOUCH_GRAIN_MS: u64 = 1000;

#[derive(Debug, Clone, Copy)]
pub struct FlowLimits {
    pub per_device: u32,
    pub overall: u32,
}

impl Default for FlowLimits {
    fn default() -> Self {
        // About 150 bytes each: 40 MB when full.
        Self {
            per_device: 4096,
            overall: 262_144,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FlowIndex(u32);

#[derive(Debug)]
pub(crate) struct FlowTable {
    limits: FlowLimits,
    slots: Vec<Slot>,
    free: Vec<u32>,
    index: HashMap<FlowKey, u32, SeededState>,
    by_phase: [List; Phase::ALL.len()],
    by_device: PeerMap<DeviceFlows>,
}

#[derive(Debug)]
struct Slot {
    flow: Option<Flow>,
    seen_ms: u64,
    phase_links: Links,
    device_links: Links,
}

#[derive(Debug, Default)]
struct DeviceFlows {
    count: u32,
    oldest_first: List,
}

impl FlowTable {
    pub(crate) fn new(limits: FlowLimits, seed: [u64; 2]) -> Self {
        Self {
            limits,
            slots: Vec::new(),
            free: Vec::new(),
            index: HashMap::with_hasher(SeededState::new(seed)),
            by_phase: Default::default(),
            by_device: PeerMap::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// How many places have ever been in use: what a sweep goes over.
    pub(crate) fn slot_count(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn at_slot(&self, slot: u32) -> Option<FlowIndex> {
        self.slots
            .get(slot as usize)?
            .flow
            .as_ref()
            .map(|_| FlowIndex(slot))
    }

    /// A flow that has run out is not found, even before it is collected.
    pub(crate) fn find(&self, key: &FlowKey, now_ms: u64) -> Option<FlowIndex> {
        let slot = *self.index.get(key)?;
        let place = self.slots.get(slot as usize)?;
        let patience = place.flow.as_ref()?.phase.patience_ms();
        (now_ms < place.seen_ms + patience).then_some(FlowIndex(slot))
    }

    pub(crate) fn get(&self, index: FlowIndex) -> Option<&Flow> {
        self.slots.get(index.0 as usize)?.flow.as_ref()
    }

    /// Changes a flow that has just been seen.
    pub(crate) fn touch(&mut self, index: FlowIndex, now_ms: u64, change: impl FnOnce(&mut Flow)) {
        let Some(slot) = self.slots.get_mut(index.0 as usize) else {
            return;
        };
        let Some(flow) = &mut slot.flow else { return };
        let (before, device) = (flow.phase, flow.device);
        change(flow);
        let after = flow.phase;
        if before != after || now_ms >= slot.seen_ms + TOUCH_GRAIN_MS {
            slot.seen_ms = now_ms;
            self.move_to_end(index.0, before, after, device);
        }
    }

    /// Changes what is known about a flow, without it having been seen.
    pub(crate) fn amend(&mut self, index: FlowIndex, change: impl FnOnce(&mut Flow)) {
        if let Some(flow) = self
            .slots
            .get_mut(index.0 as usize)
            .and_then(|slot| slot.flow.as_mut())
        {
            change(flow);
        }
    }

    /// A device that has too many loses its longest unseen flow; it can never push out another's.
    pub(crate) fn insert(&mut self, flow: Flow, now_ms: u64) -> Result<(), TableFull> {
        if let Some(stale) = self.index.get(&flow.key).copied() {
            self.remove(FlowIndex(stale));
        }
        self.make_room_for(flow.device)?;
        let slot = self.place(Slot {
            flow: Some(flow),
            seen_ms: now_ms,
            phase_links: Links::default(),
            device_links: Links::default(),
        });
        self.index.insert(flow.key, slot);
        self.append_to_phase(slot, flow.phase);
        let flows = self.by_device.entry(flow.device).or_default();
        flows.count += 1;
        flows
            .oldest_first
            .append(&mut self.slots, device_links, slot);
        Ok(())
    }

    fn make_room_for(&mut self, device: PeerHandle) -> Result<(), TableFull> {
        let flows = self.by_device.get(&device);
        let own = flows.map_or(0, |flows| flows.count);
        let is_full = self.len() >= self.limits.overall as usize;
        if own >= self.limits.per_device || (is_full && own > 0) {
            self.forget_oldest_of(device);
        } else if is_full {
            return Err(TableFull);
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, index: FlowIndex) -> Option<Flow> {
        let flow = self.slots.get_mut(index.0 as usize)?.flow.take()?;
        self.index.remove(&flow.key);
        self.unlink_from_phase(index.0, flow.phase);
        if let Some(flows) = self.by_device.get_mut(&flow.device) {
            flows.count -= 1;
            flows
                .oldest_first
                .unlink(&mut self.slots, device_links, index.0);
            if flows.count == 0 {
                self.by_device.remove(&flow.device);
            }
        }
        self.free.push(index.0);
        Some(flow)
    }

    /// Forgets at most `budget` flows that have run out.
    pub(crate) fn collect(&mut self, now_ms: u64, budget: usize) {
        for _ in 0..budget {
            let due = Phase::ALL
                .iter()
                .find_map(|phase| self.oldest(*phase).filter(|(_, end_ms)| *end_ms <= now_ms));
            let Some((slot, _)) = due else { return };
            self.remove(FlowIndex(slot));
        }
    }

    /// When the next flow runs out.
    pub(crate) fn next_end_ms(&self) -> Option<u64> {
        Phase::ALL
            .iter()
            .filter_map(|phase| self.oldest(*phase))
            .map(|(_, end_ms)| end_ms)
            .min()
    }

    fn oldest(&self, phase: Phase) -> Option<(u32, u64)> {
        let slot = self.by_phase.get(phase as usize)?.first()?;
        let place = self.slots.get(slot as usize)?;
        Some((slot, place.seen_ms + phase.patience_ms()))
    }

    fn forget_oldest_of(&mut self, device: PeerHandle) {
        let flows = self.by_device.get(&device);
        if let Some(oldest) = flows.and_then(|flows| flows.oldest_first.first()) {
            self.remove(FlowIndex(oldest));
        }
    }

    fn place(&mut self, place: Slot) -> u32 {
        if let Some(slot) = self.free.pop() {
            if let Some(free) = self.slots.get_mut(slot as usize) {
                *free = place;
            }
            return slot;
        }
        self.slots.push(place);
        self.slot_count() - 1
    }

    fn move_to_end(&mut self, slot: u32, before: Phase, after: Phase, device: PeerHandle) {
        self.unlink_from_phase(slot, before);
        self.append_to_phase(slot, after);
        if let Some(flows) = self.by_device.get_mut(&device) {
            flows
                .oldest_first
                .unlink(&mut self.slots, device_links, slot);
            flows
                .oldest_first
                .append(&mut self.slots, device_links, slot);
        }
    }

    fn append_to_phase(&mut self, slot: u32, phase: Phase) {
        if let Some(list) = self.by_phase.get_mut(phase as usize) {
            list.append(&mut self.slots, phase_links, slot);
        }
    }

    fn unlink_from_phase(&mut self, slot: u32, phase: Phase) {
        if let Some(list) = self.by_phase.get_mut(phase as usize) {
            list.unlink(&mut self.slots, phase_links, slot);
        }
    }
}

/// The table is full, and not through this device's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableFull;

fn phase_links(slot: &mut Slot) -> &mut Links {
    &mut slot.phase_links
}

fn device_links(slot: &mut Slot) -> &mut Links {
    &mut slot.device_links
}

//! Sixteen sources at a time: which source goes into which lane of the vectors, while there are enough of them.

use crate::compression::{Compression, digest};
use crate::lane::Lane;
use crate::schedule::{Seat, Source};
use crate::vectors::{LANES, States, VectorInstructions};

/// Sources below which two lanes of the SHA instructions are faster than vectors with empty lanes.
pub(crate) const FEWEST: usize = 9;

/// Hashes until fewer than `FEWEST` sources are left; those are returned as far as they have come.
pub(crate) fn compress<'a, S: Source>(
    instructions: VectorInstructions,
    compression: Compression,
    queue: &mut impl Iterator<Item = (&'a mut S, &'a mut [u8; 32])>,
) -> Vec<Seat<'a, S>> {
    let mut states = States::EMPTY;
    let mut seats: Vec<Seat<'a, S>> = Vec::with_capacity(LANES);
    for (lane, (source, digest)) in queue.take(LANES).enumerate() {
        states.restart(lane);
        seats.push(Seat {
            lane: Lane::new(compression),
            source,
            digest,
        });
    }
    loop {
        refill(compression, &mut seats, &mut states, queue);
        if seats.len() < FEWEST {
            break;
        }
        let ready = seats.iter().map(|seat| seat.lane.blocks().len());
        let count = ready.min().unwrap_or_default();
        // An empty lane compresses what another one has: nobody asks for its state.
        let mut blocks = [seats.first().map_or(&[][..], |seat| seat.lane.blocks()); LANES];
        for (blocks, seat) in blocks.iter_mut().zip(&seats) {
            *blocks = seat.lane.blocks();
        }
        instructions.compress(&mut states, blocks);
        for seat in &mut seats {
            seat.lane.take_gathered(count);
        }
    }
    for (lane, seat) in seats.iter_mut().enumerate() {
        seat.lane.resume(compression.ordered(states.state(lane)));
    }
    seats
}

/// Makes blocks ready in every seat, of the next source where one has ended; a seat without any is given up.
fn refill<'a, S: Source>(
    compression: Compression,
    seats: &mut Vec<Seat<'a, S>>,
    states: &mut States,
    queue: &mut impl Iterator<Item = (&'a mut S, &'a mut [u8; 32])>,
) {
    let mut lane = 0;
    while let Some(seat) = seats.get_mut(lane) {
        if seat.lane.fill(seat.source) {
            lane += 1;
            continue;
        }
        *seat.digest = digest(states.state(lane));
        if let Some((source, digest)) = queue.next() {
            (seat.source, seat.digest) = (source, digest);
            seat.lane.restart(compression);
            states.restart(lane);
        } else {
            seats.swap_remove(lane);
            states.put(lane, states.state(seats.len()));
        }
    }
}

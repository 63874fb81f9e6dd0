//! The compression by the SHA instructions of x86-64: every unsafe line of this crate is here.
//! `sha256rnds2` has a latency of four cycles and could start every other one: lanes in turn fill the waits.
//! Two lanes gain half as much again (measured); three need more than the sixteen registers: on one CPU they gained
//! a tenth more, on another they lost all. The order of instructions within the lanes does not matter.

#![expect(
    unsafe_code,
    reason = "loads, and calls of what needs instructions that only the CPU can promise"
)]

use std::arch::x86_64::{
    __m128i, _MM_HINT_T0, _mm_add_epi32, _mm_alignr_epi8, _mm_loadu_si128, _mm_prefetch,
    _mm_set_epi64x, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32,
    _mm_shuffle_epi8, _mm_shuffle_epi32, _mm_storeu_si128,
};

use crate::compression::{Block, ROUND_CONSTANTS, State};

/// The proof that this CPU has SHA, SSSE3 and SSE4.1: only `detect` makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShaInstructions(());

impl ShaInstructions {
    /// Asks the CPU; the answer is kept by the standard library.
    pub(crate) fn detect() -> Option<Self> {
        let is_there = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1");
        is_there.then_some(Self(()))
    }

    /// From the order a to h to that of the instructions: f, e, b, a in the first register, h, g, d, c in the second.
    #[expect(clippy::many_single_char_names, reason = "the standard's names")]
    pub(crate) const fn ordered([a, b, c, d, e, f, g, h]: State) -> State {
        [f, e, b, a, h, g, d, c]
    }

    /// From the order of the instructions to a to h.
    #[expect(clippy::many_single_char_names, reason = "the standard's names")]
    pub(crate) const fn plain([f, e, b, a, h, g, d, c]: State) -> State {
        [a, b, c, d, e, f, g, h]
    }

    /// Compresses blocks into a state.
    #[inline]
    #[expect(clippy::unused_self, reason = "the proof that the call is allowed")]
    pub(crate) fn one(self, state: &mut State, blocks: &[Block]) {
        // SAFETY: `self` exists, so the CPU has every instruction that `compress` enables.
        unsafe { compress([state], blocks.iter().map(|block| [block])) }
    }

    /// Compresses blocks into two states, in turn; of the longer one only as many as the other has.
    #[inline]
    #[expect(clippy::unused_self, reason = "the proof that the call is allowed")]
    pub(crate) fn two(self, states: [&mut State; 2], blocks: [&[Block]; 2]) {
        let [first, second] = blocks;
        let pairs = first.iter().zip(second).map(|(one, other)| [one, other]);
        // SAFETY: `self` exists, so the CPU has every instruction that `compress` enables.
        unsafe { compress(states, pairs) }
    }
}

/// Sixteen octets as they stand in memory.
#[inline]
fn load(octets: &[u8; 16]) -> __m128i {
    // SAFETY: sixteen octets are readable there; the load asks for no alignment. SSE2 is part of x86-64.
    unsafe { _mm_loadu_si128(octets.as_ptr().cast()) }
}

/// Brings octets into the nearest cache, a line at a time.
pub(crate) fn prefetch(octets: &[u8]) {
    for line in octets.chunks(CACHE_LINE) {
        // SAFETY: a prefetch changes nothing and reads nothing, whatever the address. SSE is part of x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
}

/// Octets that every CPU of the kind fetches at once.
const CACHE_LINE: usize = 64;

/// Four words, the first lowest.
#[inline]
fn load_words(words: &[u32; 4]) -> __m128i {
    // SAFETY: as in `load`; four words are sixteen octets.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}

/// Writes four words, the lowest first.
#[inline]
fn store_words(words: &mut [u32; 4], register: __m128i) {
    // SAFETY: sixteen octets are writable there; the store asks for no alignment. SSE2 is part of x86-64.
    unsafe { _mm_storeu_si128(words.as_mut_ptr().cast(), register) }
}

/// One lane while a block is compressed: its state in two registers, the last sixteen words of the schedule in four.
struct Registers {
    abef: __m128i,
    cdgh: __m128i,
    words: [__m128i; 4],
}

/// Compresses blocks into states, a block of every lane at a time, the lanes in turn within each four rounds.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn compress<'a, const LANES: usize>(
    mut states: [&mut State; LANES],
    blocks: impl Iterator<Item = [&'a Block; LANES]>,
) {
    let mut lanes = states.each_ref().map(|state| registers(state));
    for blocks in blocks {
        let before = lanes.each_ref().map(|lane| (lane.abef, lane.cdgh));
        for (lane, block) in lanes.iter_mut().zip(blocks) {
            lane.words = message_words(block);
        }
        four_rounds::<0, LANES>(&mut lanes);
        four_rounds::<1, LANES>(&mut lanes);
        four_rounds::<2, LANES>(&mut lanes);
        four_rounds::<3, LANES>(&mut lanes);
        four_rounds::<4, LANES>(&mut lanes);
        four_rounds::<5, LANES>(&mut lanes);
        four_rounds::<6, LANES>(&mut lanes);
        four_rounds::<7, LANES>(&mut lanes);
        four_rounds::<8, LANES>(&mut lanes);
        four_rounds::<9, LANES>(&mut lanes);
        four_rounds::<10, LANES>(&mut lanes);
        four_rounds::<11, LANES>(&mut lanes);
        four_rounds::<12, LANES>(&mut lanes);
        four_rounds::<13, LANES>(&mut lanes);
        four_rounds::<14, LANES>(&mut lanes);
        four_rounds::<15, LANES>(&mut lanes);
        for (lane, (abef, cdgh)) in lanes.iter_mut().zip(before) {
            lane.abef = _mm_add_epi32(lane.abef, abef);
            lane.cdgh = _mm_add_epi32(lane.cdgh, cdgh);
        }
    }
    for (state, lane) in states.iter_mut().zip(lanes) {
        let ([abef, cdgh], _) = state.as_chunks_mut() else {
            unreachable!("eight words are two times four");
        };
        store_words(abef, lane.abef);
        store_words(cdgh, lane.cdgh);
    }
}

/// Four rounds of every lane (FIPS 180-4 §6.2.2 step 3).
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
#[expect(
    clippy::indexing_slicing,
    reason = "ROUND is 0 to 15, the schedule's places are taken modulo 4"
)]
fn four_rounds<const ROUND: usize, const LANES: usize>(lanes: &mut [Registers; LANES]) {
    let constants = load_words(&ROUND_CONSTANTS[ROUND]);
    for lane in lanes {
        let words = &mut lane.words;
        if ROUND >= 4 {
            // W(t-16) + σ0(W(t-15)) + W(t-7) + σ1(W(t-2)): FIPS 180-4 §6.2.2 step 1.
            let early = _mm_sha256msg1_epu32(words[ROUND % 4], words[(ROUND + 1) % 4]);
            let seven = _mm_alignr_epi8::<4>(words[(ROUND + 3) % 4], words[(ROUND + 2) % 4]);
            let sum = _mm_add_epi32(early, seven);
            words[ROUND % 4] = _mm_sha256msg2_epu32(sum, words[(ROUND + 3) % 4]);
        }
        let sums = _mm_add_epi32(words[ROUND % 4], constants);
        lane.cdgh = _mm_sha256rnds2_epu32(lane.cdgh, lane.abef, sums);
        let upper = _mm_shuffle_epi32::<0b00_00_11_10>(sums);
        lane.abef = _mm_sha256rnds2_epu32(lane.abef, lane.cdgh, upper);
    }
}

/// A state in registers, without a schedule.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn registers(state: &State) -> Registers {
    let ([abef, cdgh], _) = state.as_chunks() else {
        unreachable!("eight words are two times four");
    };
    let (abef, cdgh) = (load_words(abef), load_words(cdgh));
    Registers {
        abef,
        cdgh,
        words: [abef; 4],
    }
}

/// The sixteen words of a block, whose octets stand highest first (FIPS 180-4 §5.2.1).
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn message_words(block: &Block) -> [__m128i; 4] {
    let highest_first = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let (octets, _) = block.as_chunks();
    let &[first, second, third, fourth] = octets else {
        unreachable!("a block is four times sixteen octets");
    };
    [first, second, third, fourth].map(|octets| _mm_shuffle_epi8(load(&octets), highest_first))
}

//! The compression of sixteen blocks at a time in the vectors of AVX-512, a message in each lane.
//! Twice as fast as two lanes of the SHA instructions where the vectors are as wide as the registers, when most lanes
//! are in use. As `instructions.rs`, it holds unsafe lines: loads, stores, and what only the CPU can promise.

#![expect(
    unsafe_code,
    reason = "loads and stores, and calls of what needs instructions that only the CPU can promise"
)]

use std::arch::x86_64::{
    __m512i, _mm_set_epi64x, _mm512_add_epi32, _mm512_broadcast_i32x4, _mm512_loadu_si512,
    _mm512_ror_epi32, _mm512_set1_epi32, _mm512_shuffle_epi8, _mm512_shuffle_i32x4,
    _mm512_srli_epi32, _mm512_storeu_si512, _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use crate::compression::{Block, INITIAL, ROUND_CONSTANTS, State};

/// Blocks compressed at a time.
pub(crate) const LANES: usize = 16;

/// One word of every lane.
type Words = [u32; LANES];

/// The proof that this CPU has AVX-512 for words and octets: only `detect` makes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VectorInstructions(());

/// The states of all lanes, word by word.
pub(crate) struct States([Words; 8]);

impl States {
    /// No lane begun.
    pub(crate) const EMPTY: Self = Self([[0; LANES]; 8]);

    /// Begins a lane anew.
    pub(crate) fn restart(&mut self, lane: usize) {
        self.put(lane, INITIAL);
    }

    /// The words a to h of a lane.
    pub(crate) fn state(&self, lane: usize) -> State {
        self.0.map(|words| words.get(lane).copied().unwrap_or(0))
    }

    pub(crate) fn put(&mut self, lane: usize, state: State) {
        for (words, value) in self.0.iter_mut().zip(state) {
            if let Some(word) = words.get_mut(lane) {
                *word = value;
            }
        }
    }
}

impl VectorInstructions {
    /// Asks the CPU; the answer is kept by the standard library.
    pub(crate) fn detect() -> Option<Self> {
        let is_there = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        is_there.then_some(Self(()))
    }

    /// Compresses blocks into every state; of the longer ones only as many as the shortest has.
    #[expect(clippy::unused_self, reason = "the proof that the call is allowed")]
    pub(crate) fn compress(self, states: &mut States, blocks: [&[Block]; LANES]) {
        // SAFETY: `self` exists, so the CPU has every instruction that `compress` enables.
        unsafe { compress(states, blocks) }
    }
}

/// Sixteen words as they stand in memory.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_words(words: &Words) -> __m512i {
    // SAFETY: sixteen words are readable there; the load asks for no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// A block as it stands in memory.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_block(block: &Block) -> __m512i {
    // SAFETY: a block is 64 octets, all readable; the load asks for no alignment.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

/// Writes sixteen words, the lowest first.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store_words(words: &mut Words, register: __m512i) {
    // SAFETY: sixteen words are writable there; the store asks for no alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), register) }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn compress(states: &mut States, blocks: [&[Block]; LANES]) {
    let mut state = states.0.each_ref().map(|words| load_words(words));
    let mut lanes = blocks.map(<[Block]>::iter);
    while let Some(mut words) = message_words(&mut lanes) {
        let before = state;
        sixteen_rounds::<0>(&mut state, &mut words);
        sixteen_rounds::<1>(&mut state, &mut words);
        sixteen_rounds::<2>(&mut state, &mut words);
        sixteen_rounds::<3>(&mut state, &mut words);
        for (word, before) in state.iter_mut().zip(before) {
            *word = _mm512_add_epi32(*word, before);
        }
    }
    for (words, register) in states.0.iter_mut().zip(state) {
        store_words(words, register);
    }
}

/// Sixteen rounds of every lane (FIPS 180-4 §6.2.2 step 3).
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn sixteen_rounds<const PART: usize>(state: &mut [__m512i; 8], words: &mut [__m512i; 16]) {
    round::<PART, 0>(state, words);
    round::<PART, 1>(state, words);
    round::<PART, 2>(state, words);
    round::<PART, 3>(state, words);
    round::<PART, 4>(state, words);
    round::<PART, 5>(state, words);
    round::<PART, 6>(state, words);
    round::<PART, 7>(state, words);
    round::<PART, 8>(state, words);
    round::<PART, 9>(state, words);
    round::<PART, 10>(state, words);
    round::<PART, 11>(state, words);
    round::<PART, 12>(state, words);
    round::<PART, 13>(state, words);
    round::<PART, 14>(state, words);
    round::<PART, 15>(state, words);
}

/// One round; instead of moving the words a to h by one place their names move.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
#[expect(clippy::many_single_char_names, reason = "the standard's names")]
#[expect(
    clippy::indexing_slicing,
    reason = "PART is 0 to 3, every other index is taken modulo the length"
)]
fn round<const PART: usize, const STEP: usize>(
    state: &mut [__m512i; 8],
    words: &mut [__m512i; 16],
) {
    let place = |name: usize| (name + 16 - STEP) % 8;
    if PART > 0 {
        // W(t-16) + σ0(W(t-15)) + W(t-7) + σ1(W(t-2)): FIPS 180-4 §6.2.2 step 1.
        let (early, late) = (words[(STEP + 1) % 16], words[(STEP + 14) % 16]);
        let sum = _mm512_add_epi32(words[STEP % 16], words[(STEP + 9) % 16]);
        let sigmas = _mm512_add_epi32(
            small_sigma::<7, 18, 3>(early),
            small_sigma::<17, 19, 10>(late),
        );
        words[STEP % 16] = _mm512_add_epi32(sum, sigmas);
    }
    let [a, b, c, d] = [0, 1, 2, 3].map(|name| state[place(name)]);
    let [e, f, g, h] = [4, 5, 6, 7].map(|name| state[place(name)]);
    let constant = _mm512_set1_epi32(ROUND_CONSTANTS[4 * PART + STEP / 4][STEP % 4].cast_signed());
    let input = _mm512_add_epi32(words[STEP % 16], constant);
    let chosen = _mm512_add_epi32(
        big_sigma::<6, 11, 25>(e),
        _mm512_ternarylogic_epi32::<CHOICE>(e, f, g),
    );
    let first = _mm512_add_epi32(_mm512_add_epi32(h, input), chosen);
    let second = _mm512_add_epi32(
        big_sigma::<2, 13, 22>(a),
        _mm512_ternarylogic_epi32::<MAJORITY>(a, b, c),
    );
    state[place(3)] = _mm512_add_epi32(d, first);
    state[place(7)] = _mm512_add_epi32(first, second);
}

/// Truth tables of three bits (FIPS 180-4 §4.1.2): Ch, Maj, and the sum modulo 2.
const CHOICE: i32 = 0xca;
const MAJORITY: i32 = 0xe8;
const PARITY: i32 = 0x96;

/// Σ0 by 2, 13 and 22, Σ1 by 6, 11 and 25 (FIPS 180-4 §4.1.2).
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn big_sigma<const ONE: i32, const OTHER: i32, const THIRD: i32>(word: __m512i) -> __m512i {
    let third = _mm512_ror_epi32::<THIRD>(word);
    parity_of_rotations::<ONE, OTHER>(word, third)
}

/// σ0 by 7, 18 and 3, σ1 by 17, 19 and 10, of which the last is a shift (FIPS 180-4 §4.1.2).
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn small_sigma<const ONE: i32, const OTHER: i32, const SHIFT: u32>(word: __m512i) -> __m512i {
    let third = _mm512_srli_epi32::<SHIFT>(word);
    parity_of_rotations::<ONE, OTHER>(word, third)
}

/// The sum modulo 2, bit by bit, of two rotations of a word and a third word.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn parity_of_rotations<const ONE: i32, const OTHER: i32>(word: __m512i, third: __m512i) -> __m512i {
    let (one, other) = (
        _mm512_ror_epi32::<ONE>(word),
        _mm512_ror_epi32::<OTHER>(word),
    );
    _mm512_ternarylogic_epi32::<PARITY>(one, other, third)
}

/// The words of the next block of every lane, whose octets stand highest first (FIPS 180-4 §5.2.1); `None` when one
/// has no more.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn message_words(lanes: &mut [std::slice::Iter<'_, Block>; LANES]) -> Option<[__m512i; 16]> {
    let highest_first = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let highest_first = _mm512_broadcast_i32x4(highest_first);
    let mut blocks = [highest_first; LANES];
    for (register, lane) in blocks.iter_mut().zip(lanes) {
        *register = _mm512_shuffle_epi8(load_block(lane.next()?), highest_first);
    }
    Some(turned(&blocks))
}

/// From words lane by lane to lanes word by word: a square of sixteen by sixteen, turned in four steps.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
#[expect(clippy::indexing_slicing, reason = "every index is below sixteen")]
fn turned(rows: &[__m512i; 16]) -> [__m512i; 16] {
    let mut pairs = *rows;
    for place in 0..8 {
        let (even, odd) = (rows[2 * place], rows[2 * place + 1]);
        pairs[2 * place] = _mm512_unpacklo_epi32(even, odd);
        pairs[2 * place + 1] = _mm512_unpackhi_epi32(even, odd);
    }
    // Quarter n of register 4 q + j: word 4 n + j of the rows 4 q to 4 q + 3.
    let mut fours = pairs;
    for place in [0, 4, 8, 12] {
        let [low, high, next_low, next_high] = [0, 1, 2, 3].map(|step| pairs[place + step]);
        fours[place] = _mm512_unpacklo_epi64(low, next_low);
        fours[place + 1] = _mm512_unpackhi_epi64(low, next_low);
        fours[place + 2] = _mm512_unpacklo_epi64(high, next_high);
        fours[place + 3] = _mm512_unpackhi_epi64(high, next_high);
    }
    let mut columns = fours;
    for place in 0..4 {
        let [first, second, third, fourth] = [0, 4, 8, 12].map(|row| fours[row + place]);
        let even = _mm512_shuffle_i32x4::<EVEN>(first, second);
        let odd = _mm512_shuffle_i32x4::<ODD>(first, second);
        let other_even = _mm512_shuffle_i32x4::<EVEN>(third, fourth);
        let other_odd = _mm512_shuffle_i32x4::<ODD>(third, fourth);
        columns[place] = _mm512_shuffle_i32x4::<EVEN>(even, other_even);
        columns[4 + place] = _mm512_shuffle_i32x4::<EVEN>(odd, other_odd);
        columns[8 + place] = _mm512_shuffle_i32x4::<ODD>(even, other_even);
        columns[12 + place] = _mm512_shuffle_i32x4::<ODD>(odd, other_odd);
    }
    columns
}

/// The quarters 0 and 2 of two registers.
const EVEN: i32 = 0b10_00_10_00;
/// The quarters 1 and 3 of two registers.
const ODD: i32 = 0b11_01_11_01;

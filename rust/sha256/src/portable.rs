//! The compression function of FIPS 180-4 §6.2.2 in plain Rust.

use crate::compression::{Block, ROUND_CONSTANTS, State};

/// Compresses blocks into a state of the order a to h.
pub(crate) fn compress(state: &mut State, blocks: &[Block]) {
    for block in blocks {
        let rounds = rounds(*state, &schedule(block));
        for (word, round) in state.iter_mut().zip(rounds) {
            *word = word.wrapping_add(round);
        }
    }
}

/// The message schedule W (FIPS 180-4 §6.2.2 step 1).
#[expect(clippy::indexing_slicing, reason = "t is 16 to 63")]
fn schedule(block: &Block) -> [u32; 64] {
    let mut words = [0_u32; 64];
    let (chunks, _) = block.as_chunks();
    for (word, octets) in words.iter_mut().zip(chunks) {
        *word = u32::from_be_bytes(*octets);
    }
    for t in 16..64 {
        words[t] = small_sigma(words[t - 2], 17, 19, 10)
            .wrapping_add(words[t - 7])
            .wrapping_add(small_sigma(words[t - 15], 7, 18, 3))
            .wrapping_add(words[t - 16]);
    }
    words
}

/// The 64 rounds (FIPS 180-4 §6.2.2 step 3), where a renaming of the words is a turn of the tuple.
#[expect(clippy::many_single_char_names, reason = "the standard's names")]
fn rounds(state: State, words: &[u32; 64]) -> State {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
    for (constant, word) in ROUND_CONSTANTS.as_flattened().iter().zip(words) {
        let first = h
            .wrapping_add(big_sigma(e, 6, 11, 25))
            .wrapping_add(g ^ (e & (f ^ g)))
            .wrapping_add(*constant)
            .wrapping_add(*word);
        let second = big_sigma(a, 2, 13, 22).wrapping_add((a & b) | (c & (a | b)));
        (h, g, f, e) = (g, f, e, d.wrapping_add(first));
        (d, c, b, a) = (c, b, a, first.wrapping_add(second));
    }
    [a, b, c, d, e, f, g, h]
}

/// FIPS 180-4 §4.1.2, functions 4.4 and 4.5.
#[inline]
const fn big_sigma(word: u32, first: u32, second: u32, third: u32) -> u32 {
    word.rotate_right(first) ^ word.rotate_right(second) ^ word.rotate_right(third)
}

/// FIPS 180-4 §4.1.2, functions 4.6 and 4.7.
#[inline]
const fn small_sigma(word: u32, first: u32, second: u32, shift: u32) -> u32 {
    word.rotate_right(first) ^ word.rotate_right(second) ^ (word >> shift)
}

//! The ways to find and to move the octets of a body: one of them for any CPU, and for vectors of x86-64.
//!
//! All give the same octets, at different speeds. Knows instructions; which octets change is known to `body_blocks.rs`.
//! The tokens of `archmage` prove that the CPU has the instructions, so that calling them is safe.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::__m512i;

#[cfg(target_arch = "x86_64")]
use archmage::{SimdToken as _, X64V3Token, X64V4xToken, arcane, rite};

use crate::dkim::body_blocks::{BodyText, write_stretches};
#[cfg(target_arch = "x86_64")]
use crate::dkim::body_blocks::{Edit, ROOM, Seen, Window};
#[cfg(target_arch = "x86_64")]
use crate::message::to_usize;
use crate::octet_classes::classify;
#[cfg(target_arch = "x86_64")]
use crate::octet_classes::{BLOCK, Classes};

/// A way to the canonical form.
#[derive(Clone, Copy, Debug)]
pub(super) enum Path {
    /// What every CPU of the target has.
    Portable,
    /// AVX2, and the bit fields of BMI2.
    #[cfg(target_arch = "x86_64")]
    Avx2(X64V3Token),
    /// AVX-512 with VBMI2, whose `compress` moves the octets of a block at once.
    #[cfg(target_arch = "x86_64")]
    Avx512(X64V4xToken),
}

impl Path {
    /// The fastest way of this CPU; the answer is kept by `archmage`.
    pub(super) fn detect() -> Self {
        Self::available().last().unwrap_or(Self::Portable)
    }

    /// Every way that this CPU has, the slowest first.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn available() -> impl Iterator<Item = Self> {
        let vectors = [
            X64V3Token::summon().map(Self::Avx2),
            X64V4xToken::summon().map(Self::Avx512),
        ];
        std::iter::once(Self::Portable).chain(vectors.into_iter().flatten())
    }

    /// Every way that this CPU has.
    #[cfg(not(target_arch = "x86_64"))]
    pub(super) fn available() -> impl Iterator<Item = Self> {
        std::iter::once(Self::Portable)
    }

    pub(super) fn fill(self, text: &mut BodyText<'_>, room: &mut [u8], filled: usize) -> usize {
        match self {
            Self::Portable => text.walk(room, filled, |window, seen, room| {
                let edit = seen.edit(classify(window.block()), window);
                write_stretches(window, edit, room)
            }),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(token) => avx2(token, text, room, filled),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(token) => avx512(token, text, room, filled),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[arcane(import_intrinsics)]
#[allow(
    clippy::used_underscore_binding,
    reason = "`arcane` makes two functions, of which one hands the proof on"
)]
fn avx2(_token: X64V3Token, text: &mut BodyText<'_>, room: &mut [u8], filled: usize) -> usize {
    let classify = |block: &[u8; BLOCK]| {
        let [low, high] = halves(block).map(|half| _mm256_loadu_si256(half));
        let positions = |octet: i8| {
            let wanted = _mm256_set1_epi8(octet);
            let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted)).cast_unsigned();
            let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted)).cast_unsigned();
            u64::from(high) << 32 | u64::from(low)
        };
        Classes {
            space: positions(0x20),
            tab: positions(0x09),
            cr: positions(0x0d),
            lf: positions(0x0a),
        }
    };
    let rewrite = |window: Window<'_>, seen: &mut Seen, room: &mut [u8; ROOM]| {
        let edit = seen.edit(classify(window.block()), window);
        if edit.bare_lf != 0 {
            return write_stretches(window, edit, room);
        }
        if edit.dropped == 0 && edit.tab == 0 {
            if let Some(room) = room.first_chunk_mut() {
                *room = *window.block();
            }
            return BLOCK;
        }
        squeeze(window.block(), edit, room)
    };
    text.walk(room, filled, rewrite)
}

/// Writes a block without bare line feeds, eight octets at a time.
#[cfg(target_arch = "x86_64")]
#[rite(v3, import_intrinsics)]
fn squeeze(block: &[u8; BLOCK], edit: Edit, room: &mut [u8; ROOM]) -> usize {
    let (words, _) = block.as_chunks::<8>();
    let mut filled = 0;
    for (word, shift) in words.iter().zip([0, 8, 16, 24, 32, 40, 48, 56]) {
        let spread = |bits: u64| _pdep_u64(bits >> shift & 0xff, 0x0101_0101_0101_0101);
        // A tab and a space differ in these bits.
        let octets = u64::from_le_bytes(*word) ^ (spread(edit.tab) * u64::from(b'\t' ^ b' '));
        let kept = spread(!edit.dropped);
        let octets = _pext_u64(octets, kept * 0xff).to_le_bytes();
        let room = room.get_mut(filled..).unwrap_or_default();
        if let Some(room) = room.first_chunk_mut() {
            *room = octets;
        }
        filled += to_usize(kept.count_ones());
    }
    filled
}

#[cfg(target_arch = "x86_64")]
#[arcane(import_intrinsics)]
#[allow(
    clippy::used_underscore_binding,
    reason = "`arcane` makes two functions, of which one hands the proof on"
)]
fn avx512(_token: X64V4xToken, text: &mut BodyText<'_>, room: &mut [u8], filled: usize) -> usize {
    let (space, tab) = (_mm512_set1_epi8(0x20), _mm512_set1_epi8(0x09));
    let (cr, lf) = (_mm512_set1_epi8(0x0d), _mm512_set1_epi8(0x0a));
    // At the place of its low four bits each octet that white space may stand before.
    let stops = _mm512_broadcast_i32x4(_mm_setr_epi8(
        0x20, 1, 1, 1, 1, 1, 1, 1, 1, 0x09, 0x0a, 1, 1, 0x0d, 1, 1,
    ));
    let rewrite = |window: Window<'_>, seen: &mut Seen, room: &mut [u8; ROOM]| {
        let octets = _mm512_loadu_epi8(window.block());
        let [_, later @ .., _] = window.octets;
        let later = _mm512_loadu_epi8(later);
        let [_, _, second @ ..] = window.octets;
        let second = _mm512_loadu_epi8(second);
        let odd = _mm512_cmpeq_epi8_mask(later, cr) ^ _mm512_cmpeq_epi8_mask(second, lf);
        let tabs = _mm512_mask_cmpeq_epi8_mask(seen.relaxed, octets, tab);
        // Where line ends are whole, every carriage return stands before a line feed.
        if odd | seen.odd != 0 {
            seen.odd = odd;
            let classes = Classes {
                space: _mm512_cmpeq_epi8_mask(octets, space),
                tab: _mm512_cmpeq_epi8_mask(octets, tab),
                cr: _mm512_cmpeq_epi8_mask(octets, cr),
                lf: _mm512_cmpeq_epi8_mask(octets, lf),
            };
            let edit = seen.edit(classes, window);
            return expand(edit, octets, room);
        }
        let blank = tabs | _mm512_mask_cmpeq_epi8_mask(seen.relaxed, octets, space);
        let stop = _mm512_cmpeq_epi8_mask(later, _mm512_shuffle_epi8(stops, later));
        let kept = !(blank & stop) & window.valid;
        let octets = _mm512_mask_blend_epi8(tabs, octets, space);
        store(room, 0, _mm512_maskz_compress_epi8(kept, octets));
        to_usize(kept.count_ones())
    };
    text.walk(room, filled, rewrite)
}

/// Writes a block with bare line feeds.
#[cfg(target_arch = "x86_64")]
#[rite(v4x, import_intrinsics)]
fn expand(edit: Edit, octets: __m512i, room: &mut [u8; ROOM]) -> usize {
    let octets = _mm512_mask_blend_epi8(edit.tab, octets, _mm512_set1_epi8(0x20));
    let kept = !edit.dropped;
    if edit.bare_lf == 0 {
        store(room, 0, _mm512_maskz_compress_epi8(kept, octets));
        return to_usize(kept.count_ones());
    }
    // Each octet behind a carriage return, of which those before a bare line feed are kept.
    let mut filled = 0;
    for (half, shift) in [
        (_mm512_castsi512_si256(octets), 0),
        (_mm512_extracti64x4_epi64::<1>(octets), 32),
    ] {
        let pairs = _mm512_slli_epi16::<8>(_mm512_cvtepu8_epi16(half));
        let pairs = _mm512_or_si512(pairs, _mm512_set1_epi16(0x0d));
        let kept = _pdep_u64(kept >> shift, 0xaaaa_aaaa_aaaa_aaaa)
            | _pdep_u64(edit.bare_lf >> shift, 0x5555_5555_5555_5555);
        store(room, filled, _mm512_maskz_compress_epi8(kept, pairs));
        filled += to_usize(kept.count_ones());
    }
    filled
}

#[cfg(target_arch = "x86_64")]
#[rite(v4x, import_intrinsics)]
fn store(room: &mut [u8; ROOM], filled: usize, octets: __m512i) {
    if let Some(room) = room
        .get_mut(filled..)
        .and_then(<[u8]>::first_chunk_mut::<BLOCK>)
    {
        _mm512_storeu_epi8(room, octets);
    }
}

/// The two halves of a block.
#[cfg(target_arch = "x86_64")]
fn halves(block: &[u8; BLOCK]) -> [&[u8; 32]; 2] {
    match block.as_chunks::<32>().0 {
        [low, high] => [low, high],
        _ => [&[0; 32]; 2],
    }
}

//! The compression of whole blocks (FIPS 180-4 §6.2.2) by whichever instructions are there.
//! What it holds proves that the CPU has them, so that nobody else has to ask.

#[cfg(target_arch = "x86_64")]
use crate::instructions::ShaInstructions;
use crate::path::Path;
use crate::portable;

/// 512 bits, the unit of compression.
pub(crate) type Block = [u8; 64];

/// The words a to h, in the order that its compression keeps them.
pub(crate) type State = [u32; 8];

/// The first 32 bits of the fractions of the cube roots of the first 64 primes (FIPS 180-4 §4.2.2).
#[rustfmt::skip]
pub(crate) const ROUND_CONSTANTS: [[u32; 4]; 16] = [
    [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5], [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
    [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3], [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc], [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
    [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7], [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13], [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
    [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3], [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5], [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
    [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208], [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
];

/// The state before the first block (FIPS 180-4 §5.3.3).
pub(crate) const INITIAL: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The instructions that compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Sha(ShaInstructions),
}

impl Compression {
    /// The instructions of a path, or the portable ones where the CPU lacks them.
    pub(crate) fn of(path: Path) -> Self {
        match path {
            Path::Portable => Self::Portable,
            #[cfg(target_arch = "x86_64")]
            Path::OneLane | Path::TwoLanes | Path::SixteenLanes => {
                ShaInstructions::detect().map_or(Self::Portable, Self::Sha)
            }
            #[cfg(not(target_arch = "x86_64"))]
            Path::OneLane | Path::TwoLanes | Path::SixteenLanes => Self::Portable,
        }
    }

    /// The state before the first block.
    pub(crate) fn initial(self) -> State {
        self.ordered(INITIAL)
    }

    /// The words a to h in the order that this compression keeps them.
    pub(crate) fn ordered(self, state: State) -> State {
        match self {
            Self::Portable => state,
            #[cfg(target_arch = "x86_64")]
            Self::Sha(_) => ShaInstructions::ordered(state),
        }
    }

    /// The digest that a state is after the last block.
    pub(crate) fn digest(self, state: State) -> [u8; 32] {
        match self {
            Self::Portable => digest(state),
            #[cfg(target_arch = "x86_64")]
            Self::Sha(_) => digest(ShaInstructions::plain(state)),
        }
    }

    /// Compresses blocks into a state.
    #[inline]
    pub(crate) fn one(self, state: &mut State, blocks: &[Block]) {
        match self {
            Self::Portable => portable::compress(state, blocks),
            #[cfg(target_arch = "x86_64")]
            Self::Sha(instructions) => instructions.one(state, blocks),
        }
    }

    /// Compresses as many blocks as both have, in turn, and says how many.
    #[inline]
    pub(crate) fn two(self, states: [&mut State; 2], blocks: [&[Block]; 2]) -> usize {
        let [first, second] = blocks;
        let count = first.len().min(second.len());
        let first = first.get(..count).unwrap_or_default();
        let second = second.get(..count).unwrap_or_default();
        match self {
            Self::Portable => {
                let [state, other] = states;
                portable::compress(state, first);
                portable::compress(other, second);
            }
            #[cfg(target_arch = "x86_64")]
            Self::Sha(instructions) => instructions.two(states, [first, second]),
        }
        count
    }
}

/// The digest that the words a to h are after the last block (FIPS 180-4 §6.2.2).
pub(crate) fn digest(state: State) -> [u8; 32] {
    let mut digest = [0; 32];
    let (words, _) = digest.as_chunks_mut();
    for (octets, word) in words.iter_mut().zip(state) {
        *octets = word.to_be_bytes();
    }
    digest
}

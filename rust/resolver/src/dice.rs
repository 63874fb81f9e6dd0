//! Unpredictable numbers for ids, ports and letter case (RFC 5452 §9.2): the system's generator, fetched in bulk.

use std::io;

/// Octets fetched at a time: about 200 questions' worth, so that the system call costs little.
const POOL_SIZE: usize = 8192;

/// A buffer of random octets; none is used twice.
pub(crate) struct Dice {
    pool: Vec<u8>,
    used: usize,
}

impl Dice {
    pub(crate) const fn new() -> Self {
        Self {
            pool: Vec::new(),
            used: 0,
        }
    }

    /// `N` fresh octets.
    ///
    /// # Errors
    /// The system has no randomness: then nothing may be asked.
    pub(crate) fn octets<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        if self.pool.len().saturating_sub(self.used) < N {
            // Nothing of the old pool is drawn again, even if the system fails now.
            self.pool.clear();
            let mut fresh = vec![0; POOL_SIZE.max(N)];
            getrandom::fill(&mut fresh).map_err(|error| io::Error::other(error.to_string()))?;
            (self.pool, self.used) = (fresh, 0);
        }
        let drawn = self.pool.get(self.used..).and_then(<[u8]>::first_chunk);
        self.used = self.used.saturating_add(N);
        drawn
            .copied()
            .ok_or_else(|| io::Error::other("too few random octets"))
    }

    /// A number of the full range of an id or port.
    pub(crate) fn number(&mut self) -> io::Result<u16> {
        self.octets().map(u16::from_be_bytes)
    }

    /// A number below `bound`; 0 when the bound is 0.
    pub(crate) fn below(&mut self, bound: usize) -> io::Result<usize> {
        // 32 bits against bounds of at most some hundreds: the remainder's bias is below 2^-23.
        let drawn = u32::from_be_bytes(self.octets()?);
        Ok(usize::try_from(drawn)
            .unwrap_or_default()
            .checked_rem(bound)
            .unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn rfc5452_9_2_numbers_cover_their_range() {
        let mut dice = Dice::new();
        let drawn: Vec<u16> = (0..2000).map(|_| dice.number().unwrap()).collect();
        assert!(drawn.iter().any(|number| *number < 4096));
        assert!(drawn.iter().any(|number| *number > 61_440));
        assert!((0..100).all(|_| dice.below(3).unwrap() < 3));
        assert_eq!(dice.below(0).unwrap(), 0);
    }

    #[test]
    fn no_octet_is_drawn_twice() {
        let mut dice = Dice::new();
        let first: [u8; 32] = dice.octets().unwrap();
        let second: [u8; 32] = dice.octets().unwrap();
        assert_ne!(first, [0; 32]);
        assert_ne!(first, second);
    }
}

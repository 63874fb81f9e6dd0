//! One stream whose octets are pushed, for whoever cannot give a source.

use crate::compression::Compression;
use crate::lane::Lane;
use crate::path::Path;

/// The SHA-256 of what `update` is given, in order.
#[derive(Clone)]
pub struct Sha256 {
    lane: Lane,
    compression: Compression,
}

impl Sha256 {
    /// Begins a digest; one stream has one lane, on either path of the SHA instructions.
    pub fn new(path: Path) -> Self {
        let compression = Compression::of(path);
        Self {
            lane: Lane::new(compression),
            compression,
        }
    }

    /// Appends octets.
    pub fn update(&mut self, octets: &[u8]) {
        let mut source = octets;
        while self.lane.gather(&mut source) {
            self.lane.compress(self.compression, &mut source);
        }
    }

    /// The digest of all that was appended.
    pub fn finish(mut self) -> [u8; 32] {
        let mut nothing: &[u8] = &[];
        while self.lane.prepare(&mut nothing) {
            self.lane.compress(self.compression, &mut nothing);
        }
        self.lane.digest(self.compression)
    }
}

//! stub
/// x
pub fn unquote_once(_: &[u8]) -> Option<Vec<u8>> {
    None
}
/// x
pub fn unquote_all(_: &[u8]) -> Option<Vec<u8>> {
    None
}

//! stub
use crate::message::Message;
/// x
pub fn message_id(_: &Message) -> Option<String> {
    None
}
/// x
pub fn date(_: &Message) -> Option<i64> {
    None
}
/// x
pub fn received_at(_: &Message) -> Option<i64> {
    None
}

//! Stands for `compress` in builds without the feature `deflate`: polling answers go as they are.

use http::HeaderMap;
use sockeye_net::http::ContentCoding;

use crate::session::config::Config;

pub(crate) const fn accepted(_: &Config, _: &HeaderMap) -> Option<ContentCoding> {
    None
}

pub(crate) const fn encode(_: &Config, _: ContentCoding, _: &[u8]) -> Option<Vec<u8>> {
    None
}

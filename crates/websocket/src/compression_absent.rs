//! Stands for `compression` in builds without the feature `deflate`.

use http::HeaderValue;
use http::header::HeaderMap;
use sockeye_ws as ws;
use sockeye_ws::handshake::client::{Handshake, ResponseError};
use sockeye_ws::handshake::server::RequestError;

use crate::config::Config;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Negotiated {}

pub(crate) fn accept(
    _: &Config,
    _: &HeaderMap,
) -> Result<Option<(Negotiated, HeaderValue)>, RequestError> {
    Ok(None)
}

pub(crate) fn offer(_: &Config, handshake: Handshake) -> Handshake {
    handshake
}

pub(crate) fn agreed<B>(
    _: &Handshake,
    _: &http::Response<B>,
) -> Result<Option<Negotiated>, ResponseError> {
    Ok(None)
}

pub(crate) fn receive(connection: ws::Connection, _: Option<&Negotiated>) -> ws::Connection {
    connection
}

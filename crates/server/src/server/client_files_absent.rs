//! Stands for `client_files` in builds without that feature: no file is served, and a request for one
//! is the engine's, as with `serve_client(false)`.

use http::{Request, Response};
use sockeye_engine::Body;

use super::config::Config;

pub(crate) const fn serve<B>(_: &Config, _: &str, _: &Request<B>) -> Option<Response<Body>> {
    None
}

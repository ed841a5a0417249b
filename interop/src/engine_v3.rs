//! The server of the Engine.IO 3 protocol suite: the echo of revision 4, with revision 3 allowed.

use anyhow::Result;
use sockeye_engine::{CloseReason, Config, Engine};

use crate::engine_echo::Echo;
use crate::serving::Listen;

pub(crate) async fn serve(listen: &Listen<3000>) -> Result<()> {
    let mut config = Config { allow_eio3: true, jsonp: true, ..Config::default() };
    listen.configure(&mut config, 300, 200);
    let engine = Engine::new(config, Echo { late_open: true })?;
    let service = engine.clone().into_service();
    let drain = async move { engine.shutdown(CloseReason::ServerShutdown).await };
    listen.serve_service(service, drain).await
}

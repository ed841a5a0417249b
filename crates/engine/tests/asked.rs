//! What others ask of a session and of all of them: commands, draining, counts, pages.

mod common;

use common::{Heard, Host};
use sockeye_engine::{CloseReason, Config, Revision, TransportKind};

fn text(text: &str) -> Heard {
    Heard::Text(text.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_command_reaches_the_handler_in_its_order() {
    let host = Host::memory(Config::default());
    let sid = host.open().await;
    let session = host.app.session(&sid);
    assert!(session.command(Box::new("first")));
    assert!(session.command(Box::new("second")));
    let heard = host.app.until(&sid, |heard| heard.contains(&text("second"))).await;
    assert_eq!(heard, [Heard::Opened, text("first"), text("second")]);
    host.assert_echoes(&sid).await;
    session.discard(CloseReason::ForcedServerClose);
    host.app.closed(&sid).await;
    assert!(!session.command(Box::new("late")));
}

/// Nothing is awaited between the commands, so that the session's task takes none of them.
#[tokio::test(start_paused = true)]
async fn too_many_commands_are_dropped_and_requests_have_room() {
    let host = Host::memory(Config::default());
    let sid = host.open().await;
    let session = host.app.session(&sid);
    let taken = (0..20).filter(|_| session.command(Box::new("one"))).count();
    assert_eq!(taken, 8);
    host.assert_echoes(&sid).await;
    assert_eq!(host.app.heard(&sid).iter().filter(|heard| **heard == text("one")).count(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_drains_ends_when_nothing_is_under_way() {
    let host = Host::memory(Config::default());
    let mut busy = host.open_websocket().await;
    let busy_sid = host.app.sids().remove(0);
    let idle = host.open().await;
    busy.send("4work").await;
    host.app.until(&busy_sid, |heard| heard.contains(&text("work"))).await;
    for sid in [&busy_sid, &idle] {
        host.app.session(sid).drain();
    }
    assert_eq!(host.app.closed_reason(&idle).await, CloseReason::ServerShutdown);
    // It goes on as before until then.
    busy.send("4hello").await;
    assert_eq!(busy.text().await, "4hello");
    assert!(!host.app.session(&busy_sid).is_closed());
    assert!(host.app.session(&busy_sid).command(Box::new("done")));
    assert_eq!(host.app.closed_reason(&busy_sid).await, CloseReason::ServerShutdown);
}

#[tokio::test(start_paused = true)]
async fn sessions_are_counted_by_kind_and_paged_in_their_order() {
    let host = Host::memory(Config::default());
    assert_eq!(host.engine.session_counts(), []);
    assert!(host.engine.session_page(0, 10).is_empty());
    let mut open = Vec::new();
    for _ in 0..50 {
        open.push(host.open().await);
    }
    let _socket = host.open_websocket().await;
    let counts = host.engine.session_counts();
    let counts: Vec<_> =
        counts.iter().map(|count| (count.transport, count.revision, count.sessions)).collect();
    let kinds = [(TransportKind::Polling, 50), (TransportKind::WebSocket, 1)];
    assert_eq!(counts, kinds.map(|(transport, number)| (transport, Revision::V4, number)));

    for limit in [1, 7, 51, 1_000] {
        let (mut found, mut first) = (Vec::new(), 0);
        loop {
            let page = host.engine.session_page(first, limit);
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            first = last.number() + 1;
            found.extend(page.iter().map(|session| session.id().to_string()));
        }
        assert_eq!(found.len(), 51, "{limit}");
        assert_eq!(found[..50], open, "{limit}");
    }
    assert!(host.engine.session_page(0, 0).is_empty());
}

//! More requests at once for one session than its task has a place for. Each is told the truth, and what
//! the session itself depends on finds its place.

#![allow(clippy::unwrap_used)]

mod common;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use common::{Host, any_origin, open_doors};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use sockeye_engine::{Body, ResponseFuture};
use sockeye_sockjs::Config;

const CROWD: usize = 100;
const BUSY: &str = "c[2010,\"Another connection still open\"]\n";

/// A request that is with the session's task before this returns; that has no turn meanwhile.
fn ask(host: &Host, action: &str, body: &'static str) -> ResponseFuture {
    let target = format!("/echo/000/a/{action}");
    let body = Full::new(Bytes::from_static(body.as_bytes()));
    host.sockjs.respond(Request::post(target).header("host", "a").body(body).unwrap())
}

fn crowd(host: &Host) -> Vec<ResponseFuture> {
    (0..CROWD).map(|_| ask(host, "xhr", "")).collect()
}

async fn text(response: ResponseFuture) -> String {
    whole(response.await.unwrap()).await
}

async fn whole(response: Response<Body>) -> String {
    let body = response.into_body().collect().await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

async fn next(body: &mut Body) -> Option<Bytes> {
    body.frame().await.map(|frame| frame.unwrap().into_data().unwrap())
}

/// A session whose stream has said that it is open.
async fn streaming(host: &Host) -> Body {
    let mut stream = ask(host, "xhr_streaming", "").await.unwrap().into_body();
    assert_eq!(next(&mut stream).await.unwrap().len(), 2049);
    assert_eq!(next(&mut stream).await.unwrap(), "o\n");
    stream
}

/// As npm's: whoever comes beside another one hears that, however many come.
#[tokio::test]
async fn each_of_a_crowd_is_told_of_the_one_before_it() {
    let host = Host::memory(open_doors(), any_origin());
    let mut stream = streaming(&host).await;
    for answer in crowd(&host) {
        assert_eq!(text(answer).await, BUSY);
    }
    host.app.session().send("x", &[]);
    assert_eq!(next(&mut stream).await.unwrap(), "a[\"x\"]\n");
    // Without another one the first of them is it.
    drop(stream);
    while host.sockjs.engine().sessions() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(text(ask(&host, "xhr", "")).await, "o\n");
    let mut answers = crowd(&host);
    // It is asked whether it still waits, and says so.
    let first = tokio::spawn(text(answers.remove(0)));
    for answer in answers {
        assert_eq!(text(answer).await, BUSY);
    }
    host.app.session().send("x", &[]);
    assert_eq!(first.await.unwrap(), "a[\"x\"]\n");
}

#[tokio::test]
async fn a_crowd_keeps_no_message_away() {
    let host = Host::memory(open_doors(), any_origin());
    let _stream = streaming(&host).await;
    let crowd = crowd(&host);
    let mut send = ask(&host, "xhr_send", "[\"x\"]");
    // Its message is with the session's task after its first turn.
    poll_fn(|cx| {
        assert!(Pin::new(&mut send).poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    assert_eq!(send.await.unwrap().status(), 204);
    assert_eq!(host.app.texts(), ["x"]);
    drop(crowd);
}

#[tokio::test]
async fn a_stream_ends_within_a_crowd_and_the_next_one_goes_on() {
    let config = Config { response_bytes_max: 10, ..open_doors() };
    let host = Host::memory(config, any_origin());
    let mut stream = streaming(&host).await;
    host.app.session().send("0123456789", &[]);
    assert_eq!(next(&mut stream).await.unwrap(), "a[\"0123456789\"]\n");
    let crowd = crowd(&host);
    assert_eq!(next(&mut stream).await, None);
    for answer in crowd {
        assert_eq!(text(answer).await, BUSY);
    }
    host.app.session().send("y", &[]);
    assert_eq!(text(ask(&host, "xhr", "")).await, "a[\"y\"]\n");
}

/// What was lost with a request ends the session, however many others come at the same time.
#[tokio::test]
async fn a_loss_within_a_crowd_is_noticed() {
    let host = Host::memory(open_doors(), any_origin());
    let stream = streaming(&host).await;
    let session = host.app.session();
    let crowd = crowd(&host);
    drop(stream);
    for answer in crowd {
        let told = text(answer).await;
        assert!(told == BUSY || told.starts_with("c[1002,"), "{told}");
    }
    while !session.is_closed() || host.sockjs.engine().sessions() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(session.close_detail().map(|it| it.as_str()), Some("poll_aborted"));
}

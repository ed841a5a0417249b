//! A live video for many: one page brings it by events with acks, in pieces of WebM; everybody else reads
//! one HTTP answer that goes on and on (`curl -N localhost:3000/live.webm > live.webm` does, too).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State as Of;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use parking_lot::Mutex;
use sockeye::{
    Ack, Binary, EmitError, EventError, HttpServer, Io, Namespace, Server, Socket, SocketId, State,
};
use tokio::sync::watch;

#[path = "video/webm.rs"]
mod webm;

use webm::{Block, Init, Part, Reader};

/// The most bytes that are kept of a broadcast, with what it takes to keep them.
const KEPT_BYTES_MAX: usize = 8 << 20;
/// Who is live and sends nothing for this long can be replaced.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// The most bytes of the word by which a page is known again when its connection was lost.
const KEY_BYTES_MAX: usize = 64;

/// The one broadcast that there may be.
#[derive(Clone, Default)]
struct Stage(Arc<Mutex<Option<Live>>>);

/// A broadcast. Viewers hold receivers of what is kept; when it is dropped, their answers end.
struct Live {
    by: SocketId,
    key: String,
    heard: Instant,
    reader: Reader,
    kept: watch::Sender<Kept>,
}

impl Live {
    fn new(by: SocketId, key: String) -> Self {
        let kept = watch::Sender::new(Kept::default());
        Self { by, key, heard: Instant::now(), reader: Reader::default(), kept }
    }

    /// To its own page, which has lost its connection, and to anybody when nothing comes any more.
    fn yields_to(&self, key: &str, now: Instant) -> bool {
        self.key == key || now.duration_since(self.heard) >= SILENCE_MAX
    }
}

/// Whether somebody is live, for a page that has just come.
async fn hello(socket: Socket, State(stage): State<Stage>) -> Result<(), EmitError> {
    let live = stage.0.lock();
    socket.emit("stage", &live.is_some())
}

async fn go_live(
    socket: Socket,
    io: Io,
    State(stage): State<Stage>,
    key: String,
) -> Result<(), EventError> {
    if key.len() > KEY_BYTES_MAX {
        return Err(EventError::new("bad_key", format!("a key has {KEY_BYTES_MAX} bytes at most")));
    }
    let mut stage = stage.0.lock();
    if stage.as_ref().is_some_and(|live| !live.yields_to(&key, Instant::now())) {
        return Err(EventError::new("taken", "somebody else is live; wait until that is over"));
    }
    *stage = Some(Live::new(socket.id(), key));
    io.emit("stage", &true)?;
    Ok(())
}

/// The answer is the number of viewers. The page sends nothing more before it has come.
async fn piece(
    socket: Socket,
    io: Io,
    State(stage): State<Stage>,
    piece: Binary,
) -> Result<Ack<usize>, EventError> {
    let mut stage = stage.0.lock();
    let Some(live) = stage.as_mut().filter(|live| live.by == socket.id()) else {
        return Err(EventError::new("not_live", "go live first"));
    };
    live.heard = Instant::now();
    match live.reader.read(&piece) {
        Ok(parts) => {
            live.kept.send_modify(|kept| parts.into_iter().for_each(|part| kept.push(part)));
            Ok(Ack(live.kept.receiver_count()))
        }
        Err(error) => {
            *stage = None;
            io.emit("stage", &false)?;
            Err(EventError::new("not_webm", error.to_string()))
        }
    }
}

async fn over(socket: Socket, io: Io, State(stage): State<Stage>) -> Result<(), EventError> {
    let mut stage = stage.0.lock();
    if stage.take_if(|live| live.by == socket.id()).is_some() {
        io.emit("stage", &false)?;
    }
    Ok(())
}

/// `GET /live.webm`: from the newest keyframe until the broadcast is over.
async fn watch(Of(stage): Of<Stage>) -> Response {
    let nobody = (StatusCode::NOT_FOUND, "nobody is live\n");
    let receiver = stage.0.lock().as_ref().map(|live| live.kept.subscribe());
    let Some(mut receiver) = receiver else {
        return nobody.into_response();
    };
    // Who went live a moment ago has not sent the beginning yet.
    let init = receiver.wait_for(|kept| kept.init.is_some()).await.ok();
    let Some(Init { content_type, .. }) = init.and_then(|kept| kept.init.clone()) else {
        return nobody.into_response();
    };
    let parts = stream::unfold((receiver, None), async |(mut receiver, place)| {
        loop {
            let next = receiver.borrow_and_update().next(place);
            if let Some((bytes, place)) = next {
                return Some((Ok::<_, std::io::Error>(bytes), (receiver, Some(place))));
            }
            receiver.changed().await.ok()?;
        }
    });
    let headers =
        [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-store".to_owned())];
    (headers, Body::from_stream(parts)).into_response()
}

/// What is kept of a broadcast: its beginning, and the newest blocks. The bytes are shared by all viewers.
#[derive(Default)]
struct Kept {
    init: Option<Init>,
    blocks: VecDeque<Block>,
    bytes: usize,
    /// The number of the first of the blocks that are kept.
    first: u64,
    /// The number of the newest keyframe.
    keyframe: Option<u64>,
}

impl Kept {
    /// At a keyframe all before the previous one goes: who is further behind goes on from the newest.
    fn push(&mut self, part: Part) {
        let block = match part {
            Part::Init(init) => {
                self.init = Some(init);
                return;
            }
            Part::Block(block) => block,
        };
        let number = self.first + self.blocks.len() as u64;
        let mut from = self.first;
        if block.is_keyframe {
            from = self.keyframe.replace(number).unwrap_or(number);
        }
        self.bytes += cost(&block);
        self.blocks.push_back(block);
        while self.first < from || self.bytes > KEPT_BYTES_MAX {
            let Some(gone) = self.blocks.pop_front() else { break };
            self.bytes -= cost(&gone);
            self.first += 1;
        }
    }

    /// What comes at this place, and the place after it. A newcomer, and who is too slow for what is kept,
    /// is at the newest keyframe.
    fn next(&self, place: Option<u64>) -> Option<(Bytes, u64)> {
        let keyframe = self.keyframe.filter(|keyframe| *keyframe >= self.first);
        let Some(place) = place else {
            return Some((self.init.as_ref()?.bytes.clone(), keyframe?));
        };
        let place = if place < self.first { keyframe? } else { place };
        let block = self.blocks.get(usize::try_from(place - self.first).ok()?)?;
        Some((block.bytes.clone(), place + 1))
    }
}

/// Small blocks, too, take their place.
fn cost(block: &Block) -> usize {
    block.bytes.len() + 2 * size_of::<Block>()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let stage = Stage::default();
    let namespace = Namespace::new("/")
        .on_connected(hello)
        .on("go live", go_live)
        .on("piece", piece)
        .on("over", over)
        .on_disconnect(over);
    let server = Server::builder().state(stage.clone()).namespace(namespace).build()?;
    let app = Router::new()
        .route("/", get(Html(include_str!("pages/video.html"))))
        .route("/live.webm", get(watch))
        .with_state(stage.clone())
        .merge(server.clone().into_router());
    let stop = async move {
        sockeye_examples::stopped().await;
        // Their answers end with it; without that the listener would wait for the viewers.
        *stage.0.lock() = None;
        server.shutdown().await;
    };
    let listeners = sockeye_examples::listen().await?;
    HttpServer::new(listeners, app).with_graceful_shutdown(stop).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(is_keyframe: bool, bytes: Vec<u8>) -> Part {
        Part::Block(Block { bytes: bytes.into(), is_keyframe })
    }

    #[test]
    fn who_is_silent_or_comes_back_is_replaced() {
        let live = Live::new("one".parse().unwrap(), "key".to_owned());
        assert!(live.yields_to("key", live.heard));
        let just_before = live.heard + SILENCE_MAX - Duration::from_millis(1);
        assert!(!live.yields_to("other", just_before));
        assert!(live.yields_to("other", live.heard + SILENCE_MAX));
    }

    #[test]
    fn who_is_too_slow_goes_on_at_the_newest_keyframe() {
        let mut kept = Kept::default();
        assert_eq!(kept.next(None), None);
        let init = Init { bytes: Bytes::from_static(b"init"), content_type: String::new() };
        kept.push(Part::Init(init));
        assert_eq!(kept.next(None), None, "until there is a keyframe");
        for n in 0..9 {
            kept.push(block(n % 3 == 0, vec![n]));
        }
        assert_eq!(kept.next(None), Some((Bytes::from_static(b"init"), 6)));
        let next = |place| kept.next(Some(place)).map(|(bytes, place)| (bytes[0], place));
        assert_eq!(next(2), Some((6, 7)));
        assert_eq!(next(3), Some((3, 4)), "one group is kept before the newest");
        assert_eq!(next(9), None);
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let mut kept = Kept::default();
        kept.push(block(true, vec![0]));
        for _ in 0..20 {
            kept.push(block(false, vec![0; webm::ELEMENT_BYTES_MAX]));
            assert!(kept.bytes <= KEPT_BYTES_MAX);
        }
        assert_eq!(kept.blocks.len(), 7);
        assert_eq!(kept.next(Some(0)), None, "until there is a keyframe");
        // And so have blocks of next to nothing.
        for _ in 0..200_000 {
            kept.push(block(false, vec![0]));
        }
        assert!(kept.blocks.len() * size_of::<Block>() < KEPT_BYTES_MAX);
        for _ in 0..7 {
            kept.push(block(false, vec![0; webm::ELEMENT_BYTES_MAX]));
        }
        kept.push(block(true, vec![9]));
        assert_eq!(kept.next(Some(0)).map(|(bytes, _)| bytes[0]), Some(9));
    }
}

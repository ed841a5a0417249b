//! A live video for many: one page brings it by events with acks, in pieces of WebM; everybody else reads
//! one HTTP answer that goes on and on (`curl -N localhost:3000/live.webm > live.webm` does, too).

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State as Of;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use parking_lot::Mutex;
use sockeye::{Ack, Binary, EventError, HttpServer, Namespace, Server, Socket, SocketId, State};
use tokio::sync::watch;

/// The most bytes that are kept of a broadcast.
const KEPT_BYTES_MAX: usize = 8 << 20;
/// The most bytes of one element: a picture, or a description of the tracks.
const ELEMENT_BYTES_MAX: usize = 1 << 20;

/// The one broadcast that there may be, and whose it is.
#[derive(Clone, Default)]
struct Stage(Arc<Mutex<Option<Live>>>);

/// A broadcast. Viewers hold receivers of what is kept; when it is dropped, their answers end.
struct Live {
    by: SocketId,
    reader: Reader,
    kept: watch::Sender<Kept>,
}

async fn go_live(socket: Socket, State(stage): State<Stage>) -> Result<(), EventError> {
    let mut live = stage.0.lock();
    if live.as_ref().is_some_and(|live| live.by != socket.id()) {
        return Err(EventError::new("taken", "somebody else is live; wait until that is over"));
    }
    *live = Some(Live {
        by: socket.id(),
        reader: Reader::default(),
        kept: watch::Sender::new(Kept::default()),
    });
    Ok(())
}

/// The answer is the number of viewers. The page sends nothing more before it has come.
async fn piece(
    socket: Socket,
    State(stage): State<Stage>,
    piece: Binary,
) -> Result<Ack<usize>, EventError> {
    let mut stage = stage.0.lock();
    let Some(live) = stage.as_mut().filter(|live| live.by == socket.id()) else {
        return Err(EventError::new("not_live", "go live first"));
    };
    match live.reader.read(&piece) {
        Ok(parts) => {
            live.kept.send_modify(|kept| parts.into_iter().for_each(|part| kept.push(part)));
            Ok(Ack(live.kept.receiver_count()))
        }
        Err(error) => {
            *stage = None;
            Err(EventError::new("not_webm", error.to_string()))
        }
    }
}

async fn over(socket: Socket, State(stage): State<Stage>) {
    stage.0.lock().take_if(|live| live.by == socket.id());
}

/// `GET /live.webm`: from the newest keyframe until the broadcast is over.
async fn watch(Of(stage): Of<Stage>) -> Response {
    let receiver = stage.0.lock().as_ref().map(|live| live.kept.subscribe());
    let Some(receiver) = receiver else {
        return (StatusCode::NOT_FOUND, "nobody is live\n").into_response();
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
    let headers = [(header::CONTENT_TYPE, "video/webm"), (header::CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(parts)).into_response()
}

/// What is kept of a broadcast: its beginning, and the newest parts. The bytes are shared by all viewers.
#[derive(Default)]
struct Kept {
    init: Bytes,
    parts: VecDeque<Part>,
    bytes: usize,
    /// The number of the first of the parts that are kept.
    first: u64,
    /// The number of the newest keyframe.
    keyframe: Option<u64>,
}

impl Kept {
    /// At a keyframe all before the previous one goes: who is further behind goes on from the newest.
    fn push(&mut self, part: Part) {
        if part.kind == Kind::Init {
            self.init = part.bytes;
            return;
        }
        let number = self.first + self.parts.len() as u64;
        let mut from = self.first;
        if part.kind == Kind::Keyframe {
            from = self.keyframe.replace(number).unwrap_or(number);
        }
        self.bytes += part.bytes.len();
        self.parts.push_back(part);
        while self.first < from || self.bytes > KEPT_BYTES_MAX {
            let Some(gone) = self.parts.pop_front() else { break };
            self.bytes -= gone.bytes.len();
            self.first += 1;
        }
    }

    /// What comes at this place, and the place after it. A newcomer, and who is too slow for what is kept,
    /// is at the newest keyframe.
    fn next(&self, place: Option<u64>) -> Option<(Bytes, u64)> {
        let keyframe = self.keyframe.filter(|keyframe| *keyframe >= self.first);
        let Some(place) = place else {
            return Some((self.init.clone(), keyframe?));
        };
        let place = if place < self.first { keyframe? } else { place };
        let part = self.parts.get(usize::try_from(place - self.first).ok()?)?;
        Some((part.bytes.clone(), place + 1))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The beginning, which describes the tracks.
    Init,
    /// A picture that needs none before it.
    Keyframe,
    Block,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    kind: Kind,
    bytes: Bytes,
}

/// What is wrong with what should be WebM.
#[derive(Debug, PartialEq, Eq)]
enum WebmError {
    Malformed(&'static str),
    TooLarge(u64),
    Unexpected(u32),
}

impl fmt::Display for WebmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "this is no live WebM: {what}"),
            Self::TooLarge(bytes) => {
                write!(f, "an element of {bytes} bytes is too large, {ELEMENT_BYTES_MAX} may be")
            }
            Self::Unexpected(id) => write!(f, "the element {id:#x} does not belong here"),
        }
    }
}

// Identifiers of elements (RFC 9559 §5.1).
const EBML: u32 = 0x1A45_DFA3;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_A966;
const TRACKS: u32 = 0x1654_AE6B;
const CLUSTER: u32 = 0x1F43_B675;
const TIMESTAMP: u32 = 0xE7;
const SIMPLE_BLOCK: u32 = 0xA3;
const BLOCK_GROUP: u32 = 0xA0;
/// SeekHead, Cues, Tags, Void, CRC-32, Position, PrevSize: of no use in a live stream, and left out.
const LEFT_OUT: [u32; 7] = [0x114D_9B74, 0x1C53_BB6B, 0x1254_C367, 0xEC, 0xBF, 0xA7, 0xAB];

/// An incremental reader of WebM as `MediaRecorder` writes it. What it holds is one unfinished element and
/// the message that came last.
#[derive(Default)]
struct Reader {
    buffer: BytesMut,
    init: Vec<u8>,
    video: Option<u64>,
    /// The header of the cluster with its timestamp. Who begins at a keyframe needs it before the keyframe,
    /// so it is repeated there, wherever in the cluster that is.
    cluster: Vec<u8>,
    is_fresh: bool,
    has_segment: bool,
}

impl Reader {
    fn read(&mut self, bytes: &[u8]) -> Result<Vec<Part>, WebmError> {
        self.buffer.extend_from_slice(bytes);
        let mut parts = Vec::new();
        while let Some(Header { id, size, length }) = header(&self.buffer)? {
            if self.init.is_empty() && id != EBML {
                return Err(WebmError::Malformed("it does not begin with an EBML header"));
            }
            // The two that hold the others are entered; their sizes are not known while it goes on.
            if id == SEGMENT || id == CLUSTER {
                let head = self.buffer.split_to(length);
                if id == CLUSTER {
                    self.enter_cluster(&mut parts)?;
                } else if size.is_some() || std::mem::replace(&mut self.has_segment, true) {
                    return Err(WebmError::Malformed("a segment of a known size, or a second one"));
                } else {
                    self.init.extend_from_slice(&head);
                }
                continue;
            }
            let size = size.ok_or(WebmError::Malformed("an element without a size"))?;
            if size > ELEMENT_BYTES_MAX as u64 {
                return Err(WebmError::TooLarge(size));
            }
            let whole = length + usize::try_from(size).map_err(|_| WebmError::TooLarge(size))?;
            if self.buffer.len() < whole {
                break;
            }
            let element = self.buffer.split_to(whole).freeze();
            parts.extend(self.element(id, length, element)?);
        }
        Ok(parts)
    }

    fn enter_cluster(&mut self, parts: &mut Vec<Part>) -> Result<(), WebmError> {
        if self.video.is_none() {
            return Err(WebmError::Malformed("it has no video track"));
        }
        if self.cluster.is_empty() {
            let bytes = Bytes::from(self.init.clone());
            parts.push(Part { kind: Kind::Init, bytes });
        }
        self.cluster = [&CLUSTER.to_be_bytes()[..], &[0xFF]].concat();
        Ok(())
    }

    fn element(&mut self, id: u32, at: usize, whole: Bytes) -> Result<Option<Part>, WebmError> {
        let body = &whole[at..];
        let is_before = self.cluster.is_empty();
        match id {
            EBML if self.init.is_empty() => self.init.extend_from_slice(&whole),
            INFO | TRACKS if is_before => {
                if self.init.len() + whole.len() > ELEMENT_BYTES_MAX {
                    return Err(WebmError::TooLarge((self.init.len() + whole.len()) as u64));
                }
                if id == TRACKS {
                    self.video = video_track(body)?;
                }
                self.init.extend_from_slice(&whole);
            }
            TIMESTAMP if !is_before && self.cluster.len() == 5 && body.len() <= 8 => {
                self.cluster.extend_from_slice(&whole);
                self.is_fresh = true;
            }
            SIMPLE_BLOCK | BLOCK_GROUP if self.cluster.len() > 5 => {
                let is_keyframe = self.is_keyframe(id, body)?;
                let kind = if is_keyframe { Kind::Keyframe } else { Kind::Block };
                let is_fresh = std::mem::take(&mut self.is_fresh);
                let bytes = match is_keyframe || is_fresh {
                    true => [&self.cluster[..], &whole].concat().into(),
                    false => whole,
                };
                return Ok(Some(Part { kind, bytes }));
            }
            id if LEFT_OUT.contains(&id) => {}
            id => return Err(WebmError::Unexpected(id)),
        }
        Ok(None)
    }

    fn is_keyframe(&self, id: u32, body: &[u8]) -> Result<bool, WebmError> {
        let mut block = (id == SIMPLE_BLOCK).then_some(body);
        let mut refers = false;
        if id == BLOCK_GROUP {
            for child in children(body) {
                let (id, body) = child?;
                block = if id == 0xA1 { Some(body) } else { block };
                refers |= id == 0xFB;
            }
        }
        let block = block.ok_or(WebmError::Malformed("a group without a block"))?;
        let (track, length, _) =
            number(block)?.ok_or(WebmError::Malformed("a block without a track"))?;
        let flags = block.get(length + 2).ok_or(WebmError::Malformed("a block without flags"))?;
        let is_key = if id == SIMPLE_BLOCK { flags & 0x80 != 0 } else { !refers };
        Ok(is_key && Some(track) == self.video)
    }
}

struct Header {
    id: u32,
    /// `None`: until something comes that does not belong into it.
    size: Option<u64>,
    length: usize,
}

/// An element's header, `None` if there is more to come of it (RFC 8794 §5, §6).
fn header(bytes: &[u8]) -> Result<Option<Header>, WebmError> {
    let Some(first) = bytes.first() else { return Ok(None) };
    let id_length = first.leading_zeros() as usize + 1;
    if id_length > 4 {
        return Err(WebmError::Malformed("an identifier of more than four bytes"));
    }
    let Some(id) = bytes.get(..id_length) else { return Ok(None) };
    let id = id.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
    let Some((size, length, is_unknown)) = number(&bytes[id_length..])? else { return Ok(None) };
    Ok(Some(Header { id, size: (!is_unknown).then_some(size), length: id_length + length }))
}

/// A number of variable length, its length, and whether all its bits are set, which means "unknown".
fn number(bytes: &[u8]) -> Result<Option<(u64, usize, bool)>, WebmError> {
    let Some(first) = bytes.first() else { return Ok(None) };
    let length = first.leading_zeros() as usize + 1;
    if length > 8 {
        return Err(WebmError::Malformed("a number of more than eight bytes"));
    }
    let Some(bytes) = bytes.get(..length) else { return Ok(None) };
    let all = bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let mask = (1 << (7 * length)) - 1;
    Ok(Some((all & mask, length, all & mask == mask)))
}

/// The elements that lie in another one.
fn children(mut bytes: &[u8]) -> impl Iterator<Item = Result<(u32, &[u8]), WebmError>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let child = header(bytes).and_then(|header| {
            let broken = WebmError::Malformed("an element that is longer than the one around it");
            let Some(Header { id, size: Some(size), length }) = header else { return Err(broken) };
            let Some((body, rest)) =
                usize::try_from(size).ok().and_then(|size| bytes[length..].split_at_checked(size))
            else {
                return Err(broken);
            };
            bytes = rest;
            Ok((id, body))
        });
        if child.is_err() {
            bytes = &[];
        }
        Some(child)
    })
}

/// The number of the first track of type video (`TrackType` 1).
fn video_track(tracks: &[u8]) -> Result<Option<u64>, WebmError> {
    for track in children(tracks) {
        let (id, track) = track?;
        let (mut track_number, mut is_video) = (None, false);
        for field in children(track).take_while(|_| id == 0xAE) {
            let (id, body) = field?;
            if id == 0xD7 && body.len() <= 8 {
                track_number = Some(body.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)));
            }
            is_video |= id == 0x83 && body == [1];
        }
        if is_video {
            return Ok(track_number);
        }
    }
    Ok(None)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let stage = Stage::default();
    let namespace = Namespace::new("/")
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
    use super::{ELEMENT_BYTES_MAX, Kept, Kind, Part, Reader, WebmError};

    /// One video track; a cluster of a keyframe and a block, and another keyframe within it.
    const CLIP: &[u8] = &[
        0x1A, 0x45, 0xDF, 0xA3, 0x80, 0x18, 0x53, 0x80, 0x67, 0xFF, 0x16, 0x54, 0xAE, 0x6B, 0x88,
        0xAE, 0x86, 0xD7, 0x81, 1, 0x83, 0x81, 1, 0x1F, 0x43, 0xB6, 0x75, 0xFF, 0xE7, 0x81, 7,
        0xA3, 0x85, 0x81, 0, 0, 0x80, 1, 0xA3, 0x85, 0x81, 0, 1, 0, 2, 0xA3, 0x85, 0x81, 0, 2,
        0x80, 3,
    ];

    #[test]
    fn wherever_it_is_cut_the_parts_are_the_same() {
        let whole = Reader::default().read(CLIP).expect("it is WebM");
        let kinds: Vec<Kind> = whole.iter().map(|part| part.kind).collect();
        assert_eq!(kinds, [Kind::Init, Kind::Keyframe, Kind::Block, Kind::Keyframe]);
        assert_eq!(whole[0].bytes, CLIP[..23]);
        assert_eq!(whole[3].bytes[..8], CLIP[23..31], "it has the head of its cluster");
        for cut in 0..CLIP.len() {
            let mut reader = Reader::default();
            let mut parts = reader.read(&CLIP[..cut]).expect("it is WebM");
            parts.extend(reader.read(&CLIP[cut..]).expect("it is WebM"));
            assert_eq!(parts, whole, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_webm_is_refused() {
        assert!(matches!(Reader::default().read(b"GIF89a"), Err(WebmError::Malformed(_))));
        assert!(Reader::default().read(&[0; 9]).is_err());
        let mut again = CLIP[..10].to_vec();
        again.extend_from_slice(&CLIP[5..10]);
        assert!(Reader::default().read(&again).is_err(), "a second segment");
        let large = [&CLIP[..31], &[0xA3, 0x10, 0x20, 0, 0]].concat();
        assert!(matches!(Reader::default().read(&large), Err(WebmError::TooLarge(_))));
    }

    #[test]
    fn who_is_too_slow_goes_on_at_the_newest_keyframe() {
        let part = |kind, byte: u8| Part { kind, bytes: vec![byte; 1].into() };
        let mut kept = Kept::default();
        assert_eq!(kept.next(None), None);
        for n in 0..9 {
            kept.push(part(if n % 3 == 0 { Kind::Keyframe } else { Kind::Block }, n));
        }
        assert_eq!(kept.next(None), Some((kept.init.clone(), 6)));
        assert_eq!(kept.next(Some(2)).map(|(bytes, place)| (bytes[0], place)), Some((6, 7)));
        assert_eq!(kept.next(Some(3)).map(|(bytes, place)| (bytes[0], place)), Some((3, 4)));
        assert_eq!(kept.next(Some(9)), None);
        for _ in 0..20 {
            kept.push(Part { kind: Kind::Block, bytes: vec![0; ELEMENT_BYTES_MAX].into() });
        }
        assert!(kept.bytes <= super::KEPT_BYTES_MAX);
        assert_eq!(kept.next(None), None, "until there is a keyframe");
    }
}

//! The example `video` without a browser: what it refuses, and what it does for viewers who do not read.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[allow(dead_code, reason = "other tests use the rest")]
mod common;

use bytes::Bytes;
use common::{Example, hear, next, refusal, soon};
use sockeye_client::{AckError, Binary, Client};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// A cluster begins with a keyframe, and has this many pictures.
const GROUP: u32 = 8;
const PICTURE_BYTES: usize = 512 * 1024;
/// A cluster of an unknown size, and its timestamp.
const CLUSTER: [u8; 8] = [0x1F, 0x43, 0xB6, 0x75, 0xFF, 0xE7, 0x81, 0];

/// EBML header, segment, and one track of this codec.
fn beginning(codec: &str) -> Vec<u8> {
    let length = 8 + u8::try_from(codec.len()).unwrap();
    let codec_id = [&[0x86, 0x80 | (length - 8)], codec.as_bytes()].concat();
    let mut begin = vec![0x1A, 0x45, 0xDF, 0xA3, 0x80, 0x18, 0x53, 0x80, 0x67, 0xFF];
    begin.extend([0x16, 0x54, 0xAE, 0x6B, 0x80 | (length + 2), 0xAE, 0x80 | length]);
    begin.extend([0xD7, 0x81, 1, 0x83, 0x81, 1]);
    begin.extend(codec_id);
    begin
}

/// A block that bears its number.
fn picture(number: u32) -> Vec<u8> {
    let is_keyframe = number.is_multiple_of(GROUP);
    let mut bytes = if is_keyframe { CLUSTER.to_vec() } else { Vec::new() };
    bytes.push(0xA3);
    bytes.extend((0x1000_0000 | PICTURE_BYTES as u32).to_be_bytes());
    bytes.extend([0x81, 0, 0, if is_keyframe { 0x80 } else { 0 }]);
    bytes.extend(number.to_be_bytes().repeat(PICTURE_BYTES / 4 - 1));
    bytes
}

/// The numbers of the pictures, each of which is whole.
fn numbers(mut body: &[u8]) -> Vec<u32> {
    let mut numbers = Vec::new();
    while !body.is_empty() {
        let at = if body[0] == 0x1F { CLUSTER.len() } else { 0 };
        let number = u32::from_be_bytes(body[at + 9..][..4].try_into().unwrap());
        let (whole, rest) = body.split_at(picture(number).len());
        assert!(whole == picture(number), "picture {number}");
        numbers.push(number);
        body = rest;
    }
    numbers
}

async fn go_live(client: &Client, key: &str) -> Result<(), AckError> {
    soon(client.emit_with_ack("go live", key)).await
}

async fn send(client: &Client, piece: Vec<u8>) -> Result<usize, AckError> {
    soon(client.emit_with_ack("piece", &Binary(Bytes::from(piece)))).await
}

/// A viewer with small buffers, and the head of the answer. HTTP/1.0 has no chunks to take apart.
async fn view(example: &Example) -> (TcpStream, String) {
    let address = example.url.strip_prefix("http://").unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = soon(socket.connect(address.parse().unwrap())).await.unwrap();
    let request = format!("GET /live.webm HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(stream.read_u8()).await.unwrap());
    }
    (stream, String::from_utf8(head).unwrap())
}

#[cfg(target_os = "linux")]
fn resident_bytes(example: &Example) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", example.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn one_is_live_and_what_pages_cannot_show_is_refused() {
    let example = Example::start("video").await;
    assert!(example.get("/live.webm").await.ends_with("\r\n\r\nnobody is live\n"));
    let (one, other) = (example.client().await, example.client().await);
    let mut stage = hear::<bool>(&other, "stage");
    assert_eq!(refusal(send(&one, beginning("V_VP8")).await), "not_live");
    assert_eq!(refusal(go_live(&one, &"x".repeat(65)).await), "bad_key");
    go_live(&one, &"x".repeat(64)).await.unwrap();
    assert_eq!(refusal(go_live(&other, "y").await), "taken");
    // A page that came back while its old connection is not known to be lost.
    go_live(&other, &"x".repeat(64)).await.unwrap();
    assert_eq!(refusal(send(&one, beginning("V_VP8")).await), "not_live");
    one.emit("over", &()).unwrap();
    send(&other, [beginning("V_VP8"), picture(0)].concat()).await.unwrap();
    let (mut viewer, head) = view(&example).await;
    assert!(head.contains("content-type: video/webm; codecs=\"vp8\"\r\n"), "{head}");
    assert_eq!(send(&other, Vec::new()).await.unwrap(), 1, "viewers");

    // What is wrong ends it, for viewers, too.
    assert_eq!(refusal(send(&other, b"GIF89a".to_vec()).await), "not_webm");
    let mut body = Vec::new();
    soon(viewer.read_to_end(&mut body)).await.unwrap();
    assert_eq!(numbers(body.strip_prefix(&beginning("V_VP8")[..]).unwrap()), [0]);
    assert!(example.get("/live.webm").await.starts_with("HTTP/1.1 404"));
    for live in [true, true, false] {
        assert_eq!(next(&mut stage).await, live);
    }
    go_live(&one, "z").await.unwrap();
    match send(&one, [beginning("V_MPEG4/ISO/AVC"), picture(0)].concat()).await {
        Err(AckError::Remote(error)) => assert!(error.message.contains("VP8, VP9"), "{error:?}"),
        answer => panic!("{answer:?}"),
    }

    // Who leaves has ended it.
    go_live(&one, "z").await.unwrap();
    assert_eq!(refusal(go_live(&other, "y").await), "taken");
    one.close().await;
    for live in [true, false, true, false] {
        assert_eq!(next(&mut stage).await, live);
    }
    go_live(&other, "y").await.unwrap();
    example.stop().await;
}

#[tokio::test]
async fn who_does_not_read_costs_little_and_goes_on_at_a_keyframe() {
    const PICTURES: u32 = 64;
    let example = Example::start("video").await;
    let live = example.client().await;
    go_live(&live, "key").await.unwrap();
    send(&live, [beginning("V_VP9"), picture(0)].concat()).await.unwrap();
    let mut viewers = Vec::new();
    for _ in 0..16 {
        viewers.push(view(&example).await.0);
    }
    for number in 1..PICTURES {
        assert_eq!(send(&live, picture(number)).await.unwrap(), viewers.len());
    }
    #[cfg(target_os = "linux")]
    {
        let bytes = resident_bytes(&example);
        assert!(bytes < 64 << 20, "{} MiB for 16 viewers of {PICTURES} pictures", bytes >> 20);
    }
    // It ends for them after what is kept.
    live.emit("over", &()).unwrap();
    for mut viewer in viewers {
        let mut body = Vec::new();
        soon(viewer.read_to_end(&mut body)).await.unwrap();
        let numbers = numbers(body.strip_prefix(&beginning("V_VP9")[..]).unwrap());
        assert_eq!((numbers[0], numbers[numbers.len() - 1]), (0, PICTURES - 1), "{numbers:?}");
        let jumps: Vec<_> = numbers.windows(2).filter(|pair| pair[1] != pair[0] + 1).collect();
        assert!(!jumps.is_empty(), "{numbers:?}");
        assert!(jumps.iter().all(|pair| pair[1].is_multiple_of(GROUP)), "{numbers:?}");
    }
    example.stop().await;
}

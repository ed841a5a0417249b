//! What applications send: order, groups, limits, back-pressure, broadcasts.

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{Host, Received, WebSocket};
use sockeye_engine::{CloseReason, Config, Encoded, Pushed, Session, broadcast};

/// A session on a WebSocket, both ends.
async fn websocket(host: &Host) -> (WebSocket, Session) {
    let before = host.app.sids();
    let socket = host.open_websocket().await;
    let mut sids = host.app.sids();
    sids.retain(|sid| !before.contains(sid));
    (socket, host.app.session(&sids[0]))
}

#[tokio::test]
async fn a_group_travels_together_on_a_websocket() {
    let host = Host::tcp(Config::default()).await;
    let (mut socket, session) = websocket(&host).await;
    let large = Bytes::from(vec![9; 100_000]);
    let small = Bytes::from_static(&[1, 2]);
    assert_eq!(session.send("group", &[large.clone(), small.clone()]), Pushed::Queued);
    assert_eq!(session.send("next", &[]), Pushed::Queued);
    assert_eq!(socket.text().await, "4group");
    assert_eq!(socket.receive().await, Received::Binary(large.to_vec()));
    assert_eq!(socket.receive().await, Received::Binary(small.to_vec()));
    assert_eq!(socket.text().await, "4next");
}

#[tokio::test]
async fn groups_of_several_senders_never_interleave() {
    let host = Host::tcp(Config::default()).await;
    let (mut socket, session) = websocket(&host).await;
    let threads: Vec<_> = (0..4u8)
        .map(|sender| {
            let session = session.clone();
            std::thread::spawn(move || {
                let data = [Bytes::from(vec![sender; 2000]), Bytes::from(vec![sender])];
                for _ in 0..100 {
                    session.send(&sender.to_string(), &data);
                }
            })
        })
        .collect();
    for _ in 0..400 {
        let text = socket.text().await;
        let sender: u8 = text[1..].parse().unwrap();
        assert_eq!(socket.receive().await, Received::Binary(vec![sender; 2000]));
        assert_eq!(socket.receive().await, Received::Binary(vec![sender]));
    }
    for thread in threads {
        thread.join().unwrap();
    }
}

#[tokio::test]
async fn a_polling_session_overflows_at_its_limit_of_packets() {
    let host = Host::tcp(Config { queued_packets_max: 3, ..Config::default() }).await;
    let sid = host.open().await;
    let session = host.app.session(&sid);
    for text in ["1", "2", "3"] {
        assert_eq!(session.send(text, &[]), Pushed::Queued);
    }
    assert_eq!(session.send("4", &[]), Pushed::Overflow { queued_packets: 3, queued_bytes: 3 });
    assert_eq!(session.send("5", &[]), Pushed::Closed);
    assert_eq!(host.app.closed(&sid).await, CloseReason::Overflow);
    host.assert_gone(&sid).await;

    // Exactly as many as fit go out, and make room.
    let sid = host.open().await;
    let session = host.app.session(&sid);
    for _ in 0..3 {
        for text in ["1", "2", "3"] {
            assert_eq!(session.send(text, &[]), Pushed::Queued);
        }
        assert_eq!(host.poll(&sid).await.text(), "41\u{1e}42\u{1e}43");
    }
    // Attachments count as well.
    let attachments = [Bytes::from_static(b"x"), Bytes::from_static(b"y")];
    assert_eq!(session.send("1", &[]), Pushed::Queued);
    let overflow = session.send("2", &attachments);
    assert_eq!(overflow, Pushed::Overflow { queued_packets: 1, queued_bytes: 1 });
}

#[tokio::test]
async fn a_polling_session_overflows_at_its_limit_of_bytes() {
    let host = Host::tcp(Config { queued_bytes_max: 100, ..Config::default() }).await;
    let sid = host.open().await;
    let session = host.app.session(&sid);
    let text = "x".repeat(50);
    assert_eq!(session.send(&text, &[]), Pushed::Queued);
    assert_eq!(session.send(&text, &[]), Pushed::Queued);
    assert!(matches!(session.send("x", &[]), Pushed::Overflow { .. }));

    // A single message over the limit goes when nothing else waits.
    let sid = host.open().await;
    let session = host.app.session(&sid);
    let large = "x".repeat(1000);
    assert_eq!(session.send(&large, &[]), Pushed::Queued);
    assert_eq!(host.poll(&sid).await.text().len(), 1001);
    assert_eq!(session.send_binary(&Bytes::from(vec![0; 200])), Pushed::Queued);
    assert!(matches!(session.send("x", &[]), Pushed::Overflow { .. }));
}

#[tokio::test]
async fn what_belongs_together_is_queued_as_a_whole_or_not_at_all() {
    let host =
        Host::tcp(Config { queued_packets_max: 3, queued_bytes_max: 100, ..Config::default() })
            .await;
    let packet = |text: &str| Arc::new(Encoded::new(text, Vec::new()));
    let with_attachment = Arc::new(Encoded::new("b", vec![Bytes::from_static(b"x")]));
    let long = packet(&"x".repeat(51));
    let exact = packet(&"x".repeat(50));
    let sid = host.open().await;
    let session = host.app.session(&sid);
    let (first, one) = (packet("first"), packet("1"));
    // The first has always room. Attachments count.
    for rest in [
        vec![Arc::clone(&one); 4],
        vec![Arc::clone(&one), Arc::clone(&one), Arc::clone(&with_attachment)],
        vec![Arc::clone(&exact), long],
    ] {
        let overflow = Pushed::Overflow { queued_packets: 0, queued_bytes: 0 };
        assert_eq!(session.push_all(&first, &rest), overflow, "{rest:?}");
        assert!(!session.is_closed(), "it goes on");
    }
    let rest = [Arc::clone(&one), with_attachment];
    assert_eq!(session.push_all(&first, &rest), Pushed::Queued);
    assert_eq!(host.poll(&sid).await.text(), "4first\x1e41\x1e4b\x1ebeA==", "and nothing before");
    assert_eq!(session.push_all(&first, &[Arc::clone(&exact), Arc::clone(&exact)]), Pushed::Queued);
    assert_eq!(host.poll(&sid).await.text().len(), 6 + 2 * 52);
    // What waits already takes room.
    assert_eq!(session.send("2", &[]), Pushed::Queued);
    let overflow = Pushed::Overflow { queued_packets: 1, queued_bytes: 1 };
    assert_eq!(session.push_all(&first, &vec![Arc::clone(&one); 3]), overflow);
    assert_eq!(session.push_all(&first, &vec![Arc::clone(&one); 2]), Pushed::Queued);
    assert_eq!(host.poll(&sid).await.text(), "42\x1e4first\x1e41\x1e41");

    let (mut socket, session) = websocket(&host).await;
    let overflow = Pushed::Overflow { queued_packets: 0, queued_bytes: 0 };
    assert_eq!(session.push_all(&first, &vec![Arc::clone(&one); 4]), overflow);
    assert_eq!(session.push_all(&first, &vec![one; 3]), Pushed::Queued);
    for text in ["4first", "41", "41", "41"] {
        assert_eq!(socket.text().await, text);
    }
    session.close(CloseReason::ForcedClose);
    assert_eq!(session.push_all(&first, &[]), Pushed::Closed);
}

#[tokio::test]
async fn a_peer_that_does_not_read_overflows_and_delays_nobody() {
    let config = Config { queued_bytes_max: 1024 * 1024, ..Config::default() };
    let host = Host::tcp(config).await;
    let (_slow, session) = websocket(&host).await;
    let (mut other, witness) = websocket(&host).await;
    let text = "x".repeat(64 * 1024);
    let mut sent = 0;
    let overflow = loop {
        match session.send(&text, &[]) {
            Pushed::Queued => sent += 1,
            refused => break refused,
        }
        if sent % 16 == 0 {
            witness.send("tick", &[]);
            assert_eq!(other.text().await, "4tick");
        }
        assert!(sent < 10_000, "the kernel cannot hold that much");
    };
    assert!(matches!(overflow, Pushed::Overflow { .. }), "{overflow:?}");
    assert!(sent >= 16, "{sent}");
    assert_eq!(host.app.closed(session.id().as_str()).await, CloseReason::Overflow);
    assert_eq!(host.engine.sessions(), 1);
}

#[tokio::test]
async fn much_at_once_is_no_slow_peer() {
    let config = Config { queued_packets_max: 10, ..Config::default() };
    let host = Host::tcp(config).await;
    let (mut socket, session) = websocket(&host).await;
    for number in 0..1000 {
        assert_eq!(session.send(&number.to_string(), &[]), Pushed::Queued);
    }
    for number in 0..1000 {
        assert_eq!(socket.text().await, format!("4{number}"));
    }
}

#[tokio::test]
async fn a_slow_reader_gets_everything_in_order() {
    let host = Host::tcp(Config::default()).await;
    let (mut socket, session) = websocket(&host).await;
    let filler = "x".repeat(10_000);
    for number in 0..1000 {
        assert_eq!(session.send(&format!("{number} {filler}"), &[]), Pushed::Queued);
    }
    assert!(!session.is_writable());
    for number in 0..1000 {
        assert_eq!(socket.text().await, format!("4{number} {filler}"));
    }
    session.flushed().await;
    assert!(session.is_writable());
}

#[tokio::test]
async fn writable_means_an_outlet_with_nothing_before() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let session = host.app.session(&sid);
    assert!(!session.is_writable(), "no poll is parked");
    let poll = host.start("GET", &Host::url(&sid), &[], b"").await;
    host.parked(&sid).await;
    session.send("x", &[]);
    assert!(!session.is_writable(), "a message waits for the turn");
    assert_eq!(poll.response().await.text(), "4x");
    session.close(CloseReason::ForcedClose);
    assert!(!session.is_writable());

    let (mut socket, session) = websocket(&host).await;
    assert!(session.is_writable());
    session.send("x", &[]);
    assert!(!session.is_writable(), "the flush pass comes later");
    assert_eq!(socket.text().await, "4x");
    session.flushed().await;
    assert!(session.is_writable());
}

#[tokio::test]
async fn flushed_waits_for_the_poll_and_ends_with_the_session() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let session = host.app.session(&sid);
    session.flushed().await;
    session.send("x", &[]);
    let flushed = session.flushed();
    tokio::pin!(flushed);
    tokio::select! {
        biased;
        () = &mut flushed => panic!("no poll came"),
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(host.poll(&sid).await.text(), "4x");
    flushed.await;
    session.send("y", &[]);
    let waiting = tokio::spawn({
        let session = session.clone();
        async move { session.flushed().await }
    });
    host.post(&sid, "1").await;
    waiting.await.unwrap();
}

#[tokio::test]
async fn a_broadcast_reaches_every_transport() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let polling = host.app.session(&sid);
    let (mut first, one) = websocket(&host).await;
    let (mut second, two) = websocket(&host).await;
    let other_host = Host::tcp(Config::default()).await;
    let (mut third, three) = websocket(&other_host).await;
    let packet = Arc::new(Encoded::new("all", vec![Bytes::from(vec![7; 5000])]));
    broadcast([&polling, &one, &three, &two].into_iter(), &packet);
    assert_eq!(one.push(&Arc::new(Encoded::new("one", vec![]))), Pushed::Queued);
    for socket in [&mut first, &mut second, &mut third] {
        assert_eq!(socket.text().await, "4all");
        assert_eq!(socket.receive().await, Received::Binary(vec![7; 5000]));
    }
    assert_eq!(first.text().await, "4one");
    let payload = host.poll(&sid).await;
    assert!(payload.text().starts_with("4all\u{1e}bBwcH"));
    // Closed sessions are passed over.
    one.close(CloseReason::ForcedClose);
    broadcast([&one, &two].into_iter(), &Arc::new(Encoded::new("more", vec![])));
    assert_eq!(first.close_code().await, 1005);
    assert_eq!(second.text().await, "4more");
}

#[tokio::test]
async fn one_turn_is_one_write() {
    let host = Host::tcp(Config::default()).await;
    let (mut socket, _) = websocket(&host).await;
    let texts: Vec<_> = (0..100).map(|number| format!("4{number}")).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    socket.send_all(&texts).await;
    // All echoes of one read arrive as the bytes of one write.
    let mut echoes = vec![0; 4096];
    let length = tokio::io::AsyncReadExt::read(&mut *socket.peer, &mut echoes).await.unwrap();
    let expected: usize = texts.iter().map(|text| 2 + text.len()).sum();
    assert_eq!(length, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn senders_on_all_threads_lose_nothing() {
    let host = Host::tcp(Config::default()).await;
    let mut sessions = Vec::new();
    let mut readers = Vec::new();
    for _ in 0..16 {
        let (mut socket, session) = websocket(&host).await;
        sessions.push(session);
        readers.push(tokio::spawn(async move {
            let mut last = [0u32; 4];
            for _ in 0..4 * 200 {
                let text = socket.text().await;
                let (sender, number) = text[1..].split_once(':').unwrap();
                let (sender, number): (usize, u32) =
                    (sender.parse().unwrap(), number.parse().unwrap());
                assert_eq!(number, last[sender] + 1, "in order per sender");
                last[sender] = number;
            }
        }));
    }
    let sessions = Arc::new(sessions);
    for sender in 0..4 {
        let sessions = Arc::clone(&sessions);
        tokio::spawn(async move {
            for number in 1..=200 {
                let packet = Arc::new(Encoded::new(format!("{sender}:{number}"), vec![]));
                broadcast(sessions.iter(), &packet);
                if number % 10 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    for reader in readers {
        tokio::time::timeout(Duration::from_secs(30), reader).await.unwrap().unwrap();
    }
}

//! Broadcasts.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{Peer, masked};
use proptest::prelude::*;
use sockeye_websocket::ws::{CloseCode, Opcode, Role, encode_frame};
use sockeye_websocket::{Config, Group, Membership, RecvError, Stream, WebSocket};
use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use tokio::task::yield_now;
use tokio::time::timeout;

fn member(role: Role, config: Config, buffer: usize) -> (WebSocket, Peer<DuplexStream>) {
    let (ours, theirs) = duplex(buffer);
    (
        WebSocket::from_stream(Stream::from_io(ours), Vec::new(), role, config, None),
        Peer::new(theirs),
    )
}

fn server() -> (WebSocket, Peer<DuplexStream>) {
    member(Role::Server, Config::default(), 64 * 1024)
}

/// Whether nothing comes.
async fn is_silent(peer: &mut Peer<DuplexStream>) -> bool {
    timeout(Duration::from_millis(10), peer.read_u8()).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_in_one_tick_waits_for_the_flush_pass() {
    let group = Group::new();
    let (socket, mut peer) = server();
    let _membership = group.join(&socket);
    for _ in 0..8 {
        group.send("all");
    }
    // Nothing was written yet: all of it leaves together.
    assert_eq!(socket.writer().queued_bytes(), 8 * 5);
    peer.expect(&b"\x81\x03all".repeat(8)).await;
    assert_eq!(socket.writer().queued_bytes(), 0);
    group.send("again");
    peer.expect(b"\x81\x05again").await;
}

#[tokio::test(start_paused = true)]
async fn members_come_and_go() {
    let group = Group::new();
    assert!(group.is_empty());
    group.send("nobody hears");
    let (first, mut first_peer) = server();
    let (second, mut second_peer) = server();
    let first_membership = group.join(&first);
    let second_membership = group.join(second.writer());
    assert_eq!(group.len(), 2);
    group.send("both");
    first_membership.send_to_others("second");
    second_membership.send_to_others(b"first");
    drop(first_membership);
    group.send("second");
    first_peer.expect(b"\x81\x04both\x82\x05first").await;
    second_peer.expect(b"\x81\x04both\x81\x06second\x81\x06second").await;
    assert!(is_silent(&mut first_peer).await);
    assert_eq!(group.len(), 1);
    drop(second_membership);
    assert!(group.is_empty());
}

#[tokio::test(start_paused = true)]
async fn more_members_than_one_stretch_of_the_pass() {
    let group = Group::new();
    let mut members: Vec<_> = (0..600)
        .map(|_| {
            let (socket, peer) = server();
            (group.join(&socket), socket, peer)
        })
        .collect();
    let large = vec![7; 70_000];
    group.send("small");
    group.send(&large);
    let mut expected = b"\x81\x05small\x82\x7f\0\0\0\0\0\x01\x11\x70".to_vec();
    expected.extend(&large);
    for (_, _, peer) in &mut members {
        peer.expect(&expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn clients_in_a_group_mask() {
    let group = Group::new();
    let (socket, mut peer) = member(Role::Client, Config::default(), 1024);
    let _membership = group.join(&socket);
    group.send("hi");
    let mut frame = [0; 8];
    peer.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[..2], [0x81, 0x82]);
    assert_eq!([frame[6] ^ frame[2], frame[7] ^ frame[3]], *b"hi");
}

#[tokio::test(start_paused = true)]
async fn a_closing_member_gets_nothing_after_its_close_frame() {
    let group = Group::new();
    let (socket, mut peer) = server();
    let _membership = group.join(&socket);
    group.send("before");
    socket.writer().close(CloseCode::NORMAL, "");
    group.send("after");
    peer.expect(b"\x81\x06before\x88\x02\x03\xe8").await;
    assert!(is_silent(&mut peer).await);
}

#[tokio::test(start_paused = true)]
async fn replies_and_broadcasts_of_one_turn_leave_together() {
    let group = Group::new();
    let (socket, mut peer) = server();
    let membership = group.join(&socket);
    let serving = tokio::spawn(async move {
        let _membership = membership;
        socket
            .for_each(|message, out| {
                out.send("reply");
                group.send(message);
            })
            .await
    });
    peer.send(&masked(Opcode::Text, b"all")).await;
    peer.expect(b"\x81\x03all\x81\x05reply").await;
    drop(peer);
    assert!(matches!(serving.await.unwrap(), Err(RecvError::ConnectionLost)));
}

#[tokio::test(start_paused = true)]
async fn closing_all_members() {
    let group = Group::new();
    let (first, mut first_peer) = server();
    let (second, mut second_peer) = server();
    let _memberships = [group.join(&first), group.join(&second)];
    group.send("last");
    group.close(CloseCode::GOING_AWAY, "bye");
    for peer in [&mut first_peer, &mut second_peer] {
        peer.expect(b"\x81\x04last\x88\x05\x03\xe9bye").await;
    }
    assert!(!first.writer().is_open() && !second.writer().is_open());
}

/// Several threads broadcast messages of all sizes, over real sockets whose buffers fill up.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_members_get_everything_in_the_same_order() {
    const SENDERS: usize = 4;
    const MESSAGES: usize = 200;
    const MEMBERS: usize = 20;
    let group = Group::new();
    let config = Config { queued_bytes_max: usize::MAX, ..Config::default() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (mut servers, mut clients) = (Vec::new(), Vec::new());
    for _ in 0..MEMBERS {
        let client = tokio::net::TcpStream::connect(address).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let stream = Stream::from_tcp(accepted);
        let socket = WebSocket::from_stream(stream, Vec::new(), Role::Server, config.clone(), None);
        servers.push((group.join(&socket), socket));
        let stream = Stream::from_tcp(client);
        clients.push(WebSocket::from_stream(
            stream,
            Vec::new(),
            Role::Client,
            config.clone(),
            None,
        ));
    }
    let mut senders = Vec::new();
    for sender in 0..SENDERS {
        let group = group.clone();
        senders.push(tokio::spawn(async move {
            for number in 0..MESSAGES {
                let size = [10, 500, 1100, 20_000][number % 4];
                let mut message = vec![0; size];
                message[..2].copy_from_slice(&[sender as u8, number as u8]);
                group.send(&message);
                if number % 5 == 0 {
                    yield_now().await;
                }
            }
        }));
    }
    let mut orders = Vec::new();
    for mut client in clients {
        orders.push(tokio::spawn(async move {
            let mut order = Vec::new();
            for _ in 0..SENDERS * MESSAGES {
                let message = client.recv().await.unwrap().unwrap();
                let (head, rest) = message.as_bytes().split_at(2);
                assert!(rest.iter().all(|byte| *byte == 0));
                order.push([head[0], head[1]]);
            }
            order
        }));
    }
    let first = orders.pop().unwrap().await.unwrap();
    for order in orders {
        assert!(order.await.unwrap() == first);
    }
    for sender in 0..SENDERS as u8 {
        let numbers = first.iter().filter(|[from, _]| *from == sender).map(|[_, number]| *number);
        assert!(numbers.eq(0..MESSAGES as u8));
    }
    for sender in senders {
        sender.await.unwrap();
    }
}

/// RUSTSEC-2020-0043: an outgoing buffer that grew without limit. A member is disconnected when more than its limit would wait, and nobody else notices.
#[tokio::test(start_paused = true)]
async fn slow_members_at_the_limit() {
    // 100 bytes go into the stream, 16 KiB into the stash of a boxed stream.
    let absorbed = 100 + 16 * 1024;
    for (limit, survives) in [(3009, true), (3008, true), (3007, false)] {
        let group = Group::new();
        let config = Config { queued_bytes_max: limit, ..Config::default() };
        let (mut slow, mut slow_peer) = member(Role::Server, config, 100);
        let (other, mut other_peer) = server();
        let _memberships = [group.join(&slow), group.join(&other)];
        // Fills everything below the queue.
        let filling = vec![1; absorbed - 4];
        group.send(&filling);
        yield_now().await;
        yield_now().await;
        assert_eq!(slow.writer().queued_bytes(), 0);
        group.send(&[2; 1500]);
        group.send(&[3; 1500]);
        assert_eq!(slow.writer().queued_bytes(), if survives { 3008 } else { 0 });
        // The other one has everything.
        let mut received = vec![0; absorbed + 3008];
        other_peer.read_exact(&mut received).await.unwrap();
        if survives {
            slow_peer.read_exact(&mut received).await.unwrap();
        } else {
            let error = slow.recv().await.unwrap_err();
            assert!(matches!(error, RecvError::Overflow), "{error:?}");
            assert_eq!(slow_peer.read_to_end().await.unwrap().len(), 100);
        }
    }
}

/// A single message over the limit is let through when nothing else waits.
#[tokio::test(start_paused = true)]
async fn one_message_may_be_larger_than_the_limit() {
    let group = Group::new();
    let config = Config { queued_bytes_max: 10, ..Config::default() };
    let (socket, mut peer) = member(Role::Server, config, 64 * 1024);
    let _membership = group.join(&socket);
    group.send(&[1; 20]);
    let mut frame = [0; 22];
    peer.read_exact(&mut frame).await.unwrap();
    assert!(socket.writer().is_open());
}

/// What may happen to three connections and two groups they can be in.
#[derive(Clone, Debug)]
enum Step {
    Join { member: usize, group: usize },
    Leave { member: usize, group: usize },
    Send { group: usize, size: usize },
    ToOthers { member: usize, group: usize },
    Direct { member: usize },
    Feed { member: usize },
    Flush { member: usize },
    Tick,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (member, group) = (0..3_usize, 0..2_usize);
    let pair = (member.clone(), group.clone());
    let size = prop_oneof![8 => 1..50_usize, 1 => 900..1200_usize, 1 => 30_000..70_000_usize];
    let step = prop_oneof![
        2 => pair.clone().prop_map(|(member, group)| Step::Join { member, group }),
        1 => pair.clone().prop_map(|(member, group)| Step::Leave { member, group }),
        6 => (group, size).prop_map(|(group, size)| Step::Send { group, size }),
        3 => pair.prop_map(|(member, group)| Step::ToOthers { member, group }),
        2 => member.clone().prop_map(|member| Step::Direct { member }),
        1 => member.clone().prop_map(|member| Step::Feed { member }),
        1 => member.prop_map(|member| Step::Flush { member }),
        2 => Just(Step::Tick),
    ];
    proptest::collection::vec(step, 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However groups, members and their own messages are mixed, each member gets what was sent to it
    /// while it was a member, in the order in which it was sent.
    #[test]
    fn everybody_gets_what_was_sent_in_its_order(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run_steps(steps));
    }
}

async fn run_steps(steps: Vec<Step>) {
    let groups = [Group::new(), Group::new()];
    let config = Config { queued_bytes_max: usize::MAX, ..Config::default() };
    let (mut sockets, mut peers) = (Vec::new(), Vec::new());
    // The last one's stream takes little at a time, and a little more behind it.
    for buffer in [8 << 20, 8 << 20, 100] {
        let (socket, peer) = member(Role::Server, config.clone(), buffer);
        sockets.push(socket);
        peers.push(peer);
    }
    let mut memberships: [[Option<Membership>; 2]; 3] = Default::default();
    let mut expected: [Vec<u8>; 3] = Default::default();
    let mut number = 0_u8;
    for step in steps {
        number = number.wrapping_add(1);
        let mut expect_at = |member: usize, payload: &[u8]| {
            encode_frame(Opcode::Binary, payload, None, &mut expected[member]);
        };
        match step {
            Step::Join { member, group } => {
                let place = &mut memberships[member][group];
                if place.is_none() {
                    *place = Some(groups[group].join(&sockets[member]));
                }
            }
            Step::Leave { member, group } => memberships[member][group] = None,
            Step::Send { group, size } => {
                let payload = vec![number; size];
                groups[group].send(&payload);
                for member in (0..3).filter(|member| memberships[*member][group].is_some()) {
                    expect_at(member, &payload);
                }
            }
            Step::ToOthers { member, group } => {
                let Some(membership) = &memberships[member][group] else { continue };
                membership.send_to_others(&[number, 1]);
                for other in (0..3).filter(|other| memberships[*other][group].is_some()) {
                    if other != member {
                        expect_at(other, &[number, 1]);
                    }
                }
            }
            // The last one would have to wait for its peer.
            Step::Direct { member } | Step::Feed { member } | Step::Flush { member }
                if member == 2 => {}
            Step::Direct { member } => {
                sockets[member].send(&[number, 2]).await.unwrap();
                expect_at(member, &[number, 2]);
            }
            Step::Feed { member } => {
                sockets[member].writer().feed(&[number, 3]).await.unwrap();
                expect_at(member, &[number, 3]);
            }
            Step::Flush { member } => sockets[member].writer().flush().await,
            Step::Tick => yield_now().await,
        }
    }
    for (socket, (peer, expected)) in sockets.iter().zip(peers.iter_mut().zip(&expected)) {
        let mut received = vec![0; expected.len()];
        let reading =
            async { tokio::join!(peer.read_exact(&mut received), socket.writer().flush()).0 };
        timeout(Duration::from_secs(30), reading).await.expect("all of it").unwrap();
        assert!(received == *expected);
        assert_eq!(socket.writer().queued_bytes(), 0);
    }
}

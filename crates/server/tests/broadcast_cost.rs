//! What a broadcast costs is counted, not timed: the memory it takes from the heap. With
//! `SOCKEYE_OTHERS=100000` there are that many others instead of a thousand, which takes 7 GB.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sockeye::{Namespace, Server, Socket};
use sockeye_testing::{TestClient, TestServer};

#[global_allocator]
static HEAP: dhat::Alloc = dhat::Alloc;

async fn connect(server: &TestServer, count: usize) -> Vec<TestClient> {
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        clients.push(server.connect().await);
    }
    clients
}

/// The blocks that one broadcast to a room takes, and everybody got it.
async fn blocks(server: &TestServer, room: &str, members: &mut [TestClient]) -> u64 {
    let io = server.server().io();
    let mut blocks = 0;
    // The first round makes the buffers that stay.
    for round in 0..3 {
        let before = dhat::HeapStats::get().total_blocks;
        io.to(room).emit("news", &round).unwrap();
        blocks = dhat::HeapStats::get().total_blocks - before;
        for member in &mut *members {
            assert_eq!(member.expect_event::<u32>("news").await, round);
        }
    }
    blocks
}

async fn enter(members: &mut [TestClient], room: &str) {
    for member in members {
        member.emit_with_ack::<_, ()>("enter", room).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_costs_the_same_however_many_others_are_connected() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let namespace =
        Namespace::new("/").on("enter", async |socket: Socket, room: String| socket.join(room));
    let server = TestServer::new(Server::builder().namespace(namespace).build().unwrap());
    let mut members = connect(&server, 64).await;
    enter(&mut members, "room").await;
    let few = connect(&server, 10).await;
    let with_few = blocks(&server, "room", &mut members).await;
    let others = std::env::var("SOCKEYE_OTHERS");
    let many = connect(&server, others.map_or(1_000, |others| others.parse().unwrap())).await;
    let with_many = blocks(&server, "room", &mut members).await;
    assert_eq!(with_many, with_few, "with {} and {} others", few.len() + many.len(), few.len());
    let mut more = connect(&server, 64).await;
    enter(&mut more, "room").await;
    members.append(&mut more);
    let with_more = blocks(&server, "room", &mut members).await;
    // Not one for each recipient: a list of twice the length is made longer once more.
    assert!(with_more <= with_few + 2, "{with_more} for 128 members, {with_few} for 64");
}

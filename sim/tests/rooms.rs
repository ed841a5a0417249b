//! Rooms and broadcasts through the public API against a naive model, over connections: each client
//! gets each event once, `except` wins, nobody else hears it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use sockeye::{Broadcast, Event, Io, Namespace, Server, Socket};
use sockeye_testing::{TestClient, TestServer};
use tokio::runtime::Builder;

const NEWS: Event<u32> = Event::new("news");
const END: Event<()> = Event::new("end");
const CLIENTS_MAX: usize = 6;
/// So many are there from the beginning in every other case, in two of the rooms: what such a room is
/// sent again and again is written once for all.
const CROWD: usize = 20;

#[derive(Clone, Debug)]
enum Step {
    Connect,
    /// The client leaves, by itself or as the server wants it.
    Disconnect {
        client: usize,
        by_server: bool,
    },
    Join {
        client: usize,
        rooms: Vec<u8>,
    },
    Leave {
        client: usize,
        room: u8,
    },
    /// All in some rooms join or leave another.
    JoinAll {
        from: u8,
        to: u8,
    },
    LeaveAll {
        from: u8,
        room: u8,
    },
    Send {
        origin: Option<usize>,
        to: Vec<Target>,
        except: Vec<Target>,
    },
}

/// A room by its name, or a client by its id.
#[derive(Clone, Copy, Debug)]
enum Target {
    Room(u8),
    Client(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let client = 0..CLIENTS_MAX;
    let room = 0..4_u8;
    let target = prop_oneof![3 => room.clone().prop_map(Target::Room), 1 => client.clone().prop_map(Target::Client)];
    let targets = prop::collection::vec(target, 0..4);
    prop_oneof![
        3 => Just(Step::Connect),
        1 => (client.clone(), any::<bool>())
            .prop_map(|(client, by_server)| Step::Disconnect { client, by_server }),
        5 => (client.clone(), prop::collection::vec(room.clone(), 1..3))
            .prop_map(|(client, rooms)| Step::Join { client, rooms }),
        2 => (client.clone(), room.clone()).prop_map(|(client, room)| Step::Leave { client, room }),
        1 => (room.clone(), room.clone()).prop_map(|(from, to)| Step::JoinAll { from, to }),
        1 => (room.clone(), room).prop_map(|(from, room)| Step::LeaveAll { from, room }),
        8 => (prop::option::of(client), targets.clone(), targets)
            .prop_map(|(origin, to, except)| Step::Send { origin, to, except }),
    ]
}

/// What the model knows of a client: its rooms, and what it has to hear.
struct Member {
    client: TestClient,
    socket: Socket,
    rooms: BTreeSet<u8>,
    expected: Vec<u32>,
}

fn name(room: u8) -> String {
    format!("room {room}")
}

fn in_rooms(members: &[Member], member: usize, targets: &[Target]) -> bool {
    targets.iter().any(|target| match target {
        Target::Room(room) => members[member].rooms.contains(room),
        Target::Client(client) => client % members.len() == member,
    })
}

/// The operator in the API's words.
fn operator(
    io: &Io,
    members: &[Member],
    origin: Option<usize>,
    to: &[Target],
    except: &[Target],
) -> Broadcast {
    let names = |targets: &[Target]| -> Vec<String> {
        let name = |target: &Target| match target {
            Target::Room(room) => name(*room),
            Target::Client(client) => members[client % members.len()].client.id().to_owned(),
        };
        targets.iter().map(name).collect()
    };
    match origin {
        Some(origin) => members[origin].socket.to(names(to)).except(names(except)),
        None => io.to(names(to)).except(names(except)),
    }
}

async fn enter(server: &TestServer, rooms: BTreeSet<u8>) -> Member {
    let client = server.connect().await;
    let socket = server.server().io().socket(client.id()).unwrap();
    socket.join(rooms.iter().copied().map(name).collect::<Vec<_>>());
    Member { client, socket, rooms, expected: Vec::new() }
}

async fn play(steps: Vec<Step>, crowd: usize) {
    let server = Server::builder().namespace(Namespace::new("/")).build().unwrap();
    let server = TestServer::new(server);
    let io = server.server().io();
    let mut members: Vec<Member> = Vec::new();
    for _ in 0..crowd {
        members.push(enter(&server, BTreeSet::from([0, 1])).await);
    }
    let mut next = 0;
    for step in steps {
        let count = members.len();
        match step {
            Step::Connect if count < crowd + CLIENTS_MAX => {
                members.push(enter(&server, BTreeSet::new()).await);
            }
            Step::Connect => {}
            _ if count == 0 => {}
            Step::Disconnect { client, by_server } => {
                let mut member = members.swap_remove(client % count);
                if by_server {
                    member.socket.disconnect();
                } else {
                    member.client.disconnect();
                }
                while io.socket(member.client.id()).is_some() {
                    tokio::task::yield_now().await;
                }
                heard(&mut member, false).await;
            }
            Step::Join { client, rooms } => {
                let member = &mut members[client % count];
                member.socket.join(rooms.iter().copied().map(name).collect::<Vec<_>>());
                member.rooms.extend(rooms);
            }
            Step::Leave { client, room } => {
                members[client % count].socket.leave(name(room));
                members[client % count].rooms.remove(&room);
            }
            Step::JoinAll { from, to } => {
                io.to(name(from)).join(name(to));
                members.iter_mut().filter(|member| member.rooms.contains(&from)).for_each(
                    |member| {
                        member.rooms.insert(to);
                    },
                );
            }
            Step::LeaveAll { from, room } => {
                io.to(name(from)).leave(name(room));
                members.iter_mut().filter(|member| member.rooms.contains(&from)).for_each(
                    |member| {
                        member.rooms.remove(&room);
                    },
                );
            }
            Step::Send { origin, to, except } => {
                let origin = origin.map(|origin| origin % count);
                operator(&io, &members, origin, &to, &except).emit(NEWS, &next).unwrap();
                let reached: Vec<usize> = (0..count)
                    .filter(|&member| to.is_empty() || in_rooms(&members, member, &to))
                    .filter(|&member| !in_rooms(&members, member, &except))
                    .filter(|&member| Some(member) != origin)
                    .collect();
                let mut ids: Vec<String> = operator(&io, &members, origin, &to, &except)
                    .sockets()
                    .iter()
                    .map(|socket| socket.id().to_string())
                    .collect();
                ids.sort();
                let mut expected: Vec<String> =
                    reached.iter().map(|&member| members[member].client.id().to_owned()).collect();
                expected.sort();
                assert_eq!(ids, expected);
                reached.iter().for_each(|&member| members[member].expected.push(next));
                next += 1;
            }
        }
    }
    io.emit(END, &()).unwrap();
    for member in &mut members {
        let rooms: BTreeSet<String> =
            member.socket.rooms().iter().map(|room| room.as_str().to_owned()).collect();
        let own = std::iter::once(member.client.id().to_owned());
        assert_eq!(rooms, member.rooms.iter().copied().map(name).chain(own).collect());
        heard(member, true).await;
    }
}

/// The client has heard what it had to, and then the end, of everything or of its connection.
async fn heard(member: &mut Member, is_end: bool) {
    for event in &member.expected {
        assert_eq!(member.client.expect_event(NEWS).await, *event);
    }
    if is_end {
        member.client.expect_event(END).await;
    }
}

/// Unless `SOCKEYE_ROOM_HISTORIES` says another number.
const HISTORIES: u32 = 48;

fn histories() -> ProptestConfig {
    let histories = std::env::var("SOCKEYE_ROOM_HISTORIES").ok().and_then(|text| text.parse().ok());
    ProptestConfig::with_cases(histories.unwrap_or(HISTORIES))
}

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn broadcasts_reach_whom_a_naive_model_says(
        steps in prop::collection::vec(step(), 1..120),
        has_crowd in any::<bool>(),
    ) {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(play(steps, if has_crowd { CROWD } else { 0 }));
    }
}

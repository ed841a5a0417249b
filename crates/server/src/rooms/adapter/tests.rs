use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::memberships::tests::LOOKS;
use super::super::targets::Targets;
use super::*;

const SOCKETS: usize = 600;

#[derive(Debug, Clone)]
enum Step {
    Insert(usize),
    Remove(usize),
    Join(usize, u8),
    Leave(usize, u8),
    Send { rooms: Vec<u8>, except: Vec<u8>, to: Option<usize>, from: Option<usize> },
}

fn step() -> impl Strategy<Value = Step> {
    let socket = || 0..SOCKETS;
    let rooms = || proptest::collection::vec(0..6u8, 0..3);
    prop_oneof![
        4 => socket().prop_map(Step::Insert),
        1 => socket().prop_map(Step::Remove),
        4 => (socket(), 0..6u8).prop_map(|(s, r)| Step::Join(s, r)),
        2 => (socket(), 0..6u8).prop_map(|(s, r)| Step::Leave(s, r)),
        2 => (rooms(), rooms(), proptest::option::of(socket()), proptest::option::of(socket()))
            .prop_map(|(rooms, except, to, from)| Step::Send { rooms, except, to, from }),
    ]
}

fn room(number: u8) -> Room {
    Room::from(format!("room {number}"))
}

fn lent(targets: &Targets) -> TargetsRef<'_> {
    TargetsRef { rooms: &targets.rooms, except: &targets.except, sender: None }
}

fn targets(ids: &[SocketId], step: &Step) -> Targets {
    let Step::Send { rooms, except, to, from } = step else {
        return Targets::default();
    };
    let own = |socket: &Option<usize>| socket.map(|socket| Room::from(&ids[socket]));
    Targets {
        rooms: rooms.iter().copied().map(room).chain(own(to)).collect(),
        except: except.iter().copied().map(room).chain(own(from)).collect(),
    }
}

/// The recipients of a broadcast according to a naive model.
fn expected(model: &BTreeMap<usize, BTreeSet<Room>>, targets: &Targets) -> Vec<usize> {
    let is_in = |rooms: &BTreeSet<Room>, any: &[Room]| any.iter().any(|r| rooms.contains(r));
    let reached = model.iter().filter(|(_, rooms)| {
        (targets.rooms.is_empty() || is_in(rooms, &targets.rooms)) && !is_in(rooms, &targets.except)
    });
    reached.map(|(socket, _)| *socket).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn broadcasts_reach_whom_a_naive_model_says(steps in proptest::collection::vec(step(), 1..1500)) {
        let ids: Vec<_> = (0..SOCKETS).map(|_| SocketId::random()).collect();
        let adapter = Adapter::<usize, Vec<usize>>::new(false, &Gauge::noop());
        let mut model: BTreeMap<usize, BTreeSet<Room>> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Insert(socket) if !model.contains_key(&socket) => {
                    adapter.insert(ids[socket].clone(), socket);
                    adapter.admit(&ids[socket]);
                    model.insert(socket, BTreeSet::from([Room::from(&ids[socket])]));
                }
                Step::Remove(socket) => {
                    let left: BTreeSet<_> = adapter.remove(&ids[socket]).into_iter().collect();
                    prop_assert_eq!(left, model.remove(&socket).unwrap_or_default());
                }
                Step::Join(socket, number) => {
                    let mut entered = Vec::new();
                    adapter.join(&ids[socket], vec![room(number)], |room| entered.push(room.clone()));
                    if let Some(rooms) = model.get_mut(&socket) {
                        prop_assert_eq!(!entered.is_empty(), rooms.insert(room(number)));
                    }
                    let is_in = model.get(&socket).is_some_and(|rooms| rooms.contains(&room(number)));
                    prop_assert_eq!(adapter.is_in(&ids[socket], &room(number)), is_in);
                }
                Step::Leave(socket, number) => {
                    let mut left = Vec::new();
                    adapter.leave(&ids[socket], &[room(number)], |room| left.push(room.clone()));
                    if let Some(rooms) = model.get_mut(&socket) {
                        prop_assert_eq!(!left.is_empty(), rooms.remove(&room(number)));
                    }
                }
                Step::Send { .. } => {
                    let targets = targets(&ids, &step);
                    let mut reached = adapter.select(lent(&targets), None).sockets();
                    reached.sort_unstable();
                    let expected = expected(&model, &targets);
                    prop_assert_eq!(&reached, &expected);
                    if targets.rooms.len() < 2 && targets.except.is_empty() {
                        // Made now, or kept from a broadcast before.
                        let copied = |members: &mut dyn Iterator<Item = &usize>| members.copied().collect();
                        if let Some(member_cache) = adapter.member_cache(targets.rooms.first(), copied) {
                            let mut reached = member_cache.to_vec();
                            reached.sort_unstable();
                            prop_assert_eq!(reached, expected);
                        }
                    }
                }
                Step::Insert(_) => {}
            }
        }
        for id in ids {
            adapter.remove(&id);
        }
        let state = adapter.state.lock();
        prop_assert!(state.indexes.is_empty());
        prop_assert!(state.slots.is_empty() && state.ids.is_empty() && state.names.is_empty());
        prop_assert_eq!(state.rooms.len(), 1, "only the room of everybody stays");
        prop_assert!(state.rooms[EVERYBODY].chunks.is_empty());
    }
}

#[test]
fn a_member_cache_is_kept_until_somebody_joins_or_leaves() {
    let adapter = Adapter::<usize, usize>::new(false, &Gauge::noop());
    let ids: Vec<_> = (0..CACHE_MIN + 1).map(|_| SocketId::random()).collect();
    let room = Room::from("a");
    let enter = |number: usize| {
        adapter.insert(ids[number].clone(), number);
        adapter.join(&ids[number], vec![room.clone()], |_| {});
    };
    let made = std::cell::Cell::new(0);
    let send = || {
        let make = |members: &mut dyn Iterator<Item = &usize>| {
            made.set(made.get() + 1);
            members.count()
        };
        adapter.member_cache(Some(&room), make).map(|member_cache| *member_cache)
    };
    assert_eq!(send(), None, "no such room");
    (1..CACHE_MIN).for_each(enter);
    assert_eq!([send(), send()], [None, None], "too few");
    enter(0);
    let all = Some(CACHE_MIN);
    assert_eq!([send(), send(), send()], [None, all, all], "not for one message");
    enter(CACHE_MIN);
    assert_eq!([send(), send()], [None, Some(CACHE_MIN + 1)]);
    adapter.leave(&ids[3], std::slice::from_ref(&room), |_| {});
    assert_eq!([send(), send(), send()], [None, all, all]);
    adapter.remove(&ids[5]);
    assert_eq!([send(), send()], [None, None], "too few");
    assert_eq!(made.get(), 3);
}

#[test]
fn before_it_is_admitted_a_socket_is_reached_through_its_rooms_only() {
    let adapter = Adapter::<_, ()>::new(false, &Gauge::noop());
    let id = SocketId::random();
    adapter.insert(id.clone(), 1);
    adapter.join(&id, vec![Room::from("a")], |_| {});
    assert!(adapter.select(TargetsRef::default(), None).sockets().is_empty());
    let to = |room| Targets { rooms: vec![room], except: Vec::new() };
    assert_eq!(adapter.select(lent(&to(Room::from("a"))), None).sockets(), [1]);
    assert_eq!(adapter.select(lent(&to(Room::from(id))), None).sockets(), [1]);
}

/// A regression test: a leave searched all rooms of the socket, and all those of the member that
/// moved to its position.
#[test]
fn leaving_costs_the_same_however_many_rooms_a_socket_is_in() {
    const ROOMS: usize = 10_000;
    let adapter = Adapter::<usize, ()>::new(false, &Gauge::noop());
    let rooms: Vec<_> = (0..ROOMS).map(|number| Room::from(number.to_string())).collect();
    let ids = [(); 2].map(|()| SocketId::random());
    for (socket, id) in ids.iter().enumerate() {
        adapter.insert(id.clone(), socket);
        adapter.join(id, rooms.clone(), |_| {});
    }
    LOOKS.set(0);
    for room in &rooms {
        adapter.leave(&ids[0], std::slice::from_ref(room), |_| {});
    }
    assert!(LOOKS.get() < 1_000, "{} memberships looked at for {ROOMS} rooms", LOOKS.get());
    assert_eq!(adapter.rooms(&ids[0]).len(), 1);
    adapter.leave(&ids[1], &rooms, |_| {});
    assert!(adapter.state.lock().indexes.is_empty());
}

/// A handle that counts how often it is copied.
struct Counted<'a>(&'a std::cell::Cell<usize>);

impl Clone for Counted<'_> {
    fn clone(&self) -> Self {
        self.0.set(self.0.get() + 1);
        Self(self.0)
    }
}

/// The cost of a broadcast to fifty members, with so many others in the namespace: handles copied,
/// and members read.
fn cost(others: usize, targets: impl Fn(SocketId) -> Targets) -> (usize, usize) {
    let copies = std::cell::Cell::new(0);
    let adapter = Adapter::<_, ()>::new(false, &Gauge::noop());
    let mut first = None;
    for number in 0..others + 50 {
        let id = SocketId::random();
        adapter.insert(id.clone(), Counted(&copies));
        adapter.admit(&id);
        let rooms = if number % (others / 50 + 1) == 0 { ["a", "b"] } else { ["x", "y"] };
        if number / (others / 50 + 1) < 50 {
            adapter.join(&id, rooms.map(Room::from).to_vec(), |_| {});
        }
        first.get_or_insert(id);
    }
    let targets = targets(first.expect("there is one"));
    copies.set(0);
    let mut reached = 0;
    adapter.select(lent(&targets), None).for_each(|_| reached += 1);
    (copies.get(), reached)
}

#[test]
fn a_room_costs_the_same_however_many_others_there_are() {
    let to = |rooms: &[&str], except: Vec<Room>| Targets {
        rooms: rooms.iter().copied().map(Room::from).collect(),
        except,
    };
    for others in [100, 100_000] {
        assert_eq!(cost(others, |_| to(&["a"], Vec::new())), (0, 50), "{others}");
        assert_eq!(cost(others, |_| to(&["a", "b"], Vec::new())), (0, 50), "{others}");
        let but_sender = cost(others, |id| to(&["a"], vec![Room::from(&id)]));
        // The sender's own-id room is its handle.
        assert_eq!(but_sender, (1, 49), "{others}");
    }
}

/// An index that is not the member's is detected at the next change.
#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "it points back")]
fn a_membership_that_points_elsewhere_is_found() {
    let adapter = Adapter::<usize, ()>::new(false, &Gauge::noop());
    let ids = [(); 2].map(|()| SocketId::random());
    for (socket, id) in ids.iter().enumerate() {
        adapter.insert(id.clone(), socket);
        adapter.join(id, vec![Room::from("a")], |_| {});
    }
    {
        let state = &mut *adapter.state.lock();
        let slot = state.ids[&ids[0]];
        state.slots[slot].memberships.set(0, 1);
    }
    adapter.admit(&ids[1]);
}

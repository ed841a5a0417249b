//! The table by example, and against a naive model.

use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const GRACE: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_secs(1);
const LIMITS: TableLimits = TableLimits { rooms_max: 2, users_max: 3, connections_max: 2 };

fn key(n: u8) -> ConnectionKey {
    ConnectionKey { server: u64::from(n % 2), socket: SocketId::of_session(&n.to_string(), "/") }
}

fn seat(room: &str, user: &str, n: u8) -> Seat {
    Seat { room: room.into(), user: user.into(), key: key(n) }
}

fn start() -> (Table<u8>, Instant) {
    (Table::new(LIMITS, INTERVAL), Instant::now())
}

fn person(user: &str, since: u64, connections: &[(u64, u8)]) -> Person<u8> {
    Person { user: user.into(), since, connections: connections.to_vec() }
}

fn take(table: &mut Table<u8>, now: Instant, room: &str) -> Difference<u8> {
    table.take_difference(now, &room.into(), usize::MAX, |_| 1)
}

fn limit_of<T>(result: Result<T, PresenceError>) -> Option<(PresenceLimit, usize)> {
    match result {
        Ok(_) => None,
        Err(PresenceError::Limit { limit, max }) => Some((limit, max)),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_user_joins_with_the_first_connection_and_leaves_with_the_last() {
    let (mut table, now) = start();
    table.join(now, 5, &seat("r", "ada", 1), 10).unwrap();
    assert_eq!(take(&mut table, now, "r").joined, [person("ada", 5, &[(5, 10)])]);
    table.join(now, 6, &seat("r", "ada", 2), 20).unwrap();
    let both = person("ada", 5, &[(5, 10), (6, 20)]);
    let difference = take(&mut table, now, "r");
    assert_eq!((difference.joined, difference.changed), (vec![], vec![both]));
    assert!(table.leave(now, &seat("r", "ada", 1)));
    assert!(!table.leave(now, &seat("r", "ada", 1)), "it has left");
    let one = person("ada", 5, &[(6, 20)]);
    assert_eq!(take(&mut table, now, "r").changed, std::slice::from_ref(&one));
    assert!(table.leave(now, &seat("r", "ada", 2)));
    assert_eq!(take(&mut table, now, "r").left, [one]);
    assert!(table.rooms.is_empty() && table.next().is_none(), "nothing is kept");
}

#[test]
fn a_lost_connection_is_seen_until_its_grace_is_over() {
    let (mut table, now) = start();
    table.join(now, 5, &seat("r", "ada", 1), 10).unwrap();
    take(&mut table, now, "r");
    table.lose(&seat("r", "ada", 1), now + GRACE);
    table.lose(&seat("r", "ada", 1), now + 2 * GRACE);
    assert_eq!(table.next(), Some(now + GRACE), "lost once, however often that is said");
    table.advance(now + GRACE - Duration::from_nanos(1));
    assert_eq!(table.count(&"r".into()), 1);
    assert_eq!(table.due_room(now + GRACE), None, "nobody sees that it is lost");
    table.advance(now + GRACE);
    assert_eq!(table.count(&"r".into()), 0);
    assert_eq!(table.next(), Some(now + GRACE + INTERVAL));
    let later = now + GRACE + INTERVAL;
    assert_eq!(table.due_room(later), Some("r".into()));
    assert_eq!(take(&mut table, later, "r").left, [person("ada", 5, &[(5, 10)])]);
}

#[test]
fn who_comes_back_takes_the_place_of_what_was_lost() {
    let (mut table, now) = start();
    for (n, metadata) in [(1, 10), (2, 20)] {
        table.join(now, u64::from(n), &seat("r", "ada", n), metadata).unwrap();
    }
    take(&mut table, now, "r");
    for n in [1, 2] {
        table.lose(&seat("r", "ada", n), now + GRACE);
    }
    // The same connection, and another one with the same metadata, not the oldest.
    table.join(now, 7, &seat("r", "ada", 2), 20).unwrap();
    table.lose(&seat("r", "ada", 2), now + GRACE);
    table.join(now, 8, &seat("r", "ada", 3), 20).unwrap();
    assert_eq!(take(&mut table, now, "r"), Difference::default(), "nothing has changed");
    // With other metadata, the oldest that is lost.
    table.join(now, 9, &seat("r", "ada", 4), 30).unwrap();
    let changed = take(&mut table, now, "r").changed;
    assert_eq!(changed, [person("ada", 1, &[(1, 30), (2, 20)])]);
    assert!(table.graces.is_empty());
    assert!(!table.leave(now, &seat("r", "ada", 1)), "its place is taken");
    assert_eq!(table.sockets(1, &"r".into(), "ada"), [key(3).socket]);
    assert_eq!(table.sockets(0, &"r".into(), "ada"), [key(4).socket]);
}

#[test]
fn limits_at_the_edge() {
    let (mut table, now) = start();
    let mut join = |room, user, n| limit_of(table.join(now, 0, &seat(room, user, n), 0));
    for n in 0..2 {
        assert_eq!(join("r", "ada", n), None);
    }
    assert_eq!(join("r", "ada", 2), Some((PresenceLimit::Connections, 2)));
    assert_eq!(join("r", "ada", 1), None, "it is there already");
    assert_eq!(join("r", "bob", 3), None);
    assert_eq!(join("r", "cleo", 4), None);
    assert_eq!(join("r", "dan", 5), Some((PresenceLimit::Users, 3)));
    assert_eq!(join("s", "dan", 5), None);
    assert_eq!(join("t", "dan", 5), Some((PresenceLimit::Rooms, 2)));
    // A lost one is replaced by one of its user and no other.
    table.lose(&seat("r", "ada", 0), now + GRACE);
    assert!(limit_of(table.join(now, 0, &seat("r", "dan", 5), 0)).is_some());
    assert_eq!(limit_of(table.join(now, 0, &seat("r", "ada", 2), 0)), None);
    // A room whose last one has left is not counted, even before that is published.
    table.leave(now, &seat("s", "dan", 5));
    assert_eq!(limit_of(table.join(now, 0, &seat("t", "dan", 5), 0)), None);
}

#[test]
fn what_a_list_was_ahead_of_is_said_again() {
    let (mut table, now) = start();
    table.join(now, 1, &seat("r", "ada", 1), 10).unwrap();
    table.leave(now, &seat("r", "ada", 1));
    assert_eq!(take(&mut table, now, "r"), Difference::default(), "nobody has seen her");
    table.join(now, 1, &seat("r", "ada", 1), 10).unwrap();
    assert_eq!(table.list(&"r".into()).len(), 1);
    assert_eq!(table.published(&"r".into()), []);
    table.leave(now, &seat("r", "ada", 1));
    assert_eq!(take(&mut table, now, "r").unchanged, [person("ada", 0, &[])], "somebody has");
    table.join(now, 1, &seat("r", "ada", 1), 10).unwrap();
    take(&mut table, now, "r");
    table.join(now, 1, &seat("r", "ada", 1), 11).unwrap();
    assert_eq!(table.get(&"r".into(), "ada"), Some(person("ada", 1, &[(1, 11)])));
    assert_eq!(table.published(&"r".into()), [person("ada", 1, &[(1, 10)])]);
    table.join(now, 1, &seat("r", "ada", 1), 10).unwrap();
    assert_eq!(take(&mut table, now, "r").unchanged, [person("ada", 1, &[(1, 10)])]);
}

#[test]
fn a_difference_is_bounded_and_the_rest_comes_later_in_order() {
    let (mut table, now) = start();
    for (n, user) in ["cleo", "ada", "bob"].into_iter().enumerate() {
        table.join(now, 0, &seat("r", user, n as u8), 0).unwrap();
    }
    let mut take = |now, max| {
        let taken = table.take_difference(now, &"r".into(), max, |_| 10);
        let users: Vec<_> = taken.joined.iter().map(|person| person.user.to_string()).collect();
        (users, table.next())
    };
    assert_eq!(take(now, 20), (vec!["cleo".into(), "ada".into()], Some(now + INTERVAL)));
    assert_eq!(take(now + INTERVAL, 1), (vec!["bob".into()], None), "one goes in any case");
}

/// An operation on a table.
#[derive(Debug, Clone)]
enum Step {
    Join(usize, u8),
    Leave(usize),
    Lose(usize),
    Wait(u64),
    List(u8),
    Take(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..SEATS, 0..3u8).prop_map(|(seat, metadata)| Step::Join(seat, metadata)),
        2 => (0..SEATS).prop_map(Step::Leave),
        4 => (0..SEATS).prop_map(Step::Lose),
        2 => (0..8u64).prop_map(Step::Wait),
        2 => (0..ROOMS).prop_map(Step::List),
        3 => (1..4usize).prop_map(Step::Take),
    ]
}

/// Three rooms, four users, three connections of each: over every limit.
const SEATS: usize = 36;
const ROOMS: u8 = 3;

fn nth_seat(n: usize) -> Seat {
    let (room, user) = (["a", "b", "c"][n % 3], ["ada", "bob", "cleo", "dan"][n / 3 % 4]);
    seat(room, user, n as u8)
}

/// One connection of the model, without any index.
#[derive(Clone)]
struct Row {
    seat: Seat,
    user_since: u64,
    since: u64,
    metadata: u8,
    lost_until: Option<Instant>,
}

/// All connections in the order of their positions.
#[derive(Default)]
struct Model(Vec<Row>);

impl Model {
    fn of_user<'a>(&'a self, of: &'a Seat) -> impl Iterator<Item = usize> + 'a {
        let is_of = |row: &Row| row.seat.room == of.room && row.seat.user == of.user;
        (0..self.0.len()).filter(move |n| is_of(&self.0[*n]))
    }

    fn users(&self, room: &Room) -> Vec<Person<u8>> {
        let mut users: BTreeMap<Arc<str>, Person<u8>> = BTreeMap::new();
        for row in self.0.iter().filter(|row| row.seat.room == *room) {
            let user = users.entry(Arc::clone(&row.seat.user));
            let user = user.or_insert_with(|| person(&row.seat.user, row.user_since, &[]));
            user.connections.push((row.since, row.metadata));
        }
        users.into_values().collect()
    }

    fn rooms(&self) -> BTreeSet<Room> {
        self.0.iter().map(|row| row.seat.room.clone()).collect()
    }

    fn join(&mut self, now: u64, seat: &Seat, metadata: u8) -> Option<PresenceLimit> {
        let own: Vec<_> = self.of_user(seat).collect();
        let is_lost = |n: &&usize| self.0[**n].lost_until.is_some();
        let place = own.iter().find(|n| self.0[**n].seat == *seat);
        let place =
            place.or_else(|| own.iter().filter(is_lost).find(|n| self.0[**n].metadata == metadata));
        if let Some(&place) = place.or_else(|| own.iter().find(is_lost)) {
            let row = &mut self.0[place];
            (row.seat, row.metadata, row.lost_until) = (seat.clone(), metadata, None);
            return None;
        }
        let users = self.users(&seat.room).len();
        if users == 0 && self.rooms().len() == LIMITS.rooms_max {
            return Some(PresenceLimit::Rooms);
        }
        if own.is_empty() && users == LIMITS.users_max {
            return Some(PresenceLimit::Users);
        }
        if own.len() == LIMITS.connections_max {
            return Some(PresenceLimit::Connections);
        }
        let user_since = own.first().map_or(now, |n| self.0[*n].user_since);
        let seat = seat.clone();
        self.0.push(Row { seat, user_since, since: now, metadata, lost_until: None });
        None
    }
}

/// A recipient of the differences of a room.
struct Hearer(BTreeMap<Arc<str>, Person<u8>>);

/// A client that asks for the list, whose answer may arrive after differences that were made later,
/// or before some that were made earlier.
struct Client {
    room: Room,
    answer: Vec<Person<u8>>,
    early: Vec<Rc<Difference<u8>>>,
    /// How many differences arrive before the answer.
    overtaking: usize,
    here: Hearer,
}

impl Client {
    fn hear(&mut self, difference: &Rc<Difference<u8>>) {
        if self.overtaking == 0 {
            return self.here.apply(difference);
        }
        self.early.push(Rc::clone(difference));
        self.overtaking -= 1;
        if self.overtaking == 0 {
            self.take_answer();
        }
    }

    fn take_answer(&mut self) {
        self.overtaking = 0;
        self.here = Hearer::new(std::mem::take(&mut self.answer));
        self.early.drain(..).for_each(|difference| self.here.apply(&difference));
    }
}

impl Hearer {
    fn new(list: Vec<Person<u8>>) -> Self {
        Self(list.into_iter().map(|person| (Arc::clone(&person.user), person)).collect())
    }

    /// Applies a difference as a client does: by key, whatever was there.
    fn apply(&mut self, difference: &Difference<u8>) {
        let Difference { joined, left, changed, unchanged } = difference;
        left.iter().for_each(|person| drop(self.0.remove(&person.user)));
        for person in joined.iter().chain(changed).chain(unchanged) {
            match person.connections.is_empty() {
                true => self.0.remove(&person.user),
                false => self.0.insert(Arc::clone(&person.user), person.clone()),
            };
        }
    }

    /// Applies a difference as a watch does: each change has to be one.
    fn apply_exactly(&mut self, difference: &Difference<u8>) {
        for person in &difference.left {
            assert_eq!(self.0.remove(&person.user).as_ref(), Some(person), "it was there");
        }
        for person in &difference.joined {
            assert!(
                self.0.insert(Arc::clone(&person.user), person.clone()).is_none(),
                "said twice"
            );
        }
        for person in &difference.changed {
            let before = self.0.insert(Arc::clone(&person.user), person.clone());
            assert!(before.is_some_and(|before| before != *person), "it has changed");
        }
    }

    fn people(&self) -> Vec<Person<u8>> {
        self.0.values().cloned().collect()
    }
}

fn room(n: u8) -> Room {
    ["a", "b", "c"][usize::from(n)].into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// After any operations, the table agrees with a naive model, and so does the list that each
    /// recipient makes of the differences, from whenever it received them.
    #[test]
    fn a_naive_model_agrees(steps in vec(step(), 1..200)) {
        let (mut table, mut now) = start();
        let mut model = Model::default();
        let mut clock = 0;
        let mut clients: Vec<Client> = Vec::new();
        let mut last: HashMap<Room, Rc<Difference<u8>>> = HashMap::new();
        let mut watches: Vec<(Room, Hearer)> = Vec::new();
        let all_taken = [Step::Wait(10), Step::Take(usize::MAX)];
        for step in steps.into_iter().chain(all_taken) {
            clock += 1;
            match step {
                Step::Join(n, metadata) => {
                    let wanted = model.join(clock, &nth_seat(n), metadata);
                    let got = limit_of(table.join(now, clock, &nth_seat(n), metadata));
                    prop_assert_eq!(got.map(|(limit, _)| limit), wanted);
                }
                Step::Leave(n) => {
                    let before = model.0.len();
                    model.0.retain(|row| row.seat != nth_seat(n));
                    prop_assert_eq!(table.leave(now, &nth_seat(n)), model.0.len() < before);
                }
                Step::Lose(n) => {
                    table.lose(&nth_seat(n), now + GRACE);
                    let row = model.0.iter_mut().find(|row| row.seat == nth_seat(n));
                    row.map(|row| row.lost_until.get_or_insert(now + GRACE));
                }
                Step::Wait(seconds) => {
                    now += Duration::from_secs(seconds);
                    table.advance(now);
                    model.0.retain(|row| row.lost_until.is_none_or(|until| until > now));
                }
                Step::List(n) => {
                    let mut client = Client {
                        room: room(n),
                        answer: table.list(&room(n)),
                        early: last.get(&room(n)).cloned().into_iter().collect(),
                        overtaking: clock as usize % 3,
                        here: Hearer::new(Vec::new()),
                    };
                    if client.overtaking == 0 {
                        client.take_answer();
                    }
                    clients.push(client);
                    watches.push((room(n), Hearer::new(table.published(&room(n)))));
                }
                Step::Take(max) => {
                    now += INTERVAL;
                    table.advance(now);
                    model.0.retain(|row| row.lost_until.is_none_or(|until| until > now));
                    while let Some(room) = table.due_room(now) {
                        let difference = Rc::new(table.take_difference(now, &room, max, |_| 1));
                        last.insert(room.clone(), Rc::clone(&difference));
                        let of_room = clients.iter_mut().filter(|client| client.room == room);
                        of_room.for_each(|client| client.hear(&difference));
                        for (_, watch) in watches.iter_mut().filter(|(of, _)| *of == room) {
                            watch.apply_exactly(&difference);
                        }
                    }
                }
            }
            for n in 0..ROOMS {
                let wanted = model.users(&room(n));
                prop_assert_eq!(table.count(&room(n)), wanted.len());
                let get = |person: &Person<u8>| table.rooms[&room(n)].person(&person.user);
                let got: Vec<_> = wanted.iter().filter_map(get).collect();
                prop_assert_eq!(&got, &wanted);
            }
            for (room, watch) in &watches {
                prop_assert_eq!(watch.people(), table.published(room), "as it is published");
            }
            let first = model.0.iter().filter_map(|row| row.lost_until).min();
            prop_assert_eq!(table.graces.first().map(|(until, _)| *until), first);
        }
        for client in &mut clients {
            if client.overtaking > 0 {
                client.take_answer();
            }
            prop_assert_eq!(client.here.people(), model.users(&client.room));
        }
        for row in model.0.clone() {
            table.leave(now, &row.seat);
        }
        for n in 0..ROOMS {
            table.take_difference(now, &room(n), usize::MAX, |_| 1);
        }
        prop_assert!(table.rooms.is_empty() && table.occupied == 0 && table.next().is_none());
    }
}

use std::net::IpAddr;
use std::sync::OnceLock;

use proptest::prelude::*;
use sockeye_socket_proto::EventRef;

use super::*;
use crate::broadcast::encode::encode_with_offset;

/// A socket that is in one room besides its own.
#[derive(Clone)]
struct Client {
    id: SocketId,
    pid: Arc<OnceLock<SocketId>>,
    room: Room,
}

impl Client {
    fn new(room: &str) -> Self {
        Self { id: SocketId::random(), pid: Arc::default(), room: Room::from(room) }
    }
}

impl Connection for Client {
    fn id(&self) -> SocketId {
        self.id.clone()
    }

    fn pid(&self) -> Option<&SocketId> {
        self.pid.get()
    }

    fn address(&self) -> Option<IpAddr> {
        None
    }

    fn data(&self) -> SocketData {
        SocketData::default()
    }

    fn rooms(&self) -> Vec<Room> {
        vec![Room::from(&self.id), self.room.clone()]
    }

    fn is_in(&self, room: &Room) -> bool {
        *room == self.room
    }

    fn held_numbers(&self) -> Vec<u64> {
        Vec::new()
    }

    fn stamped(&self) -> u64 {
        0
    }

    fn has_dropped(&self) -> bool {
        false
    }

    fn replace(&self) {}
}

fn log(log_events_max: usize) -> Arc<Log<Client>> {
    let config = RecoveryConfig { log_events_max, ..RecoveryConfig::default() };
    let absent = AbsentSessions::new(&config);
    Log::new(config, Duration::ZERO, absent, false)
}

/// Sends an event to a room and returns its packet. `None`: it was in the log already.
fn send(log: &Log<Client>, room: &str, name: &str, text: Option<&str>) -> Option<String> {
    let mut sent = None;
    let deliver = |offset: Offset<'_>, _: Option<&Unwritten>| {
        let packet = encode_with_offset("/", EventRef { name, args: "", attachments: &[] }, offset);
        sent = packet.text().map(str::to_owned);
        (Targets { rooms: vec![Room::from(room)], except: Vec::new() }, Arc::new(packet))
    };
    log.record(text, deliver);
    sent
}

/// The offset as the client takes it from the packet.
fn offset(packet: &str) -> String {
    let args = packet.strip_prefix('2').unwrap();
    let args: Vec<String> = serde_json::from_str(args).unwrap();
    args[1].clone()
}

fn stamped(log: &Log<Client>) -> String {
    let mut text = String::new();
    log.stamp(|offset| text = offset.to_string());
    text
}

fn connect(log: &Log<Client>, room: &str) -> Client {
    let client = Client::new(room);
    assert!(log.begin(&client, |pid| client.pid.set(pid.clone()).is_ok()));
    client
}

fn leave(log: &Log<Client>, client: &Client) {
    log.end(client, DisconnectReason::TransportClose, || Some(client.rooms())).unwrap();
}

/// Comes back with this as the last offset seen and returns the missed packets.
fn come_back(
    log: &Log<Client>,
    client: &Client,
    last: Option<&str>,
) -> Result<Vec<String>, RecoveryFailure> {
    let claim = log.claim(client.pid().unwrap().as_str(), last)?;
    let mut missed = Vec::new();
    let is_here = log.restore(
        &claim,
        client,
        |_| true,
        |returned| {
            let packets =
                returned.missed.iter().map(|(_, packet)| packet.text().unwrap().to_owned());
            missed = packets.collect();
            Return::Admitted
        },
    );
    assert!(is_here?);
    Ok(missed)
}

#[test]
fn offsets_made_elsewhere_are_on_the_wire_as_they_are() {
    let log = log(10);
    assert_eq!(stamped(&log), format!("{}.0", log.epoch));
    assert_eq!(send(&log, "a", "x", Some("17-0")).unwrap(), r#"2["x","17-0"]"#);
    assert_eq!(stamped(&log), "17-0", "the newest, which is foreign");
    let own = send(&log, "a", "x", None).unwrap();
    assert_eq!(own, format!(r#"2["x","{}.2"]"#, log.epoch));
    assert_eq!(stamped(&log), format!("{}.2", log.epoch), "the newest, which is not");
    for text in ["\"quoted\\\"", "line\nend", "\u{1F680}"] {
        let packet = send(&log, "a", "x", Some(text)).unwrap();
        assert_eq!(offset(&packet), text, "{packet}");
    }
}

#[test]
fn what_is_delivered_twice_is_sent_and_kept_once() {
    let log = log(10);
    let client = connect(&log, "a");
    leave(&log, &client);
    assert!(send(&log, "a", "x", Some("1-1")).is_some());
    assert!(send(&log, "a", "y", Some("1-2")).is_some());
    assert_eq!(send(&log, "a", "x", Some("1-1")), None);
    assert_eq!(send(&log, "a", "y", Some("1-2")), None);
    assert_eq!(come_back(&log, &client, None).unwrap(), [r#"2["x","1-1"]"#, r#"2["y","1-2"]"#]);
}

#[test]
fn a_client_that_shows_an_offset_made_elsewhere_gets_what_follows() {
    let log = log(10);
    let client = connect(&log, "a");
    let first = send(&log, "a", "x", Some("1-1")).unwrap();
    assert_eq!(first, r#"2["x","1-1"]"#);
    leave(&log, &client);
    send(&log, "b", "not for it", Some("1-2"));
    let second = send(&log, "a", "x", Some("1-3")).unwrap();
    let third = send(&log, "a", "x", None).unwrap();
    assert_eq!(come_back(&log, &client, Some("1-2")), Err(RecoveryFailure::UnknownOffset));
    assert_eq!(come_back(&log, &client, Some("1-3")), Err(RecoveryFailure::UnknownOffset));
    assert_eq!(come_back(&log, &client, Some("1-1")).unwrap(), [second, third]);
}

#[test]
fn offsets_are_forgotten_with_their_events_but_for_the_last() {
    let log = log(3);
    let client = connect(&log, "a");
    let sent: Vec<_> = (1..=10)
        .map(|number| send(&log, "a", "x", Some(&format!("1-{number}"))).unwrap())
        .collect();
    leave(&log, &client);
    {
        let state = log.state.lock();
        let known = |number: u64| state.number_of(&format!("1-{number}"));
        assert_eq!((1..7).filter_map(known).count(), 0);
        assert_eq!((7..=10).map(known).collect::<Vec<_>>(), [Some(7), Some(8), Some(9), Some(10)]);
    }
    // A client that has seen the event before the first one kept has missed nothing else.
    assert_eq!(come_back(&log, &client, Some("1-6")), Err(RecoveryFailure::LogTruncated));
    assert_eq!(come_back(&log, &client, Some("1-7")).unwrap(), sent[7..]);
    // The newest is known however long ago it was.
    log.state.lock().events.iter_mut().for_each(|event| event.at -= Duration::from_secs(3600));
    log.sweep();
    assert_eq!(log.state.lock().bytes, 0);
    assert_eq!(stamped(&log), "1-10");
    leave(&log, &client);
    assert_eq!(come_back(&log, &client, Some("1-10")).unwrap(), [""; 0]);
}

#[test]
fn offsets_of_its_own_take_nothing_more() {
    let log = log(10);
    (0..20).for_each(|_| drop(send(&log, "a", "x", None)));
    assert!(log.state.lock().foreign.get().is_none());
}

/// A number of bytes that is not that of the events is detected at the next event.
#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "bytes are those of the events")]
fn bytes_that_are_no_events_are_found() {
    let log = log(10);
    log.state.lock().bytes += 1;
    send(&log, "a", "x", None);
}

#[derive(Debug, Clone)]
enum Step {
    Send {
        room: u8,
        is_foreign: bool,
    },
    Leave(usize),
    /// With the offset of the event that was sent so many events ago.
    ComeBack(usize, usize),
}

const ROOMS: [&str; 3] = ["a", "b", "c"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3u8, any::<bool>()).prop_map(|(room, is_foreign)| Step::Send { room, is_foreign }),
        1 => (0..3usize).prop_map(Step::Leave),
        2 => (0..3usize, 0..16usize).prop_map(|(client, ago)| Step::ComeBack(client, ago)),
    ]
}

proptest! {
    /// Clients get the same from a log with its own offsets and one with some from the cluster.
    #[test]
    fn whoever_made_the_offsets_clients_miss_the_same(
        steps in proptest::collection::vec(step(), 1..200),
    ) {
        let logs = [log(8), log(8)];
        let clients = [0, 1].map(|at: usize| ROOMS.map(|room| connect(&logs[at], room)));
        let mut is_connected = [true; 3];
        let mut offsets: [Vec<String>; 2] = Default::default();
        for step in steps {
            let number = offsets[0].len();
            match step {
                Step::Send { room, is_foreign } => {
                    let (room, text) = (ROOMS[usize::from(room)], format!("{number}-0"));
                    for at in 0..2 {
                        let text = Some(&*text).filter(|_| is_foreign && at == 1);
                        let packet = send(&logs[at], room, &format!("e{number}"), text).unwrap();
                        offsets[at].push(offset(&packet));
                    }
                }
                Step::Leave(client) => {
                    if std::mem::replace(&mut is_connected[client], false) {
                        (0..2).for_each(|at| leave(&logs[at], &clients[at][client]));
                    }
                }
                Step::ComeBack(client, ago) if !is_connected[client] => {
                    let [own, mixed] = [0, 1].map(|at| {
                        let last = number.checked_sub(ago + 1).map(|index| &*offsets[at][index]);
                        let missed = come_back(&logs[at], &clients[at][client], last);
                        missed.map(|missed| missed.iter().map(|packet| {
                            packet.split_once(',').unwrap().0.to_owned()
                        }).collect::<Vec<_>>())
                    });
                    prop_assert_eq!(&own, &mixed);
                    is_connected[client] = own.is_ok();
                }
                Step::ComeBack(..) => {}
            }
        }
    }
}

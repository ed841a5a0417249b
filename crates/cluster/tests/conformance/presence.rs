//! Who is present is the same on all servers.

use std::time::Duration;

use serde_json::json;
use sockeye::{Args, Io, Namespace, PresenceError, PresenceRules, PresenceUpdate, Socket};
use sockeye_cluster::BusCluster;
use sockeye_testing::{TestClient, TestServer};

use super::{Members, Three, connect, until};

/// How long a lost client is waited for.
pub(super) const GRACE: Duration = Duration::from_millis(1_500);

/// Clients say who they are present as, change what is said of them, and leave.
pub(super) fn handlers(namespace: Namespace) -> Namespace {
    namespace
        .presence(PresenceRules::default().grace(GRACE))
        .on("enter", enter)
        .on("change", change)
        .on("exit", async |socket: Socket, room: String| {
            socket.io().presence(room).leave(&socket);
        })
}

async fn enter(
    socket: Socket,
    Args((room, user)): Args<(String, String)>,
) -> Result<(), PresenceError> {
    socket.io().presence(room).join(&socket, user, &json!({ "at": 1 }))
}

async fn change(
    socket: Socket,
    Args((room, at)): Args<(String, u32)>,
) -> Result<(), PresenceError> {
    socket.io().presence(room).update(&socket, &json!({ "at": at }))
}

fn enter_as(client: &TestClient, user: &str) {
    client.emit("enter", &Args(("lobby", user)));
}

/// The users, and what each of their connections says.
async fn seen(io: &Io) -> Vec<(String, Vec<String>)> {
    let present = io.presence("lobby").list().await;
    let all = present.into_iter().map(|person| {
        let connections = person.connections.iter();
        (person.user, connections.map(|it| it.metadata.json().to_owned()).collect())
    });
    all.collect()
}

/// Waits until every server sees these users, with so many connections each.
async fn all_see<M: Members>(three: &Three<M>, expected: &[(&str, usize)]) {
    for server in 0..3 {
        see(&three.io(server), expected).await;
    }
}

async fn see(io: &Io, expected: &[(&str, usize)]) {
    until(&format!("{expected:?} to be present"), async || {
        let seen = seen(io).await;
        let seen = seen.iter().map(|(user, connections)| (user.as_str(), connections.len()));
        seen.eq(expected.iter().copied())
    })
    .await;
}

pub(super) async fn who_is_present_is_known_everywhere<M: Members>(three: Three<M>) {
    let [ann, bob, cyd] = &three.clients[..] else { panic!("there are three") };
    enter_as(ann, "ann");
    enter_as(bob, "bob");
    all_see(&three, &[("ann", 1), ("bob", 1)]).await;
    // The same user by two servers is there once.
    enter_as(cyd, "ann");
    all_see(&three, &[("ann", 2), ("bob", 1)]).await;
    for server in 0..3 {
        let presence = three.io(server).presence("lobby");
        assert_eq!(presence.count().await, 2);
        assert_eq!(presence.get("ann").await.unwrap().connections.len(), 2);
        assert_eq!(presence.sockets("ann").len(), usize::from(server != 1), "only those here");
        assert!(three.io(server).presence("elsewhere").list().await.is_empty());
    }
    cyd.emit("change", &Args(("lobby", 2)));
    for server in 0..3 {
        until("what is said to change", async || {
            let all = seen(&three.io(server)).await.concat_connections();
            all.contains(&r#"{"at":2}"#.to_owned()) && all.len() == 3
        })
        .await;
    }
    ann.emit("exit", "lobby");
    all_see(&three, &[("ann", 1), ("bob", 1)]).await;
    cyd.disconnect();
    all_see(&three, &[("bob", 1)]).await;
    // Whoever is somebody else by the same socket.
    enter_as(bob, "robert");
    all_see(&three, &[("robert", 1)]).await;
}

trait ConcatConnections {
    fn concat_connections(self) -> Vec<String>;
}

impl ConcatConnections for Vec<(String, Vec<String>)> {
    fn concat_connections(self) -> Vec<String> {
        self.into_iter().flat_map(|(_, connections)| connections).collect()
    }
}

/// Next difference of a watch.
async fn difference(watch: &mut sockeye::PresenceWatch) -> (Vec<String>, Vec<String>) {
    let next = tokio::time::timeout(Duration::from_secs(20), watch.next());
    match next.await.expect("a difference comes").expect("the namespace is there") {
        PresenceUpdate::Difference(difference) => {
            let users = |people: &[sockeye::Present]| {
                people.iter().map(|person| person.user.clone()).collect::<Vec<_>>()
            };
            (users(&difference.joined), users(&difference.left))
        }
        PresenceUpdate::List { present, .. } => {
            assert!(present.is_empty(), "{present:?}");
            (Vec::new(), Vec::new())
        }
    }
}

pub(super) async fn who_comes_back_by_another_server_has_not_left<M: Members>(three: Three<M>) {
    let mut watch = three.io(2).presence("lobby").watch();
    assert_eq!(difference(&mut watch).await, (Vec::new(), Vec::new()), "the list");
    let [ann, bob, _] = &three.clients[..] else { panic!("there are three") };
    enter_as(ann, "ann");
    assert_eq!(difference(&mut watch).await, (vec!["ann".to_owned()], Vec::new()));
    all_see(&three, &[("ann", 1)]).await;
    ann.wire().cut();
    until("the loss to be noticed", async || three.io(0).sockets().is_empty()).await;
    // By another server, within the grace.
    let again = connect(&three.servers[1], "/", "ann").await;
    enter_as(&again, "ann");
    until("the new connection", async || three.io(1).presence("lobby").sockets("ann").len() == 1)
        .await;
    all_see(&three, &[("ann", 1)]).await;
    tokio::time::sleep(GRACE + Duration::from_millis(100)).await;
    all_see(&three, &[("ann", 1)]).await;
    enter_as(bob, "bob");
    // She has neither left nor joined meanwhile.
    assert_eq!(difference(&mut watch).await, (vec!["bob".to_owned()], Vec::new()));
    again.wire().cut();
    assert_eq!(difference(&mut watch).await, (Vec::new(), vec!["ann".to_owned()]));
    all_see(&three, &[("bob", 1)]).await;
}

pub(super) async fn who_was_there_before_is_known_to_a_server_that_begins<M: Members>(
    mut three: Three<M>,
) {
    enter_as(&three.clients[0], "ann");
    enter_as(&three.clients[1], "bob");
    all_see(&three, &[("ann", 1), ("bob", 1)]).await;
    let cluster: BusCluster<M::Bus> = three.members.member("late");
    let namespace = handlers(Namespace::new("/"));
    let server = sockeye::Server::builder().cluster(cluster.clone()).namespace(namespace);
    let late = TestServer::new(server.build().unwrap());
    cluster.ready().await;
    see(&late.server().io(), &[("ann", 1), ("bob", 1)]).await;
    three.clients[1].disconnect();
    see(&late.server().io(), &[("ann", 1)]).await;
    // A server that ends says so: its clients have the grace to come to another.
    let client = connect_plainly(&late).await;
    enter_as(&client, "dan");
    all_see(&three, &[("ann", 1), ("dan", 1)]).await;
    drop(client);
    drop((late, cluster));
    let again = connect(&three.servers[2], "/", "dan").await;
    enter_as(&again, "dan");
    all_see(&three, &[("ann", 1), ("dan", 1)]).await;
    tokio::time::sleep(2 * GRACE).await;
    all_see(&three, &[("ann", 1), ("dan", 1)]).await;
}

async fn connect_plainly(server: &TestServer) -> TestClient {
    server.client().connect().await.unwrap()
}

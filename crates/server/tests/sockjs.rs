//! Pages that speak SockJS in namespaces.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sockeye::sockjs::Config;
use sockeye::{Ack, Binary, Namespace, Server, Socket};
use sockeye_testing::TestServer;
use sockeye_testing::raw::{Peer, Received};
use tokio::net::{TcpListener, TcpStream};

fn server() -> Server {
    let namespace = Namespace::new("/")
        .on("add", async |(a, b): (u32, u32)| Ack(a + b))
        .on("bytes", async |socket: Socket, data: Binary| socket.emit("bytes", &data))
        .on("tell", async |socket: Socket, text: String| socket.broadcast().emit("told", &text))
        .on("leave", async |socket: Socket| socket.disconnect());
    let server = Server::builder().namespace(namespace).build().unwrap();
    server.mount_sockjs(Config::default()).unwrap();
    server
}

async fn post(server: &TestServer, target: &str, body: &str) -> (u16, String) {
    let response = server.post(target).body(body).await;
    (response.status, response.text().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_page_that_polls_takes_part() {
    let server = TestServer::new(server());
    let mut other = server.connect().await;
    let poll = async || post(&server, "/sockjs/0/a/xhr", "").await.1;
    let send =
        async |body: &str| assert_eq!(post(&server, "/sockjs/0/a/xhr_send", body).await.0, 204);
    assert_eq!(poll().await, "o\n");
    send(r#"["0"]"#).await;
    let connected = poll().await;
    assert!(connected.starts_with(r#"a["0{\"sid\":\""#), "{connected}");
    send(r#"["21[\"add\",[1,2]]"]"#).await;
    assert_eq!(poll().await, "a[\"31[3]\"]\n");
    send(r#"["51-[\"bytes\",{\"_placeholder\":true,\"num\":0}]","bAQID"]"#).await;
    assert_eq!(
        poll().await,
        "a[\"51-[\\\"bytes\\\",{\\\"_placeholder\\\":true,\\\"num\\\":0}]\",\"bAQID\"]\n"
    );
    send(r#"["2[\"tell\",\"hello\"]"]"#).await;
    assert_eq!(other.expect_event::<String>("told").await, "hello");
    send(r#"["2[\"leave\"]"]"#).await;
    assert_eq!(poll().await, "a[\"1\"]\n");
}

#[tokio::test]
async fn broadcasts_reach_every_kind_of_client() {
    let server = server();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(server.clone().serve(vec![listener]).into_future());
    let mut page = Peer::new(TcpStream::connect(address).await.unwrap())
        .upgrade("/sockjs/0/b/websocket", &[])
        .await
        .unwrap();
    assert_eq!(page.text().await, "o");
    page.send(r#"["0"]"#).await;
    assert!(page.text().await.starts_with(r#"a["0{"#));
    server.of("/").unwrap().emit("news", "all").unwrap();
    assert_eq!(page.text().await, r#"a["2[\"news\",\"all\"]"]"#);
    assert_eq!(server.sessions(), 1);
    let hears = async {
        assert_eq!(page.text().await, r#"c[1001,"Going away"]"#);
        assert!(matches!(page.receive().await, Received::Close(1000, _)));
    };
    tokio::join!(server.shutdown(), hears);
    assert_eq!(server.sessions(), 0);
    serving.abort();
}

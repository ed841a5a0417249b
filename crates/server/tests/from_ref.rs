//! Parts of the server's state: derived, written by hand, and axum's.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sockeye::{Ack, FromRef, Namespace, Server, State, debug_handler};
use sockeye_testing::TestServer;

#[derive(Clone)]
struct Database(&'static str);

#[derive(Clone)]
struct Mailer(u32);

#[derive(Clone, FromRef)]
struct App {
    database: Database,
    mailer: Mailer,
    #[from_ref(skip)]
    name: Database,
}

#[debug_handler(state = App)]
async fn parts(
    State(database): State<Database>,
    State(mailer): State<Mailer>,
    State(app): State<App>,
) -> Ack<(&'static str, u32, &'static str)> {
    Ack((database.0, mailer.0, app.name.0))
}

fn server<S: Send + Sync + 'static>(state: S, namespace: Namespace<S>) -> TestServer {
    TestServer::new(Server::builder().state(state).namespace(namespace).build().unwrap())
}

#[tokio::test(start_paused = true)]
async fn the_fields_are_parts_but_those_skipped() {
    let app = App { database: Database("here"), mailer: Mailer(7), name: Database("app") };
    let server = server(app, Namespace::new("/").on("parts", parts));
    let mut client = server.connect().await;
    let answer: (String, u32, String) = client.emit_with_ack("parts", &()).await.unwrap();
    assert_eq!(answer, ("here".to_owned(), 7, "app".to_owned()));
}

#[derive(Clone, FromRef)]
struct Pair(Mailer, String);

#[tokio::test(start_paused = true)]
async fn fields_without_names_are_parts_too() {
    let text = async |State(text): State<String>| Ack(text);
    let server =
        server(Pair(Mailer(1), "text".to_owned()), Namespace::<Pair>::new("/").on("text", text));
    let mut client = server.connect().await;
    let answer: String = client.emit_with_ack("text", &()).await.unwrap();
    assert_eq!(answer, "text");
}

/// What is implemented, or derived, for axum counts.
#[cfg(feature = "axum")]
#[tokio::test(start_paused = true)]
async fn a_part_for_axum_is_a_part_here() {
    struct Website(Mailer);

    impl axum::extract::FromRef<Website> for Mailer {
        fn from_ref(website: &Website) -> Self {
            website.0.clone()
        }
    }
    let mail = async |State(mailer): State<Mailer>| Ack(mailer.0);
    let server = server(Website(Mailer(9)), Namespace::<Website>::new("/").on("mail", mail));
    let mut client = server.connect().await;
    let answer: u32 = client.emit_with_ack("mail", &()).await.unwrap();
    assert_eq!(answer, 9);
}

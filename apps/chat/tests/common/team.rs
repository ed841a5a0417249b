//! The chat in memory, and people with accounts who have it open.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sockeye::{AckError, Event, FromArgs, RawEvent, Server};
use sockeye_chat::accounts::COOKIE;
use sockeye_chat::accounts::contract::{Person, Role};
use sockeye_chat::accounts::store::{NewPerson, NewSession};
use sockeye_chat::app::App;
use sockeye_chat::conversation::{self, Conversations};
use sockeye_chat::id::{Secret, new_id};
use sockeye_chat::input::Nickname;
use sockeye_chat::messages::contract::{Message, SAY, Say};
use sockeye_chat::notes;
use sockeye_chat::quota::{Quotas, Usage};
use sockeye_chat::rooms::contract::{
    CREATE, CreateRoom, LIST, ListRooms, OPEN, OpenRoom, Opened, Room, RoomId, RoomKind, RoomPage,
};
use sockeye_chat::rooms::list as rooms;
use sockeye_chat::store::sqlite::Sqlite;
use sockeye_chat::store::{Store, StoreOptions};
use sockeye_testing::{TestClient, TestServer};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::PATIENCE;

/// The chat of a data folder.
pub(crate) struct Team {
    pub(crate) app: App,
    pub(crate) server: TestServer,
    conversations: Conversations,
}

/// Somebody with a session.
#[derive(Clone, Debug)]
pub(crate) struct Somebody {
    pub(crate) person: Person,
    secret: String,
}

/// A connection to one namespace, which keeps what it has heard until somebody asks for it.
pub(crate) struct Ear {
    pub(crate) socket: TestClient,
    heard: VecDeque<RawEvent>,
}

impl Team {
    pub(crate) async fn new(data: &Path) -> Self {
        Team::with(data, Quotas::default()).await
    }

    pub(crate) async fn with(data: &Path, quotas: Quotas) -> Self {
        let options = StoreOptions { free_bytes_min: Some(0) };
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(data, options).await.unwrap());
        let app = App::without_server(store, data).await.unwrap();
        let app = App { usage: Arc::new(Usage::new(quotas)), ..app };
        let server = Server::builder()
            .state(app.clone())
            .namespace(notes::handlers::namespace())
            .namespace(rooms::namespace())
            .namespace(conversation::namespace())
            .build()
            .unwrap();
        app.accounts.connect(server.io());
        let conversations = Conversations::start(&app, &server).unwrap();
        Team { app, server: TestServer::new(server), conversations }
    }

    /// Ends as the program does.
    pub(crate) async fn stop(self) {
        self.server.server().shutdown().await;
        self.conversations.stop(&self.app).await;
        self.app.store.close().await;
    }

    /// Somebody new, with a session.
    pub(crate) async fn person(&self, name: &str, role: Role) -> Somebody {
        let nickname = Nickname::parse(name).unwrap();
        let person = Person { id: new_id(), name: name.to_owned(), role, colour: 7, picture: None };
        let new = NewPerson {
            id: person.id.clone(),
            role,
            name: name.to_owned(),
            skeleton: nickname.skeleton(),
            colour: person.colour,
            password: None,
        };
        assert!(self.app.store.create_person(new).await.unwrap());
        let secret = Secret::new();
        let session = NewSession {
            id: new_id(),
            secret: secret.digest(),
            person: person.id.clone(),
            lifetime: 24 * 3_600_000,
            agent: String::new(),
            address: String::new(),
        };
        self.app.store.begin_session(session).await.unwrap();
        Somebody { person, secret: secret.as_str().to_owned() }
    }

    pub(crate) async fn member(&self, name: &str) -> Somebody {
        self.person(name, Role::Member).await
    }

    /// Their connection to the conversations.
    pub(crate) async fn chat(&self, who: &Somebody) -> Ear {
        self.connect(who, conversation::PATH).await
    }

    /// Their connection to the live list.
    pub(crate) async fn rooms(&self, who: &Somebody) -> Ear {
        self.connect(who, rooms::PATH).await
    }

    /// A client of the notes' chat, which has no session.
    pub(crate) async fn notes(&self) -> Ear {
        Ear::new(self.server.connect().await)
    }

    async fn connect(&self, who: &Somebody, namespace: &str) -> Ear {
        let client = self.server.client().namespace(namespace).cookie(COOKIE, &who.secret);
        Ear::new(client.connect().await.unwrap())
    }

    /// Their connection to the conversations with an outbox of this id.
    pub(crate) async fn chat_with_outbox(&self, who: &Somebody, outbox: &str) -> Ear {
        let client = self.server.client().namespace(conversation::PATH);
        let auth = serde_json::json!({ "_outbox": { "v": 1, "id": outbox } });
        Ear::new(client.cookie(COOKIE, &who.secret).auth(&auth).connect().await.unwrap())
    }

    /// Somebody with an account who has the conversations open.
    pub(crate) async fn join(&self, name: &str) -> (Somebody, Ear) {
        let somebody = self.member(name).await;
        let ear = self.chat(&somebody).await;
        (somebody, ear)
    }
}

impl Somebody {
    pub(crate) fn id(&self) -> &str {
        &self.person.id
    }
}

impl Ear {
    pub(crate) fn new(mut socket: TestClient) -> Self {
        socket.set_patience(PATIENCE / 4);
        Ear { socket, heard: VecDeque::new() }
    }

    /// Asks; the code of the refusal, if it is one.
    pub(crate) async fn ask<P: Serialize, A: FromArgs + 'static>(
        &mut self,
        event: Event<P, A>,
        payload: &P,
    ) -> Result<A, String> {
        match self.socket.emit_with_ack(event, payload).await {
            Ok(answer) => Ok(answer),
            Err(AckError::Remote(error)) => Err(error.code),
            Err(error) => panic!("{}: {error}", event.name()),
        }
    }

    /// The next such event; what else comes is kept.
    pub(crate) async fn next<P: FromArgs>(&mut self, event: Event<P>) -> P {
        self.until(event, |_| true).await
    }

    /// The next such event with something in it; what else comes is kept.
    pub(crate) async fn until<P: FromArgs>(
        &mut self,
        event: Event<P>,
        mut is_it: impl FnMut(&P) -> bool,
    ) -> P {
        let mut seen = 0;
        loop {
            while let Some(heard) = self.heard.get(seen) {
                if &*heard.name == event.name() {
                    let payload = P::from_args(heard.args.json(), heard.args.attachments());
                    let payload = payload.unwrap();
                    if is_it(&payload) {
                        self.heard.remove(seen);
                        return payload;
                    }
                }
                seen += 1;
            }
            let heard = self.socket.next_event().await.expect("it has not ended");
            self.heard.push_back(heard);
        }
    }

    /// All such events that have come so far: what was sent before the last answer is among them.
    pub(crate) async fn all<P: FromArgs>(&mut self, event: Event<P>) -> Vec<P> {
        while let Ok(Some(heard)) =
            timeout(Duration::from_millis(1), self.socket.next_event()).await
        {
            self.heard.push_back(heard);
        }
        let (these, others) = self.heard.drain(..).partition(|heard| &*heard.name == event.name());
        self.heard = others;
        let these: VecDeque<RawEvent> = these;
        let payload = |heard: RawEvent| P::from_args(heard.args.json(), heard.args.attachments());
        these.into_iter().map(|heard| payload(heard).unwrap()).collect()
    }

    pub(crate) async fn create(&mut self, title: &str, kind: RoomKind) -> Room {
        self.ask(CREATE, &new_room(title, kind)).await.unwrap()
    }

    pub(crate) async fn open(&mut self, room: &str) -> Result<Opened, String> {
        self.ask(OPEN, &OpenRoom { room: room.to_owned(), password: None, ..OpenRoom::default() })
            .await
    }

    pub(crate) async fn say(&mut self, room: &str, text: &str) -> Result<Message, String> {
        let say =
            Say { room: room.to_owned(), text: text.to_owned(), key: new_id(), ..Say::default() };
        self.ask(SAY, &say).await
    }

    pub(crate) async fn list(&mut self) -> RoomPage {
        self.ask(LIST, &ListRooms::default()).await.unwrap()
    }
}

/// No limit of how much somebody does.
pub(crate) fn no_quotas() -> Quotas {
    Quotas {
        messages_per_second: 0,
        bytes_per_second: 0,
        bytes_per_day: 0,
        rooms_per_hour: 0,
        joins_per_second: 0,
        connections_max: 0,
        picture_bytes_per_day: 0,
        pictures_per_minute: 0,
    }
}

pub(crate) fn new_room(title: &str, kind: RoomKind) -> CreateRoom {
    let password = (kind == RoomKind::Password).then(|| "sesame".to_owned());
    CreateRoom {
        title: title.to_owned(),
        description: String::new(),
        kind,
        password,
        capacity: None,
        keep_days: None,
        is_passing: false,
    }
}

pub(crate) fn id(room: &str) -> RoomId {
    RoomId { room: room.to_owned() }
}

/// Anything of what JSON can say.
pub(crate) fn of_json<T: DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A clock that the test moves by [`advance`](Still::advance), also while the store's threads work. By itself it goes no
/// faster than the real one: the connections in memory need a little time.
pub(crate) struct Still {
    _held: mpsc::Sender<()>,
    ticking: JoinHandle<()>,
}

impl Still {
    pub(crate) fn new() -> Self {
        let (held, wait) = mpsc::channel::<()>();
        // While such a task is there, a paused clock does not go on by itself.
        drop(tokio::task::spawn_blocking(move || wait.recv().is_ok()));
        tokio::time::pause();
        let tick = Duration::from_millis(1);
        let ticking = tokio::spawn(async move {
            while tokio::task::spawn_blocking(move || std::thread::sleep(tick)).await.is_ok() {
                tokio::time::advance(tick).await;
            }
        });
        Still { _held: held, ticking }
    }

    pub(crate) async fn advance(&self, time: Duration) {
        tokio::time::advance(time).await;
    }

    /// The clock goes on as the real one.
    pub(crate) fn resume(self) {
        self.ticking.abort();
        tokio::time::resume();
    }
}

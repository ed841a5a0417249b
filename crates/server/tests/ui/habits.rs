// What compiles: what Rust people return, and what they ask `debug_handler` about.
use std::error::Error;

use sockeye::*;

#[derive(Clone)]
struct Database;

#[derive(Clone, FromRef)]
struct App {
    database: Database,
    #[from_ref(skip)]
    _name: String,
}

#[debug_handler]
async fn boxed(_: Socket, text: String) -> Result<Ack<u32>, Box<dyn Error>> {
    Ok(Ack(text.parse()?))
}

#[debug_handler]
async fn sendable(text: String) -> Result<Ack<u32>, Box<dyn Error + Send + Sync>> {
    if text.is_empty() {
        return Err("empty".into());
    }
    Ok(Ack(text.parse()?))
}

#[debug_handler(state = App)]
async fn part(_: State<Database>, _: Option<HttpExtension<u32>>, _: ()) {}

#[debug_handler(on_connect)]
async fn admit(_: State<App>, _: Socket, auth: String) -> Result<(), Refuse> {
    let _: u32 = auth.parse()?;
    Ok(())
}

#[debug_handler(on_connected, state = App)]
async fn connected(socket: Socket) -> Result<(), EmitError> {
    socket.emit("hello", "you")
}

#[debug_handler(on_disconnect)]
async fn gone(_: Socket, _: DisconnectReason) {}

#[debug_handler(before)]
async fn guard(event: RawEvent) -> Result<(), EventError> {
    if event.name.is_empty() { Err("a name is not empty".into()) } else { Ok(()) }
}

#[debug_handler(fallback)]
async fn unknown(acker: Acker<RawArgs>, _: RawEvent) -> Result<(), String> {
    acker.answer(&RawArgs::default()).map_err(|error| error.to_string())
}

#[debug_handler(on_read)]
async fn read(_: Visitor, _: Option<Room>) -> Result<(), Refuse> {
    Ok(())
}

#[debug_handler]
async fn later(acker: Acker<u32>) -> Deferred<u32> {
    acker.defer()
}

#[debug_handler]
fn future(_: Socket, _: u8) -> impl Future<Output = ()> + Send {
    async {}
}

fn main() {
    let namespace = Namespace::new("/")
        .on_connect(admit)
        .on_connected(connected)
        .on_disconnect(gone)
        .on_read(read)
        .before(guard)
        .fallback(unknown)
        .on("boxed", boxed)
        .on("sendable", sendable)
        .on("part", part)
        .on("later", later)
        .on("future", future);
    let app = App { database: Database, _name: String::new() };
    let _ = Server::builder().state(app).namespace(namespace);
}

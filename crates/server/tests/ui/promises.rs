// What compiles: payloads and answers follow from the event's declaration.
use sockeye::*;

const JOIN: Event<u32, Vec<u8>> = Event::new("join");
const NOTICE: Event<String> = Event::new("notice");

async fn infers(socket: &Socket) -> Result<usize, AckError> {
    let joined = socket.emit_with_ack(JOIN, &7).await?;
    Ok(joined.len())
}

fn a_borrowed_payload_is_enough(io: &Io) -> Result<(), EmitError> {
    io.emit(NOTICE, &"text".to_owned())?;
    io.emit(NAMES, &["ann", "bob"])?;
    io.emit(SAID, &ArgsRef(("ann", ["hi"], 7)))?;
    io.emit(COUNT, &7)?;
    io.emit("any", &[1, 2])?;
    io.emit(NOTICE, "text")
}

const NAMES: Event<Vec<String>> = Event::new("names");
const SAID: Event<Args<(String, Vec<String>, u64)>> = Event::new("said");
const COUNT: Event<u64> = Event::new("count");

async fn the_answer_follows_from_where_it_goes(socket: &Socket) -> Result<u32, AckError> {
    let n: u32 = socket.emit_with_ack("x", &()).await?;
    let text: String = socket.emit_with_ack(&"x".to_owned(), "text").await?;
    let length = text.len() as u32;
    Ok(n + length + socket.emit_with_ack::<_, u32>("x", &7).await?)
}

async fn join(socket: Socket, State(app): State<u64>, n: u32) -> Result<Ack<Vec<u8>>, EmitError> {
    socket.join(n.to_string());
    Ok(Ack(app.to_be_bytes().to_vec()))
}

async fn later(acker: Acker<Vec<u8>>, _: u32) -> Deferred<Vec<u8>> {
    acker.defer()
}

async fn admit(socket: Socket) -> Result<(), Refuse> {
    socket.set("user".to_owned());
    Ok(())
}

fn main() {
    let _: Namespace<u64> = Namespace::new("/").on_connect(admit).on(JOIN, join);
    let _: Namespace = Namespace::new("/")
        .on(JOIN, later)
        .on("any name", async |user: Local<String>| Ok::<_, EventError>(Ack(user.len())));
    let name = "of any kind".to_owned();
    let _: Namespace = Namespace::new("/").on(&name, async || ()).on(name, async |_: u32| ());
    let _ = (infers, a_borrowed_payload_is_enough, the_answer_follows_from_where_it_goes);
}

// What compiles: payloads and answers follow from the event's declaration.
use sockeye::*;

const JOIN: Event<u32, Vec<u8>> = Event::new("join");
const NOTICE: Event<String> = Event::new("notice");

async fn infers(socket: &Socket) -> Result<usize, AckError> {
    let joined = socket.emit_with_ack(JOIN, &7).await?;
    Ok(joined.len())
}

fn a_borrowed_payload_is_enough(io: &Io) -> Result<(), EmitError> {
    io.emit(NOTICE, "text")
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
    let _ = (infers, a_borrowed_payload_is_enough);
}

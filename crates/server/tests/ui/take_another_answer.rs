// An answer is of the type that the event declares.
//~ expected `Result<String, AckError>`, found `Result<u32, AckError>`
use sockeye::*;

const LENGTH: Event<String, u32> = Event::new("length");

async fn ask(socket: &Socket) -> Result<String, AckError> {
    socket.emit_with_ack(LENGTH, "text").await
}

fn main() {
    let _ = ask;
}

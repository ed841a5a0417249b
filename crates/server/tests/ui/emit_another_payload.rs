// Emitting a payload that is not the event's.
//~ this event does not carry `u32`
//~ the payload must be the one in the event's declaration
use sockeye::*;

const MESSAGE: Event<String> = Event::new("message");

fn emit(socket: &Socket, number: u32) {
    let _ = socket.emit(MESSAGE, &number);
}

fn main() {
    let _ = emit;
}

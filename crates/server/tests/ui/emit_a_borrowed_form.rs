// Emitting a borrowed form of the payload that nobody has declared as one.
//~ this event does not carry `MessageRef<'_>`
//~ impl EmitAs<Payload> for PayloadRef<'_> {}
//~ this event does not carry `(&str, {integer})`
//~ for `Args<(A, B)>` it is `ArgsRef((a, b))`
use sockeye::*;

const MESSAGE: Event<Vec<String>> = Event::new("message");
const SAID: Event<Args<(String, u32)>> = Event::new("said");

struct MessageRef<'a>(&'a str);

fn emit(io: &Io, text: &str) {
    let _ = io.emit(MESSAGE, &MessageRef(text));
    let _ = io.emit(SAID, &(text, 7));
}

fn main() {
    let _ = emit;
}

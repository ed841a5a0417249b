// An answer that may be missing is an answer.
//~ is not what a handler returns
//~ an answer that may be missing is an `Ack<Option<T>>`
use sockeye::*;

#[debug_handler]
async fn length(_: Socket, text: String) -> Option<Ack<u32>> {
    Some(Ack(text.len() as u32))
}

fn main() {
    let _ = length;
}

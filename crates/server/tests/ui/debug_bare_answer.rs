// The same, asked about.
//~ `u32` is not what a handler returns
//~ an answer is `Ack(value)`, its type `Ack<T>`
use sockeye::*;

#[debug_handler]
async fn length(text: String) -> u32 {
    text.len() as u32
}

fn main() {
    let _ = length;
}

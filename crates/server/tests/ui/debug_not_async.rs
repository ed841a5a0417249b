// The same, asked about.
//~ write `async` before `fn`
use sockeye::*;

#[debug_handler]
fn length(text: String) -> Ack<u32> {
    Ack(text.len() as u32)
}

fn main() {
    let _ = length;
}

// The same, asked about.
//~ `String` stands before the last argument, but is no extractor
//~ extractors come first, the payload last: move it to the end if it is the payload
use sockeye::*;

#[debug_handler]
async fn message(_: String, _: Socket) {}

fn main() {
    let _ = message;
}

// The same, asked about.
//~ `App` is not a part of the state `App`
//~ if `App` is the whole state, it has to be `Clone`
use sockeye::*;

struct App;

#[debug_handler]
async fn message(_: State<App>, _: String) {}

fn main() {
    let _ = message;
}

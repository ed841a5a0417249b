// A part that the server's state does not have.
//~ `Database` is not a part of the state `App`
//~ put `#[derive(sockeye::FromRef)]` on `App`
use sockeye::*;

#[derive(Clone)]
struct Database;
struct App;

#[debug_handler(state = App)]
async fn message(_: State<Database>, _: String) {}

fn main() {
    let _ = message;
}

// A `State` that is not sockeye's.
//~ `extract::State<App>` is not `sockeye::State`
//~ write `use sockeye::State;`
use sockeye::{debug_handler, Socket};

mod axum {
    pub mod extract {
        pub struct State<T>(pub T);
    }
}

use axum::extract::State;

#[derive(Clone)]
struct App;

#[debug_handler]
async fn message(_: State<App>, _: Socket, _: String) {}

fn main() {
    let _ = message;
}

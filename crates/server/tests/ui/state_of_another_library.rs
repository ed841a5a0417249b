// A `State` that is not sockeye's: without an attribute the notes have to do.
//~ are the extractors sockeye's (`sockeye::State`, not axum's)?
use sockeye::{Namespace, Socket};

mod axum {
    pub mod extract {
        pub struct State<T>(pub T);
    }
}

async fn message(_: axum::extract::State<u32>, _: Socket, _: String) {}

fn main() {
    let _: Namespace<u32> = Namespace::new("/").on("message", message);
}

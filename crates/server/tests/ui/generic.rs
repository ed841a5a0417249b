// Nothing says what a generic function is called with.
//~ type annotations needed
//~ {message::<_>}
use sockeye::*;

async fn message<T: Into<String> + serde::de::DeserializeOwned + Send + 'static>(_: Socket, _: T) {}

fn main() {
    let _: Namespace = Namespace::new("/").on("message", message);
}

mod serde {
    pub mod de {
        pub trait DeserializeOwned {}
    }
}

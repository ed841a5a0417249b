// A part that the server's state does not have.
//~ this function cannot handle an event
use sockeye::*;

#[derive(Clone)]
struct Database;
struct App;

async fn message(_: State<Database>, _: String) {}

fn main() {
    let _ = Namespace::<App>::new("/").on::<String, (), _>("message", message);
}

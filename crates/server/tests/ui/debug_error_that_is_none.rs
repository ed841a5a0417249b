// The same, asked about.
//~ `Problem` is not an error that becomes `EventError`
//~ implement `std::error::Error` for `Problem`, or `From<Problem>` for `EventError`
use sockeye::*;

struct Problem;

#[debug_handler]
async fn message(_: Socket, _: String) -> Result<(), Problem> {
    Err(Problem)
}

fn main() {
    let _ = message;
}

//! How many servers listen.

use redis::Value;

use crate::publisher::Publisher;

/// How many other servers are subscribed to a channel: `PUBSUB NUMSUB` or `SHARDNUMSUB`, of a cluster the sum over its
/// servers. `None`: Redis could not be asked.
pub(crate) async fn others(publisher: &Publisher, verb: &str, channel: &str) -> Option<usize> {
    let mut command = redis::cmd("PUBSUB");
    command.arg(verb).arg(channel);
    let count = match publisher.ask(command).await {
        Ok(answer) => sum(&answer),
        Err(error) => {
            tracing::debug!(%error, "Redis does not say how many servers there are");
            return None;
        }
    };
    // This one is among them, once its own subscription is there.
    Some(count.saturating_sub(1))
}

/// The numbers in an answer: a channel and its number, of one server or of each.
fn sum(answer: &Value) -> usize {
    match answer {
        Value::Int(number) => usize::try_from(*number).unwrap_or_default(),
        Value::Array(values) | Value::Set(values) => values.iter().map(sum).sum(),
        Value::Map(pairs) => pairs.iter().map(|(_, value)| sum(value)).sum(),
        _ => 0,
    }
}

//! A WebSocket client for the fuzzing server of the conformance suite: it asks how many cases
//! there are, is an echo in each of them, and then asks for the reports.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use sockeye_websocket::{Config, Connector, Message, RecvError, WebSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::websocket::{MESSAGE_BYTES_MAX, compression};

/// The longest a case may take. Cases of the suite wait for answers and for the end of the
/// connection only, and give up themselves before, those with compression after 480 seconds.
const CASE_TIMEOUT: Duration = Duration::from_secs(500);

/// How many cases run at once: in many of them both sides wait.
const PARALLEL: usize = 4;

/// Options of the client.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The fuzzing server, such as ws://127.0.0.1:9001.
    #[arg(long)]
    url: String,
    /// What the reports call this client.
    #[arg(long, default_value = "sockeye")]
    agent: String,
    /// Compress with earlier messages in mind. Cases 13.2, 13.5 and 13.6 end UNIMPLEMENTED then:
    /// they are for clients that offer not to.
    #[arg(long)]
    context_takeover: bool,
}

/// Runs every case, a few at a time. What the server found is in its reports.
pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let url = arguments.url.trim_end_matches('/');
    let agent = &arguments.agent;
    let connector = Connector::new().config(Config {
        message_bytes_max: MESSAGE_BYTES_MAX,
        queued_bytes_max: 2 * MESSAGE_BYTES_MAX,
        compression: compression(!arguments.context_takeover),
        ..Config::default()
    });
    let count = case_count(&connector, url).await?;
    let mut running = JoinSet::new();
    for case in 1..=count {
        let url = format!("{url}/runCase?case={case}&agent={agent}");
        running.spawn(run_case(connector.clone(), url, case));
        if running.len() == PARALLEL
            && let Some(ended) = running.join_next().await
        {
            ended??;
        }
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    let (socket, _) = connector
        .connect(&format!("{url}/updateReports?agent={agent}"))
        .await
        .context("connect for the reports")?;
    // The server may be gone before it says goodbye.
    if let Ok(Err(error)) = timeout(CASE_TIMEOUT, echo(socket)).await {
        tracing::debug!(%error, "the reports' connection ended");
    }
    println!("{count} cases run");
    Ok(())
}

/// Echoes in one case until the server has ended it.
async fn run_case(connector: Connector, url: String, case: u32) -> Result<()> {
    let (socket, _) =
        connector.connect(&url).await.with_context(|| format!("connect for case {case}"))?;
    match timeout(CASE_TIMEOUT, echo(socket)).await {
        Ok(Ok(())) => {}
        // Most cases are about broken frames: that one ends with an error is what they want.
        Ok(Err(error)) => tracing::debug!(case, %error, "connection ended"),
        Err(_) => bail!("case {case} did not end"),
    }
    Ok(())
}

/// What the server says on `/getCaseCount`.
async fn case_count(connector: &Connector, url: &str) -> Result<u32> {
    let (mut socket, _) =
        connector.connect(&format!("{url}/getCaseCount")).await.context("ask how many cases")?;
    let Some(Message::Text(count)) = socket.recv().await.context("read how many cases")? else {
        bail!("the server did not say how many cases there are");
    };
    let count = count.parse().with_context(|| format!("how many cases is {count:?}"))?;
    if let Err(error) = echo(socket).await {
        tracing::debug!(%error, "the count's connection ended");
    }
    Ok(count)
}

/// Sends each message back until the connection ends.
async fn echo(mut socket: WebSocket) -> Result<(), RecvError> {
    while let Some(message) = socket.recv().await? {
        // Pings were answered already. When it is closing, the end is what to wait for.
        if matches!(message, Message::Text(_) | Message::Binary(_)) {
            let _ = socket.send(&message).await;
        }
    }
    Ok(())
}

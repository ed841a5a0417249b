//! The attacker, a program of its own that yields to everybody else: it stands for other machines, and
//! shall not take from the server, or from those who look at it, the time that this one has.

use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::attacks::{ATTACKS, Attack, Stage};
use crate::server::Server;

/// What it is told to do.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Orders {
    /// The attack, by its whole name.
    #[arg(long, hide = true, requires_all = ["server", "data"])]
    attack: Option<String>,
    /// The server's address.
    #[arg(long, hide = true)]
    server: Option<SocketAddr>,
    /// The folder of the server's data.
    #[arg(long, hide = true)]
    data: Option<PathBuf>,
}

/// The attacker as its parent sees it; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Attacker(Child);

/// How far the attack came, or the promise that the server broke.
pub(crate) type Report = Result<String>;

const REACHED: &str = "reached: ";
const BROKEN: &str = "broken: ";

impl Attacker {
    /// Attacks, and stays there when it is done.
    pub(crate) fn attack(attack: &Attack, server: &Server) -> Result<(Self, Report)> {
        let mut command = Command::new("nice");
        command.args(["-n", "15"]).arg(std::env::current_exe()?);
        command.args(["--attack", attack.name, "--server", &server.address.to_string(), "--data"]);
        command.arg(&server.data).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut attacker = Self(command.spawn().context("start the attacker")?);
        let stdout = attacker.0.stdout.take().context("its output")?;
        let line = BufReader::new(stdout).lines().next().context("the attacker ended")??;
        let report = match (line.strip_prefix(REACHED), line.strip_prefix(BROKEN)) {
            (Some(reached), _) => Ok(reached.to_owned()),
            (_, Some(promise)) => Err(anyhow::anyhow!("{promise}")),
            _ => bail!("the attacker said {line:?}"),
        };
        Ok((attacker, report))
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        // Its input ends, and it with it; what it still does does not matter.
        drop(self.0.stdin.take());
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The attacker's own main function.
pub(crate) fn carry_out(orders: &Orders) -> Result<bool> {
    let name = orders.attack.as_deref().unwrap_or_default();
    let attack = ATTACKS.iter().find(|attack| attack.name == name).context("no such attack")?;
    let stage = Stage {
        server: orders.server.context("no server")?,
        data: orders.data.clone().context("no data")?,
    };
    let outcome = attack.kind.attack(&stage);
    match &outcome {
        Ok((reached, _)) => println!("{REACHED}{reached}"),
        Err(error) => println!("{BROKEN}{}", format!("{error:#}").replace('\n', " ")),
    }
    // It stays, with its connections, until nobody needs it any more.
    io::stdin().read_to_end(&mut Vec::new())?;
    drop(outcome);
    Ok(true)
}

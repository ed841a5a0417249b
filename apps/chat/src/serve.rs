//! Puts the parts together, serves, and takes them apart again in the right order.

use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use sockeye::engine::{Hooks, Refusal};
use sockeye::{BuildError, Config, Server, SocketService};
use sockeye_feeds::Feeds;
use sockeye_feeds::publish::{FileKeys, PATH, Publishing};
use sockeye_websocket::{HttpServer, TrustedProxies, bind};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::accounts::passwords::Passwords;
use crate::accounts::{Accounts, now};
use crate::address::{self, Reach};
use crate::admin::Admin;
use crate::app::App;
use crate::cli::ServeArgs;
#[cfg(unix)]
use crate::control::{self, ControlSocket};
use crate::conversation::{self, Conversations};
use crate::files;
use crate::keeping::retention;
use crate::keys;
use crate::lab::{self, Lab};
use crate::metrics;
use crate::notes;
use crate::notes::people::People;
use crate::pictures::Pictures;
use crate::quota::Usage;
use crate::rooms::list as rooms;
use crate::site::{Site, secure};
use crate::store::sqlite::Sqlite;
use crate::store::{Store, StoreOptions};
use crate::tls;
use crate::ui::Ui;

/// How long clients may take to finish after the first signal.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How often sessions that are over are forgotten.
const FORGETTING_INTERVAL: Duration = Duration::from_secs(3_600);
/// How long requests may take after that.
const REQUESTS_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves until `stop` is done, then drains: nothing new is accepted, everybody is disconnected,
/// what was said is stored.
///
/// # Errors
/// The data folder, the page's folder, the certificate or the address cannot be used, or listening
/// failed.
pub async fn serve(args: &ServeArgs, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let ui = match &args.ui {
        Some(folder) => Ui::from_folder(folder)
            .with_context(|| format!("cannot serve the page in {}", folder.display()))?,
        None => Ui::embedded(),
    };
    if !ui.is_present() {
        tracing::warn!("built without the page: `cargo xtask serve` builds and serves both");
    }
    let tls = tls::config(args)?;
    metrics::install();
    let room = files::make_room();
    let scheme = if tls.is_some() { "https" } else { "http" };
    // First, because whoever starts a second one is told about the port, not about the folder.
    let listeners = bind((args.host.as_deref().unwrap_or("localhost"), args.port))
        .await
        .map_err(|error| cannot_listen(error, &url(scheme, args.host.as_deref(), args.port)))?;
    let free_bytes_min = args.limits.free_bytes_min();
    let store = Sqlite::open(&args.data, StoreOptions { free_bytes_min })
        .await
        .with_context(|| format!("cannot keep messages in {}", args.data.display()))?;
    let store: Arc<dyn Store> = Arc::new(store);
    let keys = FileKeys::open(args.data.join(keys::FILE_NAME))?;
    let passwords = Passwords::default();
    let lab = has_lab(args).then(|| Lab::new(args.host.as_deref()));
    let port = port(&listeners)?;
    let mut quotas = args.limits.quotas();
    if quotas.connections_max > 0 {
        quotas.connections_max = quotas.connections_max.min(room.of_address());
    }
    let reach = Reach::of(args, scheme, port, is_loopback(args)).with_lab(lab.is_some());
    let app = App {
        accounts: Accounts::open(Arc::clone(&store), passwords.clone()).await?,
        passwords,
        reach: Arc::new(reach),
        store: Arc::clone(&store),
        people: Arc::new(People::default()),
        rooms: Arc::default(),
        reading: Arc::default(),
        ended: Arc::default(),
        pictures: Arc::new(pictures(args)?),
        usage: Arc::new(Usage::new(quotas)),
        keys: keys.clone(),
        started_at: now(),
    };
    let server = server(args, app.clone(), quotas.connections_max)?;
    app.accounts.connect(server.io());
    Publishing::new(keys.clone()).mount(&server)?;
    Feeds::builder().offer(notes::PATH).mount(&server)?;
    let conversations = Conversations::start(&app, &server);
    let _control = control_socket(&args.data, &app);
    let pages_of_lab = lab.as_ref().map(|lab| lab.router().merge(lab::pages(ui.clone())));
    let site = Arc::new(Site::new(app.clone(), ui).metrics_key(args.metrics_key.clone()));
    let counting = metrics::keep_up();
    let forgetting = tokio::spawn(forget_what_is_over(app.clone()));
    let pruning = tokio::spawn(retention::go_on(app.clone(), args.limits.keep_days()));

    let (close, closing) = oneshot::channel::<()>();
    let http = HttpServer::new(listeners, router(args, &site, &server, (keys, pages_of_lab)))
        .connections_max(room.connections)
        .handshakes_max(room.handshakes)
        .keep_alive_timeout(Duration::from_secs(args.keep_alive.into()))
        .trusted_proxies(trusted_proxies(args));
    let http = match tls {
        Some(tls) => http.tls(tls),
        None => http,
    };
    let http = http.with_graceful_shutdown(async {
        let _ = closing.await;
    });
    let mut http = tokio::spawn(http.into_future());
    tracing::info!(data = %args.data.display(), "serving");
    announce(args, scheme, port, &app).context("cannot write to standard output")?;

    let served = tokio::select! {
        served = &mut http => Some(served),
        () = stop => None,
    };
    tracing::info!(sessions = server.sessions(), "stopping");
    site.stop();
    if served.is_none() {
        tokio::time::sleep(Duration::from_secs(args.drain_delay.into())).await;
    }
    let _ = close.send(());
    if let Some(lab) = lab {
        lab.shutdown().await;
    }
    let drained = server.drain(DRAIN_TIMEOUT).await;
    tracing::info!(closed = drained.closed, cut = drained.cut, "drained");
    forgetting.abort();
    counting.abort();
    pruning.abort();
    let finished = tokio::time::timeout(REQUESTS_TIMEOUT, async {
        match served {
            Some(served) => served,
            None => http.await,
        }
    })
    .await;
    if let Some(conversations) = conversations {
        conversations.stop(&app).await;
    }
    store.close().await;
    match finished {
        Ok(served) => served.context("the HTTP server failed")?.context("listening failed")?,
        Err(_) => tracing::warn!("gave up on requests that do not finish"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// Their folder, and what converts them.
fn pictures(args: &ServeArgs) -> anyhow::Result<Pictures> {
    let pictures = Pictures::open(&args.data)
        .with_context(|| format!("cannot keep pictures in {}", args.data.display()))?;
    Ok(pictures.in_processes().bytes_max(args.limits.picture_bytes_max()))
}

fn server(args: &ServeArgs, app: App, connections_max: u32) -> Result<Server, BuildError> {
    let mut config = Config::default();
    config.engine.trusted_proxies = trusted_proxies(args);
    config.engine.origins = address::origins(args);
    config.engine.sessions_per_address_max = (connections_max > 0).then_some(connections_max);
    let usage = Arc::clone(&app.usage);
    config.engine.hooks = Hooks::new().connection_error(move |error| {
        if matches!(error.refusal, Refusal::TooManySessions { .. }) {
            usage.connection_refused();
        }
    });
    // The chat has none, so nobody makes the server keep some while it waits for more.
    config.packet_limits.attachments_max = 0;
    config.packet_limits.attachment_bytes_max = 0;
    let server =
        Server::builder().config(config).state(app).namespace(notes::handlers::namespace());
    server.namespace(rooms::namespace()).namespace(conversation::namespace()).build()
}

/// Whether the lab is there: whoever reaches it can have this machine send a lot, so others than its own
/// people only if somebody asks for it. Its roads have no TLS, and pages of `https` cannot take them.
fn has_lab(args: &ServeArgs) -> bool {
    let has_tls = args.tls_cert.is_some() || args.tls_self_signed;
    !has_tls && (args.lab || is_loopback(args))
}

/// Whether it is reached from this machine only.
fn is_loopback(args: &ServeArgs) -> bool {
    args.host.as_deref().is_none_or(|host| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    })
}

fn trusted_proxies(args: &ServeArgs) -> TrustedProxies {
    args.trusted_proxies.clone().headers(args.forwarded_headers)
}

/// Where `sockeye key` and `sockeye admin` ask; without it the one changes the file, which is read again a second
/// later, and the other one fails.
#[cfg(unix)]
fn control_socket(data: &Path, app: &App) -> Option<ControlSocket> {
    let answerer = control::answerer(app.keys.clone(), Admin::new(app.clone()));
    let socket = ControlSocket::open(data, answerer);
    socket
        .inspect_err(|error| {
            tracing::warn!(
                %error,
                "no control socket: `sockeye key` changes the file of keys itself, `sockeye admin` cannot be used"
            );
        })
        .ok()
}

#[cfg(not(unix))]
fn control_socket(_: &Path, _: &App) {}

/// The publishing API, while there is a key.
fn publishing(site: &Arc<Site>, sockets: SocketService, keys: FileKeys) -> Router {
    let site = Arc::clone(site);
    let is_there = async move |State((site, keys)): State<(Arc<Site>, FileKeys)>,
                               request: Request,
                               next: Next| {
        if keys.is_empty().await { secure(site.missing()).await } else { next.run(request).await }
    };
    Router::new()
        .route_service(PATH, sockets.clone())
        .route_service(&format!("{PATH}/"), sockets.clone())
        .route_service(&format!("{PATH}/{{*rest}}"), sockets)
        .layer(middleware::from_fn_with_state((site, keys), is_there))
}

/// The pages, the socket server at its path and the publishing API at its own, for the hosts that are allowed.
fn router(
    args: &ServeArgs,
    site: &Arc<Site>,
    server: &Server,
    (keys, lab): (FileKeys, Option<Router>),
) -> Router {
    let sockets = server.clone().into_service();
    let (hosts, proxies) = (address::allowed_hosts(args), trusted_proxies(args));
    let check = move |request: Request, next: Next| {
        address::check_host(hosts.clone(), proxies.clone(), request, next)
    };
    Arc::clone(site)
        .router()
        .merge(publishing(site, sockets.clone(), keys))
        .merge(lab.unwrap_or_default())
        .route_service("/socket.io/", sockets.clone())
        .route_service("/socket.io/{*file}", sockets)
        .layer(middleware::from_fn(check))
}

/// Says where it listens, with a certificate of its own what to open on other devices, and at the first run how
/// somebody makes the first account. In one piece: whoever waits for the first line may not read on.
fn announce(args: &ServeArgs, scheme: &str, port: u16, app: &App) -> io::Result<()> {
    let host = args.host.as_deref();
    let mut said = format!("listening on {}\n", url(scheme, host, port));
    if args.tls_self_signed {
        for address in tls::addresses_to_open(host) {
            said += &format!("open {}\n", url(scheme, Some(&address.to_string()), port));
        }
    }
    if let Some(code) = app.accounts.setup_code() {
        let here = url(scheme, host.filter(|_| is_loopback(args)), port);
        let page = format!("{}/setup#{}", app.reach.best().unwrap_or(&here), code.as_str());
        said += &format!("open {page} to make the first account\n");
        tracing::info!("there is no account yet: open {page} to make the first one");
        if app.reach.is_local {
            said += "only this machine reaches it; start it with --host 0.0.0.0 for others to come in\n";
        }
    }
    let mut out = io::stdout().lock();
    out.write_all(said.as_bytes())?;
    out.flush()
}

/// Forgets sessions, guests and pictures that are over, now and then.
async fn forget_what_is_over(app: App) {
    let mut times = tokio::time::interval(FORGETTING_INTERVAL);
    loop {
        times.tick().await;
        if let Err(error) = app.accounts.forget_what_is_over().await {
            tracing::debug!(%error, "what is over was not forgotten");
        }
        if let Err(error) = app.pictures.sweep(&app).await {
            tracing::debug!(%error, "the files of pictures that are gone were not deleted");
        }
    }
}

/// Says what to do about the errors that people meet.
pub(crate) fn cannot_listen(error: io::Error, url: &str) -> anyhow::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => ", which another program does; --port chooses another port",
        io::ErrorKind::PermissionDenied => "; a --port of 1024 or more needs no permission",
        io::ErrorKind::AddrNotAvailable => "; --host has to be an address of this machine",
        _ => "",
    };
    anyhow::Error::new(error).context(format!("cannot listen on {url}{advice}"))
}

pub(crate) fn port(listeners: &[TcpListener]) -> io::Result<u16> {
    let first = listeners.first().ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok(first.local_addr()?.port())
}

/// The address to open in a browser on this machine.
pub(crate) fn url(scheme: &str, host: Option<&str>, port: u16) -> String {
    match host {
        None => format!("{scheme}://localhost:{port}"),
        Some(host) if host.contains(':') && !host.starts_with('[') => {
            format!("{scheme}://[{host}]:{port}")
        }
        Some(host) => format!("{scheme}://{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn the_lab_is_for_this_machine_unless_asked_for() {
        for (line, expected) in [
            ("", true),
            ("--host 127.0.0.1", true),
            ("--host [::1]", true),
            ("--host localhost", true),
            ("--host 0.0.0.0", false),
            ("--host chat.example", false),
            ("--host 0.0.0.0 --lab", true),
            ("--tls-self-signed", false),
            ("--tls-cert a --tls-key b", false),
        ] {
            let line = format!("sockeye serve {line}");
            let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
            let Command::Serve(args) = cli.into_command() else { panic!("{line}") };
            assert_eq!(has_lab(&args), expected, "{line}");
        }
    }

    #[test]
    fn the_ready_line_has_an_address_that_works() {
        assert_eq!(url("http", None, 3000), "http://localhost:3000");
        assert_eq!(url("https", Some("127.0.0.1"), 80), "https://127.0.0.1:80");
        assert_eq!(url("http", Some("::1"), 3000), "http://[::1]:3000");
        assert_eq!(url("http", Some("[::1]"), 3000), "http://[::1]:3000");
    }
}

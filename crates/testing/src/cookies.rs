//! A cookie jar, as far as a test needs one (RFC 6265 §5): cookies have a path and an end.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::time::Instant;

/// The cookies of one browser: a handle, cheap to clone. Everything is one host, so domains are not
/// looked at, and so are `Secure`, `HttpOnly` and `SameSite`: they rule what pages do.
#[derive(Clone, Debug, Default)]
pub(crate) struct CookieJar(Arc<Mutex<Vec<Cookie>>>);

#[derive(Clone, Debug, PartialEq)]
struct Cookie {
    name: String,
    value: String,
    path: String,
    expires: Option<Instant>,
}

impl CookieJar {
    /// Keeps what the `Set-Cookie` headers of an answer say; `target` is what was asked for.
    pub(crate) fn store<'a>(&self, target: &str, headers: impl Iterator<Item = &'a str>) {
        headers
            .filter_map(|header| Cookie::parse(header, target))
            .for_each(|cookie| self.put(cookie));
    }

    /// Keeps a cookie for every path.
    pub(crate) fn set(&self, name: &str, value: &str) {
        let (name, value, path) = (name.to_owned(), value.to_owned(), "/".to_owned());
        self.put(Cookie { name, value, path, expires: None });
    }

    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }

    /// The value of this name that a request sends; of several the first, with the longest path.
    pub(crate) fn get(&self, target: &str, name: &str) -> Option<String> {
        let path = path_of(target);
        let mut cookies = self.0.lock();
        cookies.retain(Cookie::is_alive);
        let named = cookies.iter().filter(|cookie| cookie.name == name && cookie.is_for(path));
        named.max_by_key(|cookie| cookie.path.len()).map(|cookie| cookie.value.clone())
    }

    /// The pairs `name=value` for a request: those with longer paths first (§5.4).
    pub(crate) fn pairs_for(&self, target: &str) -> Vec<String> {
        let path = path_of(target);
        let mut cookies = self.0.lock();
        cookies.retain(Cookie::is_alive);
        let mut sent: Vec<_> = cookies.iter().filter(|cookie| cookie.is_for(path)).collect();
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        sent.iter().map(|Cookie { name, value, .. }| format!("{name}={value}")).collect()
    }

    fn put(&self, cookie: Cookie) {
        let mut cookies = self.0.lock();
        cookies.retain(|kept| kept.name != cookie.name || kept.path != cookie.path);
        if cookie.is_alive() {
            cookies.push(cookie);
        }
    }
}

impl Cookie {
    /// One `Set-Cookie` header; none when it has no name (§5.2).
    fn parse(header: &str, target: &str) -> Option<Self> {
        let mut parts = header.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        if name.is_empty() {
            return None;
        }
        let mut cookie = Self { name, value, path: default_path(target), expires: None };
        let mut max_age = None;
        for attribute in parts {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "path" if value.starts_with('/') => cookie.path = value.to_owned(),
                "max-age" => max_age = value.parse::<i64>().ok().or(max_age),
                "expires" => cookie.expires = date(value).or(cookie.expires),
                _ => {}
            }
        }
        // `Max-Age` counts before `Expires` (§5.3).
        if let Some(seconds) = max_age {
            let seconds = u64::try_from(seconds).unwrap_or(0);
            cookie.expires = Instant::now().checked_add(Duration::from_secs(seconds));
        }
        Some(cookie)
    }

    fn is_alive(&self) -> bool {
        self.expires.is_none_or(|end| Instant::now() < end)
    }

    /// Whether its path matches (§5.1.4).
    fn is_for(&self, path: &str) -> bool {
        path.strip_prefix(&self.path).is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/')
        })
    }
}

fn path_of(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or_default()
}

/// The folder of what was asked for: so a cookie without a path is not for everything (§5.1.4).
fn default_path(target: &str) -> String {
    match path_of(target).rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(end) => target[..end].to_owned(),
    }
}

/// When a date is, on tokio's clock: in the past it is now.
fn date(value: &str) -> Option<Instant> {
    let end = httpdate::parse_http_date(value).ok()?;
    let left = end.duration_since(SystemTime::now()).unwrap_or_default();
    Some(Instant::now().checked_add(left).unwrap_or_else(Instant::now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(target: &str, headers: &[&str]) -> CookieJar {
        let jar = CookieJar::default();
        jar.store(target, headers.iter().copied());
        jar
    }

    #[test]
    fn a_cookie_goes_where_its_path_leads() {
        let headers = ["a=1; Path=/", "b=2; Path=/app", "c=3"];
        let jar = jar("/app/login?next=/x/y", &headers);
        for (target, sent) in [
            ("/", &["a=1"][..]),
            ("/app", &["b=2", "c=3", "a=1"]),
            ("/app/x?y", &["b=2", "c=3", "a=1"]),
            ("/apple", &["a=1"]),
            ("/socket.io/?EIO=4", &["a=1"]),
        ] {
            assert_eq!(jar.pairs_for(target), sent, "{target}");
        }
        assert_eq!(jar.get("/app/x?y", "c").as_deref(), Some("3"));
        assert_eq!(jar.get("/", "c"), None);
        assert_eq!(jar.get("/app", "d"), None);
    }

    #[test]
    fn a_cookie_of_a_folder_hides_none_of_the_root() {
        let jar = jar("/", &["a=root; Path=/", "a=folder; Path=/x"]);
        assert_eq!(jar.pairs_for("/x/y"), ["a=folder", "a=root"]);
        assert_eq!(jar.get("/", "a").as_deref(), Some("root"));
        assert_eq!(jar.get("/x/y", "a").as_deref(), Some("folder"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_cookie_ends_when_it_says() {
        let headers =
            ["a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "b=2", "e=5; max-age=x"];
        let jar = jar("/login", &headers);
        assert_eq!(jar.pairs_for("/"), ["a=1", "b=2", "e=5"]);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(jar.pairs_for("/"), ["b=2", "e=5"]);
        jar.store(
            "/logout",
            ["b=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "e=; Max-Age=0"].into_iter(),
        );
        assert_eq!(jar.pairs_for("/"), [""; 0]);
    }

    #[test]
    fn what_is_no_cookie_is_left_out() {
        let jar = jar("/", &["", "a", "=b", " c = d ; HttpOnly; Path=nowhere"]);
        assert_eq!(jar.pairs_for("/"), ["c=d"]);
        jar.set("c", "e");
        assert_eq!(jar.pairs_for("/x"), ["c=e"]);
        jar.clear();
        assert_eq!(jar.get("/", "c"), None);
    }
}

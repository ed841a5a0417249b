//! The matchers of dynamic declarations: which names they accept.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use sockeye_socket_proto::FromArgs;

/// Decides whether a name a client asks for becomes a namespace: an async function of the name, or
/// of the name and the client's `auth`, that returns a `bool`; or a regular expression.
#[diagnostic::on_unimplemented(
    message = "this cannot decide about names of namespaces",
    note = "give a `regex::Regex` (feature `regex` of sockeye), or `async |name: String| -> bool`, or `async |name: String, auth: T| -> bool` with a serde type `T`"
)]
pub trait NamespaceMatcher<M>: Send + Sync + 'static {
    #[doc(hidden)]
    fn into_matcher(self) -> Matcher;
}

/// A matcher of any kind.
#[doc(hidden)]
#[derive(Clone)]
pub enum Matcher {
    Pattern(Pattern),
    /// A regular expression, and what it was made from.
    Rule(String, Arc<Accepts>),
    Function(Arc<Decide>),
}

type Accepts = dyn Fn(&str) -> bool + Send + Sync;
type Decide = dyn Fn(&str, &str) -> Decision + Send + Sync;

/// The answer of an async matcher.
pub(crate) type Decision = Pin<Box<dyn Future<Output = bool> + Send>>;

/// The immediate result of a matcher.
pub(crate) enum Verdict {
    No,
    Yes(Params),
    Later(Decision),
}

/// The named parts of a name.
pub(crate) type Params = Vec<(Box<str>, Box<str>)>;

impl Matcher {
    /// The name of the declaration unless [`called`](crate::Namespace::called) gives another.
    pub(crate) fn name(&self) -> String {
        match self {
            Matcher::Rule(text, _) => text.clone(),
            Matcher::Pattern(_) | Matcher::Function(_) => String::new(),
        }
    }

    pub(crate) fn ask(&self, name: &str, auth: &str) -> Verdict {
        match self {
            Matcher::Pattern(pattern) => pattern.matches(name).map_or(Verdict::No, Verdict::Yes),
            Matcher::Rule(_, accepts) if accepts(name) => Verdict::Yes(Vec::new()),
            Matcher::Rule(..) => Verdict::No,
            Matcher::Function(decide) => Verdict::Later(decide(name, auth)),
        }
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Matcher::Pattern(pattern) => pattern.fmt(f),
            Matcher::Rule(text, _) => f.debug_tuple("Rule").field(text).finish(),
            Matcher::Function(_) => f.write_str("Function"),
        }
    }
}

#[cfg(feature = "regex")]
#[doc(hidden)]
#[derive(Debug)]
pub struct ByRegex;
#[doc(hidden)]
#[derive(Debug)]
pub struct ByName;
#[doc(hidden)]
#[derive(Debug)]
pub struct ByNameAndAuth<A>(A);

#[cfg(feature = "regex")]
#[cfg_attr(docsrs, doc(cfg(feature = "regex")))]
impl NamespaceMatcher<ByRegex> for regex::Regex {
    fn into_matcher(self) -> Matcher {
        Matcher::Rule(self.as_str().to_owned(), Arc::new(move |name| self.is_match(name)))
    }
}

impl<F, Fut> NamespaceMatcher<ByName> for F
where
    F: Fn(String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = bool> + Send + 'static,
{
    fn into_matcher(self) -> Matcher {
        Matcher::Function(Arc::new(move |name, _| Box::pin(self(name.to_owned()))))
    }
}

impl<F, Fut, A> NamespaceMatcher<ByNameAndAuth<A>> for F
where
    F: Fn(String, A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = bool> + Send + 'static,
    A: FromArgs,
{
    /// An `auth` that does not decode counts as `false`.
    fn into_matcher(self) -> Matcher {
        Matcher::Function(Arc::new(move |name, auth| match A::from_args(auth, &[]) {
            Ok(auth) => Box::pin(self(name.to_owned(), auth)),
            Err(_) => Box::pin(std::future::ready(false)),
        }))
    }
}

/// A name with parts in braces: `/room-{id}`.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(Box<str>),
    Part(Box<str>),
}

impl Pattern {
    /// `None`: there are no braces, so it is a fixed name.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut rest = path;
        while let Some((text, after)) = rest.split_once('{') {
            let (part, after) = after.split_once('}')?;
            if !text.is_empty() {
                pieces.push(Piece::Text(text.into()));
            }
            pieces.push(Piece::Part(part.into()));
            rest = after;
        }
        if pieces.is_empty() {
            return None;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.into()));
        }
        Some(Self { pieces })
    }

    /// A part matches everything up to the next literal text of the pattern, or to the end.
    fn matches(&self, name: &str) -> Option<Params> {
        let mut params = Vec::new();
        let mut rest = name;
        let mut pieces = self.pieces.iter().peekable();
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Text(text) => rest = rest.strip_prefix(&**text)?,
                Piece::Part(part) => {
                    let end = match pieces.peek() {
                        Some(Piece::Text(text)) => rest.find(&**text)?,
                        _ => rest.len(),
                    };
                    let (value, after) = rest.split_at(end);
                    if value.is_empty() || value.contains('/') {
                        return None;
                    }
                    params.push((part.clone(), value.into()));
                    rest = after;
                }
            }
        }
        rest.is_empty().then_some(params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pattern: &str, name: &str) -> Option<String> {
        let params = Pattern::parse(pattern).unwrap().matches(name)?;
        Some(params.iter().map(|(part, value)| format!("{part}={value};")).collect())
    }

    #[test]
    fn parts_are_taken_out_of_names() {
        let cases = [
            ("/room-{id}", "/room-7", Some("id=7;")),
            ("/room-{id}", "/room-한글", Some("id=한글;")),
            ("/room-{id}", "/room-", None),
            ("/room-{id}", "/room-7/x", None),
            ("/room-{id}", "/rooms-7", None),
            ("/{org}/{room}", "/a/b", Some("org=a;room=b;")),
            ("/{org}/{room}", "/a/b/c", None),
            ("/{a}-{b}/end", "/1-2/end", Some("a=1;b=2;")),
            ("/{a}-{b}/end", "/1-2/ended", None),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(params(pattern, name).as_deref(), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_name_without_braces_is_no_pattern() {
        for name in ["/", "/chat", "/a{b", "/a}b"] {
            assert!(Pattern::parse(name).is_none(), "{name}");
        }
    }
}

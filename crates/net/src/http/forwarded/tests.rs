use http::HeaderValue;

use super::super::peer::PeerAddr;
use super::*;

const FAMILIES: [ForwardedHeaders; 2] = [ForwardedHeaders::XForwarded, ForwardedHeaders::Forwarded];

fn headers(lines: &[(&'static str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

fn client(proxies: &TrustedProxies, peer: &str, lines: &[(&'static str, &[u8])]) -> String {
    proxies.client_addr(&headers(lines), peer.parse().unwrap()).to_string()
}

fn trusted(text: &str) -> TrustedProxies {
    text.parse().unwrap()
}

/// Address, scheme and host of a request from `peer`.
fn source(
    proxies: &TrustedProxies,
    peer: &str,
    headers: &[(&'static str, &'static str)],
) -> (String, bool, String) {
    let peer: SocketAddr = peer.parse().unwrap();
    let mut request = Request::get("/engine.io/").extension(PeerAddr(peer));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(()).unwrap();
    let source = Source::of(&request, proxies);
    let (head, ()) = request.clone().into_parts();
    assert_eq!(Source::of_head(&head, proxies), source);
    (source.address.unwrap().to_string(), source.secure, source.host.unwrap().to_owned())
}

fn seen(address: &str, secure: bool, host: &str) -> (String, bool, String) {
    (address.to_owned(), secure, host.to_owned())
}

#[test]
fn nobody_is_trusted_unasked() {
    let lines = [("x-forwarded-for", &b"1.1.1.1"[..]), ("forwarded", b"for=1.1.1.1")];
    for family in FAMILIES {
        let nobody = TrustedProxies::none().headers(family);
        assert_eq!(client(&nobody, "127.0.0.1", &lines), "127.0.0.1");
        let tens = trusted("10.0.0.0/8").headers(family);
        assert_eq!(client(&tens, "11.0.0.1", &lines), "11.0.0.1");
        assert_eq!(client(&tens, "10.0.0.1", &[]), "10.0.0.1");
    }
    let headers = [
        ("host", "inside:3000"),
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "for=1.1.1.1;proto=https;host=evil.example"),
    ];
    let direct = seen("10.0.0.1:99", false, "inside:3000");
    for family in FAMILIES {
        assert_eq!(
            source(&TrustedProxies::none().headers(family), "10.0.0.1:99", &headers),
            direct
        );
        assert_eq!(source(&trusted("10.0.0.2").headers(family), "10.0.0.1:99", &headers), direct);
    }
}

/// A proxy hands on what it does not write: the other family is the client's own.
#[test]
fn the_family_that_was_not_chosen_says_nothing() {
    let both = [
        ("host", "chat.example"),
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "one.example"),
        ("forwarded", "for=2.2.2.2;proto=http;host=two.example"),
    ];
    let tens = trusted("10.0.0.0/8");
    assert_eq!(source(&tens, "10.0.0.1:99", &both), seen("1.1.1.1:0", true, "one.example"));
    let standard = tens.headers(ForwardedHeaders::Forwarded);
    assert_eq!(source(&standard, "10.0.0.1:99", &both), seen("2.2.2.2:0", false, "two.example"));
    // Nor where the chosen one is missing.
    let direct = seen("10.0.0.1:99", false, "chat.example");
    let tens = trusted("10.0.0.0/8");
    assert_eq!(source(&tens, "10.0.0.1:99", &[both[0], both[4]]), direct);
    assert_eq!(source(&standard, "10.0.0.1:99", &both[..4]), direct);
}

#[test]
fn the_rightmost_that_is_not_trusted() {
    for (header, expected) in [
        (&b"1.1.1.1"[..], "1.1.1.1"),
        (b"6.6.6.6, 1.1.1.1", "1.1.1.1"),
        (b"6.6.6.6, 1.1.1.1,10.0.0.2", "1.1.1.1"),
        (b"10.0.0.3, 10.0.0.2", "10.0.0.3"),
        (b"1.1.1.1:4711", "1.1.1.1"),
        (b"2001:db8::1", "2001:db8::1"),
        (b"[2001:db8::1]", "2001:db8::1"),
        (b"[2001:db8::1]:80", "2001:db8::1"),
        (b"6.6.6.6, [::ffff:10.0.0.2]:80", "6.6.6.6"),
        (b"::ffff:10.0.0.9, ::ffff:10.0.0.2", "10.0.0.9"),
        (b"1.1.1.1, unknown, 10.0.0.2", "10.0.0.2"),
        (b"1.1.1.1, 10.0.0.2:, 10.0.0.3", "10.0.0.3"),
        (b"1.1.1.1, [10.0.0.2], 10.0.0.3", "10.0.0.3"),
        (b"1.1.1.1, [2001:db8::1]x", "10.0.0.1"),
        (b"1.1.1.1, fe80::1%eth0", "10.0.0.1"),
        (b"1.1.1.1, \"2.2.2.2\"", "10.0.0.1"),
        (b"1.1.1.1, for=2.2.2.2", "10.0.0.1"),
        (b"1.1.1.1, ", "10.0.0.1"),
        (b"caf\xe9", "10.0.0.1"),
        (b"", "10.0.0.1"),
    ] {
        let lines = [("x-forwarded-for", header)];
        let seen = client(&trusted("10.0.0.0/8"), "::ffff:10.0.0.1", &lines);
        assert_eq!(seen, expected, "{}", String::from_utf8_lossy(header));
    }
    let lines = [("x-forwarded-for", &b"1.1.1.1"[..]), ("x-forwarded-for", b"10.0.0.2")];
    assert_eq!(client(&trusted("10.0.0.0/8"), "10.0.0.1", &lines), "1.1.1.1");
    // A line that nobody can read ends what is known: a hop is missing there.
    let lines = [("x-forwarded-for", &b"1.1.1.1"[..]), ("x-forwarded-for", b"\xe9, 10.0.0.2")];
    assert_eq!(client(&trusted("10.0.0.0/8"), "10.0.0.1", &lines), "10.0.0.1");
}

/// The elements of RFC 7239 §4 and §6.
#[test]
fn forwarded_elements() {
    let standard = trusted("10.0.0.0/8").headers(ForwardedHeaders::Forwarded);
    for (header, expected) in [
        (&b"for=192.0.2.60;proto=http;by=203.0.113.43"[..], "192.0.2.60"),
        (b"For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
        (b"for=\"192.0.2.60:_hidden\"", "192.0.2.60"),
        (b"by=\"a, b; c\" ; for=192.0.2.60", "192.0.2.60"),
        (b"for=6.6.6.6, for=192.0.2.43", "192.0.2.43"),
        (b"for=192.0.2.43, for=10.0.0.2", "192.0.2.43"),
        (b"for=\"_gazonk\"", "10.0.0.1"),
        (b"for=unknown", "10.0.0.1"),
        (b"proto=https", "10.0.0.1"),
        (b"for=\"1.1.1.1,2.2.2.2\"", "10.0.0.1"),
        (b"for=\"1.1.1.1", "10.0.0.1"),
        (b"for=1.1.1.1;for=2.2.2.2", "10.0.0.1"),
        (b"for=2.2.2.2;FOR=2.2.2.2", "10.0.0.1"),
        (b"for=\"2.2.2\\.2\"", "10.0.0.1"),
    ] {
        let lines = [("forwarded", header), ("x-forwarded-for", b"6.6.6.6")];
        let seen = client(&standard, "10.0.0.1", &lines);
        assert_eq!(seen, expected, "{}", String::from_utf8_lossy(header));
    }
}

/// What a client writes into its own header or its host stays what it is: neither a quote that is
/// left open nor one with separators inside turns into another element.
#[test]
fn quotes_keep_together_what_a_proxy_quoted() {
    let standard = trusted("10.0.0.0/8").headers(ForwardedHeaders::Forwarded);
    for (header, expected) in [
        (&b"for=\"6.6.6.6, for=1.1.1.1"[..], "1.1.1.1"),
        (b"for=6.6.6.6;host=\"a, for=1.1.1.1", "1.1.1.1"),
        (b"for=1.1.1.1;host=\"a,for=6.6.6.6;x=\"", "1.1.1.1"),
        (b"for=1.1.1.1;host=\"a\\\",for=6.6.6.6;x=\"", "1.1.1.1"),
        (b"for=1.1.1.1;host=\"a\\\\\\\",for=6.6.6.6;x=\\\"\"", "1.1.1.1"),
        (b"host=\"b;for=6.6.6.6\";for=1.1.1.1", "1.1.1.1"),
        // A proxy that does not quote is not believed at all.
        (b"for=1.1.1.1;host=b;for=6.6.6.6", "10.0.0.1"),
    ] {
        let seen = client(&standard, "10.0.0.1", &[("forwarded", header)]);
        assert_eq!(seen, expected, "{}", String::from_utf8_lossy(header));
    }
}

#[test]
fn the_proxy_that_saw_the_client_counts() {
    let tens = trusted("10.0.0.0/8");
    let one = [
        ("host", "inside"),
        ("x-forwarded-for", "6.6.6.6, 1.1.1.1"),
        ("x-forwarded-proto", "http, https"),
        ("x-forwarded-host", "evil.example, chat.example"),
    ];
    assert_eq!(source(&tens, "10.0.0.1:99", &one), seen("1.1.1.1:0", true, "chat.example"));
    let two = [
        ("host", "inside"),
        ("x-forwarded-for", "6.6.6.6, 1.1.1.1, 10.0.0.9"),
        ("x-forwarded-proto", "ftp, https, http"),
        ("x-forwarded-host", "evil.example, chat.example, middle"),
    ];
    assert_eq!(source(&tens, "10.0.0.1:99", &two), seen("1.1.1.1:0", true, "chat.example"));
    // The inner proxy hands on what the outer one said once.
    let once = [
        ("host", "inside"),
        ("x-forwarded-for", "1.1.1.1, 10.0.0.9"),
        ("x-forwarded-proto", "https"),
    ];
    assert_eq!(source(&tens, "10.0.0.1:99", &once), seen("1.1.1.1:0", true, "inside"));
    let lines = [
        ("host", "inside"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-host", "chat.example"),
    ];
    assert_eq!(source(&tens, "10.0.0.1:99", &lines), seen("1.1.1.1:0", false, "chat.example"));
    let nothing = [("host", "inside"), ("x-forwarded-for", ""), ("x-forwarded-host", "a, ")];
    assert_eq!(source(&tens, "10.0.0.1:99", &nothing), seen("10.0.0.1:99", false, "inside"));
}

#[test]
fn the_same_in_forwarded() {
    let standard = trusted("10.0.0.0/8").headers(ForwardedHeaders::Forwarded);
    let headers = [
        ("host", "inside"),
        (
            "forwarded",
            "for=6.6.6.6;host=evil.example, for=1.1.1.1;proto=https;host=\"chat.example:8443\"",
        ),
        ("forwarded", "For=10.0.0.9;Proto=http"),
        ("x-forwarded-host", "other.example"),
    ];
    assert_eq!(
        source(&standard, "10.0.0.1:99", &headers),
        seen("1.1.1.1:0", true, "chat.example:8443")
    );
}

#[test]
fn empty_elements_of_forwarded_are_none() {
    let standard = trusted("10.0.0.0/8").headers(ForwardedHeaders::Forwarded);
    for header in ["for=1.1.1.1,", "for=1.1.1.1, , for=10.0.0.9 ,,", ",for=1.1.1.1"] {
        let source = source(&standard, "10.0.0.1:99", &[("host", "a"), ("forwarded", header)]);
        assert_eq!(source, seen("1.1.1.1:0", false, "a"), "{header}");
    }
}

/// Over plain TCP a target that begins with `https:` is what the client says (RFC 9110 §7.4).
#[test]
fn only_who_is_trusted_says_that_a_request_came_encrypted() {
    let secure = |peer: &str, inspected: bool, encrypted: bool| {
        let mut request = Request::get("https://chat.example/").body(()).unwrap();
        request.extensions_mut().insert(PeerAddr(peer.parse().unwrap()));
        if inspected {
            request.extensions_mut().insert(Inspected { kept_seconds: None });
        }
        if encrypted {
            request.extensions_mut().insert(Encrypted);
        }
        Source::of(&request, &trusted("10.0.0.0/8")).secure
    };
    assert!(!secure("11.0.0.1:9", true, false));
    assert!(secure("11.0.0.1:9", true, true));
    assert!(secure("10.0.0.1:9", true, false));
    // Another server's listener says it in no other way.
    assert!(secure("11.0.0.1:9", false, false));
}

#[test]
fn the_host_of_http_2_is_its_authority() {
    let request = Request::get("https://chat.example/x").body(()).unwrap();
    let source = Source::of(&request, &TrustedProxies::none());
    assert_eq!(source, Source { address: None, secure: true, host: Some("chat.example") });
}

#[test]
fn networks_of_ipv4_in_the_clothes_of_ipv6_are_what_they_are() {
    for text in ["::ffff:10.0.0.1", "::ffff:10.0.0.0/104", "10.0.0.0/8"] {
        assert!(trusted(text).contains("10.0.0.1".parse().unwrap()), "{text}");
        assert!(trusted(text).contains("::ffff:10.0.0.1".parse().unwrap()), "{text}");
        assert!(!trusted(text).contains("11.0.0.1".parse().unwrap()), "{text}");
    }
}

#[test]
fn what_is_no_network_says_what_to_write() {
    for (text, advice) in [
        ("10.0.0.0/33", ""),
        ("10.0.0", ""),
        ("10.0.0.*", ""),
        ("*", ""),
        ("proxy.example", ""),
        ("localhost", "; write 127.0.0.0/8, ::1"),
        ("[::1]", "; write ::1"),
        ("[::1]:80", "; write ::1"),
        ("10.0.0.1:80", "; write 10.0.0.1"),
        // Of IPv4 all and more: no address is in it, since each counts as what it is.
        ("::ffff:10.0.0.0/90", "; write 0.0.0.0/0"),
    ] {
        assert_eq!(
            text.parse::<TrustedProxies>().unwrap_err().to_string(),
            format!("{text:?} is not an address or a network such as 10.0.0.0/8{advice}")
        );
    }
    assert_eq!("".parse(), Ok(TrustedProxies::none()));
    assert_eq!("forwarded".parse(), Ok(ForwardedHeaders::Forwarded));
    assert_eq!("x-forwarded".parse(), Ok(ForwardedHeaders::XForwarded));
    assert_eq!(
        "X-Real-IP".parse::<ForwardedHeaders>().unwrap_err().to_string(),
        "\"X-Real-IP\" is neither \"x-forwarded\" nor \"forwarded\""
    );
}

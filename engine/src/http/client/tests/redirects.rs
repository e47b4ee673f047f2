//! Redirects: followed only if asked to, and then as the status wants it.

use super::requests::Pieces;
use super::rig::Rig;
use crate::http::client::{Error, Request};

const URL: &str = "http://a.example/dir/x?y";

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 4\r\n\r\ngone")
}

/// The second request's text, after one redirect.
fn followed(request: Request, status: u16, location: &str) -> String {
    let rig = Rig::new();
    let call = rig.request(request.redirects_max(1));
    rig.peer(0).heard();
    rig.peer(0).say(&rig, &redirect(status, location));
    let heard = rig.peer(rig.dialled() - 1).heard();
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    rig.peer(rig.dialled() - 1).say(&rig, ok);
    assert_eq!(call.result().unwrap().status(), 200);
    heard
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[test]
fn none_is_followed_unless_asked_to() {
    let rig = Rig::new();
    let call = rig.get(URL);
    rig.peer(0).say(&rig, &redirect(302, "/y"));
    let response = call.result().unwrap();
    assert_eq!((response.status(), &response.body()[..]), (302, &b"gone"[..]));
    assert_eq!(response.header("location"), Some(&b"/y"[..]));
}

#[test]
fn the_method_changes_as_the_status_wants() {
    let cases = [
        ("GET", 301, "GET"),
        ("POST", 301, "GET"),
        ("PUT", 301, "PUT"),
        ("POST", 302, "GET"),
        ("HEAD", 302, "HEAD"),
        ("POST", 303, "GET"),
        ("PUT", 303, "GET"),
        ("HEAD", 303, "HEAD"),
        ("POST", 307, "POST"),
        ("DELETE", 308, "DELETE"),
    ];
    for (method, status, then) in cases {
        let heard = followed(Request::new(method, URL), status, "z");
        let expected = format!("{then} /dir/z HTTP/1.1");
        assert_eq!(first_line(&heard), expected, "{method} {status}");
    }
}

#[test]
fn the_body_goes_along_or_not() {
    let post = || Request::post(URL).header("Content-Type", "text/plain").body("hello");
    let kept = followed(post(), 307, "/z").to_lowercase();
    assert!(kept.contains("content-type: text/plain\r\n") && kept.ends_with("\r\n\r\nhello"));
    let dropped = followed(post(), 303, "/z").to_lowercase();
    assert!(!dropped.contains("content-") && dropped.ends_with("\r\n\r\n"), "{dropped}");
}

#[test]
fn secrets_stay_with_their_origin() {
    let request = || {
        let request = Request::get(URL).header("Authorization", "secret").header("X-A", "b");
        request.header("cookie", "secret").header("Host", "secret.example")
    };
    let same = followed(request(), 302, "/z");
    assert_eq!(same.matches("secret").count(), 3, "{same}");
    for elsewhere in ["http://b.example/z", "http://a.example:81/z"] {
        let other = followed(request(), 302, elsewhere);
        assert!(!other.contains("secret") && other.contains("X-A: b"), "{other}");
        let host = elsewhere.split('/').nth(2).unwrap();
        assert!(other.to_lowercase().contains(&format!("host: {host}\r\n")), "{other}");
    }
}

#[test]
fn circles_and_long_ways_end() {
    let rig = Rig::new();
    let call = rig.request(Request::get(URL).redirects_max(9));
    rig.peer(0).say(&rig, &redirect(302, "/1"));
    rig.peer(0).say(&rig, &redirect(302, URL));
    let circle = call.result();
    assert!(matches!(&circle, Err(Error::RedirectLoop { url }) if url == URL), "{circle:?}");
    let call = rig.request(Request::get(URL).redirects_max(2));
    for number in 1..=3 {
        rig.peer(1).say(&rig, &redirect(302, &format!("/{number}")));
    }
    let result = call.result();
    assert!(matches!(result, Err(Error::TooManyRedirects { redirects_max: 2 })), "{result:?}");
}

#[test]
fn where_nobody_can_go_is_an_error() {
    for location in
        ["ftp://a/", "http://u@b.example/", "http://", "/a b", "http://127.1/", "/\u{fc}"]
    {
        let rig = Rig::new();
        let call = rig.request(Request::get(URL).redirects_max(1));
        rig.peer(0).say(&rig, &redirect(302, location));
        let result = call.result();
        assert!(matches!(result, Err(Error::RedirectUrl(_))), "{location}: {result:?}");
    }
    let rig = Rig::new();
    let request = Request::post(URL).stream(None, Pieces::default()).redirects_max(1);
    let call = rig.request(request);
    rig.peer(0).say(&rig, &redirect(307, "/z"));
    assert!(matches!(call.result(), Err(Error::BodyGone)));
}

#[test]
fn other_statuses_and_no_location_are_answers() {
    for text in [
        redirect(300, "/z"),
        redirect(305, "/z"),
        "HTTP/1.1 302 X\r\nContent-Length: 0\r\n\r\n".to_owned(),
    ] {
        let rig = Rig::new();
        let call = rig.request(Request::get(URL).redirects_max(1));
        rig.peer(0).say(&rig, &text);
        assert!((300..310).contains(&call.result().unwrap().status()));
    }
}

#[test]
fn the_connection_of_a_small_redirect_is_used_again() {
    let rig = Rig::new();
    let call = rig.request(Request::get(URL).redirects_max(1));
    rig.peer(0).say(&rig, &redirect(302, "http://b.example/"));
    assert_eq!(rig.client.idle_connections(), 1);
    let large = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    rig.peer(1).say(&rig, large);
    assert_eq!(call.result().unwrap().url().to_string(), "http://b.example/");
    let call = rig.request(Request::get(URL).redirects_max(1));
    let head = "HTTP/1.1 302 X\r\nLocation: /z\r\nContent-Length: 1000000\r\n\r\n";
    rig.peer(0).say(&rig, head);
    rig.peer(0).say(&rig, &"x".repeat(70_000));
    assert!(rig.peer(0).is_closed(), "a long one is not read to its end");
    rig.peer(2).say(&rig, large);
    assert_eq!(call.result().unwrap().url().to_string(), "http://a.example/z");
}

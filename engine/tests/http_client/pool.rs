//! Connections that are used again, shared, closed early.

use std::rc::Rc;
use std::time::Duration;

use skyring::Bytes;
use skyring::http::client::{Client, Error, Request, Settings};

use super::call;
use super::support::hostile::Hostile;
use super::support::{PATIENCE, eventually};
use crate::support::shard::on_a_shard;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn calls_one_after_the_other_share_a_connection() {
    let server = Hostile::answering(OK);
    let url = server.url("/");
    let answers = on_a_shard(move |context| {
        let (client, url) = (Client::new(&context), url.clone());
        async move {
            for _ in 0..50 {
                client.get(&url).await?;
            }
            Ok::<_, Error>((client.idle_connections(), client.open_connections()))
        }
    });
    assert_eq!(answers.unwrap(), (1, 1));
    assert_eq!(server.accepted(), 1);
}

/// A server that answers the first request of each of its first connections only.
fn forgetful(connections: usize) -> Hostile {
    Hostile::start(move |talk| {
        talk.request().expect("a request");
        talk.say(OK);
        while talk.request().is_some() {
            if talk.index < connections {
                return talk.cut();
            }
            talk.say(OK);
        }
    })
}

fn twice(server: &Hostile, method: &'static str) -> Result<u16, Error> {
    let url = server.url("/");
    on_a_shard(move |context| {
        let (client, url) = (Client::new(&context), url.clone());
        async move {
            client.get(&url).await?;
            Ok(client.request(Request::new(method, &url)).await?.status())
        }
    })
}

#[test]
fn a_stale_connection_is_replaced_for_a_request_that_may_run_twice() {
    let server = forgetful(1);
    assert_eq!(twice(&server, "GET").unwrap(), 200);
    assert_eq!(server.accepted(), 2);
}

#[test]
fn a_post_on_a_stale_connection_fails() {
    let server = forgetful(1);
    let failed = twice(&server, "POST");
    assert!(matches!(failed, Err(Error::NoAnswer | Error::Reset)), "{failed:?}");
    assert_eq!(server.accepted(), 1);
}

#[test]
fn an_idle_connection_that_the_server_ends_is_closed() {
    let server = Hostile::start(|talk| {
        talk.request().expect("a request");
        talk.say(OK);
        talk.cut();
    });
    let url = server.url("/");
    on_a_shard(move |context| {
        let (client, url) = (Client::new(&context), url.clone());
        async move {
            client.get(&url).await.unwrap();
            // However long it takes: only the end of the connection can end this.
            while client.open_connections() > 0 {
                context.sleep(Duration::from_millis(1)).await;
            }
        }
    });
    eventually("the server sees the end", || server.open() == 0);
}

#[test]
fn many_calls_share_few_connections() {
    let server = Hostile::start(|talk| {
        while let Some(heard) = talk.request() {
            let path = heard.head.split(' ').nth(1).unwrap();
            let length = path.len();
            talk.say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{path}"));
        }
    });
    let base = server.url("/");
    let answered = on_a_shard(move |context| {
        let settings = Settings { connections_per_host_max: 4, ..Settings::default() };
        let client = Client::with_settings(&context, settings);
        let (base, count) = (base.clone(), Rc::new(std::cell::Cell::new(0)));
        for number in 0..200 {
            let (client, count) = (client.clone(), Rc::clone(&count));
            let url = format!("{base}{number}");
            context.spawn(async move {
                let answer = client.request(Request::get(&url).timeout(PATIENCE)).await.unwrap();
                assert_eq!(answer.body(), &Bytes::from(format!("/{number}")));
                count.set(count.get() + 1);
            });
        }
        async move {
            while count.get() < 200 {
                context.sleep(Duration::from_millis(1)).await;
            }
            client.open_connections()
        }
    });
    assert!(answered <= 4);
    assert!(server.open_max() <= 4 && server.accepted() <= 4, "{} at once", server.open_max());
}

#[test]
fn a_stream_closed_early_ends_its_connection() {
    let server = Hostile::start(|talk| {
        talk.request().expect("a request");
        talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        talk.say_for_ever("4\r\nmore\r\n");
    });
    let url = server.url("/");
    let open = on_a_shard(move |context| {
        let (client, url) = (Client::new(&context), url.clone());
        async move {
            let mut answer = client.request_stream(Request::get(&url)).await.unwrap();
            assert!(answer.next().await.unwrap().is_ok());
            answer.close();
            client.open_connections()
        }
    });
    assert_eq!(open, 0);
    eventually("the server sees the end", || server.open() == 0);
}

#[test]
fn a_stream_that_is_not_read_holds_its_server_up() {
    let server = Hostile::start(|talk| {
        talk.request().expect("a request");
        talk.say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 64 << 20));
        for _ in 0..64 {
            talk.say(&"x".repeat(1 << 20));
        }
        talk.request();
    });
    let url = server.url("/");
    let received = on_a_shard(move |context| {
        let (client, url) = (Client::new(&context), url.clone());
        async move {
            let mut answer = client.request_stream(Request::get(&url)).await.unwrap();
            context.sleep(Duration::from_millis(50)).await;
            let mut received = 0;
            while let Some(piece) = answer.next().await {
                received += piece.unwrap().len();
            }
            received
        }
    });
    assert_eq!(received, 64 << 20);
}

#[test]
fn large_bodies_arrive_whole_both_ways() {
    let server = Hostile::start(|talk| {
        let heard = talk.request().expect("a request");
        let text = String::from_utf8(heard.body).expect("the body is text");
        talk.say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len()));
        talk.say(&text);
    });
    let url = server.url("/");
    let sent: String = (0..500_000).map(|number| format!("{number},")).collect();
    let body = sent.clone();
    let answer =
        call(Settings::default(), move || Request::post(&url).body(body.clone()).timeout(PATIENCE));
    let (status, received) = answer.unwrap();
    assert_eq!(status, 200);
    assert!(received == sent.as_bytes(), "{} bytes came back", received.len());
}

//! A small HTTP server: `cargo run --release --example http_server`, then
//! `curl http://127.0.0.1:8080/hello` and `curl -T FILE http://127.0.0.1:8080/upload`.

use std::rc::Rc;

use skyring::config::{Config, Listener, ListenerKind};
use skyring::handler::Application;
use skyring::http::{Request, Response};
use skyring::server::Server;

struct Site;

impl Application for Site {
    async fn http(self: Rc<Self>, mut request: Request) -> Response {
        match (request.method(), request.path()) {
            ("GET" | "HEAD", "/hello") => Response::new(200).body("hello\n"),
            ("PUT", "/upload") => {
                let mut bytes = 0;
                while let Some(piece) = request.body().next().await {
                    match piece {
                        Ok(piece) => bytes += piece.len(),
                        Err(_) => return Response::new(400), // Nobody is left to read it.
                    }
                }
                Response::new(200).body(format!("{bytes} bytes\n"))
            }
            _ => Response::new(404),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listeners = vec![Listener::new(ListenerKind::Http)];
    let server = Server::start(&Config { listeners, ..Config::default() }, |_context| Site)?;
    println!("http listens on {:?}", server.addresses());
    Ok(server.join()?)
}

//! The outside service, played: an HTTP server on threads that counts what it is asked.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

/// Scores of the players it knows. `broken` is answered 500, `words` with no number, and those whose
/// names begin with `held` once the test lets them go.
pub(crate) struct Board {
    pub(crate) url: String,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    /// How often each path was asked for.
    asked: HashMap<String, u32>,
    /// Questions that are being answered, and the most there were.
    now: usize,
    most: usize,
    is_released: bool,
}

impl Board {
    /// Runs to the end of the tests.
    pub(crate) fn start() -> Board {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, state) = (stream.unwrap(), Arc::clone(&shared));
                // It ends when the connection does; what goes wrong with it shows at the other end.
                std::thread::spawn(move || serve(&stream, &state));
            }
        });
        Board { url, state }
    }

    pub(crate) fn asked(&self, name: &str) -> u32 {
        let state = self.state.0.lock().unwrap();
        state.asked.get(&format!("/scores/{name}")).copied().unwrap_or_default()
    }

    pub(crate) fn asked_in_all(&self) -> u32 {
        self.state.0.lock().unwrap().asked.values().sum()
    }

    /// Questions that are held now, and the most that there ever were at once.
    pub(crate) fn at_once(&self) -> (usize, usize) {
        let state = self.state.0.lock().unwrap();
        (state.now, state.most)
    }

    /// Lets those go that are held, and holds nobody any more.
    pub(crate) fn release(&self) {
        self.state.0.lock().unwrap().is_released = true;
        self.state.1.notify_all();
    }
}

fn serve(stream: &TcpStream, state: &(Mutex<State>, Condvar)) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next() {
        let line = line?;
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let (status, body) = answer(&path, state);
        let bytes = body.len();
        write!(&*stream, "HTTP/1.1 {status} X\r\nContent-Length: {bytes}\r\n\r\n{body}")?;
    }
    Ok(())
}

fn answer(path: &str, (state, released): &(Mutex<State>, Condvar)) -> (u16, String) {
    let mut state = state.lock().unwrap();
    *state.asked.entry(path.to_owned()).or_default() += 1;
    state.now += 1;
    state.most = state.most.max(state.now);
    if path.starts_with("/scores/held") {
        state = released.wait_while(state, |state| !state.is_released).unwrap();
    }
    state.now -= 1;
    match path {
        "/scores/ann" => (200, "42\n".to_owned()),
        "/scores/broken" => (500, "7".to_owned()),
        "/scores/words" => (200, "many".to_owned()),
        held if held.starts_with("/scores/held") => (200, "7".to_owned()),
        // Servers have a page for this, which may be long.
        _ => (404, "There is nothing here. ".repeat(1000)),
    }
}

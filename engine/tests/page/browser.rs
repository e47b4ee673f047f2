//! A browser without a window, driven over its debugging protocol by our own WebSocket client.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use serde_json::{Value, json};
use skyring::config::Config;
use skyring::context::Context;
use skyring::handler::Application;
use skyring::server::Server;
use skyring::websocket::client::{ConnectOptions, WebSocket, connect};

/// How long a page has; a busy machine starts a browser slowly.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running browser, with a profile of its own; killed when it is dropped.
pub(crate) struct Browser {
    child: Child,
    url: String,
}

struct Nobody;

impl Application for Nobody {}

/// A page of the browser.
struct Page {
    socket: WebSocket,
    session: Value,
    calls: u64,
    /// What the browser told while the answer to a call was awaited.
    events: VecDeque<Value>,
}

impl Browser {
    /// Starts it. It trusts every certificate: that of the test is nobody's.
    pub(crate) fn start(profile: &Path) -> Browser {
        fs::create_dir_all(profile).unwrap();
        let child = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--disable-background-networking", "--ignore-certificate-errors"])
            .args(["--no-first-run", "--remote-debugging-port=0"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("chromium, which this test needs");
        // It is killed too if it never says where it can be driven.
        let mut browser = Browser { child, url: String::new() };
        let lines = BufReader::new(browser.child.stderr.take().expect("a pipe")).lines();
        let (sender, urls) = sync_channel(1);
        // It complains for as long as it lives, and must not be held up.
        std::thread::spawn(move || {
            for line in lines {
                let line = line.expect("it writes text");
                if let Some((_, url)) = line.split_once("DevTools listening on ") {
                    // Nobody waits for a second one.
                    let _ = sender.try_send(url.to_owned());
                }
            }
        });
        browser.url = urls.recv_timeout(PATIENCE).expect("it can be driven");
        browser
    }

    /// Opens a page, runs a story in it, and reads what an expression then says.
    pub(crate) fn read(&self, page: &str, story: &str, result: &str) -> Value {
        let code = format!("(async () => {{ {story}; return await ({result}); }})()");
        let (browser, page) = (self.url.clone(), page.to_owned());
        let (sender, receiver) = sync_channel(1);
        let config = Config { shards: 1, listeners: Vec::new(), ..Config::default() };
        let server = Server::start(&config, move |context| {
            let (browser, page, code) = (browser.clone(), page.clone(), code.clone());
            let (shard, sender) = (context.clone(), sender.clone());
            context.spawn(async move {
                let mut page = Page::open(&shard, &browser, &page).await;
                sender.try_send(page.evaluate(&code).await).expect("one result");
            });
            Nobody
        });
        let server = server.expect("a shard without listeners");
        let value = receiver.recv_timeout(PATIENCE).expect("the page comes to an end");
        server.handle().stop();
        server.join().expect("the shard ends well");
        value
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Page {
    /// Opens a page and waits until it has loaded.
    async fn open(context: &Context, browser: &str, url: &str) -> Page {
        let options = ConnectOptions::new(browser).message_bytes_max(16 << 20);
        let socket = connect(context, &options).await.expect("the browser listens");
        let events = VecDeque::new();
        let mut page = Page { socket, session: Value::Null, calls: 0, events };
        let target = page.call("Target.createTarget", json!({ "url": "about:blank" })).await;
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        page.session = page.call("Target.attachToTarget", target).await["sessionId"].clone();
        page.call("Page.enable", json!({})).await;
        page.call("Page.setLifecycleEventsEnabled", json!({ "enabled": true })).await;
        let navigated = page.call("Page.navigate", json!({ "url": url })).await;
        assert!(navigated["loaderId"].is_string(), "{navigated}");
        // The empty page before it has a load of its own.
        let is_load = |event: &Value| {
            let load = &event["params"];
            event["method"] == "Page.lifecycleEvent"
                && load["name"] == "load"
                && load["loaderId"] == navigated["loaderId"]
        };
        while !is_load(&page.event().await) {}
        page
    }

    /// What a promise comes to.
    async fn evaluate(&mut self, code: &str) -> Value {
        let asked = json!({ "expression": code, "awaitPromise": true, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", asked).await;
        assert!(answer["exceptionDetails"].is_null(), "{answer}");
        answer["result"]["value"].clone()
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let mut call = json!({ "id": self.calls, "method": method, "params": params });
        if !self.session.is_null() {
            call["sessionId"] = self.session.clone();
        }
        self.socket.send(call.to_string()).await.expect("the browser listens");
        loop {
            let answer = self.next().await;
            if answer["id"] == self.calls {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
            self.events.push_back(answer);
        }
    }

    /// What the browser tells next, of what no call has waited for.
    async fn event(&mut self) -> Value {
        match self.events.pop_front() {
            Some(event) => event,
            None => self.next().await,
        }
    }

    async fn next(&mut self) -> Value {
        let message = self.socket.next().await.expect("the browser stays");
        serde_json::from_slice(message.expect("a message").as_bytes()).expect("JSON")
    }
}

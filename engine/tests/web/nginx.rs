//! `skyring fetch` against nginx.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::served::{certify, run, text};

const PATIENCE: Duration = Duration::from_secs(20);

/// An nginx with files, redirects and TLS; killed when dropped.
struct Nginx {
    child: Child,
    folder: PathBuf,
    http: u16,
    https: u16,
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn config(folder: &Path, http: u16, https: u16) -> String {
    let at = folder.display();
    format!(
        "daemon off; user root; pid {at}/pid; error_log stderr error;
        events {{ worker_connections 64; }}
        http {{
            access_log off; client_body_temp_path {at}/a; proxy_temp_path {at}/b;
            fastcgi_temp_path {at}/c; uwsgi_temp_path {at}/d; scgi_temp_path {at}/e;
            server {{
                listen 127.0.0.1:{http}; listen 127.0.0.1:{https} ssl;
                ssl_certificate {at}/cert.pem; ssl_certificate_key {at}/key.pem;
                root {at}/files; chunked_transfer_encoding on;
                location /here {{ return 200 here; }}
                location /moved {{ return 302 /here; }}
                location /round {{ return 302 /round; }}
                location /closed {{ return 444; }}
                location /chunked {{
                    proxy_pass http://127.0.0.1:{http}/large; proxy_http_version 1.0;
                    gzip on; gzip_proxied any; gzip_min_length 1; gzip_types *;
                }}
            }}
        }}"
    )
}

impl Nginx {
    fn start(name: &str) -> Nginx {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("nginx-{name}"));
        fs::create_dir_all(folder.join("files")).unwrap();
        certify(&folder);
        fs::write(folder.join("files/large"), large()).unwrap();
        let (http, https) = (free_port(), free_port());
        let file = folder.join("nginx.conf");
        fs::write(&file, config(&folder, http, https)).unwrap();
        let child = Command::new("nginx")
            .args(["-c", file.to_str().unwrap(), "-p", folder.to_str().unwrap()])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx, which this test needs");
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", https)).is_err() {
            assert!(start.elapsed() < PATIENCE, "nginx does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Nginx { child, folder, http, https }
    }

    fn fetch(&self, secure: bool, path: &str, more: &[&str]) -> Output {
        let ca = self.folder.join("cert.pem").display().to_string();
        let url = match secure {
            true => format!("https://localhost:{}{path}", self.https),
            false => format!("http://127.0.0.1:{}{path}", self.http),
        };
        let fixed = ["fetch", &url, "--ca", &ca, "--timeout", "15"];
        run(env!("CARGO_BIN_EXE_skyring"), &[&fixed[..], more].concat())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = run("kill", &["-TERM", &self.child.id().to_string()]);
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn large() -> Vec<u8> {
    (0..3_000_000u32).map(|at| (at.wrapping_mul(at) / 7) as u8).collect()
}

#[test]
fn files_come_whole() {
    let nginx = Nginx::start("files");
    for secure in [false, true] {
        let output = nginx.fetch(secure, "/large", &[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout == large(), "{} bytes", output.stdout.len());
        let output = nginx.fetch(secure, "/here", &["-i"]);
        let said = text(&output);
        assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("here"), "{said}");
    }
}

#[test]
fn redirects_are_followed_only_when_asked() {
    let nginx = Nginx::start("redirects");
    let stays = text(&nginx.fetch(false, "/moved", &["-i"]));
    assert!(stays.starts_with("HTTP/1.1 302"), "{stays}");
    let follows = nginx.fetch(false, "/moved", &["--redirects", "3"]);
    assert_eq!(text(&follows), "here");
    let round = nginx.fetch(false, "/round", &["--redirects", "3"]);
    assert!(!round.status.success() && text(&round).contains("redirect"), "{}", text(&round));
}

#[test]
fn failures_are_told() {
    let nginx = Nginx::start("failures");
    let closed = nginx.fetch(false, "/closed", &[]);
    assert!(!closed.status.success() && closed.stdout.is_empty(), "{}", text(&closed));
    let missing = nginx.fetch(false, "/missing", &["--fail"]);
    assert!(!missing.status.success(), "{}", text(&missing));
    // The certificate is not one that the system trusts.
    let url = format!("https://localhost:{}/here", nginx.https);
    let refused = run(env!("CARGO_BIN_EXE_skyring"), &["fetch", &url, "--timeout", "15"]);
    assert!(
        !refused.status.success() && text(&refused).contains("certificate"),
        "{}",
        text(&refused)
    );
}

#[test]
fn a_response_of_unknown_length_comes_whole() {
    let nginx = Nginx::start("unknown");
    let plain = nginx.fetch(false, "/chunked", &["-i"]);
    assert!(plain.status.success(), "{}", String::from_utf8_lossy(&plain.stderr));
    let gzip = nginx.fetch(false, "/chunked", &["-i", "-H", "Accept-Encoding: gzip"]);
    let head = String::from_utf8_lossy(&gzip.stdout[..400.min(gzip.stdout.len())]).into_owned();
    assert!(head.to_lowercase().contains("transfer-encoding: chunked"), "{head}");
}

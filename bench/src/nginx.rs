//! nginx as a server that is measured: a configuration in a directory for temporary files, one
//! worker on the servers' processor, everything off that a static answer does not need.
//!
//! The measured process is the worker, which does all of the work. nginx cannot choose the
//! congestion control of its connections; they have the system's.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::certificate;
use crate::child::Target;
use crate::generator::http::{BODY, MEDIA_TYPE, PATH};
use crate::scratch::ScratchDirectory;

/// Its name in records.
pub const NAME: &str = "nginx";
/// What the records say where it is missing.
pub const ABSENT: &str = "nginx was not measured: it is not installed (Debian: apt install nginx).";

/// How long it may take to listen, and to end.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// The version of nginx. None: it is not installed.
pub fn version() -> Option<String> {
    let output = Command::new(NAME).arg("-v").output().ok()?;
    let text = String::from_utf8(output.stderr).ok()?;
    let version = text.trim().strip_prefix("nginx version: ")?;
    output.status.success().then(|| version.to_owned())
}

/// How it is started.
#[derive(Clone, Copy, Debug)]
pub struct NginxSetup<'a> {
    /// Its processor.
    pub core: usize,
    /// Directory of the certificate. None: it speaks HTTP without TLS.
    pub certificate: Option<&'a Path>,
}

/// A master and its worker, which end with this value.
#[derive(Debug)]
pub struct NginxProcess {
    master: Child,
    target: Target,
    directory: ScratchDirectory,
}

impl NginxProcess {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// When it cannot be started or does not listen in time; with what it wrote about that.
    pub fn start(setup: NginxSetup<'_>) -> io::Result<NginxProcess> {
        let directory = ScratchDirectory::make("skyring-nginx")?;
        // It cannot take a port of the kernel's choice, so one is borrowed that is free just now.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let file = directory.path().join("nginx.conf");
        fs::write(&file, configuration(directory.path(), address, setup))?;
        let master = Command::new(NAME)
            .arg("-c")
            .arg(&file)
            .arg("-e")
            .arg(directory.path().join("error.log"))
            .arg("-p")
            .arg(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pid = master.id();
        let target = Target { name: NAME.to_owned(), address, login: None, pid };
        let mut started = NginxProcess { master, target, directory };
        started.target.pid = started.wait_for_worker()?;
        Ok(started)
    }

    /// Where and what it is.
    pub fn target(&self) -> &Target {
        &self.target
    }

    fn wait_for_worker(&mut self) -> io::Result<u32> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && self.master.try_wait()?.is_none() {
            let worker = worker_of(self.master.id())?;
            if let (Some(worker), Ok(_)) = (worker, TcpStream::connect(self.target.address)) {
                return Ok(worker);
            }
            std::thread::sleep(PAUSE);
        }
        let log = fs::read_to_string(self.directory.path().join("error.log")).unwrap_or_default();
        let reason = log.lines().last().unwrap_or("it says nothing");
        Err(io::Error::other(format!("nginx did not start: {reason}")))
    }
}

impl Drop for NginxProcess {
    fn drop(&mut self) {
        // A master that is told to ends its worker first. Each of these fails only if it is gone.
        if let Some(pid) = i32::try_from(self.master.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && matches!(self.master.try_wait(), Ok(None)) {
            std::thread::sleep(PAUSE);
        }
        let _ = self.master.kill();
        let _ = self.master.wait();
    }
}

/// The worker of a master; none yet.
fn worker_of(master: u32) -> io::Result<Option<u32>> {
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|it| it.parse::<u32>().ok()) else { continue };
        // One that has ended meanwhile is none.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        if parent_of(&stat) == Some(master) {
            return Ok(Some(pid));
        }
    }
    Ok(None)
}

/// The fourth field of `/proc/PID/stat`; the second is a name in brackets that may have any.
fn parent_of(stat: &str) -> Option<u32> {
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_whitespace().nth(1)?.parse().ok()
}

fn configuration(directory: &Path, address: SocketAddr, setup: NginxSetup<'_>) -> String {
    let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
    let body = String::from_utf8_lossy(BODY);
    let (ssl, certificate) = match setup.certificate {
        None => ("", String::new()),
        Some(directory) => {
            let (certificate, key) = certificate::files(directory);
            let (certificate, key) = (certificate.display(), key.display());
            let files = format!("ssl_certificate {certificate}; ssl_certificate_key {key};");
            (" ssl", format!("{files} ssl_protocols TLSv1.3; ssl_session_tickets on;"))
        }
    };
    let temporary: Vec<String> = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path {}/{name};", directory.display()))
        .collect();
    format!(
        "daemon off;\n{user}worker_processes 1;\nworker_cpu_affinity {affinity};\n\
         worker_rlimit_nofile 65536;\npid {directory}/nginx.pid;\n\
         events {{ worker_connections 32768; }}\n\
         http {{\n  access_log off;\n  default_type {MEDIA_TYPE};\n  {temporary}\n  \
         keepalive_requests 1000000000;\n  keepalive_timeout 600s;\n  \
         client_header_timeout 600s;\n  server {{\n    \
         listen {address}{ssl} backlog=4096;\n    {certificate}\n    \
         location = {PATH} {{ return 200 \"{body}\"; }}\n  }}\n}}\n",
        affinity = affinity(setup.core),
        directory = directory.display(),
        temporary = temporary.join(" "),
    )
}

/// One processor as nginx writes it: a digit for each up to it, from the right.
fn affinity(core: usize) -> String {
    format!("1{}", "0".repeat(core))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_found_behind_any_name() {
        assert_eq!(parent_of("12 (nginx) S 7 12 7"), Some(7));
        assert_eq!(parent_of("12 (odd) 9 (name) S 8 12"), Some(8));
        assert_eq!(parent_of(""), None);
    }

    #[test]
    fn the_configuration_names_what_is_asked() {
        assert_eq!([affinity(0), affinity(3)], ["1", "1000"]);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 7));
        let of = |certificate| {
            let setup = NginxSetup { core: 1, certificate };
            configuration(Path::new("/tmp/x"), address, setup)
        };
        let plain = of(None);
        assert!(plain.contains("listen 127.0.0.1:7 backlog") && !plain.contains("ssl"), "{plain}");
        let secure = of(Some(Path::new("/tmp/y")));
        assert!(secure.contains("listen 127.0.0.1:7 ssl backlog"), "{secure}");
        assert!(secure.contains("ssl_certificate /tmp/y/cert.pem;"), "{secure}");
    }

    /// Where it is not installed there is nothing to start, and that is said.
    #[test]
    fn it_starts_and_ends_where_it_is_installed() {
        let core = crate::host::cores().unwrap()[0];
        let started = NginxProcess::start(NginxSetup { core, certificate: None });
        if version().is_none() {
            assert_eq!(started.unwrap_err().kind(), io::ErrorKind::NotFound);
            return;
        }
        let started = started.unwrap();
        let Target { address, pid, .. } = *started.target();
        assert!(TcpStream::connect(address).is_ok() && pid != started.master.id());
        drop(started);
        assert!(TcpStream::connect(address).is_err());
    }
}

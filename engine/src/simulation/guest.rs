//! A client of a TLS listener in a scene.
//!
//! TLS draws random numbers of its own, so runs with it are not the same twice: nothing that compares
//! runs has guests.

use super::scene::Scene;
use crate::config::ListenerKind;
use crate::driver::sim::SimClient;
use crate::transport::tls::{ClientTls, ClientTlsSettings, Pin, Tls, TlsError, Trust, Workspace};

/// Trusts the first listener of this kind.
pub(crate) fn trust(scene: &Scene, kind: ListenerKind) -> ClientTls {
    let pin = Pin::of_certificate(&scene.certificate(kind));
    let trust = Trust::Pinned(vec![pin]);
    let settings = ClientTlsSettings { trust, ..ClientTlsSettings::default() };
    ClientTls::load(&settings).expect("nothing to read")
}

/// One connection.
pub(crate) struct Guest {
    pub(crate) wire: SimClient,
    pub(crate) tls: Tls,
    workspace: Workspace,
    /// What was received and not taken.
    pub(crate) plain: Vec<u8>,
    pub(crate) error: Option<TlsError>,
}

impl Guest {
    /// Connects and says the first word.
    pub(crate) fn open(scene: &Scene, kind: ListenerKind, client: &ClientTls) -> Guest {
        let wire = scene.connect(kind);
        let tls = Tls::client(client, "localhost").expect("a name");
        let (workspace, plain) = (Workspace::default(), Vec::new());
        let mut guest = Guest { wire, tls, workspace, plain, error: None };
        guest.take(&[]);
        guest
    }

    fn take(&mut self, cipher: &[u8]) {
        let mut records = Vec::new();
        match self.tls.receive(cipher, &mut self.workspace, &mut records) {
            Ok(_) => self.plain.extend_from_slice(&self.workspace.plain),
            Err(error) => self.error = Some(error),
        }
        self.write(&records);
    }

    fn write(&self, records: &[u8]) {
        if !records.is_empty() {
            self.wire.write(records).expect("it is open");
        }
    }

    /// Says this, now.
    pub(crate) fn say(&mut self, plain: &[u8]) {
        let mut records = Vec::new();
        self.tls.seal(plain, &mut records).expect("its handshake is done");
        self.write(&records);
    }

    /// Says that this was all.
    pub(crate) fn say_goodbye(&mut self) {
        let mut records = Vec::new();
        self.tls.close(&mut records);
        self.write(&records);
    }

    /// Reads what has come in and answers it, for so many milliseconds.
    pub(crate) fn listen(&mut self, scene: &mut Scene, ms: u64) {
        for _ in 0..ms {
            scene.pass(1);
            let bytes = self.wire.read();
            if !bytes.is_empty() {
                self.take(&bytes);
            }
        }
    }

    /// As [`Guest::listen`], until something is so.
    pub(crate) fn listen_until(
        &mut self,
        scene: &mut Scene,
        is_so: impl Fn(&Guest, &Scene) -> bool,
    ) {
        for _ in 0..30_000 {
            if is_so(self, scene) {
                return;
            }
            self.listen(scene, 1);
        }
        panic!("it does not come");
    }

    /// Does the handshake.
    pub(crate) fn shake(&mut self, scene: &mut Scene) {
        self.listen_until(scene, |guest, _| guest.tls.is_established());
    }
}

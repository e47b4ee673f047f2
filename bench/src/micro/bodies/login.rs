//! A whole login between the two machines, without a socket.

use std::hint::black_box;

use skyring_protocols::Compat;
use skyring_protocols::login::{
    LoginClient, LoginClientOutput, LoginOutput, LoginServer, LoginVerdict, SampleToken,
};

use super::crypt::token;

const CHALLENGE: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
const SERVER_KEY: [u8; 8] = [11, 12, 13, 14, 15, 16, 17, 18];
const CLIENT_KEY: [u8; 8] = [21, 22, 23, 24, 25, 26, 27, 28];

fn server() -> LoginServer {
    LoginServer::new(Compat::Strict, black_box(CHALLENGE), black_box(SERVER_KEY))
}

/// Does what the server's machine asks for, and returns what it sends.
fn drain(server: &mut LoginServer) -> Vec<u8> {
    let mut sent = Vec::new();
    while let Some(output) = server.poll_output() {
        match output {
            LoginOutput::Send(bytes) => sent.extend_from_slice(&bytes),
            LoginOutput::Judge { token } => {
                let token = SampleToken::parse(&token).expect("the client wrote it");
                assert_eq!(token.password.as_slice(), b"password");
                server.on_verdict(LoginVerdict::Granted { subid: b"1".to_vec() });
            }
            LoginOutput::Close(_) => {}
        }
    }
    sent
}

/// One login; what the client sent, part by part.
fn log_in() -> Vec<Vec<u8>> {
    let mut server = server();
    let mut client = LoginClient::new(token(), black_box(CLIENT_KEY));
    let mut said = Vec::new();
    loop {
        client.on_bytes(&drain(&mut server));
        while let Some(output) = client.poll_output() {
            match output {
                LoginClientOutput::Send(bytes) => {
                    server.on_bytes(&bytes);
                    said.push(bytes);
                }
                LoginClientOutput::Granted { subid } => {
                    assert_eq!(black_box(subid), b"1");
                    assert_eq!(client.secret(), server.secret());
                    return said;
                }
                other => panic!("the login failed: {other:?}"),
            }
        }
    }
}

pub(super) fn conversation(repetitions: u32) {
    for _ in 0..repetitions {
        log_in();
    }
}

pub(super) fn server_side(repetitions: u32) {
    let said = log_in();
    for _ in 0..repetitions {
        let mut server = server();
        let mut answered = drain(&mut server);
        for part in &said {
            server.on_bytes(black_box(part));
            answered = drain(&mut server);
        }
        assert!(black_box(answered).starts_with(b"200 "));
    }
}

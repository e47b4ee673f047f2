//! Login v2 over a wire that may change a byte of any line.

use std::sync::Arc;

use crate::Compat;
use crate::fuzz::draw::Draw;
use crate::login::{
    LoginClientOutput, LoginClientV2, LoginOutput, LoginServer, LoginVerdict, PinnedKeys,
    SecureOffer,
};
use crate::secure::{ExchangeKey, SigningKey};

/// Both halves with each other: an untouched login is granted and both have its key, a touched one is
/// granted to nobody. Bytes from nobody are refused by the server and end the client once.
pub fn v2(data: &[u8]) {
    let mut draw = Draw::new(data);
    let identity = Arc::new(SigningKey::new(&[1; 32]));
    let offer = SecureOffer {
        identity: Arc::clone(&identity),
        exchange: ExchangeKey::new(&[2; 32]),
        allows_v1: draw.flag(),
    };
    let pinned = PinnedKeys::new(vec![identity.public()]);
    let compat = draw.one_of(&[Compat::Strict, Compat::Skynet]);
    let mut server = LoginServer::with_offer(compat, *b"challeng", *b"serverky", offer);
    let mut client = LoginClientV2::new(b"token".to_vec(), pinned, ExchangeKey::new(&[3; 32]));
    let touched = draw.flag().then(|| (draw.below(5), draw.below(140), 1 << draw.below(8)));
    // Who speaks for the client at line 2, if it is not itself.
    let has_stranger = draw.flag();
    let mut stranger = has_stranger.then(|| draw.all());
    let (mut lines, mut was_touched, mut outcome) = (0, false, None);
    let mut carry = |mut line: Vec<u8>| {
        let last = line.len() - 1;
        if let Some((_, at, mask)) = touched.filter(|(number, _, _)| *number == lines)
            && let Some(byte) = line[..last].get_mut(at)
        {
            *byte ^= mask;
            was_touched = true;
        }
        lines += 1;
        line
    };
    loop {
        let mut is_quiet = true;
        while let Some(output) = server.poll_output() {
            is_quiet = false;
            match output {
                LoginOutput::Send(line) => client.on_bytes(&carry(line)),
                LoginOutput::Judge { token } => {
                    assert_eq!(**token, *b"token", "what was sealed");
                    server.on_verdict(LoginVerdict::Granted { subid: b"1".to_vec() });
                }
                LoginOutput::Close(_) => client.on_disconnect(),
            }
        }
        while let Some(output) = client.poll_output() {
            is_quiet = false;
            match output {
                LoginClientOutput::Send(line) => match stranger.take() {
                    Some(bytes) => server.on_bytes(bytes),
                    None => server.on_bytes(&carry(line)),
                },
                end => assert!(outcome.replace(end).is_none(), "two outcomes"),
            }
        }
        if is_quiet {
            break;
        }
    }
    let is_granted = matches!(outcome, Some(LoginClientOutput::Granted { .. }));
    if is_granted {
        assert!(!was_touched, "somebody has changed a line");
        assert!(
            server
                .agreed()
                .is_some_and(|key| key.expose() == client.key().expect("it is granted").expose())
        );
    }
    assert!(is_granted || was_touched || has_stranger, "it must succeed");
}

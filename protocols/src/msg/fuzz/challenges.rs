//! Attach v2 over a wire that may change a byte of any frame.

use crate::Decode;
use crate::crypt::{Secret, base64encode};
use crate::frame;
use crate::fuzz::draw::Draw;
use crate::login::SessionKey;
use crate::msg::{AttachHello, Challenged, ClientEvent, MsgClient, Session, Username};

/// Attaches again and again; answers may be lost and bytes of any frame changed. An untouched attach
/// succeeds, a touched one does so on neither side that can tell, both sides always have a key in common,
/// and bytes from nobody are no hello that gets further than a refusal.
pub fn attach_v2(data: &[u8]) {
    if let Ok(hello) = AttachHello::parse(data) {
        let challenged = Challenged::new(data.to_vec(), &[5; 16]);
        assert!(!hello.username.is_empty());
        // Of the shape of a proof, so that it is judged.
        let digest: [u8; 32] = std::array::from_fn(|at| data[at % data.len()]);
        let proof = [b"v2:", base64encode(&digest).as_bytes()].concat();
        challenged.pretend(&proof);
        for mut session in
            [Session::new(Secret::new([1; 8])), Session::new(SessionKey::new(&[2; 32]))]
        {
            assert!(session.prove(&challenged, &proof).is_err(), "without the key");
        }
    }
    let mut draw = Draw::new(data);
    let name = Username { uid: b"u".to_vec(), server: b"s".to_vec(), subid: b"1".to_vec() };
    let key = SessionKey::new(&[9; 32]);
    let mut session = Session::new(key.clone());
    let mut client = MsgClient::new(name.format(), key);
    for index in 1..20 {
        if draw.is_over() {
            break;
        }
        let touched = draw.flag().then(|| (draw.below(4), draw.below(90), 1 << draw.below(8)));
        let is_lost = draw.flag();
        let mut frames = 0;
        let mut carry = |frame: Vec<u8>| {
            let Decode::Done { value, .. } = frame::decode(&frame) else { panic!("one frame") };
            let mut payload = value.to_vec();
            let is_touched =
                touched.filter(|(at, _, _)| *at == frames).is_some_and(|(_, at, mask)| {
                    payload.get_mut(at).map(|byte| *byte ^= mask).is_some()
                });
            frames += 1;
            (payload, is_touched)
        };
        let frame_of = |payload: &[u8]| {
            let mut out = Vec::new();
            frame::encode(payload, &mut out).expect("it is short");
            out
        };
        let (hello, mut any_touched) = carry(client.attach_with(index, &[index as u8; 16]));
        if AttachHello::parse(&hello).is_err() {
            continue;
        }
        let challenged = Challenged::new(hello, &[draw.byte(); 16]);
        let (challenge, is_touched) = carry(frame_of(challenged.challenge()));
        any_touched |= is_touched;
        client.on_bytes(&frame_of(&challenge));
        let Some(ClientEvent::Challenged(proof)) = client.poll_event() else {
            assert!(any_touched, "a challenge is answered");
            continue;
        };
        let (proof, is_touched) = carry(proof);
        any_touched |= is_touched;
        let Ok(answer) = session.prove(&challenged, &proof) else {
            assert!(any_touched, "the proof is right");
            continue;
        };
        assert!(!any_touched, "the proof is of other frames");
        let (answer, is_touched) = carry(frame_of(&answer));
        if is_lost {
            continue;
        }
        client.on_bytes(&frame_of(&answer));
        assert_eq!(client.poll_event() == Some(ClientEvent::Attached), !is_touched);
    }
}

//! Scenes of connections that the application opens: how they come, what they carry, how they end.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;

use crate::driver::ShardIndex;
use crate::driver::sim::{Fault, SimClient, SimFaults, SimSettings, StreamEnd};
use crate::net::{ConnectError, Dial, StreamError};
use crate::shard::counters::Counter;
use crate::simulation::scene::{Props, Scene, spawn};

fn far() -> SocketAddr {
    ([10, 0, 0, 9], 80).into()
}

fn scene() -> Scene {
    Props::default().start()
}

/// Nothing of the connections is left.
fn assert_nothing_is_left(scene: &mut Scene) {
    scene.pass(2_000);
    assert_eq!(scene.core(0).connections.len(), 0);
    assert_eq!(scene.net.slots_used(ShardIndex(0)), 0);
    assert_eq!(scene.count(Counter::Dialled), scene.count(Counter::DialledEnded));
}

#[test]
fn bytes_go_both_ways_and_dropping_closes() {
    let mut scene = scene();
    let remote = scene.net.remote(far());
    let done = spawn(&scene, |context| async move {
        let stream = context.connect(Dial::stream(far())).await?;
        stream.write("ping").await.unwrap();
        let answer = stream.read().await.unwrap();
        stream.write("last words").await.unwrap();
        Ok::<_, ConnectError>(answer)
    });
    scene.pass(5);
    let client = remote.accept().expect("it has come");
    assert_eq!(client.read(), b"ping");
    client.write(b"pong").unwrap();
    scene.pass(5);
    assert_eq!(done.take().unwrap().unwrap().unwrap(), "pong");
    assert_eq!(client.read(), b"last words");
    assert_eq!(client.end(), Some(StreamEnd::Finished));
    client.close();
    assert_nothing_is_left(&mut scene);
    scene.net.close_listener(crate::driver::ListenerIndex(0));
}

#[test]
fn each_side_may_end_its_half_first() {
    let mut scene = scene();
    let remote = scene.net.remote(far());
    let done = spawn(&scene, |context| async move {
        let stream = context.connect(Dial::stream(far())).await.unwrap();
        stream.write("all").await.unwrap();
        stream.shut_down();
        let refused = stream.write("more").await;
        let (first, second) = (stream.read().await, stream.read().await);
        (refused, first, second)
    });
    scene.pass(5);
    let client = remote.accept().unwrap();
    assert_eq!((&*client.read(), client.end()), (&b"all"[..], Some(StreamEnd::Finished)));
    client.write(b"answer").unwrap();
    client.close();
    scene.pass(5);
    let answer = Ok(Some(Bytes::from("answer")));
    assert_eq!(done.take().unwrap(), (Err(StreamError::Closed), answer, Ok(None)));
    assert_nothing_is_left(&mut scene);
    // The other way round: what is written after the peer's FIN still arrives.
    let done = spawn(&scene, |context| async move {
        let stream = context.connect(Dial::stream(far())).await.unwrap();
        let end = stream.read().await;
        stream.write("after the end").await.unwrap();
        end
    });
    scene.pass(5);
    let client = remote.accept().unwrap();
    client.shut_down();
    scene.pass(5);
    assert_eq!(done.take(), Some(Ok(None)));
    assert_eq!(client.read(), b"after the end");
    client.close();
    assert_nothing_is_left(&mut scene);
}

#[test]
fn a_stream_is_shut_down_once_however_often_it_is_asked_for() {
    let mut scene = scene();
    let remote = scene.net.remote(far());
    let done = spawn(&scene, |context| async move {
        let stream = context.connect(Dial::stream(far())).await.unwrap();
        stream.shut_down();
        stream.shut_down();
        context.sleep(Duration::from_millis(20)).await;
        stream.shut_down();
        stream.read().await
    });
    scene.pass(50);
    let client = remote.accept().unwrap();
    assert_eq!(client.end(), Some(StreamEnd::Finished));
    client.write(b"answer").unwrap();
    scene.pass(5);
    assert_eq!(done.take(), Some(Ok(Some(Bytes::from("answer")))));
    client.close();
    assert_nothing_is_left(&mut scene);
}

#[test]
fn nobody_there_and_nobody_answering_are_told_apart() {
    let mut scene = scene();
    let silent = SocketAddr::from(([10, 0, 0, 9], 81));
    scene.net.silence(silent);
    let refused = spawn(&scene, |context| context.connect(Dial::stream(far())));
    let late = spawn(&scene, move |context| {
        let connect_timeout = Duration::from_millis(300);
        context.connect(Dial { connect_timeout, ..Dial::stream(silent) })
    });
    scene.pass(299);
    assert_eq!(refused.take().unwrap().unwrap_err(), ConnectError::Refused);
    assert!(late.take().is_none());
    scene.pass(5);
    assert_eq!(late.take().unwrap().unwrap_err(), ConnectError::TimedOut);
    assert_eq!(scene.net.in_flight(ShardIndex(0)), scene.core(0).accepts_in_flight() as usize);
    assert_eq!(scene.count(Counter::DialFailed), 2);
    assert_nothing_is_left(&mut scene);
}

#[test]
fn a_cancel_that_misses_is_repeated_until_the_connect_is_over() {
    let mut scene = scene();
    scene.net.silence(far());
    scene.net.set_faults(SimFaults::none().with(Fault::CancelMissed, 1 << 16));
    let dial = Dial { connect_timeout: Duration::from_millis(10), ..Dial::stream(far()) };
    let late = spawn(&scene, |context| context.connect(dial));
    scene.pass(3_000);
    assert_eq!(late.take().unwrap().unwrap_err(), ConnectError::TimedOut);
    let accepts = scene.core(0).accepts_in_flight() as usize;
    assert_eq!(scene.net.in_flight(ShardIndex(0)), accepts + 1, "it lives on");
    scene.net.set_faults(SimFaults::none());
    scene.pass(1_100);
    assert_eq!(scene.net.in_flight(ShardIndex(0)), accepts);
}

#[test]
fn a_connection_that_nobody_waits_for_any_more_is_closed() {
    let mut scene = scene();
    let remote = scene.net.remote(far());
    scene.net.set_faults(SimFaults::none().with(Fault::CancelMissed, 1 << 16));
    let done = spawn(&scene, |context| async move {
        let mut connecting = pin!(context.connect(Dial::stream(far())));
        poll_fn(|cx| Poll::Ready(connecting.as_mut().poll(cx).is_ready())).await
    });
    scene.pass(5);
    assert_eq!(done.take(), Some(false));
    let client = remote.accept().expect("the cancel came too late");
    assert!(client.end().is_some());
    client.close();
    assert_nothing_is_left(&mut scene);
}

#[test]
fn dials_take_places_and_give_them_back() {
    let settings = SimSettings { slots: 24, buffers: 64, ..SimSettings::default() };
    let mut scene = Props { settings, ..Props::default() }.start();
    scene.pass(1);
    let remote = scene.net.remote(far());
    let fill = |scene: &Scene| {
        spawn(scene, |context| async move {
            let mut streams = Vec::new();
            loop {
                match context.connect(Dial::stream(far())).await {
                    Ok(stream) => streams.push(stream),
                    Err(error) => break (streams.len(), error),
                }
            }
        })
    };
    let done = fill(&scene);
    scene.pass(100);
    let (count, error) = done.take().unwrap();
    assert_eq!(error, ConnectError::TableFull);
    assert!(count > 0);
    std::iter::from_fn(|| remote.accept()).for_each(SimClient::close);
    assert_nothing_is_left(&mut scene);
    let done = fill(&scene);
    scene.pass(100);
    assert_eq!(done.take().unwrap().0, count, "every place has come back");
    std::iter::from_fn(|| remote.accept()).for_each(SimClient::close);
    assert_nothing_is_left(&mut scene);
}

#[test]
fn a_peer_that_does_not_read_holds_the_writer_and_then_breaks_the_stream() {
    let mut scene = scene();
    let remote = scene.net.remote(far());
    let written = Rc::new(RefCell::new(0));
    let progress = Rc::clone(&written);
    let done = spawn(&scene, |context| async move {
        let (write_timeout, output_bytes_max) = (Duration::from_secs(1), 1000);
        let dial = Dial { write_timeout, output_bytes_max, ..Dial::stream(far()) };
        let stream = context.connect(dial).await.unwrap();
        loop {
            if let Err(error) = stream.write(vec![1; 500]).await {
                return (error, stream.read().await);
            }
            *progress.borrow_mut() += 500;
        }
    });
    scene.pass(500);
    let client = remote.accept().unwrap();
    let window_bytes = SimSettings::default().window_bytes;
    let stuck = *written.borrow();
    assert!((window_bytes..window_bytes + 2_000).contains(&stuck), "{stuck}");
    assert_eq!(client.read_at_most(4_000).len(), 4_000);
    scene.pass(500);
    assert!(*written.borrow() >= stuck + 4_000 - 500, "who reads gets more");
    scene.pass(1_600);
    let late = StreamError::WriteTimedOut;
    assert_eq!(done.take(), Some((late.clone(), Err(late))));
    client.close();
    assert_nothing_is_left(&mut scene);
}

#[test]
fn an_application_that_does_not_read_holds_the_peer() {
    let mut scene = scene();
    let remote = scene.net.remote(far());
    let sent: Vec<u8> = (0..400_000u32).map(|number| number as u8).collect();
    let door = scene.door.clone();
    let done = spawn(&scene, |context| async move {
        let dial = Dial { input_bytes_max: 4_000, ..Dial::stream(far()) };
        let stream = context.connect(dial).await.unwrap();
        door.pass().await;
        let mut received = Vec::new();
        while let Some(bytes) = stream.read().await.unwrap() {
            received.extend_from_slice(&bytes);
        }
        received
    });
    scene.pass(5);
    let client = remote.accept().unwrap();
    client.write(&sent).unwrap();
    client.shut_down();
    scene.pass(500);
    // Beside the budget: a window, and what one turn can have on lease.
    let SimSettings { window_bytes, buffer_bytes, .. } = SimSettings::default();
    let most = 4_000 + window_bytes + 64 * buffer_bytes;
    assert!(client.unsent() >= sent.len() - most, "{} bytes wait", client.unsent());
    scene.door.open();
    scene.pass(500);
    assert_eq!(done.take().unwrap(), sent);
    client.close();
    assert_nothing_is_left(&mut scene);
}

/// A receive that goes on although it was cancelled is cancelled again.
#[test]
fn a_pause_that_the_kernel_has_missed_is_asked_for_again() {
    let mut scene = scene();
    let remote = scene.net.remote(far());
    let done = spawn(&scene, |context| async move {
        let dial = Dial { input_bytes_max: 4_000, ..Dial::stream(far()) };
        let stream = context.connect(dial).await.unwrap();
        context.sleep(Duration::from_secs(5)).await;
        stream
    });
    scene.pass(5);
    let client = remote.accept().unwrap();
    scene.net.set_faults(SimFaults::none().with(Fault::CancelMissed, 1 << 16));
    client.write(&[1; 8_000]).unwrap();
    scene.pass(10);
    assert!(scene.count(Counter::ReadingPaused) > 0);
    scene.net.set_faults(SimFaults::none());
    client.write(&[2; 1 << 20]).unwrap();
    scene.pass(10_000);
    assert!(client.unsent() > 0, "a mebibyte is kept for who does not read");
    drop(done.take().unwrap());
    client.close();
    assert_nothing_is_left(&mut scene);
}

#[test]
fn a_reset_comes_behind_what_was_received() {
    let mut scene = scene();
    let remote = scene.net.remote(far());
    let done = spawn(&scene, |context| async move {
        let stream = context.connect(Dial::stream(far())).await.unwrap();
        context.sleep(Duration::from_millis(20)).await;
        assert!(!stream.is_quiet());
        let (first, second) = (stream.read().await, stream.read().await);
        (first, second, stream.write("x").await)
    });
    scene.pass(5);
    let client = remote.accept().unwrap();
    client.write(b"almost").unwrap();
    scene.pass(5);
    client.reset();
    scene.pass(20);
    let reset = StreamError::Reset;
    let expected = (Ok(Some(Bytes::from("almost"))), Err(reset.clone()), Err(reset));
    assert_eq!(done.take(), Some(expected));
    assert_nothing_is_left(&mut scene);
}

/// A stream that nobody uses does not hold the server up; one that a task uses does, until the task
/// is done or the drain's time is over.
#[test]
fn a_drain_waits_for_tasks_and_no_longer() {
    for (task_ms, over_ms) in [(None, 1_100), (Some(400), 1_600), (Some(60_000), 5_100)] {
        let mut scene = scene();
        let remote = scene.net.remote(far());
        let kept = Rc::new(RefCell::new(None));
        let keeper = Rc::clone(&kept);
        let done = spawn(&scene, |context| async move {
            let stream = context.connect(Dial::stream(far())).await.unwrap();
            let read = match task_ms {
                Some(ms) => {
                    context.sleep(Duration::from_millis(ms)).await;
                    stream.write("still here").await
                }
                None => Ok(()),
            };
            *keeper.borrow_mut() = Some(stream);
            read
        });
        scene.pass(5);
        let client = remote.accept().unwrap();
        scene.core(0).drain(5_000);
        scene.net.rouse(ShardIndex(0));
        scene.pass(over_ms);
        assert!(scene.is_over(0), "with a task of {task_ms:?}");
        assert_eq!(scene.core(0).connections.len(), 0);
        assert_eq!(scene.net.in_flight(ShardIndex(0)), 0);
        assert_eq!(client.read(), if task_ms == Some(400) { &b"still here"[..] } else { b"" });
        assert!(client.end().is_some());
        client.close();
        if task_ms == Some(60_000) {
            scene.pass(60_000);
            assert_eq!(done.take(), Some(Err(StreamError::Closed)));
        }
        let refused = spawn(&scene, |context| context.connect(Dial::stream(far())));
        scene.pass(5);
        assert_eq!(refused.take().unwrap().unwrap_err(), ConnectError::Stopping);
    }
}

#[test]
fn a_stop_gives_up_what_is_being_dialled() {
    let mut scene = scene();
    scene.net.silence(far());
    let done = spawn(&scene, |context| context.connect(Dial::stream(far())));
    scene.pass(5);
    scene.core(0).stop();
    scene.net.rouse(ShardIndex(0));
    scene.pass(5);
    assert_eq!(done.take().unwrap().unwrap_err(), ConnectError::Stopping);
    assert!(scene.is_over(0));
    assert_eq!(scene.net.in_flight(ShardIndex(0)), 0);
}

#[test]
fn datagrams_stay_whole_and_come_from_the_peer_only() {
    let mut scene = scene();
    let socket = scene.net.socket(far());
    let stranger = scene.net.socket(([10, 0, 0, 8], 80).into());
    let done = spawn(&scene, |context| async move {
        let stream = context.connect(Dial::datagram(far())).await.unwrap();
        for length in [1, 1000, 2] {
            stream.write(vec![b'q'; length]).await.unwrap();
        }
        stream.flush().await.unwrap();
        let mut lengths = Vec::new();
        for _ in 0..2 {
            lengths.push(stream.read().await.unwrap().unwrap().len());
        }
        lengths
    });
    scene.pass(5);
    let mut lengths = Vec::new();
    let mut from = None;
    while let Some((address, datagram)) = socket.receive() {
        lengths.push(datagram.len());
        from = Some(address);
    }
    assert_eq!(lengths, [1, 1000, 2]);
    let from = from.unwrap();
    stranger.send(from, b"strange");
    scene.pass(5);
    socket.send(from, &[b'a'; 3]);
    scene.pass(5);
    // Longer than a buffer: cut off.
    socket.send(from, &[b'a'; 3000]);
    scene.pass(5);
    assert_eq!(done.take().unwrap(), [3, 2048]);
    assert_nothing_is_left(&mut scene);
}

#[test]
fn the_first_address_that_answers_is_taken() {
    let mut scene = scene();
    let silent = SocketAddr::from(([10, 0, 0, 9], 81));
    scene.net.silence(silent);
    let remote = scene.net.remote(far());
    let race = |scene: &Scene, addresses: &'static [u16]| {
        let address = |port: &u16| SocketAddr::from(([10, 0, 0, 9], *port));
        let addresses: Vec<SocketAddr> = addresses.iter().map(address).collect();
        spawn(scene, |context| async move {
            let dial = Dial { connect_timeout: Duration::from_secs(1), ..Dial::stream(far()) };
            context.connect_any(&addresses, &dial).await.map(|stream| stream.peer())
        })
    };
    let done = race(&scene, &[82, 82, 80]);
    scene.pass(10);
    assert_eq!(done.take(), Some(Ok(far())), "a refusal costs no time");
    let done = race(&scene, &[81, 80, 82]);
    scene.pass(249);
    assert!(done.take().is_none());
    scene.pass(10);
    assert_eq!(done.take(), Some(Ok(far())));
    let done = race(&scene, &[81, 82]);
    scene.pass(1_010);
    assert_eq!(done.take(), Some(Err(ConnectError::TimedOut)));
    let done = race(&scene, &[]);
    scene.pass(1);
    assert_eq!(done.take(), Some(Err(ConnectError::NoAddress)));
    std::iter::from_fn(|| remote.accept()).for_each(SimClient::close);
    assert_nothing_is_left(&mut scene);
}

/// What the peer still sends is no reason to tell it of a reset, which may overtake what it was told.
#[test]
fn a_stream_that_is_dropped_while_the_peer_talks_ends_well() {
    let mut scene = scene();
    let remote = scene.net.remote(far());
    let done = spawn(&scene, |context| async move {
        let dial = Dial { input_bytes_max: 1_000, ..Dial::stream(far()) };
        let stream = context.connect(dial).await.unwrap();
        context.sleep(Duration::from_millis(50)).await;
        stream.write(vec![7; 50_000]).await.unwrap();
    });
    scene.pass(5);
    let client = remote.accept().unwrap();
    client.write(&[1; 300_000]).unwrap();
    scene.pass(100);
    assert_eq!(done.take(), Some(()));
    client.write(&[2; 1_000]).unwrap();
    scene.pass(20);
    let mut received = 0;
    for _ in 0..100 {
        received += client.read_at_most(1_000).len();
        scene.pass(1);
    }
    assert_eq!((received, client.end()), (50_000, Some(StreamEnd::Finished)));
    client.close();
    assert_nothing_is_left(&mut scene);
}

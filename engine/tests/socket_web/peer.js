// The npm package `ws` on the other side of a connection: the same parts as in `peer.py`.
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const { createRequire } = require('node:module');

// Where it is installed is said by the environment.
const { WebSocket, WebSocketServer } = createRequire(`${process.env.SKYRING_NPM}/`)('ws');

const LENGTHS = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20];
const TEXTS = ['', 'hello', '\u00e9\u4e2d\u{1f600}', 'a line\nand another', 'repeat '.repeat(20000)];
const OFFERS = [
  false,
  true,
  { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 },
  { serverMaxWindowBits: 9, clientMaxWindowBits: 10, threshold: 0 },
  { serverMaxWindowBits: 15, clientMaxWindowBits: 15, threshold: 0 },
];
const LONG = 200_000;
const PATIENCE_MS = 60_000;

function payload(length) {
  const out = Buffer.alloc(length);
  let state = 12345 + length;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    out[at] = state >> 16;
  }
  return out;
}

function check(isSo, what) {
  if (!isSo) throw new Error(`not so: ${what}`);
}

// Messages in the order in which they come, one for each call.
function inbox(socket) {
  const waiting = [];
  const come = [];
  socket.on('message', (data, isBinary) => {
    const message = isBinary ? data : data.toString();
    if (waiting.length > 0) waiting.shift()(message);
    else come.push(message);
  });
  return () => new Promise((resolve) => {
    if (come.length > 0) resolve(come.shift());
    else waiting.push(resolve);
  });
}

const once = (socket, event) => new Promise((resolve, reject) => {
  socket.once(event, (...values) => resolve(values));
  socket.once('error', reject);
});

async function ask(url, offer, ca) {
  const options = { perMessageDeflate: offer, ca, servername: 'localhost' };
  const socket = new WebSocket(url, ['superchat', 'chat'], options);
  const next = inbox(socket);
  await once(socket, 'open');
  check(socket.protocol === 'chat', `sub-protocol ${socket.protocol}`);
  check(socket.extensions.startsWith('permessage-deflate') === Boolean(offer), `${socket.extensions}`);
  for (const message of [...TEXTS, ...LENGTHS.map(payload)]) {
    socket.send(message);
    const echo = await next();
    const isSame = typeof message === 'string' ? echo === message : message.equals(echo);
    check(isSame, `echo of ${message.length}`);
  }
  for (const [piece, fin] of [['in ', false], ['three ', false], ['pieces', true]]) {
    socket.send(piece, { fin });
  }
  check((await next()) === 'in three pieces', 'fragments');
  const many = Array.from({ length: 500 }, (_, number) => `message ${number}`);
  for (const message of many) socket.send(message);
  for (const message of many) check((await next()) === message, 'order');
  const pong = once(socket, 'pong');
  socket.ping('are you there');
  check((await pong)[0].toString() === 'are you there', 'pong');
  const closed = once(socket, 'close');
  socket.close(4000, 'enough');
  const [code] = await closed;
  check(code === 4000, `close ${code}`);
}

async function client(url, certificate) {
  const ca = certificate ? fs.readFileSync(certificate) : undefined;
  for (const offer of OFFERS) await ask(url, offer, ca);
  console.log('agrees');
  process.exit(0);
}

async function play(socket, request) {
  const asked = request.headers['x-from'] ?? '';
  socket.send(`${request.url} ${asked} ${socket.protocol} ${socket.extensions}`);
  const pong = once(socket, 'pong');
  socket.ping('ping');
  await pong;
  socket.send('pong came');
  for (const [piece, fin] of [['in ', false], ['three ', false], ['pieces', true]]) {
    socket.send(piece, { fin });
  }
  socket.send('x'.repeat(LONG));
}

function server(certificate, key) {
  const tls = certificate && { cert: fs.readFileSync(certificate), key: fs.readFileSync(key) };
  const listening = tls ? https.createServer(tls) : http.createServer();
  const perMessageDeflate = { threshold: 0 };
  const handleProtocols = (offered) => (offered.has('chat') ? 'chat' : false);
  const sockets = new WebSocketServer({ server: listening, perMessageDeflate, handleProtocols });
  sockets.on('connection', (socket, request) => {
    // What comes meanwhile is answered behind what is played.
    let turn = play(socket, request);
    socket.on('message', (data) => {
      turn = turn.then(() => {
        if (data.toString() === 'bye') socket.close(1000, 'enough');
        else socket.send(data.toString().toUpperCase());
      }).catch((error) => { console.error(error); socket.terminate(); });
    });
  });
  listening.listen(0, '127.0.0.1', () => console.log(listening.address().port));
}

const [role, ...rest] = process.argv.slice(2);
if (role === 'client') {
  setTimeout(() => { console.error('no end'); process.exit(1); }, PATIENCE_MS * OFFERS.length);
  client(...rest).catch((error) => { console.error(error); process.exit(1); });
} else {
  server(...rest);
}

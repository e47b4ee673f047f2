// A user of the demo: logs in over /login, attaches over /msg, asks, leaves and comes back.
//
// Both are WebSockets. Over /login every line of the login protocol is one text message. Over /msg
// every payload of the message protocol is one binary message, without the length that stands before
// it on TCP (WIRE.md, login and message server).

import * as crypt from "./crypt.js";
import { desEncode } from "./des.js";

const ANSWER_TAIL_BYTES = 5;
const ID_BYTES = 4;
const FLAG_OK = 1;
const FLAG_PUSH = 2;

/** A WebSocket of this site that is read message by message. */
class Channel {
  constructor(path) {
    const secure = location.protocol === "https:";
    this.socket = new WebSocket(`${secure ? "wss" : "ws"}://${location.host}${path}`);
    this.socket.binaryType = "arraybuffer";
    this.unread = [];
    this.waiting = null;
    this.closed = new Promise((resolve) => {
      this.socket.onclose = (event) => {
        resolve(event);
        this.wake();
      };
    });
    this.opened = new Promise((resolve) => {
      this.socket.onopen = resolve;
    });
    this.socket.onmessage = (event) => {
      this.unread.push(event.data);
      this.wake();
    };
  }

  wake() {
    this.waiting?.();
    this.waiting = null;
  }

  /** Waits until messages can be sent. */
  async open() {
    await Promise.race([this.opened, this.closed]);
    if (this.socket.readyState !== WebSocket.OPEN) {
      throw new Error(`no connection to ${this.socket.url}`);
    }
    return this;
  }

  /** The next message; none once the connection has ended. */
  async receive() {
    while (this.unread.length === 0 && this.socket.readyState !== WebSocket.CLOSED) {
      await new Promise((resolve) => {
        this.waiting = resolve;
      });
    }
    return this.unread.shift();
  }

  /** The next line of a login, without its end. */
  async line() {
    const message = await this.receive();
    if (typeof message !== "string") {
      throw new Error("the server has left in the middle of a login");
    }
    return message.trimEnd();
  }

  send(message) {
    this.socket.send(message);
  }

  /** Ends the connection; done when both sides have. */
  async close() {
    this.socket.close();
    return this.closed;
  }
}

/** The message server that the page is for. */
const SERVER = document.documentElement.dataset.server;

/** Logs a user in. Fails with the server's line when that is not 200. */
export async function login(uid, password, server = SERVER) {
  const channel = await new Channel("/login").open();
  const challenge = crypt.fromBase64(await channel.line());
  const key = crypt.randomKey();
  channel.send(crypt.base64(crypt.publicValue(key)));
  const secret = crypt.sharedSecret(crypt.fromBase64(await channel.line()), key);
  const token = `${crypt.base64(uid)}@${crypt.base64(server)}:${crypt.base64(password)}`;
  channel.send(crypt.base64(crypt.hmac64(challenge, secret)));
  channel.send(crypt.base64(desEncode(secret, crypt.bytesOf(token))));
  const result = await channel.line();
  channel.close();
  if (!result.startsWith("200 ")) {
    throw new Error(result);
  }
  const subid = crypt.textOf(crypt.fromBase64(result.slice(4)));
  const username = `${crypt.base64(uid)}@${crypt.base64(server)}#${crypt.base64(subid)}`;
  return { uid, subid, username, secret, index: 0 };
}

/**
 * Attaches a user, with an index that no earlier attach had. Fails with the server's refusal. What
 * answers no request is given to `pushed`.
 */
export async function attach(user, pushed) {
  const channel = await new Channel("/msg").open();
  user.index += 1;
  const text = `${user.username}:${user.index}`;
  channel.send(crypt.bytesOf(`${text}:${crypt.base64(crypt.hmacHash(user.secret, text))}`));
  const answer = await channel.receive();
  const said = answer === undefined ? "the server has left" : crypt.textOf(new Uint8Array(answer));
  if (said !== "200 OK") {
    throw new Error(said);
  }
  return new Attachment(channel, pushed);
}

/** An attached connection. Requests may be under way side by side, each with an id of its own. */
class Attachment {
  constructor(channel, pushed) {
    this.channel = channel;
    this.pushed = pushed;
    this.asked = new Map();
    this.lost = channel.closed;
    this.read();
  }

  async read() {
    for (;;) {
      const message = await this.channel.receive();
      if (message === undefined) {
        break;
      }
      const view = new DataView(message);
      const end = view.byteLength - ANSWER_TAIL_BYTES;
      const [flag, id] = [view.getUint8(end), view.getUint32(end + 1)];
      const content = crypt.textOf(new Uint8Array(message, 0, end));
      if (flag === FLAG_PUSH) {
        this.pushed(content);
      } else {
        this.asked.get(id)?.resolve({ ok: flag === FLAG_OK, content });
        this.asked.delete(id);
      }
    }
    for (const { reject } of this.asked.values()) {
      reject(new Error("the connection is gone, and with it the answer"));
    }
  }

  /** Sends a request; its answer, as soon as that comes. */
  request(id, content) {
    const bytes = crypt.bytesOf(content);
    const message = new Uint8Array(bytes.length + ID_BYTES);
    message.set(bytes);
    new DataView(message.buffer).setUint32(bytes.length, id);
    return new Promise((resolve, reject) => {
      this.asked.set(id, { resolve, reject });
      this.channel.send(message);
    });
  }

  /** Leaves, whatever is under way. The user stays logged in. */
  drop() {
    return this.channel.close();
  }
}

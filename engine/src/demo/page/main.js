// The page's buttons, and the story that they can tell by themselves.
//
// What was sent under an id is remembered, so that an answer to other content is seen to be a replay:
// the demo echoes, and an echo of what was not sent just now can only be an old one.
// With `?auto=1` the whole story plays at once, and its outcome stands in #result as JSON.

import * as session from "./session.js";

const element = (name) => document.getElementById(name);

let user = null;
let attachment = null;
/** Ids of this login, with the content that was played last. */
let played = new Map();
const counts = { attaches: 0, answers: 0, replayed: 0 };

function show(state) {
  element("state").value = state;
  element("attach").disabled = user === null || attachment !== null;
  for (const name of ["send", "send-and-drop", "drop"]) {
    element(name).disabled = attachment === null;
  }
}

function addRow(id, content) {
  const row = element("log").insertRow(0);
  for (const text of [user.index, id, content, "…", ""]) {
    row.insertCell().textContent = text;
  }
  return (answer, note) => {
    [row.cells[3].textContent, row.cells[4].textContent] = [answer, note];
    row.className = note;
  };
}

async function login(uid, password) {
  await drop();
  user = await session.login(uid, password);
  played = new Map();
  show(`logged in as ${user.uid}, login ${user.subid}`);
}

async function attach() {
  const attached = await session.attach(user, (content) => addRow("", "")(content, "pushed"));
  attachment = attached;
  counts.attaches += 1;
  show(`attached, index ${user.index}`);
  attached.lost.then(() => {
    if (attachment === attached) {
      attachment = null;
      show("the connection is lost; the user is still logged in");
    }
  });
}

async function drop() {
  const attached = attachment;
  if (attached !== null) {
    attachment = null;
    await attached.drop();
    show("dropped; the user is still logged in");
  }
}

/** Sends, and says whether the answer was there before. */
async function send(id, content) {
  const settle = addRow(id, content);
  const before = played.get(id) ?? content;
  played.set(id, before);
  try {
    const answer = await attachment.request(id, content);
    const isReplay = answer.content !== content && answer.content === before;
    played.set(id, answer.content);
    settle(answer.content, answer.ok ? (isReplay ? "replayed" : "played") : "failed");
    counts.answers += 1;
    counts.replayed += isReplay ? 1 : 0;
    return { ...answer, isReplay };
  } catch (error) {
    settle("", "lost");
    throw error;
  }
}

function expect(what, isSo) {
  if (!isSo) {
    throw new Error(`${what}: not so`);
  }
}

/** Log in, play, lose an answer, come back for it, play on. */
async function story() {
  await login(element("user").value, element("password").value);
  await attach();
  for (const id of [1, 2, 3]) {
    const answer = await send(id, `move ${id}`);
    expect(`request ${id} is answered`, answer.ok && answer.content === `move ${id}`);
  }
  await drop();
  await attach();
  const again = await send(3, "what was it?");
  expect("an answer that was seen comes again", again.isReplay && again.content === "move 3");
  const lost = send(4, "move 4").then(
    () => false,
    () => true,
  );
  await drop();
  expect("an answer is lost with its connection", await lost);
  await attach();
  const late = await send(4, "has it been played?");
  expect("an answer that was lost comes after all", late.isReplay && late.content === "move 4");
  const last = await send(5, "move 5");
  expect("the game goes on", last.content === "move 5" && !last.isReplay);
}

async function tell() {
  Object.assign(counts, { attaches: 0, answers: 0, replayed: 0 });
  const outcome = { ok: true, over: location.protocol === "https:" ? "wss" : "ws" };
  try {
    await story();
  } catch (error) {
    Object.assign(outcome, { ok: false, error: String(error.message ?? error) });
  }
  const result = element("result");
  result.textContent = JSON.stringify({ ...outcome, ...counts });
  result.hidden = false;
}

/** Has a button or a form do something, and shows why it failed if it did. */
function on(name, event, action) {
  element(name).addEventListener(event, async (happened) => {
    happened.preventDefault();
    try {
      await action();
    } catch (error) {
      show(`${error.message ?? error}`);
    }
  });
}

const sent = () => send(Number(element("id").value), element("content").value);

on("login-form", "submit", () => login(element("user").value, element("password").value));
on("send-form", "submit", sent);
on("send-and-drop", "click", async () => {
  sent().catch(() => {});
  await drop();
});
on("attach", "click", attach);
on("drop", "click", drop);
on("story", "click", tell);

if (new URLSearchParams(location.search).has("auto")) {
  tell();
}

// Every state of messages, reading and pictures in the chat's page, and how a page gets there: to be looked at
// (`measure/pictures.mjs`) and to be judged by axe (`chat-states.e2e.test.mjs`).
import { Chat, Person } from "./chat.mjs";
import { gif } from "./gif.mjs";
import { png } from "./png.mjs";
import { until } from "./waiting.mjs";

const TEXTS = {
  ko: {
    room: "디자인 이야기", long: "긴 글", asked: "내일 발표 자료 다 됐나요?", answered: "네, 방금 올렸어요!", mention: "이것 좀 봐 주세요", everyone: "내일 오후 3시에 모입니다",
    edited: "회의는 3층에서 해요", before: "회의는 2층에서 해요", gone: "잘못 보낸 메시지", said: "그때 말한", walk: "산책길에서 찍은 사진이에요", unread: "아직 읽지 않은", folded: "길게 적어 보겠습니다. 줄이 많아지면 접힙니다.",
    markdown: "# 오늘 할 일\n1. **로고** 크기 맞추기\n2. _여백_ 다시 보기\n   - 휴대전화\n   - 컴퓨터\n\n> 보기 좋은 것이 쓰기도 좋다.\n\n`npm run build` 다음에 ~~배포~~ 확인. [자세히](https://example.com/notes)",
  },
  en: {
    room: "About the design", long: "A long story", asked: "Are the slides for tomorrow ready?", answered: "Yes, just uploaded!", mention: "have a look at this, please", everyone: "we meet tomorrow at three",
    edited: "The meeting is on the third floor", before: "The meeting is on the second floor", gone: "Sent to the wrong room", said: "What was said then", walk: "Pictures of our walk", unread: "Not read yet", folded: "This is a long text, and texts of many lines are folded.",
    markdown: "# To do today\n1. Fit the **logo**\n2. Look at the _margins_ again\n   - phone\n   - desktop\n\n> What looks good works well.\n\n`npm run build`, then check the ~~deployment~~. [More](https://example.com/notes)",
  },
};
const CODE = "```rust\nfn main() {\n    let words = [\"one\", \"two\"];\n    println!(\"{}\", words.join(\", \")); // as wide as it is, and then some more of it, so that it has to be scrolled\n}\n```";

/** What the states need, said by `people` (of whom the first is whoever looks) and by nobody else. */
export async function prepare(chat, people, language) {
  const texts = TEXTS[language];
  const [me, other, third] = people;
  let keys = 0;
  const say = (who, room, text, rest = {}) => who.line.ask("say", { room: room.id, text, key: `state${(keys += 1)}`, ...rest });
  const send = async (who, room, file) => {
    const response = await fetch(`${chat.url}/api/rooms/${room.id}/pictures`, {
      method: "POST", headers: { cookie: who.cookie, "content-type": "application/octet-stream" }, body: file,
    });
    if (!response.ok) throw new Error(`a picture: ${response.status} ${await response.text()}`);
    return (await response.json()).id;
  };
  const room = await chat.makeRoom(texts.room);
  for (const one of people) await one.line.ask("open", { room: room.id });
  const asked = await say(other, room, texts.asked);
  const answered = await say(me, room, texts.answered, { reply_to: asked.id });
  await say(third, room, texts.markdown);
  await say(other, room, CODE);
  await say(third, room, "🎉🥳");
  const edited = await say(me, room, texts.before);
  await me.line.ask("edit", { room: room.id, message: edited.id, text: texts.edited });
  const gone = await say(other, room, texts.gone);
  await other.line.ask("delete_message", { room: room.id, message: gone.id });
  for (const [who, emoji] of [[me, "👍"], [other, "👍"], [third, "👍"], [other, "❤️"], [third, "😂"]]) {
    await who.line.ask("react", { room: room.id, message: answered.id, emoji, is_on: true });
  }
  await say(other, room, `@${me.person.name} ${texts.mention}`, { mentions: [me.person.id] });
  await say(third, room, `@everyone ${texts.everyone}`);
  await say(me, room, `@${other.person.name} 👌`, { mentions: [other.person.id] });

  const album = await chat.makeRoom(texts.walk);
  for (const one of people) await one.line.ask("open", { room: album.id });
  const colours = [[70, 130, 90], [190, 120, 60], [70, 90, 160], [160, 80, 120]];
  await say(other, album, texts.walk, { pictures: [await send(other, album, png(640, 400, colours[0]))] });
  await say(third, album, "", { pictures: await Promise.all(colours.map((colour) => send(third, album, png(320, 320, colour)))) });
  await say(me, album, "", { pictures: [await send(me, album, gif(96, [colours[1], colours[2]], 40))] });

  const folded = await chat.makeRoom(texts.long);
  await me.line.ask("open", { room: folded.id });
  await say(me, folded, Array.from({ length: 40 }, (_, n) => `${n + 1}. ${texts.folded}`).join("\n"));

  const history = await chat.makeRoom(`${texts.long} 2`);
  for (const one of people) await one.line.ask("open", { room: history.id });
  const old = [];
  for (let n = 1; n <= 60; n += 1) old.push(await say(other, history, `${texts.said} ${n}`));
  return { texts, say, room, album, folded, history, old, me, other, third };
}

/** Every state: how a page gets there. */
export function messageStates(chat, { texts, say, room, album, folded, history, old, me, other, third }) {
  const enter = async (page, where = room) => {
    await page.goto(chat.room(where.id));
    await page.locator("#message").waitFor();
    await page.locator("#messages article").first().waitFor();
  };
  const bubble = (page, text) => page.locator("article.message", { hasText: text }).last();
  /** By keys, which are the same at every device. */
  const on = async (page, text, key) => {
    await bubble(page, text).scrollIntoViewIfNeeded();
    await bubble(page, text).focus();
    await page.keyboard.press(key);
  };
  const dialog = (page) => page.locator("dialog[open]").waitFor();
  const isPhone = (page) => page.evaluate(() => matchMedia("(pointer: coarse)").matches);
  const pictureOf = (name, buffer = png(200, 200, [90, 120, 180]), mimeType = "image/png") => ({ name, mimeType, buffer });
  const choose = (page, ...files) => page.locator("input[type=file]").setInputFiles(files);
  const UPLOADS = /\/api\/rooms\/[^/]+\/pictures$/;
  const giveUp = async (page) => {
    await page.unrouteAll({ behavior: "ignoreErrors" });
    for (let left = await page.locator(".tray .cancel").count(); left > 0; left -= 1) await page.locator(".tray .cancel").first().click();
  };
  const up = (page) => page.locator("#messages").evaluate((log) => log.scrollBy(0, -900));
  const unread = async (page, count) => {
    await page.goto(chat.url);
    for (let n = 1; n <= count; n += 1) await say(other, history, `${texts.unread} ${n}`);
    await say(third, history, `@${me.person.name} ${texts.mention}`, { mentions: [me.person.id] });
    await page.locator(`#rooms a[href="/room/${history.id}"]`).getByText(/^@\d*$/).waitFor();
  };
  return {
    "messages": { go: (page) => enter(page) },
    "messages-above": { go: async (page) => {
      await enter(page);
      await page.locator("#messages").evaluate((log) => log.scrollTo(0, 0));
      await bubble(page, texts.answered).locator(".reactions").waitFor();
    } },
    "messages-reply": { go: async (page) => {
      await enter(page);
      await on(page, texts.mention, "r");
      await page.locator(".about").waitFor();
    } },
    "messages-edit": { go: async (page) => {
      await enter(page);
      await on(page, texts.edited, "e");
      await page.locator(".about.edit").waitFor();
    }, after: (page) => page.locator("#message").press("Escape") },
    "messages-edits": { go: async (page) => {
      await enter(page);
      await bubble(page, texts.edited).locator("button", { hasText: /edited|수정됨/ }).click();
      await page.locator("dialog[open]").getByText(texts.before).waitFor();
    } },
    "messages-delete": { go: async (page) => {
      await enter(page);
      await on(page, texts.edited, "Delete");
      await dialog(page);
    } },
    "messages-reactors": { go: async (page) => {
      await enter(page);
      await bubble(page, texts.answered).locator(".reactions button").first().click({ button: "right" });
      await page.locator("dialog[open] [data-person]").first().waitFor();
    } },
    "messages-readers": { go: async (page) => {
      await enter(page);
      await page.locator("article button.unread").last().click();
      await page.locator("dialog[open] [data-person]").first().waitFor();
    } },
    "messages-hover": { go: async (page) => {
      await enter(page);
      await bubble(page, texts.mention).locator(".text").first().hover();
      if (!(await isPhone(page))) await bubble(page, texts.mention).locator(".tools").waitFor();
    } },
    "messages-menu": { go: async (page) => {
      await enter(page);
      if (await isPhone(page)) await longPress(page, bubble(page, texts.edited));
      else await on(page, texts.edited, "Enter");
      await page.getByRole("menu").waitFor();
    } },
    "messages-emoji": { go: async (page) => {
      await enter(page);
      await on(page, texts.mention, "+");
      await page.locator(".picker").waitFor();
    } },
    "messages-mentions": { go: async (page) => {
      await enter(page);
      await page.locator("#message").pressSequentially("@");
      await page.getByRole("option").nth(1).waitFor();
    }, after: (page) => page.locator("#message").fill("") },
    "messages-folded": { go: (page) => enter(page, folded) },
    "messages-target": { go: async (page) => {
      await page.goto(`${chat.room(history.id)}/${old[20].id}`);
      await page.locator(".line.marked").waitFor();
    } },
    "messages-full-disk": { who: "disk", go: async (page, disk) => {
      await page.goto(disk.room("lobby"));
      await page.locator("#message").waitFor();
      await new Person(page).say(texts.answered);
      await page.locator("[data-state=failed]").waitFor();
    } },
    "reading-badges": { go: (page) => unread(page, 3) },
    "reading-first-unread": { go: async (page) => {
      await unread(page, 40);
      await page.locator(`#rooms a[href="/room/${history.id}"]`).click();
      await page.locator('[data-line="unread"]').waitFor();
    } },
    "reading-news": { go: async (page) => {
      await enter(page, history);
      await page.locator("#messages").evaluate((log) => log.scrollTo(0, log.scrollHeight));
      await up(page);
      await page.locator("button.down").waitFor();
      await say(other, history, texts.unread);
      await page.locator("button.down.news").waitFor();
    } },
    "reading-gap": { go: async (page) => {
      await enter(page, folded);
      await page.context().setOffline(true);
      await page.locator("#reconnecting").waitFor();
      for (let n = 1; n <= 330; n += 1) await say(me, folded, `${texts.said} (${n})`);
      await page.context().setOffline(false);
      await page.locator("#messages").getByText(`${texts.said} (330)`).waitFor();
      await until("the gap", async () => {
        await page.locator("#messages").evaluate((log) => log.scrollBy(0, -300));
        await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
        return page.locator("button.gap").first().isVisible();
      });
      await page.locator("button.gap").first().scrollIntoViewIfNeeded();
    }, after: (page) => page.context().setOffline(false) },
    "pictures": { go: async (page) => {
      await enter(page, album);
      await until("the pictures", () => page.locator("article .place img").evaluateAll((all) => all.length > 0 && all.every(({ naturalWidth }) => naturalWidth > 0)));
    } },
    "pictures-viewer": { go: async (page) => {
      await enter(page, album);
      await page.locator("article .place > button").nth(1).click();
      await until("the whole picture", () => page.locator("dialog[open] img").evaluate(({ naturalWidth }) => naturalWidth > 0));
    } },
    "pictures-tray": { go: async (page) => {
      await enter(page, album);
      await choose(page, pictureOf("done.png"));
      await page.locator(".tray [data-state=done]").waitFor();
      await page.route(UPLOADS, (route) => void (route.request().postDataBuffer()?.length === 9 ? route.abort() : undefined));
      await choose(page, pictureOf("big.gif", Buffer.alloc(21 * 1024 * 1024), "image/gif"), pictureOf("fails.webp", Buffer.from("no webp!!"), "image/webp"), pictureOf("under way.png"));
      await page.locator(".tray [data-state=failed]").nth(1).waitFor();
      await page.locator(".tray [data-state=sending]").waitFor();
    }, after: giveUp },
    "pictures-preparing": { go: async (page) => {
      await enter(page, album);
      // The thread that draws it never comes.
      await page.route(/shrinking-worker/, () => {});
      await choose(page, pictureOf("photo.png", png(9_000, 6_000, [120, 150, 90])));
      await page.locator(".tray [data-state=preparing]").waitFor();
    }, after: giveUp },
    "pictures-sending": { go: async (page) => {
      await enter(page, album);
      await page.route(UPLOADS, () => {});
      await choose(page, pictureOf("one.png"), pictureOf("two.png"));
      await page.locator("#message").fill(texts.walk);
      await page.locator("#send").click();
      await page.locator("article progress").first().waitFor();
    }, after: async (page) => {
      for (let left = await page.locator("article .cover .cancel").count(); left > 0; left -= 1) await page.locator("article .cover .cancel").first().click();
      await page.unrouteAll({ behavior: "ignoreErrors" });
    } },
    "pictures-dragged": { go: async (page) => {
      await enter(page, album);
      await page.locator("input[type=file]").waitFor({ state: "attached" });
      await page.evaluate(() => {
        const data = new DataTransfer();
        data.items.add(new File(["x"], "a.png", { type: "image/png" }));
        for (const type of ["dragenter", "dragover"]) document.querySelector("#messages").dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
      });
      await page.locator(".target").waitFor();
    } },
  };
}

/** A server whose disk is nearly full, as it thinks; `owner` is its first account. */
export async function fullDisk(name) {
  const chat = await Chat.start();
  await chat.setUp(name);
  await chat.ownerLine.ask("open", { room: "lobby" });
  await chat.interrupt();
  chat.args.push("--free-space-min", "1000000000");
  await chat.resume();
  return chat;
}

/** Rests a finger on a message until its sheet is there. */
async function longPress(page, message) {
  const at = await message.locator(".text").first().boundingBox();
  const client = await page.context().newCDPSession(page);
  await client.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [{ x: at.x + 8, y: at.y + at.height / 2 }] });
  await page.getByRole("menu").waitFor();
  await client.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await client.detach();
}

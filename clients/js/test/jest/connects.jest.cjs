// Run by jest.test.mjs in Jest's jsdom, which has neither `fetch` nor `TextEncoder`.

const server = process.env.URL;

test("the platform lacks what this is about", () => {
  expect([typeof fetch, typeof TextEncoder, typeof structuredClone, typeof document]).toEqual([
    "undefined",
    "undefined",
    "undefined",
    "object",
  ]);
});

for (const [name, transports] of [
  ["polling", ["polling"]],
  ["WebSocket", ["websocket"]],
  ["polling, then WebSocket", ["polling", "websocket"]],
]) {
  test(`connects by ${name}`, async () => {
    const { io } = require("sockeye-client");
    const socket = io(server, { transports, forceNew: true });
    await new Promise((resolve, reject) => socket.on("connect", resolve).on("connect_error", reject));
    expect(await socket.emitWithAck("echo", "안녕 👋")).toBe("안녕 👋");
    const back = await socket.emitWithAck("echo", { bytes: Uint8Array.of(0, 200, 255), file: new Blob(["file"]) });
    expect([...new Uint8Array(back.bytes)]).toEqual([0, 200, 255]);
    expect(String.fromCharCode(...new Uint8Array(back.file))).toBe("file");
    while (transports[1] && (await socket.emitWithAck("transport")) !== "websocket");
    const closed = new Promise((resolve) => socket.on("disconnect", resolve));
    socket.disconnect();
    expect(await closed).toBe("io client disconnect");
  });
}

test("polling says that there is no server", async () => {
  const { io } = require("sockeye-client");
  jest.spyOn(console, "error").mockImplementation(() => {});
  const socket = io("http://127.0.0.1:1", { transports: ["polling"], forceNew: true, reconnection: false });
  const error = await new Promise((resolve) => socket.on("connect_error", resolve));
  expect(error.message).toBe("xhr poll error");
});

test("packs and unpacks MessagePack", () => {
  const { Encoder, Decoder } = require("sockeye-client/msgpack");
  const data = ["event", "한 👋 \u00e9", { n: 1, bytes: Uint8Array.of(1, 2) }];
  const [bytes] = new Encoder().encode({ type: 2, nsp: "/", data });
  const decoder = new Decoder();
  let packet;
  decoder.on("decoded", (one) => (packet = one));
  decoder.add(bytes);
  expect(packet.data.slice(0, 2)).toEqual(data.slice(0, 2));
  expect([...new Uint8Array(packet.data[2].bytes)]).toEqual([1, 2]);
});

test("has an outbox", async () => {
  const { io } = require("sockeye-client");
  const { outbox } = require("sockeye-client/outbox");
  const socket = io(server, { transports: ["polling"], forceNew: true });
  const box = outbox(socket);
  expect(await box.emit("echo", "kept")).toBe("kept");
  expect(box.isDurable).toBe(false);
  box.close();
  socket.disconnect();
});

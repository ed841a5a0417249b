// What `docs/reliable.md` asks of a server, for npm's socket.io: answers are remembered by the
// number of the event, so that one that comes again is not handled again.

/** Makes the namespaces of `io` take part. Handlers answer by calling the last argument. */
export function makeReliable(namespace, { window = 1000, age = 600 } = {}) {
  const outboxes = new Map();

  namespace.use((socket, next) => {
    const { v, id } = socket.handshake.auth._outbox ?? {};
    if (v === 1 && /^[\w-]{20,64}$/.test(id)) takePart(socket, id);
    next();
  });

  function takePart(socket, id) {
    const outbox = outboxes.get(id) ?? { last: 0, answers: new Map(), forgotten: 0 };
    outboxes.set(id, outbox);
    const send = socket.packet;
    socket.packet = (packet, options) => {
      const CONNECT = 0;
      const terms = { v: 1, window, age, last: outbox.last };
      const data = packet.type === CONNECT ? { ...packet.data, _outbox: terms } : packet.data;
      return send.call(socket, { ...packet, data }, options);
    };
    socket.use((event, next) => {
      const ack = typeof event.at(-1) === "function" && event.pop();
      const [number, lowest] = event.at(-1)?._outbox ?? [];
      if (number) event.pop();
      if (!ack || !number) return ack ? next(event.push(ack)) : next();
      for (const known of outbox.answers.keys()) {
        if (known < lowest) outbox.answers.delete(known);
      }
      outbox.forgotten = Math.max(outbox.forgotten, lowest - 1);
      const known = outbox.answers.get(number);
      if (known) return known.then((answer) => ack(...answer));
      if (number <= outbox.forgotten) return ack({ error: { code: "forgotten", message: "" } });
      outbox.last = Math.max(outbox.last, number);
      const answered = new Promise((resolve) => event.push((...answer) => resolve(answer)));
      outbox.answers.set(number, answered);
      if (outbox.answers.size > window) {
        const first = Math.min(...outbox.answers.keys());
        outbox.answers.delete(first);
        outbox.forgotten = Math.max(outbox.forgotten, first);
      }
      answered.then((answer) => ack(...answer));
      // socket.io calls no handler when the socket has gone in between.
      process.nextTick(() => socket.connected || outbox.answers.delete(number));
      next();
    });
  }
}

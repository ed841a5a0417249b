// What the network tab of Chromium shows about a page, from the DevTools protocol.

/** Every request, WebSocket and frame of a page from now on. */
export class NetworkLog {
  /** In the order they began: `{ url, status, finished }`; a WebSocket has `webSocket: true`. */
  requests = [];
  /** Each frame: `{ sent, data }`. */
  frames = [];

  static async of(page) {
    const log = new NetworkLog();
    const session = await page.context().newCDPSession(page);
    const byId = new Map();
    const begin = (id, entry) => {
      byId.set(id, entry);
      log.requests.push(entry);
    };
    const answer = (id, status) => {
      if (byId.has(id)) byId.get(id).status = status;
    };
    const finish = (id) => {
      if (byId.has(id)) byId.get(id).finished = true;
    };
    session.on("Network.requestWillBeSent", ({ requestId, request }) => {
      begin(requestId, { url: new URL(request.url), method: request.method, status: null, finished: false });
    });
    session.on("Network.responseReceived", ({ requestId, response }) => answer(requestId, response.status));
    session.on("Network.loadingFinished", ({ requestId }) => finish(requestId));
    session.on("Network.loadingFailed", ({ requestId }) => finish(requestId));
    session.on("Network.webSocketCreated", ({ requestId, url }) => {
      begin(requestId, { url: new URL(url), webSocket: true, status: null, finished: false });
    });
    session.on("Network.webSocketHandshakeResponseReceived", ({ requestId, response }) => {
      answer(requestId, response.status);
    });
    session.on("Network.webSocketClosed", ({ requestId }) => finish(requestId));
    const frame = (sent) => ({ response }) => log.frames.push({ sent, data: response.payloadData });
    session.on("Network.webSocketFrameSent", frame(true));
    session.on("Network.webSocketFrameReceived", frame(false));
    await session.send("Network.enable");
    return log;
  }

  /** Requests of long polling. */
  get polling() {
    return this.requests.filter(({ url }) => url.searchParams.get("transport") === "polling");
  }

  get webSockets() {
    return this.requests.filter(({ webSocket }) => webSocket);
  }

  /** How much there is, to see later that nothing was added. */
  get size() {
    return { requests: this.requests.length, frames: this.frames.length };
  }
}

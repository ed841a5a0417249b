/* sockeye-client 0.1.0, MIT OR Apache-2.0 */

// src/answer.ts
var RemoteError = class extends Error {
  constructor({ code, message, data }) {
    super(message);
    this.name = "RemoteError";
    this.code = code;
    this.data = data;
  }
  /** Also true of those that another copy of the library has made, as in `sockeye-client/outbox`. */
  static [Symbol.hasInstance](error) {
    return error?.name === "RemoteError";
  }
};
function isErrorAnswer(answer) {
  const error = answer?.error;
  return typeof error?.code === "string" && typeof error.message === "string" && Object.keys(answer).length === 1;
}
var remoteErrorOf = ([answer, ...more]) => more.length || !isErrorAnswer(answer) ? void 0 : new RemoteError(answer.error);

// src/request.ts
var REQUEST_MS = 1e4;
function request(socket, ...args) {
  return new Promise((resolve, reject) => {
    const { flags, _opts } = socket;
    const answered = (error, ...answer) => {
      error = error || remoteErrorOf(answer);
      error ? reject(error) : resolve(answer[0]);
    };
    try {
      socket.timeout(flags.timeout ?? _opts.ackTimeout ?? REQUEST_MS).emit(...args, answered);
    } finally {
      if (socket.flags === flags) socket.flags = {};
    }
  });
}
export {
  RemoteError,
  isErrorAnswer,
  request
};
//# sourceMappingURL=request.mjs.map

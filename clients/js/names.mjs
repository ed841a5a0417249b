// What the build does with names, and what terser may do.

/** The library's own properties: the minified files have short names for these, and for no others. */
export const INTERNAL = /^_/;

/** But these stay, since outside code knows them, or they are sent; … */
export const KEPT = "_placeholder _close _callbacks _opts _reconnecting _readyState".split(" ");

/** …and these, which only some tools know, in the files with everything. */
export const KEPT_WITH_EVERYTHING = [
  ..."_anyListeners _anyOutgoingListeners _destroy _filterUpgrades _hasPingExpired _lastOffset _maxPayload".split(" "),
  ..."_onClose _onError _onPacket _open _packet _pid _pingInterval _pingTimeout _pingTimeoutTime".split(" "),
  ..."_polling _prevBufferLen _queue _sendPacket _transportsByName _upgrades".split(" "),
];

/**
 * Tools know these by socket.io-client's names, which begin with no underscore. So wherever they are not
 * shortened, the built files have those: `ack` for `_ack`.
 */
export const WITHOUT_UNDERSCORE = [
  ..."_ack _createTransport _emitBuffered _emitReserved _flush _fromQueue _ids _maybeReconnectOnOpen".split(" "),
  ..."_onack _onconnect _ondisconnect _setTransport _subEvents _withError".split(" "),
];

/** Options of terser's compression. */
export const COMPRESS = { ecma: 2020, passes: 3, pure_getters: true };

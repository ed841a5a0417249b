/** What reading and the way through a conversation say, in English. */
export const english = {
  unreadLine: "New",
  gapLoad: "Show the messages that are missing here",
  gapFailed: "The missing messages could not be loaded. Try again",
  olderFailed: "Older messages could not be loaded.",
  newerFailed: "Newer messages could not be loaded.",
  loadingMessages: "Loading messages…",
  unreadCount: "{count} unread messages",
  unreadOne: "1 unread message",
  mentionsCount: "{count} of them mention you",
  mentionsOne: "One of them mentions you",
  aPicture: "Picture",
  somePictures: "{count} pictures",
  messageGone: "This message is not there any more. You see what was said around it.",
  linkCopied: "The link to the message is copied",
  linkNotCopied: "The link could not be copied. It is {link}",
  markedUnread: "Unread from this message on",
};

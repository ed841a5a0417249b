import type { MessageActions } from "../../messages/actions.ts";

const nothing = () => {};

/** What does nothing with messages. */
export const actions: MessageActions = {
  self: "me",
  retry: nothing,
  discard: nothing,
  reply: nothing,
  edit: nothing,
  remove: nothing,
  react: nothing,
  reactors: nothing,
  readers: nothing,
  edits: nothing,
  markUnread: nothing,
  copyLink: nothing,
  jump: nothing,
  picture: nothing,
  may: ({ isOwn }) => ({ reply: true, edit: isOwn, remove: isOwn, react: true }),
};

import type { MessageActions } from "../../messages/actions.ts";

/** For places where nothing is done with messages. */
export const noActions: MessageActions = {
  self: "me",
  may: ({ isOwn }) => ({ reply: true, edit: isOwn, remove: isOwn, react: true }),
  retry() {},
  discard() {},
  reply() {},
  edit() {},
  remove() {},
  react() {},
  reactors() {},
  readers() {},
  edits() {},
  markUnread() {},
  copyLink() {},
  jump() {},
  picture() {},
};

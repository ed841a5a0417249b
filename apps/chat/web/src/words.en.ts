/** What the page as a whole says, in English. `{name}` is replaced by the value of that name. */
export const english = {
  loading: "Loading…",
  notLoaded: "This part of the page could not be loaded.",
  reload: "Load the page again",
  tryAgain: "Try again",
  save: "Save",
  settings: "Settings",
  administration: "Administration",
  lab: "The lab: see how messages travel",
  missingTitle: "There is nothing here",
  missingText: "This address leads nowhere. Perhaps the room is in the list?",
};

/** Who came and went, in English. */
export const english = {
  joined: "{name} has joined",
  joinedTwo: "{name} and {other} have joined",
  joinedMany: "{name} and {count} others have joined",
  left: "{name} has left",
  leftTwo: "{name} and {other} have left",
  leftMany: "{name} and {count} others have left",
  visited: "{name} was here",
  visitedTwo: "{name} and {other} were here",
  visitedMany: "{name} and {count} others were here",
};

/** Gets the name of an event and its arguments. */
export type AnyListener = (event: string, ...args: any[]) => void;
/** Calls all of them. What one throws is reported, and does not keep the event from the others. */
export declare function callAll(listeners: AnyListener[], socket: object, args: unknown[]): void;
/** The others, if there is one to leave out: a new list, since the old one may be in use. */
export declare function without(listeners: AnyListener[], listener?: AnyListener): AnyListener[];

/** How long a page goes without asking who it is, milliseconds: the server lets a session last on when so much of it is gone. */
export const RENEWAL_AGE = 24 * 3_600 * 1_000;
/** How often the page looks whether it is time, milliseconds: clocks of timers stand still while the machine sleeps. */
const LOOK_INTERVAL = 3_600 * 1_000;

/** Keeps the session of a page that stays open for weeks: nothing but a request over HTTP can set a cookie. */
export class Renewal {
  private askedAt = Date.now();
  private isAsking = false;
  private readonly timer = setInterval(() => void this.look(), LOOK_INTERVAL);

  constructor(private readonly ask: () => Promise<unknown>) {}

  /** Asks if a day is gone. What fails is asked again at the next look. */
  async look(): Promise<void> {
    if (this.isAsking || Date.now() - this.askedAt < RENEWAL_AGE) return;
    this.isAsking = true;
    try {
      await this.ask();
      this.askedAt = Date.now();
    } catch {
      // Without a connection, as after a night: it comes back.
    }
    this.isAsking = false;
  }

  close(): void {
    clearInterval(this.timer);
  }
}

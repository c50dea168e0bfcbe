// Who did something, and why, as events and batches say it.

/** Who asks for a change, and the reason that was given; both stand in the events that come of it. */
export interface Origin {
  /** One of `isActor`. */
  readonly actor: string;
  readonly reason: string | null;
}

/** Without a token, where none is needed. */
export const anonymous = "anonymous";
/** A client that publishes by itself. */
export const byNats = "nats";
/** What Baton decides by itself. One id for each start of a process. */
export const workerActor = (id: number): string => `worker:${id}`;

/** What the times of a schedule bring about. */
export const scheduleActor = (name: string): string => `schedule:${name}`;

/** What a token allows, from little to all. */
export const roles = ["read", "submit", "operate"] as const;
export type Role = (typeof roles)[number];

export const mayOperate = ({ role }: { readonly role: Role }): boolean => role === "operate";

/** The longest reason that a command takes, in code points. */
export const reasonCharsMax = 1_000;

/** An empty reason is none. */
export const reasonIn = (text: string | null | undefined): { readonly reason?: string } =>
  text === undefined || text === null || text.trim() === "" ? {} : { reason: text };

/** A text as this program writes it for an actor: `token` is AUTH_TOKEN, `handle` a signed one. */
export const isActor = (text: unknown): text is string =>
  typeof text === "string" &&
  /^(token(:[\w.-]{1,64})?|handle|nats|anonymous|worker:\d{1,10}|schedule:[a-z\d_-]{1,100}|bulk:[\da-f-]{36})$/.test(
    text,
  );

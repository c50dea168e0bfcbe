// Where a listing goes on: the row after which the next page begins, as an opaque text that names its listing. Pure.

export interface Cursor {
  /** What the listing is ordered by first: a time to the microsecond as Postgres writes it, a number, or a text. */
  readonly at: string;
  readonly id: string;
}

const time = { at: /\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?\+00/, example: "2030-01-31 12:00:00+00" };
const number = { at: /\d{1,10}/, example: "999" };

/** What each is ordered by first. */
const listings = {
  task: time,
  batches: time,
  "webhook-deliveries": time,
  bulk: time,
  "dead-letters": time,
  dag: number,
  workers: number,
  receivers: { at: /[!-~]{0,2048}/, example: "https://service.example.com" },
  schedules: { at: /[a-z\d_-]{1,100}/, example: "nightly" },
  limits: { at: /[A-Z][a-z]{1,20} \d{1,16}/, example: "Concurrency 5" },
} as const;
export type Listing = keyof typeof listings;

/** What may stand in a cursor of this listing. */
export const exampleAt = (listing: Listing): string => listings[listing].example;

export const writeCursor = (listing: Listing, { at, id }: Cursor): string =>
  Buffer.from(`${listing} ${id} ${at}`).toString("base64url");

/** Undefined for what is no cursor of this listing. */
export function readCursor(listing: Listing, text: string): Cursor | undefined {
  const [, name, id, at] = pattern.exec(Buffer.from(text, "base64url").toString()) ?? [];
  if (name !== listing || id === undefined || at === undefined) return undefined;
  return new RegExp(`^(?:${listings[listing].at.source})$`).test(at) ? { at, id } : undefined;
}

const pattern = /^([a-z-]+) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) (.*)$/;

// The stream of events, as Server-Sent Events. Needs only Postgres, and stays open while that is away.
import type { FastifyInstance } from "fastify";
import { limits } from "#config";
import { Invalid, TooMany, Unavailable } from "#domain/errors";
import { Stream } from "#http/events/stream";
import { Tail } from "#http/events/tail";
import * as query from "#http/query";
import type { Deps, RouteDoc } from "#http/route";
import { endOfLog, resumeAfter, settled } from "#store/events";

const filters = {
  batch_id: query.uuid("Events of this batch only."),
  last_event_id: query.integer(
    0,
    Number.MAX_SAFE_INTEGER,
    "The same as the header Last-Event-ID, which wins, for clients that cannot set it; 0: from the beginning.",
  ),
};
const lastEventId = "Last-Event-ID";

const docs = {
  stream: {
    tag: "tasks",
    summary: "Follow the transitions of all tasks, or of one batch",
    description: [
      "Each event is `id: <id>` and `data: <the event as GET /task/{id}/events lists it>`, in the order of ids. With the header `Last-Event-ID` (or the parameter) the stream goes on after that event, without a gap and without a repetition, at any API process; without it, it starts now and says where in its first line.",
      `A comment comes every ${limits.eventBeatMs / 1000} s. A client that reads too slowly is dropped and may resume. Where retention has dropped events after the one that was named, \`event: gap\` with \`data: {"dropped_to": <id>}\` comes first.`,
    ].join("\n\n"),
    query: filters,
    answers: {
      200: { what: "The stream; it does not end by itself.", type: "text/event-stream", schema: { type: "string" } },
      400: "A malformed filter, or an id that no event has yet.",
      429: "Too many streams are open at this process: repeat the call after Retry-After.",
    },
  },
} satisfies Record<string, RouteDoc>;

export function eventRoutes(app: FastifyInstance, { db, log }: Deps): void {
  const tail = new Tail(db, log);
  app.addHook("preClose", async () => tail.close());

  app.get("/events", { config: { doc: docs.stream, right: "read" } }, async (request, out) => {
    const { batch_id: batch, after } = readAfter(request.query, request.headers["last-event-id"]);
    const wanted = () => !out.raw.destroyed && !tail.closed;
    const start = after === undefined ? await startNow(wanted) : await resume(after, batch);
    if (start === null || tail.closed) throw new Unavailable("shutting down");
    if (tail.size >= limits.eventStreamsMax) throw new TooMany("Too many streams of events are open");
    out.hijack();
    out.raw.writeHead(200, { ...out.getHeaders(), ...head } as Record<string, string>);
    if (request.method === "HEAD") out.raw.end();
    else if (!out.raw.destroyed) new Stream(out.raw, tail, { ...start, batch });
  });

  // Whoever reads the state of tasks next sees all up to this place, and hears all after it.
  const startNow = async (wanted: () => boolean) => {
    const id = await settled(db, wanted);
    return id === null ? null : { place: { ...(await endOfLog(db)), id }, isNew: true, dropped: null };
  };
  const resume = async (after: number, batch: string | undefined) => {
    const { place, last, dropped } = await resumeAfter(db, after, batch);
    if (after > last) throw new Invalid("Invalid query", [`${lastEventId}: is an id that no event has yet`]);
    return { place, isNew: false, dropped };
  };
}

const head = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  // Some proxies would gather the stream otherwise.
  "x-accel-buffering": "no",
};

/** The header is read with the parameters, so that all faults are listed at once. */
function readAfter(sent: unknown, header: string | string[] | undefined) {
  const given = header === undefined ? {} : { [lastEventId]: header };
  const read = query.readQuery(
    { ...(sent as Record<string, unknown>), ...given },
    { ...filters, ...(header === undefined ? {} : { [lastEventId]: filters.last_event_id }) },
  ) as { batch_id?: string; last_event_id?: number; [lastEventId]?: number };
  return { batch_id: read.batch_id, after: read[lastEventId] ?? read.last_event_id };
}

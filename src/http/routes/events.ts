// The stream of events, as Server-Sent Events. Needs only Postgres, and stays open while that is away.
import type { FastifyInstance } from "fastify";
import { limits } from "#config";
import { Invalid, NotFound, TooMany, Unavailable } from "#domain/errors";
import { Stream } from "#http/events/stream";
import { Tail } from "#http/events/tail";
import { operations } from "#http/operations/table";
import { type Deps, route } from "#http/route";
import { endOfLog, hasBatch, resumeAfter, settled } from "#store/events/log";

export function eventRoutes(app: FastifyInstance, { db, nextEvent, log }: Deps): void {
  const tail = new Tail(db, nextEvent, log);
  app.addHook("preClose", async () => tail.close());

  route(app, operations.followEvents, async ({ query, headers, request }, out) => {
    const { batch_id: batch } = query;
    const after = (headers[lastEventId] as number | undefined) ?? query.last_event_id;
    if (after === undefined && batch !== undefined && !(await hasBatch(db, batch))) throw new NotFound("batch");
    const wanted = () => !out.raw.destroyed && !tail.closed;
    const start = after === undefined ? await startNow(wanted) : await resume(after, batch);
    if (start === null || tail.closed) throw new Unavailable("shutting down");
    if (tail.size >= limits.eventStreamsMax)
      throw new TooMany("too_many_streams", "Too many streams of events are open");
    out.hijack();
    out.raw.writeHead(200, { ...out.getHeaders(), ...head } as Record<string, string>);
    if (request.method === "HEAD") out.raw.end();
    else if (!out.raw.destroyed) new Stream(out.raw, tail, { ...start, batch });
  });

  // A client that reads the state of tasks next sees all up to this place, and hears all after it.
  const startNow = async (wanted: () => boolean) => {
    const id = await settled(db, wanted);
    return id === null ? null : { place: { ...(await endOfLog(db)), id }, isNew: true, dropped: null };
  };
  const resume = async (after: number, batch: string | undefined) => {
    const { place, last, dropped, isUnknown } = await resumeAfter(db, after, batch);
    if (after > last) throw refused("is an id that no event has yet");
    if (isUnknown) throw new NotFound("batch");
    return { place, isNew: false, dropped };
  };
}

const head = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  // Some proxies would buffer the stream otherwise.
  "x-accel-buffering": "no",
};

const refused = (wrong: string) =>
  Invalid.outside("Validation failed", `header:${lastEventId}`, lastEventId, "invalid_format", wrong);
const lastEventId = "Last-Event-ID";

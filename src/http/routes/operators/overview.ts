// The figures of the whole cluster: read at most every few seconds, whoever asks, since they cost more than a look at one task.
import type { FastifyInstance } from "fastify";
import { limits } from "#config";
import { operations } from "#http/operations/table";
import { type Deps, route } from "#http/route";
import { type Overview, readOverview } from "#store/read/operators/overview";
import { type NextSchedule, nextSchedules } from "#store/schedules/read";

const goodMs = 5_000;

type Figures = Overview & { readonly schedules: readonly NextSchedule[] };

export function overviewRoutes(app: FastifyInstance, { db }: Deps): void {
  let known: { readonly readAt: number; readonly figures: Promise<Figures> } | undefined;
  const read = async () => ({
    ...(await readOverview(db)),
    schedules: await nextSchedules(db, limits.overviewSchedulesMax),
  });
  const figures = (): Promise<Figures> => {
    const now = performance.now();
    if (known !== undefined && now - known.readAt < goodMs) return known.figures;
    const reading = { readAt: now, figures: read() };
    known = reading;
    // Those who asked meanwhile fail with it; who asks next reads anew.
    reading.figures.catch(() => {
      if (known === reading) known = undefined;
    });
    return reading.figures;
  };
  route(app, operations.getOverview, () => figures());
}

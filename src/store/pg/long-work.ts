// How long database work may take, and how work that takes longer than others gives way to what is urgent: a worker's lease must
// be renewed in time also where the pool is one connection.
import { Unavailable } from "#domain/errors";
import type { Client } from "#store/pg/connection";

type Session = Pick<Client, "pid">;

export class LongWork {
  /** What ends work that is under way, oldest first. */
  readonly #running = new Set<() => void>();
  /** Connections that were left in the middle of a statement: Postgres would go on with it, and keep what it has locked. */
  #left: Session[] = [];

  /** Work that fails with `Unavailable` when it has to give way; its connection is of no use then. */
  async run<T>(session: Session, work: () => Promise<T>): Promise<T> {
    let stop = () => {};
    const stopped = new Promise<never>((_, reject) => {
      stop = () => {
        this.#running.delete(stop);
        this.#left.push(session);
        reject(new Unavailable("long database work gave way to what was urgent"));
      };
    });
    this.#running.add(stop);
    try {
      return await Promise.race([work(), stopped]);
    } finally {
      this.#running.delete(stop);
    }
  }

  /** Ends the oldest, if there is one. */
  giveWay(): void {
    this.#running.values().next().value?.();
  }

  /** The first statement on a connection: ends the sessions of those that were left. */
  async greet(client: Client): Promise<void> {
    const left = this.#left.splice(0).map(({ pid }) => pid);
    const [row] = await client.sql<{ pid: number }[]>`
      select pg_backend_pid() as pid, (select count(pg_terminate_backend(p)) from unnest(${`{${left}}`}::int[]) p)`;
    client.pid = row?.pid ?? 0;
  }
}

/** Rejects with `Unavailable` after `ms`; what was running is then of unknown outcome. */
export async function within<T>(ms: number, running: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Unavailable(`the database did not answer within ${Math.round(ms)} ms`)), ms);
  });
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
    running.catch(() => {});
  }
}

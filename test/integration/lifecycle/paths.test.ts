// The paths of the machine, lived through in the real system over HTTP and over NATS, the row compared after each step.
// Each transition that can be brought about from outside is on one of them; at the end of each path all commands that
// are refused there are tried. Paths that need a worker to die come together at that moment, and share its death.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, type Member, startCluster } from "#test/cluster";
import { type Receiver, startReceiver } from "#test/receiver";
import { type Client, httpClient, natsClient } from "./clients.ts";
import { has, isLateStart, type Path, pathsFrom } from "./model.ts";
import { play, type World } from "./player.ts";

// A waiting task is like any other once it was claimed.
const all = [...pathsFrom(0, 0, 1), ...pathsFrom(2, 1, 0).filter((path) => !has(path, "claim"))];
const calm = all.filter((path) => !has(path, "lease_expired"));
const killed = all.filter((path) => has(path, "lease_expired") && !isLateStart(path));
const frozen = all.filter(isLateStart);

const atOnce = 16;
const clients = ["HTTP", "NATS"] as const;
const open = (name: (typeof clients)[number], cluster: Cluster): Promise<Client> =>
  name === "HTTP" ? Promise.resolve(httpClient(cluster)) : natsClient(cluster);
// One slot for each service, for the gates; a service that always fails must not be spared its calls.
const env = { WEBHOOK_HOST_CONCURRENCY: "1", WORKER_LOOP_INTERVAL_MS: "100" };

describe("while all workers live", () => {
  let cluster: Cluster;
  let service: Receiver;
  beforeAll(async () => {
    [cluster, service] = await Promise.all([startCluster({ env }), startReceiver()]);
  });
  afterAll(() => cluster.stop());

  it.each(clients)(`${calm.length} paths over %s`, { timeout: 240_000 }, async (name) => {
    const client = await open(name, cluster);
    const world: World = {
      cluster,
      service,
      loseWorker: () => Promise.reject(new Error("no worker dies here")),
      reviveWorker: () => {},
    };
    expect(await playAll(world, calm, client, atOnce)).toEqual([]);
    await client.close();
  });
});

describe.each(clients)("with a worker that is lost, over %s", (name) => {
  // A call lasts as long as its worker is away, on a loaded machine too.
  const lease = { ...env, WORKER_CLAIM_TIMEOUT_SECS: "2", WEBHOOK_TIMEOUT_SECS: "60" };

  it(`${killed.length} paths where it is killed`, { timeout: 120_000 }, async () => {
    const cluster = await startCluster({ env: lease });
    expect(await playTogether(cluster, killed, name, (worker) => cluster.kill(worker))).toEqual([]);
    await cluster.stop();
  });

  it(`${frozen.length} paths where it stands still and comes back`, { timeout: 120_000 }, async () => {
    const cluster = await startCluster({ env: lease });
    expect(await playTogether(cluster, frozen, name, (worker) => cluster.freeze(worker))).toEqual([]);
    await cluster.stop();
  });
});

/** Plays all paths at once; whenever those that are left all wait for the worker's loss, it is lost and replaced. */
async function playTogether(
  cluster: Cluster,
  paths: readonly Path[],
  name: (typeof clients)[number],
  lose: (worker: Member) => Promise<void>,
): Promise<string[]> {
  const [client, service] = await Promise.all([open(name, cluster), startReceiver()]);
  let [worker] = cluster.workers;
  const lost: Member[] = [];
  const meeting = new Meeting(paths.length, async () => {
    if (!worker) return;
    lost.push(worker);
    await lose(worker);
    worker = await cluster.start("worker");
  });
  const world: World = {
    cluster,
    service,
    loseWorker: () => meeting.arrive(),
    reviveWorker: () => {
      for (const member of lost) cluster.thaw(member);
    },
  };
  const faults = await playAll(world, paths, client, paths.length, () => meeting.leave());
  await client.close();
  return faults;
}

/** Plays the paths, so many at once, and lists those that did not go as the machine says. */
async function playAll(
  world: World,
  paths: readonly Path[],
  client: Client,
  limit: number,
  done = () => {},
): Promise<string[]> {
  const faults: string[] = [];
  const left = [...paths];
  const player = async () => {
    for (let path = left.shift(); path; path = left.shift())
      try {
        await play(world, path, client);
      } catch (error) {
        faults.push(`${path.title}: ${(error as Error).message}`);
      } finally {
        done();
      }
  };
  await Promise.all(Array.from({ length: limit }, player));
  return faults;
}

/** Does something once all who are still there have arrived, and then lets them go on. */
class Meeting {
  readonly #event: () => Promise<void>;
  #there: number;
  #arrived: { resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(there: number, event: () => Promise<void>) {
    this.#there = there;
    this.#event = event;
  }

  arrive(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#arrived.push({ resolve, reject });
      this.#check();
    });
  }

  leave(): void {
    this.#there -= 1;
    this.#check();
  }

  #check(): void {
    if (this.#arrived.length === 0 || this.#arrived.length < this.#there) return;
    const arrived = this.#arrived;
    this.#arrived = [];
    this.#event().then(
      () => {
        for (const { resolve } of arrived) resolve();
      },
      (error) => {
        for (const { reject } of arrived) reject(error);
      },
    );
  }
}

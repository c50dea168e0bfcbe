// Which tasks and batches the messages name that JetStream holds and no worker has settled. What a client asks of a task by NATS
// says so in its subject; what comes by HTTP stands many in one message, so that these are read, as far as they are few.
import type { JetStreamManager, MsgRequest, StoredMsg } from "@nats-io/jetstream";
import type { Bus } from "#bus/client";
import { readPayload } from "#bus/counters/progress-message";
import { streams, subjects } from "#bus/subjects";
import { limits } from "#config";

export interface Unsettled {
  /** When the newest message that names it was stored, in ms by the clock of NATS; infinite where only its subject is known. */
  readonly newest: ReadonlyMap<string, number>;
  /** There are more messages than were looked at. */
  readonly isPartial: boolean;
}

/** With more in the stream the answer would be too long. */
const subjectsMax = 5_000;

const none: Unsettled = { newest: new Map(), isPartial: false };

/** Null while NATS is away. */
export async function unsettled(bus: Bus): Promise<Unsettled | null> {
  if (!bus.up) return null;
  const manager = await bus.manager();
  const found = await Promise.all([ofCommands(manager), ofProgress(manager)]);
  const newest = new Map<string, number>();
  for (const [id, at] of found.flatMap((part) => [...part.newest])) note(newest, id, at);
  return { newest, isPartial: found.some(({ isPartial }) => isPartial) };
}

async function ofCommands(manager: JetStreamManager): Promise<Unsettled> {
  const { name } = streams.commands;
  const { state } = await manager.streams.info(name);
  if (state.messages === 0) return none;
  if (state.messages > subjectsMax) return { newest: new Map(), isPartial: true };
  const { state: seen } = await manager.streams.info(name, { subjects_filter: ">" });
  const newest = new Map<string, number>();
  for (const subject of Object.keys(seen.subjects ?? {})) {
    const [, , id] = subject.split(".");
    if (id !== undefined) newest.set(id.toLowerCase(), Number.POSITIVE_INFINITY);
  }
  if (seen.subjects?.[subjects.apiCommands] === undefined) return { newest, isPartial: false };
  const isPartial = await readAll(
    manager,
    { stream: name, subject: subjects.apiCommands, first: seen.first_seq },
    (message) => {
      for (const id of targetsOf(message)) note(newest, id, message.time.getTime());
    },
  );
  return { newest, isPartial };
}

async function ofProgress(manager: JetStreamManager): Promise<Unsettled> {
  const { name } = streams.progress;
  const { state } = await manager.streams.info(name);
  if (state.messages === 0) return none;
  const newest = new Map<string, number>();
  const from = { stream: name, subject: subjects.progress, first: state.first_seq };
  const isPartial = await readAll(manager, from, (message) => {
    for (const { task } of readPayload(message.string())?.updates ?? []) note(newest, task, message.time.getTime());
  });
  return { newest, isPartial };
}

interface From {
  readonly stream: string;
  readonly subject: string;
  readonly first: number;
}

/** Reads the messages of one subject, oldest first; true: there are more than it read. */
async function readAll(
  manager: JetStreamManager,
  { stream, subject, first }: From,
  read: (message: StoredMsg) => void,
): Promise<boolean> {
  let seq = first;
  for (let n = 0; n < limits.unsettledReadMax; n++) {
    const message = await manager.streams.getMessage(stream, { seq, next_by_subj: subject } as MsgRequest);
    if (message === null) return false;
    read(message);
    seq = message.seq + 1;
  }
  return true;
}

/** What a stranger wrote there names no task. */
function targetsOf(message: StoredMsg): string[] {
  try {
    const { commands } = message.json<{ commands: readonly { target?: unknown }[] }>();
    return commands.map(({ target }) => String(target).toLowerCase());
  } catch {
    return [];
  }
}

function note(newest: Map<string, number>, id: string, at: number): void {
  newest.set(id, Math.max(at, newest.get(id) ?? Number.NEGATIVE_INFINITY));
}

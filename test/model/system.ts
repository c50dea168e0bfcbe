// What can happen next in the system, and how it happens: transactions split at every lock, workers that are killed between any
// two steps, messages that come twice, clients that wait or go away.
import { type Db, isFinal, type Task, taskOf } from "./database.ts";
import { answerTo, checkStart, compareTurn } from "./oracle.ts";
import { type Command, callOutcome, decide, isForbidden, isHeld, portion, setAside, takeUp } from "./protocol.ts";
import { type Claim, copy, type Due, idle, type Message, type Portion, type State, type Turn } from "./state.ts";
import { follow, snapshot, taint, taintAround } from "./taint.ts";
import { Blocked } from "./transaction.ts";

export type Move = readonly [kind: string, ...of: number[]];

/** `isCalm`: nothing breaks any more. */
export function movesOf(state: State, isCalm = false): Move[] {
  const moves: Move[] = [];
  const { workers, msgs, clients, db } = state;
  for (const [w, { turn, portion: work, claim }] of workers.entries()) {
    if (turn.pc !== "idle") moves.push(["turn", w]);
    else for (const [i, msg] of msgs.entries()) if (msg.worker === null) moves.push(["take", w, i]);
    if (work.pc !== "idle" || db.works.length + db.steps.length > 0) moves.push(["portion", w]);
    if (claim.pc !== "idle") moves.push(["claim", w]);
    else
      for (const { status, rank } of db.tasks)
        if (status === "Pending" && db.rowLocks[rank] === undefined) moves.push(["pick", w, rank]);
    if (!isCalm && state.kills > 0 && [turn, work, claim].some(({ pc }) => pc !== "idle")) moves.push(["kill", w]);
  }
  for (const [c, { waits, todo }] of clients.entries()) {
    if (waits === null && todo.length > 0) moves.push(["send", c]);
    if (waits !== null && (state.scenario.isHasty || state.answers[waits] !== undefined)) moves.push(["next", c]);
  }
  if (!isCalm && state.asides > 0 && db.lock === null && db.works.some(({ done }) => !done)) moves.push(["aside"]);
  if ([...db.steps, ...db.works].some(({ isAside }) => isAside)) moves.push(["takeUp"]);
  if (!isCalm && state.dups > 0)
    for (const [i, msg] of msgs.entries()) if (msg.worker !== null) moves.push(["again", i]);
  return moves;
}

/** Does the move; throws `Blocked` where a lock is in the way. */
export function apply(state: State, [kind, a = 0, b = 0]: Move): void {
  const { workers, msgs, clients } = state;
  const worker = workers[a] as State["workers"][number];
  if (kind === "send") {
    const client = clients[a] as State["clients"][number];
    const [first, ...todo] = client.todo;
    const id = `c${a}.${todo.length}`;
    Object.assign(client, { todo, waits: id });
    msgs.push({ ...(first as Command), id, worker: null });
  } else if (kind === "next") (clients[a] as State["clients"][number]).waits = null;
  else if (kind === "take") {
    const msg = msgs[b] as Message;
    msg.worker = a;
    worker.turn = { pc: "begin", msg: { ...msg } };
  } else if (kind === "again") {
    (msgs[a] as Message).worker = null;
    state.dups--;
  } else if (kind === "kill") kill(state, a);
  else if (kind === "aside") failForGood(state);
  else if (kind === "takeUp") takeUp(state.db);
  else if (kind === "pick") pick(state, a, b);
  else if (kind === "claim") stepClaim(state, a);
  else if (kind === "turn") worker.turn = stepTurn(state, a, worker.turn) ?? { pc: "idle" };
  else worker.portion = stepPortion(state, a, worker.portion) ?? { pc: "idle" };
}

/** Who waits for it is answered so. */
function failForGood(state: State): void {
  state.asides--;
  const ranks = state.db.steps.map(({ rank }) => rank);
  for (const { seq } of setAside(state.db)) {
    const msg = state.asked[seq];
    if (msg) answerTo(state, msg, 503, {});
    delete state.asked[seq];
  }
  taintAround(state, ranks);
}

function unlock(db: Db, ...mine: readonly string[]): void {
  if (db.lock !== null && mine.includes(db.lock)) db.lock = null;
  for (const [rank, owner] of Object.entries(db.rowLocks)) if (mine.includes(owner)) delete db.rowLocks[Number(rank)];
}

function kill(state: State, w: number): void {
  unlock(state.db, `${w}t`, `${w}p`, `${w}c`);
  for (const msg of state.msgs) if (msg.worker === w) msg.worker = null;
  state.workers[w] = idle();
  state.kills--;
}

function lockBatch<T>(db: Db, me: string, then: T): T {
  if (db.lock !== null) throw new Blocked();
  db.lock = me;
  return then;
}

function lockRow<T>(db: Db, { rank }: Task, me: string, then: T): T {
  db.rowLocks[rank] = me;
  return then;
}

function pick(state: State, w: number, rank: number): void {
  const looksFirst = state.bug === "claimLooksBeforeLock";
  const isForbiddenNow = looksFirst ? isForbidden(state.db, taskOf(state.db, rank)) : null;
  (state.workers[w] as State["workers"][number]).claim = { pc: "lock", rank, isForbidden: isForbiddenNow };
  if (!looksFirst) stepClaim(state, w);
}

/** Locks the row, skipping; looks at the works of its batch in a statement after that; writes. */
function stepClaim(state: State, w: number): void {
  const { db, bug } = state;
  const worker = state.workers[w] as State["workers"][number];
  const claim: Claim = worker.claim;
  const task = taskOf(db, claim.rank as number);
  const me = `${w}c`;
  worker.claim = { pc: "idle" };
  if (claim.pc === "lock") {
    if (db.rowLocks[task.rank] !== undefined || task.status !== "Pending") return;
    worker.claim = lockRow(db, task, me, { ...claim, pc: "look" });
  } else if (claim.pc === "look") {
    if (bug !== "claimNeverLooks" && (claim.isForbidden ?? isForbidden(db, task))) unlock(db, me);
    else worker.claim = { ...claim, pc: "write", seen: snapshot(state, task.rank) };
  } else {
    const command = { id: "", verb: "claim", task: task.rank };
    taint(state, command);
    checkStart(state, task, claim.seen?.task as NonNullable<Claim["seen"]>["task"]);
    follow(state, command, 0, claim.seen);
    task.status = "Claimed";
    unlock(db, me);
    service(state, task.rank);
  }
}

/** What the service says of a task that it was met to start. */
function service(state: State, rank: number): void {
  const { scenario, putback, msgs } = state;
  state.made++;
  const post = (verb: string, more: Partial<Message> = {}) =>
    msgs.push({ id: `${verb}${rank}.${state.made}`, verb, task: rank, worker: null, ...more });
  const comesBack = putback[rank];
  putback[rank] = false;
  if (comesBack) post("putback");
  else {
    if (scenario.started) post("started");
    post("report", { status: scenario.outcomes[rank] ?? "Success" });
  }
}

const isOfRow = ({ verb }: Message): boolean => verb === "started" || verb === "putback";

function stepTurn(state: State, w: number, turn: Turn): Turn | null {
  const { db, bug, scenario } = state;
  const { pc, answer } = turn;
  const msg = turn.msg as Message;
  const me = `${w}t`;
  if (pc === "ack" && answer) {
    if (!isOfRow(msg) && (answer.work === null || bug === "answerBeforeLast"))
      answerTo(state, msg, answer.code, answer.counts);
    state.msgs = state.msgs.filter(({ id }) => id !== msg.id);
    return null;
  }
  if (pc === "writeWork") {
    db.steps.push(...(turn.steps ?? []));
    db.works.push(...(turn.works ?? []));
    return { ...turn, pc: "ack" };
  }
  if (isOfRow(msg) && msg.viaBatch !== true) return stepRow(state, turn, me);
  if (pc === "begin") return lockBatch(db, me, { ...turn, pc: "write" });
  const next = copy(db);
  const isNew = bug === "noIdempotency" || next.remembered[msg.id] === undefined;
  const decided = decide(next, msg, { me, bug, inline: scenario.inline, small: scenario.small });
  if (isNew) compareTurn(state, msg, decided, next.seq);
  unlock(next, me);
  state.db = next;
  const { works, steps } = next;
  const [ownWorks, ownSteps] = [works, steps].map((all) =>
    (all as { seq: number }[]).filter(({ seq }) => seq === next.seq),
  );
  if (bug !== "workInItsOwnTransaction" || !isNew || ownWorks?.length === 0) return { pc: "ack", msg, answer: decided };
  next.steps = steps.filter(({ seq }) => seq !== next.seq);
  next.works = works.filter(({ seq }) => seq !== next.seq);
  return { pc: "writeWork", msg, answer: decided, steps: ownSteps as typeof steps, works: ownWorks as typeof works };
}

/** Locks its row alone, skipping; what a sweep has not reached goes to a batch turn. */
function stepRow(state: State, turn: Turn, me: string): Turn | null {
  const { db } = state;
  const msg = turn.msg as Message;
  const task = taskOf(db, msg.task as number);
  if (turn.pc === "begin" && db.rowLocks[task.rank] === undefined)
    return lockRow(db, task, me, { ...turn, pc: "look" });
  if (turn.pc === "begin" || (turn.pc === "look" && isHeld(db, task))) {
    unlock(db, me);
    for (const one of state.msgs)
      if (one.id === msg.id) Object.assign(one, { worker: null, viaBatch: turn.pc === "look" });
    return null;
  }
  if (turn.pc === "look") return { ...turn, pc: "write", seen: snapshot(state, task.rank) };
  taint(state, msg);
  follow(state, msg, 0, turn.seen);
  const code = callOutcome(task, msg.verb) ? 200 : 409;
  unlock(db, me);
  return { pc: "ack", msg, answer: { code, work: null, counts: {} } };
}

const dueOf = ({ works }: Db): Due[] => works.filter(({ done }) => done).map(({ seq, counts }) => ({ seq, counts }));
const without = ({ works }: Db, due: readonly Due[]) => works.filter(({ seq }) => !due.some((one) => one.seq === seq));

/** Looks without a lock; locks the batch, then rows; commits; then sends the answers that are due, then forgets the works. */
function stepPortion(state: State, w: number, work: Portion): Portion | null {
  const { db, bug, scenario } = state;
  const me = `${w}p`;
  const { pc, due = [] } = work;
  if (pc === "idle") {
    if (bug === "rowsBeforeBatch") for (const task of db.tasks) if (!isFinal(task)) db.rowLocks[task.rank] ??= me;
    if (dueOf(db).length > 0) return { pc: "answer", due: dueOf(db) };
    return { pc: "lock", steps: bug === "readsBeforeLock" ? copy(db.steps) : null };
  }
  if (pc === "lock") return lockBatch(db, me, { ...work, pc: "write" });
  if (pc === "write") {
    const next = copy(db);
    if (work.steps) next.steps = work.steps;
    const tx = portion(next, { me, bug, size: scenario.size });
    unlock(next, me);
    state.db = next;
    const lost = bug === "answersNotKept" ? dueOf(next) : [];
    next.works = without(next, lost);
    if (lost.length > 0) return { pc: "answer", due: lost };
    return tx?.cursorLater ? { pc: "cursor", ...tx.cursorLater } : null;
  }
  if (pc === "cursor")
    for (const step of db.steps) if (step.rank === work.rank && step.step === "down") step.after = work.after as number;
  if (pc === "answer") {
    for (const { seq, counts } of due) if (state.asked[seq]) answerTo(state, state.asked[seq], 200, counts);
    return { ...work, pc: "forget" };
  }
  if (pc === "forget") db.works = without(db, due);
  return null;
}

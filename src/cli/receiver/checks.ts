// What a receiver has to do with each kind of call, in the order in which they are tried. The first one is a good call: where that is refused,
// the others would say nothing.
import { randomBytes } from "node:crypto";
import { check, type Finding } from "../doctor/finding.ts";
import { type Answered, call, newTaskId, type Wanted } from "./calls.ts";
import type { Pretend } from "./pretend.ts";

export interface Subject {
  readonly url: string;
  /** Where cancel calls go. */
  readonly cancelUrl: string;
  /** What handles begin with. */
  readonly handles: string;
  /** null: the receiver believes calls as they come. */
  readonly secret: string | null;
  readonly body: string;
  /** The longest that a report is waited for. */
  readonly waitMs: number;
  readonly baton: Pretend;
}

const staleSecs = 600;
const oversizedBytes = 8 * 2 ** 20;
const copies = 3;
const quietMs = 500;

const isGood = ({ status }: Answered) => status >= 200 && status < 300;
const isRefused = ({ status }: Answered) => status >= 400 && status < 500;
const said = ({ status, text, ms }: Answered) =>
  status === 0 ? `no answer: ${text}` : `${status} in ${ms} ms${status >= 300 && text ? `: ${text}` : ""}`;

/** Gives each finding when it is made; the first of them says whether the receiver works at all. */
export async function* checks(subject: Subject): AsyncGenerator<Finding, void, void> {
  const task = newTaskId();
  const answer = await start(subject, task);
  yield ofValid(subject, answer);
  if (!isGood(answer)) return;
  yield await ofReport(subject, task);
  for (const [what, change, believes] of forged) yield await ofForged(subject, what, change, believes);
  yield await ofDuplicate(subject);
  yield await ofReordered(subject);
  yield await ofCancel(subject);
  yield await ofOversized(subject);
}

const start = ({ url, handles, secret, body }: Subject, task: string, change: Partial<Wanted> = {}) =>
  call(url, handles, { trigger: "start", task, body, secret, ...change });

function stop({ cancelUrl, handles, secret, baton }: Subject, task: string): Promise<Answered> {
  baton.cancel(task);
  const handle = `${handles}/task/${task}`;
  const fields = { task_id: task, status: "Canceled", trigger: "cancel", attempt: 0, failure_reason: null, handle };
  const body = JSON.stringify({ baton: { ...fields, ended_at: new Date().toISOString() } });
  return call(cancelUrl, handles, { trigger: "cancel", task, body, secret });
}

function ofValid({ handles, secret }: Subject, answer: Answered): Finding {
  const mends: Readonly<Record<number, string>> = {
    401: `Its secret is another one, it believes that Baton is elsewhere than ${handles} (--handles), or a body parser reads the body first`,
    404: "The path is another one: give the URL of the start action",
    405: "It takes another verb than POST there",
  };
  const mend = mends[answer.status] ?? "See its log; Baton takes anything but 2xx for a start that failed";
  return check(
    secret === null ? "valid call" : "valid signature",
    `taken: ${said(answer)}`,
    isGood(answer) ? undefined : { isWrong: true, says: `refused: ${said(answer)}`, mend },
  );
}

const unseen = (what: string, says: string, mend: string): Finding => ({ what, state: "unseen", says, mend });
const elsewhere = (what: string) => unseen(what, "its reports go elsewhere", "Leave --handles out to see them");
const ends = (reports: ReturnType<Pretend["of"]>) => reports.filter(({ status }) => status !== undefined);
const seesReports = ({ handles, baton }: Subject) => handles === baton.url;

async function ofReport(subject: Subject, task: string): Promise<Finding> {
  if (!seesReports(subject)) return elsewhere("report");
  const { baton, waitMs } = subject;
  await baton.waitFor(task, (reports) => ends(reports).length > 0, waitMs);
  const reports = baton.of(task);
  const [end] = ends(reports);
  if (end)
    return check("report", `${end.status}${reports.length > 1 ? `, after ${reports.length - 1} signs of life` : ""}`);
  const seconds = waitMs / 1000;
  return check("report", "", {
    says: reports.length > 0 ? `signs of life, but no end within ${seconds} s` : `none within ${seconds} s`,
    mend: "Longer work: --wait. Else let it PATCH the handle at its end; without one the task times out",
  });
}

type Forged = readonly [what: string, change: (subject: Subject) => Partial<Wanted>, believes: string];

const forged: readonly Forged[] = [
  [
    "tampered body",
    ({ body }) => ({ sent: body.replace(/\}$/, `${body === "{}" ? "" : ","}"tampered":true}`) }),
    "It does not verify the bytes that came",
  ],
  ["no signature", () => ({ secret: null }), "It takes calls from anybody who knows its URL"],
  [
    "another secret",
    () => ({ secret: `whsec_${randomBytes(24).toString("base64")}` }),
    "It does not verify signatures",
  ],
  [
    "stale call",
    () => ({ ageSecs: staleSecs }),
    "Whoever recorded a call can repeat it for ever: refuse what is over 300 s old",
  ],
  ["call from the future", () => ({ ageSecs: -staleSecs }), "Refuse what is over 300 s ahead"],
];

async function ofForged(subject: Subject, what: string, change: Forged[1], believes: string): Promise<Finding> {
  if (subject.secret === null) return unseen(what, "not tried without a secret", "Give one: --secret");
  const answer = await start(subject, newTaskId(), change(subject));
  const mend = isGood(answer) ? believes : "Answer 401: Baton and its readers take a 5xx for a fault of the service";
  const trouble = {
    isWrong: isGood(answer) || answer.status === 0,
    says: `${isGood(answer) ? "believed" : "not refused"}: ${said(answer)}`,
    mend,
  };
  return check(what, `refused: ${said(answer)}`, isRefused(answer) ? undefined : trouble);
}

/** A start whose worker died is repeated under the same key, also while the first one is still open. */
async function ofDuplicate(subject: Subject): Promise<Finding> {
  const what = "duplicate call";
  const task = newTaskId();
  const answers = await Promise.all(Array.from({ length: copies }, () => start(subject, task)));
  answers.push(await start(subject, task));
  const bad = answers.find((answer) => !isGood(answer));
  if (bad) {
    const mend = "Answer a repetition 2xx: anything else fails the start of a task that runs";
    return check(what, "", { isWrong: true, says: `refused: ${said(bad)}`, mend });
  }
  if (!seesReports(subject)) return elsewhere(what);
  const { baton, waitMs } = subject;
  await baton.waitFor(task, (reports) => ends(reports).length > 0, waitMs);
  await baton.waitFor(task, (reports) => ends(reports).length >= answers.length, quietMs);
  const count = ends(baton.of(task)).length;
  const mend = "It did the work several times: write down the Idempotency-Key before the work, in one atomic step";
  const trouble = { isWrong: true, says: `${count} reports of ${answers.length} calls`, mend };
  return check(what, `${answers.length} calls taken, ${count} reported`, count > 1 ? trouble : undefined);
}

async function ofReordered(subject: Subject): Promise<Finding> {
  const what = "cancel before start";
  const task = newTaskId();
  const canceled = await stop(subject, task);
  if (!isGood(canceled)) return notTaken(what, canceled);
  const answer = await start(subject, task);
  if (!isGood(answer)) {
    const mend = "Answer a start that was canceled 2xx, and do nothing";
    return check(what, "", { says: `the start is refused: ${said(answer)}`, mend });
  }
  return afterCancel(subject, what, task, "Remember canceled tasks for a while, and do not begin them");
}

async function ofCancel(subject: Subject): Promise<Finding> {
  const what = "cancel during start";
  const task = newTaskId();
  const starting = start(subject, task);
  const [answer, canceled] = await Promise.all([starting, stop(subject, task)]);
  if (!isGood(canceled)) return notTaken(what, canceled);
  if (!isGood(answer)) {
    const mend = "Answer a start that is canceled meanwhile 2xx";
    return check(what, "", { says: `the start is refused: ${said(answer)}`, mend });
  }
  if (ends(subject.baton.of(task)).length > 0)
    return unseen(what, "the work ended before", "Give it longer work to see this: --body");
  return afterCancel(
    subject,
    what,
    task,
    "Stop the work when its task is canceled, or a report is answered 409. Work that takes no time ends before: --body",
  );
}

const notTaken = (what: string, answer: Answered): Finding =>
  check(what, "", {
    says: `the cancel call is refused: ${said(answer)}`,
    mend: "Where tasks have an on_cancel action, answer it 2xx; it is repeated until then. --cancel-url, if it is another URL",
  });

/** Nothing tells that nothing comes but a time without it. */
async function afterCancel(subject: Subject, what: string, task: string, mend: string): Promise<Finding> {
  if (!seesReports(subject)) return elsewhere(what);
  const { baton, waitMs } = subject;
  await baton.waitFor(task, (reports) => ends(reports).length > 0, waitMs / 4);
  const worked = ends(baton.of(task)).some(({ status }) => status === "Success");
  return check(
    what,
    "taken, and no work was done",
    worked ? { says: "the work was done to its end", mend } : undefined,
  );
}

async function ofOversized(subject: Subject): Promise<Finding> {
  const what = "oversized call";
  const big = JSON.stringify({ filling: "x".repeat(oversizedBytes) });
  const answer = await start(subject, newTaskId(), { body: big });
  const after = await start(subject, newTaskId());
  if (!isGood(after)) {
    const mend = "Bound what is read of a body, and answer 413; a stranger can send one, too";
    return check(what, "", { isWrong: true, says: `it does not work any more: ${said(after)}`, mend });
  }
  const took = {
    says: `${oversizedBytes / 2 ** 20} MiB were taken: ${said(answer)}`,
    mend: "Bound what is read of a body, and answer 413",
  };
  return check(what, `refused: ${said(answer)}`, isGood(answer) ? took : undefined);
}

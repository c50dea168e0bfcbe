// The plans of what operators read; the table of plans takes them in.
import { readAttempts } from "#store/read/operators/attempts";
import { dropDeadLetter, findDeadLetter, listDeadLetters } from "#store/read/operators/dead-letters";
import { aboveOf, definedTasks, findDefinition } from "#store/read/operators/definition";
import { listLimits } from "#store/read/operators/limits";
import { readOverview } from "#store/read/operators/overview";
import { listReceivers } from "#store/read/operators/receivers";
import { search } from "#store/read/operators/search";
import { listWorkers } from "#store/read/operators/workers";
import type { Known, Plan } from "#test/plans";

const page = { page: 0, size: 50 };
const nobody = "00000000-0000-7000-8000-000000000000";
const searches = (q: (known: Known) => string, most?: number): Plan => ({
  verbs: ["search"],
  run: (db, known) => search(db, q(known)),
  ...(most === undefined ? {} : { most }),
});

export const plans: Readonly<Record<string, Plan>> = {
  workers: { verbs: ["listWorkers"], run: (db) => listWorkers(db, page) },
  "dead letters": { verbs: ["listDeadLetters"], run: (db) => listDeadLetters(db, page) },
  limits: { verbs: ["listLimits"], run: (db) => listLimits(db, page) },
  receivers: { verbs: ["listReceivers"], run: (db) => listReceivers(db, page) },
  "a dead letter": {
    verbs: ["findDeadLetter", "dropDeadLetter"],
    run: async (db) => [await findDeadLetter(db, nobody), await dropDeadLetter(db, nobody)],
  },
  // It counts to 100,000 in several indexes.
  overview: { verbs: ["readOverview"], run: (db) => readOverview(db), most: 10_000 },
  "attempts of a task": { verbs: ["readAttempts"], run: (db, { task }) => readAttempts(db, task) },
  "a search for a name": searches(() => "task 5"),
  "a search for a name that all begin with": searches(() => "t"),
  "a search for nothing": searches(() => "nosuch"),
  "a search for a scope": searches(() => "scope 3"),
  "a search for an id": searches(({ task }) => task),
  "a search for ids": searches(({ task }) => task.slice(0, 13)),
  "a definition": {
    verbs: ["findDefinition", "definedTasks", "aboveOf"],
    async run(db, { batch }) {
      const found = await findDefinition(db, batch.fan);
      await aboveOf(db, batch.fan, { from: ["t7"], to: ["t0"] });
      return definedTasks(db, found?.ids.slice(0, 200) ?? []);
    },
  },
};

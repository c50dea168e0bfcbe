// Children come out in the order of creation, each once, with every link that was added before.
import fc from "fast-check";
import { expect, it } from "vitest";
import { TellQueue } from "#actor/queue";
import { task } from "./rows.ts";

const rows = Array.from({ length: 20 }, (_, pos) => task({ id: `t${pos}`, pos }));

it("is empty at first, and again after the last", () => {
  const queue = new TellQueue();
  expect(queue.take()).toBeUndefined();
  queue.add(rows[3] as never, { parent: "p", child: "t3", needs: "finish" });
  expect(queue.ids()).toEqual(["t3"]);
  expect(queue.take()).toEqual({ row: rows[3], links: [{ parent: "p", child: "t3", needs: "finish" }] });
  expect([queue.take(), queue.ids()]).toEqual([undefined, []]);
});

it("orders any sequence of adding and taking", () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(19), { nil: null }), { maxLength: 80 }), (steps) => {
      const queue = new TellQueue();
      const waiting = new Map<number, number>();
      for (const step of steps) {
        if (step !== null) {
          waiting.set(step, (waiting.get(step) ?? 0) + 1);
          queue.add(rows[step] as never, { parent: "p", child: `t${step}`, needs: "finish" });
          continue;
        }
        const first = waiting.size > 0 ? Math.min(...waiting.keys()) : undefined;
        const taken = queue.take();
        expect([taken?.row.pos, taken?.links.length]).toEqual([first, waiting.get(first ?? -1)]);
        if (first !== undefined) waiting.delete(first);
      }
    }),
  );
});

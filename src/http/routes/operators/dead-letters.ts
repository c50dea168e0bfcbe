// Dead letters: what they say, and sending one again. A message that could not be read is sent as it came. A command that was read and
// could not be decided is asked again: in the name of who asks for it, since the payload may say anything.
import type { FastifyInstance } from "fastify";
import { mayOperate } from "#domain/actor";
import { batchVerbs, type ClientCommand, type DeliveryCommand, deliveryVerbs, taskVerbs } from "#domain/command";
import { isExpired } from "#domain/commands/expiry";
import { Busy, Conflict, found } from "#domain/errors";
import { isUuid } from "#domain/schema/text";
import type { DeadLetter } from "#domain/values/dead-letter";
import { operations } from "#http/operations/table";
import { pageOf, sayNext } from "#http/query";
import { type Deps, route, send } from "#http/route";
import { reply } from "#intake/reply";
import { dropDeadLetter, findDeadLetter, listDeadLetters } from "#store/read/operators/dead-letters";

export function deadLetterRoutes(app: FastifyInstance, { db, commands, config }: Deps): void {
  route(app, operations.listDeadLetters, async ({ query, request }, out) => {
    const range = pageOf(query, config.paginationDefault, config.paginationMax);
    const { rows, next } = await listDeadLetters(db, range);
    sayNext(request, out, "dead-letters", range, next);
    return rows.map(({ id, subject, reason, at, payload }) => ({
      ...{ id, subject, reason, at, payload: mayOperate(request) ? textOf(payload) : null },
    }));
  });

  route(app, operations.replayDeadLetter, async ({ id, request: { actor } }, out) => {
    const letter = found(await findDeadLetter(db, id), "dead_letter");
    if (letter.cut) throw new Conflict("Only the first 64 KB of this message were kept");
    const command = undecided(letter);
    if (command !== undefined) {
      // One that became a dead letter again has a row of its own; one that was not begun has this one.
      if (isExpired(await commands.ask({ ...command, actor } as ClientCommand)))
        throw new Busy("the command waited too long and was not begun");
    } else if (!(await commands.resend(letter)))
      throw new Conflict(`Nothing takes messages on the subject ${JSON.stringify(letter.subject.slice(0, 200))}`);
    await dropDeadLetter(db, id);
    return send(out, reply(202, { id }));
  });
}

/** A message that was cut may end within a character. */
function textOf(payload: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload, { stream: true });
  } catch {
    return Buffer.from(payload).toString("base64");
  }
}

const verbs: readonly string[] = [...taskVerbs, ...batchVerbs, ...deliveryVerbs];

/** The command, where that is what was set aside: no message of a client has these fields. */
function undecided({ subject, payload }: DeadLetter): ClientCommand | DeliveryCommand | undefined {
  const [, of = "", target, verb = ""] = subject.split(".");
  if (!["task", "delivery"].includes(of) || !verbs.includes(verb)) return undefined;
  try {
    const read = JSON.parse(Buffer.from(payload).toString());
    const isCommand =
      typeof read?.id === "string" && isUuid(read.target) && read.target === target && read.verb === verb;
    return isCommand ? read : undefined;
  } catch {
    return undefined;
  }
}

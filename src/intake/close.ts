// Closing an open batch: its actor is asked.
import type { CommandPublisher } from "#bus/commands/publisher";
import { uuidv7 } from "#domain/values/uuid";
import { type Reply, reply, replyTo } from "#intake/reply";

export interface CloseDeps {
  readonly commands: Pick<CommandPublisher, "ask">;
}

export async function closeBatch({ commands }: CloseDeps, target: string, actor: string, key?: string): Promise<Reply> {
  const command = { id: uuidv7(Date.now()), verb: "close_batch", target, actor } as const;
  const answer = await commands.ask({ ...command, ...(key === undefined ? {} : { key }) });
  return answer.status < 300 ? reply(200, { batch_id: target, open: false }) : replyTo(answer, "batch");
}

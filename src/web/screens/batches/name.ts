// What a batch is called: it has no name of its own, so its scope, or what its kinds are, and the end of its id.
import type { ListedBatch } from "../../../sdk/client.ts";

export function nameOf({ batch_id, scope, kinds, total_tasks }: ListedBatch): string {
  const end = batch_id.slice(-6);
  if (scope !== null) return `${scope} · ${end}`;
  if (total_tasks === 0) return `empty · ${end}`;
  const few = kinds.slice(0, 2).join(", ");
  return `${few}${kinds.length > 2 ? ", …" : ""} · ${end}`;
}

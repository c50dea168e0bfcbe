// What a call is about, by its key: the signature covers `webhook-id`, which is the `Idempotency-Key`, and neither the other headers nor
// the URL. Pure.

export type Identity =
  | { readonly trigger: "start"; readonly task: string; readonly attempt: number }
  | { readonly trigger: "cancel"; readonly task: string; readonly attempt: number }
  | { readonly trigger: "end"; readonly task: string; readonly outcome: "success" | "failure" }
  | { readonly trigger: "complete"; readonly batch: string };

const uuid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const ofAttempt = new RegExp(`^(${uuid}):(start|cancel)(?::(\\d{1,10}))?(?:#\\d+)?$`);
const ofEnd = new RegExp(`^(${uuid}):end:(success|failure)(?:#\\d+)?$`);
const ofBatch = new RegExp(`^batch:(${uuid}):complete(?:#\\d+)?$`);

/** Undefined where the key is none of Baton's. */
export function identityOf(key: string): Identity | undefined {
  const [, task, trigger, attempt = "0"] = ofAttempt.exec(key) ?? [];
  if (task) return { trigger: trigger as "start" | "cancel", task, attempt: Number(attempt) };
  const [, ended, outcome] = ofEnd.exec(key) ?? [];
  if (ended) return { trigger: "end", task: ended, outcome: outcome as "success" | "failure" };
  const [, batch] = ofBatch.exec(key) ?? [];
  return batch ? { trigger: "complete", batch } : undefined;
}

/** Whether a handle leads to this task at this Baton: the one in the query of a call may be anybody's. */
export function isHandleOf(handle: string, baton: string, task: string): boolean {
  try {
    const [sent, own] = [new URL(handle), new URL(baton)];
    return sent.origin === own.origin && sent.pathname === `${own.pathname.replace(/\/+$/, "")}/task/${task}`;
  } catch {
    return false;
  }
}

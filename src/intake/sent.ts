// What HTTP and NATS send alike is read here: ids, keys of clients, and that there is no body.
import { Invalid } from "#domain/errors";
import { Faults, quoted } from "#domain/faults";
import { isKey, isUuid, mustBeKey } from "#domain/schema/text";

/** The body of a call that takes none. */
export const isNothing = (sent: unknown): boolean =>
  sent === undefined || sent === null || (typeof sent === "object" && Object.keys(sent).length === 0);

/** An id of a path, or of a subject, as it is kept. */
export function idOf(id: string): string {
  if (isUuid(id)) return id.toLowerCase();
  const faults = new Faults();
  faults.addOutside(":id", "id", "invalid_format", `must be a UUID, not ${quoted(id)}`);
  throw new Invalid("Invalid id", faults, "invalid_id");
}

/** The client's own key from a header of any name. */
export function readKey(header: string, key: unknown, faults: Faults): string | undefined {
  if (key === undefined || isKey(key)) return key;
  faults.addOutside(`header:${header}`, header, "invalid_format", `${mustBeKey}, not ${quoted(key)}`);
  return undefined;
}

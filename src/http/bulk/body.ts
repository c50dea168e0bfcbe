// Reads the body of POST /bulk. A filter has the values that the query of its listing takes, as a text or as JSON, and is read by
// the same reader; so a filter that a listing refuses is refused here, and one that was mistyped does not take everything.
import { reasonIn } from "#domain/actor";
import { type BulkAsk, type BulkFilter, type BulkKind, bulkKinds, kindsOfAction } from "#domain/bulk";
import type { Faults, Path } from "#domain/faults";
import { decodeBulk } from "#domain/schema/bulk";
import { sizeFault } from "#domain/schema/decode";
import { metadataBytesMax } from "#domain/schema/text";
import { isObject, isThere } from "#domain/values/json";
import { didYouMean } from "#domain/values/nearest";
import { batchOperations } from "#http/operations/batches";
import { deliveryOperations } from "#http/operations/deliveries";
import { taskOperations } from "#http/operations/tasks";
import { codeOf, type Param, type Params, paging } from "#http/query";

export interface BulkBody extends BulkAsk {
  readonly isRehearsal: boolean;
}

const queries: Readonly<Record<BulkKind, Params>> = {
  tasks: taskOperations.listTasks.query as Params,
  batches: batchOperations.listBatches.query as Params,
  deliveries: deliveryOperations.listDeliveries.query as Params,
};

const isPaging = (name: string): boolean => name === "after" || Object.hasOwn(paging, name);

/** The filters of a listing: what its query takes, but for the page. */
export const filtersOf = (kind: BulkKind): readonly string[] =>
  Object.keys(queries[kind]).filter((name) => !isPaging(name));

/** Undefined when there were faults. */
export function readBulk(body: unknown, faults: Faults): BulkBody | undefined {
  const sent = decodeBulk(body, [], faults);
  if (typeof body !== "object" || body === null || Array.isArray(body)) return undefined;
  const all = body as Readonly<Record<string, unknown>>;
  const given = bulkKinds.filter((kind) => isThere(all[kind]));
  const filters = given.map((kind) => readFilter(kind, all[kind], faults));
  const [kind, second] = given;
  if (second !== undefined) faults.add([second], "conflict", `must not be given together with ${kind}`);
  if (kind === undefined) faults.add([], "required", `must name what is meant: one of ${bulkKinds.join(", ")}`);
  const takes: readonly BulkKind[] = sent ? kindsOfAction[sent.action] : bulkKinds;
  if (sent && kind !== undefined && !takes.includes(kind))
    faults.add([kind], "conflict", `${sent.action} takes ${takes.join(" or ")}`);
  const [filter] = filters;
  if (!sent || kind === undefined || filter === undefined || !faults.none) return undefined;
  const { reason = null } = reasonIn(sent.reason);
  return { action: sent.action, kind, filter, reason, isRehearsal: sent.dry_run === true };
}

function readFilter(kind: BulkKind, sent: unknown, faults: Faults): BulkFilter | undefined {
  // What it must be instead is said already.
  if (typeof sent !== "object" || sent === null || Array.isArray(sent)) return undefined;
  const filter: Record<string, unknown> = {};
  let isSound = true;
  for (const [name, value] of Object.entries(sent)) {
    const param = Object.hasOwn(queries[kind], name) && !isPaging(name) ? queries[kind][name] : undefined;
    if (param === undefined) {
      const known = `is no filter here; known are ${filtersOf(kind).join(", ")}`;
      const near = faults.mayGuess() ? didYouMean(name, filtersOf(kind)) : "";
      faults.add([kind, name], "unknown_field", isPaging(name) ? `says which page, and ${known}` : `${known}${near}`);
      isSound = false;
    } else if (!isEmpty(value)) {
      const read = readValue(param, value, [kind, name], faults);
      if (read === undefined) isSound = false;
      else if (!isEmpty(read)) filter[name] = read;
    }
  }
  if (isSound && Object.keys(filter).length === 0)
    faults.add([kind], "required", `must have at least one filter out of ${filtersOf(kind).join(", ")}`);
  return filter;
}

/** No filter: null, an empty text, an empty object. An empty list is a fault: it would be none of all states. */
const isEmpty = (value: unknown): boolean =>
  !isThere(value) || value === "" || (isObject(value) && Object.keys(value).length === 0);

const textMax = 1_000;

function readValue(param: Param<unknown>, value: unknown, path: Path, faults: Faults): unknown {
  const text = textOf(param, value);
  if (text === undefined) {
    faults.add(path, "wrong_type", param.must, value);
    return undefined;
  }
  const isJson = param.schema.contentMediaType !== undefined;
  if (!isJson && [...text].length > textMax) {
    faults.add(path, "out_of_range", `must be a text of at most ${textMax} characters`);
    return undefined;
  }
  const read = param.read(text);
  if (read !== undefined) {
    if (!isJson) return read instanceof Date ? read.toISOString() : read;
    const before = faults.list.length;
    sizeFault(read, path, faults, metadataBytesMax);
    return faults.list.length > before ? undefined : read;
  }
  const inside = param.inside?.(text) ?? [];
  for (const { code, message } of inside) faults.add(path, code, message);
  if (inside.length === 0) faults.add(path, codeOf(param, text), param.must, value);
  return undefined;
}

/** The value as a query would have it; undefined: it has another type. */
function textOf({ schema }: Param<unknown>, value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (schema.type === "integer") return typeof value === "number" ? String(value) : undefined;
  if (schema.contentMediaType !== undefined) return isObject(value) ? JSON.stringify(value) : undefined;
  if (schema.type !== "array" || !Array.isArray(value)) return undefined;
  const isList = value.every((one) => typeof one === "string" && !one.includes(","));
  return isList ? value.join() : undefined;
}

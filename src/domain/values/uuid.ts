// UUIDv7: ids that keep an index local. The code that creates the thing makes its id; never used to order anything.
import { randomFillSync } from "node:crypto";

/** Before every other one in their order, and the id of nothing. */
export const nilUuid = "00000000-0000-0000-0000-000000000000";

const pool = Buffer.alloc(16 * 256);
let next = pool.length;
let lastMs = 0;
let sequence = 0;

/** A new UUIDv7, in lower case. Within one process and millisecond, later ids sort later. `nowMs`: wall clock, ms. */
export function uuidv7(nowMs: number): string {
  if (next === pool.length) {
    randomFillSync(pool);
    next = 0;
  }
  const ms = Math.max(nowMs, lastMs);
  sequence = ms === lastMs ? sequence + 1 : pool.readUInt16BE(next) & 0x3ff;
  lastMs = sequence > 0xfff ? ms + 1 : ms;
  if (sequence > 0xfff) sequence = 0;
  const time = lastMs.toString(16).padStart(12, "0");
  const tail = pool.toString("hex", next + 8, next + 16);
  next += 16;
  const variant = ((Number.parseInt(tail[0] as string, 16) & 3) | 8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${sequence.toString(16).padStart(3, "0")}-${variant}${tail.slice(1, 4)}-${tail.slice(4)}`;
}

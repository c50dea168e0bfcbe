// How long the random tests and those under faults go on: as long as CI has time for, or, with `LONG=1`, as
// `npm run chaos`, `npm run rates` and `npm run isolation` want it. The seed decides the rest (seed.ts).
export const isLong = process.env.LONG === "1";

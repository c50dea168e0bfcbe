// Owns full databases: 300,000 ended tasks (or more) in 60,000 batches, filled once a run, when the first test asks, and copied
// for each that does. What a statement reads on one, against a small one, says whether it grows with what is stored.
import postgres from "postgres";
import { inject } from "vitest";
import { makeFull } from "#test/fill";
import { databaseFrom } from "#test/services";

/** A test that asks for a full database may have to wait until it is filled. */
export const fillLimitMs = 300_000;

/** A copy of the full database with so many ended tasks, and some unfinished ones. Its URL; dropped at the end. */
export async function fullDatabase(tasks = 300_000): Promise<string> {
  return databaseFrom(await template(tasks));
}

/** Of one kind and size there is one template a run, whichever process asks first. */
async function template(tasks: number): Promise<string> {
  const server = inject("postgresUrl");
  const name = `full_${tasks}_${inject("scratchDir").replace(/^.*-/, "")}`;
  const sql = postgres(server, { max: 1, onnotice: () => {} });
  try {
    await sql`select pg_advisory_lock(7227899, hashtext(${name}))`;
    const [there] = await sql`select from pg_database where datname = ${name}`;
    if (there) return name;
    const making = `${name}_making`;
    await sql.unsafe(`drop database if exists ${making} with (force)`);
    await sql.unsafe(`create database ${making}`);
    const url = new URL(server);
    url.pathname = `/${making}`;
    await makeFull(url.href, tasks);
    await sql.unsafe(`alter database ${making} rename to ${name}`);
    return name;
  } finally {
    await sql.end({ timeout: 5 });
  }
}

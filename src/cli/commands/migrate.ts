// `baton migrate`: brings the schema of DATABASE_URL up to date and ends, for those who do not want the start of a server to do it.
import { ConfigError, loadDatabaseConfig } from "#config";
import { withPostgres } from "#store/maintenance/look";
import { migrate as applied, ForeignSchema } from "#store/maintenance/migrate";
import { Mistake } from "../arguments.ts";
import { exits, type Settings } from "../context.ts";
import { reasonOf } from "../doctor/finding.ts";

export async function migrate({ json }: Pick<Settings, "json">): Promise<number> {
  const names = await withPostgres(settings(), applied).catch((error) => {
    if (error instanceof ForeignSchema) throw new Mistake(error.message);
    throw new Mistake(`the migrations could not be applied: ${reasonOf(error)}\nTry: baton doctor`);
  });
  if (json) process.stdout.write(`${JSON.stringify({ applied: names }, null, 2)}\n`);
  else
    for (const line of names.length > 0 ? names.map((name) => `applied ${name}`) : ["the schema is up to date"])
      process.stdout.write(`${line}\n`);
  return exits.success;
}

function settings() {
  try {
    return loadDatabaseConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new Mistake(
      `${error.faults.join("\n")}\nTry: DATABASE_URL=postgres://user:password@host/database baton migrate`,
    );
  }
}

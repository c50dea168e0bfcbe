// What a process says of itself in the table of processes.
import type { Config } from "#config";
import { version } from "#domain/values/version";
import { type ProcessSelf, processName } from "#store/maintenance/process";

export const selfOf = ({ roles }: Pick<Config, "roles">): ProcessSelf => ({
  name: processName,
  roles: [...roles],
  version,
});

// Wires what a process needs that is no worker: to say that it is alive.
import type { Config } from "#config";
import { selfOf } from "#roles/self";
import type { Db } from "#store/pg/pool";
import type { Logger } from "#telemetry/log";
import { lagMeter } from "#telemetry/metrics";
import { presence } from "#timers/presence";

export function startPresence(config: Config, db: Db, log: Logger): { stop(): Promise<void> } {
  const lag = lagMeter();
  const figures = () => ({ callsOpen: 0, lagMs: lag(), skewMs: 0 });
  return presence({ db, self: selfOf(config), figures, leaseSecs: config.workerClaimTimeoutSecs, log });
}

// What a process says of itself in the table of processes; and the role that does nothing else, of a process that is no worker.
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { Config } from "#config";
import { version } from "#domain/values/version";
import { basics, held } from "#roles/scope";
import { type ProcessSelf, processName } from "#store/maintenance/process";
import { lagMeter } from "#telemetry/metrics";
import { presence as keepPresent } from "#timers/presence";

export const selfOf = ({ roles }: Pick<Config, "roles">): ProcessSelf => ({
  name: processName,
  roles: [...roles],
  version,
});

export const presence = Layer.effectDiscard(
  Effect.gen(function* () {
    const { config, log, db } = yield* basics;
    const lag = lagMeter();
    const figures = () => ({ callsOpen: 0, lagMs: lag(), skewMs: 0 });
    const self = selfOf(config);
    yield* held(
      () => keepPresent({ db, self, figures, leaseSecs: config.workerClaimTimeoutSecs, log }),
      (it) => it.stop(),
    );
  }),
);

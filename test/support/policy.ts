// Policies of the SSRF guard for tests: as it is without any setting, and with some.
import { type GuardSettings, makePolicy, type Policy } from "#domain/calls/guard";

export const policyWith = (more: Partial<GuardSettings> = {}): Policy =>
  makePolicy({
    skipSsrfValidation: false,
    blockedHostnames: [],
    blockedHostnameSuffixes: [],
    allowedHostnames: [],
    allowedCidrs: [],
    ...more,
  });

/** Everything that is not private. */
export const strict = policyWith();

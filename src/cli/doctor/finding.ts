// What `baton doctor` says of one thing that it looked at. Pure.

export interface Finding {
  readonly what: string;
  /** `unseen`: it could not be looked at from here, which is no fault. */
  readonly state: "ok" | "warning" | "wrong" | "unseen";
  readonly says: string;
  /** How to mend it, or how to look at it. */
  readonly mend?: string;
}

/** A check that says nothing but "ok", or what is wrong and how to mend it. */
export const check = (
  what: string,
  says: string,
  trouble?: Pick<Finding, "says" | "mend"> & { readonly isWrong?: boolean },
): Finding =>
  trouble === undefined
    ? { what, state: "ok", says }
    : {
        what,
        state: trouble.isWrong ? "wrong" : "warning",
        says: trouble.says,
        ...(trouble.mend ? { mend: trouble.mend } : {}),
      };

const skewMaxMs = 2_000;

/** Of a clock that is `skewMs` ahead of this machine's. */
export function clock(what: string, skewMs: number, mend: string): Finding {
  const apart = Math.abs(skewMs);
  if (apart < skewMaxMs) return check(what, "as this machine's");
  const seconds = `${Math.round(apart / 100) / 10} s ${skewMs > 0 ? "ahead of" : "behind"} this machine's`;
  return check(what, "", { says: seconds, mend });
}

/** What an error of a server or of the network says, with the reason below it; never an address with a password. */
export function reasonOf(error: unknown): string {
  const { code, message, cause } = error as { code?: unknown; message?: string; cause?: unknown };
  if (cause instanceof Error && message !== cause.message) return reasonOf(cause);
  const text = message || (typeof code === "string" ? code : String(error));
  return text.replace(/\/\/[^/@\s]*@/g, "//***@");
}

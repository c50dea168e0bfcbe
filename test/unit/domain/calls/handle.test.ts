// Handles and their signatures: for one task, one attempt and one secret, and for nothing else.
import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { handleOf, isSignatureOf, signatureOf } from "#domain/calls/handle";

const id = "0197b0a0-0000-7000-8000-000000000000";
const other = "0197b0a0-0000-7000-8000-000000000001";
const open = { hostUrl: "https://baton.example.org/base", handleSecret: undefined };

describe("a handle", () => {
  it("names the attempt, from 0, only where the task may retry", () => {
    expect(handleOf(open, id, 0, false)).toBe(`${open.hostUrl}/task/${id}`);
    expect(handleOf(open, id, 0, true)).toBe(`${open.hostUrl}/task/${id}?attempt=0`);
  });

  it("carries a signature where there is a secret", () => {
    const signed = { ...open, handleSecret: "s3cret" };
    const sig = createHmac("sha256", "s3cret").update(`${id}:3`).digest("base64url");
    expect(handleOf(signed, id, 3, true)).toBe(`${open.hostUrl}/task/${id}?attempt=3&sig=${sig}`);
    expect(handleOf(signed, id, 0, false)).toBe(`${open.hostUrl}/task/${id}?sig=${signatureOf("s3cret", id, 0)}`);
  });
});

it("a signature is good for its task, attempt and secret alone", () => {
  const sig = signatureOf("a", id, 1);
  expect(isSignatureOf(sig, "a", id, 1)).toBe(true);
  expect(isSignatureOf(sig, "a", other, 1)).toBe(false);
  expect(isSignatureOf(sig, "a", id, 0)).toBe(false);
  expect(isSignatureOf(sig, "a", id, 11)).toBe(false);
  expect(isSignatureOf(sig, "b", id, 1)).toBe(false);
  for (const forged of ["", sig.slice(1), `${sig}=`, sig.toUpperCase(), "ü".repeat(43), "x".repeat(100_000)])
    expect(isSignatureOf(forged, "a", id, 1)).toBe(false);
});

// No password gets into a log line or a fault, however wrong the URL is that it stands in.
import fc from "fast-check";
import { expect, it } from "vitest";
import { seed } from "#test/seed";
import { maskUrls } from "../../../src/config/mask.ts";

it("masks passwords also in URLs that cannot be read", () => {
  const part = fc.string({ unit: fc.constantFrom(..."aZ09@:/?#,%&= []"), maxLength: 12 });
  const scheme = fc.constantFrom("postgres://", "nats://", "http://", "mysql://", "postgres:/", "pg:", "");
  const property = fc.property(scheme, part, part, (before, left, right) => {
    const password = `${left}hunter2${right}`;
    expect(maskUrls(`${before}user:${password}@host:5432/db`)).not.toContain("hunter2");
  });
  fc.assert(property, { seed, numRuns: 2000 });
  const cases = ["postgres://u:hunter2", "nats://hunter2@h,tls://a:hunter2@b", "host=h password='hunter2 x' user=u"];
  for (const text of [...cases, "postgres://h/d?user=u&password=hunter2"]) {
    expect(maskUrls(text)).not.toContain("hunter2");
    expect(maskUrls(text)).toContain("***");
  }
  expect(maskUrls("postgres://[::1]:5432/db,nats://h:4222")).toBe("postgres://[::1]:5432/db,nats://h:4222");
});

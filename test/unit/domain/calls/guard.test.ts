// The SSRF guard as tables: every way to write a receiver that must not be called, what may be, and what no setting opens.
import { describe, expect, it } from "vitest";
import { loadConfig } from "#config";
import { addressFault, hostFault, makePolicy, urlFault } from "#domain/calls/guard";
import { Faults } from "#domain/faults";
import { readAction } from "#domain/schema/action";
import { policyWith, strict } from "#test/policy";

/** How an action with this URL is refused. */
function refusal(url: string, policy = strict): string | undefined {
  const faults = new Faults();
  readAction({ kind: "Webhook", params: { url, verb: "Post" } }, policy, faults);
  return faults.list[0];
}

const ipv4 = /^params\.url: must write an IPv4 address as four decimal numbers$/;

describe("a URL is refused", () => {
  it.each<[string, RegExp]>([
    ["http://127.1/", ipv4],
    ["http://2130706433/", ipv4],
    ["http://0x7f.1/", ipv4],
    ["http://0177.0.0.1/", ipv4],
    ["http://0/", ipv4],
    ["http://①②⑦.⓪.⓪.①/", ipv4],
    ["http://127.0.0.1./", ipv4],
    ["http://127.0.0%2e1/", ipv4],
    ["http://0xA9FEA9FE/", ipv4],
    ["http://0x08.8.8.8/", ipv4],
    ["http://127.0.0.1/", /must not point to a loopback address \(127\.0\.0\.0\/8\)/],
    ["http://127.255.255.254:81/", /127\.0\.0\.0\/8/],
    ["http://0.0.0.0:5432/", /an address of this host \(0\.0\.0\.0\/8\)/],
    ["http://10.0.0.1/", /a private address \(10\.0\.0\.0\/8\)/],
    ["http://172.16.0.0/", /172\.16\.0\.0\/12/],
    ["http://172.31.255.255/", /172\.16\.0\.0\/12/],
    ["http://192.168.1.1/", /192\.168\.0\.0\/16/],
    ["http://169.254.169.254/latest/meta-data/", /link-local address \(169\.254\.0\.0\/16\)/],
    ["http://168.63.129.16/", /a metadata service/],
    ["http://100.100.100.200/", /a metadata service/],
    ["http://192.0.0.192/", /a metadata service/],
    ["http://100.64.0.1/", /carrier's shared address/],
    ["http://192.0.2.1/", /reserved/],
    ["http://192.88.99.1/", /reserved/],
    ["http://198.18.0.1/", /reserved/],
    ["http://198.51.100.7/", /reserved/],
    ["http://203.0.113.7/", /reserved/],
    ["http://224.0.0.1/", /multicast/],
    ["http://240.0.0.1/", /reserved/],
    ["http://255.255.255.255/", /reserved/],
    ["http://[::]/", /an address of this host \(::\/128\)/],
    ["http://[::1]/", /loopback address \(::1\/128\)/],
    ["http://[0:0:0:0:0:0:0:1]/", /loopback/],
    ["http://[::ffff:7f00:1]/", /an IPv4 address inside an IPv6 one \(::ffff:0:0\/96\)/],
    ["http://[::ffff:8.8.8.8]/", /inside/],
    ["http://[::127.0.0.1]/", /inside/],
    ["http://[64:ff9b::a9fe:a9fe]/", /inside an IPv6 one \(64:ff9b::\/96\)/],
    ["http://[64:ff9b:1::1]/", /inside/],
    ["http://[2002:7f00:1::]/", /inside an IPv6 one \(2002::\/16\)/],
    ["http://[2001:0:1::1]/", /inside/],
    ["http://[fe80::1]/", /link-local/],
    ["http://[fd00:ec2::254]/", /metadata/],
    ["http://[fd12::1]/", /private address \(fc00::\/7\)/],
    ["http://[fec0::1]/", /private/],
    ["http://[ff02::1]/", /multicast/],
    ["http://[2001:db8::1]/", /reserved/],
    ["http://[3fff::1]/", /reserved/],
    ["http://[100::1]/", /not global unicast/],
    ["http://[5f00::1]/", /not global unicast/],
    ["http://LOCALHOST/", /params\.url: host is blocked: localhost;/],
    ["http://localhost./", /host is blocked: localhost;/],
    ["http://foo.localhost/", /host is blocked: \.localhost;/],
    ["http://loc%61lhost/", /host is blocked: localhost;/],
    ["http://ｌocalhost/", /host is blocked: localhost;/],
    ["http://local/", /host is blocked: local;/],
    ["http://internal/", /host is blocked: internal;/],
    ["http://printer.local:631/", /host is blocked: \.local;/],
    ["http://db.corp.internal/", /host is blocked: \.internal;/],
    ["http://x.localdomain/", /host is blocked: \.localdomain;/],
    ["http://metadata.google.internal/", /host is blocked: metadata\.google\.internal;/],
    ["http://example.com@127.0.0.1/", /user name/],
    ["http://example.com\\@127.0.0.1/", /backslashes/],
    ["http:\\\\127.0.0.1/", /backslashes/],
    ["//127.0.0.1/", /must be a URL that starts with/],
    [`file:${"//"}/etc/passwd`, /must be a URL that starts with/],
    ["data:text/plain,x", /must be a URL that starts with/],
    ["http:/127.0.0.1/", /must be a URL that starts with/],
    ["http://[fe80::1%25eth0]/", /must be a URL that starts with/],
    ["http://1.2.3.4.5/", /must be a URL that starts with/],
  ])("%s", (url, says) => {
    expect(refusal(url)).toMatch(says);
  });
});

it.each([
  "https://8.8.8.8/",
  "https://8.8.8.8:/x?y#z",
  "https://172.32.0.1/",
  "https://100.128.0.1/",
  "https://[2606:4700:4700::1111]/",
  "https://[2606:4700:4700::1111]:8443/x",
  "HTTPS://EXAMPLE.ORG/",
  "http://8.8.8.8",
  "https://bücher.example.org/",
  "http://example.org./",
  "http://localhost.example.org/",
  "http://notlocal/",
  "http://127.0.0.1.example.org/",
])("%s is accepted", (url) => {
  expect(refusal(url)).toBeUndefined();
});

describe("exceptions of the operator", () => {
  const loopback = policyWith({ allowedCidrs: ["127.0.0.0/8"] });
  it("open a range for addresses as they are, and not for other ways to write or reach them", () => {
    expect(refusal("http://127.0.0.1:9000/", loopback)).toBeUndefined();
    expect(addressFault("127.8.8.8", loopback)).toBeUndefined();
    for (const url of [
      "http://127.1/",
      "http://2130706433/",
      "http://[::1]/",
      "http://[::ffff:7f00:1]/",
      "http://[2002:7f00:1::]/",
      "http://localhost/",
      "http://10.0.0.1/",
    ])
      expect(refusal(url, loopback), url).toBeDefined();
    expect(addressFault("::ffff:127.0.0.1", loopback)?.rule).toBe("embedded");
  });

  it("open a name, whatever suffix it has and wherever it leads", () => {
    const policy = policyWith({ allowedHostnames: ["api.corp.internal", "localhost", "10.1.1.1", "[fd12::1]"] });
    for (const host of ["api.corp.internal", "localhost", "localhost.", "10.1.1.1", "[fd12::1]", "fd12::1"])
      expect(hostFault(host, policy), host).toBeUndefined();
    expect(hostFault("db.corp.internal", policy)?.says).toBe(
      "host is blocked: .internal; to allow it, give Baton ALLOWED_HOSTNAMES=db.corp.internal",
    );
    expect(hostFault("10.1.1.2", policy)?.rule).toBe("private");
    expect(addressFault("10.9.9.9", policy, "api.corp.internal")).toBeUndefined();
  });

  it.each([
    "169.254.169.254",
    "169.254.1.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",
    "2001:0:808:808:0:0:5601:5601",
  ])("never open %s", (address) => {
    const open = policyWith({ allowedCidrs: ["0.0.0.0/0", "::/0"], allowedHostnames: ["x"] });
    expect(addressFault(address, open, "x")).toBeDefined();
    expect(addressFault("::ffff:10.0.0.1", open)).toBeUndefined();
  });

  it("never open the names of metadata services", () => {
    const policy = policyWith({ allowedHostnames: ["metadata.google.internal"] });
    expect(hostFault("metadata.google.internal", policy)?.rule).toBe("metadata");
    expect(hostFault("METADATA.GOOGLE.INTERNAL.".toLowerCase(), policy)?.rule).toBe("metadata");
  });

  it("add to what is blocked", () => {
    const policy = policyWith({
      blockedHostnames: ["evil.example.org", "8.8.8.8", "[2606:4700::1]"],
      blockedHostnameSuffixes: [".corp"],
      allowedHostnames: ["good.corp"],
    });
    expect(hostFault("evil.example.org", policy)?.says).toBe("host is blocked: evil.example.org");
    expect(hostFault("sub.evil.example.org", policy)).toBeUndefined();
    expect(hostFault("a.b.corp", policy)?.says).toBe("host is blocked: .corp");
    expect(hostFault("corp", policy)?.says).toBe("host is blocked: corp");
    expect(hostFault("good.corp", policy)).toBeUndefined();
    // Also where a name leads to it.
    for (const address of ["8.8.8.8", "2606:4700:0::1"]) expect(addressFault(address, policy)?.rule).toBe("host");
  });

  it("switch all of it off", () => {
    const policy = policyWith({ skipSsrfValidation: true });
    expect(urlFault("http://0x7f.1/", policy)).toBeUndefined();
    expect(hostFault("localhost", policy)).toBeUndefined();
    expect(addressFault("169.254.169.254", policy)).toBeUndefined();
  });
});

it("what is no address is blocked", () => {
  for (const text of ["", "x", "1.2.3", "::g"]) expect(addressFault(text, strict)?.rule).toBe("spelling");
});

/** A policy with what the text says to set. */
function asSaid(says: string | undefined) {
  const [, name, value] = /; to allow it, give Baton ([A-Z_]+)=(\S+)$/.exec(says ?? "") ?? [];
  const required = { DATABASE_URL: "postgres://h/d", NATS_URL: "nats://h", HOST_URL: "http://h" };
  return makePolicy(loadConfig({ ...required, ...(name === undefined ? {} : { [name]: value }) }));
}

it.each(["127.0.0.1", "10.2.3.4", "192.168.0.9", "100.64.0.1", "[::1]", "[fd12::1]", "[::ffff:7f00:1]", "localhost"])(
  "says of %s with which setting it would be called",
  (host) => {
    const { says } = hostFault(host, strict) ?? {};
    expect(says).toMatch(/give Baton ALLOWED_(CIDRS|HOSTNAMES)=\S+$/);
    expect(hostFault(host, asSaid(says))).toBeUndefined();
  },
);

it.each(["10.2.3.4", "127.0.0.1", "fd12::1", "::ffff:10.0.0.1"])(
  "says that a name leads to such as %s, what would allow it, and not the address",
  (ip) => {
    const { says } = addressFault(ip, strict, "db.example.org") ?? {};
    expect(says).toContain(": db.example.org leads to one; to allow it, give Baton ALLOWED_HOSTNAMES=db.example.org");
    expect(says).not.toContain(ip);
    expect(addressFault(ip, asSaid(says), "db.example.org")).toBeUndefined();
  },
);

it("offers no setting where none opens, nor against what the operator blocked", () => {
  const policy = policyWith({ blockedHostnames: ["10.2.3.4", "a.internal"], blockedHostnameSuffixes: [".corp"] });
  for (const host of ["169.254.169.254", "[fd00:ec2::254]", "metadata.google.internal"])
    expect(hostFault(host, strict)?.says).toMatch(/; no setting allows it$/);
  for (const host of ["10.2.3.4", "a.internal", "x.corp"])
    expect(hostFault(host, policy)?.says).not.toContain("ALLOWED");
});

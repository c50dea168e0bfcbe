#!/usr/bin/env node
// Owns the start of the installed program: says which Node it needs before anything is read that an older one cannot read.
const major = Number(process.versions.node.split(".")[0]);
if (major >= 24) await import("../dist/cli.js");
else {
  process.stderr.write(`baton needs Node 24 or later; this is Node ${process.versions.node}.\n`);
  process.exitCode = 1;
}

// Sets up what a command needs, then runs it under Node 24: `node scripts/run.mjs [--needs=LIST] [--wants=LIST] COMMAND [ARGS...]`.
// LIST names groups of scripts/set-up/debian-packages.mjs, separated by commas; what is only wanted may be missing.
// Plain JavaScript without dependencies: it runs before anything is installed, on whatever Node the machine has.
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { installDebianPackages } from "./set-up/debian-packages.mjs";
import { environmentWithNode24, SetUpError, setUp } from "./set-up.mjs";

const args = process.argv.slice(2);
const needs = [];
const wants = [];
while (/^--(needs|wants)=/.test(args[0] ?? "")) {
  const [option, list] = args.shift().split("=");
  (option === "--needs" ? needs : wants).push(...list.split(","));
}
const [command, ...rest] = args;

if (command === undefined) {
  console.error("usage: node scripts/run.mjs [--needs=LIST] [--wants=LIST] COMMAND [ARGS...]");
  process.exit(2);
}
try {
  setUp(needs);
} catch (error) {
  if (!(error instanceof SetUpError)) throw error;
  console.error(`lifeboat: ${error.message}`);
  process.exit(1);
}
for (const want of wants) {
  try {
    installDebianPackages([want]);
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
    console.error(`lifeboat: going on without ${want}: ${error.message}`);
  }
}

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const child = spawn(command, rest, { stdio: "inherit", env: environmentWithNode24(root) });
child.once("error", (error) => {
  console.error(`lifeboat: cannot start ${command}: ${error.message}`);
  process.exit(127);
});
// The terminal sends Ctrl-C to the child as well; this process only has to outlive it and hand its end on.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}
child.once("exit", (code, signal) => {
  if (signal === null) process.exit(code ?? 1);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});

#!/usr/bin/env node
// Plain JavaScript that also an old Node reads: Lifeboat needs Node 24, and brings it along where the machine's own is older.
import { spawn } from "node:child_process";
import { accessSync, constants, existsSync, lstatSync, mkdirSync } from "node:fs";
import module from "node:module";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";

const wantedMajor = 24;
const nodeMajor = Number(process.versions.node.split(".")[0]);
const here = dirname(fileURLToPath(import.meta.url));
/** Folders above this file that may hold node_modules: the checkout, or the place of an installation. */
const roots = [resolve(here, "../../.."), resolve(here, "../../../..")];

if (nodeMajor < wantedMajor) startWithOwnNode();
else if (movesData() && process.env.MALLOC_ARENA_MAX === undefined) startWithFrugalMemory();
else await start();

/** Commands that seal or open much data; the others are over before memory matters. */
function movesData() {
  const words = commandWords();
  return (
    ["backup", "restore", "copy", "dump", "up", "drill"].includes(words[0]) || (words[0] === "repo" && words[1] !== "unlock")
  );
}

function commandWords() {
  return process.argv.slice(2).filter((word) => !word.startsWith("-"));
}

/**
 * The C library keeps freed memory for each thread, and V8 lets its nursery grow: together a third of the memory of a backup
 * (measured: 746 MB against 480 MB). Both are set at the start of a process only, so it takes its own place once.
 */
function startWithFrugalMemory() {
  quietExperiments();
  const env = { ...process.env, MALLOC_ARENA_MAX: "2", MALLOC_MMAP_THRESHOLD_: "262144", MALLOC_TRIM_THRESHOLD_: "33554432" };
  // Threads find compiled code only through the environment.
  const folder = cacheFolder();
  if (folder !== undefined) env.NODE_COMPILE_CACHE = folder;
  // What comes over SSH waits for a collection; who has none of it needs less room before one begins.
  const pulls = ["backup", "up", "drill"].includes(commandWords()[0]);
  const argv = [
    process.execPath,
    `--max-semi-space-size=${pulls ? 8 : 4}`,
    // The threads that would help are busy with sealing: a nursery is emptied with less work by one (a tenth of a backup's CPU).
    // A Node that does not know the flag would not start, so only for the one that it was tried with.
    ...(nodeMajor === wantedMajor ? ["--no-parallel-scavenge"] : []),
    // Buffers count as heap. V8 would mark all objects again for every 64 MiB of them that flow through (a quarter of a backup's CPU); so
    // they count towards the heap's own limit, which begins where objects and buffers in use have room, and grows slowly.
    ...(nodeMajor === wantedMajor ? ["--external-memory-accounted-in-global-limit", "--heap-growing-percent=20"] : []),
    `--initial-old-space-size=${pulls ? 100 : 40}`,
    ...process.execArgv,
    fileURLToPath(import.meta.url),
    ...process.argv.slice(2),
  ];
  process.execve(process.execPath, argv, env);
}

function startWithOwnNode() {
  const program = roots
    .filter((root, at) => (at === 0 && isCheckout()) || isOursAlone(root))
    .map((root) => join(root, `node_modules/node-linux-${process.arch}/bin/node`))
    .find((path) => existsSync(path));
  if (program === undefined) {
    process.stderr.write(
      `error: Lifeboat needs Node ${wantedMajor}, this is ${process.versions.node}\n  next   install Node ${wantedMajor}, or run 'npm install' again with optional dependencies\n`,
    );
    process.exit(1);
  }
  const child = spawn(program, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
  // On a terminal Ctrl-C reaches the whole group by itself, and twice would mean "at once". What is sent to this process alone is
  // passed on. Either way the child decides.
  const isOnTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
  for (const name of ["SIGTERM", "SIGHUP"]) process.on(name, () => child.kill(name));
  process.on("SIGINT", () => isOnTerminal || child.kill("SIGINT"));
  child.on("error", (error) => {
    process.stderr.write(`error: ${program} could not be started: ${error.message}\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

async function start() {
  quietExperiments();
  // Node ends by waiting for its compiling threads; one of them may then wait for a garbage collection that never comes, and a command
  // that has done its work stands for ever (nodejs/node#54918; seen in a debugger with both of these, up to one command in ten). Without
  // Maglev and with baseline code made by the main thread it takes the same time.
  if (nodeMajor === wantedMajor) setFlagsFromString("--no-maglev --no-concurrent-sparkplug");
  const folder = cacheFolder();
  if (folder !== undefined) module.enableCompileCache(folder);
  const { main } = await import("../src/main.ts");
  await main(process.argv.slice(2));
}

/** A folder that is ours alone: code from a folder that others may write would be theirs. */
function cacheFolder() {
  const choices = [...roots.slice(0, 1).map((root) => join(root, "node_modules/.cache")), join(homedir(), ".cache")];
  for (const choice of choices) {
    try {
      const folder = join(choice, "lifeboat/compiled");
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      accessSync(folder, constants.W_OK);
      if (isOursAlone(folder)) return folder;
    } catch {
      // Without a cache it only starts slower.
    }
  }
  return undefined;
}

/** Whether this file lies in the checkout: then whoever may write its first root wrote this file too. */
function isCheckout() {
  return here === join(roots[0], "packages/cli/bin");
}

/** Whether it is a folder, no link, that nobody but us may write. */
function isOursAlone(folder) {
  try {
    const stat = lstatSync(folder);
    return stat.isDirectory() && stat.uid === process.getuid() && (stat.mode & 0o022) === 0;
  } catch {
    return false;
  }
}

/** What of Node is still called experimental is our business, not that of who runs a backup. */
function quietExperiments() {
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning, ...rest) => {
    const type = typeof rest[0] === "object" && rest[0] !== null ? rest[0].type : rest[0];
    if (type !== "ExperimentalWarning") emitWarning.call(process, warning, ...rest);
  };
}

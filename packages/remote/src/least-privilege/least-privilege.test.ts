import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import type { ByteString, CompiledSource, FileEntry, ReadEvent } from "@lifeboat/model";
import { byteString } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostEntry } from "../../../../test/fixtures/host-entry.ts";
import {
  findFreePort,
  ownAccountFiles,
  type PostgresServer,
  type SshHost,
  startPostgres,
  startSshHost,
} from "../../../../test/services/index.ts";
import { createPostgresDump } from "../databases/create-postgres-dump.ts";
import { createSqliteDump } from "../databases/create-sqlite-dump.ts";
import { createFileSource } from "../files/create-file-source.ts";
import { factsCommand, readHostFacts, sudoPrograms } from "../files/host-facts.ts";
import { listCommand } from "../files/list-command.ts";
import { openRanges, RangePrograms } from "../files/open-ranges.ts";
import { OwnerNames } from "../files/owner-names.ts";
import {
  hashCommand,
  rangesCommand,
  readCommand,
  readRestCommand,
  statCommand,
  statManyCommand,
} from "../files/remote-commands.ts";
import { collectOutput } from "../process/collect-output.ts";
import { shellCommand } from "../session/shell-command.ts";
import { connectHost, type SshMachine } from "../session/ssh-machine.ts";
import { connectOptions } from "../session/test-host.ts";
import { createHostSetup } from "./create-host-setup.ts";
import { listOf, smuggledCommands } from "./test-smuggled-commands.ts";

const isRoot = process.getuid?.() === 0;
const signal = new AbortController().signal;
const account = "puller";
const guards = { minBytes: undefined, maxShrinkRatio: undefined, maxUnreadable: undefined };

let sshd: SshHost;
let postgres: PostgresServer;
let machine: SshMachine;
let tree: string;
let secret: string;
let ledger: string;
let files: Extract<CompiledSource, { type: "files" }>;
let shop: Extract<CompiledSource, { type: "postgresql" }>;

beforeAll(async () => {
  if (!isRoot) return;
  [sshd, postgres] = await Promise.all([
    startSshHost({
      user: account,
      ownFiles: ownAccountFiles(account),
      sshdLines: ["PermitUserEnvironment no", "AcceptEnv LANG PERL*"],
    }),
    startPostgres({ password: "pass word" }),
  ]);
  await postgres.createDatabase("shop");
  await postgres.sql(
    'create table "Odd ""one""" (v int); create table orders (id int); insert into orders values (1), (2);',
    "shop",
  );
  fs.chmodSync(sshd.folder, 0o755);
  tree = join(sshd.folder, "srv/www");
  secret = join(sshd.folder, "secret");
  ledger = join(sshd.folder, "ledger.db");
  fs.mkdirSync(join(tree, "deep/er"), { recursive: true });
  for (const name of ["index.html", "deep/a", "deep/er/b\nwith \"quotes'"])
    fs.writeFileSync(join(tree, name), `content of ${name}`, { mode: 0o600 });
  fs.chmodSync(join(tree, "deep"), 0o700);
  fs.writeFileSync(secret, "TOP-SECRET", { mode: 0o600 });
  fs.mkdirSync(join(sshd.folder, "srv/www2"));
  fs.writeFileSync(join(sshd.folder, "srv/www2/hidden"), "TOP-SECRET");
  fs.symlinkSync(sshd.folder, join(tree, "away"));
  spawnSync("sqlite3", [ledger], { input: "create table entries (v int); insert into entries values (1), (2), (3);" });
  fs.chmodSync(ledger, 0o600);
  files = { type: "files", name: "www", paths: [byteString(tree)], exclude: [], oneFilesystem: false, guards };
  const address = { server: postgres.address, port: postgres.port, user: "postgres", database: "shop" };
  shop = { type: "postgresql", name: "shop", ...address, password: { env: "PG" }, recordRows: "all", guards };
  const lite: CompiledSource = { type: "sqlite", name: "ledger", path: byteString(ledger), recordRows: "all", guards };
  const entry = hostEntry(sshd, { user: account, sudo: true });
  const setup = await createHostSetup(entry, [files, shop, lite], { scriptPath: join(sshd.folder, "lifeboat-pull") });
  fs.writeFileSync(setup.scriptPath, setup.script, { mode: 0o755 });
  fs.writeFileSync(join(sshd.folder, "authorized_keys"), `${setup.authorizedKeys}\n`);
  fs.writeFileSync(join(sshd.folder, "own-etc-sudoers"), `${setup.sudoers}\n`);
  machine = await connectHost(entry, connectOptions());
}, 120_000);
afterAll(async () => {
  await machine?.close();
  await sshd?.stop();
  await postgres?.stop();
});

describe.skipIf(!isRoot)(
  "with the script, the key and the sudoers line in place (needs root, for an account of the host's own)",
  () => {
    test("files that only root can read are listed and read, whatever their names", async () => {
      const source = createFileSource(machine, {
        name: "www",
        paths: files.paths,
        exclude: ["*.tmp", "**/cache/"],
        oneFilesystem: true,
        sudo: true,
      });
      const problems: unknown[] = [];
      const entries: FileEntry[] = [];
      for await (const some of source.list({ signal, problem: (problem) => problems.push(problem) })) entries.push(...some);
      const below = entries.filter(({ above }) => above !== true);
      expect(problems).toEqual([]);
      expect(below.map(({ path }) => path.slice(tree.length)).sort()).toEqual([
        "",
        "/away",
        "/deep",
        "/deep/a",
        "/deep/er",
        "/deep/er/b\nwith \"quotes'",
        "/index.html",
      ]);
      const events: ReadEvent[] = [];
      for await (const some of source.read(below, { signal })) events.push(...some);
      const text = events.map((event) => (event.kind === "data" ? Buffer.from(event.bytes).toString() : "")).join("");
      expect(text).toContain("content of deep/er/b");
      expect(text).not.toContain("TOP-SECRET");
      const verdicts = events.flatMap((event) => (event.kind === "verdict" ? [event.verdict] : []));
      expect(new Set(verdicts)).toEqual(new Set(["same"]));
      expect(verdicts).toHaveLength(below.length);
    });

    test("everything that selects files can be asked", async () => {
      fs.mkdirSync(join(tree, "cache/deep"), { recursive: true });
      fs.writeFileSync(join(tree, "cache/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55", { mode: 0o600 });
      for (const name of ["cache/deep/x", "cache/y"]) fs.writeFileSync(join(tree, name), "x");
      const source = createFileSource(machine, {
        name: "www",
        paths: files.paths,
        exclude: ["deep", "nothing/"],
        include: [`${tree}/deep/er`],
        excludeCaches: true,
        excludeIfPresent: [".nobackup"],
        excludeLargerThan: 1000,
        oneFilesystem: true,
        sudo: true,
      });
      const problems: unknown[] = [];
      const left: string[] = [];
      const kept: string[] = [];
      const leftOut = ({ path }: FileEntry, reason: string) => left.push(`${reason} ${path.slice(tree.length)}`);
      for await (const some of source.list({ signal, problem: (problem) => problems.push(problem), leftOut })) {
        kept.push(...some.filter(({ above }) => above !== true).map(({ path }) => path.slice(tree.length)));
      }
      fs.rmSync(join(tree, "cache"), { recursive: true });
      expect(problems).toEqual([]);
      expect(kept.sort()).toEqual([
        "",
        "/away",
        "/cache",
        "/cache/CACHEDIR.TAG",
        "/deep",
        "/deep/er",
        "/deep/er/b\nwith \"quotes'",
        "/index.html",
      ]);
      expect(left.sort()).toEqual(["pattern /cache/deep", "pattern /deep/a", "tag /cache/y"]);
    });

    test("the rest of a file is read, but not what a link leads to", async () => {
      const source = createFileSource(machine, { name: "www", paths: files.paths, sudo: true });
      const entries: FileEntry[] = [];
      for await (const some of source.list({ signal, problem: () => undefined })) entries.push(...some);
      const index = entries.find(({ path }) => path === `${tree}/index.html`)!;
      const readRest = async (entry: FileEntry) => {
        const events: ReadEvent[] = [];
        for await (const some of source.readRest!(entry, { offset: 3, signal })) events.push(...some);
        return events.map((event) =>
          event.kind === "data" ? Buffer.from(event.bytes).toString() : event.kind === "verdict" ? event.verdict : event.kind,
        );
      };
      expect(await readRest(index)).toEqual(["tent of index.html", "same"]);
      fs.symlinkSync(secret, join(tree, "link"));
      expect(await readRest({ ...index, path: byteString(join(tree, "link")) })).toEqual(["unreadable"]);
      fs.rmSync(join(tree, "link"));
      // A disk's node below the paths: tar describes it, dd would read all of the disk.
      spawnSync("mknod", [join(tree, "disk"), "c", "1", "5"]);
      expect(fs.lstatSync(join(tree, "disk")).isCharacterDevice()).toBe(true);
      expect(await readRest({ ...index, path: byteString(join(tree, "disk")) })).toEqual(["unreadable"]);
      expect((await tryCommand(line(readRestCommand(0, 4096)), `${tree}/disk\0`)).stdout).not.toContain("\0".repeat(4096));
      expect((await tryCommand(line(readCommand()), `${tree}/disk\0`)).stdout).toContain("/disk");
      for (const program of ["perl", "python3"] as const) {
        const asked = await tryCommand(line(rangesCommand(program)), `${tree}/disk\0`);
        expect([asked.status === 0, asked.stderr]).toEqual([false, expect.stringContaining("this is no file below the paths")]);
      }
      fs.rmSync(join(tree, "disk"));
      for (const path of [secret, join(tree, "away/secret")]) {
        expect(await readRest({ ...index, path: byteString(path) })).toEqual(["unreadable"]);
      }
    });

    test("ranges of a file are told by either program, but of nothing that a link leads to or that lies outside", async () => {
      const entries: FileEntry[] = [];
      const source = createFileSource(machine, { name: "www", paths: files.paths, sudo: true });
      for await (const some of source.list({ signal, problem: () => undefined })) entries.push(...some);
      const index = entries.find(({ path }) => path === `${tree}/index.html`)!;
      const context = { machine, names: new OwnerNames(machine), sudo: true, signal };
      for (const program of ["python3", "perl"] as const) {
        const open = async (entry: FileEntry) => {
          const programs = new RangePrograms();
          if (program === "perl") programs.isOfNoUse("python3");
          return openRanges(context, programs, entry, entry.size);
        };
        const ranges = await open(index);
        if ("declined" in ranges) throw new Error(ranges.declined);
        expect(Buffer.from(await ranges.read(3, 7)).toString()).toBe("tent of");
        expect(await ranges.hash(0, 7)).toEqual(createHash("sha256").update("content").digest());
        expect(await ranges.finish()).toMatchObject({ verdict: "same" });
        for (const path of [
          secret,
          join(tree, "away/secret"),
          join(tree, "away/srv/www/index.html"),
          `${tree}/../../secret`,
          sshd.folder,
        ]) {
          expect(await open({ ...index, path: byteString(path) }), path).toHaveProperty("declined");
        }
        fs.symlinkSync(secret, join(tree, "link"));
        expect(await open({ ...index, path: byteString(join(tree, "link")) })).toHaveProperty("declined");
        fs.rmSync(join(tree, "link"));
      }
    });

    test("files are hashed, but not what a link leads to", async () => {
      const source = createFileSource(machine, { name: "www", paths: files.paths, sudo: true });
      const entries: FileEntry[] = [];
      for await (const some of source.list({ signal, problem: () => undefined })) entries.push(...some);
      const chosen = entries.filter(({ type, path }) => type === "file" && path.includes("/deep/"));
      const sha256 = (path: ByteString) =>
        createHash("sha256")
          .update(fs.readFileSync(Buffer.from(path, "latin1")))
          .digest("hex");
      expect(await source.hash!(chosen, { signal })).toEqual(
        chosen.map(({ path }) => ({ state: "hashed", sha256: sha256(path) })),
      );
      fs.symlinkSync(secret, join(tree, "link"));
      fs.symlinkSync(join(sshd.folder, "srv"), join(tree, "linked"));
      for (const name of ["link", "linked/www2/hidden"]) {
        const result = await tryCommand(line(hashCommand()), `${tree}/${name}\0${tree}/index.html\0`);
        expect(result.stdout).toMatch(/[0-9a-f]{64} \*.*index\.html\0$/);
        expect(result.stdout).not.toMatch(/link|hidden/);
      }
      for (const name of ["link", "linked"]) fs.rmSync(join(tree, name));
    });

    test("databases are dumped and counted", async () => {
      const dump = async (source: ReturnType<typeof createPostgresDump>) => {
        const { stream, finished } = await source.open({ signal });
        let size = 0;
        for await (const chunk of stream) size += chunk.length;
        expect(size).toBeGreaterThan(100);
        return finished;
      };
      expect((await dump(createPostgresDump(machine, shop, { password: "pass word" }))).rows).toEqual({
        'public.Odd "one"': 0,
        "public.orders": 2,
      });
      const lite = { type: "sqlite", name: "ledger", path: byteString(ledger), recordRows: "all", guards } as const;
      expect((await dump(createSqliteDump(machine, lite, { sudo: true }))).rows).toEqual({ entries: 3 });
    });

    test("what host check asks is answered", async () => {
      for (const [argv, sudo] of [
        [["date", "+%s%3N"], false],
        [["tar", "--version"], true],
        [["find", "--version"], false],
        [["psql", "--version"], false],
        [["test", "-e", tree], true],
      ] as const) {
        const { status, stderr } = await collectOutput(await machine.run(argv, { sudo }), { what: argv[0] });
        expect([argv, status, stderr]).toEqual([argv, 0, ""]);
      }
    });

    test("the host says of itself what it says without the script, and that its script may be run by sudo", async () => {
      const { clock } = connectOptions();
      const facts = await readHostFacts(machine, { clock, signal, sudoFor: sudoPrograms.files });
      expect(facts).toMatchObject({
        find: expect.stringContaining("GNU"),
        tar: expect.stringContaining("GNU"),
        kernel: expect.any(String),
      });
      expect(facts?.sudo).toEqual(["find", "tar", "xargs"]);
      expect(facts?.clock_skew_ms).toBeTypeOf("number");
    });

    test("a program that is stopped ends on the host, as root too", async () => {
      const names = Buffer.from(`${tree}\0`.repeat(1000));
      for (const sudo of [false, true]) {
        const command = await machine.run(readCommand(), { sudo });
        await command.write(names);
        expect(countReaders()).toBeGreaterThan(0);
        command.kill();
        await command.exit;
        await expect.poll(countReaders, { timeout: 20_000 }).toBe(0);
      }
    });

    test("nice changes nothing but the priority", async () => {
      const line = shellCommand(readCommand(), { nice: true, sudo: true });
      expect((await tryCommand(line.toString("latin1"), `${tree}/index.html\0`)).stdout).toContain("content of index.html");
    });
  },
);

/** Processes that read for this test's host. */
function countReaders(): number {
  const script = join(sshd.folder, "lifeboat-pull");
  let count = 0;
  for (const pid of fs.readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name))) {
    try {
      if (fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(script)) count++;
    } catch {
      // It ended meanwhile.
    }
  }
  return count;
}

function sshArguments(...options: string[]): string[] {
  const fixed = [
    "-F",
    "none",
    "-o",
    "BatchMode=yes",
    "-o",
    `UserKnownHostsFile=${sshd.knownHostsFile}`,
    "-o",
    "IdentityAgent=none",
  ];
  return [...fixed, "-i", sshd.identityFile, "-p", String(sshd.port), ...options, `${account}@${sshd.address}`];
}

interface Tried {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Never in one go with the test's own process: it has to read what sshd logs. */
function runProgram(program: string, args: readonly string[], input = "", env = process.env): Promise<Tried> {
  const child = spawn(program, args, { env, timeout: 20_000 });
  const words = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("latin1").on("data", (text: string) => {
      words[name] += text;
    });
  }
  child.stdin.on("error", () => undefined);
  child.stdin.end(input, "latin1");
  return new Promise((resolve) => child.once("close", (status) => resolve({ status, ...words })));
}

/** With OpenSSH's own client, as somebody would who stole the key. */
function tryCommand(command: string, input = "", ...options: string[]): Promise<Tried> {
  return runProgram("ssh", [...sshArguments(...options), ...(command === "" ? [] : [command])], input);
}

function expectNothing(result: Tried): void {
  expect(result.status, result.stdout).not.toBe(0);
  expect(`${result.stdout}${result.stderr}`).not.toMatch(/TOP-SECRET|uid=|PWNED/);
  expect(fs.existsSync(join(sshd.folder, "pwned"))).toBe(false);
}

const line = (argv: readonly (string | Uint8Array)[], options: { sudo?: boolean } = { sudo: true }) =>
  shellCommand(argv, options).toString("latin1");

describe.skipIf(!isRoot)("whoever holds the key cannot (needs root, for an account of the host's own)", () => {
  test.each([
    ["open a shell", () => ""],
    ["run a program", () => "id"],
    ["run a program as root", () => "sudo -n id"],
    ["read a file outside", () => `cat ${secret}`],
    ["append a command", () => `${line(["tar", "--version"])}; id`],
    ["append one behind a line break", () => `${line(["tar", "--version"])}\nid`],
    ["hide one in quotes", () => line(["tar", "--version"]).replace("--version", "'--version'`id`")],
    ["hide one in a variable", () => line(["tar", "--version"]).replace("--version", "$(id)")],
    ["use other quotes", () => line(["tar", "--version"]).replace("--version", '"--version"')],
    ["change the script that starts a program", () => line(["date", "+%s%3N"], {}).replace("LC_ALL=C;", "id;LC_ALL=C;")],
    ["set variables of the program", () => shellCommand(["date", "+%s%3N"], { env: { LD_PRELOAD: "/x.so" } }).toString("latin1")],
    ["run another program in the way of Lifeboat", () => line(["id"])],
    ["run a shell in the way of Lifeboat", () => line(["sh", "-c", "id"])],
    ["give tar a program to run", () => line([...readCommand(), `--use-compress-program=touch ${sshd.folder}/pwned`])],
    ["give tar a checkpoint action", () => line([...readCommand(), "--checkpoint=1", "--checkpoint-action=exec=id"])],
    ["name a file for tar in its arguments", () => line([...readCommand(), secret])],
    [
      "let tar write its archive into a file",
      () => line(readCommand().map((word) => (word === "--file=-" ? `--file=${sshd.folder}/pwned` : word))),
    ],
    ["run another program of python", () => line(["python3", "-I", "-S", "-c", "import os; os.system('id')"])],
    ["run another program of perl", () => line(["perl", "-MFcntl", "-MDigest::SHA=sha256", "-e", "system 'id'"])],
    [
      "put more behind what python runs",
      () => line(rangesCommand("python3").map((word, at) => (at === 4 ? `${word};import os;os.system('id')` : word))),
    ],
    [
      "put more behind what perl runs",
      () => line(rangesCommand("perl").map((word, at) => (at === 4 ? `${word}; system 'id';` : word))),
    ],
    ["give python another option", () => line(["python3", "-i", ...rangesCommand("python3").slice(1)])],
    ["give perl another module", () => line([...rangesCommand("perl").slice(0, 1), "-Mless", ...rangesCommand("perl").slice(1)])],
    ["give python a file to run", () => line([...rangesCommand("python3"), secret])],
    ["extract with tar", () => line(["tar", "--extract", "--file=-"])],
    ["let find run a program", () => line(["find", tree, "-exec", "id", ";"])],
    ["let find run one behind what is allowed", () => line([...listOf([tree]), "-exec", "id", ";"])],
    ["let find delete", () => line([...listOf([tree]), "-delete"])],
    ["let find write", () => line([...listOf([tree]), "-fprintf", `${sshd.folder}/pwned`, "x"])],
    [
      "hide an action behind an exclude",
      () =>
        line(
          listCommand({ ...plain, paths: [byteString(tree)], selection: { exclude: ["x"] } }).flatMap((word) =>
            word === "-prune" ? ["-exec", "id", ";", "-prune"] : [word],
          ),
        ),
    ],
    ["hide an action behind a test", () => line(["find", tree, "-name", "x", "-o", "-exec", "id", ";"])],
    ["give a test an action for its argument and go on", () => line(["find", tree, "-name", "-exec", "id", ";"])],
    ["leave a test without its argument before an action", () => line(["find", tree, "-type", "-exec", "id", ";"])],
    ["print what find was not told to print", () => line(["find", tree, "-printf", "%p %Y %l %f\\n"])],
    ["have find read its paths from a file", () => line(["find", "-files0-from", secret, "-prune"])],
    ["have find read them behind a path", () => line(["find", tree, "-files0-from", secret])],
    ["have find follow links", () => line(["find", tree, "-follow"])],
    ["have find follow links by an option", () => line(["find", "-L", ...listOf([tree]).slice(1)])],
    ["compare with a file outside", () => line(["find", tree, "-newer", secret])],
    ["compare inodes with a file outside", () => line(["find", tree, "-samefile", secret])],
    ["measure by something else than bytes", () => line(["find", tree, "-size", "+1x", "-prune"])],
    ["name another folder behind a test", () => line(["find", tree, "-xdev", sshd.folder])],
    ["choose expressions of another kind", () => line(["find", tree, "-regextype", "emacs"])],
    ["ask sudo about other programs", () => line(factsCommand(["id"]), {})],
    [
      "put a command behind what the host says of itself",
      () => line([...factsCommand([]).slice(0, 2), `${factsCommand([])[2]}; id`, "facts"], {}),
    ],
    ["have the host say of itself as root", () => line(factsCommand([]))],
    ["list another folder", () => line(listOf([sshd.folder]))],
    ["list the folder next to it", () => line(listOf([join(sshd.folder, "srv/www2")]))],
    ["list from above by ..", () => line(listOf([`${tree}/../..`]))],
    ["list behind a link", () => line(listOf([`${tree}/away/srv`]))],
    ["list a folder more", () => line(listOf([tree, sshd.folder]))],
    ["look at a file outside", () => line(statCommand([byteString(secret)], true))],
    ["look whether a file outside is there", () => line(["test", "-e", secret])],
    ["stop a process of somebody else", () => `kill -TERM ${process.pid}`],
  ])("%s", async (_, command) => {
    expectNothing(await tryCommand(command()));
  });

  test.each(smuggledCommands)("$what", async ({ command }) => {
    expectNothing(await tryCommand(command({ tree, secret, folder: sshd.folder })));
  });

  test.each([
    ["of a file outside", () => `${secret}\0`],
    ["of a folder that begins alike", () => `${sshd.folder}/srv/www2/hidden\0`],
    ["with ..", () => `${tree}/../../secret\0`],
    ["with .. at the end", () => `${tree}/deep/..\0`],
    ["with an empty part", () => `${tree}//index.html\0`],
    ["that is relative", () => "secret\0"],
    ["that is an option", () => "--checkpoint-action=exec=id\0"],
    ["that changes the folder", () => "-C\0/\0secret\0"],
    ["that is empty", () => "\0"],
    ["without its end", () => `${tree}/index.html`],
    ["without an end", () => `${tree}/${"a".repeat(400_000)}`],
    ["of a file outside, behind a good one", () => `${tree}/index.html\0${secret}\0`],
  ])("give tar or find a name %s", async (_, input) => {
    for (const command of [readCommand(), statManyCommand(), hashCommand()]) {
      const result = await tryCommand(line(command), input());
      expectNothing(result);
      expect(result.stderr).toMatch(/lifeboat-pull: refused: /);
      expect(result.stdout).not.toContain(secret);
    }
  });

  /** How much is known of a file, between its name and the questions. */
  const known = ["", "9", ""].join("\0");

  test.each([
    ["a file outside", () => `${secret}${known}r 0 10\0`],
    ["a file outside by ..", () => `${tree}/../../secret${known}r 0 10\0`],
    ["a file beside it", () => `${sshd.folder}/srv/www2/hidden${known}r 0 10\0`],
    ["a file behind a link inside", () => `${tree}/away/secret${known}r 0 10\0`],
    ["a folder above", () => `${sshd.folder}${known}r 0 10\0`],
    ["a relative name", () => `secret${known}r 0 10\0`],
    ["no name", () => `${known}r 0 10\0`],
    ["another file in the place of the size", () => `${tree}/index.html\0${secret}\0r 0 10\0`],
    ["another file in the place of a question", () => `${tree}/index.html${known}${secret}\0`],
    ["a question of another kind", () => `${tree}/index.html${known}x 0 10\0`],
    ["a question with more in it", () => `${tree}/index.html${known}r 0 10 id\0`],
    ["a question with a line break", () => `${tree}/index.html${known}r 0 10\n\0`],
    ["a question without its end", () => `${tree}/index.html${known}r 0 10`],
  ])("ask about ranges of %s", async (_, input) => {
    for (const program of ["python3", "perl"] as const) {
      const result = await tryCommand(line(rangesCommand(program)), input());
      expectNothing(result);
      expect(result.stderr).toMatch(/lifeboat-pull: refused: /);
    }
  });

  test("get more of the folders above than their attributes", async () => {
    const result = await tryCommand(line(readCommand()), `${sshd.folder}\0/\0${tree}/index.html\0`);
    expect(result.status, result.stderr).toBe(0);
    expect(result.stdout).toContain("content of index.html");
    expect(result.stdout).not.toMatch(/TOP-SECRET|known_hosts/);
  });

  test("read behind a link inside, neither a file nor a folder's own data", async () => {
    for (const name of ["away/secret", "away/srv/www2/hidden", "away/srv/www/index.html"]) {
      const result = await tryCommand(line(readCommand()), `${tree}/${name}\0${tree}/index.html\0`);
      expect(result.stdout).toContain("content of index.html");
      expect(result.stdout).not.toContain("TOP-SECRET");
      expect(result.stdout).not.toContain("away");
      expect(result.stderr).toContain("left out");
    }
  });

  test.each([
    ["a program by psql", "\\! id\n"],
    ["a program behind an allowed line", "commit; \\! id\n"],
    ["a file by psql", `\\o ${"/tmp/x"}\n`],
    ["a program of the server", "copy (select 1) to program 'id';\n"],
    ["a change", "drop table orders;\n"],
    ["a count with more in it", "select count(*) from public.orders; drop table orders;\n"],
    ["a count of what is no name", 'select count(*) from "public"."a" \\g |id\n'],
  ])("run %s", async (_, input) => {
    const argv = ["psql", "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1"];
    const words = `dbname='shop' host='${postgres.address}' port='${postgres.port}' user='postgres' connect_timeout='15' application_name='lifeboat'`;
    const command = shellCommand([...argv, `--dbname=${words}`], { secretEnv: { PGPASSWORD: "" } }).toString("latin1");
    const good = await tryCommand(command, "pass word\nselect count(*) from public.orders;\n");
    expect([good.status, good.stdout.split("\0").at(-1)]).toEqual([0, "2\n"]);
    const result = await tryCommand(command, `pass word\n${input}`);
    expectNothing(result);
    expect(result.stderr).toContain("this is nothing that Lifeboat asks psql");
  });

  test.each([
    ".shell id\n",
    ".system id\n",
    ".output /tmp/x\n",
    "drop table entries;\n",
    ".read |id\n",
    "attach '/etc/x' as y;\n",
  ])("tell sqlite3 %j", async (input) => {
    const command = line(["sqlite3", "-readonly", "-batch", "-bail", "-init", "/dev/null", ledger]);
    expect((await tryCommand(command, 'select count(*) from "entries";\n')).stdout).toContain("3\n");
    expectNothing(await tryCommand(command, input));
  });

  test("open a terminal, forward ports, bring an agent, or copy files", async () => {
    expectNothing(await tryCommand("", "id\n", "-tt"));
    const known = `UserKnownHostsFile=${sshd.knownHostsFile}`;
    const words = ["-F", "none", "-o", "BatchMode=yes", "-o", known, "-i", sshd.identityFile, "-P", String(sshd.port), "-b", "-"];
    const copied = await runProgram("sftp", [...words, `${account}@${sshd.address}`], `get ${secret} /dev/stdout\n`);
    expect([copied.status === 0, copied.stdout.includes("TOP-SECRET")]).toEqual([false, false]);
    const agent = await tryCommand(line(["date", "+%s%3N"], {}), "", "-A", "-o", `SendEnv=LD_PRELOAD PERL5OPT`);
    expect(agent.status).toBe(0);
    const port = await findFreePort();
    const reverse = ["-N", "-o", "ExitOnForwardFailure=yes", "-R", `${port}:127.0.0.1:${sshd.port}`];
    const forward = await runProgram("ssh", sshArguments(...reverse));
    expect([forward.status, forward.stderr]).toEqual([255, expect.stringMatching(/forwarding failed/)]);
    const through = await tryCommand("", "", "-W", `127.0.0.1:${sshd.port}`);
    expect([through.status === 0, through.stdout.includes("SSH-2.0")]).toEqual([false, false]);
    expect(await isOpen(port)).toBe(false);
  });

  test("steer perl or a program by variables that sshd accepts", async () => {
    const env = { ...process.env, PERL5OPT: "-Mless", PERL5LIB: sshd.folder };
    fs.writeFileSync(join(sshd.folder, "less.pm"), 'print "PWNED\\n"; 1;');
    const words = [...sshArguments("-o", "SendEnv=PERL5OPT PERL5LIB"), line(readCommand())];
    const run = await runProgram("ssh", words, `${tree}/index.html\0`, env);
    fs.rmSync(join(sshd.folder, "less.pm"));
    expect(run.stdout).toContain("content of index.html");
    expect(run.stdout).not.toContain("PWNED");
  });
});

const plain = { selection: {}, stopAt: [] as ByteString[] };

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

import { chmod, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { openObjectStore, openRepository, RepositoryLock } from "@lifeboat/engine";
import { realClock } from "@lifeboat/host";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createSeededRandom } from "../fixtures/seeded-random.ts";
import {
  type CommandResult,
  createTempFolder,
  findFreePort,
  type ObjectStore,
  objectStoreEnvironment,
  requestObjectStore,
  runCommand,
  type SshHost,
  startObjectStore,
  startSshHost,
  type TempFolder,
} from "../services/index.ts";
import { mountTmpfs } from "./mount-tmpfs.ts";
import { describeRefusal, expectNothingLost, fingerprintOf, type Placeholders } from "./refusal-messages.ts";
import { lifeboatProgram, runLifeboat } from "./run-lifeboat.ts";
import { createRepositoryPlace, initFaultRepository, writeFaultConfig } from "./write-fault-config.ts";
import { startWrongServers, type WrongServers } from "./wrong-servers.ts";

/** What a person sees when something is wrong: each message, word by word, in refusals/NAME.txt. A change of one has to be looked at. */

let temp: TempFolder;
let ssh: SshHost;
let store: ObjectStore;
let servers: WrongServers;
let inStore: Awaited<ReturnType<typeof createRepositoryPlace>>;
let freePort: number;
let configText: string;
const places: [string, string][] = [];
const password = "of the refused one";

const place = (name: string) => join(temp.path, name);
const byHand = (repository = place("repo")) => ["--repo", repository, "--password-file", place("password")];
const backUp = ["backup", "run", "web1/tree", "--here"];

interface Case {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The repository that must stay as it is; default the good one. */
  readonly watch?: string;
  /** What may come into it beside the record of the run: packs that no snapshot names yet. */
  readonly mayAdd?: RegExp;
  /** Not as root, whom no rights stop. */
  readonly asOrdinaryUser?: boolean;
}

beforeAll(async () => {
  temp = await createTempFolder("refusals");
  [ssh, store, servers, freePort] = await Promise.all([
    startSshHost(),
    startObjectStore(),
    startWrongServers(temp.path),
    findFreePort(),
  ]);
  inStore = await createRepositoryPlace(store);
  await mkdir(place("tree"));
  for (let at = 0; at < 3; at++) await writeFile(place(`tree/file-${at}`), `${at}\n`.repeat(4000));
  const policies = `  trees:
    hosts: [web1]
    repository: main
    sources: [{ name: tree, type: files, paths: [${JSON.stringify(place("tree"))}] }]
`;
  const repository = { url: place("repo"), password };
  const configFile = await writeFaultConfig({ folder: temp.path, repository, ssh, policies });
  configText = await readFile(configFile, "utf8");
  await initFaultRepository(repository);
  await initFaultRepository({ ...inStore, password });
  const { exitCode, stderr } = await runLifeboat(temp.path, ["--config", configFile, ...backUp]);
  expect(exitCode, stderr).toBe(0);
  places.push(
    [ssh.identityFile, "<identity>"],
    [ssh.knownHostsFile, "<known_hosts>"],
    [temp.path, "<temp>"],
    [store.endpoint, "<s3>"],
    [inStore.bucket, "<bucket>"],
    [`:${ssh.port}`, ":<ssh>"],
    [`login of ${ssh.user} with`, "login of <user> with"],
    [`"user":"${ssh.user}"`, '"user":"<user>"'],
    [`:${freePort}`, ":<free>"],
    ...Object.entries(servers.ports).map(([name, port]): [string, string] => [`:${port}`, `:<${name}>`]),
  );
}, 180_000);

afterAll(async () => {
  servers?.stop();
  await ssh?.stop();
  await temp?.remove();
});

/** Told in their order; two repositories at a time. After each command its repository is what it was. */
async function expectMessages(file: string, cases: readonly Case[]): Promise<void> {
  const said: string[] = new Array(cases.length);
  const known: Placeholders = places;
  const watched = [...new Set(cases.map(({ watch = place("repo") }) => watch))];
  const work = async () => {
    for (let watch = watched.shift(); watch !== undefined; watch = watched.shift()) {
      for (const [at, { name, args, env, watch: own = place("repo"), mayAdd, asOrdinaryUser }] of cases.entries()) {
        if (own !== watch) continue;
        const before = await fingerprintOf(watch);
        const result = await (asOrdinaryUser === true ? runAsOrdinaryUser : runLifeboat)(temp.path, args, env);
        said[at] = describeRefusal(name, args, result, known);
        expectNothingLost(name, before, await fingerprintOf(watch), mayAdd);
      }
    }
  };
  await Promise.all([work(), work()]);
  await expect(said.join("\n")).toMatchFileSnapshot(`refusals/${file}.txt`);
}

/** A copy of the good repository, for damage. */
async function copyRepository(name: string): Promise<string> {
  await runCommand("cp", ["-a", place("repo"), place(name)]);
  await runCommand("chmod", ["-R", "u+w", place(name)]);
  return place(name);
}

async function objectsOf(repository: string, kind: string): Promise<string[]> {
  const found = await readdir(join(repository, kind), { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function configWith(name: string, from: string | RegExp, to: string): Promise<readonly string[]> {
  const text = configText.replace(from, to);
  expect(text, name).not.toBe(configText);
  await writeFile(place(name), text);
  return ["--config", place(name)];
}

test("passwords and their files", async () => {
  const files: [string, string][] = [
    ["wrong", "battery staple\n"],
    ["empty", ""],
    ["line-end", "\n"],
    ["windows", `${password}\r\n`],
    ["large", "x".repeat(100_000)],
  ];
  for (const [name, text] of files) await writeFile(place(name), text, { mode: 0o600 });
  const repository = place("repo");
  const withFile = (name: string) => ["snapshots", "--repo", repository, "--password-file", place(name)];
  const config = await configWith("wrong.yaml", "{ file: password }", "{ file: wrong }");
  const open = await configWith("open.yaml", "{ file: password }", "{ file: open }");
  await writeFile(place("open"), password);
  await chmod(place("open"), 0o644);
  const other = ["--repo", repository, "--password-file", place("wrong")];
  const commands = [
    ["snapshots"],
    ["ls", "latest"],
    ["find", "x"],
    ["cat", "latest:/x"],
    ["diff", "latest", "latest"],
    ["restore", "latest", "--to", place("never")],
    ["repo", "check"],
    ["repo", "prune", "--yes"],
    ["repo", "stats"],
    ["repo", "repair", "index"],
    ["repo", "unlock"],
    ["key", "list"],
    ["snapshots", "forget", "--keep-last", "1"],
  ];
  await expectMessages("passwords", [
    ...commands.map((words) => ({ name: `wrong password: ${words[0]} ${words[1] ?? ""}`.trim(), args: [...words, ...other] })),
    { name: "wrong password, for a program", args: [...withFile("wrong"), "--json"] },
    { name: "wrong password of the configuration", args: [...config, ...backUp] },
    { name: "wrong password of the configuration, for a program", args: [...config, ...backUp, "--json"] },
    { name: "no password", args: ["snapshots", "--repo", repository] },
    { name: "password file missing", args: withFile("nowhere") },
    { name: "password file is a folder", args: withFile("tree") },
    { name: "password file empty", args: withFile("empty") },
    { name: "password file with a line end alone", args: withFile("line-end") },
    { name: "password file too large", args: withFile("large") },
    { name: "password file of Windows: it opens", args: withFile("windows") },
    { name: "secret of the configuration open to others", args: [...open, "snapshots"] },
  ]);
}, 300_000);

test("places that are no repository", async () => {
  const v1 = place("v1");
  await runCommand("restic", ["-r", v1, "init", "--repository-version", "1"], { env: { RESTIC_PASSWORD: password } });
  await mkdir(place("nothing"));
  await expectMessages("places", [
    { name: "folder missing", args: ["snapshots", ...byHand(place("nowhere"))] },
    { name: "folder empty", args: ["snapshots", ...byHand(place("nothing"))] },
    { name: "a file", args: ["snapshots", ...byHand(place("password"))] },
    { name: "create over a file", args: ["repo", "init", ...byHand(place("password"))] },
    { name: "create below a file", args: ["repo", "init", ...byHand(place("password/x"))] },
    { name: "create where one is", args: ["repo", "init", ...byHand()] },
    { name: "a kind of store that there is not", args: ["snapshots", ...byHand("ftp://somewhere")] },
    { name: "no bucket in the URL", args: ["snapshots", ...byHand("s3:somewhere")] },
    { name: "keys in the URL", args: ["snapshots", ...byHand("s3:https://id:secret@somewhere/bucket")] },
    { name: "version 1", args: ["snapshots", ...byHand(v1)], watch: v1 },
  ]);
}, 300_000);

test("S3 stores that refuse, and what is no S3 store", async () => {
  const right = objectStoreEnvironment(store);
  const denied = await createRepositoryPlace(store);
  await initFaultRepository({ ...denied, password });
  const policy = {
    Version: "2012-10-17",
    Statement: [{ Effect: "Deny", Principal: "*", Action: "s3:*Object", Resource: `arn:aws:s3:::${denied.bucket}/*` }],
  };
  const set = await requestObjectStore(store, "PUT", `/${denied.bucket}`, {
    query: { policy: "" },
    body: Buffer.from(JSON.stringify(policy)),
  });
  expect(set.ok, await set.text()).toBe(true);
  places.unshift([denied.bucket, "<denied>"]);
  const at = (server: keyof WrongServers["ports"]) => `s3:http://127.0.0.1:${servers.ports[server]}/bucket/repo`;
  const list = (url: string) => ["snapshots", ...byHand(url)];
  const create = (url: string) => ["repo", "init", ...byHand(url)];
  const rows: [string, string[], Record<string, string>?][] = [
    ["missing bucket", list(`s3:${store.endpoint}/no-such-bucket-anywhere/repo`)],
    ["missing bucket, create", create(`s3:${store.endpoint}/no-such-bucket-anywhere/repo`)],
    ["missing repository", list(`s3:${store.endpoint}/${inStore.bucket}/nowhere`)],
    ["unknown access key", list(inStore.url), { ...right, AWS_ACCESS_KEY_ID: "nobody" }],
    ["wrong secret key", list(inStore.url), { ...right, AWS_SECRET_ACCESS_KEY: "nothing" }],
    ["no keys", list(inStore.url), { AWS_EC2_METADATA_DISABLED: "true" }],
    ["permission denied", list(denied.url)],
    [
      "another region of a store that has one",
      list(inStore.url),
      { ...right, AWS_REGION: "eu-nowhere-1", AWS_DEFAULT_REGION: "x" },
    ],
    ["another region", list(at("other-region"))],
    ["a web server without such a page", list(at("says-404"))],
    ["a web server with a page for everything", list(at("shows-a-page"))],
    ["a web server with a page for everything, create", create(at("shows-a-page"))],
    ["a web server that says yes to everything", list(at("says-yes"))],
    ["a web server that says yes to everything, create", create(at("says-yes"))],
    ["a store that keeps nothing", list(at("keeps-nothing"))],
    ["a store that keeps nothing, create", create(at("keeps-nothing"))],
    ["a web server without such a page, create", create(at("says-404"))],
    ["a web server that leads elsewhere", list(at("redirects"))],
    ["a web server whose page has no end", list(at("endless-page"))],
    ["a certificate that nobody signed", list(`s3:https://127.0.0.1:${servers.ports["self-signed"]}/bucket/repo`)],
    ["no TLS", list(`s3:https://127.0.0.1:${servers.ports["says-404"]}/bucket/repo`)],
    ["an SSH server", list(`s3:http://127.0.0.1:${ssh.port}/bucket/repo`)],
    ["nobody", list(`s3:http://127.0.0.1:${freePort}/bucket/repo`)],
    ["no such name", list("s3:http://no-such-host.invalid/bucket/repo")],
    ["a server that never answers", list(at("says-nothing"))],
  ];
  await expectMessages(
    "stores",
    rows.map(([name, args, env = right]) => ({ name, args, env })),
  );
}, 400_000);

test("damaged objects", async () => {
  const damage: Record<string, (repository: string) => Promise<void>> = {
    "config-gone": (repository) => rm(join(repository, "config")),
    "config-garbage": (repository) => writeFile(join(repository, "config"), "garbage"),
    "config-large": (repository) => truncate(join(repository, "config"), 200_000_000),
    "config-of-tomorrow": writeFutureConfig,
    "keys-gone": async (repository) => {
      for (const key of await objectsOf(repository, "keys")) await rm(key);
    },
    "key-garbage": async (repository) => writeFile((await objectsOf(repository, "keys"))[0]!, "garbage"),
    "key-dear": (repository) => replaceKey(repository, (key) => ({ ...key, N: 2 ** 40 })),
    "key-no-object": (repository) => replaceKey(repository, () => null),
    "index-garbage": async (repository) => writeFile((await objectsOf(repository, "index"))[0]!, "garbage"),
    "index-gone": async (repository) => rm((await objectsOf(repository, "index"))[0]!),
    "snapshot-garbage": async (repository) => writeFile((await objectsOf(repository, "snapshots"))[0]!, "garbage"),
    "snapshot-large": async (repository) => truncate((await objectsOf(repository, "snapshots"))[0]!, 200_000_000),
    "snapshot-beside": (repository) => writeFile(join(repository, "snapshots", "a".repeat(64)), "garbage"),
    "packs-gone": async (repository) => {
      for (const pack of await objectsOf(repository, "data")) await rm(pack);
    },
    "packs-short": async (repository) => {
      for (const pack of await objectsOf(repository, "data")) await truncate(pack, 300);
    },
  };
  const cases: Case[] = [];
  for (const [name, spoil] of Object.entries(damage)) {
    const watch = await copyRepository(name);
    await spoil(watch);
    const at = byHand(watch);
    const add = (...words: string[]) => cases.push({ name: `${name}: ${words[0]} ${words[1]}`, args: [...words, ...at], watch });
    if (/^(config|key)/.test(name)) {
      cases.push({ name: `${name}: snapshots`, args: ["snapshots", ...at], watch });
      if (name === "config-gone") add("repo", "init");
      continue;
    }
    add("ls", "latest");
    add("repo", "check");
    add("repo", "prune", "--yes");
    if (name.startsWith("snapshot")) {
      cases.push({ name: `${name}: snapshots`, args: ["snapshots", ...at], watch });
      add("snapshots", "forget", "--keep-last", "1");
    } else add("restore", "latest", "--to", place(`to-${name}`));
  }
  await expectMessages("damage", cases);
  // One bad snapshot beside a good one stands before nothing.
  const restored = await runLifeboat(temp.path, [
    "restore",
    "latest",
    "--to",
    place("beside"),
    ...byHand(place("snapshot-beside")),
  ]);
  // It may not be the one that was meant.
  expect(restored.exitCode, restored.stderr).toBe(3);
  const config = await configWith("beside.yaml", JSON.stringify(place("repo")), JSON.stringify(place("snapshot-beside")));
  const again = await runLifeboat(temp.path, [...config, ...backUp]);
  expect(again.exitCode, again.stderr).toBe(0);
}, 600_000);

/** The sealed config of a version that does not exist yet. */
async function writeFutureConfig(url: string): Promise<void> {
  const clock = realClock();
  const repository = await openRepository({ store: await openObjectStore({ url }, { clock }) }, password);
  const { id, chunkerPolynomial: chunker_polynomial } = repository.config;
  const sealed = repository.sealer.seal(Buffer.from(JSON.stringify({ version: 3, id, chunker_polynomial })));
  await repository.close();
  await writeFile(join(url, "config"), sealed);
}

async function replaceKey(repository: string, change: (key: object) => object | null): Promise<void> {
  const [path = ""] = await objectsOf(repository, "keys");
  await writeFile(path, JSON.stringify(change(JSON.parse(await readFile(path, "utf8")))));
  const { stdout } = await runCommand("sha256sum", [path]);
  await rename(path, join(dirname(path), stdout.slice(0, 64)));
  expect(basename(path)).not.toBe(stdout.slice(0, 64));
}

/** A copy of the good repository with a lock of somebody else, who is not there to release it. */
async function copyLocked(name: string, exclusive: boolean, ageMinutes: number): Promise<string> {
  const url = await copyRepository(name);
  const clock = realClock();
  const repository = await openRepository({ store: await openObjectStore({ url }, { clock }) }, password);
  const owner = { hostname: "office-pc", username: "somebody", pid: 4711 };
  const then = { ...clock, now: () => clock.now() - ageMinutes * 60_000 };
  await RepositoryLock.acquire(repository, { exclusive, owner, clock: then });
  await repository.close();
  return url;
}

test("repositories that others hold locked", async () => {
  const impatient = {
    NODE_OPTIONS: `--import=${new URL("./shorten-waits.ts", import.meta.url).href}`,
    LIFEBOAT_TEST_SHORTER_PAUSES: "1000",
  };
  const cases: Case[] = [];
  const states = { exclusive: [true, 1], shared: [false, 1], left: [true, 60] } as const;
  for (const [name, [exclusive, ageMinutes]] of Object.entries(states)) {
    const watch = await copyLocked(`locked-${name}`, exclusive, ageMinutes);
    const config = await configWith(`locked-${name}.yaml`, JSON.stringify(place("repo")), JSON.stringify(watch));
    const add = (...args: string[]) =>
      cases.push({ name: `${name} lock: ${args[0]} ${args[1]}`, args: [...args, ...byHand(watch)], watch, env: impatient });
    const addBackup = (suffix: string, ...more: string[]) =>
      cases.push({
        name: `${name} lock: backup${suffix}`,
        args: [...config, ...backUp, ...more],
        watch,
        env: impatient,
      });
    if (name !== "shared") addBackup("");
    if (name === "exclusive") {
      addBackup(", for a program", "--json");
      add("repo", "check");
      add("restore", "latest", "--to", place("to-locked"));
      add("repo", "unlock");
    }
    add("repo", "prune", "--yes");
    add("snapshots", "forget", "--keep-last", "1");
    add("repo", "repair", "index");
  }
  await expectMessages("locked", cases);
}, 300_000);

test("folders that can only be read, and full disks (need root, who can mount them)", async ({ skip }) => {
  const disks = [];
  for (const name of ["read-only", "full", "nearly-full"]) {
    const disk = await mountTmpfs(place(name), 10);
    if (typeof disk === "string") return skip(disk);
    onTestFinished(() => disk.unmount());
    await copyRepository(`${name}/repo`);
    disks.push(disk);
  }
  await disks[0]!.close();
  await runCommand("dd", ["if=/dev/zero", `of=${place("full/other")}`, "bs=64k"], { accept: "any" });
  await mkdir(place("large-tree"));
  // Less than the first checkpoint needs, which would fail too.
  await writeFile(place("large-tree/file"), createSeededRandom(7).bytes(15 * 1024 * 1024));
  const cases: Case[] = [];
  for (const name of ["read-only", "full", "nearly-full"]) {
    const watch = place(`${name}/repo`);
    const text = configText.replace(JSON.stringify(place("repo")), JSON.stringify(watch));
    await writeFile(place(`${name}.yaml`), name === "nearly-full" ? text.replace(place("tree"), place("large-tree")) : text);
    const backup = { args: ["--config", place(`${name}.yaml`), ...backUp], watch, mayAdd: /\/(data|index)\// };
    cases.push({ ...backup, name: `${name}: backup` });
    if (name === "nearly-full") continue;
    cases.push({ ...backup, name: `${name}: backup, for a program`, args: [...backup.args, "--json"] });
    const add = (...args: string[]) =>
      cases.push({ name: `${name}: ${args[0]} ${args[1] ?? ""}`.trim(), args: [...args, ...byHand(watch)], watch });
    add("snapshots");
    add("restore", "latest", "--to", place(`to-${name}`));
    add("repo", "check");
    add("repo", "check", "--no-lock");
    add("repo", "prune", "--yes");
    add("snapshots", "forget", "--keep-last", "1");
    add("repo", "repair", "index");
    cases.push({ name: `${name}: create`, args: ["repo", "init", ...byHand(place(`${name}/new`))], watch });
  }
  await expectMessages("disks", cases);
}, 300_000);

/** With a home and a password of its own; what root made it may read where the others may. */
async function runAsOrdinaryUser(home: string, args: readonly string[]): Promise<CommandResult> {
  const own = join(home, "ordinary");
  const words = args.map((word) => (word === place("password") ? join(own, "password") : word));
  const become = ["--reuid", "65534", "--regid", "65534", "--clear-groups", process.execPath, lifeboatProgram];
  return runCommand("setpriv", [...become, ...words], { cwd: own, env: { HOME: own }, accept: "any" });
}

test("folders without the right to read, or to write (need root, who can be somebody else)", async ({ skip }) => {
  if (process.getuid?.() !== 0) return skip("only root may run a command as somebody else");
  await mkdir(place("ordinary"));
  await writeFile(place("ordinary/password"), password, { mode: 0o600 });
  await runCommand("chown", ["-R", "65534:65534", place("ordinary")]);
  await chmod(temp.path, 0o755);
  const first = await runAsOrdinaryUser(temp.path, ["--version"]);
  if (first.exitCode !== 0) return skip(`others cannot run the program here: ${first.stderr.slice(0, 200)}`);
  const [closed, readable] = [await copyRepository("closed"), await copyRepository("readable")];
  await runCommand("chmod", ["-R", "a+rX", readable]);
  await runCommand("chmod", ["700", closed]);
  await mkdir(place("of-root"));
  const cases: Case[] = [];
  const add = (watch: string, ...args: string[]) =>
    cases.push({
      name: `${basename(watch)}: ${args[0]} ${args[1] ?? ""}`.trim(),
      args: [...args, ...byHand(watch)],
      watch,
      asOrdinaryUser: true,
    });
  for (const watch of [closed, readable]) {
    add(watch, "snapshots");
    add(watch, "restore", "latest", "--to", place("of-root/new"));
    add(watch, "restore", "latest", "--to", place(`ordinary/to-${basename(watch)}`));
    add(watch, "repo", "check");
    add(watch, "repo", "prune", "--yes");
    add(watch, "snapshots", "forget", "--keep-last", "1");
    add(watch, "repo", "init");
  }
  add(place("of-root/repo"), "repo", "init");
  await expectMessages("rights", cases);
}, 300_000);

test("hosts that are not there, not the known ones, or no hosts", async () => {
  await writeFile(place("no-known-hosts"), "");
  const known = (await readFile(ssh.knownHostsFile, "utf8")).replace(/(AAAAC3NzaC1lZDI1NTE5AAAAI).{43}/, `$1${"B".repeat(43)}`);
  await writeFile(place("other-known-hosts"), known);
  await runCommand("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", place("other-key")]);
  await runCommand("ssh-keygen", ["-q", "-t", "ed25519", "-N", "secret", "-f", place("locked-key")]);
  await writeFile(place("open-key"), await readFile(place("other-key")));
  await chmod(place("open-key"), 0o644);
  const port = (number: number) => [`"port":${ssh.port}`, `"port":${number}`] as const;
  const identity = (path: string) => [JSON.stringify(ssh.identityFile), JSON.stringify(path)] as const;
  const soon = (number: number) => [/"port":\d+(.*)"connect_timeout":"2m"/, `"port":${number}$1"connect_timeout":"3s"`] as const;
  const rows: [string, string | RegExp, string][] = [
    ["host down", ...port(freePort)],
    ["no such name", `"address":"127.0.0.1"`, `"address":"no-such-host.invalid"`],
    ["key unknown", ssh.knownHostsFile, place("no-known-hosts")],
    ["key changed", ssh.knownHostsFile, place("other-known-hosts")],
    ["login refused", ...identity(place("other-key"))],
    ["no such account", `"user":"${ssh.user}"`, `"user":"nobody-of-this-name"`],
    ["identity missing", ...identity(place("nowhere"))],
    ["identity is no key", ...identity(place("password"))],
    ["identity open to others", ...identity(place("open-key"))],
    ["identity with a passphrase", ...identity(place("locked-key"))],
    ["a web server", ...port(servers.ports["says-404"])],
    ["a server that never greets", ...soon(servers.ports["says-nothing"])],
    ["a flood instead of a greeting", ...soon(servers.ports.floods)],
    ["a greeting without an end", ...soon(servers.ports.drips)],
    ["path missing", JSON.stringify([place("tree")]).slice(1, -1), '"/no/such/path"'],
  ];
  const cases: Case[] = [];
  for (const [name, from, to] of rows) {
    const config = await configWith(`${name.replaceAll(" ", "-")}.yaml`, from, to);
    cases.push({ name, args: [...config, ...backUp] });
  }
  cases.push({ name: "host down, for a program", args: ["--config", place("host-down.yaml"), ...backUp, "--json"] });
  await expectMessages("hosts", cases);
}, 400_000);

test("configurations, targets and addresses", async () => {
  const files: [string, string][] = [
    ["syntax.yaml", "version: 1\nhosts: [\n"],
    ["binary.yaml", "\u0000\u0001"],
    ["laughs.yaml", bombOfAliases()],
    ["deep.yaml", "[".repeat(500_000)],
    ["dashes.yaml", "- ".repeat(200_000)],
    ["large.yaml", "#".repeat(9_000_000)],
  ];
  for (const [name, text] of files) await writeFile(place(name), text);
  await writeFile(place("everybody.yaml"), configText);
  await chmod(place("everybody.yaml"), 0o666);
  const restore = (address: string, to: string) => ["restore", address, "--to", place(to), ...byHand()];
  await expectMessages("words", [
    ...[...files.map(([name]) => name), "everybody.yaml", "tree", "nowhere.yaml"].map((name) => ({
      name: `configuration ${name}`,
      args: ["--config", place(name), "snapshots"],
    })),
    { name: "target is a file", args: restore("latest", "password") },
    { name: "target below a file", args: restore("latest", "password/x") },
    { name: "target is not empty", args: restore("latest", "tree") },
    { name: "no such snapshot", args: restore("deadbeef", "never") },
    { name: "no such path", args: restore("latest:/nowhere", "never") },
    { name: "no such path to list", args: ["ls", "latest:/nowhere", ...byHand()] },
    { name: "no such path to print", args: ["cat", "latest:/nowhere", ...byHand()] },
    { name: "no such key", args: ["key", "remove", "deadbeef", ...byHand()] },
    { name: "no such asset", args: ["--config", place("lifeboat.yaml"), "backup", "run", "web1/nothing", "--here"] },
    { name: "no such command", args: ["bakup"] },
  ]);
}, 400_000);

function bombOfAliases(): string {
  const lines = ["a: &a [x, x, x, x, x, x, x, x, x]"];
  for (let at = 1; at < 12; at++) {
    const [own, before] = [String.fromCharCode(97 + at), String.fromCharCode(96 + at)];
    lines.push(`${own}: &${own} [${Array.from({ length: 9 }, () => `*${before}`).join(", ")}]`);
  }
  return lines.join("\n");
}

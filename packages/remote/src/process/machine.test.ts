import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Machine, type RunningCommand, silentLogger } from "@lifeboat/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostEntry } from "../../../../test/fixtures/host-entry.ts";
import { type SshHost, startSshHost } from "../../../../test/services/index.ts";
import { nativeCryptoInUse } from "../session/native-crypto.ts";
import { connectHost } from "../session/ssh-machine.ts";
import { connectOptions, connectTo } from "../session/test-host.ts";
import { collectOutput } from "./collect-output.ts";
import { LocalMachine } from "./local-machine.ts";

let sshd: SshHost;
const folder = mkdtempSync(join(tmpdir(), "lifeboat-machine-"));

beforeAll(async () => {
  sshd = await startSshHost();
});
afterAll(async () => {
  await sshd?.stop();
  rmSync(folder, { recursive: true });
});

const local = () => new LocalMachine({ env: { PATH: "/usr/bin:/bin", HOME: "/root" } });
const makers: [string, () => Promise<Machine>][] = [
  ["the worker itself", async () => local()],
  ["a host over ssh", () => connectTo(sshd)],
];

describe.each(makers)("commands on %s", (_, make) => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await make();
  });
  afterAll(async () => machine?.close());
  const collect = async (running: Promise<RunningCommand>, input?: Uint8Array) =>
    collectOutput(await running, { what: "test", ...(input === undefined ? {} : { input }) });

  test("arguments arrive byte for byte", async () => {
    const everyByte = Buffer.from(Array.from({ length: 255 }, (_unused, at) => at + 1));
    const output = await collect(machine.run(["printf", "%s|", "", "a b", "$(id)", "ü'\\\n", everyByte, "-n"]));
    expect(output.stdout.equals(Buffer.concat([Buffer.from("|a b|$(id)|ü'\\\n|"), everyByte, Buffer.from("|-n|")]))).toBe(true);
    expect(output.status).toBe(0);
  });

  test("exit status, signal and stderr are told apart", async () => {
    expect(await collect(machine.run(["sh", "-c", "echo no >&2; exit 3"]))).toMatchObject({ status: 3, stderr: "no\n" });
    expect((await collect(machine.run(["/nonexistent/program"]))).status).toBe(127);
    const killed = await machine.run(["sh", "-c", "kill -9 $$"]);
    expect(await killed.exit).toEqual({ status: null, signal: "SIGKILL" });
  });

  test("environment and folder are set, the locale is C", async () => {
    const run = machine.run(["sh", "-c", 'echo "$LC_ALL $A"; pwd'], { env: { A: "it's $HOME" }, cwd: "/usr" });
    expect((await collect(run)).stdout.toString()).toBe("C it's $HOME\n/usr\n");
  });

  test("secrets reach the environment but no command line, and the program's own input follows them", async () => {
    const secret = " p'a\\ss wörd ";
    const run = await machine.run(["sh", "-c", 'printf "%s|" "$PW" "$P2"; cat; cat /proc/self/cmdline /proc/$PPID/cmdline'], {
      secretEnv: { PW: secret, P2: "two" },
    });
    const output = (await collectOutput(run, { input: Buffer.from("input\n"), what: "test" })).stdout.toString();
    expect(output.startsWith(`${secret}|two|input\n`)).toBe(true);
    expect(output.indexOf("wörd")).toBe(output.lastIndexOf("wörd"));
    await expect(
      machine.run(["true"], { secretEnv: { PW: "a\nb" } }).then(async (command) => (await command.exit).status),
    ).rejects.toThrow(/line break/);
  });

  test("a megabyte goes in and comes out unchanged while both sides are busy", async () => {
    const input = Buffer.from(Array.from({ length: 5_000_000 }, (_unused, at) => (at * 7919) >>> 3));
    const before = machine.bytesReceived();
    const output = await collect(machine.run(["cat"]), input);
    expect(output.stdout.equals(input)).toBe(true);
    expect(machine.bytesReceived() - before).toBeGreaterThanOrEqual(input.length);
    expect(machine.bytesReceived() - before).toBeLessThan(input.length + 1000);
  });

  test("a reader that waits holds the program back", async () => {
    const before = machine.bytesReceived();
    const run = await machine.run(["sh", "-c", "yes | head -c 30000000"]);
    const iterator = run.stdout[Symbol.asyncIterator]();
    await iterator.next();
    let last = -1;
    while (machine.bytesReceived() !== last) {
      last = machine.bytesReceived();
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(last - before).toBeLessThan(10_000_000);
    let size = 0;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) size += next.value.length;
    expect(size).toBeGreaterThan(29_000_000);
    expect((await run.exit).status).toBe(0);
  });

  test("endless complaints are bounded, their first and last words are kept", async () => {
    const run = machine.run(["sh", "-c", "echo first >&2; yes | head -c 3000000 >&2; echo last >&2"], { maxStderrBytes: 4096 });
    const { stderr } = await collect(run);
    expect(stderr.length).toBeLessThan(5000);
    expect(stderr).toMatch(/^first\n/);
    expect(stderr).toMatch(/last\n$/);
  });

  test("breaking off, killing and aborting end the program", async () => {
    const marker = join(folder, `pid-${_.length}`);
    const script = `echo $$ > ${marker}; exec sleep 1000`;
    const alive = () => {
      try {
        process.kill(Number(readFileSync(marker, "utf8").trim() || Number.NaN), 0);
        return true;
      } catch {
        return false;
      }
    };
    const gone = async () => {
      while (alive()) await new Promise((resolve) => setTimeout(resolve, 20));
      writeFileSync(marker, "");
    };
    const started = async () => {
      while (!alive()) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    writeFileSync(marker, "");
    const killed = await machine.run(["sh", "-c", script]);
    await started();
    killed.kill();
    await killed.exit;
    await gone();
    const controller = new AbortController();
    const aborted = await machine.run(["sh", "-c", script], { signal: controller.signal });
    await started();
    controller.abort();
    await aborted.exit;
    await gone();
    const broken = await machine.run(["yes"]);
    for await (const _chunk of broken.stdout) break;
    expect((await broken.exit).status).not.toBe(0);
  });

  test("writing to a program that has ended rejects instead of waiting", async () => {
    const run = await machine.run(["true"]);
    await run.exit;
    await expect(run.write(Buffer.alloc(10))).rejects.toMatchObject({ code: "command-failed" });
    const deaf = await machine.run(["sh", "-c", "exec 0<&-; sleep 0.2"]);
    await expect(
      (async () => {
        for (;;) await deaf.write(Buffer.alloc(1 << 20));
      })(),
    ).rejects.toMatchObject({ code: "command-failed" });
  });
});

describe("a connection", () => {
  test("uses ssh2's compiled part", () => {
    expect(nativeCryptoInUse()).toBe(true);
  });

  test("opens further connections where the host allows few channels", async () => {
    await using narrow = await startSshHost({ sshdLines: ["MaxSessions 2"] });
    const machine = await connectTo(narrow);
    const runs = await Promise.all(Array.from({ length: 7 }, () => machine.run(["cat"])));
    for (const run of runs) {
      await run.write(Buffer.from("x"));
      run.endInput();
    }
    for (const run of runs) expect((await run.exit).status).toBe(0);
    await machine.close();
  });

  test("skips what the account's shell prints, and says what it said when it starts nothing", async () => {
    await using host = await startSshHost({
      sshdLines: ["SetEnv BASH_ENV=/nonexistent", 'ForceCommand echo Welcome; date; eval "$SSH_ORIGINAL_COMMAND"'],
    });
    const machine = await connectTo(host);
    const output = await collectOutput(await machine.run(["echo", "it's data"]), { what: "test" });
    expect(output.stdout.toString()).toBe("it's data\n");
    await machine.close();
    await using closedHost = await startSshHost({ sshdLines: ["ForceCommand echo This account is not available; exit 1"] });
    const closedMachine = await connectTo(closedHost);
    await expect(closedMachine.run(["true"])).rejects.toMatchObject({
      code: "command-failed",
      message: expect.stringContaining("not available"),
    });
    await closedMachine.close();
    await using loud = await startSshHost({ sshdLines: ["ForceCommand yes"] });
    const loudMachine = await connectTo(loud);
    await expect(loudMachine.run(["true"])).rejects.toMatchObject({ code: "host-garbage" });
    await loudMachine.close();
  });

  test("a broken connection is named, and the next command connects anew", async () => {
    const host = await startSshHost();
    try {
      const machine = await connectTo(host);
      const run = await machine.run(["sleep", "1000"]);
      await host.kill();
      await expect(
        (async () => {
          for await (const _chunk of run.stdout);
        })(),
      ).rejects.toMatchObject({ code: "connection-lost" });
      expect((await run.exit).status).toBe(null);
      await expect(machine.run(["true"])).rejects.toMatchObject({ code: "host-unreachable" });
      await machine.close();
    } finally {
      await host.stop();
    }
  });

  test("as many connections as the configuration says, each command on the idlest; a host that lets no more in is asked no more", async () => {
    const warned: string[] = [];
    const logger = { ...silentLogger, warn: (_fields: object, message: string) => void warned.push(message) };
    const commands = async (machine: Machine, count: number) => {
      const running = await Promise.all(
        Array.from({ length: count }, () => machine.run(["sh", "-c", "echo $SSH_CONNECTION; cat"])),
      );
      for (const command of running) command.endInput();
      const from = await Promise.all(
        running.map(async (command) => (await collectOutput(command, { what: "sh" })).stdout.toString()),
      );
      return from.map((line) => from.filter((other) => other === line).length);
    };
    const three = await connectHost(hostEntry(sshd, { connections: 3 }), connectOptions({ logger }));
    expect(await commands(three, 1)).toEqual([1]);
    expect(await commands(three, 6)).toEqual([2, 2, 2, 2, 2, 2]);
    await three.close();
    expect(warned).toEqual([]);
    // It takes no key after the first connection.
    await using narrow = await startSshHost();
    const machine = await connectHost(hostEntry(narrow, { connections: 2 }), connectOptions({ logger }));
    renameSync(join(narrow.folder, "authorized_keys"), join(narrow.folder, "gone"));
    expect(await commands(machine, 3)).toEqual([3, 3, 3]);
    expect(await commands(machine, 3)).toEqual([3, 3, 3]);
    expect(warned).toEqual(["no further connection could be opened; the run goes on with those there are"]);
    await machine.close();
  });

  test("host down, wrong key, changed and unknown host key are told apart", async () => {
    const connect = (changes: Parameters<typeof hostEntry>[1]) => connectHost(hostEntry(sshd, changes), connectOptions());
    await expect(connect({ port: 1 })).rejects.toMatchObject({ code: "host-unreachable" });
    await expect(connect({ address: "name.invalid" })).rejects.toMatchObject({ code: "host-unreachable" });
    await using other = await startSshHost();
    await expect(connect({ identity: other.identityFile })).rejects.toMatchObject({ code: "login-refused" });
    await expect(connect({ identity: join(folder, "none") })).rejects.toMatchObject({ code: "login-refused" });
    const unknown = await connect({ knownHosts: join(folder, "none") }).catch((error: unknown) => error);
    expect(unknown).toMatchObject({ code: "host-key-unknown" });
    const changed = join(folder, "changed");
    writeFileSync(changed, readFileSync(other.knownHostsFile, "utf8").replace(`:${other.port}`, `:${sshd.port}`));
    await expect(connect({ knownHosts: changed })).rejects.toMatchObject({ code: "host-key-changed" });
    const line = String((unknown as { context: Record<string, unknown> }).context.known_hosts_line);
    const accepted = join(folder, "accepted");
    writeFileSync(accepted, `${line}\n`);
    await (await connect({ knownHosts: accepted })).close();
  });

  test("a host that accepts and says nothing is given up after the connect timeout", async () => {
    const { createServer } = await import("node:net");
    const server = createServer(() => undefined).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await expect(connectHost(hostEntry(sshd, { port, connectTimeoutSeconds: 1 }), connectOptions())).rejects.toMatchObject({
      code: "host-unreachable",
    });
    server.close();
  });
});

import * as fs from "node:fs";
import { join } from "node:path";
import type { FileEntry, Machine } from "@lifeboat/model";
import { byteString } from "@lifeboat/model";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SshHost, startSshHost, startTcpProxy } from "../../../../test/services/index.ts";
import { createFileSource } from "../files/create-file-source.ts";
import { collectOutput } from "../process/collect-output.ts";
import { connectTo } from "./test-host.ts";

const signal = new AbortController().signal;
let sshd: SshHost;

beforeAll(async () => {
  sshd = await startSshHost();
});
afterAll(() => sshd?.stop());

test("with nice a program has the lowest priority, and without it its own", async () => {
  for (const nice of [true, false]) {
    const machine = await connectTo(sshd, { nice });
    const { stdout } = await collectOutput(await machine.run(["nice"]), { what: "nice" });
    const own = fs.readFileSync("/proc/self/stat", "latin1").split(" ")[18];
    expect(stdout.toString().trim()).toBe(nice ? "19" : own);
    await machine.close();
  }
});

test("with a limit no more is received than it says, over all commands together", async () => {
  const mebibyte = 1024 * 1024;
  const machine = await connectTo(sshd, { maxBytesPerSecond: 4 * mebibyte });
  const started = performance.now();
  const commands = await Promise.all([1, 2].map(() => machine.run(["head", "-c", `${4 * mebibyte}`, "/dev/zero"])));
  const sizes = await Promise.all(
    commands.map(async (command) => (await collectOutput(command, { what: "head" })).stdout.length),
  );
  expect(sizes).toEqual([4 * mebibyte, 4 * mebibyte]);
  expect(performance.now() - started).toBeGreaterThan(1900);
  await machine.close();
});

test("ten times as many files cost no command and no connection more", async () => {
  await using proxy = await startTcpProxy({ target: sshd, delayMs: 25 });
  const known = join(sshd.folder, "known-proxy");
  fs.writeFileSync(known, fs.readFileSync(sshd.knownHostsFile, "utf8").replace(`:${sshd.port}`, `:${proxy.port}`));
  const asked: number[] = [];
  for (const count of [300, 3000]) {
    const tree = join(sshd.folder, `many-${count}`);
    fs.mkdirSync(tree);
    for (let at = 0; at < count; at++) fs.writeFileSync(join(tree, `file-${at}`), `${at}`);
    const machine = await connectTo(sshd, { port: proxy.port, knownHosts: known });
    let commands = 0;
    const counted: Machine = {
      ...{ name: machine.name, bytesReceived: () => machine.bytesReceived(), close: () => machine.close() },
      run: (argv, options) => {
        commands++;
        return machine.run(argv, options);
      },
    };
    const source = createFileSource(counted, { name: "many", paths: [byteString(tree)] });
    const entries: FileEntry[] = [];
    for await (const some of source.list({ signal, problem: (problem) => expect(problem).toBeUndefined() }))
      entries.push(...some);
    const files = entries.filter(({ type }) => type === "file");
    let ends = 0;
    for await (const events of source.read(files, { signal })) ends += events.filter(({ kind }) => kind === "end").length;
    expect(ends).toBe(count);
    asked.push(commands);
    await machine.close();
  }
  // Owners are asked for when the first batch of a listing names them: how many batches there are, is the line's affair.
  expect(asked[1]).toBeLessThanOrEqual(asked[0]! + 2);
  expect(proxy.connectionCount()).toBe(2);
});

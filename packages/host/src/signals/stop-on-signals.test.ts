import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";

const module = new URL("./stop-on-signals.ts", import.meta.url).pathname;

/** A program that says when it is asked to stop and then takes for ever. */
async function startStubborn() {
  const program = `import { stopOnSignals } from ${JSON.stringify(module)};
    const { signal } = stopOnSignals();
    signal.addEventListener("abort", () => console.log(signal.reason.code + " " + signal.reason.message));
    setInterval(() => {}, 1000); console.log("ready");`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = async () => String((await once(child.stdout, "data"))[0]).trim();
  expect(await said()).toBe("ready");
  return { child, said };
}

describe("signals", () => {
  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s asks to stop, Ctrl-C after it ends at once", async (name) => {
    const { child, said } = await startStubborn();
    child.kill(name);
    expect(await said()).toBe(`cancelled stopped by ${name}`);
    child.kill("SIGTERM");
    await sleep(600);
    child.kill("SIGINT");
    expect(await once(child, "exit")).toEqual([130, null]);
  });

  test("one Ctrl-C that arrives twice is one, the next one ends at once", async () => {
    const { child, said } = await startStubborn();
    child.kill("SIGINT");
    expect(await said()).toBe("cancelled stopped by SIGINT");
    child.kill("SIGINT");
    await sleep(600);
    expect([child.exitCode, child.signalCode]).toEqual([null, null]);
    child.kill("SIGINT");
    expect(await once(child, "exit")).toEqual([130, null]);
  });
});

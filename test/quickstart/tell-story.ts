import { join } from "node:path";
import { runCommand } from "../services/run-command.ts";
import { formatSeconds } from "./format-figures.ts";
import { awaitEnd, listOwnProcesses } from "./own-processes.ts";
import type { Scene } from "./scene.ts";
import { setTheStage } from "./set-the-stage.ts";
import { type RunningService, startService } from "./start-service.ts";
import { StepFailure } from "./step-failure.ts";
import { tellBackups } from "./tell-backups.ts";
import { tellDrill } from "./tell-drill.ts";
import { tellStatus } from "./tell-status.ts";
import { tellStockRestic } from "./tell-stock-restic.ts";

/** Everything from two new servers to a proven recovery. Rejects at the first step that does not show what it should. */
export async function tellStory(scene: Scene, mark: string): Promise<void> {
  const startedAt = performance.now();
  const stack = new AsyncDisposableStack();
  let told = false;
  try {
    const stage = await setTheStage(scene, stack);
    const service = await startFirst(scene, stack);
    await tellBackups(scene, stage);
    const report = await tellDrill(scene, stage);
    await tellStatus(scene, service.pageUrl);
    await service.stop();
    await tellStockRestic(scene);
    const keptUrl = scene.options.keep ? (await startAgain(scene, stack)).pageUrl : undefined;
    told = true;
    tellEnd(scene, { report, keptUrl, tookMs: performance.now() - startedAt });
    if (keptUrl !== undefined) await untilStopped(scene.signal);
  } finally {
    await stopEverything(scene, stack, mark, told);
  }
  // The repositories stay for the reader; what they were made from is large. By rm, because Node loses names that are no text.
  await runCommand("rm", ["-rf", "--", join(scene.folder, "web1"), join(scene.folder, "restored")]);
}

async function startFirst(scene: Scene, stack: AsyncDisposableStack): Promise<RunningService> {
  const { terminal, lifeboat } = scene;
  return terminal.step("The service starts: scheduler, worker, page and a Redis of its own", async () => {
    const { stderr } = await lifeboat.run(["repo", "init", "--repo", "main"]);
    terminal.command("lifeboat repo init --repo main", stderr);
    const service = await startAgain(scene, stack);
    terminal.command("lifeboat up");
    return { figure: `it runs; the page is at ${service.pageUrl}`, value: service };
  });
}

async function startAgain(scene: Scene, stack: AsyncDisposableStack): Promise<RunningService> {
  const service = await startService({ ...scene, cwd: scene.folder });
  stack.defer(() => service.stop());
  return service;
}

interface Ending {
  readonly report: string;
  readonly keptUrl: string | undefined;
  readonly tookMs: number;
}

function tellEnd(
  { terminal, folder, configFile, repositories, passwordFiles }: Scene,
  { report, keptUrl, tookMs }: Ending,
): void {
  const again = "npm run quickstart -- --keep";
  terminal.line();
  terminal.line(`Every step was seen, in ${formatSeconds(tookMs)}. What is left to look at:`);
  terminal.fact(`drill report   file://${report}`);
  terminal.fact(`page           ${keptUrl ?? `stops with the service; '${again}' leaves it running`}`);
  terminal.fact(`configuration  ${configFile}`);
  terminal.line();
  terminal.line("Next:");
  terminal.fact(`npx lifeboat snapshots --repo ${repositories.copy} --password-file ${passwordFiles.copy}`);
  terminal.fact(`npx lifeboat history --config ${configFile}`);
  terminal.fact("npx lifeboat init        # for servers of your own");
  terminal.line();
  terminal.fact(`(all of it lies in ${folder}; remove it with: rm -rf ${folder})`);
  if (keptUrl !== undefined) {
    terminal.line();
    terminal.line(`Everything keeps running: ${keptUrl}   Ctrl-C stops it.`);
  }
}

function untilStopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Also after a failure. What does not end in order is killed and named. */
async function stopEverything({ terminal }: Scene, stack: AsyncDisposableStack, mark: string, told: boolean): Promise<void> {
  const started = listOwnProcesses(mark);
  let trouble: unknown;
  try {
    await stack.disposeAsync();
  } catch (error) {
    trouble = error;
  }
  // Some may have come while the others were going.
  const killed = await awaitEnd([...started, ...listOwnProcesses(mark)]);
  terminal.line();
  if (killed.length === 0) terminal.line(`Stopped: none of the ${started.length} processes that were running is left.`);
  else
    terminal.line(
      `Killed, because they did not end: ${killed.map(({ pid, command }) => `${pid} ${command.slice(0, 80)}`).join("; ")}`,
    );
  if (told && trouble !== undefined) throw trouble;
  if (told && killed.length > 0) throw new StepFailure("not everything ended in order", "This is a bug: please report it.");
}
